// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs, on devices of the mock: what DMA with a tag reaches, who gets which number, and until
 * when it is nobody else's.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "call.h"
#include "chance.h"
#include "event.h"
#include "memory.h"
#include "mock.h"
#include "oracle.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"

#define AT 0x10000000ull
#define NEEDS_PASID "mock pasid"
#define TAGGED .flags = IOASID_ALLOW_PASID
#define UNDER(number) .flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID, .pasid = (number)
#define NOT_UNDER(number) .flags = IOASID_DISALLOW_PASID, .pasid = (number)
#define QUOTA "/sys/module/ioasidfd/parameters/pasids_per_user"

/* An address space with one page of its own at AT. */
struct space {
	uint32_t ioasid;
	char *page;
};

static struct space space_new(int ctx)
{
	struct space space = { .ioasid = ioasid_new(ctx), .page = mem_new(PAGE) };

	ok_map(ctx, .ioasid = space.ioasid, .flags = RW | FIXED, .user_va = va(space.page),
	       .length = PAGE, .iova = AT);
	return space;
}

static void bind_new(struct mock *mock, unsigned int number, int ctx)
{
	mock_open(mock, number);
	ok_bind(mock->fd, .context_fd = ctx);
}

/* What the owner of the device is told about PASIDs, and the IOMMU's own count. */
static void expect_pasids(const struct mock *mock, unsigned int nr)
{
	ck_assert_uint_eq(ok_dev_owner(mock->fd).out_num_pasids, nr);
	ck_assert_uint_eq(mock_info(mock->number).out_num_pasids, nr);
}

IOASID_TEST(pasid, info, .needs = NEEDS_PASID)
{
	struct ioasid_device_info info;
	struct mock mock;

	mock_open(&mock, MOCK_0);
	info = ok_dev_info(mock.fd);
	ck_assert(info.out_capabilities & IOASID_DEVICE_CAP_PASID);
	ck_assert_uint_eq(info.out_max_pasids, mock_info(MOCK_0).out_max_pasids);
}

/*
 * The RID, two PASIDs of the kernel's choice and two of ours: a write under one of them changes the
 * memory of that one and nobody else's, whichever it is.
 */
IOASID_TEST(pasid, isolation, .needs = NEEDS_PASID)
{
	struct mock mock, tagged[5];
	struct space space[5];
	int ctx = context_open();
	unsigned int i, j;

	bind_new(&mock, MOCK_0, ctx);
	for (i = 0; i < ARRAY_SIZE(space); i++)
		space[i] = space_new(ctx);
	tagged[0] = mock;
	ok_allow(mock.fd, .ioasid = space[0].ioasid);
	for (i = 1; i < 3; i++)
		tagged[i] = mock_tagged(
			&mock, ok_allow(mock.fd, .ioasid = space[i].ioasid, TAGGED).out_pasid);
	for (i = 3; i < 5; i++) {
		ck_assert_uint_eq(
			ok_allow(mock.fd, .ioasid = space[i].ioasid, UNDER(i * 100)).out_pasid,
			i * 100);
		tagged[i] = mock_tagged(&mock, i * 100);
	}
	ck_assert_uint_ne(tagged[1].pasid, tagged[2].pasid);
	expect_pasids(&mock, 4);
	for (i = 0; i < 5; i++) {
		for (j = 0; j < 5; j++)
			memset(space[j].page, 0x11 * j, PAGE);
		ck_assert(mock_writes(&tagged[i], AT, space[i].page));
		for (j = 0; j < 5; j++)
			ck_assert(j == i || mem_is(space[j].page, PAGE, 0x11 * j));
		ck_assert(mock_reads(&tagged[i], AT, space[i].page));
	}
	mock = mock_tagged(&mock, 77);
	mock_expect_fault(&mock, AT, space[0].page, MOCK_FAULT_NO_CONTEXT);
}

/* What is mapped before and what is mapped after, and what is unmapped, under a tag. */
IOASID_TEST(pasid, mappings, .needs = NEEDS_PASID)
{
	char *late = mem_new(PAGE);
	int ctx = context_open();
	struct space space = space_new(ctx);
	struct mock mock, tagged;

	bind_new(&mock, MOCK_0, ctx);
	tagged = mock_tagged(&mock, ok_allow(mock.fd, .ioasid = space.ioasid, TAGGED).out_pasid);
	ck_assert(mock_writes(&tagged, AT, space.page));
	mock_expect_fault(&tagged, AT + PAGE, late, MOCK_FAULT_NOT_MAPPED);
	ok_map(ctx, .ioasid = space.ioasid, .flags = IOASID_MAP_READ | FIXED, .user_va = va(late),
	       .length = PAGE, .iova = AT + PAGE);
	ck_assert(mock_reads(&tagged, AT + PAGE, late));
	ck_assert(!mock_writes(&tagged, AT + PAGE, late));
	ck_assert_uint_eq(mock_fault(&tagged), MOCK_FAULT_NO_WRITE);
	ok_unmap(ctx, .ioasid = space.ioasid, .iova = AT, .length = PAGE);
	mock_expect_fault(&tagged, AT, space.page, MOCK_FAULT_NOT_MAPPED);
	ck_assert(mock_reads(&tagged, AT + PAGE, late));
	mock_expect_fault(&mock, AT + PAGE, late, MOCK_FAULT_BLOCKED);
}

/* Ways to end DMA under a PASID that is running without end. */
enum end {
	DISALLOW,
	FREE,
	CLOSE_CONTEXT,
	UNBIND,
	CLOSE_DEVICE,
	UNMAP
};

static const struct {
	struct test_row row;
	enum end end;
	bool stays;
} ends[] = {
	{ { "disallow", "" }, DISALLOW, false },	  { { "free", "" }, FREE, true },
	{ { "close-context", "" }, CLOSE_CONTEXT, true }, { { "unbind", "" }, UNBIND, false },
	{ { "close-device", "" }, CLOSE_DEVICE, false },  { { "unmap", "" }, UNMAP, true },
};

IOASID_TEST(pasid, ends, .needs = NEEDS_PASID, TEST_ROWS(ends))
{
	int ctx = context_open();
	struct space space = space_new(ctx);
	struct mock mock, tagged;
	uint32_t job, pasid;
	uint64_t *counter = (uint64_t *)space.page, seen;

	bind_new(&mock, MOCK_0, ctx);
	pasid = ok_allow(mock.fd, .ioasid = space.ioasid, TAGGED).out_pasid;
	tagged = mock_tagged(&mock, pasid);
	job = mock_start(&tagged, AT, 50);
	mock_wait_runs(&tagged, job, 3);
	switch (ends[row].end) {
	case DISALLOW:
		ok_disallow(mock.fd, .ioasid = space.ioasid, NOT_UNDER(pasid));
		break;
	case FREE:
		ok_free(ctx, .ioasid = space.ioasid);
		break;
	case CLOSE_CONTEXT:
		close(ctx);
		break;
	case UNBIND:
		ok_unbind(mock.fd);
		break;
	case CLOSE_DEVICE:
		close(mock.fd);
		break;
	case UNMAP:
		ok_unmap(ctx, .ioasid = space.ioasid, .iova = AT, .length = PAGE);
		break;
	}
	seen = *(volatile uint64_t *)counter;
	ck_assert_uint_gt(seen, 0);
	ck_assert_uint_eq(mock_info(MOCK_0).out_num_pasids, ends[row].stays);
	if (ends[row].end != UNBIND && ends[row].end != CLOSE_DEVICE)
		mock_wait_faults(&tagged, job, 3);
	ck_assert_uint_eq(*(volatile uint64_t *)counter, seen);
	mock_stop(&tagged, job);
	if (ends[row].end == CLOSE_DEVICE)
		mock.fd = -1;
}

/* The process dies with DMA running; its pages are not changed after they were given back. */
IOASID_TEST(pasid, kill, .needs = NEEDS_PASID)
{
	struct gate gate;
	struct mock mock;
	uint32_t *pasid =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct mock tagged;
	uint32_t job;
	pid_t child;

	gate_init(&gate);
	child = child_fork();
	if (!child) {
		int ctx = context_open();
		struct space space = space_new(ctx);

		bind_new(&mock, MOCK_0, ctx);
		*pasid = ok_allow(mock.fd, .ioasid = space.ioasid, TAGGED).out_pasid;
		gate_open(&gate);
		pause();
	}
	gate_wait(&gate);
	mock_open_node(&mock, MOCK_0);
	tagged = mock_tagged(&mock, *pasid);
	job = mock_start(&tagged, AT, 50);
	mock_wait_runs(&tagged, job, 3);
	kill(child, SIGKILL);
	child_join_killed(child);
	/* A write to memory that is not pinned would be a violation, which the runner looks for. */
	ck_assert_uint_eq(mock_info(MOCK_0).out_num_pasids, 0);
	ck_assert_int_eq(pins_settled(0), 0);
	mock_stop(&tagged, job);
}

/* A number belongs to the address space: the same for every device. */
IOASID_TEST(pasid, same_for_every_device, .needs = NEEDS_PASID)
{
	int ctx = context_open();
	struct space space = space_new(ctx), other = space_new(ctx);
	struct mock a, b, tagged;
	uint32_t pasid;

	bind_new(&a, MOCK_0, ctx);
	bind_new(&b, MOCK_1, ctx);
	pasid = ok_allow(a.fd, .ioasid = space.ioasid, TAGGED).out_pasid;
	ck_assert_uint_eq(ok_allow(b.fd, .ioasid = space.ioasid, TAGGED).out_pasid, pasid);
	ck_assert_uint_ne(ok_allow(b.fd, .ioasid = other.ioasid, TAGGED).out_pasid, pasid);
	tagged = mock_tagged(&a, pasid);
	ck_assert(mock_writes(&tagged, AT, space.page));
	tagged = mock_tagged(&b, pasid);
	ck_assert(mock_writes(&tagged, AT, space.page));
	/* It is also the same after it was disallowed everywhere. */
	ok_disallow(a.fd, .ioasid = space.ioasid, NOT_UNDER(pasid));
	ok_disallow(b.fd, .ioasid = space.ioasid, NOT_UNDER(pasid));
	ck_assert_uint_eq(ok_allow(a.fd, .ioasid = space.ioasid, TAGGED).out_pasid, pasid);
	/* But another device may have it for something else already. */
	ok_allow(b.fd, .ioasid = other.ioasid, UNDER(pasid));
	err_allow(EEXIST, b.fd, .ioasid = space.ioasid, TAGGED);
}

/* Freed, but a device still has it: dead, and nobody else's. */
IOASID_TEST(pasid, parked, .needs = NEEDS_PASID)
{
	int ctx = context_open();
	struct space space = space_new(ctx);
	struct mock mock, other, tagged;
	uint32_t pasid, again[8];
	struct fdinfo info;
	unsigned int i;
	int at;

	bind_new(&mock, MOCK_0, ctx);
	bind_new(&other, MOCK_1, ctx);
	pasid = ok_allow(mock.fd, .ioasid = space.ioasid, TAGGED).out_pasid;
	tagged = mock_tagged(&mock, pasid);
	ok_free(ctx, .ioasid = space.ioasid);
	mock_expect_fault(&tagged, AT, space.page, MOCK_FAULT_NOT_MAPPED);
	err_allow(ENOENT, other.fd, .ioasid = space.ioasid, TAGGED);
	info = fdinfo_read(ctx);
	at = fdinfo_find(&info, space.ioasid);
	ck_assert(at >= 0 && info.ioasid[at].freed && info.ioasid[at].devices == 1);
	ck_assert_uint_eq(info.ioasid[at].pasids, 1);
	for (i = 0; i < ARRAY_SIZE(again); i++) {
		again[i] = ioasid_new(ctx);
		ck_assert_uint_ne(ok_allow(other.fd, .ioasid = again[i], TAGGED).out_pasid, pasid);
	}
	ok_disallow(mock.fd, .ioasid = space.ioasid, NOT_UNDER(pasid));
	mock_expect_fault(&tagged, AT, space.page, MOCK_FAULT_NO_CONTEXT);
	info = fdinfo_read(ctx);
	ck_assert_int_lt(fdinfo_find(&info, space.ioasid), 0);
	/* The kernel hands out the lowest free number: now it is that one. */
	ck_assert_uint_eq(ok_allow(other.fd, .ioasid = ioasid_new(ctx), TAGGED).out_pasid, pasid);
}

IOASID_TEST(pasid, bad_arguments, .needs = NEEDS_PASID)
{
	int ctx = context_open();
	struct space space = space_new(ctx);
	uint32_t other = ioasid_new(ctx), pasid, max;
	struct mock mock;

	mock_open(&mock, MOCK_0);
	max = mock_info(MOCK_0).out_max_pasids;
	err_allow(EINVAL, mock.fd, .ioasid = space.ioasid, TAGGED);
	ok_bind(mock.fd, .context_fd = ctx);
	err_allow(EINVAL, mock.fd, .ioasid = space.ioasid, TAGGED, .pasid = 5);
	err_allow(EINVAL, mock.fd, .ioasid = space.ioasid, .pasid = 5);
	err_allow(EINVAL, mock.fd, .ioasid = space.ioasid, .flags = IOASID_ALLOW_FIXED_PASID,
		  .pasid = 5);
	err_allow(EINVAL, mock.fd, .ioasid = space.ioasid, UNDER(0));
	err_allow(EINVAL, mock.fd, .ioasid = space.ioasid, UNDER(1 << 20));
	err_allow(EOPNOTSUPP, mock.fd, .ioasid = space.ioasid, UNDER(max));
	err_allow(ENOENT, mock.fd, .ioasid = 999, TAGGED);
	expect_pasids(&mock, 0);
	ok_allow(mock.fd, .ioasid = space.ioasid, UNDER(max - 1));
	err_allow(EEXIST, mock.fd, .ioasid = space.ioasid, UNDER(max - 1));
	err_allow(EEXIST, mock.fd, .ioasid = other, UNDER(max - 1));
	pasid = ok_allow(mock.fd, .ioasid = space.ioasid, TAGGED).out_pasid;
	err_allow(EEXIST, mock.fd, .ioasid = space.ioasid, TAGGED);
	err_disallow(EINVAL, mock.fd, .ioasid = space.ioasid, .pasid = pasid);
	err_disallow(EINVAL, mock.fd, .ioasid = space.ioasid, NOT_UNDER(0));
	err_disallow(EINVAL, mock.fd, .ioasid = space.ioasid, NOT_UNDER(1 << 20));
	err_disallow(ENOENT, mock.fd, .ioasid = space.ioasid);
	err_disallow(ENOENT, mock.fd, .ioasid = other, NOT_UNDER(pasid));
	err_disallow(ENOENT, mock.fd, .ioasid = 0, NOT_UNDER(pasid));
	err_disallow(ENOENT, mock.fd, .ioasid = space.ioasid, NOT_UNDER(max - 2));
	expect_pasids(&mock, 2);
	ok_disallow(mock.fd, .ioasid = space.ioasid, NOT_UNDER(max - 1));
	ok_disallow(mock.fd, .ioasid = space.ioasid, NOT_UNDER(pasid));
	expect_pasids(&mock, 0);
}

/* A reply that cannot be delivered leaves nothing behind. */
IOASID_TEST(pasid, reply_faults, .needs = NEEDS_PASID)
{
	struct ioasid_device_allow *allow = mem_new(PAGE);
	int ctx = context_open();
	struct space space = space_new(ctx);
	struct mock mock;
	uint32_t first;

	bind_new(&mock, MOCK_0, ctx);
	first = ok_allow(mock.fd, .ioasid = ioasid_new(ctx), TAGGED).out_pasid;
	*allow = (struct ioasid_device_allow){ .size = sizeof(*allow),
					       .ioasid = space.ioasid,
					       TAGGED };
	ck_assert(!mprotect(allow, PAGE, PROT_READ));
	ck_assert_int_eq(call_raw(mock.fd, IOASID_DEVICE_ALLOW, allow), -EFAULT);
	expect_pasids(&mock, 1);
	/* Not even the number is taken. */
	ck_assert_uint_eq(ok_allow(mock.fd, .ioasid = ioasid_new(ctx), TAGGED).out_pasid,
			  first + 1);
}

/* The kernel's choice is never what the caller chose for this device. */
IOASID_TEST(pasid, no_collision_with_own, .needs = NEEDS_PASID)
{
	int ctx = context_open();
	uint32_t own = ioasid_new(ctx), first, pasid;
	struct mock mock;
	unsigned int i;

	bind_new(&mock, MOCK_0, ctx);
	first = ok_allow(mock.fd, .ioasid = own, TAGGED).out_pasid;
	for (i = 1; i <= 20; i++)
		ok_allow(mock.fd, .ioasid = own, UNDER(first + 2 * i));
	for (i = 0; i < 20; i++) {
		pasid = ok_allow(mock.fd, .ioasid = ioasid_new(ctx), TAGGED).out_pasid;
		ck_assert_uint_eq(pasid, first + 1 + 2 * i);
	}
	/* What was set aside meanwhile is not lost. */
	pasid = ok_allow(mock.fd, .ioasid = ioasid_new(ctx), TAGGED).out_pasid;
	ck_assert_uint_eq(pasid, first + 41);
	ok_disallow(mock.fd, .ioasid = own, NOT_UNDER(first + 2));
	pasid = ok_allow(mock.fd, .ioasid = ioasid_new(ctx), TAGGED).out_pasid;
	ck_assert_uint_eq(pasid, first + 2);
}

static void set_quota(unsigned int quota)
{
	char text[20];

	snprintf(text, sizeof(text), "%u", quota);
	test_require(!file_write(QUOTA, text), QUOTA ": %m");
}

static void expect_quota(const struct mock *mock, uint32_t ioasid, unsigned int quota)
{
	struct ioasid_device_allow allow = err_allow(EDQUOT, mock->fd, .ioasid = ioasid, TAGGED);

	ck_assert_uint_eq(allow.out_num_pasids, quota);
	ck_assert_uint_eq(allow.out_pasid_limit, quota);
	ck_assert_uint_eq(allow.out_pasid, 0);
	allow = err_allow(EDQUOT, mock->fd, .ioasid = ioasid, UNDER(5000));
	ck_assert_uint_eq(allow.out_num_pasids, quota);
}

/* Both kinds of numbers count, once per number, for the user who asks. */
IOASID_TEST(pasid, quota, .needs = NEEDS_PASID)
{
	int ctx = context_open();
	uint32_t a = ioasid_new(ctx), b = ioasid_new(ctx), pasid;
	struct mock mock, other;
	pid_t child;

	bind_new(&mock, MOCK_0, ctx);
	bind_new(&other, MOCK_1, ctx);
	set_quota(3);
	pasid = ok_allow(mock.fd, .ioasid = a, TAGGED).out_pasid;
	ok_allow(other.fd, .ioasid = a, TAGGED);
	ok_allow(mock.fd, .ioasid = a, UNDER(1000));
	ok_allow(mock.fd, .ioasid = b, UNDER(1001));
	expect_quota(&mock, b, 3);
	child = child_fork();
	if (!child) {
		become_user(USER_1, 1 << 20);
		ok_allow(mock.fd, .ioasid = b, UNDER(1002));
		child_done();
	}
	child_join(child);
	/* Its number is the other user's still. */
	expect_quota(&mock, b, 3);
	ok_disallow(mock.fd, .ioasid = b, NOT_UNDER(1002));
	expect_quota(&mock, b, 3);
	ok_free(ctx, .ioasid = a);
	expect_quota(&mock, b, 3);
	ok_disallow(mock.fd, .ioasid = a, NOT_UNDER(pasid));
	expect_quota(&mock, b, 3);
	ok_disallow(other.fd, .ioasid = a, NOT_UNDER(pasid));
	ok_allow(mock.fd, .ioasid = b, TAGGED);
	expect_quota(&mock, ioasid_new(ctx), 3);
	set_quota(4096);
	ok_unbind(mock.fd);
	ok_unbind(other.fd);
}

/* The devices of a group have a PASID in common, and each counts. */
IOASID_TEST(pasid, group, .needs = NEEDS_PASID)
{
	int ctx = context_open();
	struct space space = space_new(ctx), other = space_new(ctx);
	struct mock a, b, tagged_a, tagged_b;
	uint32_t pasid;

	bind_new(&a, MOCK_PAIR_0, ctx);
	bind_new(&b, MOCK_PAIR_1, ctx);
	pasid = ok_allow(a.fd, .ioasid = space.ioasid, TAGGED).out_pasid;
	tagged_a = mock_tagged(&a, pasid);
	tagged_b = mock_tagged(&b, pasid);
	ck_assert(mock_writes(&tagged_a, AT, space.page));
	ck_assert(mock_writes(&tagged_b, AT, space.page));
	err_allow(EBUSY, b.fd, .ioasid = other.ioasid, UNDER(pasid));
	ck_assert_uint_eq(ok_allow(b.fd, .ioasid = space.ioasid, TAGGED).out_pasid, pasid);
	ok_disallow(a.fd, .ioasid = space.ioasid, NOT_UNDER(pasid));
	err_disallow(ENOENT, a.fd, .ioasid = space.ioasid, NOT_UNDER(pasid));
	ck_assert(mock_writes(&tagged_b, AT, space.page));
	/* Also when the device through which it came is gone. */
	ok_unbind(a.fd);
	ck_assert(mock_writes(&tagged_b, AT, space.page));
	ok_disallow(b.fd, .ioasid = space.ioasid, NOT_UNDER(pasid));
	mock_expect_fault(&tagged_b, AT, space.page, MOCK_FAULT_NO_CONTEXT);
	ck_assert_uint_eq(mock_info(MOCK_PAIR_0).out_num_pasids, 0);
}

static unsigned int add_member(int ctx, unsigned int pasid_bits, bool complete)
{
	unsigned int number = mock_add(
		(struct mock_add_device){ .sibling = MOCK_PAIR_0, .pasid_bits = pasid_bits });
	const struct mock_device_info info = mock_info(number);

	event_expect(ctx, IOASID_EVENT_DEVICE_ADDED, (const char *)info.out_name, "");
	if (!complete)
		event_expect(ctx, IOASID_EVENT_NO_PASIDS, (const char *)info.out_name, "");
	event_expect_none(ctx);
	return number;
}

static void remove_member(int ctx, unsigned int number)
{
	const struct mock_device_info info = mock_info(number);

	mock_remove(number);
	event_expect(ctx, IOASID_EVENT_DEVICE_REMOVED, (const char *)info.out_name, "");
}

/* A device that joins the group can use its PASIDs; one that leaves takes nothing with it. */
IOASID_TEST(pasid, group_grows, .needs = NEEDS_PASID)
{
	int ctx = context_open_nonblock();
	struct space space = space_new(ctx);
	struct mock a, late, tagged;
	unsigned int number;
	uint32_t pasid;

	bind_new(&a, MOCK_PAIR_0, ctx);
	pasid = ok_allow(a.fd, .ioasid = space.ioasid, TAGGED).out_pasid;
	number = add_member(ctx, 16, true);
	ck_assert_uint_eq(mock_info(number).out_num_pasids, 1);
	mock_open_node(&late, number);
	tagged = mock_tagged(&late, pasid);
	ck_assert(mock_writes(&tagged, AT, space.page));
	mock_close(&late);
	remove_member(ctx, number);
	tagged = mock_tagged(&a, pasid);
	ck_assert(mock_writes(&tagged, AT, space.page));
	/* One that has fewer PASIDs than the group uses, and one that has none. */
	ok_allow(a.fd, .ioasid = space.ioasid, UNDER(300));
	remove_member(ctx, add_member(ctx, 8, false));
	remove_member(ctx, add_member(ctx, 0, true));
	ck_assert(mock_writes(&tagged, AT, space.page));
	/* It has its PASIDs again when the group is the kernel's. */
	number = add_member(ctx, 8, false);
	ck_assert_uint_eq(mock_info(number).out_max_pasids, 0);
	ok_disallow(a.fd, .ioasid = space.ioasid, NOT_UNDER(300));
	ok_unbind(a.fd);
	ck_assert_uint_eq(mock_info(number).out_max_pasids, 256);
}

/* Without PASIDs the kernel would say yes and do nothing. */
IOASID_TEST(pasid, device_without, .needs = "mock")
{
	unsigned int number =
		mock_add((struct mock_add_device){ .sibling = MOCK_NO_DEVICE, .pasid_bits = 0 });
	int ctx = context_open();
	struct space space = space_new(ctx);
	struct ioasid_device_info info;
	struct mock mock;

	bind_new(&mock, number, ctx);
	info = ok_dev_info(mock.fd);
	ck_assert(!(info.out_capabilities & IOASID_DEVICE_CAP_PASID));
	ck_assert_uint_eq(info.out_max_pasids, 0);
	err_allow(EOPNOTSUPP, mock.fd, .ioasid = space.ioasid, TAGGED);
	err_allow(EOPNOTSUPP, mock.fd, .ioasid = space.ioasid, UNDER(1));
	ok_allow(mock.fd, .ioasid = space.ioasid);
	ck_assert(mock_writes(&mock, AT, space.page));
	mock_close(&mock);
}

/* This kernel attaches nothing to PASIDs, whatever the device can do. */
IOASID_TEST(pasid, kernel_without, .needs = "mock !pasid")
{
	int ctx = context_open();
	struct space space = space_new(ctx);
	struct mock mock;

	ck_assert(!(ok_info(ctx).out_capabilities & (IOASID_CAP_PASID | IOASID_CAP_REPLACE_PASID)));
	bind_new(&mock, MOCK_0, ctx);
	ck_assert_uint_eq(ok_dev_info(mock.fd).out_max_pasids, 0);
	err_allow(EOPNOTSUPP, mock.fd, .ioasid = space.ioasid, TAGGED);
	err_allow(EOPNOTSUPP, mock.fd, .ioasid = space.ioasid, UNDER(1));
	err_disallow(ENOENT, mock.fd, .ioasid = space.ioasid, NOT_UNDER(1));
}

/* The IOMMU driver fails: nothing has changed, and the next attempt succeeds. */
static const struct {
	struct test_row row;
	enum mock_call call;
	int error;
	int answer;
} failures[] = {
	{ { "allocate", "" }, MOCK_CALL_ALLOC, ENOMEM, ENOMEM },
	{ { "attach", "" }, MOCK_CALL_SET_PASID, ENOMEM, ENOMEM },
	{ { "unsuitable", "" }, MOCK_CALL_SET_PASID, EINVAL, EOPNOTSUPP },
	{ { "map", "" }, MOCK_CALL_MAP, ENOMEM, ENOMEM },
};

IOASID_TEST(pasid, failures, .needs = NEEDS_PASID, TEST_ROWS(failures))
{
	int ctx = context_open();
	struct space space = space_new(ctx);
	struct mock mock, tagged;
	uint32_t pasid;

	bind_new(&mock, MOCK_0, ctx);
	mock_fail(failures[row].call, 1, failures[row].error);
	err_allow(failures[row].answer, mock.fd, .ioasid = space.ioasid, TAGGED);
	expect_pasids(&mock, 0);
	ck_assert_uint_eq(mock_stats().live_domains, 0);
	pasid = ok_allow(mock.fd, .ioasid = space.ioasid, TAGGED).out_pasid;
	tagged = mock_tagged(&mock, pasid);
	ck_assert(mock_writes(&tagged, AT, space.page));
	/* A second PASID goes to the page table that is there. */
	mock_fail(MOCK_CALL_SET_PASID, 1, EIO);
	err_allow(EIO, mock.fd, .ioasid = space.ioasid, UNDER(700));
	expect_pasids(&mock, 1);
	ck_assert(mock_writes(&tagged, AT, space.page));
	ok_allow(mock.fd, .ioasid = space.ioasid, UNDER(700));
	ck_assert_uint_eq(mock_stats().live_domains, 1);
}

/* The device disappears with everything running. */
IOASID_TEST(pasid, unplug, .needs = NEEDS_PASID)
{
	unsigned int i, number = mock_add((struct mock_add_device){ .sibling = MOCK_NO_DEVICE,
								    .pasid_bits = 16 });
	int ctx = context_open();
	struct space space = space_new(ctx);
	struct mock mock, tagged;
	uint32_t pasid;

	bind_new(&mock, number, ctx);
	ok_allow(mock.fd, .ioasid = space.ioasid);
	pasid = ok_allow(mock.fd, .ioasid = space.ioasid, TAGGED).out_pasid;
	for (i = 0; i < 10; i++)
		ok_allow(mock.fd, .ioasid = space.ioasid, UNDER(100 + i));
	tagged = mock_tagged(&mock, pasid);
	mock_start(&tagged, AT, 0);
	mock_remove(number);
	err_allow(ENODEV, mock.fd, .ioasid = space.ioasid, UNDER(200));
	err_disallow(ENODEV, mock.fd, .ioasid = space.ioasid, NOT_UNDER(pasid));
	ck_assert_uint_eq(mock_stats().live_pasids, 0);
	ok_unmap(ctx, .ioasid = space.ioasid, .flags = IOASID_UNMAP_ALL);
	ck_assert_int_eq(pins_settled(0), 0);
}

/* The same in a group: which of the two had it first, which goes, and which stays. */
static const struct {
	struct test_row row;
	bool first;
	bool bound;
} leavers[] = {
	{ { "first", "" }, true, true },
	{ { "second", "" }, false, true },
	{ { "bystander", "" }, false, false },
};

IOASID_TEST(pasid, unplug_from_group, .needs = NEEDS_PASID, TEST_ROWS(leavers))
{
	unsigned int number =
		mock_add((struct mock_add_device){ .sibling = MOCK_PAIR_0, .pasid_bits = 16 });
	int ctx = context_open();
	struct space space = space_new(ctx);
	struct mock stays, leaves, tagged;
	uint32_t pasid;

	bind_new(&stays, MOCK_PAIR_1, ctx);
	if (leavers[row].first) {
		bind_new(&leaves, number, ctx);
		ok_allow(leaves.fd, .ioasid = space.ioasid, TAGGED);
	}
	pasid = ok_allow(stays.fd, .ioasid = space.ioasid, TAGGED).out_pasid;
	if (leavers[row].bound && !leavers[row].first) {
		bind_new(&leaves, number, ctx);
		ok_allow(leaves.fd, .ioasid = space.ioasid, TAGGED);
	}
	mock_remove(number);
	if (leavers[row].bound)
		mock_close(&leaves);
	tagged = mock_tagged(&stays, pasid);
	ck_assert(mock_writes(&tagged, AT, space.page));
	expect_pasids(&stays, 1);
	ok_disallow(stays.fd, .ioasid = space.ioasid, NOT_UNDER(pasid));
	expect_pasids(&stays, 0);
}

/* Every number a device has. */
IOASID_TEST(pasid, all_of_them, .needs = NEEDS_PASID " !slow", .timeout = 240)
{
	int ctx = context_open();
	struct space space = space_new(ctx);
	struct mock mock, tagged;
	unsigned int pasid, max;

	set_quota(1 << 20);
	bind_new(&mock, MOCK_0, ctx);
	max = ok_dev_info(mock.fd).out_max_pasids;
	ck_assert_uint_eq(max, 65536);
	for (pasid = 1; pasid < max; pasid++)
		ok_allow(mock.fd, .ioasid = space.ioasid, UNDER(pasid));
	expect_pasids(&mock, max - 1);
	err_allow(ENOSPC, mock.fd, .ioasid = ioasid_new(ctx), TAGGED);
	tagged = mock_tagged(&mock, 1);
	ck_assert(mock_writes(&tagged, AT, space.page));
	tagged = mock_tagged(&mock, max - 1);
	ck_assert(mock_writes(&tagged, AT, space.page));
	for (pasid = 1; pasid < max; pasid += 2)
		ok_disallow(mock.fd, .ioasid = space.ioasid, NOT_UNDER(pasid));
	expect_pasids(&mock, max / 2 - 1);
	ok_unbind(mock.fd);
	ck_assert_uint_eq(mock_info(MOCK_0).out_num_pasids, 0);
	set_quota(4096);
}

/*
 * Several processes with a device each take and return numbers at random. A number in use is in a
 * table that they share; nobody may ever be given one that is.
 */
#define PROCESSES 3
#define SPACES 6

struct numbers {
	uint32_t user[65536];
};

struct holder {
	uint32_t ioasid;
	uint32_t pasid;
	bool freed;
	bool allowed;
};

static void take(struct numbers *numbers, struct holder *holder, uint32_t pasid, unsigned int who)
{
	if (holder->pasid) {
		ck_assert_uint_eq(pasid, holder->pasid);
		return;
	}
	ck_assert_msg(!__sync_lock_test_and_set(&numbers->user[pasid], who),
		      "PASID %u was given to %u while another has it", pasid, who);
	holder->pasid = pasid;
}

/* Before the call that returns the number: from then on anybody may get it. */
static void give(struct numbers *numbers, struct holder *holder)
{
	if (holder->pasid)
		__sync_lock_release(&numbers->user[holder->pasid]);
	holder->pasid = 0;
}

static void one_step(int ctx, const struct mock *mock, struct numbers *numbers,
		     struct holder *holder, unsigned int who)
{
	if (!holder->ioasid) {
		*holder = (struct holder){ .ioasid = ioasid_new(ctx) };
	} else if (holder->allowed && chance(2)) {
		uint32_t pasid = holder->pasid;

		if (holder->freed)
			give(numbers, holder);
		ok_disallow(mock->fd, .ioasid = holder->ioasid, NOT_UNDER(pasid));
		holder->allowed = false;
		if (holder->freed)
			holder->ioasid = 0;
	} else if (!holder->freed && chance(3) == 0) {
		if (!holder->allowed)
			give(numbers, holder);
		ok_free(ctx, .ioasid = holder->ioasid);
		holder->freed = true;
		if (!holder->allowed)
			holder->ioasid = 0;
	} else if (!holder->freed && !holder->allowed) {
		take(numbers, holder,
		     ok_allow(mock->fd, .ioasid = holder->ioasid, TAGGED).out_pasid, who);
		holder->allowed = true;
	} else if (holder->freed) {
		err_allow(ENOENT, mock->fd, .ioasid = holder->ioasid, TAGGED);
	}
}

static void take_and_return(struct numbers *numbers, unsigned int who)
{
	struct holder holders[SPACES] = {};
	int ctx = context_open();
	struct mock mock;
	unsigned int i;

	chance_of(who);
	bind_new(&mock, who, ctx);
	for (i = 0; i < rounds(700); i++)
		one_step(ctx, &mock, numbers, &holders[chance(SPACES)], who + 1);
	for (i = 0; i < SPACES; i++)
		give(numbers, &holders[i]);
}

IOASID_TEST(pasid, numbers_of_many, .needs = NEEDS_PASID)
{
	struct numbers *numbers = mmap(NULL, sizeof(*numbers), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child[PROCESSES];
	unsigned int i;

	ck_assert(numbers != MAP_FAILED);
	chance_seed();
	for (i = 0; i < PROCESSES; i++) {
		child[i] = child_fork();
		if (!child[i]) {
			take_and_return(numbers, i);
			child_done();
		}
	}
	for (i = 0; i < PROCESSES; i++)
		child_join(child[i]);
}

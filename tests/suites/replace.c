// SPDX-License-Identifier: GPL-2.0-only
/*
 * DEVICE_REPLACE: from one address space to another while the device goes on, for RIDs and PASIDs;
 * what is in force when it fails, and what the reply says about gaps.
 */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "call.h"
#include "chance.h"
#include "edu.h"
#include "memory.h"
#include "mock.h"
#include "oracle.h"
#include "process.h"
#include "test.h"

#define AT 0x10000000ull
#define PASID 77

/* What is replaced: the address space of the RID, or the one under PASID. */
struct source {
	struct test_row row;
	bool tagged;
	uint64_t capability;
	enum mock_call attach;
	uint32_t blocked;
};

static const struct source sources[] = {
	{ { "rid", "mock" }, false, IOASID_CAP_REPLACE_RID, MOCK_CALL_ATTACH, MOCK_FAULT_BLOCKED },
	{ { "pasid", "mock pasid" },
	  true,
	  IOASID_CAP_REPLACE_PASID,
	  MOCK_CALL_SET_PASID,
	  MOCK_FAULT_NO_CONTEXT },
};

struct space {
	uint32_t ioasid;
	char *page;
};

/* A device that uses the first of two address spaces, each with a page of its own at AT. */
struct rigged {
	const struct source *source;
	int ctx;
	struct mock mock;
	struct space a;
	struct space b;
};

static struct space space_new(int ctx, uint32_t alloc_flags)
{
	struct space space = {
		.ioasid = ok_alloc(ctx, .flags = alloc_flags).out_ioasid,
		.page = mem_new(PAGE),
	};

	ok_map(ctx, .ioasid = space.ioasid, .flags = RW | FIXED, .user_va = va(space.page),
	       .length = PAGE, .iova = AT);
	return space;
}

static void allow(const struct rigged *rig, int fd, uint32_t ioasid)
{
	if (rig->source->tagged)
		ok_allow(fd, .ioasid = ioasid, .pasid = PASID,
			 .flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID);
	else
		ok_allow(fd, .ioasid = ioasid);
}

static void disallow(const struct rigged *rig, int fd, uint32_t ioasid)
{
	ok_disallow(fd, .ioasid = ioasid, .pasid = rig->source->tagged ? PASID : 0,
		    .flags = rig->source->tagged ? IOASID_DISALLOW_PASID : 0);
}

/* The arguments that every call here has. */
static struct ioasid_device_replace replace_arg(const struct rigged *rig, uint32_t from,
						uint32_t to)
{
	return (struct ioasid_device_replace){
		.size = sizeof(struct ioasid_device_replace),
		.flags = rig->source->tagged ? IOASID_REPLACE_PASID : 0,
		.from_ioasid = from,
		.ioasid = to,
		.pasid = rig->source->tagged ? PASID : 0,
	};
}

static uint32_t replace(const struct rigged *rig, uint32_t from, uint32_t to)
{
	struct ioasid_device_replace arg = replace_arg(rig, from, to);
	int rc = call_replace(rig->mock.fd, &arg);

	ck_assert_msg(!rc, "replace: %s", call_errname(-rc));
	return arg.out_replace_flags;
}

static struct ioasid_device_replace replace_fails(const struct rigged *rig, uint32_t from,
						  uint32_t to, int error)
{
	struct ioasid_device_replace arg = replace_arg(rig, from, to);
	int rc = call_replace(rig->mock.fd, &arg);

	ck_assert_msg(rc == -error, "replace: expected %s, got %s", call_errname(error),
		      call_errname(-rc));
	return arg;
}

static struct rigged rig_new(const struct source *source, unsigned int number, uint32_t alloc_flags)
{
	struct rigged rig = { .source = source, .ctx = context_open() };

	rig.a = space_new(rig.ctx, alloc_flags);
	rig.b = space_new(rig.ctx, alloc_flags);
	mock_open(&rig.mock, number);
	ok_bind(rig.mock.fd, .context_fd = rig.ctx);
	if (source->tagged)
		rig.mock = mock_tagged(&rig.mock, PASID);
	allow(&rig, rig.mock.fd, rig.a.ioasid);
	return rig;
}

static bool has_capability(const struct rigged *rig)
{
	return ok_info(rig->ctx).out_capabilities & rig->source->capability;
}

/* The device reaches this one, and not that one. */
static void expect_uses(struct rigged *rig, const struct space *this, const struct space *that)
{
	memset(that->page, 0x5a, PAGE);
	ck_assert(mock_writes(&rig->mock, AT, this->page));
	ck_assert(mock_reads(&rig->mock, AT, this->page));
	ck_assert(mem_is(that->page, PAGE, 0x5a));
}

IOASID_TEST(replace, there_and_back, TEST_ROWS(sources))
{
	struct rigged rig = rig_new(&sources[row], MOCK_0, 0);
	struct fdinfo info;
	unsigned int i;
	uint32_t flags;

	for (i = 0; i < 3; i++) {
		expect_uses(&rig, &rig.a, &rig.b);
		flags = replace(&rig, rig.a.ioasid, rig.b.ioasid);
		ck_assert_uint_eq(flags, has_capability(&rig) ? 0 : IOASID_REPLACED_WITH_GAP);
		expect_uses(&rig, &rig.b, &rig.a);
		info = fdinfo_read(rig.ctx);
		ck_assert_uint_eq(info.ioasid[fdinfo_find(&info, rig.a.ioasid)].devices, 0);
		ck_assert_uint_eq(info.ioasid[fdinfo_find(&info, rig.b.ioasid)].devices, 1);
		replace(&rig, rig.b.ioasid, rig.a.ioasid);
	}
	/* One that is the same is no change. */
	ck_assert_uint_eq(replace(&rig, rig.a.ioasid, rig.a.ioasid), 0);
	expect_uses(&rig, &rig.a, &rig.b);
	disallow(&rig, rig.mock.fd, rig.a.ioasid);
	mock_expect_fault(&rig.mock, AT, rig.a.page, rig.source->blocked);
	ck_assert_uint_eq(mock_stats().live_domains, 0);
}

/*
 * With DMA that never stops: not a single one is refused where there is no gap, none goes astray.
 */
IOASID_TEST(replace, under_way, TEST_ROWS(sources))
{
	struct rigged rig = rig_new(&sources[row], MOCK_0, 0);
	const struct space *space[] = { &rig.a, &rig.b };
	uint32_t job = mock_start(&rig.mock, AT, 20);
	struct mock_job_status status;
	unsigned int i, from;
	uint64_t left;

	mock_wait_runs(&rig.mock, job, 3);
	for (i = 0; i < 40; i++) {
		from = i % 2;
		replace(&rig, space[from]->ioasid, space[!from]->ioasid);
		left = *(volatile uint64_t *)space[from]->page;
		mock_wait_runs(&rig.mock, job, 2);
		ck_assert_uint_eq(*(volatile uint64_t *)space[from]->page, left);
		ck_assert_uint_gt(*(volatile uint64_t *)space[!from]->page, left);
	}
	status = mock_stop(&rig.mock, job);
	if (has_capability(&rig))
		ck_assert_uint_eq(status.out_faults, 0);
}

IOASID_TEST(replace, bad_arguments, TEST_ROWS(sources))
{
	struct rigged rig = rig_new(&sources[row], MOCK_0, 0);
	uint32_t freed = ioasid_new(rig.ctx), other = ioasid_new(context_open());
	struct ioasid_device_replace arg, *locked = mem_new(PAGE);

	ok_free(rig.ctx, .ioasid = freed);
	replace_fails(&rig, rig.a.ioasid, freed, ENOENT);
	replace_fails(&rig, rig.a.ioasid, 0, ENOENT);
	replace_fails(&rig, rig.a.ioasid, other + 100, ENOENT);
	replace_fails(&rig, rig.b.ioasid, rig.a.ioasid, ENOENT);
	replace_fails(&rig, 0, rig.b.ioasid, ENOENT);
	arg = replace_arg(&rig, rig.a.ioasid, rig.b.ioasid);
	arg.pasid = rig.source->tagged ? 0 : 5;
	ck_assert_int_eq(call_replace(rig.mock.fd, &arg), -EINVAL);
	arg.flags = IOASID_REPLACE_PASID;
	arg.pasid = PASID + 1;
	ck_assert_int_eq(call_replace(rig.mock.fd, &arg), -ENOENT);
	arg.pasid = 1 << 20;
	ck_assert_int_eq(call_replace(rig.mock.fd, &arg), -EINVAL);
	*locked = replace_arg(&rig, rig.a.ioasid, rig.b.ioasid);
	ck_assert(!mprotect(locked, PAGE, PROT_READ));
	ck_assert_int_eq(call_raw(rig.mock.fd, IOASID_DEVICE_REPLACE, locked), -EFAULT);
	expect_uses(&rig, &rig.a, &rig.b);
	ok_unbind(rig.mock.fd);
	replace_fails(&rig, rig.a.ioasid, rig.b.ioasid, EINVAL);
}

/* The former one was freed: nothing is reached any more, until there is something else. */
IOASID_TEST(replace, freed, TEST_ROWS(sources))
{
	struct rigged rig = rig_new(&sources[row], MOCK_0, 0);
	struct fdinfo info;

	ok_free(rig.ctx, .ioasid = rig.a.ioasid);
	mock_expect_fault(&rig.mock, AT, rig.a.page, MOCK_FAULT_NOT_MAPPED);
	replace(&rig, rig.a.ioasid, rig.b.ioasid);
	expect_uses(&rig, &rig.b, &rig.a);
	info = fdinfo_read(rig.ctx);
	ck_assert_int_lt(fdinfo_find(&info, rig.a.ioasid), 0);
	ck_assert_int_eq(pins_settled(1), 1);
}

/* A mapping that the device cannot reach is named, and everything is as it was. */
IOASID_TEST(replace, unreachable, TEST_ROWS(sources))
{
	unsigned int number = mock_add((struct mock_add_device){
		.sibling = MOCK_NO_DEVICE,
		.pasid_bits = 16,
		.region_type = MOCK_REGION_RESERVED,
		.region_start = AT + MiB,
		.region_length = PAGE,
	});
	struct rigged rig = rig_new(&sources[row], number, 0);
	struct ioasid_device_replace arg;

	ok_map(rig.ctx, .ioasid = rig.b.ioasid, .flags = RW | FIXED, .user_va = va(mem_new(PAGE)),
	       .length = PAGE, .iova = AT + MiB);
	arg = replace_fails(&rig, rig.a.ioasid, rig.b.ioasid, EADDRINUSE);
	ck_assert_uint_eq(arg.out_range.start, AT + MiB);
	ck_assert_uint_eq(arg.out_range.last, AT + MiB + PAGE - 1);
	ck_assert_uint_eq(arg.out_replace_flags, 0);
	expect_uses(&rig, &rig.a, &rig.b);
	ok_unmap(rig.ctx, .ioasid = rig.b.ioasid, .iova = AT + MiB, .length = PAGE);
	replace(&rig, rig.a.ioasid, rig.b.ioasid);
	expect_uses(&rig, &rig.b, &rig.a);
	mock_close(&rig.mock);
}

/* Every call to the IOMMU driver fails once: the former address space is in force. */
static void fail_once(struct rigged *rig, enum mock_call call, int error, int answer)
{
	struct ioasid_device_replace arg;
	uint64_t domains = mock_stats().live_domains;

	mock_fail(call, 1, error);
	arg = replace_fails(rig, rig->a.ioasid, rig->b.ioasid, answer);
	ck_assert(!(arg.out_replace_flags & IOASID_REPLACE_LOST));
	ck_assert_uint_eq(mock_stats().live_domains, domains);
	expect_uses(rig, &rig->a, &rig->b);
}

IOASID_TEST(replace, failures, TEST_ROWS(sources))
{
	struct rigged rig = rig_new(&sources[row], MOCK_0, 0);

	fail_once(&rig, MOCK_CALL_ALLOC, ENOMEM, ENOMEM);
	fail_once(&rig, MOCK_CALL_MAP, ENOMEM, ENOMEM);
	fail_once(&rig, rig.source->attach, EIO, EIO);
	fail_once(&rig, rig.source->attach, EINVAL, EOPNOTSUPP);
	replace(&rig, rig.a.ioasid, rig.b.ioasid);
	expect_uses(&rig, &rig.b, &rig.a);
}

/*
 * Without the kernel's help the former one has to be attached again, and that may fail as well:
 * then the device reaches nothing, is told so, and everything else goes on.
 */
IOASID_TEST(replace, lost, TEST_ROWS(sources))
{
	struct rigged rig = rig_new(&sources[row], MOCK_0, 0);
	struct ioasid_device_replace arg;
	int i;

	if (has_capability(&rig))
		return;
	for (i = 0; i < 2; i++) {
		mock_inject((struct mock_inject){
			.call = rig.source->attach, .nth = 1, .count = 3, .error = ENOMEM });
		arg = replace_fails(&rig, rig.a.ioasid, rig.b.ioasid, ENOMEM);
		ck_assert_uint_eq(arg.out_replace_flags,
				  IOASID_REPLACED_WITH_GAP | IOASID_REPLACE_LOST);
		mock_inject((struct mock_inject){ .call = rig.source->attach });
		mock_expect_fault(&rig.mock, AT, rig.a.page, rig.source->blocked);
	}
	ok_unmap(rig.ctx, .ioasid = rig.a.ioasid, .iova = AT, .length = PAGE);
	replace(&rig, rig.a.ioasid, rig.b.ioasid);
	expect_uses(&rig, &rig.b, &rig.a);
	/* And once more, to be taken away while it is lost. */
	mock_inject((struct mock_inject){
		.call = rig.source->attach, .nth = 1, .count = 3, .error = ENOMEM });
	replace_fails(&rig, rig.b.ioasid, rig.a.ioasid, ENOMEM);
	mock_inject((struct mock_inject){ .call = rig.source->attach });
	disallow(&rig, rig.mock.fd, rig.b.ioasid);
	allow(&rig, rig.mock.fd, rig.b.ioasid);
	expect_uses(&rig, &rig.b, &rig.a);
}

/* Two devices of a group that were allowed the same go together or not at all. */
IOASID_TEST(replace, group, TEST_ROWS(sources))
{
	struct rigged rig = rig_new(&sources[row], MOCK_PAIR_0, 0);
	struct ioasid_device_replace arg;
	struct rigged other = rig;

	mock_open(&other.mock, MOCK_PAIR_1);
	ok_bind(other.mock.fd, .context_fd = rig.ctx);
	if (rig.source->tagged)
		other.mock = mock_tagged(&other.mock, PASID);
	/* Not allowed anything, the other one follows. */
	replace(&rig, rig.a.ioasid, rig.b.ioasid);
	expect_uses(&other, &rig.b, &rig.a);
	allow(&rig, other.mock.fd, rig.b.ioasid);
	replace_fails(&rig, rig.b.ioasid, rig.a.ioasid, EBUSY);
	expect_uses(&other, &rig.b, &rig.a);
	arg = replace_arg(&rig, rig.b.ioasid, rig.a.ioasid);
	arg.flags |= IOASID_REPLACE_GROUP;
	ck_assert_int_eq(call_replace(rig.mock.fd, &arg), 0);
	expect_uses(&rig, &rig.a, &rig.b);
	expect_uses(&other, &rig.a, &rig.b);
	disallow(&rig, rig.mock.fd, rig.a.ioasid);
	expect_uses(&other, &rig.a, &rig.b);
	disallow(&rig, other.mock.fd, rig.a.ioasid);
	mock_expect_fault(&other.mock, AT, rig.a.page, rig.source->blocked);
}

/* What the former address space had pending is over when the device has left it. */
IOASID_TEST(replace, flushes, TEST_ROWS(sources))
{
	struct rigged rig = rig_new(&sources[row], MOCK_0, IOASID_ALLOC_DEFERRED_FLUSH);
	char *page = mem_new(PAGE);

	ok_map(rig.ctx, .ioasid = rig.a.ioasid, .flags = RW | FIXED, .user_va = va(page),
	       .length = PAGE, .iova = AT + PAGE);
	ck_assert(mock_writes(&rig.mock, AT + PAGE, page));
	ok_unmap(rig.ctx, .ioasid = rig.a.ioasid, .iova = AT + PAGE, .length = PAGE);
	replace(&rig, rig.a.ioasid, rig.b.ioasid);
	ck_assert_uint_eq(fdinfo_pending(rig.ctx, rig.a.ioasid), 0);
	ck_assert_int_eq(pins_settled(2), 2);
	mock_expect_fault(&rig.mock, AT + PAGE, page, MOCK_FAULT_NOT_MAPPED);
}

/* While others map into both, and free and make what it goes to. */
struct churn {
	int ctx;
	uint32_t ioasid[2];
	volatile bool stop;
};

static void *churn(void *arg)
{
	struct churn *churn = arg;
	char *page = mem_new(PAGE);
	unsigned int i = 0;

	while (!churn->stop) {
		uint32_t ioasid = churn->ioasid[i++ % 2];
		struct ioasid_map map = {
			.size = sizeof(map),
			.ioasid = ioasid,
			.flags = RW,
			.user_va = va(page),
			.length = PAGE,
		};
		struct ioasid_unmap unmap = { .size = sizeof(unmap),
					      .ioasid = ioasid,
					      .length = PAGE };

		if (call_map(churn->ctx, &map))
			break;
		unmap.iova = map.out_iova;
		if (call_unmap(churn->ctx, &unmap))
			break;
	}
	return churn->stop ? NULL : churn;
}

IOASID_TEST(replace, while_mapping, TEST_ROWS(sources))
{
	struct rigged rig = rig_new(&sources[row], MOCK_0, 0);
	struct churn work = { .ctx = rig.ctx, .ioasid = { rig.a.ioasid, rig.b.ioasid } };
	struct space extra;
	pthread_t thread;
	uint32_t job;
	void *failed;
	int i;

	job = mock_start(&rig.mock, AT, 100);
	ck_assert(!pthread_create(&thread, NULL, churn, &work));
	for (i = 0; i < 60; i++) {
		replace(&rig, rig.a.ioasid, rig.b.ioasid);
		extra = space_new(rig.ctx, 0);
		replace(&rig, rig.b.ioasid, extra.ioasid);
		replace(&rig, extra.ioasid, rig.a.ioasid);
		ok_free(rig.ctx, .ioasid = extra.ioasid);
		chance_delay(300);
	}
	work.stop = true;
	ck_assert(!pthread_join(thread, &failed));
	ck_assert(!failed);
	mock_stop(&rig.mock, job);
	expect_uses(&rig, &rig.a, &rig.b);
}

/* A real device behind a real IOMMU driver. */
IOASID_TEST(replace, edu, .needs = NEEDS_BIND)
{
	struct rig rig;
	struct space other;
	char *page = mem_new(PAGE);
	uint32_t flags, ioasid[2];
	int i;

	rig_open(&rig, EDU);
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(page),
	       .length = PAGE, .iova = AT / 2);
	other.ioasid = ioasid[1] = ioasid_new(rig.ctx);
	ioasid[0] = rig.ioasid;
	other.page = mem_new(PAGE);
	ok_map(rig.ctx, .ioasid = other.ioasid, .flags = RW | FIXED, .user_va = va(other.page),
	       .length = PAGE, .iova = AT / 2);
	edu_scratch(&rig.edu, rig.ctx, other.ioasid);
	for (i = 0; i < 4; i++) {
		memset(page, 0x33, PAGE);
		memset(other.page, 0x44, PAGE);
		ck_assert(edu_writes(&rig.edu, AT / 2, i % 2 ? other.page : page));
		ck_assert(mem_is(i % 2 ? page : other.page, PAGE, i % 2 ? 0x33 : 0x44));
		flags = ok_replace(rig.edu.fd, .from_ioasid = ioasid[i % 2],
				   .ioasid = ioasid[!(i % 2)])
				.out_replace_flags;
		if (!(ok_info(rig.ctx).out_capabilities & IOASID_CAP_REPLACE_RID))
			ck_assert_uint_eq(flags, IOASID_REPLACED_WITH_GAP);
	}
}

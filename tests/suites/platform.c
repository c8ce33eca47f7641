// SPDX-License-Identifier: GPL-2.0-only
/*
 * Platform devices, of the mock: the stub driver for them, who owns them, what their DMA reaches in
 * every state, what is left of it when they are taken away, and that a call leaves nothing behind
 * when the IOMMU driver fails in the middle of it.
 */
#include <poll.h>

#include "call.h"
#include "event.h"
#include "memory.h"
#include "mock.h"
#include "oracle.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"

#define AT 0x10000000ull

/* A driver of the kernel that takes any platform device it is told to, and does nothing with it. */
#define ORDINARY_DRIVER "alarmtimer"

IOASID_TEST(platform, info, .needs = "mock")
{
	struct ioasid_device_region region;
	struct ioasid_device_info info;
	struct mock mock;

	mock_open(&mock, MOCK_0);
	info = ok_dev_info(mock.fd);
	ck_assert_str_eq((char *)info.out_name, MOCK_NAME(0));
	ck_assert_uint_eq(info.out_bus, IOASID_BUS_PLATFORM);
	ck_assert_uint_eq(info.out_group, (uint32_t)pci_group(MOCK_NAME(0)));
	ck_assert_uint_eq(info.out_pci_vendor, 0);
	ck_assert(info.out_capabilities & IOASID_DEVICE_CAP_RID);
	ck_assert(info.out_capabilities & IOASID_DEVICE_CAP_RESET);
	/* It has no registers. */
	region = ok_dev_region(mock.fd, .index = 0);
	ck_assert_uint_eq(region.out_length, 0);
	ck_assert_uint_eq(region.out_region_flags, 0);
	err_dev_region(ENOENT, mock.fd, .index = info.out_num_regions);
}

IOASID_TEST(platform, groups, .needs = "mock")
{
	ck_assert_int_ge(pci_group(MOCK_NAME(0)), 0);
	ck_assert_int_ne(pci_group(MOCK_NAME(0)), pci_group(MOCK_NAME(1)));
	ck_assert_int_eq(pci_group(MOCK_NAME(2)), pci_group(MOCK_NAME(3)));
}

/* What the device reaches, from before it is bound until after. */
IOASID_TEST(platform, states, .needs = "mock")
{
	char *page = mem_new(PAGE);
	struct mock_rig rig;
	uint32_t resets;
	int i;

	rig.ctx = context_open();
	rig.ioasid = ioasid_new(rig.ctx);
	mock_map(&rig, AT, page, PAGE);
	mock_open(&rig.mock, MOCK_0);
	for (i = 0; i < 3; i++) {
		resets = mock_info(MOCK_0).out_resets;
		mock_expect_fault(&rig.mock, AT, page, MOCK_FAULT_IDENTITY);
		ok_bind(rig.mock.fd, .context_fd = rig.ctx);
		mock_expect_fault(&rig.mock, AT, page, MOCK_FAULT_BLOCKED);
		ok_allow(rig.mock.fd, .ioasid = rig.ioasid);
		ck_assert(mock_writes(&rig.mock, AT, page));
		ck_assert(mock_reads(&rig.mock, AT, page));
		ok_disallow(rig.mock.fd, .ioasid = rig.ioasid);
		mock_expect_fault(&rig.mock, AT, page, MOCK_FAULT_BLOCKED);
		ok_allow(rig.mock.fd, .ioasid = rig.ioasid);
		ck_assert(mock_writes(&rig.mock, AT, page));
		ok_unbind(rig.mock.fd);
		mock_expect_fault(&rig.mock, AT, page, MOCK_FAULT_IDENTITY);
		/* What it did for us does not go on in the kernel's space. */
		ck_assert_uint_gt(mock_info(MOCK_0).out_resets, resets);
	}
}

/* Its own pages and none of the neighbours, byte by byte. */
IOASID_TEST(platform, bounds, .needs = "mock")
{
	char *memory = mem_new(4 * PAGE), byte = 0x77;
	struct mock_rig rig;

	mock_rig_open(&rig, MOCK_0, 0);
	mock_map(&rig, AT, memory + PAGE, 2 * PAGE);
	ck_assert(mock_store(&rig.mock, AT, &byte, 1));
	ck_assert(mock_store(&rig.mock, AT + 2 * PAGE - 1, &byte, 1));
	ck_assert(!mock_store(&rig.mock, AT - 1, &byte, 1));
	ck_assert_uint_eq(mock_fault(&rig.mock), MOCK_FAULT_NOT_MAPPED);
	ck_assert(!mock_store(&rig.mock, AT + 2 * PAGE, &byte, 1));
	ck_assert_uint_eq(mock_fault(&rig.mock), MOCK_FAULT_NOT_MAPPED);
	ck_assert(mem_is(memory, PAGE, 0));
	ck_assert(mem_is(memory + 3 * PAGE, PAGE, 0));
	ck_assert(memory[PAGE] == byte && memory[3 * PAGE - 1] == byte);
	ck_assert(mem_is(memory + PAGE + 1, 2 * PAGE - 2, 0));
	/* One transfer over the end does what is before it. */
	ck_assert(!mock_copy(&rig.mock, AT, AT + 2 * PAGE - 4, 8));
	ck_assert_uint_eq(rig.mock.dma.out_done, 4);
	ck_assert_uint_eq(rig.mock.dma.out_fault.iova, AT + 2 * PAGE);
}

/* The device's atomic operations work on the memory that the processor sees. */
IOASID_TEST(platform, compare_and_swap, .needs = "mock")
{
	uint64_t *word = mem_new(PAGE);
	struct mock_rig rig;

	mock_rig_open(&rig, MOCK_0, 0);
	mock_map(&rig, AT, word, PAGE);
	word[3] = 7;
	ck_assert(mock_cas(&rig.mock, AT + 24, 8, 9));
	ck_assert_uint_eq(rig.mock.dma.out_value, 7);
	ck_assert_uint_eq(word[3], 7);
	ck_assert(mock_cas(&rig.mock, AT + 24, 7, 9));
	ck_assert_uint_eq(word[3], 9);
}

static const struct {
	struct test_row row;
	uint32_t flags;
	uint32_t no_read;
	uint32_t no_write;
} permissions[] = {
	{ { "read", "" }, IOASID_MAP_READ, 0, MOCK_FAULT_NO_WRITE },
	{ { "write", "" }, IOASID_MAP_WRITE, MOCK_FAULT_NO_READ, 0 },
	{ { "read and write", "" }, RW, 0, 0 },
};

IOASID_TEST(platform, permissions, .needs = "mock", TEST_ROWS(permissions))
{
	char *page = mem_new(PAGE);
	struct mock_rig rig;

	mock_rig_open(&rig, MOCK_0, 0);
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = permissions[row].flags | FIXED,
	       .user_va = va(page), .length = PAGE, .iova = AT);
	ck_assert_int_eq(mock_reads(&rig.mock, AT, page), !permissions[row].no_read);
	ck_assert_uint_eq(mock_fault(&rig.mock), permissions[row].no_read);
	ck_assert_int_eq(mock_writes(&rig.mock, AT, page), !permissions[row].no_write);
	ck_assert_uint_eq(mock_fault(&rig.mock), permissions[row].no_write);
	/* A copy can have less. */
	ok_copy(rig.ctx, .ioasid = rig.ioasid, .flags = IOASID_MAP_READ | FIXED,
		.from_ioasid = rig.ioasid, .from_iova = AT, .length = PAGE, .iova = 2 * AT);
	ck_assert(mock_reads(&rig.mock, 2 * AT, page));
	ck_assert(!mock_writes(&rig.mock, 2 * AT, page));
}

/*
 * Ways to take memory from a device that never stops. When each returns, the last access is over
 * and none follows.
 */
static void cut_unmap(struct mock_rig *rig)
{
	mock_unmap(rig, AT, PAGE);
}

static void cut_disallow(struct mock_rig *rig)
{
	ok_disallow(rig->mock.fd, .ioasid = rig->ioasid);
}

static void cut_unbind(struct mock_rig *rig)
{
	ok_unbind(rig->mock.fd);
}

static void cut_free(struct mock_rig *rig)
{
	ok_free(rig->ctx, .ioasid = rig->ioasid);
}

static void cut_close_context(struct mock_rig *rig)
{
	close(rig->ctx);
}

static void cut_close_device(struct mock_rig *rig)
{
	close(rig->mock.fd);
}

static void cut_driver(struct mock_rig *rig)
{
	pci_unbind(rig->mock.name);
}

static const struct cut {
	struct test_row row;
	void (*cut)(struct mock_rig *rig);
	uint32_t reason;
	bool stopped;
} cuts[] = {
	{ { "unmap", "" }, cut_unmap, MOCK_FAULT_NOT_MAPPED, false },
	{ { "disallow", "" }, cut_disallow, MOCK_FAULT_BLOCKED, false },
	{ { "unbind", "" }, cut_unbind, MOCK_FAULT_IDENTITY, true },
	{ { "free", "" }, cut_free, MOCK_FAULT_NOT_MAPPED, false },
	{ { "close of the context", "" }, cut_close_context, MOCK_FAULT_NOT_MAPPED, false },
	{ { "close of the device", "" }, cut_close_device, MOCK_FAULT_IDENTITY, true },
	{ { "driver unbound", "" }, cut_driver, MOCK_FAULT_IDENTITY, true },
};

/* The job's last access was before @time, and nothing has changed @word since. */
static void expect_cut(const struct mock *mock, uint32_t job, uint64_t time, bool stopped,
		       const volatile uint64_t *word)
{
	uint64_t last = *word;
	struct mock_job_status status;

	if (!stopped)
		mock_wait_faults(mock, job, 3);
	status = mock_stop(mock, job);
	ck_assert_uint_gt(status.out_runs, 0);
	ck_assert_uint_lt(status.out_last_run_ns, time);
	ck_assert_uint_eq(status.out_counter, last);
	ck_assert_uint_eq(*word, last);
	ck_assert_uint_eq(status.out_state, stopped ? MOCK_JOB_RESET : MOCK_JOB_STOPPED);
}

IOASID_TEST(platform, taken_away, .needs = "mock", TEST_ROWS(cuts))
{
	const struct cut *cut = &cuts[row];
	struct mock_rig rig;
	struct mock other;
	uint64_t *word, time;
	uint32_t job;
	int i;

	/* An access that takes long is one that something can overtake. */
	mock_set_options(MOCK_OPTION_SLOW);
	mock_open_node(&other, MOCK_0);
	for (i = 0; i < 10; i++) {
		word = mem_new(PAGE);
		mock_rig_open(&rig, MOCK_0, 0);
		mock_map(&rig, AT, word, PAGE);
		job = mock_start(&other, AT, 0);
		mock_wait_runs(&other, job, 2 + i);
		cut->cut(&rig);
		time = mock_now();
		expect_cut(&other, job, time, cut->stopped, word);
		mock_expect_fault(&other, AT, word, cut->reason);
		mock_close(&rig.mock);
		close(rig.ctx);
	}
}

/* Nobody is there to call anything. */
IOASID_TEST(platform, killed, .needs = "mock")
{
	struct gate ready;
	struct mock mock;
	uint32_t job;
	pid_t pid;
	int i;

	mock_open_node(&mock, MOCK_0);
	gate_init(&ready);
	for (i = 0; i < 5; i++) {
		pid = child_fork();
		if (!pid) {
			struct mock_rig rig;

			mock_rig_open(&rig, MOCK_0, 0);
			mock_map(&rig, AT, mem_new(PAGE), PAGE);
			gate_open(&ready);
			for (;;)
				pause();
		}
		gate_wait(&ready);
		job = mock_start(&mock, AT, 0);
		mock_wait_runs(&mock, job, 3);
		kill(pid, SIGKILL);
		child_join_killed(pid);
		ck_assert_uint_eq(ok_dev_owner(stub_open(mock.name)).out_owner, IOASID_OWNER_NONE);
		ck_assert_uint_eq(mock_info(MOCK_0).out_rid, MOCK_RID_IDENTITY);
		ck_assert_uint_eq(mock_stop(&mock, job).out_state, MOCK_JOB_RESET);
		ck_assert_int_eq(pins_settled(0), 0);
	}
}

/* A context and both devices of the group, the first of which is allowed. */
struct pair {
	struct mock_rig rig;
	struct mock other;
};

static void pair_open(struct pair *pair)
{
	mock_rig_open(&pair->rig, MOCK_PAIR_0, 0);
	mock_open(&pair->other, MOCK_PAIR_1);
	ok_bind(pair->other.fd, .context_fd = pair->rig.ctx);
}

/* The same IOASID again is a reference: both reach it until the last lets go. */
IOASID_TEST(platform, group_same_ioasid, .needs = "mock")
{
	char *page = mem_new(PAGE);
	struct pair pair;
	struct mock *a = &pair.rig.mock, *b = &pair.other;
	uint32_t domain;

	pair_open(&pair);
	mock_map(&pair.rig, AT, page, PAGE);
	domain = mock_info(MOCK_PAIR_0).out_rid_domain;
	mock_journal_start();
	ok_allow(b->fd, .ioasid = pair.rig.ioasid);
	ck_assert_int_eq(mock_find(mock_journal(), MOCK_CALL_ATTACH, 0), -1);
	ck_assert_uint_eq(mock_info(MOCK_PAIR_1).out_rid_domain, domain);
	ck_assert(mock_writes(a, AT, page) && mock_writes(b, AT, page));
	ok_disallow(a->fd, .ioasid = pair.rig.ioasid);
	ck_assert(mock_writes(b, AT, page));
	ok_unbind(a->fd);
	ck_assert(mock_writes(b, AT, page));
	ok_disallow(b->fd, .ioasid = pair.rig.ioasid);
	mock_expect_fault(a, AT, page, MOCK_FAULT_BLOCKED);
	mock_expect_fault(b, AT, page, MOCK_FAULT_BLOCKED);
	ok_allow(b->fd, .ioasid = pair.rig.ioasid);
	ck_assert(mock_writes(b, AT, page));
}

/* Another one is not possible: devices of a group see the same memory. */
IOASID_TEST(platform, group_other_ioasid, .needs = "mock")
{
	char *page = mem_new(PAGE);
	struct pair pair;
	uint32_t second;

	pair_open(&pair);
	mock_map(&pair.rig, AT, page, PAGE);
	second = ioasid_new(pair.rig.ctx);
	mock_journal_start();
	err_allow(EBUSY, pair.other.fd, .ioasid = second);
	ck_assert_uint_eq(mock_journal()->nr, 0);
	ck_assert(mock_writes(&pair.rig.mock, AT, page));
	ok_disallow(pair.rig.mock.fd, .ioasid = pair.rig.ioasid);
	ok_allow(pair.other.fd, .ioasid = second);
	mock_expect_fault(&pair.other, AT, page, MOCK_FAULT_NOT_MAPPED);
	err_allow(EBUSY, pair.rig.mock.fd, .ioasid = pair.rig.ioasid);
	ok_allow(pair.rig.mock.fd, .ioasid = second);
}

IOASID_TEST(platform, group_other_context, .needs = "mock")
{
	int second = context_open();
	struct mock_rig rig;
	struct mock other;

	mock_rig_open(&rig, MOCK_PAIR_0, 0);
	mock_open(&other, MOCK_PAIR_1);
	ck_assert_uint_eq(err_bind(EBUSY, other.fd, .context_fd = second).out_refusal,
			  IOASID_REFUSAL_OWNED);
	ck_assert_uint_eq(ok_dev_owner(other.fd).out_owner, IOASID_OWNER_CONTEXT);
	ok_unbind(rig.mock.fd);
	ok_bind(other.fd, .context_fd = second);
	err_bind(EBUSY, rig.mock.fd, .context_fd = rig.ctx);
}

/* One device of a group goes; the other's memory stays where it is. */
IOASID_TEST(platform, group_unbind_with_dma, .needs = "mock")
{
	uint64_t *word = mem_new(PAGE);
	struct pair pair;
	uint32_t job;

	pair_open(&pair);
	ok_allow(pair.other.fd, .ioasid = pair.rig.ioasid);
	mock_map(&pair.rig, AT, word, PAGE);
	job = mock_start(&pair.other, AT, 100);
	ok_unbind(pair.rig.mock.fd);
	mock_wait_runs(&pair.other, job, 5);
	ck_assert_uint_eq(mock_stop(&pair.other, job).out_faults, 0);
}

static bool hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_int_ge(poll(&p, 1, 0), 0);
	return p.revents & POLLHUP;
}

/* A platform device is still with its driver when it starts to go. */
static void expect_removal_events(int ctx, const char *name)
{
	event_expect(ctx, IOASID_EVENT_DEVICE_REMOVED, name, "");
	event_expect(ctx, IOASID_EVENT_REVOKED, name, "");
	event_expect_none(ctx);
}

/* It is removed while it does DMA, and our pages are ours again. */
IOASID_TEST(platform, removed_with_dma, .needs = "mock")
{
	const struct mock_add_device add = { .sibling = MOCK_NO_DEVICE, .pasid_bits = 16 };
	struct mock_job_status status;
	struct mock_rig rig;
	uint64_t *word, time;
	uint32_t job;
	int i;

	mock_set_options(MOCK_OPTION_SLOW);
	for (i = 0; i < 5; i++) {
		word = mem_new(PAGE);
		mock_rig_open(&rig, MOCK_0, 0);
		ck_assert(!fcntl(rig.ctx, F_SETFL, O_NONBLOCK));
		mock_map(&rig, AT, word, PAGE);
		job = mock_start(&rig.mock, AT, 0);
		mock_wait_runs(&rig.mock, job, 3);
		mock_remove(MOCK_0);
		time = mock_now();
		status = mock_stop(&rig.mock, job);
		ck_assert_uint_lt(status.out_last_run_ns, time);
		ck_assert(status.out_state == MOCK_JOB_RESET || status.out_state == MOCK_JOB_GONE);
		expect_removal_events(rig.ctx, MOCK_NAME(0));
		err_dev_info(ENODEV, rig.mock.fd);
		err_allow(ENODEV, rig.mock.fd, .ioasid = rig.ioasid);
		err_disallow(ENODEV, rig.mock.fd, .ioasid = rig.ioasid);
		err_unbind(ENODEV, rig.mock.fd);
		ck_assert(hung_up(rig.mock.fd));
		ck_assert_uint_eq(mock_stats().live_domains, 0);
		mock_close(&rig.mock);
		/* The address space is none the worse for it. */
		ck_assert_uint_eq(mock_add(add), MOCK_0);
		mock_open(&rig.mock, MOCK_0);
		ok_bind(rig.mock.fd, .context_fd = rig.ctx);
		ok_allow(rig.mock.fd, .ioasid = rig.ioasid);
		ck_assert(mock_writes(&rig.mock, AT, word));
		mock_close(&rig.mock);
		close(rig.ctx);
	}
}

/* A device of an owned group goes and another comes, which reaches what the group reaches. */
IOASID_TEST(platform, group_member_replaced, .needs = "mock")
{
	const struct mock_add_device add = { .sibling = MOCK_PAIR_0, .pasid_bits = 16 };
	uint64_t *word = mem_new(PAGE);
	struct pair pair;
	uint32_t job;
	int i;

	pair_open(&pair);
	ck_assert(!fcntl(pair.rig.ctx, F_SETFL, O_NONBLOCK));
	mock_map(&pair.rig, AT, word, PAGE);
	job = mock_start(&pair.rig.mock, AT, 100);
	for (i = 0; i < 3; i++) {
		ok_allow(pair.other.fd, .ioasid = pair.rig.ioasid);
		mock_remove(MOCK_PAIR_1);
		expect_removal_events(pair.rig.ctx, MOCK_NAME(3));
		err_dev_info(ENODEV, pair.other.fd);
		mock_close(&pair.other);
		ck_assert_uint_eq(mock_add(add), MOCK_PAIR_1);
		event_expect(pair.rig.ctx, IOASID_EVENT_DEVICE_ADDED, MOCK_NAME(3), "");
		mock_open(&pair.other, MOCK_PAIR_1);
		ck_assert(mock_writes(&pair.other, AT + 2048, (char *)word + 2048));
		ok_bind(pair.other.fd, .context_fd = pair.rig.ctx);
	}
	mock_wait_runs(&pair.rig.mock, job, 1);
	ck_assert_uint_eq(mock_stop(&pair.rig.mock, job).out_faults, 0);
}

/* Both go, one after the other. */
IOASID_TEST(platform, group_removed, .needs = "mock")
{
	struct pair pair;
	uint32_t job;

	pair_open(&pair);
	ok_allow(pair.other.fd, .ioasid = pair.rig.ioasid);
	mock_map(&pair.rig, AT, mem_new(PAGE), PAGE);
	job = mock_start(&pair.other, AT, 100);
	mock_wait_runs(&pair.other, job, 1);
	mock_remove(MOCK_PAIR_0);
	mock_wait_runs(&pair.other, job, 1);
	mock_remove(MOCK_PAIR_1);
	err_dev_info(ENODEV, pair.rig.mock.fd);
	err_dev_info(ENODEV, pair.other.fd);
	ck_assert_uint_eq(mock_stats().live_domains, 0);
}

/* The kernel refuses its drivers the devices of an owned group, and the owner hears of it. */
IOASID_TEST(platform, refused_driver, .needs = "mock")
{
	struct mock_rig rig;
	bool told;

	mock_rig_open(&rig, MOCK_PAIR_0, 0);
	ck_assert(!fcntl(rig.ctx, F_SETFL, O_NONBLOCK));
	told = ok_info(rig.ctx).out_capabilities & IOASID_CAP_REFUSALS;
	ck_assert_int_eq(pci_bind(MOCK_NAME(3), ORDINARY_DRIVER), -EBUSY);
	ck_assert_str_eq(pci_driver(MOCK_NAME(3)), "");
	if (told)
		event_expect(rig.ctx, IOASID_EVENT_REFUSED, MOCK_NAME(3), ORDINARY_DRIVER);
	event_expect_none(rig.ctx);
	ok_unbind(rig.mock.fd);
	ck_assert_int_eq(pci_bind(MOCK_NAME(3), ORDINARY_DRIVER), 0);
	event_expect_none(rig.ctx);
}

/* And the other way round: its driver is there first. */
IOASID_TEST(platform, owned_by_a_driver, .needs = "mock")
{
	int ctx = context_open_nonblock();
	struct ioasid_device_owner owner;
	struct mock mock;

	mock_open(&mock, MOCK_PAIR_0);
	ck_assert_int_eq(pci_bind(MOCK_NAME(3), ORDINARY_DRIVER), 0);
	owner = ok_dev_owner(mock.fd);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_KERNEL);
	ck_assert_str_eq((char *)owner.out_device, MOCK_NAME(3));
	ck_assert_str_eq((char *)owner.out_driver, ORDINARY_DRIVER);
	ck_assert_uint_eq(
		err_bind(EBUSY, mock.fd, .flags = IOASID_BIND_WATCH, .context_fd = ctx).out_refusal,
		IOASID_REFUSAL_OWNED);
	ck_assert_uint_eq(mock_info(MOCK_PAIR_0).out_rid, MOCK_RID_IDENTITY);
	pci_unbind(MOCK_NAME(3));
	event_expect(ctx, IOASID_EVENT_GROUP_FREE, "", "");
	ok_bind(mock.fd, .context_fd = ctx);
}

/* Regions that a device cannot use, or must not lose. */
IOASID_TEST(platform, reserved_region, .needs = "mock")
{
	const struct mock_add_device add = {
		.sibling = MOCK_NO_DEVICE,
		.region_type = MOCK_REGION_RESERVED,
		.region_start = AT + PAGE,
		.region_length = 2 * PAGE,
	};
	char *pages = mem_new(4 * PAGE);
	struct ioasid_range conflict;
	struct mock_rig rig;
	struct mock other;

	mock_rig_open(&rig, mock_add(add), 0);
	mock_map(&rig, AT, pages, PAGE);
	mock_map(&rig, AT + 3 * PAGE, pages, PAGE);
	err_map(EADDRNOTAVAIL, rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED,
		.user_va = va(pages), .length = PAGE, .iova = AT + 2 * PAGE);
	ok_disallow(rig.mock.fd, .ioasid = rig.ioasid);
	mock_map(&rig, AT + PAGE, pages, 2 * PAGE);
	conflict = err_allow(EADDRINUSE, rig.mock.fd, .ioasid = rig.ioasid).out_range;
	ck_assert_uint_eq(conflict.start, AT + PAGE);
	ck_assert_uint_eq(conflict.last, AT + 3 * PAGE - 1);
	/* To others it means nothing. */
	mock_open(&other, MOCK_0);
	ok_bind(other.fd, .context_fd = rig.ctx);
	ok_allow(other.fd, .ioasid = rig.ioasid);
	ck_assert(mock_writes(&other, AT + PAGE, pages));
}

IOASID_TEST(platform, direct_mapped_region, .needs = "mock")
{
	const struct mock_add_device add = {
		.sibling = MOCK_NO_DEVICE,
		.region_type = MOCK_REGION_DIRECT,
		.region_start = AT,
		.region_length = PAGE,
	};
	struct mock mock;

	mock_open(&mock, mock_add(add));
	ck_assert_uint_eq(err_bind(EOPNOTSUPP, mock.fd, .context_fd = context_open()).out_refusal,
			  IOASID_REFUSAL_DIRECT_MAPPED);
	ck_assert_uint_eq(ok_dev_owner(mock.fd).out_owner, IOASID_OWNER_NONE);
}

/* The IOMMU does not take the device, which is then without a group. */
IOASID_TEST(platform, not_behind_the_iommu, .needs = "mock")
{
	const struct mock_add_device add = { .sibling = MOCK_NO_DEVICE };
	struct mock mock;

	mock_fail(MOCK_CALL_PROBE, 1, ENOMEM);
	mock_open(&mock, mock_add(add));
	ck_assert_uint_eq(err_bind(EOPNOTSUPP, mock.fd, .context_fd = context_open()).out_refusal,
			  IOASID_REFUSAL_NO_IOMMU);
	ck_assert_uint_eq(ok_dev_owner(mock.fd).out_owner, IOASID_OWNER_NO_IOMMU);
}

#define PAGES 16

static const struct {
	struct test_row row;
	struct mock_inject inject;
	int error;
} failures[] = {
	{ { "no domain", "" }, { MOCK_CALL_ALLOC, 1, 1, ENOMEM, 0, 0 }, ENOMEM },
	{ { "attach EIO", "" }, { MOCK_CALL_ATTACH, 1, 1, EIO, 0, 0 }, EIO },
	{ { "attach ENOMEM", "" }, { MOCK_CALL_ATTACH, 1, 1, ENOMEM, 0, 0 }, ENOMEM },
	{ { "attach EINVAL", "" }, { MOCK_CALL_ATTACH, 1, 1, EINVAL, 0, 0 }, EOPNOTSUPP },
	{ { "first map", "" }, { MOCK_CALL_MAP, 1, 1, ENOMEM, 0, 0 }, ENOMEM },
	{ { "second map", "" }, { MOCK_CALL_MAP, 2, 1, ENOMEM, 0, 0 }, ENOMEM },
	{ { "sixteenth map", "" }, { MOCK_CALL_MAP, PAGES, 1, ENOMEM, 0, 0 }, ENOMEM },
	{ { "in the middle of the last", "" },
	  { MOCK_CALL_MAP, PAGES + 1, 1, ENOMEM, 0, 3 },
	  ENOMEM },
	{ { "map, slowly", "" }, { MOCK_CALL_MAP, 5, 1, ENOSPC, 50, 0 }, ENOSPC },
	{ { "sync after map", "pasid" }, { MOCK_CALL_SYNC_MAP, 3, 1, ENOMEM, 0, 0 }, ENOMEM },
};

/* 16 mappings of a page, and one of 16 pages that may be one run. */
static void fill(const struct mock_rig *rig, char *pages, char *run)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		mock_map(rig, AT + i * 4 * PAGE, pages + i * PAGE, PAGE);
	mock_map(rig, 2 * AT, run, PAGES * PAGE);
}

static void expect_reached(struct mock *mock, char *pages, char *run)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		ck_assert(mock_writes(mock, AT + i * 4 * PAGE, pages + i * PAGE));
		ck_assert(mock_writes(mock, 2 * AT + i * PAGE, run + i * PAGE));
	}
}

/* ALLOW: nothing has changed, and the next one works. */
IOASID_TEST(platform, allow_fails, .needs = "mock", TEST_ROWS(failures))
{
	char *pages = mem_scattered(PAGES), *run = mem_new_aligned(PAGES * PAGE, 2 * MiB, 0);
	const char *before;
	struct mock_rig rig;

	rig.ctx = context_open();
	rig.ioasid = ioasid_new(rig.ctx);
	mock_open(&rig.mock, MOCK_0);
	ok_bind(rig.mock.fd, .context_fd = rig.ctx);
	fill(&rig, pages, run);
	before = ioasid_listing(rig.ctx, rig.ioasid);
	mock_inject(failures[row].inject);
	err_allow(failures[row].error, rig.mock.fd, .ioasid = rig.ioasid);
	ck_assert_uint_eq(mock_stats().live_domains, 0);
	ck_assert_uint_eq(mock_stats().live_leaves, 0);
	ck_assert_str_eq(ioasid_listing(rig.ctx, rig.ioasid), before);
	mock_expect_fault(&rig.mock, AT, pages, MOCK_FAULT_BLOCKED);
	err_disallow(ENOENT, rig.mock.fd, .ioasid = rig.ioasid);
	ck_assert_uint_eq(fdinfo_read(rig.ctx).ioasid[0].devices, 0);
	ok_allow(rig.mock.fd, .ioasid = rig.ioasid);
	expect_reached(&rig.mock, pages, run);
}

/* The other device of the group is attached already when it fails. */
IOASID_TEST(platform, group_allow_fails, .needs = "mock")
{
	char *page = mem_new(PAGE);
	struct mock_rig rig;
	struct mock other;

	rig.ctx = context_open();
	rig.ioasid = ioasid_new(rig.ctx);
	mock_open(&rig.mock, MOCK_PAIR_0);
	mock_open_node(&other, MOCK_PAIR_1);
	ok_bind(rig.mock.fd, .context_fd = rig.ctx);
	mock_map(&rig, AT, page, PAGE);
	mock_fail(MOCK_CALL_ATTACH, 2, EIO);
	err_allow(EIO, rig.mock.fd, .ioasid = rig.ioasid);
	mock_expect_fault(&rig.mock, AT, page, MOCK_FAULT_BLOCKED);
	mock_expect_fault(&other, AT, page, MOCK_FAULT_BLOCKED);
	ck_assert_uint_eq(mock_stats().live_domains, 0);
	ok_allow(rig.mock.fd, .ioasid = rig.ioasid);
	ck_assert(mock_writes(&rig.mock, AT, page) && mock_writes(&other, AT, page));
}

/* A second device fails; the first goes on as if nothing had been. */
IOASID_TEST(platform, second_allow_fails, .needs = "mock")
{
	uint64_t *word = mem_new(PAGE);
	struct mock_rig rig;
	struct mock other;
	uint32_t job;

	mock_rig_open(&rig, MOCK_0, 0);
	mock_map(&rig, AT, word, PAGE);
	job = mock_start(&rig.mock, AT, 0);
	mock_open(&other, MOCK_1);
	ok_bind(other.fd, .context_fd = rig.ctx);
	mock_fail(MOCK_CALL_ATTACH, 1, EIO);
	err_allow(EIO, other.fd, .ioasid = rig.ioasid);
	mock_expect_fault(&other, AT + 2048, (char *)word + 2048, MOCK_FAULT_BLOCKED);
	mock_wait_runs(&rig.mock, job, 10);
	ck_assert_uint_eq(mock_stop(&rig.mock, job).out_faults, 0);
	ok_allow(other.fd, .ioasid = rig.ioasid);
	ck_assert(mock_writes(&other, AT + 2048, (char *)word + 2048));
}

/* What a failing map must leave as it was. */
struct state {
	uint64_t leaves;
	int64_t pins;
	uint64_t locked;
	uint64_t mappings;
	const char *listing;
};

static struct state state_of(const struct mock_rig *rig)
{
	struct ioasid_info info = ok_info(rig->ctx);

	return (struct state){
		.leaves = mock_stats().live_leaves,
		.pins = pins_now(),
		.locked = info.out_locked_bytes,
		.mappings = info.out_mappings,
		.listing = ioasid_listing(rig->ctx, rig->ioasid),
	};
}

static void expect_state(const struct mock_rig *rig, const struct state *before)
{
	struct state now = state_of(rig);

	ck_assert_uint_eq(now.leaves, before->leaves);
	ck_assert_int_eq(pins_settled(before->pins), before->pins);
	ck_assert_uint_eq(now.locked, before->locked);
	ck_assert_uint_eq(now.mappings, before->mappings);
	ck_assert_str_eq(now.listing, before->listing);
}

/* Which of the calls that the map takes: 0 is the first, 16 is the last. */
static const struct {
	struct test_row row;
	enum mock_call call;
	unsigned int sixteenths;
	uint32_t alloc_flags;
	unsigned int pages;
} map_failures[] = {
	{ { "first call", "" }, MOCK_CALL_MAP, 0, 0, 16 },
	{ { "second call", "" }, MOCK_CALL_MAP, 2, 0, 16 },
	{ { "last call", "" }, MOCK_CALL_MAP, 16, 0, 16 },
	{ { "deferred", "" }, MOCK_CALL_MAP, 7, IOASID_ALLOC_DEFERRED_FLUSH, 16 },
	{ { "many pages, first", "" }, MOCK_CALL_MAP, 0, 0, 1200 },
	{ { "many pages, middle", "" }, MOCK_CALL_MAP, 9, 0, 1200 },
	{ { "many pages, last", "" }, MOCK_CALL_MAP, 16, 0, 1200 },
	{ { "many pages, deferred", "" }, MOCK_CALL_MAP, 13, IOASID_ALLOC_DEFERRED_FLUSH, 1200 },
	{ { "sync", "pasid" }, MOCK_CALL_SYNC_MAP, 5, 0, 16 },
};

IOASID_TEST(platform, map_fails, .needs = "mock", TEST_ROWS(map_failures), .timeout = 120)
{
	unsigned int nr = map_failures[row].pages, calls, i;
	char *pages = mem_scattered(nr), *page = mem_new(PAGE);
	struct mock_rig rig;
	struct state before;

	mock_rig_open(&rig, MOCK_0, map_failures[row].alloc_flags);
	mock_map(&rig, AT - PAGE, page, PAGE);
	calls = mock_stats().map;
	mock_map(&rig, AT, pages, nr * PAGE);
	calls = mock_stats().map - calls;
	ck_assert_uint_gt(calls, nr / 2);
	mock_unmap(&rig, AT, nr * PAGE);
	ok_sync(rig.ctx, .ioasid = rig.ioasid);
	before = state_of(&rig);
	mock_fail(map_failures[row].call, 1 + (calls - 1) * map_failures[row].sixteenths / 16,
		  ENOMEM);
	err_map(ENOMEM, rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(pages),
		.length = nr * PAGE, .iova = AT);
	expect_state(&rig, &before);
	mock_expect_fault(&rig.mock, AT, pages, MOCK_FAULT_NOT_MAPPED);
	ck_assert(mock_writes(&rig.mock, AT - PAGE, page));
	mock_map(&rig, AT, pages, nr * PAGE);
	for (i = 0; i < nr; i += nr / 16)
		ck_assert(mock_writes(&rig.mock, AT + i * PAGE, pages + i * PAGE));
	mock_unmap(&rig, AT, nr * PAGE);
}

IOASID_TEST(platform, copy_fails, .needs = "mock")
{
	char *pages = mem_scattered(PAGES);
	struct mock_rig rig;
	struct state before;

	mock_rig_open(&rig, MOCK_0, 0);
	mock_map(&rig, AT, pages, PAGES * PAGE);
	before = state_of(&rig);
	mock_fail(MOCK_CALL_MAP, 2, ENOMEM);
	err_copy(ENOMEM, rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED,
		 .from_ioasid = rig.ioasid, .from_iova = AT, .length = PAGES * PAGE,
		 .iova = 2 * AT);
	expect_state(&rig, &before);
	mock_expect_fault(&rig.mock, 2 * AT, pages, MOCK_FAULT_NOT_MAPPED);
	ck_assert(mock_writes(&rig.mock, AT, pages));
}

/* What a batch did before the entry that fails stays. */
IOASID_TEST(platform, batch_fails, .needs = "mock")
{
	struct ioasid_batch_entry entry[3];
	char *pages = mem_scattered(3);
	struct ioasid_batch batch;
	struct mock_rig rig;
	unsigned int i;

	mock_rig_open(&rig, MOCK_0, 0);
	for (i = 0; i < ARRAY_SIZE(entry); i++)
		entry[i] = (struct ioasid_batch_entry){
			.op = IOASID_BATCH_MAP,
			.flags = RW | FIXED,
			.ioasid = rig.ioasid,
			.start = va(pages + i * PAGE),
			.length = PAGE,
			.iova = AT + i * PAGE,
		};
	mock_fail(MOCK_CALL_MAP, 2, ENOMEM);
	batch = err_batch(ENOMEM, rig.ctx, .entries = va(entry), .num_entries = ARRAY_SIZE(entry),
			  .entry_size = sizeof(entry[0]));
	ck_assert_uint_eq(batch.out_num_done, 1);
	ck_assert_uint_eq(mock_stats().live_leaves, 1);
	ck_assert_int_eq(pins_now(), 1);
	ck_assert(mock_writes(&rig.mock, AT, pages));
	mock_expect_fault(&rig.mock, AT + PAGE, pages + PAGE, MOCK_FAULT_NOT_MAPPED);
	mock_expect_fault(&rig.mock, AT + 2 * PAGE, pages + 2 * PAGE, MOCK_FAULT_NOT_MAPPED);
}

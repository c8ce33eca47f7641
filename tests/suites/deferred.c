// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOASID_ALLOC_DEFERRED_FLUSH and SYNC: what is unmapped stays pinned, charged and taken until the
 * flush, which comes in time, and no device ever reaches anything else.
 *
 * The timer flushes after 10 ms, and the machine may be slower than that. So what has to be pending
 * is looked for in as many tries as it takes to be quick enough for once.
 */
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "call.h"
#include "edu.h"
#include "memory.h"
#include "oracle.h"
#include "process.h"
#include "test.h"

#define AT 0x100000ull
#define PAGES 4

/* The timer counts ticks of 4 ms, the first of which has begun already. */
#define QUICK_MS 7
#define TRIES 200

static int ctx;
static uint32_t id;
static char *memory;
static uint64_t unlocked;

static void prepare(void)
{
	ctx = context_open();
	id = ioasid_new_deferred(ctx);
	memory = mem_new(PAGES * PAGE);
	unlocked = ok_info(ctx).out_locked_bytes;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000.0 + t.tv_nsec * 0.000001;
}

static void map_at(uint32_t ioasid, void *what, uint64_t pages, uint64_t iova)
{
	ok_map(ctx, .ioasid = ioasid, .flags = RW | FIXED, .user_va = va(what),
	       .length = pages * PAGE, .iova = iova);
}

static void unmap_at(uint32_t ioasid, uint64_t pages, uint64_t iova)
{
	ok_unmap(ctx, .ioasid = ioasid, .iova = iova, .length = pages * PAGE);
}

static uint64_t pending(void)
{
	return fdinfo_pending(ctx, id);
}

static int64_t charged(void)
{
	return ok_info(ctx).out_locked_bytes - unlocked;
}

static int64_t pinned(void)
{
	return pins_now() * PAGE;
}

static int64_t vm_pin(void)
{
	return vm_pinned(getpid());
}

/* Whoever unpins is done with that before the charge goes. */
static void expect_nothing_charged(void)
{
	int tries;

	ck_assert_int_eq(pins_settled(0), 0);
	for (tries = 0; vm_pin(); tries++) {
		ck_assert_msg(tries < 1000, "pages that are not pinned stay charged");
		usleep(1000);
	}
}

static int64_t fdinfo(void)
{
	return pending();
}

/* Everybody who counts. */
static const struct {
	struct test_row row;
	int64_t (*bytes)(void);
} counters[] = {
	/* With sanitizers to read /proc/vmstat may take longer than the timer. */
	{ { "pages pinned", "!slow" }, pinned },
	{ { "VmPin", "" }, vm_pin },
	{ { "charge", "" }, charged },
	{ { "fdinfo", "" }, fdinfo },
};

/* Unmapping changes none of the counters, SYNC all of them. */
IOASID_TEST(deferred, stays_until_sync, TEST_ROWS(counters))
{
	int64_t after;
	double start;
	int try;

	prepare();
	for (try = 0; try < TRIES; try++) {
		/* A timer that was started earlier would be early. */
		id = ioasid_new_deferred(ctx);
		map_at(id, memory, PAGES, AT);
		start = now_ms();
		unmap_at(id, PAGES, AT);
		after = counters[row].bytes();
		if (now_ms() - start < QUICK_MS)
			break;
		ok_free(ctx, .ioasid = id);
	}
	ck_assert_msg(try < TRIES, "the machine is too slow");
	ck_assert_int_eq(after, PAGES * PAGE);
	ok_sync(ctx, .ioasid = id);
	ck_assert_int_eq(counters[row].bytes(), 0);
}

/* It was SYNC, and not the timer. */
IOASID_TEST(deferred, sync_does_not_wait)
{
	double start;
	int try;

	prepare();
	for (try = 0; try < TRIES; try++) {
		map_at(id, memory, PAGES, AT);
		start = now_ms();
		unmap_at(id, PAGES, AT);
		ok_sync(ctx, .ioasid = id);
		ck_assert_int_eq(vm_pin(), 0);
		if (now_ms() - start < QUICK_MS)
			return;
	}
	test_fail("SYNC always takes as long as the timer");
}

IOASID_TEST(deferred, sync_with_nothing_to_do)
{
	uint32_t strict;

	prepare();
	strict = ioasid_new(ctx);
	ok_sync(ctx, .ioasid = id);
	ok_sync(ctx, .ioasid = strict);
	map_at(id, memory, PAGES, AT);
	map_at(strict, memory, PAGES, AT);
	ok_sync(ctx, .ioasid = id);
	ok_sync(ctx, .ioasid = strict);
	ck_assert_int_eq(vm_pin(), 2 * PAGES * PAGE);
	err_sync(ENOENT, ctx, .ioasid = strict + 1);
	err_sync(ENOENT, ctx, .ioasid = 0);
	ok_free(ctx, .ioasid = id);
	err_sync(ENOENT, ctx, .ioasid = id);
}

/* Each time, also when the timer has run before. */
IOASID_TEST(deferred, timer)
{
	double start, longest = 0;
	int i;

	prepare();
	for (i = 0; i < 20; i++) {
		map_at(id, memory, PAGES, AT);
		start = now_ms();
		unmap_at(id, PAGES, AT);
		while (vm_pin()) {
			ck_assert_msg(now_ms() - start < 1000, "still pinned after a second");
			usleep(1000);
		}
		if (now_ms() - start > longest)
			longest = now_ms() - start;
		ck_assert_uint_eq(pending(), 0);
		ck_assert_int_eq(charged(), 0);
	}
	ck_assert_int_eq(pins_settled(0), 0);
}

/* One that is used all the time is not put off until the bound. */
IOASID_TEST(deferred, timer_while_busy)
{
	uint64_t iova, before = 0;
	double start = now_ms();
	int i;

	prepare();
	for (i = 0; pending() >= before; i++) {
		ck_assert_msg(i < 4000 && now_ms() - start < 2000, "%d unmapped, none flushed", i);
		before = pending();
		iova = ok_map(ctx, .ioasid = id, .flags = RW, .user_va = va(memory), .length = PAGE)
			       .out_iova;
		unmap_at(id, 1, iova);
	}
}

/* What is pending is not there any more, for every call. */
IOASID_TEST(deferred, gone_for_calls)
{
	struct ioasid_info info;
	int i;

	prepare();
	for (i = 0; i < 20; i++) {
		map_at(id, memory, PAGES, AT);
		map_at(id, memory, 1, AT + PAGES * PAGE);
		unmap_at(id, PAGES, AT);
		err_query(ENOENT, ctx, .ioasid = id, .iova = AT);
		ck_assert_uint_eq(
			ok_query(ctx, .ioasid = id, .flags = IOASID_QUERY_NEXT).out_range.start,
			AT + PAGES * PAGE);
		err_unmap(ENOENT, ctx, .ioasid = id, .iova = AT, .length = PAGES * PAGE);
		err_unmap(ENOENT, ctx, .ioasid = id, .iova = AT, .length = PAGE);
		err_copy(ENOENT, ctx, .ioasid = id, .flags = RW, .from_ioasid = id, .from_iova = AT,
			 .length = PAGE);
		info = ok_info(ctx);
		ck_assert_uint_eq(info.out_mappings, 1);
		ck_assert_uint_eq(info.out_mapped_bytes, PAGE);
		ck_assert_uint_eq(
			ok_unmap(ctx, .ioasid = id, .iova = AT, .length = MiB).out_unmapped_bytes,
			PAGE);
	}
}

/* Ranges over what is pending, and over what is not. */
IOASID_TEST(deferred, taken_again)
{
	struct ioasid_map m;
	int i;

	prepare();
	for (i = 0; i < 20; i++) {
		map_at(id, memory, PAGES, AT);
		map_at(id, memory, PAGES, AT + PAGES * PAGE);
		unmap_at(id, PAGES, AT);
		m = err_map(EEXIST, ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(memory),
			    .length = 2 * PAGE, .iova = AT + (PAGES - 1) * PAGE);
		ck_assert_uint_eq(m.out_range.start, AT + PAGES * PAGE);
		ck_assert_uint_eq(m.out_range.last, AT + 2 * PAGES * PAGE - 1);
		/* A part of what is pending is enough to need the flush. */
		map_at(id, memory, 1, AT + PAGE);
		ck_assert_uint_eq(pending(), 0);
		/* The timer may be at what is left of the round before. */
		ok_sync(ctx, .ioasid = id);
		ck_assert_int_eq(vm_pin(), (PAGES + 1) * PAGE);
		ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	}
	ok_sync(ctx, .ioasid = id);
	ck_assert_int_eq(vm_pin(), 0);
}

IOASID_TEST(deferred, chosen_iovas_ascend)
{
	uint64_t iova, before = 0;
	int i;

	prepare();
	for (i = 0; i < 300; i++) {
		iova = ok_map(ctx, .ioasid = id, .flags = RW, .user_va = va(memory),
			      .length = (1 + i % PAGES) * PAGE)
			       .out_iova;
		ck_assert_uint_gt(iova, before);
		before = iova + i % PAGES * PAGE;
		unmap_at(id, 1 + i % PAGES, iova);
		if (i % 50 == 49)
			ok_sync(ctx, .ioasid = id);
	}
	/* As for the IOVAs of copies. */
	map_at(id, memory, PAGES, AT);
	for (i = 0; i < 20; i++) {
		iova = ok_copy(ctx, .ioasid = id, .flags = RW, .from_ioasid = id, .from_iova = AT,
			       .length = PAGE)
			       .out_iova;
		ck_assert_uint_gt(iova, before);
		before = iova;
		unmap_at(id, 1, iova);
	}
}

/* They do so over and over: when the device's addresses are used up, from the start. */
IOASID_TEST(deferred, chosen_iovas_start_over, .needs = NEEDS_BIND " !amd !virtio !vtd-first-stage")
{
	const uint64_t length = 64 * MiB, limit = 1ull << 40;
	uint64_t iova, before = 0, i, last;
	struct ioasid_range ranges[16];
	struct ioasid_iova_ranges r;
	struct edu edu;
	char *large;

	prepare();
	large = mmap(NULL, length, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ck_assert_msg(large != MAP_FAILED, "huge pages: %m");
	edu_open(&edu, EDU);
	edu_bind(&edu, ctx);
	ok_allow(edu.fd, .ioasid = id);
	r = ok_ranges(ctx, .ioasid = id, .num_ranges = ARRAY_SIZE(ranges), .ranges = va(ranges));
	last = ranges[r.out_num_ranges - 1].last;
	ck_assert_uint_lt(last, limit);
	ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(large), .length = length,
	       .iova = 0);
	for (i = 0; i < limit / length; i++) {
		iova = ok_copy(ctx, .ioasid = id, .flags = RW, .from_ioasid = id, .from_iova = 0,
			       .length = length)
			       .out_iova;
		if (iova < before)
			break;
		before = iova;
		unmap_at(id, length / PAGE, iova);
	}
	ck_assert_uint_gt(before, last - 3 * length);
	ck_assert_uint_lt(iova, 8 * length);
	ck_assert_uint_ge(iova, length);
	edu_scratch(&edu, ctx, id);
}

static void map_many(uint32_t ioasid, unsigned int nr)
{
	struct ioasid_batch_entry *entry = calloc(nr, sizeof(*entry));
	unsigned int i;

	for (i = 0; i < nr; i++)
		entry[i] = (struct ioasid_batch_entry){
			.op = IOASID_BATCH_MAP,
			.flags = RW | FIXED,
			.ioasid = ioasid,
			.start = va(memory),
			.length = PAGE,
			.iova = AT + i * PAGE,
		};
	ok_batch(ctx, .entries = va(entry), .num_entries = nr, .entry_size = sizeof(*entry));
	free(entry);
}

/* More than a bound is not kept waiting. */
IOASID_TEST(deferred, too_many_mappings)
{
	int i;

	prepare();
	map_many(id, 5000);
	ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	ck_assert_int_eq(vm_pin(), 0);
	ck_assert_uint_eq(pending(), 0);
	/* One by one. */
	map_many(id, 5000);
	for (i = 0; i < 5000; i++) {
		unmap_at(id, 1, AT + i * PAGE);
		if (i % 100 == 0)
			ck_assert_uint_lt(pending(), 4096 * PAGE);
	}
}

IOASID_TEST(deferred, too_many_bytes)
{
	uint64_t four, five;
	double start;
	int i, try;
	char *large;

	prepare();
	large = mmap(NULL, 60 * MiB, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ck_assert_msg(large != MAP_FAILED, "huge pages: %m");
	for (try = 0; try < TRIES; try++) {
		id = ioasid_new_deferred(ctx);
		map_at(id, large, 60 * MiB / PAGE, 0);
		for (i = 1; i < 6; i++)
			ok_copy(ctx, .ioasid = id, .flags = RW | FIXED, .from_ioasid = id,
				.from_iova = 0, .length = 60 * MiB, .iova = i * 64 * MiB);
		start = now_ms();
		/* Four are within the bound, five are not. */
		ok_unmap(ctx, .ioasid = id, .iova = 0, .length = 4 * 64 * MiB);
		four = pending();
		ok_unmap(ctx, .ioasid = id, .iova = 256 * MiB, .length = 64 * MiB);
		five = pending();
		/* Nothing slow excuses that. */
		ck_assert_uint_lt(five, 256 * MiB);
		if (four == 240 * MiB && !five)
			return;
		/* The timer came in between. */
		ck_assert_msg(now_ms() - start > QUICK_MS, "four did not wait, or five did");
		ok_free(ctx, .ioasid = id);
	}
	test_fail("the machine is too slow");
}

/* What hands the address space on flushes: right afterwards nothing is pending. */
enum handing {
	FREE,
	CLOSE,
	ALLOW,
	DISALLOW,
	UNBIND,
	CLOSE_DEVICE,
	ALLOW_ANOTHER,
	DISALLOW_ANOTHER,
};

static const struct {
	struct test_row row;
	enum handing how;
} handings[] = {
	{ { "free", "" }, FREE },
	{ { "close", "" }, CLOSE },
	{ { "allow", NEEDS_BIND }, ALLOW },
	{ { "disallow", NEEDS_BIND }, DISALLOW },
	{ { "unbind", NEEDS_BIND }, UNBIND },
	{ { "close of the device", NEEDS_BIND }, CLOSE_DEVICE },
	{ { "allow for another device", NEEDS_GROUP }, ALLOW_ANOTHER },
	{ { "disallow for another device", NEEDS_GROUP }, DISALLOW_ANOTHER },
};

static void open_devices(enum handing how, struct edu *edu, struct edu *another)
{
	if (how <= CLOSE)
		return;
	edu_open(edu, EDU);
	edu_bind(edu, ctx);
	if (how > ALLOW)
		ok_allow(edu->fd, .ioasid = id);
	if (how < ALLOW_ANOTHER)
		return;
	edu_open(another, EDU_PAIR_0);
	edu_bind(another, ctx);
	if (how == DISALLOW_ANOTHER)
		ok_allow(another->fd, .ioasid = id);
}

static void hand_on(enum handing how, struct edu *edu, struct edu *another)
{
	switch (how) {
	case FREE:
		ok_free(ctx, .ioasid = id);
		break;
	case CLOSE:
		close(ctx);
		break;
	case ALLOW:
		ok_allow(edu->fd, .ioasid = id);
		break;
	case DISALLOW:
		ok_disallow(edu->fd, .ioasid = id);
		break;
	case UNBIND:
		edu_unbind(edu);
		break;
	case CLOSE_DEVICE:
		edu_close(edu);
		break;
	case ALLOW_ANOTHER:
		ok_allow(another->fd, .ioasid = id);
		break;
	case DISALLOW_ANOTHER:
		ok_disallow(another->fd, .ioasid = id);
		break;
	}
}

IOASID_TEST(deferred, handed_on, TEST_ROWS(handings))
{
	enum handing how = handings[row].how;
	struct edu edu, another;
	double start;

	prepare();
	open_devices(how, &edu, &another);
	map_at(id, memory, PAGES, AT);
	start = now_ms();
	unmap_at(id, PAGES, AT);
	hand_on(how, &edu, &another);
	/* If it was slower than the timer, that may not be done yet. */
	if (now_ms() - start < QUICK_MS)
		ck_assert_int_eq(vm_pin(), 0);
	expect_nothing_charged();
	if (how != CLOSE)
		ck_assert_int_eq(charged(), 0);
}

/* A process with a device, things pending, is killed: both come back. */
IOASID_TEST(deferred, killed, .needs = NEEDS_BIND)
{
	struct gate ready;
	pid_t pid;
	int i;

	gate_init(&ready);
	pid = child_fork();
	if (!pid) {
		struct rig rig;

		rig_open_flags(&rig, EDU, IOASID_ALLOC_DEFERRED_FLUSH);
		ctx = rig.ctx;
		memory = mem_new(PAGES * PAGE);
		gate_open(&ready);
		for (i = 0;; i++) {
			map_at(rig.ioasid, memory, PAGES, AT + i % 1000 * PAGES * PAGE);
			unmap_at(rig.ioasid, PAGES, AT + i % 1000 * PAGES * PAGE);
		}
	}
	gate_wait(&ready);
	usleep(30000);
	kill(pid, SIGKILL);
	child_join_killed(pid);
	ck_assert_int_eq(pins_settled(0), 0);
}

/* An IOVA that is only pending, and that the device does not reach, is not in the way. */
IOASID_TEST(deferred, pending_out_of_reach, .needs = NEEDS_BIND)
{
	struct edu edu;

	prepare();
	edu_open(&edu, EDU);
	edu_bind(&edu, ctx);
	map_at(id, memory, 1, 0xfee00000);
	map_at(id, memory, 1, AT);
	unmap_at(id, 1, 0xfee00000);
	ok_allow(edu.fd, .ioasid = id);
	ck_assert_uint_eq(pending(), 0);
	edu_scratch(&edu, ctx, id);
	ck_assert(edu_writes(&edu, AT, memory));
}

/* Without the flag nothing ever waits. */
IOASID_TEST(deferred, not_without_the_flag)
{
	int i;

	prepare();
	id = ioasid_new(ctx);
	for (i = 0; i < 50; i++) {
		map_at(id, memory, PAGES, AT);
		unmap_at(id, PAGES, AT);
		ck_assert_uint_eq(pending(), 0);
		ck_assert_int_eq(vm_pin(), 0);
	}
	map_many(id, 100);
	ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	ck_assert_uint_eq(pending(), 0);
	ck_assert_int_eq(vm_pin(), 0);
}

/* To a user who may pin no more, what is pending is given back first. */
IOASID_TEST(deferred, charged_to_the_limit)
{
	struct ioasid_map m;
	int rc;

	prepare();
	become_user(USER_1, PAGES * PAGE);
	map_at(id, memory, PAGES, AT);
	unmap_at(id, PAGES, AT);
	m = (struct ioasid_map){
		.size = sizeof(m),
		.flags = RW,
		.ioasid = id,
		.user_va = va(memory),
		.length = PAGES * PAGE,
	};
	rc = call_map(ctx, &m);
	ck_assert_msg(!rc, "%s", call_errname(-rc));
	ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	ok_sync(ctx, .ioasid = id);
	ck_assert_uint_eq(ok_info(ctx).out_locked_bytes, 0);
	map_at(id, memory, PAGES, AT);
}

/* A copy is pending, its source is not; and the other way round. */
IOASID_TEST(deferred, copies)
{
	uint32_t strict;

	prepare();
	strict = ioasid_new(ctx);
	map_at(strict, memory, PAGES, AT);
	ok_copy(ctx, .ioasid = id, .flags = RW | FIXED, .from_ioasid = strict, .from_iova = AT,
		.length = PAGE, .iova = AT);
	unmap_at(id, 1, AT);
	unmap_at(strict, PAGES, AT);
	/* The source is gone, but not for the device of the copy. */
	ok_sync(ctx, .ioasid = id);
	ck_assert_int_eq(vm_pin(), 0);

	map_at(id, memory, PAGES, AT);
	ok_copy(ctx, .ioasid = strict, .flags = RW | FIXED, .from_ioasid = id, .from_iova = AT,
		.length = PAGE, .iova = AT);
	unmap_at(id, PAGES, AT);
	ok_sync(ctx, .ioasid = id);
	ck_assert_int_eq(vm_pin(), PAGES * PAGE);
	unmap_at(strict, 1, AT);
	ck_assert_int_eq(vm_pin(), 0);
}

/*
 * A device: at the IOVA that other memory had a moment ago there is the new one, and never the old.
 */
IOASID_TEST(deferred, remap, .needs = NEEDS_BIND)
{
	char *page[3] = { mem_new(PAGE), mem_new(PAGE), mem_new(PAGE) };
	struct rig rig;
	int i;

	rig_open_flags(&rig, EDU, IOASID_ALLOC_DEFERRED_FLUSH);
	ctx = rig.ctx;
	map_at(rig.ioasid, page[0], 1, AT);
	edu_fill(&rig.edu);
	ck_assert(edu_stores(&rig.edu, AT, page[0]));
	for (i = 1; i < 3; i++) {
		memset(page[i - 1], 0x11, PAGE);
		unmap_at(rig.ioasid, 1, AT);
		map_at(rig.ioasid, page[i], 1, AT);
		ck_assert(edu_stores(&rig.edu, AT, page[i]));
		ck_assert(mem_is(page[i - 1], PAGE, 0x11));
	}
}

static const struct {
	struct test_row row;
	bool sync;
} flushes[] = {
	{ { "sync", "" }, true },
	{ { "timer", "" }, false },
};

/* The device has the translation in its cache when it is unmapped. */
IOASID_TEST(deferred, out_of_reach_after, TEST_ROWS(flushes), .needs = NEEDS_BIND)
{
	struct rig rig;

	rig_open_flags(&rig, EDU, IOASID_ALLOC_DEFERRED_FLUSH);
	ctx = rig.ctx;
	memory = mem_new(2 * PAGE);
	map_at(rig.ioasid, memory, 1, AT);
	map_at(rig.ioasid, memory + PAGE, 1, AT + PAGE);
	edu_fill(&rig.edu);
	ck_assert(edu_stores(&rig.edu, AT, memory));
	unmap_at(rig.ioasid, 1, AT);
	if (flushes[row].sync)
		ok_sync(ctx, .ioasid = rig.ioasid);
	else
		usleep(200000);
	ck_assert(!edu_stores(&rig.edu, AT, memory));
	ck_assert(edu_stores(&rig.edu, AT + PAGE, memory + PAGE));
}

/* The same for all of a large range, of which the device has used the two ends. */
IOASID_TEST(deferred, ends_of_a_range, .needs = NEEDS_BIND)
{
	const uint64_t far = 0x8000000;
	struct rig rig;

	rig_open_flags(&rig, EDU, IOASID_ALLOC_DEFERRED_FLUSH);
	ctx = rig.ctx;
	memory = mem_new(2 * PAGE);
	map_at(rig.ioasid, memory, 1, AT);
	map_at(rig.ioasid, memory + PAGE, 1, far);
	edu_fill(&rig.edu);
	ck_assert(edu_stores(&rig.edu, AT, memory));
	ck_assert(edu_stores(&rig.edu, far, memory + PAGE));
	unmap_at(rig.ioasid, 1, far);
	unmap_at(rig.ioasid, 1, AT);
	ok_sync(ctx, .ioasid = rig.ioasid);
	ck_assert(!edu_stores(&rig.edu, AT, memory));
	ck_assert(!edu_stores(&rig.edu, far, memory + PAGE));
}

/*
 * Invalidations as the driver of VT-d reports them, counted in a trace of our own. Others in the
 * system may add some.
 */
#define TRACE "/sys/kernel/tracing/instances/ioasid-test"

static bool trace_start(void)
{
	FILE *f;

	if (mkdir(TRACE, 0700) && errno != EEXIST)
		return false;
	f = fopen(TRACE "/events/intel_iommu/qi_submit/enable", "we");
	if (!f)
		return false;
	fputs("1", f);
	fclose(f);
	return true;
}

static int trace_stop(void)
{
	char line[500];
	int count = 0;
	FILE *f;

	f = fopen(TRACE "/trace", "re");
	ck_assert_msg(f, TRACE ": %m");
	while (fgets(line, sizeof(line), f))
		count += strstr(line, "qi_submit") && strstr(line, "iotlb_inv") &&
			 !strstr(line, "dev_tlb");
	fclose(f);
	rmdir(TRACE);
	return count;
}

#define NR 200

static const struct {
	struct test_row row;
	bool deferred;
	bool batch;
	int least;
	int most;
} counted[] = {
	{ { "strict", "" }, false, false, NR, 2 * NR },
	{ { "deferred", "" }, true, false, 1, 40 },
	{ { "batch", "" }, false, true, 1, 10 },
	{ { "deferred batch", "" }, true, true, 0, 40 },
};

/* NR unmaps take NR invalidations, unless these are deferred or shared. */
IOASID_TEST(deferred, flushes_are_few, TEST_ROWS(counted), .needs = NEEDS_BIND " !amd !virtio")
{
	struct ioasid_batch_entry entry[NR] = { 0 };
	struct edu edu;
	int i, count;

	prepare();
	if (!counted[row].deferred)
		id = ioasid_new(ctx);
	edu_open(&edu, EDU);
	edu_bind(&edu, ctx);
	ok_allow(edu.fd, .ioasid = id);
	map_many(id, NR);
	for (i = 0; i < NR; i++) {
		entry[i].op = IOASID_BATCH_UNMAP;
		entry[i].ioasid = id;
		entry[i].iova = AT + i * PAGE;
		entry[i].length = PAGE;
	}
	if (!trace_start()) {
		/* No tracing in this kernel. */
		return;
	}
	if (counted[row].batch)
		ok_batch(ctx, .entries = va(entry), .num_entries = NR,
			 .entry_size = sizeof(*entry));
	else
		for (i = 0; i < NR; i++)
			unmap_at(id, 1, AT + i * PAGE);
	ok_sync(ctx, .ioasid = id);
	count = trace_stop();
	ck_assert_int_ge(count, counted[row].least);
	ck_assert_int_le(count, counted[row].most);
}

/*
 * Random calls against a model: slots of the same size, each of which maps a page, a copy of one,
 * or nothing. What the calls say is checked all the time, what is pinned after each SYNC, and what
 * is in reach of the device at the end.
 */
#define SLOTS 64
#define SLOT(i) (AT + (i)*4 * PAGE)

static struct {
	int page[SLOTS];
	int uses;
} model;

static uint64_t state;

static unsigned int below(unsigned int n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 33) % n;
}

static void model_map(int slot, char *pages)
{
	int page = below(16);
	int rc = t_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(pages + page * PAGE),
		       .length = PAGE, .iova = SLOT(slot));

	ck_assert_int_eq(rc, model.page[slot] ? -EEXIST : 0);
	if (!rc)
		model.page[slot] = page + 1;
}

static void model_copy(int slot)
{
	int from = below(SLOTS);
	int rc = t_copy(ctx, .ioasid = id, .flags = RW | FIXED, .from_ioasid = id,
			.from_iova = SLOT(from), .length = PAGE, .iova = SLOT(slot));

	if (!model.page[from])
		ck_assert_int_eq(rc, -ENOENT);
	else
		ck_assert_int_eq(rc, model.page[slot] ? -EEXIST : 0);
	if (!rc)
		model.page[slot] = model.page[from];
}

static void model_unmap(int slot, int slots)
{
	uint64_t bytes = 0;
	struct ioasid_unmap u;
	int i, rc;

	for (i = slot; i < slot + slots && i < SLOTS; i++) {
		bytes += model.page[i] ? PAGE : 0;
		model.page[i] = 0;
	}
	u = (struct ioasid_unmap){
		.size = sizeof(u),
		.ioasid = id,
		.iova = SLOT(slot),
		.length = slots * 4 * PAGE,
	};
	rc = call_unmap(ctx, &u);
	ck_assert_int_eq(rc, bytes ? 0 : -ENOENT);
	ck_assert_uint_eq(u.out_unmapped_bytes, bytes);
}

static void model_compare(const char *pages)
{
	struct ioasid_query q;
	int i;

	for (i = 0; i < SLOTS; i++) {
		q = (struct ioasid_query){ .size = sizeof(q), .ioasid = id, .iova = SLOT(i) };
		ck_assert_int_eq(call_query(ctx, &q), model.page[i] ? 0 : -ENOENT);
		if (model.page[i])
			ck_assert_uint_eq(q.out_user_va, va(pages + (model.page[i] - 1) * PAGE));
	}
}

static void model_devices(struct edu *edu, char *pages)
{
	int i, checked = 0;

	edu_fill(edu);
	for (i = 0; i < SLOTS && checked < 6; i += 1 + below(8)) {
		char *page = pages + below(16) * PAGE;

		if (model.page[i])
			page = pages + (model.page[i] - 1) * PAGE;
		ck_assert_int_eq(edu_stores(edu, SLOT(i), page), !!model.page[i]);
		checked++;
	}
}

IOASID_TEST(deferred, model, .needs = NEEDS_BIND)
{
	struct rig rig;
	char *pages;
	int i;

	rig_open_flags(&rig, EDU, IOASID_ALLOC_DEFERRED_FLUSH);
	ctx = rig.ctx;
	id = rig.ioasid;
	state = now_ms() * 1000;
	fprintf(stderr, "deferred/model: seed %llu\n", (unsigned long long)state);
	pages = mem_new(16 * PAGE);
	for (i = 0; i < (int)rounds(6000); i++) {
		switch (below(8)) {
		case 0:
		case 1:
		case 2:
			model_map(below(SLOTS), pages);
			break;
		case 3:
			model_copy(below(SLOTS));
			break;
		case 4:
		case 5:
		case 6:
			model_unmap(below(SLOTS), 1 + (below(4) ? 0 : below(8)));
			break;
		case 7:
			if (below(20))
				break;
			ok_sync(ctx, .ioasid = id);
			ck_assert_uint_eq(pending(), 0);
			model_compare(pages);
			break;
		}
	}
	ok_sync(ctx, .ioasid = id);
	model_compare(pages);
	model_devices(&rig.edu, pages);
	ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	ok_sync(ctx, .ioasid = id);
	ck_assert_int_eq(vm_pin(), 0);
	ck_assert_int_eq(pins_settled(0), 0);
}

static volatile bool stop;

static void *syncs(void *unused)
{
	while (!stop)
		ok_sync(ctx, .ioasid = id);
	return unused;
}

static void *remaps(void *slot)
{
	uint64_t iova = AT + (uintptr_t)slot * MiB;
	int i;

	for (i = 0; i < (int)rounds(1500); i++) {
		map_at(id, memory, PAGES, iova);
		unmap_at(id, PAGES, iova);
	}
	return slot;
}

/* Two that map and unmap, and one that flushes. */
IOASID_TEST(deferred, threads)
{
	pthread_t thread[3];
	uintptr_t i;

	prepare();
	ck_assert(!pthread_create(&thread[2], NULL, syncs, NULL));
	for (i = 0; i < 2; i++)
		ck_assert(!pthread_create(&thread[i], NULL, remaps, (void *)i));
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	stop = true;
	pthread_join(thread[2], NULL);
	ok_sync(ctx, .ioasid = id);
	ck_assert_uint_eq(pending(), 0);
	ck_assert_int_eq(vm_pin(), 0);
	ck_assert_int_eq(pins_settled(0), 0);
}

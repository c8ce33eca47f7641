// SPDX-License-Identifier: GPL-2.0-only
/*
 * RLIMIT_MEMLOCK: what an unprivileged user may pin, over all contexts, and that it gets back what
 * it let go. Every test is a process that opened /dev/ioasid while it was root.
 */
#include "call.h"
#include "memory.h"
#include "oracle.h"
#include "process.h"
#include "test.h"

#define LIMIT (16 * PAGE)

static int ctx;
static uint32_t id;
static char *memory;

static uint64_t locked(void)
{
	return ok_info(ctx).out_locked_bytes;
}

static void prepare(uint64_t limit)
{
	memory = mem_new(64 * PAGE);
	ctx = context_open();
	id = ioasid_new(ctx);
	become_user(USER_1, limit);
	ck_assert_uint_eq(locked(), 0);
}

static uint64_t map_pages(unsigned int pages)
{
	return ok_map(ctx, .ioasid = id, .flags = RW, .user_va = va(memory), .length = pages * PAGE)
		.out_iova;
}

static void unmap_pages(uint64_t iova, unsigned int pages)
{
	ok_unmap(ctx, .ioasid = id, .iova = iova, .length = pages * PAGE);
}

/* This many pages more are refused, for this reason, and nothing changes. */
static void expect_quota(unsigned int pages, uint64_t charged, uint64_t limit)
{
	char before[4000];
	struct ioasid_map map;

	snprintf(before, sizeof(before), "%s", ioasid_listing(ctx, id));
	map = err_map(EDQUOT, ctx, .ioasid = id, .flags = RW, .user_va = va(memory),
		      .length = pages * PAGE);
	ck_assert_uint_eq(map.out_locked_bytes, charged);
	ck_assert_uint_eq(map.out_wanted_bytes, pages * PAGE);
	ck_assert_uint_eq(map.out_locked_limit_bytes, limit);
	ck_assert_uint_eq(map.out_iova, 0);
	ck_assert_str_eq(before, ioasid_listing(ctx, id));
	ck_assert_uint_eq(locked(), charged);
	ck_assert_int_eq(vm_pinned(getpid()), charged);
}

IOASID_TEST(memlock, exactly_the_limit)
{
	prepare(LIMIT);
	map_pages(16);
	ck_assert_uint_eq(locked(), LIMIT);
	expect_quota(1, LIMIT, LIMIT);
}

IOASID_TEST(memlock, one_page_too_many)
{
	prepare(LIMIT);
	expect_quota(17, 0, LIMIT);
	map_pages(10);
	expect_quota(7, 10 * PAGE, LIMIT);
	map_pages(6);
	expect_quota(1, LIMIT, LIMIT);
}

IOASID_TEST(memlock, after_unmap)
{
	uint64_t iova;

	prepare(LIMIT);
	iova = map_pages(16);
	expect_quota(1, LIMIT, LIMIT);
	unmap_pages(iova, 16);
	ck_assert_uint_eq(locked(), 0);
	map_pages(16);
}

IOASID_TEST(memlock, after_raising_the_limit)
{
	prepare(LIMIT);
	map_pages(16);
	expect_quota(4, LIMIT, LIMIT);
	set_memlock(20 * PAGE);
	map_pages(4);
	expect_quota(1, 20 * PAGE, 20 * PAGE);
	/* Lowering it takes nothing away. */
	set_memlock(PAGE);
	expect_quota(1, 20 * PAGE, PAGE);
	ck_assert_uint_eq(ok_info(ctx).out_mapped_bytes, 20 * PAGE);
}

IOASID_TEST(memlock, nothing_allowed)
{
	prepare(0);
	expect_quota(1, 0, 0);
	set_memlock(PAGE);
	map_pages(1);
}

/* Every mapping is charged, also of the same memory. */
IOASID_TEST(memlock, same_memory_counts_twice)
{
	prepare(LIMIT);
	map_pages(8);
	map_pages(8);
	expect_quota(1, LIMIT, LIMIT);
}

/* A map that fails later than at the quota gives the charge back. */
IOASID_TEST(memlock, failed_map_is_not_charged)
{
	prepare(LIMIT);
	munmap(memory + 8 * PAGE, PAGE);
	err_map(EFAULT, ctx, .ioasid = id, .flags = RW, .user_va = va(memory), .length = 16 * PAGE);
	ck_assert_uint_eq(locked(), 0);
	ck_assert_int_eq(vm_pinned(getpid()), 0);
	err_map(EINVAL, ctx, .ioasid = id, .flags = 0, .user_va = va(memory), .length = PAGE);
	err_map(ENOENT, ctx, .ioasid = id + 1, .flags = RW, .user_va = va(memory), .length = PAGE);
	ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(memory), .length = 8 * PAGE);
	err_map(EEXIST, ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(memory),
		.length = 8 * PAGE);
	ck_assert_uint_eq(locked(), 8 * PAGE);
	map_pages(8);
}

IOASID_TEST(memlock, shared_by_contexts)
{
	int other = context_open();
	uint32_t other_id = ioasid_new(other);
	struct ioasid_map map;

	prepare(LIMIT);
	map_pages(10);
	map = err_map(EDQUOT, other, .ioasid = other_id, .flags = RW, .user_va = va(memory),
		      .length = 7 * PAGE);
	ck_assert_uint_eq(map.out_locked_bytes, 10 * PAGE);
	ok_map(other, .ioasid = other_id, .flags = RW, .user_va = va(memory), .length = 6 * PAGE);
	expect_quota(1, LIMIT, LIMIT);
	close(other);
	ck_assert_uint_eq(locked(), 10 * PAGE);
	map_pages(6);
}

static const struct test_row ways[] = {
	{ "unmap", "" },
	{ "unmap all", "" },
	{ "free", "" },
	{ "close", "" },
};

IOASID_TEST(memlock, given_back, TEST_ROWS(ways))
{
	int other = context_open();
	uint64_t iova;

	prepare(LIMIT);
	iova = map_pages(16);
	switch (row) {
	case 0:
		unmap_pages(iova, 16);
		break;
	case 1:
		ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
		break;
	case 2:
		ok_free(ctx, .ioasid = id);
		break;
	case 3:
		close(ctx);
		break;
	}
	ck_assert_uint_eq(ok_info(other).out_locked_bytes, 0);
	ck_assert_int_eq(vm_pinned(getpid()), 0);
}

/* What the user is charged for, as seen by a process of that user. */
static uint64_t locked_of(int context, uid_t uid)
{
	uint64_t *answer =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = child_fork();

	if (!pid) {
		become_user(uid, LIMIT);
		*answer = ok_info(context).out_locked_bytes;
		child_done();
	}
	child_join(pid);
	return *answer;
}

/* The end of a process, by itself and by force. The context goes with it. */
static const struct test_row ends[] = { { "exit", "" }, { "kill", "" } };

IOASID_TEST(memlock, given_back_at_the_end_of, TEST_ROWS(ends))
{
	int here = context_open();
	struct gate ready;
	pid_t pid;

	gate_init(&ready);
	pid = child_fork();
	if (!pid) {
		prepare(LIMIT);
		map_pages(16);
		gate_open(&ready);
		if (row)
			pause();
		child_done();
	}
	gate_wait(&ready);
	if (row) {
		ck_assert_uint_eq(locked_of(here, USER_1), LIMIT);
		kill(pid, SIGKILL);
		child_join_killed(pid);
	} else {
		child_join(pid);
	}
	ck_assert_uint_eq(locked_of(here, USER_1), 0);
	ck_assert_int_eq(pins_settled(0), 0);
}

/* Charged is who maps, and that user is freed of it, whoever unmaps. */
IOASID_TEST(memlock, charged_is_who_maps)
{
	char *mine = mem_new(4 * PAGE);
	pid_t pid;

	ctx = context_open();
	id = ioasid_new(ctx);
	pid = child_fork();
	if (!pid) {
		become_user(USER_1, LIMIT);
		ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(mine),
		       .length = 4 * PAGE, .iova = PAGE);
		child_done();
	}
	child_join(pid);
	/* The context lives on in this process, and so does the mapping. */
	ck_assert_uint_eq(ok_info(ctx).out_mapped_bytes, 4 * PAGE);
	ck_assert_uint_eq(locked_of(ctx, USER_1), 4 * PAGE);
	ck_assert_uint_eq(locked_of(ctx, USER_2), 0);
	ck_assert_int_eq(vm_pinned(getpid()), 0);
	ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	ck_assert_uint_eq(locked_of(ctx, USER_1), 0);
}

IOASID_TEST(memlock, users_do_not_share)
{
	pid_t pid;

	memory = mem_new(64 * PAGE);
	ctx = context_open();
	id = ioasid_new(ctx);
	pid = child_fork();
	if (!pid) {
		become_user(USER_2, LIMIT);
		map_pages(16);
		expect_quota(1, LIMIT, LIMIT);
		child_done();
	}
	child_join(pid);
	become_user(USER_1, LIMIT);
	map_pages(16);
	expect_quota(1, LIMIT, LIMIT);
	ck_assert_uint_eq(ok_info(ctx).out_mapped_bytes, 2 * LIMIT);
}

/* Two threads of a user at the limit: never past it. Two processes stand for them. */
static void map_singles(uint64_t *iova)
{
	for (unsigned int i = 0; i < LIMIT / PAGE; i++)
		iova[i] = map_pages(1);
	ck_assert_uint_eq(locked(), LIMIT);
}

static void unmap_singles(const uint64_t *iova)
{
	for (unsigned int i = 0; i < LIMIT / PAGE; i++)
		unmap_pages(iova[i], 1);
	ck_assert_uint_eq(locked(), 0);
}

/* What is left of one user's mappings serves the next user's, and is charged to nobody else. */
IOASID_TEST(memlock, one_user_after_another)
{
	struct gate unmapped, mapped_by_other;
	uint64_t iova[LIMIT / PAGE];
	pid_t pid;

	memory = mem_new(64 * PAGE);
	ctx = context_open();
	id = ioasid_new(ctx);
	gate_init(&unmapped);
	gate_init(&mapped_by_other);
	pid = child_fork();
	if (!pid) {
		become_user(USER_2, LIMIT);
		map_singles(iova);
		unmap_singles(iova);
		gate_open(&unmapped);
		gate_wait(&mapped_by_other);
		ck_assert_uint_eq(locked(), 0);
		map_singles(iova);
		unmap_singles(iova);
		child_done();
	}
	become_user(USER_1, LIMIT);
	gate_wait(&unmapped);
	map_singles(iova);
	expect_quota(1, LIMIT, LIMIT);
	gate_open(&mapped_by_other);
	child_join(pid);
	ck_assert_uint_eq(locked(), LIMIT);
	unmap_singles(iova);
}

IOASID_TEST(memlock, race_at_the_limit, .timeout = 120)
{
	pid_t pid[2];
	int i, round;

	memory = mem_new(64 * PAGE);
	ctx = context_open();
	for (i = 0; i < 2; i++) {
		pid[i] = child_fork();
		if (pid[i])
			continue;
		become_user(USER_1, LIMIT);
		id = ioasid_new(ctx);
		for (round = 0; round < (int)rounds(300); round++) {
			struct ioasid_map map = {
				.size = sizeof(map),
				.ioasid = id,
				.flags = RW,
				.user_va = va(memory),
				.length = 12 * PAGE,
			};
			int rc = call_map(ctx, &map);

			ck_assert_uint_le(locked(), LIMIT);
			if (!rc)
				unmap_pages(map.out_iova, 12);
			else
				ck_assert_int_eq(rc, -EDQUOT);
		}
		child_done();
	}
	child_join(pid[0]);
	child_join(pid[1]);
	ck_assert_uint_eq(locked_of(ctx, USER_1), 0);
}

/* CAP_IPC_LOCK is above the limit. */
IOASID_TEST(memlock, privileged)
{
	memory = mem_new(64 * PAGE);
	ctx = context_open();
	id = ioasid_new(ctx);
	set_memlock(PAGE);
	map_pages(64);
	ck_assert_uint_eq(ok_info(ctx).out_locked_limit_bytes, ~0ull);
	ck_assert_int_eq(vm_pinned(getpid()), 64 * PAGE);
}

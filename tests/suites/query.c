// SPDX-License-Identifier: GPL-2.0-only
/* QUERY: what is at an IOVA, and listing all there is. */
#include "call.h"
#include "memory.h"
#include "test.h"

#define AT 0x100000ull
#define NEXT IOASID_QUERY_NEXT

static int ctx;
static uint32_t id;
static char *memory;

static void map(uint64_t iova, uint64_t pages, uint32_t flags)
{
	ok_map(ctx, .ioasid = id, .flags = flags | FIXED, .user_va = va(memory),
	       .length = pages * PAGE, .iova = iova);
}

static void prepare(void)
{
	ctx = context_open();
	id = ioasid_new(ctx);
	memory = mem_new(16 * PAGE);
}

static void expect(struct ioasid_query q, uint64_t start, uint64_t pages, uint32_t flags)
{
	ck_assert_uint_eq(q.out_range.start, start);
	ck_assert_uint_eq(q.out_range.last, start + pages * PAGE - 1);
	ck_assert_uint_eq(q.out_map_flags, flags);
	ck_assert_uint_eq(q.out_user_va, va(memory));
}

static void expect_nothing(struct ioasid_query q)
{
	ck_assert_uint_eq(q.out_range.start, 0);
	ck_assert_uint_eq(q.out_range.last, 0);
	ck_assert_uint_eq(q.out_map_flags, 0);
	ck_assert_uint_eq(q.out_user_va, 0);
}

IOASID_TEST(query, every_byte)
{
	prepare();
	map(AT, 2, RW);
	expect(ok_query(ctx, .ioasid = id, .iova = AT), AT, 2, RW);
	expect(ok_query(ctx, .ioasid = id, .iova = AT + 1), AT, 2, RW);
	expect(ok_query(ctx, .ioasid = id, .iova = AT + PAGE), AT, 2, RW);
	expect(ok_query(ctx, .ioasid = id, .iova = AT + 2 * PAGE - 1), AT, 2, RW);
	expect_nothing(err_query(ENOENT, ctx, .ioasid = id, .iova = AT - 1));
	expect_nothing(err_query(ENOENT, ctx, .ioasid = id, .iova = AT + 2 * PAGE));
	expect_nothing(err_query(ENOENT, ctx, .ioasid = id, .iova = 0));
	expect_nothing(err_query(ENOENT, ctx, .ioasid = id, .iova = UINT64_MAX));
}

IOASID_TEST(query, empty)
{
	prepare();
	expect_nothing(err_query(ENOENT, ctx, .ioasid = id, .iova = 0));
	expect_nothing(err_query(ENOENT, ctx, .ioasid = id, .flags = NEXT, .iova = 0));
	expect_nothing(err_query(ENOENT, ctx, .ioasid = id, .flags = NEXT, .iova = UINT64_MAX));
}

IOASID_TEST(query, next)
{
	prepare();
	map(AT, 2, IOASID_MAP_READ);
	map(AT + 4 * PAGE, 1, IOASID_MAP_WRITE);
	expect(ok_query(ctx, .ioasid = id, .flags = NEXT), AT, 2, IOASID_MAP_READ);
	expect(ok_query(ctx, .ioasid = id, .flags = NEXT, .iova = AT + PAGE + 5), AT, 2,
	       IOASID_MAP_READ);
	expect(ok_query(ctx, .ioasid = id, .flags = NEXT, .iova = AT + 2 * PAGE), AT + 4 * PAGE, 1,
	       IOASID_MAP_WRITE);
	expect_nothing(err_query(ENOENT, ctx, .ioasid = id, .flags = NEXT, .iova = AT + 5 * PAGE));
}

/* Listing as the header says, with mappings at both ends of the space. */
IOASID_TEST(query, list)
{
	const uint64_t at[] = { 0, AT, AT + PAGE, 1ull << 40, 0 - PAGE };
	struct ioasid_query q = { .out_range.last = UINT64_MAX };
	unsigned int i;

	prepare();
	for (i = ARRAY_SIZE(at); i-- > 0;)
		map(at[i], 1, RW);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		q = ok_query(ctx, .ioasid = id, .flags = NEXT, .iova = q.out_range.last + 1);
		expect(q, at[i], 1, RW);
	}
	ck_assert_uint_eq(q.out_range.last, UINT64_MAX);
}

// SPDX-License-Identifier: GPL-2.0-only
/* UNMAP: whole mappings, any number of them, and never a part of one. */
#include "call.h"
#include "memory.h"
#include "oracle.h"
#include "test.h"

#define AT 0x100000ull

/* Three mappings of four pages each, at pages 0, 8 and 16 behind AT. */
struct space {
	int ctx;
	uint32_t id;
	char *memory;
};

static struct space space_new(void)
{
	struct space s = { .ctx = context_open(), .memory = mem_new(4 * PAGE) };
	int i;

	s.id = ioasid_new(s.ctx);
	for (i = 0; i < 3; i++)
		ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(s.memory),
		       .length = 4 * PAGE, .iova = AT + i * 8 * PAGE);
	return s;
}

static uint64_t unmap(struct space s, unsigned int from, unsigned int to)
{
	return ok_unmap(s.ctx, .ioasid = s.id, .iova = AT + from * PAGE,
			.length = (to - from) * PAGE)
		.out_unmapped_bytes;
}

static void expect_left(struct space s, int mappings)
{
	ck_assert_uint_eq(ok_info(s.ctx).out_mappings, mappings);
	ck_assert_uint_eq(ok_info(s.ctx).out_mapped_bytes, mappings * 4 * PAGE);
	ck_assert_int_eq(pins_settled(mappings * 4), mappings * 4);
	ck_assert_int_eq(vm_pinned(getpid()), mappings * 4 * PAGE);
}

/* From and to in pages; how many of the three go. */
static const struct {
	struct test_row row;
	unsigned int from;
	unsigned int to;
	int gone;
} whole[] = {
	{ { "first", "" }, 0, 4, 1 },
	{ { "second", "" }, 8, 12, 1 },
	{ { "last", "" }, 16, 20, 1 },
	{ { "with room around", "" }, 6, 14, 1 },
	{ { "up to the next", "" }, 8, 16, 1 },
	{ { "two with the hole", "" }, 0, 12, 2 },
	{ { "two with room", "" }, 5, 30, 2 },
	{ { "three", "" }, 0, 20, 3 },
	{ { "three with a lot of room", "" }, 0, 100000, 3 },
};

IOASID_TEST(unmap, whole, TEST_ROWS(whole))
{
	struct space s = space_new();

	ck_assert_uint_eq(unmap(s, whole[row].from, whole[row].to), whole[row].gone * 4 * PAGE);
	expect_left(s, 3 - whole[row].gone);
}

IOASID_TEST(unmap, from_end_to_end)
{
	struct space s = space_new();

	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(s.memory),
	       .length = 4 * PAGE, .iova = 0 - 4 * PAGE);
	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(s.memory),
	       .length = 4 * PAGE);
	/* The length of everything does not fit; everything but one page does. */
	ck_assert_uint_eq(ok_unmap(s.ctx, .ioasid = s.id, .iova = 4 * PAGE, .length = 0 - 4 * PAGE)
				  .out_unmapped_bytes,
			  16 * PAGE);
	expect_left(s, 1);
}

/* Cuts: from and to in pages, and which of the three is in the way first. */
static const struct {
	struct test_row row;
	unsigned int from;
	unsigned int to;
	int cut;
} cuts[] = {
	{ { "left page", "" }, 0, 1, 0 },
	{ { "right page", "" }, 3, 4, 0 },
	{ { "middle", "" }, 1, 3, 0 },
	{ { "right part and hole", "" }, 2, 7, 0 },
	{ { "hole and left part", "" }, 5, 9, 1 },
	{ { "both ends cut", "" }, 2, 18, 0 },
	{ { "whole and part", "" }, 0, 10, 1 },
	{ { "part and whole", "" }, 9, 20, 1 },
	{ { "two wholes and a part", "" }, 0, 17, 2 },
};

IOASID_TEST(unmap, cut, TEST_ROWS(cuts))
{
	uint64_t start = AT + cuts[row].cut * 8 * PAGE;
	struct space s = space_new();
	struct ioasid_unmap u;
	char before[1000];

	snprintf(before, sizeof(before), "%s", ioasid_listing(s.ctx, s.id));
	u = err_unmap(EINVAL, s.ctx, .ioasid = s.id, .iova = AT + cuts[row].from * PAGE,
		      .length = (cuts[row].to - cuts[row].from) * PAGE);
	ck_assert_uint_eq(u.out_range.start, start);
	ck_assert_uint_eq(u.out_range.last, start + 4 * PAGE - 1);
	ck_assert_uint_eq(u.out_unmapped_bytes, 0);
	ck_assert_str_eq(before, ioasid_listing(s.ctx, s.id));
	expect_left(s, 3);
	/* Taking what the reply names works. */
	ok_unmap(s.ctx, .ioasid = s.id, .iova = u.out_range.start,
		 .length = u.out_range.last - u.out_range.start + 1);
	expect_left(s, 2);
}

/* Adjacent mappings stay two. */
IOASID_TEST(unmap, adjacent)
{
	struct space s = space_new();

	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(s.memory),
	       .length = 4 * PAGE, .iova = AT + 4 * PAGE);
	ck_assert_uint_eq(unmap(s, 4, 8), 4 * PAGE);
	expect_left(s, 3);
	ck_assert_int_eq(t_query(s.ctx, .ioasid = s.id, .iova = AT + 4 * PAGE), -ENOENT);
	ok_query(s.ctx, .ioasid = s.id, .iova = AT + 4 * PAGE - 1);
	ok_query(s.ctx, .ioasid = s.id, .iova = AT + 8 * PAGE);
}

static const struct {
	struct test_row row;
	uint64_t iova;
	uint64_t length;
} nothing[] = {
	{ { "before", "" }, AT - 4 * PAGE, 4 * PAGE },
	{ { "between", "" }, AT + 4 * PAGE, 4 * PAGE },
	{ { "behind", "" }, AT + 20 * PAGE, PAGE },
	{ { "far up", "" }, 0 - 4 * PAGE, 4 * PAGE },
	{ { "zero", "" }, 0, PAGE },
};

IOASID_TEST(unmap, nothing_there, TEST_ROWS(nothing))
{
	struct space s = space_new();

	err_unmap(ENOENT, s.ctx, .ioasid = s.id, .iova = nothing[row].iova,
		  .length = nothing[row].length);
	expect_left(s, 3);
	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(s.memory), .length = PAGE,
	       .iova = nothing[row].iova);
	ck_assert_uint_eq(ok_unmap(s.ctx, .ioasid = s.id, .iova = nothing[row].iova,
				   .length = nothing[row].length)
				  .out_unmapped_bytes,
			  PAGE);
	expect_left(s, 3);
}

IOASID_TEST(unmap, twice)
{
	struct space s = space_new();

	unmap(s, 0, 4);
	err_unmap(ENOENT, s.ctx, .ioasid = s.id, .iova = AT, .length = 4 * PAGE);
	expect_left(s, 2);
}

static const struct {
	struct test_row row;
	int error;
	struct ioasid_unmap unmap;
} malformed[] = {
	{ { "no length", "" }, EINVAL, { .iova = AT } },
	{ { "length of a byte", "" }, EINVAL, { .iova = AT, .length = 1 } },
	{ { "odd length", "" }, EINVAL, { .iova = AT, .length = 4 * PAGE - 1 } },
	{ { "odd iova", "" }, EINVAL, { .iova = AT + 1, .length = 4 * PAGE } },
	{ { "wraps", "" }, EOVERFLOW, { .iova = 0 - PAGE, .length = 2 * PAGE } },
	{ { "wraps by far", "" }, EOVERFLOW, { .iova = AT, .length = 0 - PAGE } },
	{ { "ALL and iova", "" }, EINVAL, { .flags = IOASID_UNMAP_ALL, .iova = AT } },
	{ { "ALL and length", "" }, EINVAL, { .flags = IOASID_UNMAP_ALL, .length = PAGE } },
};

IOASID_TEST(unmap, malformed, TEST_ROWS(malformed))
{
	struct ioasid_unmap u = malformed[row].unmap;
	struct space s = space_new();
	int rc;

	u.size = sizeof(u);
	u.ioasid = s.id;
	rc = call_unmap(s.ctx, &u);
	if (rc != -malformed[row].error)
		test_fail("expected %s, got %s", call_errname(malformed[row].error),
			  call_errname(-rc));
	ck_assert_uint_eq(u.out_unmapped_bytes, 0);
	ck_assert_uint_eq(u.out_range.last, 0);
	expect_left(s, 3);
	unmap(s, 0, 4);
}

IOASID_TEST(unmap, all)
{
	struct space s = space_new();
	uint32_t other = ioasid_new(s.ctx);

	ok_map(s.ctx, .ioasid = other, .flags = RW, .user_va = va(s.memory), .length = 4 * PAGE);
	ck_assert_uint_eq(
		ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL).out_unmapped_bytes,
		12 * PAGE);
	expect_left(s, 1);
	ck_assert_uint_eq(
		ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL).out_unmapped_bytes, 0);
	/* The space can be used as before. */
	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(s.memory),
	       .length = 4 * PAGE, .iova = AT);
	expect_left(s, 2);
}

IOASID_TEST(unmap, all_of_nothing)
{
	int ctx = context_open();
	uint32_t id = ioasid_new(ctx);

	ck_assert_uint_eq(ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL).out_unmapped_bytes,
			  0);
}

/* What a process did to the memory since does not matter. */
IOASID_TEST(unmap, after_munmap)
{
	struct space s = space_new();

	munmap(s.memory, 4 * PAGE);
	ck_assert_int_eq(pins_now(), 12);
	unmap(s, 0, 20);
	expect_left(s, 0);
}

IOASID_TEST(unmap, after_mremap)
{
	struct space s = space_new();
	char *elsewhere;

	mem_fill(s.memory, 4 * PAGE, 1);
	elsewhere = mremap(s.memory, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	ck_assert(elsewhere != MAP_FAILED);
	ck_assert(mem_has(elsewhere, 4 * PAGE, 1));
	unmap(s, 0, 20);
	expect_left(s, 0);
	ck_assert(mem_has(elsewhere, 4 * PAGE, 1));
}

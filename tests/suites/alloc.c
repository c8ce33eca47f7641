// SPDX-License-Identifier: GPL-2.0-only
/* ALLOC and FREE: numbers, whose they are, how many there can be. */
#include "call.h"
#include "memory.h"
#include "oracle.h"
#include "test.h"

IOASID_TEST(alloc, one)
{
	int ctx = context_open();
	uint32_t id = ioasid_new(ctx);
	struct fdinfo info = fdinfo_read(ctx);

	ck_assert_uint_ne(id, 0);
	ck_assert_int_eq(info.abi, IOASID_ABI_VERSION);
	ck_assert_int_eq(info.count, 1);
	ck_assert_int_eq(fdinfo_find(&info, id), 0);
	ck_assert(!info.ioasid[0].freed && !info.ioasid[0].mappings && !info.ioasid[0].devices);
	ok_free(ctx, .ioasid = id);
	ck_assert_int_eq(fdinfo_read(ctx).count, 0);
}

IOASID_TEST(alloc, many_are_unique)
{
	enum {
		COUNT = 500
	};
	uint32_t ids[COUNT];
	int ctx = context_open(), i, j;

	for (i = 0; i < COUNT; i++) {
		ids[i] = ioasid_new(ctx);
		for (j = 0; j < i; j++)
			ck_assert_uint_ne(ids[i], ids[j]);
	}
	ck_assert_uint_eq(ok_info(ctx).out_ioasids, COUNT);
	ck_assert_int_eq(fdinfo_read(ctx).count, COUNT);
	for (i = 0; i < COUNT; i++)
		ok_free(ctx, .ioasid = ids[COUNT - 1 - i]);
	ck_assert_uint_eq(ok_info(ctx).out_ioasids, 0);
}

/* Every number that is not ours, for every call that takes one. */
static void expect_unknown(int ctx, uint32_t id)
{
	struct ioasid_range range;
	void *memory = mem_new(PAGE);

	err_free(ENOENT, ctx, .ioasid = id);
	err_map(ENOENT, ctx, .ioasid = id, .flags = RW, .user_va = va(memory), .length = PAGE);
	err_unmap(ENOENT, ctx, .ioasid = id, .iova = 0, .length = PAGE);
	err_unmap(ENOENT, ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	err_ranges(ENOENT, ctx, .ioasid = id, .num_ranges = 1, .ranges = va(&range));
	err_query(ENOENT, ctx, .ioasid = id);
	err_query(ENOENT, ctx, .ioasid = id, .flags = IOASID_QUERY_NEXT);
	munmap(memory, PAGE);
}

IOASID_TEST(alloc, foreign_numbers)
{
	int ctx = context_open();
	uint32_t id = ioasid_new(ctx);
	const uint32_t foreign[] = { 0, id + 1, id - 1, id + 4096, 0x7fffffff, 0x80000000, ~0u };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(foreign); i++)
		expect_unknown(ctx, foreign[i]);
	ck_assert_uint_eq(ok_info(ctx).out_ioasids, 1);
	ok_free(ctx, .ioasid = id);
}

IOASID_TEST(alloc, freed_numbers)
{
	int ctx = context_open();
	uint32_t id = ioasid_new(ctx), other = ioasid_new(ctx);

	ok_free(ctx, .ioasid = id);
	expect_unknown(ctx, id);
	ck_assert_uint_eq(ok_info(ctx).out_ioasids, 1);
	ok_free(ctx, .ioasid = other);
}

/* Numbers of another context mean nothing, even where both have the same ones. */
IOASID_TEST(alloc, other_context)
{
	int a = context_open(), b = context_open();
	uint32_t in_a[3], in_b;
	void *memory = mem_new(PAGE);
	int i;

	for (i = 0; i < 3; i++)
		in_a[i] = ioasid_new(a);
	for (i = 0; i < 3; i++)
		expect_unknown(b, in_a[i]);
	in_b = ioasid_new(b);
	ok_map(b, .ioasid = in_b, .flags = RW | FIXED, .user_va = va(memory), .length = PAGE,
	       .iova = 0x1000);
	for (i = 0; i < 3; i++)
		err_query(ENOENT, a, .ioasid = in_a[i], .iova = 0x1000);
	close(a);
	ck_assert_uint_eq(ok_query(b, .ioasid = in_b, .iova = 0x1000).out_range.start, 0x1000);
}

IOASID_TEST(alloc, free_removes_mappings)
{
	int ctx = context_open();
	uint32_t id = ioasid_new(ctx);
	void *memory = mem_new(16 * PAGE);

	ok_map(ctx, .ioasid = id, .flags = RW, .user_va = va(memory), .length = 16 * PAGE);
	ck_assert_int_eq(pins_now(), 16);
	ck_assert_int_eq(vm_pinned(getpid()), 16 * PAGE);
	ok_free(ctx, .ioasid = id);
	ck_assert_int_eq(pins_now(), 0);
	ck_assert_int_eq(vm_pinned(getpid()), 0);
	ck_assert_uint_eq(ok_info(ctx).out_mapped_bytes, 0);
}

/* ENOSPC: the context is full; one less, and there is room again. */
IOASID_TEST(alloc, until_full, .needs = "!slow !brief", .timeout = 240)
{
	int ctx = context_open();
	uint32_t max = ok_info(ctx).out_max_ioasids, first = ioasid_new(ctx), i;
	int other;

	ck_assert_uint_ge(max, 1000);
	for (i = 1; i < max; i++)
		ioasid_new(ctx);
	ck_assert_uint_eq(err_alloc(ENOSPC, ctx).out_ioasid, 0);
	ck_assert_uint_eq(ok_info(ctx).out_ioasids, max);
	other = context_open();
	ioasid_new(other);
	ok_free(ctx, .ioasid = first);
	ck_assert_uint_ne(ioasid_new(ctx), 0);
	err_alloc(ENOSPC, ctx);
	close(ctx);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * BATCH: many calls in one, in order, up to the first that fails; that one and the rest are as if
 * not made.
 */
#include "call.h"
#include "edu.h"
#include "memory.h"
#include "oracle.h"
#include "process.h"
#include "test.h"

#define AT 0x100000ull
#define TO 0x800000ull
#define NR 8
#define POISON 0xa5a5a5a5a5a5a5a5ull

static int ctx;
static uint32_t id, other;
static char *memory;

static void prepare(void)
{
	ctx = context_open();
	id = ioasid_new(ctx);
	other = ioasid_new(ctx);
	memory = mem_new(NR * PAGE);
}

/* Pages of the memory, counted from the first. */
static struct ioasid_batch_entry map_pages(uint32_t ioasid, uint64_t iova, uint64_t page,
					   uint64_t pages)
{
	return (struct ioasid_batch_entry){
		.op = IOASID_BATCH_MAP,
		.flags = RW | FIXED,
		.ioasid = ioasid,
		.start = va(memory) + page * PAGE,
		.length = pages * PAGE,
		.iova = iova,
		.out_iova = POISON,
	};
}

static struct ioasid_batch_entry map_one(uint64_t iova)
{
	return map_pages(id, iova, 0, 1);
}

static struct ioasid_batch_entry unmap_pages(uint32_t ioasid, uint64_t iova, uint64_t pages)
{
	return (struct ioasid_batch_entry){
		.op = IOASID_BATCH_UNMAP,
		.ioasid = ioasid,
		.length = pages * PAGE,
		.iova = iova,
		.out_iova = POISON,
	};
}

static struct ioasid_batch_entry unmap_one(uint64_t iova)
{
	return unmap_pages(id, iova, 1);
}

static struct ioasid_batch_entry unmap_all(uint32_t ioasid)
{
	return (struct ioasid_batch_entry){
		.op = IOASID_BATCH_UNMAP,
		.flags = IOASID_UNMAP_ALL,
		.ioasid = ioasid,
	};
}

static struct ioasid_batch_entry copy_pages(uint32_t from, uint64_t from_iova, uint32_t ioasid,
					    uint64_t iova, uint64_t pages)
{
	return (struct ioasid_batch_entry){
		.op = IOASID_BATCH_COPY,
		.flags = RW | FIXED,
		.ioasid = ioasid,
		.from_ioasid = from,
		.start = from_iova,
		.length = pages * PAGE,
		.iova = iova,
		.out_iova = POISON,
	};
}

static struct ioasid_batch batch_of(const void *entries, unsigned int nr)
{
	return (struct ioasid_batch){
		.size = sizeof(struct ioasid_batch),
		.entries = va(entries),
		.num_entries = nr,
		.entry_size = sizeof(struct ioasid_batch_entry),
	};
}

static void run(struct ioasid_batch_entry *entries, unsigned int nr)
{
	struct ioasid_batch b = batch_of(entries, nr);
	int rc = call_batch(ctx, &b);

	ck_assert_msg(!rc, "%s at entry %u", call_errname(-rc), b.out_num_done);
	ck_assert_uint_eq(b.out_num_done, nr);
	ck_assert(!b.out_reserved && !b.out_range.start && !b.out_range.last);
	ck_assert(!b.out_locked_bytes && !b.out_wanted_bytes && !b.out_locked_limit_bytes);
}

/* This one fails, after so many, and for this reason. */
static struct ioasid_batch fails(int error, unsigned int done, const void *entries, unsigned int nr)
{
	struct ioasid_batch b = batch_of(entries, nr);
	int rc = call_batch(ctx, &b);

	ck_assert_msg(rc == -error, "expected %s, got %s", call_errname(error), call_errname(-rc));
	ck_assert_uint_eq(b.out_num_done, done);
	return b;
}

static void expect_use(uint64_t mappings, uint64_t mapped_pages, uint64_t pinned_pages)
{
	struct ioasid_info info = ok_info(ctx);

	ck_assert_uint_eq(info.out_mappings, mappings);
	ck_assert_uint_eq(info.out_mapped_bytes, mapped_pages * PAGE);
	ck_assert_int_eq(vm_pinned(getpid()), pinned_pages * PAGE);
	ck_assert_int_eq(pins_settled(pinned_pages), pinned_pages);
}

static bool mapped_at(uint32_t ioasid, uint64_t iova)
{
	return !t_query(ctx, .ioasid = ioasid, .iova = iova);
}

IOASID_TEST(batch, empty)
{
	prepare();
	run(NULL, 0);
	run((void *)1, 0);
	run((void *)0xffff888000000000, 0);
}

IOASID_TEST(batch, maps)
{
	struct ioasid_batch_entry e[NR];
	struct ioasid_query q;
	unsigned int i;

	prepare();
	for (i = 0; i < NR; i++) {
		e[i] = map_pages(id, i % 2 ? 0 : AT + i * PAGE, i, 1);
		if (i % 2)
			e[i].flags = IOASID_MAP_READ;
	}
	run(e, NR);
	for (i = 0; i < NR; i++) {
		if (i % 2 == 0)
			ck_assert_uint_eq(e[i].out_iova, AT + i * PAGE);
		ck_assert_uint_ne(e[i].out_iova, 0);
		q = ok_query(ctx, .ioasid = id, .iova = e[i].out_iova);
		ck_assert_uint_eq(q.out_range.start, e[i].out_iova);
		ck_assert_uint_eq(q.out_user_va, va(memory) + i * PAGE);
		ck_assert_uint_eq(q.out_map_flags, i % 2 ? IOASID_MAP_READ : RW);
	}
	expect_use(NR, NR, NR);
}

/* Pages in a row may be pinned together: each gets to its own IOVA, and none stays behind. */
IOASID_TEST(batch, pages_in_a_row, .needs = NEEDS_BIND)
{
	struct ioasid_batch_entry e[NR];
	struct rig rig;
	unsigned int i;

	prepare();
	rig_open(&rig, EDU);
	ctx = rig.ctx;
	id = rig.ioasid;
	for (i = 0; i < NR; i++)
		e[i] = map_pages(id, AT + (NR - i) * PAGE, i, 1);
	e[5].iova = e[2].iova;
	fails(EEXIST, 5, e, NR);
	for (i = 0; i < 5; i++)
		ck_assert(edu_writes(&rig.edu, AT + (NR - i) * PAGE, memory + i * PAGE));
	ck_assert(!edu_stores(&rig.edu, AT + (NR - 5) * PAGE, memory + 5 * PAGE));
	ck_assert_int_eq(pins_settled(5 + 1), 5 + 1);
	e[0] = unmap_all(id);
	run(e, 1);
	ck_assert_int_eq(pins_settled(0), 0);
}

/* Entries see what those before them did. */
IOASID_TEST(batch, mixed)
{
	struct ioasid_batch_entry e[7];

	prepare();
	e[0] = map_pages(id, AT, 0, 4);
	e[1] = copy_pages(id, AT + PAGE, other, TO, 1);
	e[2] = unmap_pages(id, AT, 4);
	e[3] = map_pages(id, AT, 5, 1);
	e[4] = copy_pages(other, TO, id, AT + PAGE, 1);
	e[5] = unmap_pages(other, TO, 256);
	e[6] = copy_pages(id, AT + PAGE, id, 0, 1);
	e[6].flags = RW;
	run(e, ARRAY_SIZE(e));
	/* Unmapping answers nothing. */
	ck_assert_uint_eq(e[2].out_iova, POISON);
	ck_assert_uint_eq(e[1].out_iova, TO);
	ck_assert_uint_eq(ok_query(ctx, .ioasid = id, .iova = AT).out_user_va,
			  va(memory) + 5 * PAGE);
	ck_assert_uint_eq(ok_query(ctx, .ioasid = id, .iova = AT + PAGE).out_user_va,
			  va(memory) + PAGE);
	ck_assert_uint_eq(ok_query(ctx, .ioasid = id, .iova = e[6].out_iova).out_user_va,
			  va(memory) + PAGE);
	ck_assert_str_eq(ioasid_listing(ctx, other), "");
	/* One page, and the four that the two copies keep. */
	expect_use(3, 3, 5);
	ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	expect_use(0, 0, 0);
}

/* What is unmapped is given back when the batch returns, and its IOVA can be used in it again. */
static const struct {
	struct test_row row;
	bool deferred;
} kinds[] = {
	{ { "strict", "" }, false },
	{ { "deferred", "" }, true },
};

IOASID_TEST(batch, unmap_and_map, TEST_ROWS(kinds))
{
	struct ioasid_batch_entry e[3 * NR];
	unsigned int i;

	prepare();
	if (kinds[row].deferred)
		id = ioasid_new_deferred(ctx);
	for (i = 0; i < NR; i++) {
		e[3 * i] = map_one(AT);
		e[3 * i + 1] = unmap_one(AT);
		e[3 * i + 2] = map_pages(id, TO + i * PAGE, i, 1);
	}
	run(e, ARRAY_SIZE(e));
	for (i = 0; i < NR; i++)
		e[i] = unmap_one(TO + i * PAGE);
	run(e, NR);
	ck_assert_str_eq(ioasid_listing(ctx, id), "");
	if (kinds[row].deferred) {
		ok_sync(ctx, .ioasid = id);
	} else {
		ck_assert_uint_eq(fdinfo_pending(ctx, id), 0);
		ck_assert_int_eq(vm_pinned(getpid()), 0);
	}
	expect_use(0, 0, 0);
}

IOASID_TEST(batch, unmap_all)
{
	struct ioasid_batch_entry e[5];

	prepare();
	e[0] = map_one(AT);
	e[1] = unmap_all(id);
	e[2] = unmap_all(id);
	e[3] = map_one(AT);
	e[4] = unmap_all(other);
	run(e, ARRAY_SIZE(e));
	expect_use(1, 1, 1);
}

/* Nothing is pending, unless the IOASID defers; then it is not after SYNC. */
static void flushed(uint32_t ioasid, bool deferred)
{
	if (deferred)
		ok_sync(ctx, .ioasid = ioasid);
	ck_assert_uint_eq(fdinfo_pending(ctx, ioasid), 0);
}

IOASID_TEST(batch, many_ioasids)
{
	enum {
		IOASIDS = 50
	};
	static struct ioasid_batch_entry e[3 * IOASIDS];
	uint32_t ids[IOASIDS];
	unsigned int i;

	prepare();
	for (i = 0; i < IOASIDS; i++)
		ids[i] = i % 3 ? ioasid_new(ctx) : ioasid_new_deferred(ctx);
	for (i = 0; i < IOASIDS; i++) {
		e[i] = map_pages(ids[i], AT + i * PAGE, 0, 1);
		e[2 * IOASIDS - 1 - i] =
			copy_pages(ids[i], AT + i * PAGE, ids[(i + 1) % IOASIDS], TO, 1);
		e[2 * IOASIDS + i] = unmap_pages(ids[i], AT + i * PAGE, 1);
	}
	run(e, ARRAY_SIZE(e));
	for (i = 0; i < IOASIDS; i++) {
		ck_assert(!mapped_at(ids[i], AT + i * PAGE));
		ck_assert(mapped_at(ids[i], TO));
		flushed(ids[i], i % 3 == 0);
	}
	expect_use(IOASIDS, IOASIDS, IOASIDS);
	/* Taking turns between two of them. */
	for (i = 0; i < IOASIDS; i++)
		e[i] = unmap_pages(ids[i % 2 ? IOASIDS - 1 - i / 2 : i / 2], TO, 1);
	run(e, IOASIDS);
	for (i = 0; i < IOASIDS; i++)
		flushed(ids[i], i % 3 == 0);
	expect_use(0, 0, 0);
}

static const uint32_t entry_sizes[] = { 0, 1, 40, 47, 49, 56, 96, 0xffffffff };

IOASID_TEST(batch, entry_size)
{
	struct ioasid_batch_entry e[2];
	unsigned int i;

	prepare();
	e[0] = map_one(AT);
	for (i = 0; i < ARRAY_SIZE(entry_sizes); i++)
		err_batch(EINVAL, ctx, .entries = va(e), .num_entries = 1,
			  .entry_size = entry_sizes[i]);
	/* Also when there is none. */
	err_batch(EINVAL, ctx, .entry_size = 8);
	expect_use(0, 0, 0);
}

/*
 * Each way to fail, as the entry behind @done good ones; the good ones are done, those behind the
 * bad one are not.
 */
static const struct {
	struct test_row row;
	int error;
	struct ioasid_batch_entry entry;
	struct ioasid_range range;
} bad[] = {
#define ROW(name_, error_, ...) .row = { name_, "" }, .error = error_, .entry = { __VA_ARGS__ }
#define PAGE_AT(iova_) .length = PAGE, .iova = iova_
#define MAP_AT(iova_) .flags = RW | FIXED, PAGE_AT(iova_)
#define COPY_TO(iova_, start_) \
	.op = IOASID_BATCH_COPY, MAP_AT(iova_), .from_ioasid = 1, .start = start_
#define UNMAP_AT(iova_) .op = IOASID_BATCH_UNMAP, PAGE_AT(iova_)
#define THERE .range = { AT, AT + 2 * PAGE - 1 }
	{ ROW("map, taken", EEXIST, MAP_AT(AT)), THERE },
	{ ROW("map, bad memory", EFAULT, MAP_AT(TO), .start = 0x1000) },
	{ ROW("map, no rights", EINVAL, .flags = FIXED, PAGE_AT(TO)) },
	{ ROW("map, nothing", EINVAL, .flags = RW | FIXED, .iova = TO) },
	{ ROW("map, unaligned", EINVAL, MAP_AT(TO + 1)) },
	{ ROW("map, iova not fixed", EINVAL, .flags = RW, PAGE_AT(TO)) },
	{ ROW("map, wraps", EOVERFLOW, .flags = RW | FIXED, .length = 2 * PAGE, .iova = 0 - PAGE) },
	{ ROW("map, unknown flag", EOPNOTSUPP, .flags = RW | FIXED | 8, PAGE_AT(TO)) },
	{ ROW("map, no ioasid", ENOENT, MAP_AT(TO), .ioasid = 0x7fffffff) },
	{ ROW("map, from ioasid", EOPNOTSUPP, MAP_AT(TO), .from_ioasid = 1) },
	{ ROW("unmap, nothing there", ENOENT, UNMAP_AT(TO)) },
	{ ROW("unmap, cut", EINVAL, UNMAP_AT(AT)), THERE },
	{ ROW("unmap, unknown flag", EOPNOTSUPP, UNMAP_AT(TO), .flags = 2) },
	{ ROW("unmap, start", EOPNOTSUPP, UNMAP_AT(TO), .start = PAGE) },
	{ ROW("unmap, from ioasid", EOPNOTSUPP, UNMAP_AT(TO), .from_ioasid = 1) },
	{ ROW("unmap, all and a range", EINVAL, UNMAP_AT(AT), .flags = IOASID_UNMAP_ALL) },
	{ ROW("copy, nothing there", ENOENT, COPY_TO(TO, TO)) },
	{ ROW("copy, beyond the end", EINVAL, .op = IOASID_BATCH_COPY, .flags = RW | FIXED,
	      .length = 3 * PAGE, .from_ioasid = 1, .start = AT, .iova = TO) },
	{ ROW("copy, taken", EEXIST, COPY_TO(AT, AT)), THERE },
	{ ROW("copy, no source", ENOENT, .op = IOASID_BATCH_COPY, MAP_AT(TO), .start = AT) },
	{ ROW("copy, unknown flag", EOPNOTSUPP, .op = IOASID_BATCH_COPY, .flags = RW | FIXED | 8,
	      .start = AT, PAGE_AT(TO)) },
	{ ROW("unknown operation", EOPNOTSUPP, .op = 3, MAP_AT(TO)) },
	{ ROW("enormous operation", EOPNOTSUPP, .op = 0xffffffff, MAP_AT(TO)) },
};

IOASID_TEST(batch, first_failure, TEST_ROWS(bad))
{
	const unsigned int positions[] = { 0, 1, 5, NR - 1 };
	struct ioasid_batch_entry e[NR], as_given[NR];
	unsigned int p, i;

	for (p = 0; p < ARRAY_SIZE(positions); p++) {
		unsigned int k = positions[p];
		struct ioasid_batch b;

		prepare();
		ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(memory),
		       .length = 2 * PAGE, .iova = AT);
		for (i = 0; i < NR; i++)
			e[i] = map_one(0x10000000 + i * PAGE);
		e[k] = bad[row].entry;
		e[k].out_iova = POISON;
		if (!e[k].ioasid)
			e[k].ioasid = id;
		/* Numbers of IOASIDs are not known before. */
		if (e[k].from_ioasid == 1 && e[k].op == IOASID_BATCH_COPY)
			e[k].from_ioasid = id;
		if (!e[k].start && e[k].op == IOASID_BATCH_MAP)
			e[k].start = va(memory);
		memcpy(as_given, e, sizeof(e));
		b = fails(bad[row].error, k, e, NR);
		ck_assert_uint_eq(b.out_range.start, bad[row].range.start);
		ck_assert_uint_eq(b.out_range.last, bad[row].range.last);
		ck_assert(!b.out_locked_bytes && !b.out_wanted_bytes && !b.out_locked_limit_bytes);
		ck_assert(!memcmp(e + k, as_given + k, (NR - k) * sizeof(*e)));
		for (i = 0; i < NR; i++)
			ck_assert_int_eq(mapped_at(id, 0x10000000 + i * PAGE), i < k);
		expect_use(1 + k, 2 + k, 2 + k);
		ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
		close(ctx);
	}
}

/* A mapping that was unmapped in the batch before it failed stays unmapped, and is given back. */
IOASID_TEST(batch, unmapped_before_failure)
{
	struct ioasid_batch_entry e[3];

	prepare();
	ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(memory), .length = PAGE,
	       .iova = AT);
	e[0] = unmap_one(AT);
	e[1] = unmap_one(AT);
	e[2] = map_one(AT);
	fails(ENOENT, 1, e, 3);
	ck_assert_int_eq(vm_pinned(getpid()), 0);
	expect_use(0, 0, 0);
}

IOASID_TEST(batch, quota)
{
	struct ioasid_batch_entry e[4];
	struct ioasid_batch b;

	prepare();
	become_user(USER_1, 4 * PAGE);
	e[0] = map_pages(id, AT, 0, 3);
	e[1] = copy_pages(id, AT, id, TO, 3);
	e[2] = map_pages(id, AT + MiB, 0, 2);
	e[3] = map_one(AT + 2 * MiB);
	b = fails(EDQUOT, 2, e, 4);
	ck_assert_uint_eq(b.out_locked_bytes, 3 * PAGE);
	ck_assert_uint_eq(b.out_wanted_bytes, 2 * PAGE);
	ck_assert_uint_eq(b.out_locked_limit_bytes, 4 * PAGE);
	ck_assert_uint_eq(ok_info(ctx).out_mappings, 2);
	ck_assert_int_eq(vm_pinned(getpid()), 3 * PAGE);
	ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	/* What a batch unmaps, it can map again. */
	e[0] = map_pages(id, AT, 0, 4);
	run(e, 1);
	e[0] = unmap_pages(id, AT, 4);
	run(e, 1);
	ck_assert_uint_eq(ok_info(ctx).out_locked_bytes, 0);
}

IOASID_TEST(batch, out_of_reach, .needs = NEEDS_BIND)
{
	struct ioasid_batch_entry e[3];
	struct ioasid_batch b;
	struct edu edu;

	prepare();
	edu_open(&edu, EDU);
	edu_bind(&edu, ctx);
	ok_allow(edu.fd, .ioasid = id);
	e[0] = map_one(AT);
	e[1] = map_one(0xfee00000);
	e[2] = map_one(TO);
	b = fails(EADDRNOTAVAIL, 1, e, 3);
	ck_assert_uint_ne(b.out_range.last, 0);
	ck_assert(!mapped_at(id, TO));
	ck_assert(mapped_at(id, AT));
}

/* The array ends before the entries do. */
IOASID_TEST(batch, end_of_the_array)
{
	struct ioasid_batch_entry *e;
	char *end = (char *)mem_new_before_hole(PAGE) + PAGE;
	unsigned int i;

	prepare();
	e = (void *)(end - NR * sizeof(*e));
	for (i = 0; i < NR; i++)
		e[i] = map_one(AT + i * PAGE);
	fails(EFAULT, NR, e, NR + 1);
	expect_use(NR, NR, NR);
	fails(EFAULT, 0, end, 1);
	/* Half of one is there. */
	ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	memmove((char *)e + 8, e, (NR - 1) * sizeof(*e) + sizeof(*e) - 8);
	fails(EFAULT, NR - 1, (char *)e + 8, NR);
	expect_use(NR - 1, NR - 1, NR - 1);
}

static const struct {
	struct test_row row;
	uint64_t entries;
} pointers[] = {
	{ { "null", "" }, 0 },
	{ { "one", "" }, 1 },
	{ { "end of user space", "" }, 0x7ffffffff000 },
	{ { "not canonical", "" }, 0x800000000000 },
	{ { "kernel", "" }, 0xffff888000000000 },
	{ { "end of the world", "" }, 0xffffffffffffffff },
};

IOASID_TEST(batch, bad_pointer, TEST_ROWS(pointers))
{
	const uint32_t counts[] = { 1, 2, 0x10000000, 0x80000000, 0xffffffff };
	unsigned int i;

	prepare();
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		fails(EFAULT, 0, (void *)pointers[row].entries, counts[i]);
	expect_use(0, 0, 0);
}

/* A count that goes on for ever ends with the array. */
IOASID_TEST(batch, huge_count)
{
	struct ioasid_batch_entry *e;

	prepare();
	e = (void *)((char *)mem_new_before_hole(PAGE) + PAGE - sizeof(*e));
	*e = map_one(AT);
	fails(EFAULT, 1, e, 0xffffffff);
	expect_use(1, 1, 1);
}

/* Nothing happens that cannot be told: the entry whose answer cannot be written is taken back. */
IOASID_TEST(batch, unwritable_answer)
{
	enum {
		FIRST = PAGE / sizeof(struct ioasid_batch_entry)
	};
	char *pages = mem_new(2 * PAGE);
	struct ioasid_batch_entry *e = (void *)pages;
	unsigned int i;

	/* The one that lies in both pages has its answer in the second. */
	_Static_assert(offsetof(struct ioasid_batch_entry, out_iova) + 8 == sizeof(*e),
		       "at the end");
	prepare();
	for (i = 0; i < FIRST + 3; i++)
		e[i] = map_one(AT + i * PAGE);
	ck_assert(!mprotect(pages + PAGE, PAGE, PROT_READ));
	fails(EFAULT, FIRST, e, FIRST + 3);
	expect_use(FIRST, FIRST, FIRST);
	ck_assert(!mapped_at(id, AT + FIRST * PAGE));
	ck_assert(!mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE));
	ck_assert_uint_eq(e[FIRST].out_iova, POISON);
	e[FIRST] = copy_pages(id, AT, id, AT + FIRST * PAGE, 1);
	e[FIRST + 1] = unmap_one(AT);
	ck_assert(!mprotect(pages + PAGE, PAGE, PROT_READ));
	fails(EFAULT, 0, e + FIRST, 1);
	expect_use(FIRST, FIRST, FIRST);
	/* Unmapping has no answer. */
	run(e + FIRST + 1, 1);
	expect_use(FIRST - 1, FIRST - 1, FIRST - 1);
}

/* Killed in the middle: what was done is whole, and the rest is not there. */
IOASID_TEST(batch, killed)
{
	enum {
		MANY = 200000
	};
	struct ioasid_batch_entry *e;
	struct ioasid_info info;
	unsigned int i;
	pid_t pid;

	prepare();
	e = mem_new(MANY * sizeof(*e));
	for (i = 0; i < MANY; i++) {
		e[i] = i % 4 == 3 ? unmap_one(AT + (i - 1) * PAGE) : map_one(AT + i * PAGE);
		if (i % 4 == 1)
			e[i].ioasid = other;
	}
	pid = child_fork();
	if (!pid) {
		t_batch(ctx, .entries = va(e), .num_entries = MANY, .entry_size = sizeof(*e));
		pause();
	}
	while (!ok_info(ctx).out_mappings)
		usleep(1000);
	kill(pid, SIGKILL);
	child_join_killed(pid);
	info = ok_info(ctx);
	ck_assert_uint_gt(info.out_mappings, 0);
	ck_assert_uint_lt(info.out_mappings, MANY / 2);
	ck_assert_uint_eq(info.out_mapped_bytes, info.out_mappings * PAGE);
	ck_assert_uint_eq(fdinfo_pending(ctx, id), 0);
	ck_assert_int_eq(pins_settled(info.out_mappings), info.out_mappings);
	ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	ok_unmap(ctx, .ioasid = other, .flags = IOASID_UNMAP_ALL);
	ck_assert_int_eq(pins_settled(0), 0);
}

/* A device sees all of it: what was mapped, what was mapped instead, and not what was unmapped. */
IOASID_TEST(batch, device, .needs = NEEDS_BIND)
{
	struct ioasid_batch_entry e[4];
	struct rig rig;

	prepare();
	rig_open(&rig, EDU);
	ctx = rig.ctx;
	id = rig.ioasid;
	e[0] = map_one(AT);
	e[1] = map_pages(id, AT + PAGE, 1, 1);
	run(e, 2);
	edu_fill(&rig.edu);
	ck_assert(edu_stores(&rig.edu, AT, memory));
	ck_assert(edu_stores(&rig.edu, AT + PAGE, memory + PAGE));
	memset(memory, 0, PAGE);
	e[0] = unmap_one(AT);
	e[1] = map_pages(id, AT, 2, 1);
	e[2] = copy_pages(id, AT + PAGE, id, AT + 2 * PAGE, 1);
	e[3] = unmap_one(AT + PAGE);
	run(e, 4);
	ck_assert(edu_stores(&rig.edu, AT, memory + 2 * PAGE));
	ck_assert(mem_is(memory, PAGE, 0));
	ck_assert(!edu_stores(&rig.edu, AT + PAGE, memory + PAGE));
	ck_assert(edu_stores(&rig.edu, AT + 2 * PAGE, memory + PAGE));
}

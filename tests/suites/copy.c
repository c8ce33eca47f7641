// SPDX-License-Identifier: GPL-2.0-only
/* COPY: memory that is mapped twice and pinned and charged once, whoever lets go of it first. */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "call.h"
#include "chance.h"
#include "edu.h"
#include "memory.h"
#include "oracle.h"
#include "process.h"
#include "test.h"

#define AT 0x100000ull
#define TO 0x800000ull
#define PAGES 4

/* Two IOASIDs, and four pages of memory that are mapped at AT in the first. */
struct space {
	int ctx;
	uint32_t a, b;
	char *memory;
	uint64_t locked;
};

static struct space space_new(uint32_t flags)
{
	struct space s = { .ctx = context_open(), .memory = mem_new(PAGES * PAGE) };

	s.a = ioasid_new(s.ctx);
	s.b = ioasid_new(s.ctx);
	s.locked = ok_info(s.ctx).out_locked_bytes;
	ok_map(s.ctx, .ioasid = s.a, .flags = flags | FIXED, .user_va = va(s.memory),
	       .length = PAGES * PAGE, .iova = AT);
	return s;
}

static void copy(struct space s, uint32_t from, uint64_t from_iova, uint32_t to, uint64_t iova,
		 uint64_t pages)
{
	struct ioasid_copy c = ok_copy(s.ctx, .ioasid = to, .flags = RW | FIXED,
				       .from_ioasid = from, .from_iova = from_iova,
				       .length = pages * PAGE, .iova = iova);

	ck_assert_uint_eq(c.out_iova, iova);
}

static void unmap(struct space s, uint32_t ioasid, uint64_t iova, uint64_t pages)
{
	ck_assert_uint_eq(ok_unmap(s.ctx, .ioasid = ioasid, .iova = iova, .length = pages * PAGE)
				  .out_unmapped_bytes,
			  pages * PAGE);
}

static void expect_use(struct space s, uint64_t mappings, uint64_t mapped_pages,
		       uint64_t pinned_pages)
{
	struct ioasid_info info = ok_info(s.ctx);

	ck_assert_uint_eq(info.out_mappings, mappings);
	ck_assert_uint_eq(info.out_mapped_bytes, mapped_pages * PAGE);
	ck_assert_uint_eq(info.out_locked_bytes, s.locked + pinned_pages * PAGE);
	ck_assert_int_eq(vm_pinned(getpid()), pinned_pages * PAGE);
	ck_assert_int_eq(pins_settled(pinned_pages), pinned_pages);
}

/* What is mapped here is this memory. */
static void expect_mapped(struct space s, uint32_t ioasid, uint64_t iova, uint64_t pages,
			  const char *memory, uint32_t flags)
{
	struct ioasid_query q = ok_query(s.ctx, .ioasid = ioasid, .iova = iova);

	ck_assert_uint_eq(q.out_range.start, iova);
	ck_assert_uint_eq(q.out_range.last, iova + pages * PAGE - 1);
	ck_assert_uint_eq(q.out_user_va, va(memory));
	ck_assert_uint_eq(q.out_map_flags, flags);
}

IOASID_TEST(copy, to_another)
{
	struct space s = space_new(RW);

	copy(s, s.a, AT, s.b, TO, PAGES);
	expect_mapped(s, s.a, AT, PAGES, s.memory, RW);
	expect_mapped(s, s.b, TO, PAGES, s.memory, RW);
	expect_use(s, 2, 2 * PAGES, PAGES);
}

IOASID_TEST(copy, within_one)
{
	struct space s = space_new(RW);

	copy(s, s.a, AT, s.a, AT + PAGES * PAGE, PAGES);
	expect_mapped(s, s.a, AT, PAGES, s.memory, RW);
	expect_mapped(s, s.a, AT + PAGES * PAGE, PAGES, s.memory, RW);
	expect_use(s, 2, 2 * PAGES, PAGES);
}

static const struct {
	struct test_row row;
	unsigned int from;
	unsigned int pages;
} parts[] = {
	{ { "first page", "" }, 0, 1 },
	{ { "last page", "" }, 3, 1 },
	{ { "middle", "" }, 1, 2 },
	{ { "all but the first", "" }, 1, 3 },
};

/* A part keeps all of the memory: it is not pinned by the page. */
IOASID_TEST(copy, part, TEST_ROWS(parts))
{
	unsigned int from = parts[row].from, pages = parts[row].pages;
	struct space s = space_new(RW);

	copy(s, s.a, AT + from * PAGE, s.b, TO, pages);
	expect_mapped(s, s.b, TO, pages, s.memory + from * PAGE, RW);
	expect_use(s, 2, PAGES + pages, PAGES);
	unmap(s, s.a, AT, PAGES);
	expect_use(s, 1, pages, PAGES);
	expect_mapped(s, s.b, TO, pages, s.memory + from * PAGE, RW);
	unmap(s, s.b, TO, pages);
	expect_use(s, 0, 0, 0);
}

/* Each way to let go of one of the two. */
enum leave {
	BY_UNMAP,
	BY_UNMAP_ALL,
	BY_FREE,
};

static const struct {
	struct test_row row;
	enum leave first;
	enum leave second;
	bool copy_first;
} leaving[] = {
	{ { "source, then copy", "" }, BY_UNMAP, BY_UNMAP, false },
	{ { "copy, then source", "" }, BY_UNMAP, BY_UNMAP, true },
	{ { "all of the source, then the copy", "" }, BY_UNMAP_ALL, BY_UNMAP, false },
	{ { "all of the copy, then the source", "" }, BY_UNMAP_ALL, BY_UNMAP, true },
	{ { "source freed, then copy", "" }, BY_FREE, BY_UNMAP, false },
	{ { "copy freed, then source", "" }, BY_FREE, BY_UNMAP, true },
	{ { "source freed, then copy freed", "" }, BY_FREE, BY_FREE, false },
	{ { "copy freed, then source freed", "" }, BY_FREE, BY_FREE, true },
};

static void leave(struct space s, bool is_copy, enum leave how)
{
	uint32_t ioasid = is_copy ? s.b : s.a;

	if (how == BY_UNMAP)
		unmap(s, ioasid, is_copy ? TO : AT, PAGES);
	else if (how == BY_UNMAP_ALL)
		ok_unmap(s.ctx, .ioasid = ioasid, .flags = IOASID_UNMAP_ALL);
	else
		ok_free(s.ctx, .ioasid = ioasid);
}

IOASID_TEST(copy, order_of_leaving, TEST_ROWS(leaving))
{
	bool copy_first = leaving[row].copy_first;
	struct space s = space_new(RW);

	copy(s, s.a, AT, s.b, TO, PAGES);
	leave(s, copy_first, leaving[row].first);
	expect_use(s, 1, PAGES, PAGES);
	leave(s, !copy_first, leaving[row].second);
	expect_use(s, 0, 0, 0);
}

/* Four mappings, each a copy of the one before, go in every order. */
IOASID_TEST(copy, of_a_copy)
{
	unsigned int order, left, i;
	struct space s = space_new(RW);

	for (order = 0; order < 24; order++) {
		bool there[4] = { true, true, true, true };
		unsigned int rest = order;

		if (order)
			ok_map(s.ctx, .ioasid = s.a, .flags = RW | FIXED, .user_va = va(s.memory),
			       .length = PAGES * PAGE, .iova = AT);
		for (i = 1; i < 4; i++)
			copy(s, s.a, AT + (i - 1) * MiB, s.a, AT + i * MiB, PAGES);
		ck_assert_int_eq(vm_pinned(getpid()), PAGES * PAGE);
		for (left = 4; left; left--) {
			unsigned int nth = rest % left;

			rest /= left;
			for (i = 0; !there[i] || nth; i++)
				nth -= there[i];
			there[i] = false;
			unmap(s, s.a, AT + i * MiB, PAGES);
			ck_assert_int_eq(vm_pinned(getpid()), left > 1 ? PAGES * PAGE : 0);
		}
	}
	expect_use(s, 0, 0, 0);
}

static const struct {
	struct test_row row;
	uint32_t source;
	uint32_t copy;
	int error;
} rights[] = {
	{ { "rw of rw", "" }, RW, RW, 0 },
	{ { "r of rw", "" }, RW, IOASID_MAP_READ, 0 },
	{ { "w of rw", "" }, RW, IOASID_MAP_WRITE, 0 },
	{ { "r of r", "" }, IOASID_MAP_READ, IOASID_MAP_READ, 0 },
	{ { "w of w", "" }, IOASID_MAP_WRITE, IOASID_MAP_WRITE, 0 },
	{ { "w of r", "" }, IOASID_MAP_READ, IOASID_MAP_WRITE, EINVAL },
	{ { "rw of r", "" }, IOASID_MAP_READ, RW, EINVAL },
	{ { "nothing of rw", "" }, RW, 0, EINVAL },
};

IOASID_TEST(copy, rights, TEST_ROWS(rights))
{
	struct space s = space_new(rights[row].source);
	int rc = t_copy(s.ctx, .ioasid = s.b, .flags = rights[row].copy | FIXED, .from_ioasid = s.a,
			.from_iova = AT, .length = PAGE, .iova = TO);

	ck_assert_int_eq(rc, -rights[row].error);
	if (rc)
		expect_use(s, 1, PAGES, PAGES);
	else
		expect_mapped(s, s.b, TO, 1, s.memory, rights[row].copy);
}

/* The right to write that a copy was not given is not got back by copying that. */
IOASID_TEST(copy, rights_of_a_copy)
{
	struct space s = space_new(RW);

	ok_copy(s.ctx, .ioasid = s.b, .flags = IOASID_MAP_READ | FIXED, .from_ioasid = s.a,
		.from_iova = AT, .length = PAGE, .iova = TO);
	err_copy(EINVAL, s.ctx, .ioasid = s.b, .flags = RW, .from_ioasid = s.b, .from_iova = TO,
		 .length = PAGE);
	expect_use(s, 2, PAGES + 1, PAGES);
}

/*
 * In the source IOASID there are the four pages at AT, four more right behind them, a hole of four,
 * and four again.
 */
#define BEHIND (AT + PAGES * PAGE)
#define HOLE (BEHIND + PAGES * PAGE)
#define AFTER (HOLE + PAGES * PAGE)

#define COPY_FLAGS .flags = RW | FIXED

static const struct {
	struct test_row row;
	struct ioasid_copy copy;
	int error;
} refused[] = {
#define REFUSED(name_, error_, from_, pages_)                                                    \
	{                                                                                        \
		{ name_, "" },                                                                   \
			{ COPY_FLAGS, .from_iova = from_, .length = (pages_)*PAGE, .iova = TO }, \
			error_                                                                   \
	}
	REFUSED("beyond the end", EINVAL, AFTER, PAGES + 1),
	REFUSED("far beyond the end", EINVAL, AFTER + PAGE, 1ull << 40),
	REFUSED("into the next", EINVAL, AT, PAGES + 1),
	REFUSED("two whole ones", EINVAL, AT, 2 * PAGES),
	REFUSED("from the middle into the next", EINVAL, AT + PAGE, PAGES),
	REFUSED("into the hole", EINVAL, BEHIND + PAGE, PAGES),
	REFUSED("from before the start", ENOENT, AT - PAGE, 2),
	REFUSED("in the hole", ENOENT, HOLE, 1),
	REFUSED("from the hole", ENOENT, HOLE + 3 * PAGE, 2),
	REFUSED("nothing at all there", ENOENT, 1ull << 50, 1),
	REFUSED("no length", EINVAL, AT, 0),
	{ { "unaligned source", "" },
	  { COPY_FLAGS, .from_iova = AT + 1, .length = PAGE, .iova = TO },
	  EINVAL },
	{ { "unaligned length", "" },
	  { COPY_FLAGS, .from_iova = AT, .length = PAGE + 512, .iova = TO },
	  EINVAL },
	{ { "unaligned iova", "" },
	  { COPY_FLAGS, .from_iova = AT, .length = PAGE, .iova = TO + 8 },
	  EINVAL },
	{ { "iova, but not fixed", "" },
	  { .flags = RW, .from_iova = AT, .length = PAGE, .iova = TO },
	  EINVAL },
	{ { "source wraps", "" },
	  { COPY_FLAGS, .from_iova = AT, .length = 0 - AT + PAGE, .iova = TO },
	  EOVERFLOW },
	{ { "iova wraps", "" },
	  { COPY_FLAGS, .from_iova = AT, .length = 2 * PAGE, .iova = 0 - PAGE },
	  EOVERFLOW },
};

static struct space refused_space(void)
{
	struct space s = space_new(RW);

	ok_map(s.ctx, .ioasid = s.a, .flags = RW | FIXED, .user_va = va(s.memory),
	       .length = PAGES * PAGE, .iova = BEHIND);
	ok_map(s.ctx, .ioasid = s.a, .flags = RW | FIXED, .user_va = va(s.memory),
	       .length = PAGES * PAGE, .iova = AFTER);
	return s;
}

IOASID_TEST(copy, refused, TEST_ROWS(refused))
{
	struct space s = refused_space();
	struct ioasid_copy c = refused[row].copy;
	const char *before = ioasid_listing(s.ctx, s.a);

	c.size = sizeof(c);
	c.ioasid = s.b;
	c.from_ioasid = s.a;
	ck_assert_int_eq(call_copy(s.ctx, &c), -refused[row].error);
	ck_assert_uint_eq(c.out_iova, 0);
	ck_assert_str_eq(before, ioasid_listing(s.ctx, s.a));
	ck_assert_str_eq(ioasid_listing(s.ctx, s.b), "");
	expect_use(s, 3, 3 * PAGES, 3 * PAGES);
}

IOASID_TEST(copy, no_such_ioasid)
{
	struct space s = space_new(RW), other = space_new(RW);
	uint32_t gone = ioasid_new(s.ctx), theirs = ioasid_new(other.ctx);

	ok_free(s.ctx, .ioasid = gone);
	/* A number that means something only in the other context. */
	while (theirs <= gone)
		theirs = ioasid_new(other.ctx);
	ok_map(other.ctx, .ioasid = theirs, .flags = RW | FIXED, .user_va = va(other.memory),
	       .length = PAGE, .iova = AT);
#define ERR_COPY(from_, to_)                                                                       \
	err_copy(ENOENT, s.ctx, .ioasid = to_, .flags = RW, .from_ioasid = from_, .from_iova = AT, \
		 .length = PAGE)
	ERR_COPY(gone, s.b);
	ERR_COPY(theirs, s.b);
	ERR_COPY(0, s.b);
	ERR_COPY(0xffffffff, s.b);
	ERR_COPY(s.a, gone);
	ERR_COPY(s.a, theirs);
	ERR_COPY(s.a, 0);
	ck_assert_str_eq(ioasid_listing(s.ctx, s.b), "");
	ck_assert_uint_eq(ok_info(s.ctx).out_mappings, 1);
}

static const struct {
	struct test_row row;
	uint64_t at;
} overlaps[] = {
	{ { "itself", "" }, AT },
	{ { "its start", "" }, AT - PAGE },
	{ { "its end", "" }, AT + PAGE },
	{ { "its last page", "" }, AT + 3 * PAGE },
};

IOASID_TEST(copy, overlap, TEST_ROWS(overlaps))
{
	struct space s = space_new(RW);
	struct ioasid_copy c;

	c = err_copy(EEXIST, s.ctx, .ioasid = s.a, .flags = RW | FIXED, .from_ioasid = s.a,
		     .from_iova = AT, .length = 2 * PAGE, .iova = overlaps[row].at);
	ck_assert_uint_eq(c.out_range.start, AT);
	ck_assert_uint_eq(c.out_range.last, AT + PAGES * PAGE - 1);
	ck_assert_uint_eq(c.out_iova, 0);
	expect_use(s, 1, PAGES, PAGES);
}

IOASID_TEST(copy, chosen_iova)
{
	struct space s = space_new(RW);
	uint64_t iova[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(iova); i++) {
		iova[i] = ok_copy(s.ctx, .ioasid = s.a, .flags = RW, .from_ioasid = s.a,
				  .from_iova = AT, .length = PAGES * PAGE)
				  .out_iova;
		ck_assert_uint_ne(iova[i], 0);
		ck_assert_uint_eq(iova[i] % PAGE, 0);
		expect_mapped(s, s.a, iova[i], PAGES, s.memory, RW);
	}
	expect_use(s, 9, 9 * PAGES, PAGES);
	for (i = 0; i < ARRAY_SIZE(iova); i++)
		unmap(s, s.a, iova[i], PAGES);
	expect_use(s, 1, PAGES, PAGES);
}

/* It is not charged, so a user who may pin no more can make one. */
IOASID_TEST(copy, at_the_limit)
{
	struct space s = { .memory = mem_new(2 * PAGES * PAGE), .ctx = context_open() };

	s.a = ioasid_new(s.ctx);
	s.b = ioasid_new(s.ctx);
	become_user(USER_1, PAGES * PAGE);
	ok_map(s.ctx, .ioasid = s.a, .flags = RW | FIXED, .user_va = va(s.memory),
	       .length = PAGES * PAGE, .iova = AT);
	copy(s, s.a, AT, s.b, TO, PAGES);
	ck_assert_uint_eq(ok_info(s.ctx).out_locked_bytes, PAGES * PAGE);
	unmap(s, s.a, AT, PAGES);
	ck_assert_uint_eq(ok_info(s.ctx).out_locked_bytes, PAGES * PAGE);
	err_map(EDQUOT, s.ctx, .ioasid = s.a, .flags = RW, .user_va = va(s.memory), .length = PAGE);
	unmap(s, s.b, TO, PAGES);
	ck_assert_uint_eq(ok_info(s.ctx).out_locked_bytes, 0);
	ck_assert_int_eq(vm_pinned(getpid()), 0);
	ok_map(s.ctx, .ioasid = s.a, .flags = RW, .user_va = va(s.memory), .length = PAGES * PAGE);
}

static struct space shared;
static volatile bool stop;

static void *copies(void *unused)
{
	struct ioasid_copy c;

	while (!stop) {
		c = (struct ioasid_copy){
			.size = sizeof(c),
			.flags = RW,
			.ioasid = shared.b,
			.from_ioasid = shared.a,
			.from_iova = AT,
			.length = PAGE,
		};
		if (call_copy(shared.ctx, &c))
			continue;
		ck_assert_uint_ne(c.out_iova, 0);
		unmap(shared, shared.b, c.out_iova, 1);
	}
	return unused;
}

/* While the source comes and goes. */
IOASID_TEST(copy, of_what_comes_and_goes)
{
	pthread_t thread[2];
	unsigned int i;

	shared = space_new(RW);
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		ck_assert(!pthread_create(&thread[i], NULL, copies, NULL));
	for (i = 0; i < rounds(2000); i++) {
		unmap(shared, shared.a, AT, PAGES);
		ok_map(shared.ctx, .ioasid = shared.a, .flags = RW | FIXED,
		       .user_va = va(shared.memory), .length = PAGES * PAGE, .iova = AT);
	}
	stop = true;
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		ck_assert(!pthread_join(thread[i], NULL));
	expect_use(shared, 1, PAGES, PAGES);
	unmap(shared, shared.a, AT, PAGES);
	expect_use(shared, 0, 0, 0);
}

/* The device is allowed the second IOASID, before or after the copy is made. */
static const struct {
	struct test_row row;
	bool allowed;
	enum leave leave;
} devices[] = {
	{ { "allowed before, source unmapped", "" }, true, BY_UNMAP },
	{ { "allowed after, source unmapped", "" }, false, BY_UNMAP },
	{ { "allowed before, source freed", "" }, true, BY_FREE },
	{ { "allowed after, source freed", "" }, false, BY_FREE },
};

IOASID_TEST(copy, device, TEST_ROWS(devices), .needs = NEEDS_BIND)
{
	struct space s = space_new(RW);
	struct edu edu;

	edu_open(&edu, EDU);
	edu_bind(&edu, s.ctx);
	edu_scratch(&edu, s.ctx, s.b);
	if (devices[row].allowed)
		ok_allow(edu.fd, .ioasid = s.b);
	copy(s, s.a, AT + PAGE, s.b, TO, 2);
	if (!devices[row].allowed)
		ok_allow(edu.fd, .ioasid = s.b);
	ck_assert(edu_writes(&edu, TO + PAGE, s.memory + 2 * PAGE));
	leave(s, false, devices[row].leave);
	mem_fill(s.memory + PAGE, EDU_BYTES, 77);
	ck_assert(edu_reads(&edu, TO, 77));
	ck_assert(edu_stores(&edu, TO + PAGE, s.memory + 2 * PAGE));
	unmap(s, s.b, TO, 2);
	mem_fill(s.memory + PAGE, EDU_BYTES, 78);
	ck_assert(!edu_reads(&edu, TO, 78));
}

/* The device uses the source, and only the copy goes; then the source goes, and only that. */
IOASID_TEST(copy, device_at_the_source, .needs = NEEDS_BIND)
{
	char *memory = mem_new(PAGE);
	struct rig rig;
	uint32_t other;

	rig_open(&rig, EDU);
	other = ioasid_new(rig.ctx);
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(memory),
	       .length = PAGE, .iova = AT);
	ok_copy(rig.ctx, .ioasid = other, .flags = RW | FIXED, .from_ioasid = rig.ioasid,
		.from_iova = AT, .length = PAGE, .iova = AT);
	ok_copy(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .from_ioasid = other,
		.from_iova = AT, .length = PAGE, .iova = TO);
	ok_free(rig.ctx, .ioasid = other);
	ck_assert(edu_writes(&rig.edu, AT, memory));
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = AT, .length = PAGE);
	ck_assert(!edu_stores(&rig.edu, AT, memory));
	ck_assert(edu_stores(&rig.edu, TO, memory));
}

/* Devices may read the copy, and write the source. */
IOASID_TEST(copy, read_only_copy, .needs = NEEDS_BIND)
{
	char *memory = mem_new(PAGE);
	struct rig rig;

	rig_open(&rig, EDU);
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(memory),
	       .length = PAGE, .iova = AT);
	ok_copy(rig.ctx, .ioasid = rig.ioasid, .flags = IOASID_MAP_READ | FIXED,
		.from_ioasid = rig.ioasid, .from_iova = AT, .length = PAGE, .iova = TO);
	mem_fill(memory, EDU_BYTES, 5);
	ck_assert(edu_reads(&rig.edu, TO, 5));
	ck_assert(!edu_stores(&rig.edu, TO, memory));
	ck_assert(edu_stores(&rig.edu, AT, memory));
}

/* Memory in many pieces: the copy starts in the midst of them. */
IOASID_TEST(copy, part_of_scattered_memory, .needs = NEEDS_BIND)
{
	enum {
		SCATTERED = 1500,
		FROM = 1111,
		NR = 300,
	};
	const unsigned int look[] = { 0, 1, NR / 2, NR - 1 };
	int fd = mem_file(SCATTERED * PAGE);
	unsigned int i;
	struct rig rig;
	uint32_t other;
	char *memory;

	memory = mmap(NULL, SCATTERED * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert(memory != MAP_FAILED);
	for (i = 0; i < SCATTERED; i++)
		memory[(i * 701 % SCATTERED) * PAGE] = 1;
	rig_open(&rig, EDU);
	other = ioasid_new(rig.ctx);
	ok_map(rig.ctx, .ioasid = other, .flags = RW | FIXED, .user_va = va(memory),
	       .length = SCATTERED * PAGE, .iova = 0);
	ok_copy(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .from_ioasid = other,
		.from_iova = FROM * PAGE, .length = NR * PAGE, .iova = TO);
	ok_free(rig.ctx, .ioasid = other);
	edu_fill(&rig.edu);
	for (i = 0; i < ARRAY_SIZE(look); i++)
		ck_assert(edu_stores(&rig.edu, TO + look[i] * PAGE,
				     memory + (FROM + look[i]) * PAGE));
	/* The page behind the last one is not there. */
	ck_assert(!edu_stores(&rig.edu, TO + NR * PAGE, memory + (FROM + NR) * PAGE));
}

/* Across the place where a chunk of it ends, in the middle of contiguous pages. */
IOASID_TEST(copy, across_a_gigabyte, .needs = NEEDS_BIND)
{
	enum {
		NR = 512,
		BELOW = 16
	};
	static const unsigned int look[] = { 0, BELOW - 1, BELOW, BELOW + 1, NR - 1 };
	char *memory = mem_new_aligned(NR * PAGE, NR * PAGE, 0);
	const uint64_t to = (8ULL << 30) - BELOW * PAGE;
	struct rig rig;
	uint32_t other;
	unsigned int i;

	madvise(memory, NR * PAGE, MADV_HUGEPAGE);
	rig_open(&rig, EDU);
	other = ioasid_new(rig.ctx);
	ok_map(rig.ctx, .ioasid = other, .flags = RW | FIXED, .user_va = va(memory),
	       .length = NR * PAGE, .iova = AT);
	ok_copy(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .from_ioasid = other,
		.from_iova = AT, .length = NR * PAGE, .iova = to);
	edu_fill(&rig.edu);
	for (i = 0; i < ARRAY_SIZE(look); i++)
		ck_assert(edu_stores(&rig.edu, to + look[i] * PAGE, memory + look[i] * PAGE));
	ck_assert(!edu_stores(&rig.edu, to + NR * PAGE, memory));
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = to, .length = NR * PAGE);
	ck_assert(!edu_stores(&rig.edu, to + BELOW * PAGE, memory + BELOW * PAGE));
}

/* How often somebody began to copy, and how often that was done. */
struct progress {
	unsigned int begun, done;
};

static void __attribute__((noreturn))
copy_until_killed(const struct rig *rig, uint32_t from, uint64_t pages, volatile struct progress *p)
{
	for (;;) {
		p->begun++;
		ok_copy(rig->ctx, .ioasid = rig->ioasid, .flags = RW | FIXED, .from_ioasid = from,
			.from_iova = AT, .length = pages * PAGE, .iova = TO);
		p->done++;
		ok_unmap(rig->ctx, .ioasid = rig->ioasid, .iova = TO, .length = pages * PAGE);
	}
}

/* Killed in the middle of a long one: it is there as a whole, or nothing of it is. */
IOASID_TEST(copy, killed, .needs = NEEDS_BIND)
{
	enum {
		ROUNDS = 200
	};
	const unsigned int nr = rounds(16384);
	volatile struct progress *p =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *memory = mem_scattered(nr);
	unsigned int i, undone = 0;
	struct rig rig;
	uint64_t before, left;
	uint32_t other;
	pid_t pid;

	ck_assert(p != MAP_FAILED);
	rig_open(&rig, EDU);
	other = ioasid_new(rig.ctx);
	ok_map(rig.ctx, .ioasid = other, .flags = RW | FIXED, .user_va = va(memory),
	       .length = nr * PAGE, .iova = AT);
	edu_fill(&rig.edu);
	before = ok_info(rig.ctx).out_mapped_bytes;
	for (i = 0; i < ROUNDS && undone < 3; i++) {
		p->begun = p->done = 0;
		pid = child_fork();
		if (!pid)
			copy_until_killed(&rig, other, nr, p);
		while (!p->begun)
			usleep(1000);
		chance_delay(50000);
		kill(pid, SIGKILL);
		child_join_killed(pid);
		left = ok_info(rig.ctx).out_mapped_bytes - before;
		if (left)
			ck_assert_uint_eq(ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = TO,
						   .length = nr * PAGE)
						  .out_unmapped_bytes,
					  left);
		ck_assert(!edu_stores(&rig.edu, TO, memory));
		undone += p->begun > p->done && !left;
	}
	ck_assert_msg(undone == 3, "of %u, only %u were killed in the middle", ROUNDS, undone);
	ck_assert_int_eq(pins_settled(nr + 1), nr + 1);
}

/* The process that mapped and copied is gone, with its memory; the pages are not. */
IOASID_TEST(copy, source_process_exits, .needs = NEEDS_BIND)
{
	struct gate done;
	struct rig rig;
	uint32_t other;
	uint64_t locked;
	pid_t pid;

	rig_open(&rig, EDU);
	other = ioasid_new(rig.ctx);
	locked = ok_info(rig.ctx).out_locked_bytes;
	gate_init(&done);
	pid = child_fork();
	if (!pid) {
		char *memory = mem_new(3 * PAGE);

		mem_fill(memory + PAGE, EDU_BYTES, 99);
		ok_map(rig.ctx, .ioasid = other, .flags = RW | FIXED, .user_va = va(memory),
		       .length = 3 * PAGE, .iova = AT);
		gate_open(&done);
		child_done();
	}
	gate_wait(&done);
	child_join(pid);
	ok_copy(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .from_ioasid = other,
		.from_iova = AT + PAGE, .length = PAGE, .iova = TO);
	ok_unmap(rig.ctx, .ioasid = other, .iova = AT, .length = 3 * PAGE);
	ck_assert_uint_eq(ok_info(rig.ctx).out_locked_bytes, locked + 3 * PAGE);
	ck_assert(edu_reads(&rig.edu, TO, 99));
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = TO, .length = PAGE);
	ck_assert_uint_eq(ok_info(rig.ctx).out_locked_bytes, locked);
}

/* Where a device that is allowed the target does not reach. */
IOASID_TEST(copy, out_of_reach, .needs = NEEDS_BIND)
{
	struct ioasid_range ranges[32];
	struct space s = space_new(RW);
	struct ioasid_iova_ranges r;
	struct ioasid_copy c;
	struct edu edu;
	uint64_t last;

	edu_open(&edu, EDU);
	edu_bind(&edu, s.ctx);
	ok_allow(edu.fd, .ioasid = s.b);
	r = ok_ranges(s.ctx, .ioasid = s.b, .num_ranges = ARRAY_SIZE(ranges), .ranges = va(ranges));
	last = ranges[r.out_num_ranges - 1].last;
	if (last == UINT64_MAX)
		last = ranges[0].last;
	c = err_copy(EADDRNOTAVAIL, s.ctx, .ioasid = s.b, .flags = RW | FIXED, .from_ioasid = s.a,
		     .from_iova = AT, .length = 2 * PAGE, .iova = last + 1 - PAGE);
	ck_assert_uint_ne(c.out_range.last, 0);
	ck_assert_str_eq(ioasid_listing(s.ctx, s.b), "");
	/* The source may be anywhere. */
	ok_map(s.ctx, .ioasid = s.a, .flags = RW | FIXED, .user_va = va(s.memory), .length = PAGE,
	       .iova = 1ull << 60);
	copy(s, s.a, 1ull << 60, s.b, TO, 1);
}

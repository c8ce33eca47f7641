// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP: where a mapping may go and what memory can be mapped, in an IOASID that no device uses. What
 * devices then see is the business of dma.c, limits are that of memlock.c and ranges.c.
 */
#include <sys/time.h>

#include "call.h"
#include "edu.h"
#include "memory.h"
#include "oracle.h"
#include "sysfs.h"
#include "test.h"

#define AT 0x100000ull

/* A context with one IOASID. */
struct space {
	int ctx;
	uint32_t id;
};

static struct space space_new(void)
{
	struct space s = { .ctx = context_open() };

	s.id = ioasid_new(s.ctx);
	return s;
}

/* What the kernel's counters say about this process, in pages. */
static void expect_pinned_at(int line, int64_t pages)
{
	int64_t bytes = pages * (int64_t)PAGE;

	if (pins_settled(pages) != pages)
		test_fail_at(__FILE__, line, "the kernel counts %lld pinned pages, not %lld",
			     (long long)pins_now(), (long long)pages);
	if (vm_pinned(getpid()) != bytes)
		test_fail_at(__FILE__, line, "VmPin is %lld bytes, not %lld",
			     (long long)vm_pinned(getpid()), (long long)bytes);
}

#define expect_pinned(pages) expect_pinned_at(__LINE__, pages)

/* Nothing is mapped, pinned or charged. */
static void expect_empty(struct space s)
{
	ck_assert_str_eq(ioasid_listing(s.ctx, s.id), "");
	ck_assert_uint_eq(ok_info(s.ctx).out_mappings, 0);
	expect_pinned(0);
}

IOASID_TEST(map, fixed)
{
	struct space s = space_new();
	void *memory = mem_new(4 * PAGE);
	struct ioasid_query q;

	ck_assert_uint_eq(ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory),
				 .length = 4 * PAGE, .iova = AT)
				  .out_iova,
			  AT);
	expect_pinned(4);
	q = ok_query(s.ctx, .ioasid = s.id, .iova = AT + 5000);
	ck_assert_uint_eq(q.out_range.start, AT);
	ck_assert_uint_eq(q.out_range.last, AT + 4 * PAGE - 1);
	ck_assert_uint_eq(q.out_user_va, va(memory));
	ck_assert_uint_eq(q.out_map_flags, RW);
	ck_assert_uint_eq(
		ok_unmap(s.ctx, .ioasid = s.id, .iova = AT, .length = 4 * PAGE).out_unmapped_bytes,
		4 * PAGE);
	expect_empty(s);
}

IOASID_TEST(map, chosen)
{
	struct space s = space_new();
	void *memory = mem_new(PAGE);
	uint64_t iova[50];
	int i, j;

	for (i = 0; i < 50; i++) {
		iova[i] = ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory),
				 .length = PAGE)
				  .out_iova;
		ck_assert_uint_ne(iova[i], 0);
		ck_assert_uint_eq(iova[i] % PAGE, 0);
		for (j = 0; j < i; j++)
			ck_assert_uint_ne(iova[i], iova[j]);
	}
	expect_pinned(50);
	for (i = 0; i < 50; i++)
		ok_unmap(s.ctx, .ioasid = s.id, .iova = iova[i], .length = PAGE);
	expect_empty(s);
}

/* Zero is never chosen, but whoever wants it can have it. */
IOASID_TEST(map, at_zero)
{
	struct space s = space_new();
	void *memory = mem_new(PAGE);

	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory), .length = PAGE);
	ck_assert_uint_eq(ok_query(s.ctx, .ioasid = s.id).out_range.last, PAGE - 1);
	ck_assert_uint_ne(ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory),
				 .length = PAGE)
				  .out_iova,
			  0);
}

/* Right up to the last byte of the address space. */
IOASID_TEST(map, at_the_end)
{
	struct space s = space_new();
	void *memory = mem_new(2 * PAGE);
	uint64_t iova = 0 - 2 * PAGE;

	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory),
	       .length = 2 * PAGE, .iova = iova);
	ck_assert_uint_eq(ok_query(s.ctx, .ioasid = s.id, .iova = UINT64_MAX).out_range.last,
			  UINT64_MAX);
	ck_assert_uint_eq(err_map(EEXIST, s.ctx, .ioasid = s.id, .flags = RW | FIXED,
				  .user_va = va(memory), .length = PAGE, .iova = 0 - PAGE)
				  .out_range.last,
			  UINT64_MAX);
	ok_unmap(s.ctx, .ioasid = s.id, .iova = iova, .length = 2 * PAGE);
	expect_empty(s);
}

IOASID_TEST(map, directions)
{
	const uint32_t flags[] = { IOASID_MAP_READ, IOASID_MAP_WRITE, RW };
	struct space s = space_new();
	void *memory = mem_new(PAGE);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		ok_map(s.ctx, .ioasid = s.id, .flags = flags[i] | FIXED, .user_va = va(memory),
		       .length = PAGE, .iova = AT + i * PAGE);
		ck_assert_uint_eq(
			ok_query(s.ctx, .ioasid = s.id, .iova = AT + i * PAGE).out_map_flags,
			flags[i]);
	}
}

/* Calls that are malformed, each next to the call that is not. */
static const struct {
	struct test_row row;
	int error;
	struct ioasid_map map;
} malformed[] = {
	{ { "no direction", "" }, EINVAL, { .flags = FIXED, .length = PAGE, .iova = AT } },
	{ { "no length", "" }, EINVAL, { .flags = RW | FIXED, .iova = AT } },
	{ { "length of a byte", "" }, EINVAL, { .flags = RW | FIXED, .length = 1, .iova = AT } },
	{ { "length of a page and a byte", "" },
	  EINVAL,
	  { .flags = RW | FIXED, .length = PAGE + 1, .iova = AT } },
	{ { "length less than a page", "" },
	  EINVAL,
	  { .flags = RW | FIXED, .length = PAGE - 1, .iova = AT } },
	{ { "odd user address", "" },
	  EINVAL,
	  { .flags = RW | FIXED, .length = PAGE, .iova = AT, .user_va = 1 } },
	{ { "user address off by half a page", "" },
	  EINVAL,
	  { .flags = RW | FIXED, .length = PAGE, .iova = AT, .user_va = PAGE / 2 } },
	{ { "odd iova", "" }, EINVAL, { .flags = RW | FIXED, .length = PAGE, .iova = AT + 8 } },
	{ { "iova without FIXED", "" }, EINVAL, { .flags = RW, .length = PAGE, .iova = AT } },
	{ { "iova wraps", "" },
	  EOVERFLOW,
	  { .flags = RW | FIXED, .length = 2 * PAGE, .iova = 0 - PAGE } },
	{ { "iova wraps by far", "" },
	  EOVERFLOW,
	  { .flags = RW | FIXED, .length = 0 - PAGE, .iova = AT } },
	{ { "user address wraps", "" },
	  EOVERFLOW,
	  { .flags = RW | FIXED, .length = 0 - PAGE, .iova = 0 } },
	{ { "user address wraps, chosen", "" }, EOVERFLOW, { .flags = RW, .length = 0 - PAGE } },
};

IOASID_TEST(map, malformed, TEST_ROWS(malformed))
{
	struct ioasid_map map = malformed[row].map;
	struct space s = space_new();
	char *memory = mem_new(4 * PAGE);
	int rc;

	map.size = sizeof(map);
	map.ioasid = s.id;
	map.user_va += va(memory);
	rc = call_map(s.ctx, &map);
	if (rc != -malformed[row].error)
		test_fail("expected %s, got %s", call_errname(malformed[row].error),
			  call_errname(-rc));
	ck_assert_uint_eq(map.out_iova, 0);
	ck_assert_uint_eq(map.out_range.start, 0);
	ck_assert_uint_eq(map.out_range.last, 0);
	expect_empty(s);
	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory), .length = PAGE,
	       .iova = AT);
}

/* Against a mapping of pages 4 to 7: from, to (exclusive), and whether that is in its way. */
static const struct {
	struct test_row row;
	unsigned int from;
	unsigned int to;
	bool overlaps;
} overlaps[] = {
	{ { "same", "" }, 4, 8, true },		  { { "inside", "" }, 5, 7, true },
	{ { "around", "" }, 3, 9, true },	  { { "first page", "" }, 4, 5, true },
	{ { "last page", "" }, 7, 8, true },	  { { "left", "" }, 2, 5, true },
	{ { "right", "" }, 7, 10, true },	  { { "from the start", "" }, 4, 10, true },
	{ { "to the end", "" }, 2, 8, true },	  { { "right before", "" }, 2, 4, false },
	{ { "right behind", "" }, 8, 10, false }, { { "apart", "" }, 20, 24, false },
};

IOASID_TEST(map, overlap, TEST_ROWS(overlaps))
{
	uint64_t iova = AT + overlaps[row].from * PAGE;
	uint64_t length = (overlaps[row].to - overlaps[row].from) * PAGE;
	struct space s = space_new();
	char *memory = mem_new(16 * PAGE);
	struct ioasid_map map;

	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory),
	       .length = 4 * PAGE, .iova = AT + 4 * PAGE);
	if (overlaps[row].overlaps) {
		map = err_map(EEXIST, s.ctx, .ioasid = s.id, .flags = RW | FIXED,
			      .user_va = va(memory), .length = length, .iova = iova);
		ck_assert_uint_eq(map.out_range.start, AT + 4 * PAGE);
		ck_assert_uint_eq(map.out_range.last, AT + 8 * PAGE - 1);
		ck_assert_uint_eq(ok_info(s.ctx).out_mapped_bytes, 4 * PAGE);
		expect_pinned(4);
		ok_unmap(s.ctx, .ioasid = s.id, .iova = AT + 4 * PAGE, .length = 4 * PAGE);
	}
	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory), .length = length,
	       .iova = iova);
}

/* A mapping that would cover several is told the first of them. */
IOASID_TEST(map, overlap_of_several)
{
	struct space s = space_new();
	char *memory = mem_new(16 * PAGE);
	struct ioasid_map map;
	int i;

	for (i = 1; i <= 3; i++)
		ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory),
		       .length = PAGE, .iova = AT + 2 * i * PAGE);
	map = err_map(EEXIST, s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory),
		      .length = 10 * PAGE, .iova = AT);
	ck_assert_uint_eq(map.out_range.start, AT + 2 * PAGE);
	ck_assert_uint_eq(map.out_range.last, AT + 3 * PAGE - 1);
	/* Into the hole between two it goes. */
	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory), .length = PAGE,
	       .iova = AT + 3 * PAGE);
}

/* The same memory twice, and the same IOVA in two IOASIDs. */
IOASID_TEST(map, same_twice)
{
	struct space s = space_new();
	uint32_t other = ioasid_new(s.ctx);
	char *memory = mem_new(2 * PAGE);

	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory),
	       .length = 2 * PAGE, .iova = AT);
	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory),
	       .length = 2 * PAGE, .iova = 2 * AT);
	ok_map(s.ctx, .ioasid = other, .flags = RW | FIXED, .user_va = va(memory),
	       .length = 2 * PAGE, .iova = AT);
	expect_pinned(6);
	ok_free(s.ctx, .ioasid = other);
	expect_pinned(4);
	ok_unmap(s.ctx, .ioasid = s.id, .iova = AT, .length = 2 * PAGE);
	expect_pinned(2);
}

static void expect_fault(struct space s, uint64_t address, uint64_t length, uint32_t flags)
{
	err_map(EFAULT, s.ctx, .ioasid = s.id, .flags = flags, .user_va = address,
		.length = length);
	err_map(EFAULT, s.ctx, .ioasid = s.id, .flags = flags | FIXED, .user_va = address,
		.length = length, .iova = AT);
	expect_empty(s);
}

IOASID_TEST(map, memory_not_there)
{
	struct space s = space_new();
	char *memory = mem_new(8 * PAGE);

	munmap(memory, 8 * PAGE);
	expect_fault(s, va(memory), 8 * PAGE, RW);
	expect_fault(s, va(memory), PAGE, IOASID_MAP_READ);
	expect_fault(s, 0, PAGE, RW);
	ck_assert(mmap(memory, 8 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory),
	       .length = 8 * PAGE, .iova = AT);
}

/* Kernel addresses, the hole in the middle and the end of user space. */
IOASID_TEST(map, memory_of_nobody)
{
	const uint64_t addresses[] = {
		0x7ffffffff000,	    0x800000000000,	0xffff800000000000,
		0xffff888000000000, 0xffffffff81000000, 0xfffffffffffff000 - PAGE,
	};
	struct space s = space_new();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(addresses); i++)
		expect_fault(s, addresses[i], PAGE, RW);
}

/* Present at the start, then a hole: all or nothing. */
IOASID_TEST(map, memory_with_a_hole)
{
	struct space s = space_new();
	char *memory = mem_new(1024 * PAGE);
	const int holes[] = { 0, 1, 511, 512, 600, 1023 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		munmap(memory + holes[i] * PAGE, PAGE);
		expect_fault(s, va(memory), 1024 * PAGE, RW);
		ck_assert(mmap(memory + holes[i] * PAGE, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
	}
	ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory), .length = 1024 * PAGE);
	expect_pinned(1024);
}

IOASID_TEST(map, read_only_memory)
{
	struct space s = space_new();
	char *memory = mem_new(2 * PAGE);

	ck_assert(!mprotect(memory + PAGE, PAGE, PROT_READ));
	expect_fault(s, va(memory) + PAGE, PAGE, RW);
	expect_fault(s, va(memory) + PAGE, PAGE, IOASID_MAP_WRITE);
	expect_fault(s, va(memory), 2 * PAGE, IOASID_MAP_WRITE);
	ok_map(s.ctx, .ioasid = s.id, .flags = IOASID_MAP_READ, .user_va = va(memory),
	       .length = 2 * PAGE);
	ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory), .length = PAGE);
}

/* A file opened for reading, mapped shared, can be read by a device and no more. */
IOASID_TEST(map, read_only_file)
{
	struct space s = space_new();
	int fd = mem_file(2 * PAGE), again;
	char path[40];
	void *memory;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY);
	ck_assert_int_ge(again, 0);
	memory = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, again, 0);
	ck_assert(memory != MAP_FAILED);
	expect_fault(s, va(memory), 2 * PAGE, RW);
	ok_map(s.ctx, .ioasid = s.id, .flags = IOASID_MAP_READ, .user_va = va(memory),
	       .length = 2 * PAGE);
}

IOASID_TEST(map, memory_without_access)
{
	struct space s = space_new();
	char *memory = mem_new(2 * PAGE);

	ck_assert(!mprotect(memory, 2 * PAGE, PROT_NONE));
	expect_fault(s, va(memory), 2 * PAGE, RW);
	expect_fault(s, va(memory), PAGE, IOASID_MAP_READ);
	ck_assert(!mprotect(memory, 2 * PAGE, PROT_READ | PROT_WRITE));
	ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory), .length = 2 * PAGE);
}

/* Beyond the end of a file there is address space and no memory. */
IOASID_TEST(map, memory_behind_end_of_file)
{
	struct space s = space_new();
	int fd = mem_file(PAGE);
	char *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ck_assert(memory != MAP_FAILED);
	expect_fault(s, va(memory), 2 * PAGE, RW);
	ck_assert(!ftruncate(fd, 2 * PAGE));
	ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory), .length = 2 * PAGE);
	expect_pinned(2);
}

/* Registers of a device are not memory, whoever mapped them. */
IOASID_TEST(map, device_memory, .needs = "edu")
{
	struct space s = space_new();
	int fd = open("/sys/bus/pci/devices/" EDU "/resource0", O_RDWR);
	void *bar;

	ck_assert_msg(fd >= 0, "resource0: %m");
	bar = mmap(NULL, 1 * MiB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_msg(bar != MAP_FAILED, "resource0: %m");
	expect_fault(s, va(bar), PAGE, RW);
	expect_fault(s, va(bar), 1 * MiB, IOASID_MAP_READ);
}

IOASID_TEST(map, registers_of_our_own_device, .needs = NEEDS_BIND)
{
	struct space s = space_new();
	struct edu edu;

	edu_open(&edu, EDU);
	edu_bind(&edu, s.ctx);
	expect_fault(s, va(edu.bar), PAGE, RW);
	expect_fault(s, va(edu.bar), PAGE, IOASID_MAP_READ);
	edu_unbind(&edu);
}

/* Memory that was never touched gets its pages now. */
IOASID_TEST(map, untouched_memory)
{
	struct space s = space_new();
	char *memory =
		mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(memory != MAP_FAILED);
	ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory), .length = 64 * PAGE);
	expect_pinned(64);
	ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
	expect_empty(s);
	ck_assert(mem_is(memory, 64 * PAGE, 0));
}

static const struct {
	struct test_row row;
	int flags;
	bool file;
} kinds[] = {
	{ { "private", "" }, MAP_PRIVATE | MAP_ANONYMOUS, false },
	{ { "shared", "" }, MAP_SHARED | MAP_ANONYMOUS, false },
	{ { "memfd", "" }, MAP_SHARED, true },
	{ { "memfd private", "" }, MAP_PRIVATE, true },
	{ { "locked", "" }, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, false },
	{ { "hugetlb", "" }, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, false },
};

IOASID_TEST(map, kind_of_memory, TEST_ROWS(kinds))
{
	int fd = kinds[row].file ? mem_file(2 * MiB) : -1;
	struct space s = space_new();
	char *memory = mmap(NULL, 2 * MiB, PROT_READ | PROT_WRITE, kinds[row].flags, fd, 0);

	ck_assert_msg(memory != MAP_FAILED, "mmap: %m");
	ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory), .length = 2 * MiB);
	expect_pinned(512);
	ck_assert(mem_is(memory, 2 * MiB, 0));
	mem_fill(memory, 2 * MiB, 3);
	ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
	expect_empty(s);
	ck_assert(mem_has(memory, 2 * MiB, 3));
}

/* A part of a huge page, at every kind of edge. */
IOASID_TEST(map, part_of_a_huge_page)
{
	struct space s = space_new();
	char *memory = mem_new_aligned(6 * MiB, 2 * MiB, 0);

	madvise(memory, 6 * MiB, MADV_HUGEPAGE);
	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory) + PAGE,
	       .length = PAGE, .iova = AT);
	expect_pinned(1);
	ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory) + 2 * MiB - PAGE,
	       .length = 2 * MiB + 2 * PAGE, .iova = 64 * MiB - PAGE);
	expect_pinned(515);
	ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
	expect_empty(s);
}

/* So that a huge page can stay one for the IOMMU. */
IOASID_TEST(map, chosen_keeps_huge_pages)
{
	const uint64_t offsets[] = { 0, PAGE, 5 * PAGE, 2 * MiB - PAGE, 1 * MiB };
	struct space s = space_new();
	uint64_t iova;
	unsigned int i;
	char *memory;

	/* Something small first, so that the lowest free address is a bad one. */
	memory = mem_new(PAGE);
	ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory), .length = PAGE);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		memory = mem_new_aligned(4 * MiB, 2 * MiB, offsets[i]);
		iova = ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory),
			      .length = 4 * MiB)
			       .out_iova;
		ck_assert_uint_eq(iova % (2 * MiB), va(memory) % (2 * MiB));
	}
}

IOASID_TEST(map, large, .timeout = 180)
{
	struct space s = space_new();
	uint64_t bytes = 256 * MiB;
	char *memory = mem_new(bytes);

	ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory), .length = bytes);
	expect_pinned(bytes / PAGE);
	ck_assert_uint_eq(ok_info(s.ctx).out_mapped_bytes, bytes);
	ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
	expect_empty(s);
}

/* Large, of pages that are scattered and cannot be merged. */
IOASID_TEST(map, large_and_scattered, .timeout = 180)
{
	struct space s = space_new();
	uint64_t bytes = 32 * MiB, i;
	int fd = mem_file(bytes);
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *order;

	ck_assert(memory != MAP_FAILED);
	order = memory;
	/* Touched in an order that the page allocator does not like. */
	for (i = 0; i < bytes / PAGE; i++)
		order[(i * 4093 % (bytes / PAGE)) * PAGE] = 1;
	ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory), .length = bytes);
	expect_pinned(bytes / PAGE);
	ok_free(s.ctx, .ioasid = s.id);
	expect_pinned(0);
}

IOASID_TEST(map, thousands, .timeout = 180)
{
	enum {
		COUNT = 5000
	};
	struct space s = space_new();
	char *memory = mem_new(PAGE);
	int i;

	for (i = 0; i < COUNT; i++)
		ok_map(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .user_va = va(memory),
		       .length = PAGE, .iova = AT + (i * 2477ull % COUNT) * 2 * PAGE);
	ck_assert_uint_eq(ok_info(s.ctx).out_mappings, COUNT);
	expect_pinned(COUNT);
	for (i = 0; i < COUNT; i += 3)
		ok_unmap(s.ctx, .ioasid = s.id, .iova = AT + i * 2 * PAGE, .length = PAGE);
	for (i = 0; i < COUNT; i++)
		ck_assert_int_eq(t_query(s.ctx, .ioasid = s.id, .iova = AT + i * 2 * PAGE),
				 i % 3 ? 0 : -ENOENT);
	ok_unmap(s.ctx, .ioasid = s.id, .iova = AT, .length = COUNT * 2 * PAGE);
	expect_empty(s);
}

/* A signal that is not fatal disturbs nothing. */
static void ignore_alarm(int sig __attribute__((unused)))
{
}

IOASID_TEST(map, under_signals, .timeout = 180)
{
	struct itimerval every = { .it_interval.tv_usec = 2000, .it_value.tv_usec = 2000 };
	struct itimerval never = { 0 };
	struct space s = space_new();
	char *memory = mem_new(32 * MiB);
	int i;

	signal(SIGVTALRM, ignore_alarm);
	setitimer(ITIMER_VIRTUAL, &every, NULL);
	for (i = 0; i < 5; i++) {
		ok_map(s.ctx, .ioasid = s.id, .flags = RW, .user_va = va(memory),
		       .length = 32 * MiB);
		ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
	}
	setitimer(ITIMER_VIRTUAL, &never, NULL);
	expect_empty(s);
}

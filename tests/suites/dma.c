// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that moves bytes, and one that does not: the only proof that mapping, allowing and
 * taking away do what they say. What counts is memory, and the memory around it.
 */
#include "call.h"
#include "edu.h"
#include "memory.h"
#include "oracle.h"
#include "process.h"
#include "test.h"

#define AT 0x100000ull
#define CANARY 0xc7

/* A page between two that nobody maps. */
static char *guarded;

static char *guarded_page(void)
{
	guarded = mem_new(3 * PAGE);
	memset(guarded, CANARY, PAGE);
	memset(guarded + 2 * PAGE, CANARY, PAGE);
	return guarded + PAGE;
}

static void expect_guards(void)
{
	ck_assert(mem_is(guarded, PAGE, CANARY));
	ck_assert(mem_is(guarded + 2 * PAGE, PAGE, CANARY));
}

static void map(struct rig *rig, uint64_t iova, void *memory, uint64_t pages, uint32_t flags)
{
	ok_map(rig->ctx, .ioasid = rig->ioasid, .flags = flags | FIXED, .user_va = va(memory),
	       .length = pages * PAGE, .iova = iova);
}

static void unmap(struct rig *rig, uint64_t iova, uint64_t pages)
{
	ok_unmap(rig->ctx, .ioasid = rig->ioasid, .iova = iova, .length = pages * PAGE);
}

IOASID_TEST(dma, read_and_write, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	ck_assert(edu_writes(&rig.edu, AT, page));
	ck_assert(edu_writes(&rig.edu, AT + PAGE - EDU_BYTES, page + PAGE - EDU_BYTES));
	ck_assert(edu_loads(&rig.edu, AT, page));
	ck_assert(edu_loads(&rig.edu, AT + 1000, page + 1000));
	expect_guards();
}

IOASID_TEST(dma, chosen_iova, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;
	uint64_t iova;

	rig_open(&rig, EDU);
	iova = ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW, .user_va = va(page),
		      .length = PAGE)
		       .out_iova;
	ck_assert_uint_le(iova, EDU_IOVA_LAST);
	ck_assert(edu_writes(&rig.edu, iova, page));
	ck_assert(edu_loads(&rig.edu, iova, page));
	expect_guards();
}

/* Devices may read it, and not write. */
IOASID_TEST(dma, read_only, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, IOASID_MAP_READ);
	ck_assert(edu_loads(&rig.edu, AT, page));
	ck_assert(!edu_writes(&rig.edu, AT, page));
	unmap(&rig, AT, 1);
	map(&rig, AT, page, 1, RW);
	ck_assert(edu_writes(&rig.edu, AT, page));
	expect_guards();
}

IOASID_TEST(dma, write_only, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, IOASID_MAP_WRITE);
	ck_assert(edu_writes(&rig.edu, AT, page));
	expect_guards();
}

/* Not every page table can express that. */
IOASID_TEST(dma, write_only_is_not_read, .needs = NEEDS_BIND " !write-implies-read")
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, IOASID_MAP_WRITE);
	ck_assert(!edu_loads(&rig.edu, AT, page));
	ck_assert(edu_writes(&rig.edu, AT, page));
	expect_guards();
}

IOASID_TEST(dma, nothing_mapped, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	ck_assert(!edu_writes(&rig.edu, AT + PAGE, page));
	ck_assert(!edu_writes(&rig.edu, AT - PAGE, page));
	ck_assert(!edu_writes(&rig.edu, 0, page));
	/* Not by the address that the memory has for the processor, either. */
	ck_assert(!edu_writes(&rig.edu, va(page) & EDU_IOVA_LAST, page));
	ck_assert(!edu_loads(&rig.edu, AT + PAGE, page));
	expect_guards();
}

/* A transfer across the end of a mapping: the part behind it does not arrive. */
IOASID_TEST(dma, over_the_edge, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	edu_fill(&rig.edu);
	edu_store(&rig.edu, AT + PAGE - EDU_BYTES / 2, EDU_BYTES);
	expect_guards();
	edu_store(&rig.edu, AT - EDU_BYTES / 2, EDU_BYTES);
	expect_guards();
}

IOASID_TEST(dma, after_unmap, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	ck_assert(edu_writes(&rig.edu, AT, page));
	unmap(&rig, AT, 1);
	ck_assert(!edu_writes(&rig.edu, AT, page));
	ck_assert(!edu_loads(&rig.edu, AT, page));
	map(&rig, AT, page, 1, RW);
	ck_assert(edu_writes(&rig.edu, AT, page));
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .flags = IOASID_UNMAP_ALL);
	edu_scratch(&rig.edu, rig.ctx, rig.ioasid);
	ck_assert(!edu_writes(&rig.edu, AT, page));
	expect_guards();
}

/* The address is used again for other memory: the device must not remember. */
IOASID_TEST(dma, address_used_again, .needs = NEEDS_BIND)
{
	char *first = mem_new(PAGE), *page = guarded_page();
	struct rig rig;
	int i;

	rig_open(&rig, EDU);
	for (i = 0; i < 3; i++) {
		map(&rig, AT, first, 1, RW);
		ck_assert(edu_writes(&rig.edu, AT, first));
		unmap(&rig, AT, 1);
		map(&rig, AT, page, 1, RW);
		memset(first, 0x11, PAGE);
		ck_assert(edu_writes(&rig.edu, AT, page));
		ck_assert(mem_is(first, PAGE, 0x11));
		unmap(&rig, AT, 1);
	}
	expect_guards();
}

/* One of many goes; its neighbours stay, page by page. */
IOASID_TEST(dma, unmap_between, .needs = NEEDS_BIND)
{
	char *pages = mem_new(3 * PAGE);
	struct rig rig;
	int i;

	rig_open(&rig, EDU);
	for (i = 0; i < 3; i++)
		map(&rig, AT + i * PAGE, pages + i * PAGE, 1, RW);
	unmap(&rig, AT + PAGE, 1);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(edu_writes(&rig.edu, AT + i * PAGE, pages + i * PAGE), i != 1);
}

/* Memory that is contiguous for the process and not for anybody else. */
IOASID_TEST(dma, scattered_pages, .needs = NEEDS_BIND)
{
	enum {
		PAGES = 64
	};
	int fd = mem_file(PAGES * PAGE), i;
	char *memory;
	struct rig rig;

	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert(memory != MAP_FAILED);
	for (i = 0; i < PAGES; i++)
		memory[(i * 37 % PAGES) * PAGE] = 1;
	rig_open(&rig, EDU);
	map(&rig, AT, memory, PAGES, RW);
	for (i = 0; i < PAGES; i += 9)
		ck_assert(edu_writes(&rig.edu, AT + i * PAGE + 100, memory + i * PAGE + 100));
	/* Across a page boundary. */
	ck_assert(edu_writes(&rig.edu, AT + 31 * PAGE - 200, memory + 31 * PAGE - 200));
}

/* Huge pages, at an address that lets them be huge for the IOMMU, and at one that does not. */
static const struct {
	struct test_row row;
	uint64_t iova;
} huge[] = {
	{ { "aligned", "" }, 4 * MiB },
	{ { "unaligned", "" }, 4 * MiB + PAGE },
};

IOASID_TEST(dma, huge_pages, TEST_ROWS(huge), .needs = NEEDS_BIND)
{
	const uint64_t at[] = { 0, 2 * MiB - EDU_BYTES, 2 * MiB - 100, 5 * MiB,
				6 * MiB - EDU_BYTES };
	char *memory = mmap(NULL, 6 * MiB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	struct rig rig;
	unsigned int i;

	ck_assert_msg(memory != MAP_FAILED, "huge pages: %m");
	rig_open(&rig, EDU);
	map(&rig, huge[row].iova, memory, 6 * MiB / PAGE, RW);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		ck_assert(edu_writes(&rig.edu, huge[row].iova + at[i], memory + at[i]));
	unmap(&rig, huge[row].iova, 6 * MiB / PAGE);
	ck_assert(!edu_writes(&rig.edu, huge[row].iova + 2 * MiB, memory + 2 * MiB));
	ck_assert(!edu_writes(&rig.edu, huge[row].iova + 6 * MiB - EDU_BYTES,
			      memory + 6 * MiB - EDU_BYTES));
}

/* A large mapping, at its ends and somewhere in between. */
IOASID_TEST(dma, large, .needs = NEEDS_BIND, .timeout = 180)
{
	uint64_t bytes = 128 * MiB, at;
	char *memory = mem_new(bytes);
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, 16 * MiB, memory, bytes / PAGE, RW);
	for (at = 0; at < bytes; at += 21 * MiB + 5 * PAGE)
		ck_assert(edu_writes(&rig.edu, 16 * MiB + at, memory + at));
	at = bytes - EDU_BYTES;
	ck_assert(edu_writes(&rig.edu, 16 * MiB + at, memory + at));
	unmap(&rig, 16 * MiB, bytes / PAGE);
	ck_assert(!edu_writes(&rig.edu, 16 * MiB + at, memory + at));
	ck_assert(!edu_writes(&rig.edu, 16 * MiB, memory));
}

/* The same memory again and again, as one stretch. */
static char *repeated(uint64_t bytes, uint64_t times)
{
	int fd = memfd_create("ioasid-test", MFD_CLOEXEC | MFD_HUGETLB);
	char *memory =
		mmap(NULL, bytes * times + 2 * MiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t i;

	ck_assert(memory != MAP_FAILED);
	memory += 2 * MiB - va(memory) % (2 * MiB);
	ck_assert_msg(fd >= 0 && !ftruncate(fd, bytes), "huge pages: %m");
	for (i = 0; i < times; i++)
		ck_assert(mmap(memory + i * bytes, bytes, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	return memory;
}

/* What is too long to be done without a break, and has the breaks within huge pages. */
static const struct {
	struct test_row row;
	bool allowed_later;
	uint32_t alloc_flags;
} long_ones[] = {
	{ { "mapped while allowed", "" }, false, 0 },
	{ { "allowed afterwards", "" }, true, 0 },
	{ { "invalidated later", "" }, false, IOASID_ALLOC_DEFERRED_FLUSH },
};

IOASID_TEST(dma, gigabytes, TEST_ROWS(long_ones), .needs = NEEDS_BIND, .timeout = 180)
{
	enum {
		TIMES = 80,
		BELOW = 16,
	};
	const uint64_t bytes = 16 * MiB, all = TIMES * bytes, to = 8 * GiB - BELOW * PAGE;
	const uint64_t look[] = {
		0,
		(BELOW - 1) * PAGE,
		BELOW * PAGE,
		BELOW * PAGE + GiB - PAGE,
		BELOW * PAGE + GiB,
		all - PAGE,
	};
	char *memory = repeated(bytes, TIMES);
	struct rig rig;
	unsigned int i;

	rig_open_flags(&rig, EDU, long_ones[row].alloc_flags);
	if (long_ones[row].allowed_later)
		ok_disallow(rig.edu.fd, .ioasid = rig.ioasid);
	map(&rig, to, memory, all / PAGE, RW);
	if (long_ones[row].allowed_later)
		ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
	for (i = 0; i < ARRAY_SIZE(look); i++)
		ck_assert(edu_writes(&rig.edu, to + look[i], memory + look[i]));
	ck_assert(!edu_stores(&rig.edu, to + all, memory));
	unmap(&rig, to, all / PAGE);
	ok_sync(rig.ctx, .ioasid = rig.ioasid);
	for (i = 0; i < ARRAY_SIZE(look); i++)
		ck_assert(!edu_stores(&rig.edu, to + look[i], memory + look[i]));
	/* The scratch page. */
	ck_assert_int_eq(vm_pinned(getpid()), PAGE);
	ck_assert_int_eq(pins_settled(1), 1);
}

/* Mapped before the device was allowed, and after. */
IOASID_TEST(dma, before_and_after_allow, .needs = NEEDS_BIND)
{
	char *before = mem_new(PAGE), *after = guarded_page();
	struct rig rig;

	rig.ctx = context_open();
	rig.ioasid = ioasid_new(rig.ctx);
	edu_open(&rig.edu, EDU);
	edu_scratch(&rig.edu, rig.ctx, rig.ioasid);
	map(&rig, AT, before, 1, RW);
	edu_bind(&rig.edu, rig.ctx);
	ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
	map(&rig, 2 * AT, after, 1, RW);
	ck_assert(edu_writes(&rig.edu, AT, before));
	ck_assert(edu_writes(&rig.edu, 2 * AT, after));
	expect_guards();
}

/* Bound and not allowed anything: nothing moves. */
IOASID_TEST(dma, before_allow, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	edu_fill(&rig.edu);
	edu_unbind(&rig.edu);
	edu_bind(&rig.edu, rig.ctx);
	/* Should binding have cleared the buffer, this proves less and is still true. */
	ck_assert(!edu_stores(&rig.edu, AT, page));
	memset(page, 0x33, PAGE);
	edu_load(&rig.edu, AT, EDU_BYTES);
	ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
	memset(rig.edu.scratch, 0, EDU_BYTES);
	edu_store(&rig.edu, EDU_SCRATCH_IOVA, EDU_BYTES);
	ck_assert(!mem_is(rig.edu.scratch, EDU_BYTES, 0x33));
	ck_assert(edu_writes(&rig.edu, AT, page));
	expect_guards();
}

IOASID_TEST(dma, after_disallow, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	ck_assert(edu_writes(&rig.edu, AT, page));
	ok_disallow(rig.edu.fd, .ioasid = rig.ioasid);
	ck_assert(!edu_stores(&rig.edu, AT, page));
	/* Reading is blocked as well: what it holds is still what was filled in. */
	memset(page, 0x44, PAGE);
	edu_load(&rig.edu, AT, EDU_BYTES);
	ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
	memset(rig.edu.scratch, 0, EDU_BYTES);
	edu_store(&rig.edu, EDU_SCRATCH_IOVA, EDU_BYTES);
	ck_assert(!mem_is(rig.edu.scratch, EDU_BYTES, 0x44));
	ck_assert(edu_writes(&rig.edu, AT, page));
	expect_guards();
}

/* FREE does not wait for DISALLOW. */
IOASID_TEST(dma, after_free, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	edu_fill(&rig.edu);
	ok_free(rig.ctx, .ioasid = rig.ioasid);
	ck_assert_int_eq(pins_settled(0), 0);
	ck_assert(!edu_stores(&rig.edu, AT, page));
	ok_disallow(rig.edu.fd, .ioasid = rig.ioasid);
	ck_assert(!edu_stores(&rig.edu, AT, page));
	/* The next one starts empty. */
	rig.ioasid = ioasid_new(rig.ctx);
	ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
	ck_assert(!edu_stores(&rig.edu, AT, page));
	map(&rig, AT, page, 1, RW);
	ck_assert(edu_stores(&rig.edu, AT, page));
	expect_guards();
}

IOASID_TEST(dma, after_closing_the_context, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	ck_assert(edu_writes(&rig.edu, AT, page));
	close(rig.ctx);
	ck_assert(!edu_stores(&rig.edu, AT, page));
	expect_guards();
}

/* What one owner set up is nothing for the next. */
IOASID_TEST(dma, after_bind_again, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	ck_assert(edu_writes(&rig.edu, AT, page));
	edu_unbind(&rig.edu);
	rig.ctx = context_open();
	rig.ioasid = ioasid_new(rig.ctx);
	edu_scratch(&rig.edu, rig.ctx, rig.ioasid);
	edu_bind(&rig.edu, rig.ctx);
	ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
	ck_assert(!edu_writes(&rig.edu, AT, page));
	map(&rig, AT, page, 1, RW);
	ck_assert(edu_writes(&rig.edu, AT, page));
	expect_guards();
}

/*
 * A transfer that was started is over, or blocked, when the mapping goes: it never lands in memory
 * used again.
 */
IOASID_TEST(dma, unmap_in_flight, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	edu_fill(&rig.edu);
	memset(page, 0, PAGE);
	edu_store_start(&rig.edu, AT, EDU_BYTES);
	unmap(&rig, AT, 1);
	memset(page, 0x66, PAGE);
	edu_wait(&rig.edu);
	ck_assert(mem_is(page, PAGE, 0x66));
	expect_guards();
}

/*
 * A transfer is under way while the device goes back to the kernel, whose memory is not in its
 * reach either.
 */
IOASID_TEST(dma, unbind_in_flight, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig rig;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	edu_fill(&rig.edu);
	memset(page, 0x66, PAGE);
	edu_store_start(&rig.edu, AT, EDU_BYTES);
	edu_unbind(&rig.edu);
	memset(page, 0x77, PAGE);
	usleep(300000);
	ck_assert(mem_is(page, PAGE, 0x77));
	expect_guards();
	edu_bind(&rig.edu, rig.ctx);
	ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
	ck_assert(edu_writes(&rig.edu, AT, page));
}

/* Two IOASIDs, the same IOVA, other memory: the device sees the one it is allowed. */
IOASID_TEST(dma, two_ioasids, .needs = NEEDS_BIND)
{
	char *mine = guarded_page(), *other = mem_new(PAGE);
	uint32_t second;
	struct rig rig;
	int i;

	rig_open(&rig, EDU);
	second = ioasid_new(rig.ctx);
	map(&rig, AT, mine, 1, RW);
	edu_scratch(&rig.edu, rig.ctx, second);
	ok_map(rig.ctx, .ioasid = second, .flags = RW | FIXED, .user_va = va(other), .length = PAGE,
	       .iova = AT);
	for (i = 0; i < 2; i++) {
		memset(other, 0x22, PAGE);
		ck_assert(edu_writes(&rig.edu, AT, mine));
		ck_assert(mem_is(other, PAGE, 0x22));
		ok_disallow(rig.edu.fd, .ioasid = rig.ioasid);
		ok_allow(rig.edu.fd, .ioasid = second);
		memset(mine, 0x23, PAGE);
		ck_assert(edu_writes(&rig.edu, AT, other));
		ck_assert(mem_is(mine, PAGE, 0x23));
		ok_disallow(rig.edu.fd, .ioasid = second);
		ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
	}
	expect_guards();
}

/* Two devices that are not in a group, one address space. */
IOASID_TEST(dma, two_devices, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct edu other;
	struct rig rig;

	rig_open(&rig, EDU);
	edu_open(&other, EDU_PAIR_0);
	edu_bind(&other, rig.ctx);
	ok_allow(other.fd, .ioasid = rig.ioasid);
	other.scratch = rig.edu.scratch;
	map(&rig, AT, page, 1, RW);
	ck_assert(edu_writes(&rig.edu, AT, page));
	ck_assert(edu_writes(&other, AT, page));
	ok_disallow(rig.edu.fd, .ioasid = rig.ioasid);
	ck_assert(!edu_stores(&rig.edu, AT, page));
	ck_assert(edu_writes(&other, AT, page));
	/* What is mapped now, one sees at once and the other when it is allowed again. */
	map(&rig, 2 * AT, page, 1, RW);
	ck_assert(edu_writes(&other, 2 * AT, page));
	ck_assert(!edu_stores(&rig.edu, 2 * AT, page));
	ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
	ck_assert(edu_stores(&rig.edu, 2 * AT, page));
	unmap(&rig, 2 * AT, 1);
	ck_assert(!edu_stores(&rig.edu, 2 * AT, page));
	ck_assert(!edu_writes(&other, 2 * AT, page));
	edu_unbind(&other);
	ck_assert(edu_writes(&rig.edu, AT, page));
	expect_guards();
}

/* Two devices with an IOASID each do not see each other's memory. */
IOASID_TEST(dma, two_devices_apart, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct rig a, b;

	rig_open(&a, EDU);
	rig_open(&b, EDU_PAIR_0);
	map(&a, AT, page, 1, RW);
	ck_assert(edu_writes(&a.edu, AT, page));
	ck_assert(!edu_writes(&b.edu, AT, page));
	close(b.ctx);
	ck_assert(edu_writes(&a.edu, AT, page));
	expect_guards();
}

/* Two devices of one group: both reach it until the last lets go. */
IOASID_TEST(dma, group, .needs = NEEDS_GROUP)
{
	char *page = guarded_page();
	struct edu other;
	struct rig rig;

	rig_open(&rig, EDU_PAIR_0);
	edu_open(&other, EDU_PAIR_1);
	edu_bind(&other, rig.ctx);
	ok_allow(other.fd, .ioasid = rig.ioasid);
	other.scratch = rig.edu.scratch;
	map(&rig, AT, page, 1, RW);
	ck_assert(edu_writes(&rig.edu, AT, page));
	ck_assert(edu_writes(&other, AT, page));
	ok_disallow(rig.edu.fd, .ioasid = rig.ioasid);
	ck_assert(edu_writes(&other, AT, page));
	edu_unbind(&rig.edu);
	ck_assert(edu_writes(&other, AT, page));
	ok_disallow(other.fd, .ioasid = rig.ioasid);
	ck_assert(!edu_stores(&other, AT, page));
	ok_allow(other.fd, .ioasid = rig.ioasid);
	ck_assert(edu_stores(&other, AT, page));
	expect_guards();
}

/* The owner of a group is gone with one device, and the other is still in its hands. */
IOASID_TEST(dma, group_context_closed, .needs = NEEDS_GROUP)
{
	char *page = guarded_page();
	struct edu other;
	struct rig rig;

	rig_open(&rig, EDU_PAIR_0);
	edu_open(&other, EDU_PAIR_1);
	edu_bind(&other, rig.ctx);
	ok_allow(other.fd, .ioasid = rig.ioasid);
	other.scratch = rig.edu.scratch;
	map(&rig, AT, page, 1, RW);
	ck_assert(edu_writes(&other, AT, page));
	edu_fill(&rig.edu);
	close(rig.ctx);
	ck_assert(!edu_stores(&other, AT, page));
	ck_assert(!edu_stores(&rig.edu, AT, page));
	edu_unbind(&rig.edu);
	ck_assert(!edu_stores(&other, AT, page));
	expect_guards();
}

/* The pages stay the ones they were: seen through a second mapping of the same file. */
IOASID_TEST(dma, after_munmap, .needs = NEEDS_BIND)
{
	int fd = mem_file(PAGE);
	char *first = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *second = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct rig rig;

	ck_assert(first != MAP_FAILED && second != MAP_FAILED);
	rig_open(&rig, EDU);
	map(&rig, AT, first, 1, RW);
	munmap(first, PAGE);
	ck_assert(edu_writes(&rig.edu, AT, second));
	ck_assert(edu_loads(&rig.edu, AT, second));
	/* Where it was is something else now, which the device does not reach. */
	first = mmap(first, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     -1, 0);
	ck_assert(first != MAP_FAILED);
	ck_assert(edu_writes(&rig.edu, AT, second));
	ck_assert(mem_is(first, PAGE, 0));
}

/* Memory that was only ever read is the kernel's zero page, until it is pinned. */
IOASID_TEST(dma, zero_page, .needs = NEEDS_BIND)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rig rig;

	ck_assert(page != MAP_FAILED);
	ck_assert(mem_is(page, PAGE, 0));
	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, IOASID_MAP_READ);
	/* Written after it was mapped: the device must read this, not what was there then. */
	ck_assert(edu_loads(&rig.edu, AT, page));
	ck_assert(edu_loads(&rig.edu, AT, page));
}

/* The same for a private mapping of a file, whose page is the file's until it is written. */
IOASID_TEST(dma, private_file, .needs = NEEDS_BIND)
{
	int fd = mem_file(PAGE);
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *file = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	struct rig rig;

	ck_assert(page != MAP_FAILED && file != MAP_FAILED);
	ck_assert(mem_is(page, PAGE, 0));
	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, IOASID_MAP_READ);
	ck_assert(edu_loads(&rig.edu, AT, page));
	map(&rig, 2 * AT, page, 1, RW);
	ck_assert(edu_writes(&rig.edu, 2 * AT, page));
	ck_assert(mem_is(file, PAGE, 0));
}

/* fork() shares memory until it is written; the pinned page stays with who pinned it. */
IOASID_TEST(dma, after_fork, .needs = NEEDS_BIND)
{
	char *page = guarded_page();
	struct gate checked;
	struct rig rig;
	pid_t pid;

	gate_init(&checked);
	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	memset(page, 0x18, PAGE);
	pid = child_fork();
	if (!pid) {
		gate_wait(&checked);
		ck_assert(mem_is(page, PAGE, 0x18));
		child_done();
	}
	ck_assert(edu_writes(&rig.edu, AT, page));
	ck_assert(edu_loads(&rig.edu, AT, page));
	gate_open(&checked);
	child_join(pid);
	expect_guards();
}

/* Memory of another process, mapped by it, while it runs and after it has ended. */
IOASID_TEST(dma, memory_of_another_process, .needs = NEEDS_BIND)
{
	int fd = mem_file(PAGE);
	char *here = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct rig rig;
	pid_t pid;

	ck_assert(here != MAP_FAILED);
	rig_open(&rig, EDU);
	pid = child_fork();
	if (!pid) {
		munmap(here, PAGE);
		here = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		ck_assert(here != MAP_FAILED);
		map(&rig, AT, here, 1, RW);
		child_done();
	}
	child_join(pid);
	close(fd);
	ck_assert(edu_writes(&rig.edu, AT, here));
	unmap(&rig, AT, 1);
	ck_assert(!edu_writes(&rig.edu, AT, here));
}

/* Mapping and unmapping next to a device at work does not disturb it. */
IOASID_TEST(dma, while_others_map, .needs = NEEDS_BIND, .timeout = 120)
{
	char *page = guarded_page();
	struct rig rig;
	pid_t pid;
	int i;

	rig_open(&rig, EDU);
	map(&rig, AT, page, 1, RW);
	pid = child_fork();
	if (!pid) {
		char *own = mem_new(64 * PAGE);

		for (;;) {
			map(&rig, 4 * AT, own, 64, RW);
			unmap(&rig, 4 * AT, 64);
		}
	}
	for (i = 0; i < 10; i++)
		ck_assert(edu_writes(&rig.edu, AT, page));
	kill(pid, SIGKILL);
	child_join_killed(pid);
	expect_guards();
}

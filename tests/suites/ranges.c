// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOVA_RANGES, and the errors that come from what devices can reach: what can be mapped, and when
 * it changes.
 */
#include "call.h"
#include "edu.h"
#include "memory.h"
#include "oracle.h"
#include "test.h"

/* Where x86 processors take writes for interrupts. */
#define MSI_START 0xfee00000ull
#define MSI_LAST 0xfeefffffull

#define ROOM 64

struct ranges {
	unsigned int nr;
	struct ioasid_range range[ROOM];
};

static struct ranges ranges_of(int ctx, uint32_t id)
{
	struct ranges r = { 0 };
	struct ioasid_iova_ranges reply;
	unsigned int i;

	reply = ok_ranges(ctx, .ioasid = id, .num_ranges = ROOM, .ranges = va(r.range));
	r.nr = reply.out_num_ranges;
	ck_assert_uint_ge(r.nr, 1);
	ck_assert_uint_le(r.nr, ROOM);
	ck_assert_uint_eq(reply.out_iova_alignment, PAGE);
	for (i = 0; i < r.nr; i++) {
		ck_assert_uint_le(r.range[i].start, r.range[i].last);
		/* Ascending, and there is something between two. */
		if (i)
			ck_assert_uint_gt(r.range[i].start, r.range[i - 1].last + 1);
	}
	return r;
}

static bool reachable(const struct ranges *r, uint64_t start, uint64_t last)
{
	unsigned int i;

	for (i = 0; i < r->nr; i++)
		if (r->range[i].start <= start && last <= r->range[i].last)
			return true;
	return false;
}

static bool touches(const struct ranges *r, uint64_t start, uint64_t last)
{
	unsigned int i;

	for (i = 0; i < r->nr; i++)
		if (r->range[i].start <= last && start <= r->range[i].last)
			return true;
	return false;
}

static uint64_t distance(const struct ioasid_range *range, uint64_t iova)
{
	if (iova < range->start)
		return range->start - iova;
	return iova > range->last ? iova - range->last : 0;
}

/*
 * What EADDRNOTAVAIL is to name: of the ranges that are long enough the nearest, the lower of two.
 */
static struct ioasid_range nearest(const struct ranges *r, uint64_t iova, uint64_t length)
{
	const struct ioasid_range *best = NULL;
	unsigned int i;

	for (i = 0; i < r->nr; i++) {
		if (r->range[i].last - r->range[i].start < length - 1)
			continue;
		if (!best || distance(&r->range[i], iova) < distance(best, iova))
			best = &r->range[i];
	}
	return best ? *best : (struct ioasid_range){ 0 };
}

static bool same(const struct ranges *a, const struct ranges *b)
{
	return a->nr == b->nr && !memcmp(a->range, b->range, a->nr * sizeof(a->range[0]));
}

static bool everything(const struct ranges *r)
{
	return r->nr == 1 && r->range[0].start == 0 && r->range[0].last == UINT64_MAX;
}

IOASID_TEST(ranges, before_a_device)
{
	int ctx = context_open();
	uint32_t id = ioasid_new(ctx);
	struct ranges r = ranges_of(ctx, id);
	void *memory = mem_new(PAGE);

	ck_assert(everything(&r));
	/* Mapped ranges are part of it. */
	ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(memory), .length = PAGE,
	       .iova = MSI_START);
	r = ranges_of(ctx, id);
	ck_assert(everything(&r));
}

IOASID_TEST(ranges, with_a_device, .needs = NEEDS_BIND)
{
	struct ranges r;
	struct rig rig;

	rig_open(&rig, EDU);
	r = ranges_of(rig.ctx, rig.ioasid);
	ck_assert(!touches(&r, MSI_START, MSI_LAST));
	ck_assert(reachable(&r, MSI_START - PAGE, MSI_START - 1));
	ck_assert(reachable(&r, MSI_LAST + 1, MSI_LAST + PAGE));
	ck_assert(reachable(&r, EDU_SCRATCH_IOVA, EDU_SCRATCH_IOVA + PAGE - 1));
	ok_disallow(rig.edu.fd, .ioasid = rig.ioasid);
	r = ranges_of(rig.ctx, rig.ioasid);
	ck_assert(everything(&r));
	ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
	edu_unbind(&rig.edu);
	r = ranges_of(rig.ctx, rig.ioasid);
	ck_assert(everything(&r));
}

/* The devices bound without being allowed, and IOASIDs that others use, do not matter. */
IOASID_TEST(ranges, only_of_its_own_devices, .needs = NEEDS_BIND)
{
	struct ranges r;
	struct rig rig;
	uint32_t other;

	rig_open(&rig, EDU);
	other = ioasid_new(rig.ctx);
	r = ranges_of(rig.ctx, other);
	ck_assert(everything(&r));
}

/*
 * Less room than there are ranges: the first ones, how many there are, and nothing behind the room.
 */
IOASID_TEST(ranges, too_little_room, .needs = NEEDS_BIND)
{
	struct ioasid_range room[4];
	struct ioasid_iova_ranges reply;
	struct ranges r;
	struct rig rig;
	unsigned int n;

	rig_open(&rig, EDU);
	r = ranges_of(rig.ctx, rig.ioasid);
	ck_assert_uint_ge(r.nr, 2);
	for (n = 0; n < 2; n++) {
		memset(room, 0x5a, sizeof(room));
		reply = ok_ranges(rig.ctx, .ioasid = rig.ioasid, .num_ranges = n,
				  .ranges = n ? va(room) : 0);
		ck_assert_uint_eq(reply.out_num_ranges, r.nr);
		ck_assert(!memcmp(room, r.range, n * sizeof(room[0])));
		ck_assert(mem_is(room + n, sizeof(room) - n * sizeof(room[0]), 0x5a));
	}
}

IOASID_TEST(ranges, bad_array)
{
	struct ioasid_range *gone = mem_new(PAGE), *end = mem_new_before_hole(PAGE);
	int ctx = context_open();
	uint32_t id = ioasid_new(ctx);
	struct ioasid_iova_ranges reply;

	end += PAGE / sizeof(*end);
	munmap(gone, PAGE);
	reply = err_ranges(EFAULT, ctx, .ioasid = id, .num_ranges = 1, .ranges = va(gone));
	ck_assert_uint_eq(reply.out_num_ranges, 0);
	err_ranges(EFAULT, ctx, .ioasid = id, .num_ranges = 1, .ranges = 0);
	err_ranges(EFAULT, ctx, .ioasid = id, .num_ranges = 1, .ranges = 0xdead000000000000);
	err_ranges(EFAULT, ctx, .ioasid = id, .num_ranges = 1, .ranges = 0xffff888000000000);
	err_ranges(EFAULT, ctx, .ioasid = id, .num_ranges = 1, .ranges = va(end) - 8);
	/* Only what is written has to be there. */
	ok_ranges(ctx, .ioasid = id, .num_ranges = ~0u, .ranges = va(end - 1));
	ck_assert_uint_eq(end[-1].last, UINT64_MAX);
	ck_assert(!mprotect(end - PAGE / sizeof(*end), PAGE, PROT_READ));
	err_ranges(EFAULT, ctx, .ioasid = id, .num_ranges = 1, .ranges = va(end - 1));
}

/* Fixed addresses that meet what no device can reach. */
static const struct {
	struct test_row row;
	uint64_t iova;
	uint64_t pages;
} unreachable[] = {
	{ { "all of the hole", "" }, MSI_START, 256 },
	{ { "first page", "" }, MSI_START, 1 },
	{ { "last page", "" }, MSI_LAST + 1 - PAGE, 1 },
	{ { "into it", "" }, MSI_START - PAGE, 2 },
	{ { "out of it", "" }, MSI_LAST + 1 - PAGE, 2 },
	{ { "over it", "" }, MSI_START - PAGE, 258 },
};

IOASID_TEST(ranges, map_into_the_hole, TEST_ROWS(unreachable), .needs = NEEDS_BIND)
{
	uint64_t length = unreachable[row].pages * PAGE;
	char *memory = mem_new(length);
	struct ioasid_range want;
	struct ioasid_map map;
	struct ranges r;
	struct rig rig;

	rig_open(&rig, EDU);
	r = ranges_of(rig.ctx, rig.ioasid);
	map = err_map(EADDRNOTAVAIL, rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED,
		      .user_va = va(memory), .length = length, .iova = unreachable[row].iova);
	want = nearest(&r, unreachable[row].iova, length);
	ck_assert_uint_eq(map.out_range.start, want.start);
	ck_assert_uint_eq(map.out_range.last, want.last);
	ck_assert_int_eq(pins_settled(1), 1);
	ck_assert_uint_eq(ok_info(rig.ctx).out_mappings, 1);
	/* Where the reply says, it works: at the end of the range, as far as that is from here. */
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(memory),
	       .length = length,
	       .iova = map.out_range.last < unreachable[row].iova ?
			       map.out_range.last + 1 - length :
			       map.out_range.start);
	/* Without a device in the way, so does what was refused. */
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .flags = IOASID_UNMAP_ALL);
	ok_disallow(rig.edu.fd, .ioasid = rig.ioasid);
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(memory),
	       .length = length, .iova = unreachable[row].iova);
}

IOASID_TEST(ranges, allow_over_the_hole, TEST_ROWS(unreachable), .needs = NEEDS_BIND)
{
	uint64_t length = unreachable[row].pages * PAGE;
	char *memory = mem_new(length);
	struct ioasid_device_allow allow;
	struct fdinfo info;
	struct rig rig;

	rig_open(&rig, EDU);
	ok_disallow(rig.edu.fd, .ioasid = rig.ioasid);
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(memory),
	       .length = length, .iova = unreachable[row].iova);
	allow = err_allow(EADDRINUSE, rig.edu.fd, .ioasid = rig.ioasid);
	ck_assert_uint_eq(allow.out_range.start, unreachable[row].iova);
	ck_assert_uint_eq(allow.out_range.last, unreachable[row].iova + length - 1);
	info = fdinfo_read(rig.ctx);
	ck_assert_uint_eq(info.ioasid[fdinfo_find(&info, rig.ioasid)].devices, 0);
	err_disallow(ENOENT, rig.edu.fd, .ioasid = rig.ioasid);
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = allow.out_range.start,
		 .length = allow.out_range.last - allow.out_range.start + 1);
	ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
	ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
}

/* Above what the IOMMU translates, where there is such an address. */
IOASID_TEST(ranges, beyond_the_aperture, .needs = NEEDS_BIND " !amd !virtio")
{
	char *memory = mem_new(2 * PAGE);
	struct ioasid_range top;
	struct ioasid_map map;
	struct ranges r;
	struct rig rig;

	rig_open(&rig, EDU);
	r = ranges_of(rig.ctx, rig.ioasid);
	top = r.range[r.nr - 1];
	ck_assert_uint_lt(top.last, UINT64_MAX);
	map = err_map(EADDRNOTAVAIL, rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED,
		      .user_va = va(memory), .length = PAGE, .iova = top.last + 1);
	ck_assert_uint_eq(map.out_range.last, top.last);
	err_map(EADDRNOTAVAIL, rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED,
		.user_va = va(memory), .length = 2 * PAGE, .iova = top.last + 1 - PAGE);
	err_map(EADDRNOTAVAIL, rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED,
		.user_va = va(memory), .length = PAGE, .iova = 0 - PAGE);
	ck_assert_int_eq(pins_settled(1), 1);
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(memory),
	       .length = PAGE, .iova = top.last + 1 - PAGE);
}

/* Addresses that the kernel chooses are ones that the devices reach. */
IOASID_TEST(ranges, chosen_is_reachable, .needs = NEEDS_BIND)
{
	char *memory = mem_new(4 * MiB);
	struct ranges r;
	struct rig rig;
	uint64_t iova;
	int i;

	rig_open(&rig, EDU);
	r = ranges_of(rig.ctx, rig.ioasid);
	/* Push it towards the hole. */
	for (i = 0; i < 20; i++) {
		iova = ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW, .user_va = va(memory),
			      .length = 4 * MiB)
			       .out_iova;
		ck_assert(reachable(&r, iova, iova + 4 * MiB - 1));
	}
}

/*
 * ENOSPC: more than the IOMMU translates at all. The memory is never there, so whoever looked at it
 * before the addresses would say EFAULT.
 */
IOASID_TEST(ranges, no_space, .needs = NEEDS_BIND " !amd !virtio !vtd-first-stage")
{
	struct ioasid_map map;
	struct ranges r;
	struct rig rig;
	uint64_t length;
	char *memory;

	rig_open(&rig, EDU);
	r = ranges_of(rig.ctx, rig.ioasid);
	length = r.range[r.nr - 1].last + 1;
	ck_assert_uint_lt(length, 1ull << 46);
	memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert_msg(memory != MAP_FAILED, "%m");
	map = err_map(ENOSPC, rig.ctx, .ioasid = rig.ioasid, .flags = RW, .user_va = va(memory),
		      .length = length);
	ck_assert_uint_eq(map.out_iova, 0);
	/* With an address it is that which is wrong, and no range is long enough. */
	map = err_map(EADDRNOTAVAIL, rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED,
		      .user_va = va(memory), .length = length, .iova = PAGE);
	ck_assert_uint_eq(map.out_range.start, 0);
	ck_assert_uint_eq(map.out_range.last, 0);
	ck_assert_int_eq(pins_settled(1), 1);
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW, .user_va = va(memory), .length = PAGE);
}

/* Two devices that can reach the same: the answer is the same, and stays when one goes. */
IOASID_TEST(ranges, of_two_devices, .needs = NEEDS_BIND)
{
	struct ranges one, two, again;
	struct edu other;
	struct rig rig;

	rig_open(&rig, EDU);
	one = ranges_of(rig.ctx, rig.ioasid);
	edu_open(&other, EDU_PAIR_0);
	edu_bind(&other, rig.ctx);
	ok_allow(other.fd, .ioasid = rig.ioasid);
	two = ranges_of(rig.ctx, rig.ioasid);
	ck_assert(same(&one, &two));
	edu_unbind(&rig.edu);
	again = ranges_of(rig.ctx, rig.ioasid);
	ck_assert(same(&two, &again));
	edu_unbind(&other);
	again = ranges_of(rig.ctx, rig.ioasid);
	ck_assert(everything(&again));
}

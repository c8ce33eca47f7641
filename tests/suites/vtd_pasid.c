// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs in the tables of a real IOMMU's driver. The edu devices send none, and are said to
 * (tests/kmod/width.c); what a PASID reaches is read out of the IOMMU's tables from outside, and
 * compared with what user space was told, page by page.
 */
#include "call.h"
#include "edu.h"
#include "host.h"
#include "memory.h"
#include "module.h"
#include "oracle.h"
#include "physical.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"
#include "vtd_walk.h"

#define WIDTH "ioasidfd_width"
#define BITS 14
#define MAX_PASIDS (1u << BITS)
#define ONE_DEVICE "device=" EDU " bits=14"
#define BOTH_OF_PAIR "device=" EDU_PAIR_0 "," EDU_PAIR_1 " bits=14"
#define HOT_DEVICE "device=" HOT " bits=14"
#define ONE_OF_PAIR "device=" EDU_PAIR_0 " bits=14"

#define NEEDS NEEDS_BIND " pasid-tables"

#define AT 0x100000ull
/* In other page tables than AT, up to the last level but one. */
#define FAR 0x8000000ull
#define HIGH 0x1000000000ull
/* No device reaches memory there: messages of interrupts. */
#define MESSAGES 0xfee00000ull

/* Runs it in a process of its own; the devices are as they were afterwards, whatever came of it. */
static void with_width(const char *arguments, void (*body)(void))
{
	int status, rc;
	pid_t pid;

	if (module_loaded(WIDTH))
		module_delete(WIDTH);
	rc = module_insert(WIDTH, arguments);
	ck_assert_msg(!rc, "%s: %s", WIDTH, call_errname(-rc));
	pid = child_fork();
	if (!pid) {
		body();
		child_done();
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(module_delete(WIDTH), 0);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "wait status %#x", status);
}

/**
 * struct piece - a mapping
 * @iova: where
 * @memory: of what
 * @pages: how many
 * @flags: as IOASID_MAP was told
 */
struct piece {
	uint64_t iova;
	char *memory;
	uint64_t pages;
	uint32_t flags;
};

/**
 * struct space - an IOASID, and what a device must see in it
 * @ctx: the context
 * @id: the IOASID
 * @nr: mappings
 * @piece: the mappings
 */
struct space {
	int ctx;
	uint32_t id;
	unsigned int nr;
	struct piece piece[8];
};

static struct space space_new(int ctx)
{
	return (struct space){ .ctx = ctx, .id = ioasid_new(ctx) };
}

static void map(struct space *space, uint64_t iova, uint64_t pages, uint32_t flags)
{
	struct piece *piece = &space->piece[space->nr++];

	ck_assert_uint_le(space->nr, ARRAY_SIZE(space->piece));
	*piece = (struct piece){ iova, mem_new(pages * PAGE), pages, flags };
	ok_map(space->ctx, .ioasid = space->id, .flags = flags | FIXED,
	       .user_va = va(piece->memory), .length = pages * PAGE, .iova = iova);
}

/* The mapping that was made first. */
static void unmap_first(struct space *space)
{
	struct piece gone = space->piece[0];

	space->nr--;
	memmove(space->piece, space->piece + 1, space->nr * sizeof(gone));
	ok_unmap(space->ctx, .ioasid = space->id, .iova = gone.iova, .length = gone.pages * PAGE);
}

/* An IOASID with mappings of every kind. */
static struct space space_full(int ctx)
{
	struct space space = space_new(ctx);

	map(&space, AT, 1, RW);
	map(&space, AT + 2 * PAGE, 3, IOASID_MAP_READ);
	map(&space, FAR - 2 * PAGE, 4, RW);
	map(&space, HIGH, 1, IOASID_MAP_WRITE);
	return space;
}

static struct space space_of_rig(const struct rig *rig)
{
	struct space space = { .ctx = rig->ctx, .id = rig->ioasid, .nr = 1 };

	space.piece[0] = (struct piece){ EDU_SCRATCH_IOVA, (char *)rig->edu.scratch, 1, RW };
	return space;
}

static const struct piece *piece_at(const struct space *space, uint64_t iova)
{
	const struct piece *piece;

	for (piece = space->piece; piece < space->piece + space->nr; piece++)
		if (iova >= piece->iova && iova - piece->iova < piece->pages * PAGE)
			return piece;
	return NULL;
}

/*
 * A leaf must lie in mappings and lead to their pages, with their rights. The driver makes readable
 * what is writable.
 */
static void expect_leaf(const struct vtd_page *leaf, const struct space *space)
{
	uint64_t at;

	for (at = 0; at < leaf->size; at += PAGE) {
		const struct piece *piece = piece_at(space, leaf->iova + at);

		ck_assert_msg(piece, "%#llx is not mapped, and leads to %#llx",
			      (unsigned long long)(leaf->iova + at),
			      (unsigned long long)(leaf->physical + at));
		ck_assert_uint_eq(leaf->physical + at,
				  physical_of(piece->memory + (leaf->iova + at - piece->iova)));
		ck_assert_int_eq(leaf->write, !!(piece->flags & IOASID_MAP_WRITE));
		ck_assert(leaf->read || !(piece->flags & IOASID_MAP_READ));
	}
}

static uint64_t bytes_of(const struct space *space)
{
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < space->nr; i++)
		bytes += space->piece[i].pages * PAGE;
	return bytes;
}

/* The page table holds all that is mapped, and nothing else. */
static void expect_table(const struct vtd_entry *entry, const struct space *space)
{
	uint64_t bytes = 0, from = 0;
	struct vtd_page leaf;

	for (;;) {
		leaf = vtd_next_page(entry, from);
		if (!leaf.size)
			break;
		expect_leaf(&leaf, space);
		bytes += leaf.size;
		from = leaf.iova + leaf.size;
	}
	ck_assert_uint_eq(bytes, bytes_of(space));
}

static struct vtd_entry find_present(const char *device, uint32_t pasid)
{
	struct vtd_entry entry = vtd_find(device, pasid);

	ck_assert_msg(entry.present, "%s: PASID %u is not there", device, pasid);
	ck_assert_msg(entry.table, "%s: PASID %u has translation %u", device, pasid,
		      entry.translation);
	return entry;
}

static void expect_sees_on(const char *device, uint32_t pasid, const struct space *space)
{
	struct vtd_entry entry;

	vtd_look_again();
	entry = find_present(device, pasid);
	expect_table(&entry, space);
}

static void expect_sees(uint32_t pasid, const struct space *space)
{
	expect_sees_on(EDU, pasid, space);
}

static void expect_nothing(uint32_t pasid)
{
	const struct space nothing = { 0 };

	expect_sees(pasid, &nothing);
}

/* These PASIDs, in ascending order, and no others; PASID 0 stands for the RID and is left out. */
static void expect_pasids_on(const char *device, unsigned int nr, const uint32_t *wanted)
{
	uint32_t pasid = 0;
	unsigned int i;

	vtd_look_again();
	for (i = 0; i <= nr; i++) {
		uint32_t next = i < nr ? wanted[i] : VTD_NO_PASID;

		pasid = vtd_next_pasid(device, pasid + 1);
		ck_assert_msg(pasid == next, "%s: PASID %d is there, should be %d", device,
			      (int)pasid, (int)next);
	}
}

#define expect_pasids(...)                                       \
	do {                                                     \
		const uint32_t list_[] = { __VA_ARGS__ };        \
		expect_pasids_on(EDU, ARRAY_SIZE(list_), list_); \
	} while (0)
#define expect_no_pasids() expect_pasids_on(EDU, 0, NULL)

static bool same_table(const struct vtd_entry *a, const struct vtd_entry *b)
{
	return a->table == b->table && a->translation == b->translation && a->levels == b->levels &&
	       a->domain == b->domain;
}

/* What caches of the IOMMU could take for one another. */
static void expect_apart(uint32_t a, uint32_t b)
{
	struct vtd_entry left, right;

	vtd_look_again();
	left = find_present(EDU, a);
	right = find_present(EDU, b);
	ck_assert_uint_ne(left.table, right.table);
	ck_assert_uint_ne(left.domain, right.domain);
}

static void expect_same(uint32_t a, uint32_t b)
{
	struct vtd_entry left, right;

	vtd_look_again();
	left = find_present(EDU, a);
	right = find_present(EDU, b);
	ck_assert(same_table(&left, &right));
}

/* The RID's DMA, by the device itself. */
static void expect_rid_works(struct rig *rig)
{
	ck_assert(edu_writes(&rig->edu, EDU_SCRATCH_IOVA, rig->edu.scratch));
	ck_assert(edu_loads(&rig->edu, EDU_SCRATCH_IOVA, rig->edu.scratch));
}

static uint32_t allow(int dev, const struct space *space)
{
	struct ioasid_device_allow reply =
		ok_allow(dev, .ioasid = space->id, .flags = IOASID_ALLOW_PASID);

	ck_assert_uint_gt(reply.out_pasid, 0);
	ck_assert_uint_lt(reply.out_pasid, MAX_PASIDS);
	return reply.out_pasid;
}

static void allow_as(int dev, const struct space *space, uint32_t pasid)
{
	struct ioasid_device_allow reply =
		ok_allow(dev, .ioasid = space->id, .pasid = pasid,
			 .flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID);

	ck_assert_uint_eq(reply.out_pasid, pasid);
}

static void disallow(int dev, const struct space *space, uint32_t pasid)
{
	ok_disallow(dev, .ioasid = space->id, .pasid = pasid, .flags = IOASID_DISALLOW_PASID);
}

static struct ioasid_device_replace replace(int dev, const struct space *from,
					    const struct space *to, uint32_t pasid)
{
	return ok_replace(dev, .from_ioasid = from->id, .ioasid = to->id, .pasid = pasid,
			  .flags = pasid ? IOASID_REPLACE_PASID : 0);
}

static uint32_t max_pasids_of(const char *device)
{
	int fd = stub_open(device);
	struct ioasid_device_info info = ok_dev_info(fd);

	close(fd);
	ck_assert_int_eq(!!(info.out_capabilities & IOASID_DEVICE_CAP_PASID),
			 !!info.out_max_pasids);
	return info.out_max_pasids;
}

/* The switch that everything here depends on. */
IOASID_TEST(vtd_pasid, width, .needs = NEEDS)
{
	struct rig rig;

	ck_assert_uint_eq(max_pasids_of(EDU), 0);
	ck_assert_int_eq(module_insert(WIDTH, ""), -EINVAL);
	ck_assert_int_eq(module_insert(WIDTH, "device=" EDU " bits=0"), -EINVAL);
	ck_assert_int_eq(module_insert(WIDTH, "device=" EDU " bits=16"), -EINVAL);
	ck_assert_int_eq(module_insert(WIDTH, "device=nothing"), -ENODEV);
	ck_assert_int_eq(module_insert(WIDTH, "device=" EDU "," EDU), -EBUSY);
	ck_assert_uint_eq(max_pasids_of(EDU), 0);
	ck_assert_int_eq(module_insert(WIDTH, "device=" EDU " bits=5"), 0);
	ck_assert_uint_eq(max_pasids_of(EDU), 32);
	ck_assert_uint_eq(max_pasids_of(EDU_PAIR_0), 0);
	ck_assert_int_eq(module_delete(WIDTH), 0);
	ck_assert_uint_eq(max_pasids_of(EDU), 0);

	rig_open(&rig, EDU);
	err_allow(EOPNOTSUPP, rig.edu.fd, .ioasid = rig.ioasid, .flags = IOASID_ALLOW_PASID);
	expect_rid_works(&rig);
	expect_no_pasids();
}

static void attach_chosen(void)
{
	struct space space;
	struct rig rig;
	uint32_t pasid;

	rig_open(&rig, EDU);
	expect_no_pasids();
	space = space_full(rig.ctx);
	pasid = allow(rig.edu.fd, &space);
	expect_pasids(pasid);
	expect_sees(pasid, &space);
	expect_apart(pasid, VTD_RID);

	map(&space, 2 * FAR, 600, RW);
	expect_sees(pasid, &space);
	unmap_first(&space);
	expect_sees(pasid, &space);
	unmap_first(&space);
	expect_sees(pasid, &space);
	expect_rid_works(&rig);

	disallow(rig.edu.fd, &space, pasid);
	expect_no_pasids();
	expect_rid_works(&rig);
	unmap_first(&space);
	ck_assert_uint_eq(allow(rig.edu.fd, &space), pasid);
	expect_sees(pasid, &space);
	err_allow(EEXIST, rig.edu.fd, .ioasid = space.id, .flags = IOASID_ALLOW_PASID);
	expect_sees(pasid, &space);
}

/* What was mapped before shows at once; later changes show; other DMA is not disturbed. */
IOASID_TEST(vtd_pasid, attach, .needs = NEEDS, .timeout = 180)
{
	with_width(ONE_DEVICE, attach_chosen);
}

static void attach_fixed(void)
{
	static const uint32_t number[] = { 1, 63, 64, 5000, MAX_PASIDS - 1 };
	struct space space[ARRAY_SIZE(number)], none;
	struct rig rig;
	unsigned int i;

	rig_open(&rig, EDU);
	for (i = 0; i < ARRAY_SIZE(number); i++) {
		space[i] = space_new(rig.ctx);
		map(&space[i], AT + i * PAGE, 1, RW);
		allow_as(rig.edu.fd, &space[i], number[i]);
	}
	expect_pasids_on(EDU, ARRAY_SIZE(number), number);
	for (i = 0; i < ARRAY_SIZE(number); i++)
		expect_sees(number[i], &space[i]);
	none = space_new(rig.ctx);
	err_allow(EOPNOTSUPP, rig.edu.fd, .ioasid = none.id, .pasid = MAX_PASIDS,
		  .flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID);
	err_allow(EEXIST, rig.edu.fd, .ioasid = none.id, .pasid = 64,
		  .flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID);
	expect_pasids_on(EDU, ARRAY_SIZE(number), number);
	expect_sees(64, &space[2]);
	disallow(rig.edu.fd, &space[2], 64);
	expect_pasids(1, 63, 5000, MAX_PASIDS - 1);
	disallow(rig.edu.fd, &space[4], MAX_PASIDS - 1);
	disallow(rig.edu.fd, &space[0], 1);
	expect_pasids(63, 5000);
	expect_rid_works(&rig);
}

IOASID_TEST(vtd_pasid, fixed_numbers, .needs = NEEDS, .timeout = 180)
{
	with_width(ONE_DEVICE, attach_fixed);
}

#define MANY 80

/* Each has a page of its own at the same IOVA. */
static void expect_many(const struct space *space, const uint32_t *pasid, unsigned int step)
{
	uint32_t wanted[MANY];
	unsigned int i, nr = 0;

	for (i = 0; i < MANY; i += step)
		wanted[nr++] = pasid[i];
	expect_pasids_on(EDU, nr, wanted);
	for (i = 0; i < MANY; i += step) {
		struct vtd_entry entry = find_present(EDU, pasid[i]);
		struct vtd_page page = vtd_translate(&entry, AT);

		ck_assert_uint_eq(page.size, PAGE);
		ck_assert_uint_eq(page.physical, physical_of(space[i].piece[0].memory));
		ck_assert_uint_eq(vtd_translate(&entry, AT + PAGE).size, 0);
	}
}

static void attach_many(void)
{
	static struct space space[MANY];
	uint32_t pasid[MANY];
	struct rig rig;
	unsigned int i;

	rig_open(&rig, EDU);
	for (i = 0; i < MANY; i++) {
		space[i] = space_new(rig.ctx);
		map(&space[i], AT, 1, RW);
		pasid[i] = allow(rig.edu.fd, &space[i]);
		ck_assert(!i || pasid[i] > pasid[i - 1]);
	}
	ck_assert_uint_eq(ok_dev_owner(rig.edu.fd).out_num_pasids, MANY);
	expect_many(space, pasid, 1);
	for (i = 1; i < MANY; i += 2)
		disallow(rig.edu.fd, &space[i], pasid[i]);
	ck_assert_uint_eq(ok_dev_owner(rig.edu.fd).out_num_pasids, MANY / 2);
	expect_many(space, pasid, 2);
	expect_rid_works(&rig);
	edu_unbind(&rig.edu);
	expect_no_pasids();
}

IOASID_TEST(vtd_pasid, many, .needs = NEEDS, .timeout = 240)
{
	with_width(ONE_DEVICE, attach_many);
}

static void share_with_rid(void)
{
	struct space space;
	struct rig rig;
	uint32_t pasid;

	rig_open(&rig, EDU);
	space = space_of_rig(&rig);
	pasid = allow(rig.edu.fd, &space);
	allow_as(rig.edu.fd, &space, 100);
	expect_same(pasid, VTD_RID);
	expect_same(100, VTD_RID);
	map(&space, AT, 2, RW);
	expect_sees(pasid, &space);
	expect_sees(VTD_RID, &space);
	ck_assert(edu_writes(&rig.edu, AT, space.piece[1].memory));

	ok_disallow(rig.edu.fd, .ioasid = space.id);
	expect_pasids(pasid, 100);
	ck_assert(!vtd_find(EDU, VTD_RID).present);
	ck_assert(!edu_stores(&rig.edu, AT, space.piece[1].memory));
	map(&space, FAR, 1, IOASID_MAP_READ);
	expect_sees(pasid, &space);
	expect_same(pasid, 100);

	disallow(rig.edu.fd, &space, pasid);
	ok_allow(rig.edu.fd, .ioasid = space.id);
	expect_pasids(100);
	expect_sees(VTD_RID, &space);
	expect_same(100, VTD_RID);
	disallow(rig.edu.fd, &space, 100);
	expect_no_pasids();
	expect_sees(VTD_RID, &space);
	expect_rid_works(&rig);
}

/* One address space under two PASIDs and for the RID, let go in turn. */
IOASID_TEST(vtd_pasid, shared_with_rid, .needs = NEEDS, .timeout = 180)
{
	with_width(ONE_DEVICE, share_with_rid);
}

static void expect_gap(int ctx, const struct ioasid_device_replace *reply, uint64_t capability)
{
	bool gapless = ok_info(ctx).out_capabilities & capability;

	ck_assert_uint_eq(reply->out_replace_flags, gapless ? 0 : IOASID_REPLACED_WITH_GAP);
}

static void replace_pasid(void)
{
	struct ioasid_device_replace reply;
	struct space one, two, beyond;
	struct rig rig;
	uint32_t pasid;

	rig_open(&rig, EDU);
	one = space_full(rig.ctx);
	two = space_new(rig.ctx);
	map(&two, AT, 1, RW);
	pasid = allow(rig.edu.fd, &one);
	allow_as(rig.edu.fd, &one, 50);

	reply = replace(rig.edu.fd, &one, &two, pasid);
	expect_gap(rig.ctx, &reply, IOASID_CAP_REPLACE_PASID);
	expect_pasids(pasid, 50);
	expect_sees(pasid, &two);
	expect_sees(50, &one);
	expect_apart(pasid, 50);
	map(&two, FAR, 2, RW);
	map(&one, FAR + 4 * PAGE, 2, RW);
	expect_sees(pasid, &two);
	expect_sees(50, &one);

	/* An address space that is in use already, and the RID's. */
	replace(rig.edu.fd, &one, &two, 50);
	expect_same(pasid, 50);
	expect_sees(50, &two);
	ok_replace(rig.edu.fd, .from_ioasid = two.id, .ioasid = rig.ioasid, .pasid = 50,
		   .flags = IOASID_REPLACE_PASID);
	expect_same(50, VTD_RID);
	expect_sees(pasid, &two);

	/* What cannot be had changes nothing. */
	beyond = space_new(rig.ctx);
	ok_map(rig.ctx, .ioasid = one.id, .flags = RW, .user_va = va(mem_new(PAGE)),
	       .length = PAGE);
	ok_map(beyond.ctx, .ioasid = beyond.id, .flags = RW | FIXED, .user_va = va(mem_new(PAGE)),
	       .length = PAGE, .iova = MESSAGES);
	err_replace(EADDRINUSE, rig.edu.fd, .from_ioasid = two.id, .ioasid = beyond.id,
		    .pasid = pasid, .flags = IOASID_REPLACE_PASID);
	expect_pasids(pasid, 50);
	expect_sees(pasid, &two);
	expect_rid_works(&rig);
	disallow(rig.edu.fd, &two, pasid);
	expect_pasids(50);
}

IOASID_TEST(vtd_pasid, replace_pasid, .needs = NEEDS, .timeout = 180)
{
	with_width(ONE_DEVICE, replace_pasid);
}

static void replace_rid(void)
{
	struct ioasid_device_replace reply;
	struct space one, two, beside;
	struct rig rig;

	rig_open(&rig, EDU);
	one = space_of_rig(&rig);
	two = space_new(rig.ctx);
	edu_scratch(&rig.edu, rig.ctx, two.id);
	two.piece[two.nr++] = one.piece[0];
	map(&one, AT, 1, RW);
	map(&two, AT, 1, RW);
	beside = space_full(rig.ctx);
	allow_as(rig.edu.fd, &beside, 5);
	allow_as(rig.edu.fd, &one, 6);

	reply = replace(rig.edu.fd, &one, &two, 0);
	expect_gap(rig.ctx, &reply, IOASID_CAP_REPLACE_RID);
	expect_sees(VTD_RID, &two);
	expect_sees(6, &one);
	expect_sees(5, &beside);
	ck_assert(edu_writes(&rig.edu, AT, two.piece[1].memory));
	ck_assert(!edu_stores(&rig.edu, AT, one.piece[1].memory));

	replace(rig.edu.fd, &two, &one, 0);
	expect_same(VTD_RID, 6);
	expect_sees(VTD_RID, &one);
	ck_assert(edu_writes(&rig.edu, AT, one.piece[1].memory));
	replace(rig.edu.fd, &one, &beside, 0);
	expect_same(VTD_RID, 5);
	expect_pasids(5, 6);
}

IOASID_TEST(vtd_pasid, replace_rid, .needs = NEEDS, .timeout = 180)
{
	with_width(ONE_DEVICE, replace_rid);
}

static void free_in_use(void)
{
	struct space space, other;
	uint32_t pasid, next;
	struct rig rig;

	rig_open(&rig, EDU);
	space = space_full(rig.ctx);
	other = space_new(rig.ctx);
	map(&other, AT, 1, RW);
	pasid = allow(rig.edu.fd, &space);
	allow_as(rig.edu.fd, &space, 200);
	allow_as(rig.edu.fd, &other, 201);

	ok_free(rig.ctx, .ioasid = space.id);
	expect_pasids(pasid, 200, 201);
	expect_nothing(pasid);
	expect_nothing(200);
	expect_sees(201, &other);
	next = allow(rig.edu.fd, &other);
	ck_assert_uint_ne(next, pasid);
	expect_sees(next, &other);
	expect_nothing(pasid);

	/* Out of the parked state, by another address space. */
	replace(rig.edu.fd, &space, &other, 200);
	expect_same(200, 201);
	disallow(rig.edu.fd, &space, pasid);
	expect_pasids(next, 200, 201);
	expect_sees(200, &other);
	expect_rid_works(&rig);
}

/* The PASID of an address space that is gone leads nowhere until it is taken back. */
IOASID_TEST(vtd_pasid, free_in_use, .needs = NEEDS, .timeout = 180)
{
	with_width(ONE_DEVICE, free_in_use);
}

enum step {
	FREE,
	CLOSE_CONTEXT,
	CLOSE_DEVICE,
	UNBIND,
	NR_STEPS
};

static const struct order {
	struct test_row row;
	enum step step[3];
} orders[] = {
	{ { .name = "free-context-device" }, { FREE, CLOSE_CONTEXT, CLOSE_DEVICE } },
	{ { .name = "free-device-context" }, { FREE, CLOSE_DEVICE, CLOSE_CONTEXT } },
	{ { .name = "context-device" }, { CLOSE_CONTEXT, CLOSE_DEVICE, NR_STEPS } },
	{ { .name = "device-context" }, { CLOSE_DEVICE, CLOSE_CONTEXT, NR_STEPS } },
	{ { .name = "context-unbind-device" }, { CLOSE_CONTEXT, UNBIND, CLOSE_DEVICE } },
	{ { .name = "unbind-free-device" }, { UNBIND, FREE, CLOSE_DEVICE } },
	{ { .name = "unbind-context-device" }, { UNBIND, CLOSE_CONTEXT, CLOSE_DEVICE } },
};

static const struct order *order;

/* PASIDs 9 and 10 have it as long as the device is bound. */
static void take(enum step step, struct rig *rig, struct space *space, bool *bound)
{
	switch (step) {
	case FREE:
		ok_free(rig->ctx, .ioasid = space->id);
		space->nr = 0;
		break;
	case CLOSE_CONTEXT:
		close(rig->ctx);
		space->nr = 0;
		break;
	case CLOSE_DEVICE:
		edu_close(&rig->edu);
		*bound = false;
		break;
	case UNBIND:
		edu_unbind(&rig->edu);
		*bound = false;
		break;
	default:
		return;
	}
	if (!*bound) {
		expect_no_pasids();
		return;
	}
	expect_pasids(9, 10);
	expect_sees(9, space);
	expect_sees(10, space);
}

static void let_go(void)
{
	struct vtd_entry before, after;
	bool bound = true;
	struct space space;
	struct rig rig;
	unsigned int i;

	stub_node(EDU);
	vtd_look_again();
	before = vtd_find(EDU, VTD_RID);
	rig_open(&rig, EDU);
	space = space_full(rig.ctx);
	allow_as(rig.edu.fd, &space, 9);
	allow_as(rig.edu.fd, &space, 10);
	for (i = 0; i < ARRAY_SIZE(order->step); i++)
		take(order->step[i], &rig, &space, &bound);
	vtd_look_again();
	after = vtd_find(EDU, VTD_RID);
	ck_assert(before.present && after.present && same_table(&before, &after));
}

/* The RID goes back to what the kernel had for it, and the PASIDs go. */
IOASID_TEST(vtd_pasid, let_go, .needs = NEEDS, .timeout = 180, TEST_ROWS(orders))
{
	order = &orders[row];
	with_width(ONE_DEVICE, let_go);
}

static void be_killed(struct gate *ready)
{
	struct space space;
	struct rig rig;
	int i;

	rig_open(&rig, EDU);
	space = space_full(rig.ctx);
	for (i = 1; i <= 3; i++)
		allow_as(rig.edu.fd, &space, i);
	gate_open(ready);
	pause();
}

static void kill_owner(void)
{
	struct vtd_entry before, after;
	struct gate ready;
	pid_t pid;

	stub_node(EDU);
	vtd_look_again();
	before = vtd_find(EDU, VTD_RID);
	gate_init(&ready);
	pid = child_fork();
	if (!pid)
		be_killed(&ready);
	/* The other end is the child's alone: if it fails, there is nothing to wait for. */
	close(ready.fd[1]);
	gate_wait(&ready);
	expect_pasids(1, 2, 3);
	kill(pid, SIGKILL);
	child_join_killed(pid);
	expect_no_pasids();
	after = vtd_find(EDU, VTD_RID);
	ck_assert(before.present && after.present && same_table(&before, &after));
}

IOASID_TEST(vtd_pasid, killed, .needs = NEEDS, .timeout = 120)
{
	with_width(ONE_DEVICE, kill_owner);
}

static const uint32_t two_and_3[] = { 2, 3 };

static void pull_out(void)
{
	struct vtd_entry rid;
	struct space space;
	struct rig rig;

	rig_open(&rig, HOT);
	space = space_full(rig.ctx);
	allow_as(rig.edu.fd, &space, 2);
	allow_as(rig.edu.fd, &space, 3);
	expect_pasids_on(HOT, 2, two_and_3);
	expect_sees_on(HOT, 3, &space);
	edu_unmap_registers(&rig.edu);
	host_unplug(HOT);
	expect_pasids_on(HOT, 0, NULL);
	rid = vtd_find(HOT, VTD_RID);
	ck_assert(!rid.present);
	err_disallow(ENODEV, rig.edu.fd, .ioasid = space.id, .pasid = 2,
		     .flags = IOASID_DISALLOW_PASID);
	unmap_first(&space);
	ck_assert_int_eq(fdinfo_read(rig.ctx).ioasid[0].devices, 0);

	/* Another one in its place has nothing of it. */
	host_plug_edu();
	edu_close(&rig.edu);
	close(rig.ctx);
	rig_open(&rig, HOT);
	expect_pasids_on(HOT, 0, NULL);
	expect_rid_works(&rig);
	ck_assert_uint_eq(ok_dev_info(rig.edu.fd).out_max_pasids, 0);
}

IOASID_TEST(vtd_pasid, unplugged, .needs = NEEDS " hotplug", .timeout = 120)
{
	host_unplug_all();
	host_plug_edu();
	with_width(HOT_DEVICE, pull_out);
	host_unplug_all();
}

/* Both functions of one device, which share a group, bound. */
struct pair {
	int ctx;
	int dev[2];
	struct space space;
};

static void pair_open(struct pair *pair)
{
	pair->ctx = context_open();
	pair->dev[0] = stub_open(EDU_PAIR_0);
	pair->dev[1] = stub_open(EDU_PAIR_1);
	ok_bind(pair->dev[0], .context_fd = pair->ctx);
	ok_bind(pair->dev[1], .context_fd = pair->ctx);
	pair->space = space_full(pair->ctx);
}

static const uint32_t just_7 = 7;

static void group_of_two(void)
{
	struct space other;
	struct pair pair;

	pair_open(&pair);
	allow_as(pair.dev[0], &pair.space, 7);
	expect_pasids_on(EDU_PAIR_0, 1, &just_7);
	expect_pasids_on(EDU_PAIR_1, 1, &just_7);
	expect_sees_on(EDU_PAIR_1, 7, &pair.space);
	allow_as(pair.dev[1], &pair.space, 7);
	disallow(pair.dev[0], &pair.space, 7);
	expect_sees_on(EDU_PAIR_0, 7, &pair.space);
	expect_sees_on(EDU_PAIR_1, 7, &pair.space);
	other = space_new(pair.ctx);
	map(&other, AT, 2, RW);
	replace(pair.dev[1], &pair.space, &other, 7);
	expect_sees_on(EDU_PAIR_0, 7, &other);
	expect_sees_on(EDU_PAIR_1, 7, &other);
	ok_unbind(pair.dev[1]);
	expect_pasids_on(EDU_PAIR_0, 0, NULL);
	expect_pasids_on(EDU_PAIR_1, 0, NULL);
}

/* A PASID belongs to the group: each of its devices has it until the last one lets go. */
IOASID_TEST(vtd_pasid, group, .needs = NEEDS " group", .timeout = 180)
{
	with_width(BOTH_OF_PAIR, group_of_two);
}

static void group_of_one(void)
{
	struct pair pair;

	pair_open(&pair);
	err_allow(EOPNOTSUPP, pair.dev[1], .ioasid = pair.space.id, .flags = IOASID_ALLOW_PASID);
	allow_as(pair.dev[0], &pair.space, 7);
	expect_sees_on(EDU_PAIR_0, 7, &pair.space);
	expect_pasids_on(EDU_PAIR_1, 0, NULL);
	close(pair.dev[0]);
	expect_pasids_on(EDU_PAIR_0, 0, NULL);
}

/* A device without PASIDs in the group has none. */
IOASID_TEST(vtd_pasid, group_of_one, .needs = NEEDS " group", .timeout = 120)
{
	with_width(ONE_OF_PAIR, group_of_one);
}

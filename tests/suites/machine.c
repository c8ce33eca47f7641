// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls, valid ones and others, against a model of what each must answer: address spaces,
 * mappings, who is bound to which context, what uses which address space under which PASID, and who
 * has which number. After every call the answer is compared; from time to time fdinfo and what the
 * devices reach. The seed is printed, and IOASIDFD_SEED repeats it.
 */
#include <string.h>

#include "call.h"
#include "chance.h"
#include "memory.h"
#include "mock.h"
#include "oracle.h"
#include "process.h"
#include "test.h"

#define STEPS 4000
#define NR_CONTEXTS 2
#define NR_SPACES 6 /* of each context */
#define NR_DEVICES 4 /* the last two share a group */
#define NR_PAGES 4 /* of each address space, at AT and up */
#define NR_KEYS 5 /* the RID, the IOASID's own PASID, and fixed ones */
#define AT 0x10000000ull

/* The names of what a device can be allowed under; numbers that the kernel chose are looked up. */
enum key {
	RID,
	OWN,
	FIXED_1,
	FIXED_2,
	FIXED_3
};

struct model_space {
	uint32_t ioasid;
	bool freed;
	bool deferred;
	unsigned int users; /* allowances */
	uint32_t pasid;
	char *page[NR_PAGES];
};

/* One allowance: of a device, under a number; 0 is the RID. */
struct model_use {
	bool used;
	uint32_t number;
	int space;
};

#define MAX_USES (2 * NR_SPACES + NR_KEYS)

struct model_device {
	struct mock mock;
	int ctx; /* or -1 */
	struct model_use use[MAX_USES];
};

struct model {
	int ctx[NR_CONTEXTS];
	struct model_space space[NR_CONTEXTS][NR_SPACES];
	struct model_device device[NR_DEVICES];
	char *page[NR_CONTEXTS][NR_SPACES][NR_PAGES];
	bool has_pasids;
	unsigned long counts[2];
};

static struct model model;

static int group_of(int device)
{
	return device < 2 ? device : 2;
}

static struct model_use *find_use(int device, uint32_t number)
{
	struct model_use *use = model.device[device].use;
	int i;

	for (i = 0; i < MAX_USES; i++)
		if (use[i].used && use[i].number == number)
			return &use[i];
	return NULL;
}

/* What the group of the device uses under a number: the use of some device of it, or NULL. */
static struct model_use *find_group_use(int device, uint32_t number)
{
	struct model_use *use;
	int i;

	for (i = 0; i < NR_DEVICES; i++) {
		use = group_of(i) == group_of(device) ? find_use(i, number) : NULL;
		if (use)
			return use;
	}
	return NULL;
}

static unsigned int count_group_uses(int device, uint32_t number)
{
	unsigned int nr = 0;
	int i;

	for (i = 0; i < NR_DEVICES; i++)
		nr += group_of(i) == group_of(device) && find_use(i, number);
	return nr;
}

static void add_use(int device, uint32_t number, int space)
{
	struct model_use *use = model.device[device].use;
	int i;

	for (i = 0; use[i].used; i++)
		ck_assert_int_lt(i, MAX_USES - 1);
	use[i] = (struct model_use){ .used = true, .number = number, .space = space };
	model.space[model.device[device].ctx][space].users++;
}

static void maybe_gone(struct model_space *space)
{
	if (space->freed && !space->users)
		space->ioasid = 0;
}

static void drop_use(int device, struct model_use *use)
{
	struct model_space *space = &model.space[model.device[device].ctx][use->space];

	use->used = false;
	space->users--;
	maybe_gone(space);
}

static void expect(const char *what, int wanted, int rc)
{
	model.counts[!!wanted]++;
	ck_assert_msg(rc == -wanted, "%s: expected %s, got %s", what, call_errname(wanted),
		      call_errname(-rc));
}

static void step_alloc(int c, int s)
{
	struct ioasid_alloc arg = { .size = sizeof(arg),
				    .flags = chance(3) ? 0 : IOASID_ALLOC_DEFERRED_FLUSH };
	struct model_space *space = &model.space[c][s];

	if (space->ioasid)
		return;
	expect("ALLOC", 0, call_alloc(model.ctx[c], &arg));
	*space = (struct model_space){ .ioasid = arg.out_ioasid, .deferred = arg.flags };
}

static void step_free(int c, int s)
{
	struct model_space *space = &model.space[c][s];
	struct ioasid_free arg = { .size = sizeof(arg), .ioasid = space->ioasid };

	if (!space->ioasid && chance(4))
		return;
	expect("FREE", space->ioasid && !space->freed ? 0 : ENOENT, call_free(model.ctx[c], &arg));
	space->freed = true;
	memset(space->page, 0, sizeof(space->page));
	maybe_gone(space);
}

static bool is_live(const struct model_space *space)
{
	return space->ioasid && !space->freed;
}

static void step_map(int c, int s, int p)
{
	struct model_space *space = &model.space[c][s];
	struct ioasid_map arg = {
		.size = sizeof(arg),
		.ioasid = space->ioasid,
		.flags = RW | FIXED,
		.user_va = va(model.page[c][s][p]),
		.length = PAGE,
		.iova = AT + p * PAGE,
	};
	int wanted = !is_live(space) ? ENOENT : space->page[p] ? EEXIST : 0;

	expect("MAP", wanted, call_map(model.ctx[c], &arg));
	if (!wanted)
		space->page[p] = model.page[c][s][p];
}

static void step_unmap(int c, int s, int p)
{
	struct model_space *space = &model.space[c][s];
	struct ioasid_unmap arg = {
		.size = sizeof(arg),
		.ioasid = space->ioasid,
		.length = PAGE,
		.iova = AT + p * PAGE,
	};
	int wanted = is_live(space) && space->page[p] ? 0 : ENOENT;

	expect("UNMAP", wanted, call_unmap(model.ctx[c], &arg));
	space->page[p] = NULL;
}

static void step_bind(int d, int c)
{
	struct ioasid_device_bind arg = { .size = sizeof(arg), .context_fd = model.ctx[c] };
	int i, wanted = model.device[d].ctx >= 0 ? EBUSY : 0;

	for (i = 0; i < NR_DEVICES; i++)
		if (group_of(i) == group_of(d) && model.device[i].ctx >= 0 &&
		    model.device[i].ctx != c)
			wanted = EBUSY;
	expect("BIND", wanted, call_bind(model.device[d].mock.fd, &arg));
	if (!wanted)
		model.device[d].ctx = c;
}

static void forget_uses(int d)
{
	int i;

	for (i = 0; i < MAX_USES; i++)
		if (model.device[d].use[i].used)
			drop_use(d, &model.device[d].use[i]);
	model.device[d].ctx = -1;
}

static void step_unbind(int d)
{
	struct ioasid_device_unbind arg = { .size = sizeof(arg) };
	bool bound = model.device[d].ctx >= 0;

	expect("UNBIND", bound ? 0 : EINVAL, call_unbind(model.device[d].mock.fd, &arg));
	if (bound)
		forget_uses(d);
}

static const uint32_t fixed_number[NR_KEYS] = { 0, 0, 1001, 1002, 60000 };

static int expect_allow(int d, const struct model_space *space, enum key key, uint32_t number)
{
	const struct model_use *other;

	if (model.device[d].ctx < 0)
		return -EINVAL;
	if (!is_live(space))
		return -ENOENT;
	if (key != RID && !model.has_pasids)
		return -EOPNOTSUPP;
	/* A number that is to be chosen is free. */
	if (key == OWN && !number)
		return 0;
	if (find_use(d, number))
		return -EEXIST;
	other = find_group_use(d, number);
	return other && &model.space[model.device[d].ctx][other->space] != space ? -EBUSY : 0;
}

/* A number that was chosen now is nobody's, also not of one that was freed and is still used. */
static void check_own_number(const struct model_space *space, uint32_t number)
{
	const struct model_space *other = &model.space[0][0];
	int i;

	if (space->pasid) {
		ck_assert_uint_eq(number, space->pasid);
		return;
	}
	for (i = 0; i < NR_DEVICES; i++)
		ck_assert_msg(!find_use(i, number), "PASID %u is in use", number);
	for (i = 0; i < NR_CONTEXTS * NR_SPACES; i++)
		ck_assert_msg(!is_live(&other[i]) || other[i].pasid != number,
			      "PASID %u is another IOASID's", number);
}

static void step_allow(int d, int s, enum key key)
{
	int c = model.device[d].ctx;
	struct model_space *space = &model.space[c < 0 ? 0 : c][s];
	uint32_t number = key == OWN ? space->pasid : fixed_number[key];
	struct ioasid_device_allow arg = {
		.size = sizeof(arg),
		.ioasid = space->ioasid,
		.pasid = fixed_number[key],
		.flags = (key != RID ? IOASID_ALLOW_PASID : 0) |
			 (key > OWN ? IOASID_ALLOW_FIXED_PASID : 0),
	};
	int wanted = -expect_allow(d, space, key, number);

	expect("ALLOW", wanted, call_allow(model.device[d].mock.fd, &arg));
	if (wanted)
		return;
	ck_assert_uint_eq(!arg.out_pasid, key == RID);
	if (key == OWN) {
		check_own_number(space, arg.out_pasid);
		space->pasid = arg.out_pasid;
	}
	add_use(d, arg.out_pasid, s);
}

/* Some use of the device, or one that it does not have. */
static struct model_use *any_use(int d, struct model_use *none)
{
	struct model_use *use = &model.device[d].use[chance(MAX_USES)];

	*none = (struct model_use){ .number = fixed_number[chance(NR_KEYS)], .space = 0 };
	return use->used ? use : find_use(d, none->number) ?: none;
}

static void step_disallow(int d, bool other_space)
{
	int c = model.device[d].ctx;
	struct model_use none, *use = any_use(d, &none);
	const struct model_space *space = &model.space[c < 0 ? 0 : c][use->space];
	struct ioasid_device_disallow arg = {
		.size = sizeof(arg),
		.ioasid = other_space ? 999999 : space->ioasid,
		.pasid = use->number,
		.flags = use->number ? IOASID_DISALLOW_PASID : 0,
	};
	int wanted = c < 0 ? EINVAL : use->used && !other_space ? 0 : ENOENT;

	expect("DISALLOW", wanted, call_disallow(model.device[d].mock.fd, &arg));
	if (!wanted)
		drop_use(d, use);
}

static void move_uses(int d, uint32_t number, int to)
{
	int c = model.device[d].ctx, i;

	for (i = 0; i < NR_DEVICES; i++) {
		struct model_use *use = group_of(i) == group_of(d) ? find_use(i, number) : NULL;

		if (!use)
			continue;
		model.space[c][use->space].users--;
		maybe_gone(&model.space[c][use->space]);
		use->space = to;
		model.space[c][to].users++;
	}
}

static void step_replace(int d, int to, bool whole_group)
{
	int c = model.device[d].ctx;
	struct model_use none, *use = any_use(d, &none);
	struct model_space *space = model.space[c < 0 ? 0 : c];
	struct ioasid_device_replace arg = {
		.size = sizeof(arg),
		.from_ioasid = space[use->space].ioasid,
		.ioasid = space[to].ioasid,
		.pasid = use->number,
		.flags = (use->number ? IOASID_REPLACE_PASID : 0) |
			 (whole_group ? IOASID_REPLACE_GROUP : 0),
	};
	int wanted = c < 0 ? EINVAL : !use->used || !is_live(&space[to]) ? ENOENT : 0;

	if (!wanted && use->space != to && !whole_group && count_group_uses(d, use->number) > 1)
		wanted = EBUSY;
	expect("REPLACE", wanted, call_replace(model.device[d].mock.fd, &arg));
	if (!wanted && use->space != to)
		move_uses(d, use->number, to);
}

static void check_pages(int c, const struct model_space *space, struct mock *mock)
{
	int p;

	/* Until then what was unmapped may be reached. */
	if (space->deferred && !space->freed)
		ok_sync(model.ctx[c], .ioasid = space->ioasid);
	for (p = 0; p < NR_PAGES; p++)
		if (space->page[p])
			ck_assert(mock_writes(mock, AT + p * PAGE, space->page[p]));
		else
			mock_expect_fault(mock, AT + p * PAGE, model.page[0][0][0],
					  MOCK_FAULT_NOT_MAPPED);
}

/* What a device reaches under each number is what the model says, byte by byte. */
static void check_reach(int d)
{
	static const uint32_t nobodys = 4711;
	struct model_device *device = &model.device[d];
	struct mock tagged;
	int i;

	if (device->ctx < 0)
		return;
	for (i = 0; i < MAX_USES; i++) {
		const struct model_use *use = &device->use[i];

		if (!use->used)
			continue;
		tagged = mock_tagged(&device->mock, use->number ?: MOCK_RID);
		check_pages(device->ctx, &model.space[device->ctx][use->space], &tagged);
	}
	if (!model.has_pasids)
		return;
	tagged = mock_tagged(&device->mock, nobodys);
	mock_expect_fault(&tagged, AT, model.page[0][0][0], MOCK_FAULT_NO_CONTEXT);
}

static void check_fdinfo(int c)
{
	struct fdinfo info = fdinfo_read(model.ctx[c]);
	unsigned int s, p, nr = 0, mappings;

	for (s = 0; s < NR_SPACES; s++) {
		const struct model_space *space = &model.space[c][s];
		int at = fdinfo_find(&info, space->ioasid);

		if (!space->ioasid)
			continue;
		nr++;
		for (p = mappings = 0; p < NR_PAGES; p++)
			mappings += !!space->page[p];
		ck_assert_int_ge(at, 0);
		ck_assert_uint_eq(info.ioasid[at].mappings, mappings);
		ck_assert_uint_eq(info.ioasid[at].devices, space->users);
		ck_assert_int_eq(info.ioasid[at].freed, space->freed);
		ck_assert_uint_eq(info.ioasid[at].pasid, space->freed ? 0 : space->pasid);
	}
	ck_assert_int_eq(info.count, nr);
}

static void step(void)
{
	int c = chance(NR_CONTEXTS), s = chance(NR_SPACES), p = chance(NR_PAGES);
	int d = chance(NR_DEVICES);

	switch (chance(16)) {
	case 0:
	case 1:
		step_alloc(c, s);
		break;
	case 2:
		step_free(c, s);
		break;
	case 3:
	case 4:
	case 5:
		step_map(c, s, p);
		break;
	case 6:
	case 7:
		step_unmap(c, s, p);
		break;
	case 8:
		step_bind(d, c);
		break;
	case 9:
		if (chance(4) == 0)
			step_unbind(d);
		break;
	case 10:
	case 11:
	case 12:
		step_allow(d, s, chance(NR_KEYS));
		break;
	case 13:
		step_disallow(d, chance(8) == 0);
		break;
	default:
		step_replace(d, s, chance(2));
		break;
	}
}

static void model_init(void)
{
	int c, s, p, d;

	for (c = 0; c < NR_CONTEXTS; c++) {
		model.ctx[c] = context_open();
		for (s = 0; s < NR_SPACES; s++)
			for (p = 0; p < NR_PAGES; p++)
				model.page[c][s][p] = mem_new(PAGE);
	}
	for (d = 0; d < NR_DEVICES; d++) {
		mock_open(&model.device[d].mock, d);
		model.device[d].ctx = -1;
	}
	model.has_pasids = ok_info(model.ctx[0]).out_capabilities & IOASID_CAP_PASID;
}

IOASID_TEST(machine, random_calls, .needs = "mock", .timeout = 240)
{
	const int steps = rounds(STEPS);
	int i, d, c;

	chance_seed();
	model_init();
	for (i = 0; i < steps; i++) {
		step();
		if (i % 16 == 0)
			check_reach(chance(NR_DEVICES));
		if (i % 64 == 0)
			check_fdinfo(chance(NR_CONTEXTS));
	}
	for (d = 0; d < NR_DEVICES; d++)
		check_reach(d);
	for (c = 0; c < NR_CONTEXTS; c++)
		check_fdinfo(c);
	/* A test of refusals only, or of successes only, would not be one. */
	ck_assert_uint_gt(model.counts[0], steps / 8);
	ck_assert_uint_gt(model.counts[1], steps / 10);
}

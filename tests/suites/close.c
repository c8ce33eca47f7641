// SPDX-License-Identifier: GPL-2.0-only
/*
 * Letting go: contexts and device files, in every order, with and without taking things apart
 * first.
 */
#include "call.h"
#include "edu.h"
#include "memory.h"
#include "oracle.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"

#define AT 0x100000ull

/* The steps of taking apart; what each does not say is done by closing. */
enum step {
	DISALLOW,
	UNBIND,
	UNMAP,
	FREE,
	CLOSE_CONTEXT,
	CLOSE_DEVICE,
	NR_STEPS
};

/* What a step meets, to know what it must say. */
struct state {
	int ctx;
	int dev;
	uint32_t id;
	bool bound;
	bool allowed;
	bool live;
};

static void state_open(struct state *s, void *memory)
{
	s->ctx = context_open();
	s->id = ioasid_new(s->ctx);
	s->dev = stub_open(EDU);
	ok_map(s->ctx, .ioasid = s->id, .flags = RW | FIXED, .user_va = va(memory), .length = PAGE,
	       .iova = AT);
	ok_bind(s->dev, .context_fd = s->ctx);
	ok_allow(s->dev, .ioasid = s->id);
	s->bound = true;
	s->allowed = true;
	s->live = true;
}

static int rc_disallow(const struct state *s)
{
	if (!s->bound)
		return -EINVAL;
	return s->allowed ? 0 : -ENOENT;
}

static void take(struct state *s, enum step step)
{
	switch (step) {
	case DISALLOW:
		if (s->dev < 0)
			return;
		ck_assert_int_eq(t_disallow(s->dev, .ioasid = s->id), rc_disallow(s));
		s->allowed = false;
		break;
	case UNBIND:
		if (s->dev < 0)
			return;
		ck_assert_int_eq(t_unbind(s->dev), s->bound ? 0 : -EINVAL);
		s->bound = false;
		s->allowed = false;
		break;
	case UNMAP:
		if (s->ctx >= 0)
			ck_assert_int_eq(t_unmap(s->ctx, .ioasid = s->id,
						 .flags = IOASID_UNMAP_ALL),
					 s->live ? 0 : -ENOENT);
		break;
	case FREE:
		if (s->ctx < 0)
			return;
		ck_assert_int_eq(t_free(s->ctx, .ioasid = s->id), s->live ? 0 : -ENOENT);
		s->live = false;
		break;
	case CLOSE_CONTEXT:
		close(s->ctx);
		s->ctx = -1;
		ck_assert_int_eq(vm_pinned(getpid()), 0);
		break;
	case CLOSE_DEVICE:
		close(s->dev);
		s->dev = -1;
		ck_assert(!pci_bus_master(EDU));
		break;
	default:
		break;
	}
}

/* The next permutation in lexical order; false after the last. */
static bool next_order(enum step *order)
{
	int i = NR_STEPS - 2, j = NR_STEPS - 1;
	enum step t;

	while (i >= 0 && order[i] >= order[i + 1])
		i--;
	if (i < 0)
		return false;
	while (order[j] <= order[i])
		j--;
	t = order[i], order[i] = order[j], order[j] = t;
	for (i++, j = NR_STEPS - 1; i < j; i++, j--)
		t = order[i], order[i] = order[j], order[j] = t;
	return true;
}

/* All 720 of them, or as many as there is time for. */
IOASID_TEST(close, every_order, .needs = NEEDS_BIND, .timeout = 300)
{
	const unsigned int every = 720 / rounds(720);
	enum step order[] = { DISALLOW, UNBIND, UNMAP, FREE, CLOSE_CONTEXT, CLOSE_DEVICE };
	void *memory = mem_new(PAGE);
	int watch = stub_open(EDU), nr = 0, i;
	struct rig rig;

	do {
		struct state s;

		if (nr++ % every)
			continue;
		state_open(&s, memory);
		for (i = 0; i < NR_STEPS; i++)
			take(&s, order[i]);
		ck_assert_uint_eq(ok_dev_owner(watch).out_owner, IOASID_OWNER_NONE);
		ck_assert_int_eq(vm_pinned(getpid()), 0);
	} while (next_order(order));
	ck_assert_int_eq(pins_settled(0), 0);
	close(watch);
	rig_open(&rig, EDU);
	ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
}

/*
 * The steps that take apart, or only some of them: each of the 16 sets, then both ways of closing.
 */
IOASID_TEST(close, every_subset, .needs = NEEDS_BIND, .timeout = 120)
{
	void *memory = mem_new(PAGE);
	int watch = stub_open(EDU), set, way, i;

	for (set = 0; set < 16; set++) {
		for (way = 0; way < 2; way++) {
			struct state s;

			state_open(&s, memory);
			for (i = 0; i < 4; i++)
				if (set & (1 << i))
					take(&s, i);
			take(&s, way ? CLOSE_CONTEXT : CLOSE_DEVICE);
			take(&s, way ? CLOSE_DEVICE : CLOSE_CONTEXT);
			ck_assert_uint_eq(ok_dev_owner(watch).out_owner, IOASID_OWNER_NONE);
		}
	}
	ck_assert_int_eq(pins_settled(0), 0);
}

/* The context is gone, the device file is not: still owned, still blocked, and it says so. */
IOASID_TEST(close, context_first, .needs = NEEDS_BIND)
{
	struct ioasid_device_owner owner;
	int other = context_open();
	struct rig rig;
	char *page;

	rig_open(&rig, EDU);
	page = mem_new(PAGE);
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(page),
	       .length = PAGE, .iova = AT);
	edu_fill(&rig.edu);
	close(rig.ctx);
	ck_assert_int_eq(pins_settled(0), 0);
	ck_assert(!edu_stores(&rig.edu, AT, page));
	owner = ok_dev_owner(rig.edu.fd);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_CONTEXT);
	ck_assert_uint_eq(owner.out_owner_flags, IOASID_OWNER_THIS_FILE | IOASID_OWNER_CLOSED);
	err_bind(EBUSY, rig.edu.fd, .context_fd = other);
	edu_unbind(&rig.edu);
	ck_assert_uint_eq(ok_dev_owner(rig.edu.fd).out_owner, IOASID_OWNER_NONE);
	edu_bind(&rig.edu, other);
	edu_unbind(&rig.edu);
}

/* Nothing can be allowed any more when the context is gone. */
IOASID_TEST(close, allow_after_context, .needs = NEEDS_BIND)
{
	struct rig rig;

	rig_open(&rig, EDU);
	ok_disallow(rig.edu.fd, .ioasid = rig.ioasid);
	close(rig.ctx);
	err_allow(ENOENT, rig.edu.fd, .ioasid = rig.ioasid);
	err_disallow(ENOENT, rig.edu.fd, .ioasid = rig.ioasid);
	edu_unbind(&rig.edu);
}

/* The device file is gone, the context is not: it keeps what it has, for another device. */
IOASID_TEST(close, device_first, .needs = NEEDS_BIND)
{
	struct fdinfo info;
	struct rig rig;

	rig_open(&rig, EDU);
	edu_close(&rig.edu);
	info = fdinfo_read(rig.ctx);
	ck_assert_uint_eq(info.ioasid[0].devices, 0);
	ck_assert_uint_eq(info.ioasid[0].mappings, 1);
	ck_assert_int_eq(pins_now(), 1);
	ck_assert(!pci_bus_master(EDU));
	rig.edu.fd = stub_open(EDU);
	edu_bind(&rig.edu, rig.ctx);
	ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
	ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
}

/* Registers that are still mapped keep the device file open, as mmap() does. */
IOASID_TEST(close, registers_stay_mapped, .needs = NEEDS_BIND)
{
	int watch = stub_open(EDU);
	struct rig rig;

	rig_open(&rig, EDU);
	close(rig.edu.fd);
	ck_assert_uint_eq(ok_dev_owner(watch).out_owner, IOASID_OWNER_CONTEXT);
	ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
	edu_unmap_registers(&rig.edu);
	ck_assert_uint_eq(ok_dev_owner(watch).out_owner, IOASID_OWNER_NONE);
	ck_assert(!pci_bus_master(EDU));
}

/* dup() is the same open file: only the last close counts. */
IOASID_TEST(close, duplicates, .needs = NEEDS_BIND)
{
	int watch = stub_open(EDU), ctx, dev;
	struct rig rig;

	rig_open(&rig, EDU);
	ctx = dup(rig.ctx);
	dev = dup(rig.edu.fd);
	close(rig.ctx);
	close(rig.edu.fd);
	edu_unmap_registers(&rig.edu);
	rig.edu.fd = dev;
	ck_assert_uint_eq(ok_dev_owner(dev).out_owner_flags, IOASID_OWNER_THIS_FILE);
	edu_map_registers(&rig.edu);
	ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
	close(ctx);
	ck_assert_uint_eq(ok_dev_owner(watch).out_owner_flags, IOASID_OWNER_CLOSED);
	edu_unmap_registers(&rig.edu);
	close(dev);
	ck_assert_uint_eq(ok_dev_owner(watch).out_owner, IOASID_OWNER_NONE);
}

/* A child that inherited the device file keeps the device when its parent closes. */
IOASID_TEST(close, inherited_device_file, .needs = NEEDS_BIND)
{
	int watch = stub_open(EDU);
	struct gate closed;
	struct rig rig;
	pid_t pid;

	gate_init(&closed);
	rig_open(&rig, EDU);
	edu_unmap_registers(&rig.edu);
	pid = child_fork();
	if (!pid) {
		gate_wait(&closed);
		ck_assert_uint_eq(ok_dev_owner(rig.edu.fd).out_owner_flags, IOASID_OWNER_THIS_FILE);
		child_done();
	}
	close(rig.edu.fd);
	close(rig.ctx);
	ck_assert_uint_eq(ok_dev_owner(watch).out_owner, IOASID_OWNER_CONTEXT);
	gate_open(&closed);
	child_join(pid);
	ck_assert_uint_eq(ok_dev_owner(watch).out_owner, IOASID_OWNER_NONE);
}

/* Both devices of a group, closed in both orders around their context. */
static const struct {
	struct test_row row;
	const char *order;
} pairs[] = {
	{ { "device, device, context", "" }, "01c" }, { { "other, device, context", "" }, "10c" },
	{ { "device, context, other", "" }, "0c1" },  { { "other, context, device", "" }, "1c0" },
	{ { "context, device, other", "" }, "c01" },  { { "context, other, device", "" }, "c10" },
};

IOASID_TEST(close, pair, TEST_ROWS(pairs), .needs = NEEDS_GROUP)
{
	int watch = stub_open(EDU_PAIR_0), ctx = context_open(), dev[2];
	bool open[2] = { true, true };
	const char *step;
	uint32_t id;
	int i;

	id = ioasid_new(ctx);
	for (i = 0; i < 2; i++) {
		dev[i] = stub_open(i ? EDU_PAIR_1 : EDU_PAIR_0);
		ok_bind(dev[i], .context_fd = ctx);
		ok_allow(dev[i], .ioasid = id);
	}
	for (step = pairs[row].order; *step; step++) {
		if (*step == 'c') {
			close(ctx);
		} else {
			close(dev[*step - '0']);
			open[*step - '0'] = false;
		}
		ck_assert_uint_eq(ok_dev_owner(watch).out_owner,
				  open[0] || open[1] ? IOASID_OWNER_CONTEXT : IOASID_OWNER_NONE);
	}
}

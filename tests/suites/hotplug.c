// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that vanish and come back: pulled out through the emulator, dead without a word, removed
 * or unbound through sysfs; at every moment of their use; alone and as members of a group. What is
 * left answers ENODEV, nothing else is disturbed, and what comes back works.
 */
#include <poll.h>
#include <pthread.h>

#include "call.h"
#include "chance.h"
#include "edu.h"
#include "edu_raw.h"
#include "event.h"
#include "host.h"
#include "memory.h"
#include "oracle.h"
#include "owners.h"
#include "physical.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"
#include "touch.h"

#define NEEDS_HOTPLUG NEEDS_BIND " hotplug"
#define AT 0x100000ull
#define EDU_PCI_ID 0x11e8

/**
 * struct way - how a device can be taken away, from the one behind the root port
 * @row: name
 * @take: do it; it is gone when this returns
 * @back: the reverse
 */
struct way {
	struct test_row row;
	void (*take)(void);
	void (*back)(void);
};

static void pull_out(void)
{
	host_unplug(HOT);
}

static void plug_in(void)
{
	host_plug_edu();
}

/* Nobody is told; then the kernel finds out. */
static void die(void)
{
	host_slot_power(false);
	ck_assert_uint_eq(pci_config16(HOT, 0), 0xffff);
	pci_remove(HOT);
}

static void live(void)
{
	host_slot_power(true);
	pci_rescan();
	ck_assert(pci_present(HOT));
}

static void remove_it(void)
{
	pci_remove(HOT);
}

static void rescan(void)
{
	pci_rescan();
	ck_assert(pci_present(HOT));
}

static void unbind_it(void)
{
	pci_unbind(HOT);
}

static void nothing(void)
{
}

static const struct way ways[] = {
	{ { "device_del", "" }, pull_out, plug_in },
	{ { "power cut", "" }, die, live },
	{ { "sysfs remove", "" }, remove_it, rescan },
	{ { "sysfs unbind", "" }, unbind_it, nothing },
};

static bool hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_int_ge(poll(&p, 1, 0), 0);
	return p.revents & POLLHUP;
}

/* Every call on a device file whose device is gone. */
static void expect_gone(int dev, int ctx, uint32_t id)
{
	struct ioasid_device_owner owner;

	err_dev_info(ENODEV, dev);
	err_dev_region(ENODEV, dev, .index = 0);
	owner = err_dev_owner(ENODEV, dev);
	ck_assert_uint_eq(owner.out_owner, 0);
	err_bind(ENODEV, dev, .context_fd = ctx);
	err_unbind(ENODEV, dev);
	err_allow(ENODEV, dev, .ioasid = id);
	err_disallow(ENODEV, dev, .ioasid = id);
	ck_assert(hung_up(dev));
	ck_assert(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dev, 0) == MAP_FAILED);
	ck_assert_int_eq(errno, ENODEV);
}

/* One that a test left is as good as a new one. */
static void new_hot(void)
{
	host_slot_power(true);
	pci_rescan();
	if (pci_present(HOT) && !pci_present(HOT_1) && pci_config16(HOT, 2) == EDU_PCI_ID)
		return;
	host_unplug_all();
	host_plug_edu();
}

/* With us, through this context, and with the kernel's drivers. */
static void expect_works(int ctx, uint32_t id)
{
	struct edu edu;

	edu_open(&edu, HOT);
	edu_bind(&edu, ctx);
	edu.scratch = mem_new(PAGE);
	if (t_unmap(ctx, .ioasid = id, .iova = EDU_SCRATCH_IOVA, .length = PAGE))
		edu.seed = 0;
	edu_scratch(&edu, ctx, id);
	ok_allow(edu.fd, .ioasid = id);
	ck_assert(edu_writes(&edu, EDU_SCRATCH_IOVA, edu.scratch));
	edu_unbind(&edu);
	edu_close(&edu);
	ok_unmap(ctx, .ioasid = id, .iova = EDU_SCRATCH_IOVA, .length = PAGE);
	pci_give_back(HOT, "");
	ck_assert(kernel_may_have(HOT));
	ck_assert(pci_give(HOT, "pci-stub"));
	pci_give_back(HOT, "");
}

/* The context serves another device meanwhile: it is not disturbed. */
static void open_other(struct edu *other, int ctx, uint32_t *id)
{
	*id = ioasid_new(ctx);
	edu_open(other, EDU);
	edu_bind(other, ctx);
	edu_scratch(other, ctx, *id);
	ok_allow(other->fd, .ioasid = *id);
}

IOASID_TEST(hotplug, unbound, TEST_ROWS(ways), .needs = NEEDS_HOTPLUG)
{
	int ctx = context_open_nonblock(), dev;
	uint32_t id = ioasid_new(ctx);

	new_hot();
	dev = stub_open(HOT);
	ways[row].take();
	expect_gone(dev, ctx, id);
	event_expect_none(ctx);
	ck_assert(access("/dev/ioasid-dev/" HOT, F_OK));
	ways[row].back();
	expect_gone(dev, ctx, id);
	expect_works(ctx, id);
}

IOASID_TEST(hotplug, bound, TEST_ROWS(ways), .needs = NEEDS_HOTPLUG)
{
	int ctx = context_open_nonblock(), dev;
	uint32_t id = ioasid_new(ctx);

	new_hot();
	dev = stub_open(HOT);
	ok_bind(dev, .context_fd = ctx);
	ways[row].take();
	expect_gone(dev, ctx, id);
	event_expect(ctx, IOASID_EVENT_REVOKED, HOT, "");
	event_expect_none(ctx);
	close(dev);
	ways[row].back();
	expect_works(ctx, id);
}

/* Allowed, its registers mapped, in two processes; and another device at the same context. */
IOASID_TEST(hotplug, allowed, TEST_ROWS(ways), .needs = NEEDS_HOTPLUG)
{
	struct edu other;
	struct gate taken;
	uint32_t other_id, value;
	struct rig rig;
	pid_t pid;

	gate_init(&taken);
	new_hot();
	rig_open(&rig, HOT);
	open_other(&other, rig.ctx, &other_id);
	ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
	pid = child_fork();
	if (!pid) {
		gate_wait(&taken);
		expect_gone(rig.edu.fd, rig.ctx, rig.ioasid);
		ck_assert(!touch_read(rig.edu.bar, &value));
		child_done();
	}
	ways[row].take();
	gate_open(&taken);
	expect_gone(rig.edu.fd, rig.ctx, rig.ioasid);
	ck_assert(!touch_read(rig.edu.bar, &value));
	ck_assert(!touch_write64(rig.edu.bar, 0x80, 0));
	ck_assert(edu_writes(&other, EDU_SCRATCH_IOVA, other.scratch));
	/* What was mapped for it is mapped; nobody uses it. */
	ck_assert_uint_eq(
		ok_query(rig.ctx, .ioasid = rig.ioasid, .iova = EDU_SCRATCH_IOVA).out_user_va,
		va(rig.edu.scratch));
	ck_assert_int_eq(pins_now(), 2);
	child_join(pid);
	edu_close(&rig.edu);
	ways[row].back();
	expect_works(rig.ctx, rig.ioasid);
	ck_assert(edu_writes(&other, EDU_SCRATCH_IOVA, other.scratch));
}

/* DMA is under way: what has not arrived when the device is gone never does. */
IOASID_TEST(hotplug, during_dma, TEST_ROWS(ways), .needs = NEEDS_HOTPLUG)
{
	struct rig rig;
	char *page = mem_new(PAGE);

	new_hot();
	rig_open(&rig, HOT);
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(page),
	       .length = PAGE, .iova = AT);
	edu_fill(&rig.edu);
	edu_store_start(&rig.edu, AT, EDU_BYTES);
	chance_delay(50000);
	ways[row].take();
	memset(page, 0x5a, PAGE);
	usleep(250000);
	ck_assert(mem_is(page, PAGE, 0x5a));
	expect_gone(rig.edu.fd, rig.ctx, rig.ioasid);
	edu_close(&rig.edu);
	ways[row].back();
	usleep(250000);
	ck_assert(mem_is(page, PAGE, 0x5a));
	expect_works(rig.ctx, rig.ioasid);
}

/* A thread that touches registers until it gets SIGBUS. */
static void *touch_until_gone(void *bar)
{
	uint32_t value;

	while (touch_read(bar, &value) && touch_write64(bar, 0x80, value))
		;
	return NULL;
}

IOASID_TEST(hotplug, while_touched, TEST_ROWS(ways), .needs = NEEDS_HOTPLUG)
{
	pthread_t thread[2];
	struct timespec end;
	struct rig rig;
	int i;

	new_hot();
	rig_open(&rig, HOT);
	for (i = 0; i < 2; i++)
		ck_assert(!pthread_create(&thread[i], NULL, touch_until_gone, (void *)rig.edu.bar));
	usleep(100000);
	ways[row].take();
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 10;
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_timedjoin_np(thread[i], NULL, &end), 0);
	edu_close(&rig.edu);
	ways[row].back();
	expect_works(rig.ctx, rig.ioasid);
}

/* In the middle of mapping: that is the context's, and goes on. */
IOASID_TEST(hotplug, while_mapping, TEST_ROWS(ways), .needs = NEEDS_HOTPLUG, .timeout = 120)
{
	enum {
		BYTES = 256 * 1024 * 1024
	};
	char *big = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct gate up;
	struct rig rig;
	pid_t pid;

	ck_assert(big != MAP_FAILED);
	gate_init(&up);
	new_hot();
	rig_open(&rig, HOT);
	pid = child_fork();
	if (!pid) {
		gate_open(&up);
		ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(big),
		       .length = BYTES, .iova = 0x20000000);
		child_done();
	}
	gate_wait(&up);
	chance_delay(300000);
	ways[row].take();
	child_join(pid);
	ck_assert_uint_eq(ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = 0x20000000,
				   .length = BYTES)
				  .out_unmapped_bytes,
			  BYTES);
	expect_gone(rig.edu.fd, rig.ctx, rig.ioasid);
	edu_close(&rig.edu);
	ways[row].back();
	expect_works(rig.ctx, rig.ioasid);
}

/* Those who wait for something to happen: at the device, and at the context. */
IOASID_TEST(hotplug, while_polled, TEST_ROWS(ways), .needs = NEEDS_HOTPLUG)
{
	struct ioasid_event event;
	struct pollfd p = { .events = POLLIN };
	struct gate up;
	struct rig rig;
	pid_t pid[3];
	int i;

	gate_init(&up);
	new_hot();
	rig_open(&rig, HOT);
	for (i = 0; i < 3; i++) {
		pid[i] = child_fork();
		if (pid[i])
			continue;
		gate_open(&up);
		if (i == 0) {
			ck_assert_int_eq(read(rig.ctx, &event, sizeof(event)), sizeof(event));
			ck_assert_uint_eq(event.type, IOASID_EVENT_REVOKED);
		} else {
			p.fd = rig.edu.fd;
			/* With an end, poll() would look once more and find what nobody told. */
			ck_assert_int_eq(poll(&p, 1, -1), 1);
			ck_assert(p.revents & POLLHUP);
			err_dev_info(ENODEV, rig.edu.fd);
		}
		child_done();
	}
	for (i = 0; i < 3; i++)
		gate_wait(&up);
	usleep(100000);
	ways[row].take();
	for (i = 0; i < 3; i++)
		child_join(pid[i]);
	edu_close(&rig.edu);
	ways[row].back();
	expect_works(rig.ctx, rig.ioasid);
}

/* Somebody waits for the group of a device that goes instead. */
IOASID_TEST(hotplug, while_waited_for, .needs = NEEDS_HOTPLUG)
{
	int ctx = context_open_nonblock(), waiting = context_open_nonblock(), dev, again;
	struct ioasid_device_bind bind = {
		.size = sizeof(bind),
		.flags = IOASID_BIND_WATCH,
		.context_fd = waiting,
	};

	new_hot();
	dev = stub_open(HOT);
	again = stub_open(HOT);
	ok_bind(dev, .context_fd = ctx);
	ck_assert_int_eq(call_bind(again, &bind), -EBUSY);
	ck_assert_uint_eq(bind.out_refusal, IOASID_REFUSAL_ALREADY_BOUND);
	host_unplug(HOT);
	expect_gone(again, waiting, 1);
	event_expect(ctx, IOASID_EVENT_REVOKED, HOT, "");
	event_expect_none(waiting);
}

/* Binds, maps, allows, does DMA, and lets go, whatever is there. */
static void use_hot(char *page)
{
	int ctx = context_open(), dev, rc;
	uint32_t id = ioasid_new(ctx);

	ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(page), .length = PAGE,
	       .iova = AT);
	dev = open("/dev/ioasid-dev/" HOT, O_RDWR | O_CLOEXEC);
	if (dev < 0) {
		usleep(5000);
		close(ctx);
		return;
	}
	rc = t_bind(dev, .context_fd = ctx);
	ck_assert(!rc || rc == -ENODEV || rc == -EBUSY);
	rc = t_allow(dev, .ioasid = id);
	ck_assert(!rc || rc == -ENODEV || rc == -EINVAL);
	if (!rc) {
		volatile uint32_t *bar =
			mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dev, 0);

		if (bar != MAP_FAILED) {
			touch_write64(bar, 0x80, 0x40000);
			touch_write64(bar, 0x88, AT);
			touch_write64(bar, 0x90, EDU_BYTES);
			touch_write64(bar, 0x98, 3);
			munmap((void *)bar, PAGE);
		}
	}
	chance_delay(20000);
	if (chance(2)) {
		rc = t_disallow(dev, .ioasid = id);
		ck_assert(!rc || rc == -ENODEV || rc == -EINVAL || rc == -ENOENT);
	}
	if (chance(2)) {
		rc = t_unbind(dev);
		ck_assert(!rc || rc == -ENODEV || rc == -EINVAL);
	}
	if (chance(2))
		close(ctx);
	close(dev);
	close(ctx);
}

IOASID_TEST(hotplug, at_any_moment, TEST_ROWS(ways), .needs = NEEDS_HOTPLUG, .timeout = 120)
{
	int nr = rounds(row == 0 ? 10 : 20), i, ctx;
	pid_t pid[2];

	new_hot();
	chance_seed();
	for (i = 0; i < 2; i++) {
		pid[i] = child_fork();
		if (!pid[i]) {
			char *page = mem_new(PAGE);

			chance_of(i);
			for (;;)
				use_hot(page);
		}
	}
	for (i = 0; i < nr; i++) {
		pci_give(HOT, STUB_DRIVER);
		chance_delay(100000);
		ways[row].take();
		ways[row].back();
	}
	for (i = 0; i < 2; i++) {
		kill(pid[i], SIGKILL);
		child_join_killed(pid[i]);
	}
	ctx = context_open();
	expect_works(ctx, ioasid_new(ctx));
}

/*
 * A device that appears in a group that is owned, and that nobody bound: its DMA reaches what its
 * owner mapped, and nothing of what the kernel has.
 */
static void expect_new_member_is_confined(const char *name, struct rig *owner)
{
	char *page = mem_new(PAGE), *canary;
	struct edu edu;

	canary = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	ck_assert(canary != MAP_FAILED);
	ok_map(owner->ctx, .ioasid = owner->ioasid, .flags = RW | FIXED, .user_va = va(page),
	       .length = PAGE, .iova = AT);
	edu_raw_open(&edu, name);
	edu.scratch = owner->edu.scratch;
	ck_assert(edu_writes(&edu, AT, page));
	ck_assert(!edu_stores(&edu, physical_of(canary), canary));
	ck_assert(!edu_stores(&edu, AT + PAGE, canary));
	edu_raw_close(&edu);
	ok_unmap(owner->ctx, .ioasid = owner->ioasid, .iova = AT, .length = PAGE);
	munmap(canary, PAGE);
}

/* The second function of a device whose first is owned. The first to want it is refused. */
IOASID_TEST(hotplug, function_joins, .needs = NEEDS_GROUP " group-hotplug nvme")
{
	struct rig rig;
	int i;

	pci_give_back(EDU_PAIR_1, "");
	for (i = 0; i < 2; i++) {
		rig_open(&rig, EDU_PAIR_0);
		ck_assert(!fcntl(rig.ctx, F_SETFL, O_NONBLOCK));
		pci_remove(EDU_PAIR_1);
		event_expect(rig.ctx, IOASID_EVENT_DEVICE_REMOVED, EDU_PAIR_1, "");
		pci_rescan();
		ck_assert(!kernel_may_have(EDU_PAIR_1));
		event_expect(rig.ctx, IOASID_EVENT_DEVICE_ADDED, EDU_PAIR_1, "");
		event_expect(rig.ctx, IOASID_EVENT_REFUSED, EDU_PAIR_1, "nvme");
		event_expect_none(rig.ctx);
		ck_assert_uint_eq(owners_member(owners_read(), EDU_PAIR_1)->group,
				  (uint32_t)pci_group(EDU_PAIR_0));
		expect_new_member_is_confined(EDU_PAIR_1, &rig);
		edu_close(&rig.edu);
		ck_assert(kernel_may_have(EDU_PAIR_1));
		close(rig.ctx);
	}
}

/* Behind a bridge all devices have one address space, and one owner. */
IOASID_TEST(hotplug, behind_a_bridge, .needs = NEEDS_GROUP " bridge nvme")
{
	int other = context_open();
	struct edu second;
	struct rig rig;
	char *page = mem_new(PAGE);

	ck_assert_int_eq(pci_group(BRIDGED_0), pci_group(BRIDGED_1));
	pci_give_back(BRIDGED_1, "");
	ck_assert(kernel_may_have(BRIDGED_1));
	rig_open(&rig, BRIDGED_0);
	ck_assert(!kernel_may_have(BRIDGED_1));
	edu_open(&second, BRIDGED_1);
	ck_assert_uint_eq(err_bind(EBUSY, second.fd, .context_fd = other).out_refusal,
			  IOASID_REFUSAL_OWNED);
	edu_bind(&second, rig.ctx);
	err_allow(EBUSY, second.fd, .ioasid = ioasid_new(rig.ctx));
	ok_allow(second.fd, .ioasid = rig.ioasid);
	second.scratch = rig.edu.scratch;
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(page),
	       .length = PAGE, .iova = AT);
	ck_assert(edu_writes(&rig.edu, AT, page));
	ck_assert(edu_writes(&second, AT, page));
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = AT, .length = PAGE);
	ck_assert(!edu_writes(&second, AT, page));
	edu_close(&rig.edu);
	/* The second one is still there: bound, and by itself now. */
	ck_assert(edu_writes(&second, EDU_SCRATCH_IOVA, second.scratch));
	err_bind(EBUSY, stub_open(BRIDGED_0), .context_fd = other);
	edu_close(&second);
	pci_give_back(BRIDGED_0, "");
	pci_give_back(BRIDGED_1, "");
	ck_assert(kernel_may_have(BRIDGED_0));
}

/*
 * A device that is plugged in next to an owned one, behind a bridge. The kernel has a driver for
 * it, and tries it first thing.
 */
IOASID_TEST(hotplug, neighbour_joins, .needs = NEEDS_GROUP " bridge hotplug")
{
	struct rig rig;
	int dev;

	rig_open(&rig, BRIDGED_0);
	ck_assert(!fcntl(rig.ctx, F_SETFL, O_NONBLOCK));
	host_plug(BRIDGED_NEW, "pci-serial,chardev=spare,bus=bridge,addr=3");
	host_wait_there(BRIDGED_NEW);
	event_expect(rig.ctx, IOASID_EVENT_DEVICE_ADDED, BRIDGED_NEW, "");
	event_expect(rig.ctx, IOASID_EVENT_REFUSED, BRIDGED_NEW, "serial");
	event_expect_none(rig.ctx);
	ck_assert_str_eq(pci_driver(BRIDGED_NEW), "");
	ck_assert_int_eq(pci_group(BRIDGED_NEW), pci_group(BRIDGED_0));
	ck_assert_uint_eq(owner_agreed(rig.edu.fd).out_num_refused, 1);
	/* It can be bound like any other: by the owner. */
	dev = stub_open(BRIDGED_NEW);
	err_bind(EBUSY, dev, .context_fd = context_open());
	ok_bind(dev, .context_fd = rig.ctx);
	ok_allow(dev, .ioasid = rig.ioasid);
	ck_assert_uint_eq(fdinfo_read(rig.ctx).ioasid[0].devices, 2);
	close(dev);
	ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
	edu_close(&rig.edu);
	pci_give_back(BRIDGED_0, "");
	pci_give_back(BRIDGED_NEW, "");
}

static bool disk_works(const char *device)
{
	static const char *const names[] = { "/dev/nvme0n1", "/dev/nvme1n1" };
	char link[200], wanted[200];
	int tries, fd = -1;
	unsigned int i;
	char *block;

	snprintf(wanted, sizeof(wanted), "/%s/", device);
	for (tries = 0; tries < 200 && fd < 0; tries++, usleep(20000))
		for (i = 0; i < ARRAY_SIZE(names) && fd < 0; i++) {
			char path[100];
			ssize_t length;

			snprintf(path, sizeof(path), "/sys/class/block/%s", names[i] + 5);
			length = readlink(path, link, sizeof(link) - 1);
			if (length < 0)
				continue;
			link[length] = '\0';
			if (strstr(link, wanted))
				fd = open(names[i], O_RDONLY | O_DIRECT | O_CLOEXEC);
		}
	if (fd < 0)
		return false;
	block = mem_new(PAGE);
	memset(block, 0x5a, PAGE);
	if (read(fd, block, PAGE) != PAGE || !mem_is(block, PAGE, 0))
		test_fail("%s: does not read: %m", device);
	close(fd);
	munmap(block, PAGE);
	return true;
}

/*
 * Two functions, the second one a disk of the kernel's: it keeps us away, by name. Gone and back
 * while we own the group, its own driver, which the kernel tries first thing, is refused, by name.
 * When we let go it works.
 */
IOASID_TEST(hotplug, disk_in_the_group, .needs = NEEDS_GROUP " hotplug nvme")
{
	int ctx = context_open_nonblock(), dev;
	struct ioasid_device_owner owner;
	struct ioasid_event event;
	uint32_t id = ioasid_new(ctx);

	host_unplug_all();
	host_plug(HOT_1, "nvme,serial=spare,drive=spare,bus=rp,addr=0.1,multifunction=on");
	host_plug(HOT, "edu,bus=rp,addr=0.0,multifunction=on");
	host_wait_there(HOT_1);
	ck_assert(pci_driven_by(HOT_1, "nvme"));
	ck_assert(disk_works(HOT_1));
	dev = stub_open(HOT);
	ck_assert_int_eq(pci_group(HOT), pci_group(HOT_1));
	owner = owner_agreed(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_KERNEL);
	ck_assert_str_eq((char *)owner.out_device, HOT_1);
	ck_assert_str_eq((char *)owner.out_driver, "nvme");
	err_bind(EBUSY, dev, .flags = IOASID_BIND_WATCH, .context_fd = ctx);
	pci_remove(HOT_1);
	ck_assert_uint_eq(event_next(ctx).type, IOASID_EVENT_GROUP_FREE);
	ok_bind(dev, .context_fd = ctx);
	ok_allow(dev, .ioasid = id);
	pci_rescan();
	event_expect(ctx, IOASID_EVENT_DEVICE_ADDED, HOT_1, "");
	event = event_next(ctx);
	ck_assert_uint_eq(event.type, IOASID_EVENT_REFUSED);
	ck_assert_str_eq((char *)event.device, HOT_1);
	ck_assert_str_eq((char *)event.driver, "nvme");
	event_expect_none(ctx);
	ck_assert_str_eq(pci_driver(HOT_1), "");
	ck_assert_uint_eq(owner_agreed(dev).out_num_refused, 1);
	ok_unbind(dev);
	/*
	 * The kernel prepares a device for its own DMA when it appears, and it appeared in our
	 * address space: it has to appear once more.
	 */
	pci_remove(HOT_1);
	pci_rescan();
	pci_give_back(HOT_1, "nvme");
	ck_assert(disk_works(HOT_1));
	/* Both at a time. */
	pci_unbind(HOT_1);
	ok_bind(dev, .context_fd = ctx);
	ok_allow(dev, .ioasid = id);
	host_unplug_start(HOT);
	host_wait_gone(HOT_1);
	host_wait_gone(HOT);
	expect_gone(dev, ctx, id);
}

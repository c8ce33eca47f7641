// SPDX-License-Identifier: GPL-2.0-only
/* Events: what a context is told about its groups, and how it reads it. */
#include <poll.h>

#include "call.h"
#include "memory.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"
#include "vfio.h"

static int context_open_nonblock(void)
{
	int ctx = context_open();

	ck_assert(!fcntl(ctx, F_SETFL, O_NONBLOCK));
	return ctx;
}

static bool readable(int ctx, int milliseconds)
{
	struct pollfd p = { .fd = ctx, .events = POLLIN };

	ck_assert_int_ge(poll(&p, 1, milliseconds), 0);
	return p.revents & POLLIN;
}

static struct ioasid_event next_event(int ctx)
{
	struct ioasid_event event;

	ck_assert_msg(readable(ctx, 5000), "no event");
	memset(&event, 0x5a, sizeof(event));
	ck_assert_int_eq(read(ctx, &event, sizeof(event)), sizeof(event));
	ck_assert_uint_eq(event.size, sizeof(event));
	ck_assert_uint_ne(event.time_ns, 0);
	return event;
}

/* Long enough for what is on its way. */
static void expect_none(int ctx)
{
	char room[sizeof(struct ioasid_event)];

	ck_assert(!readable(ctx, 300));
	ck_assert_int_eq(read(ctx, room, sizeof(room)), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

static void expect_event(int ctx, unsigned int type, const char *device, const char *driver)
{
	struct ioasid_event event = next_event(ctx);

	ck_assert_uint_eq(event.type, type);
	ck_assert_uint_eq(event.count, 1);
	ck_assert_str_eq((char *)event.device, device);
	ck_assert_str_eq((char *)event.driver, driver);
}

/* The group of the pair is bound, and the function that is not has no driver. */
static int bind_pair(int ctx)
{
	int dev = stub_open(EDU_PAIR_0);

	ck_assert(ok_info(ctx).out_capabilities & IOASID_CAP_REFUSALS);
	pci_give_back(EDU_PAIR_1, "");
	ok_bind(dev, .context_fd = ctx);
	return dev;
}

IOASID_TEST(events, none)
{
	char room[2 * sizeof(struct ioasid_event)];
	int ctx = context_open_nonblock();

	expect_none(ctx);
	ck_assert_int_eq(read(ctx, room, sizeof(room)), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(read(ctx, room, sizeof(room) / 2 - 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	ioasid_new(ctx);
	expect_none(ctx);
}

IOASID_TEST(events, refused, .needs = NEEDS_GROUP " nvme")
{
	int ctx = context_open_nonblock(), other = context_open_nonblock(), dev;

	dev = bind_pair(ctx);
	ck_assert(!kernel_may_have(EDU_PAIR_1));
	expect_event(ctx, IOASID_EVENT_REFUSED, EDU_PAIR_1, "nvme");
	expect_none(ctx);
	expect_none(other);
	ok_unbind(dev);
	ck_assert(kernel_may_have(EDU_PAIR_1));
	expect_none(ctx);
}

/* A reader that waits is woken; a signal ends the wait as well. */
IOASID_TEST(events, blocking_read, .needs = NEEDS_GROUP " nvme")
{
	int ctx = context_open();
	struct ioasid_event event;
	struct gate up;
	pid_t pid;

	gate_init(&up);
	bind_pair(ctx);
	pid = child_fork();
	if (!pid) {
		gate_open(&up);
		ck_assert_int_eq(read(ctx, &event, sizeof(event)), sizeof(event));
		ck_assert_uint_eq(event.type, IOASID_EVENT_REFUSED);
		child_done();
	}
	gate_wait(&up);
	usleep(200000);
	ck_assert(!kernel_may_have(EDU_PAIR_1));
	child_join(pid);
	pid = child_fork();
	if (!pid) {
		gate_open(&up);
		ck_assert_int_eq(read(ctx, &event, sizeof(event)), -1);
		child_done();
	}
	gate_wait(&up);
	usleep(100000);
	kill(pid, SIGKILL);
	child_join_killed(pid);
}

/* A bad buffer takes nothing out; a large one takes several. */
IOASID_TEST(events, buffers, .needs = NEEDS_GROUP " nvme")
{
	struct ioasid_event event[3], *gone = mem_new(PAGE);
	int ctx = context_open_nonblock();

	bind_pair(ctx);
	munmap(gone, PAGE);
	ck_assert(!kernel_may_have(EDU_PAIR_1));
	ck_assert(readable(ctx, 5000));
	ck_assert_int_eq(read(ctx, gone, sizeof(*gone)), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_int_eq(read(ctx, event, sizeof(event[0]) - 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	expect_event(ctx, IOASID_EVENT_REFUSED, EDU_PAIR_1, "nvme");
	ck_assert(!kernel_may_have(EDU_PAIR_1));
	ck_assert(!kernel_may_have(EDU_PAIR_1));
	usleep(300000);
	ck_assert_int_eq(read(ctx, event, sizeof(event) - 1), 2 * sizeof(event[0]));
	ck_assert_uint_ge(event[1].time_ns, event[0].time_ns);
	expect_none(ctx);
}

/* More than fit: the first ones are there, and the number of those that are not. */
IOASID_TEST(events, too_many, .needs = NEEDS_GROUP " nvme", .timeout = 120)
{
	enum {
		COUNT = 150
	};
	int ctx = context_open_nonblock(), dev = bind_pair(ctx), i, tries;
	unsigned int seen = 0, lost = 0;
	struct ioasid_event event;

	for (i = 1; i <= COUNT; i++) {
		ck_assert(!kernel_may_have(EDU_PAIR_1));
		for (tries = 0; tries < 500; tries++) {
			if (ok_dev_owner(dev).out_num_refused == (uint64_t)i)
				break;
			usleep(2000);
		}
	}
	/* One more makes the queue say what it could not take. */
	while (read(ctx, &event, sizeof(event)) == sizeof(event)) {
		if (event.type == IOASID_EVENT_LOST)
			lost += event.count;
		else
			seen++;
	}
	ck_assert_uint_eq(seen + lost, COUNT);
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_ge(seen, 16);
	ck_assert(!kernel_may_have(EDU_PAIR_1));
	expect_event(ctx, IOASID_EVENT_REFUSED, EDU_PAIR_1, "nvme");
}

/* Somebody takes the device from its driver. What we do ourselves is no news. */
IOASID_TEST(events, revoked, .needs = NEEDS_BIND)
{
	int ctx = context_open_nonblock(), dev = stub_open(EDU);

	ok_bind(dev, .context_fd = ctx);
	ok_unbind(dev);
	expect_none(ctx);
	ok_bind(dev, .context_fd = ctx);
	pci_unbind(EDU);
	expect_event(ctx, IOASID_EVENT_REVOKED, EDU, "");
	expect_none(ctx);
}

IOASID_TEST(events, device_removed_and_added, .needs = NEEDS_GROUP " group-hotplug")
{
	int ctx = context_open_nonblock();

	bind_pair(ctx);
	pci_remove(EDU_PAIR_1);
	expect_event(ctx, IOASID_EVENT_DEVICE_REMOVED, EDU_PAIR_1, "");
	pci_rescan();
	expect_event(ctx, IOASID_EVENT_DEVICE_ADDED, EDU_PAIR_1, "");
}

/* A group that is not ours: told once when it is free. */
IOASID_TEST(events, group_free, .needs = NEEDS_GROUP)
{
	int ctx = context_open(), waiting = context_open_nonblock();
	int a = stub_open(EDU_PAIR_0), b = stub_open(EDU_PAIR_1), again;

	ok_bind(a, .context_fd = ctx);
	/* Who does not ask is not told. */
	err_bind(EBUSY, b, .context_fd = waiting);
	ok_unbind(a);
	expect_none(waiting);
	for (again = 0; again < 2; again++) {
		ok_bind(a, .context_fd = ctx);
		err_bind(EBUSY, b, .flags = IOASID_BIND_WATCH, .context_fd = waiting);
		err_bind(EBUSY, b, .flags = IOASID_BIND_WATCH, .context_fd = waiting);
		expect_none(waiting);
		ok_unbind(a);
		ck_assert_uint_eq(next_event(waiting).type, IOASID_EVENT_GROUP_FREE);
		expect_none(waiting);
	}
	ok_bind(b, .flags = IOASID_BIND_WATCH, .context_fd = waiting);
	expect_none(waiting);
}

/* Also if it was VFIO's. */
IOASID_TEST(events, group_free_of_vfio, .needs = NEEDS_GROUP)
{
	int ctx = context_open_nonblock(), dev = stub_open(EDU_PAIR_0), container, group;

	ck_assert(pci_give(EDU_PAIR_1, "vfio-pci"));
	ck_assert_int_eq(vfio_claim(EDU_PAIR_1, &container, &group), 0);
	ck_assert_uint_eq(
		err_bind(EBUSY, dev, .flags = IOASID_BIND_WATCH, .context_fd = ctx).out_refusal,
		IOASID_REFUSAL_OWNED);
	expect_none(ctx);
	close(group);
	close(container);
	ck_assert_uint_eq(next_event(ctx).type, IOASID_EVENT_GROUP_FREE);
	ok_bind(dev, .context_fd = ctx);
}

/* Whoever waits may go away. */
IOASID_TEST(events, watcher_closes, .needs = NEEDS_GROUP)
{
	int ctx = context_open(), waiting = context_open();
	int a = stub_open(EDU_PAIR_0), b = stub_open(EDU_PAIR_1);

	ok_bind(a, .context_fd = ctx);
	err_bind(EBUSY, b, .flags = IOASID_BIND_WATCH, .context_fd = waiting);
	close(waiting);
	ok_unbind(a);
	ok_bind(b, .context_fd = ctx);
}

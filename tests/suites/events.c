// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: what a context is told about its groups, to whom it is told, and how it is read. The
 * drivers that are refused, and those that let go, are the distribution's.
 */
#include <poll.h>
#include <sched.h>
#include <sys/time.h>
#include <time.h>

#include "call.h"
#include "chance.h"
#include "event.h"
#include "memory.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"
#include "vfio.h"

#define QUEUE_LENGTH 64

/* The group of the pair is bound, and the function that is not has no driver. */
static int bind_pair(int ctx)
{
	int dev = stub_open(EDU_PAIR_0);

	ck_assert(ok_info(ctx).out_capabilities & IOASID_CAP_REFUSALS);
	pci_give_back(EDU_PAIR_1, "");
	ok_bind(dev, .context_fd = ctx);
	return dev;
}

/* Have a driver refused, and wait until that is known: there is an event then, or it was lost. */
static void refuse(int dev, unsigned int times)
{
	uint64_t before = ok_dev_owner(dev).out_num_refused;

	while (times--) {
		ck_assert(!kernel_may_have(EDU_PAIR_1));
		ck_assert_uint_eq(ok_dev_owner(dev).out_num_refused, ++before);
	}
}

static uint64_t boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void expect_read_error(int ctx, void *buffer, size_t size, int error)
{
	ck_assert_int_eq(read(ctx, buffer, size), -1);
	ck_assert_int_eq(errno, error);
}

IOASID_TEST(events, none)
{
	char room[2 * sizeof(struct ioasid_event)];
	int ctx = context_open_nonblock();

	event_expect_none(ctx);
	expect_read_error(ctx, room, sizeof(room), EAGAIN);
	/* The size is wrong whether there is an event or not, and whoever would wait for it. */
	expect_read_error(ctx, room, sizeof(struct ioasid_event) - 1, EINVAL);
	expect_read_error(ctx, room, 0, EINVAL);
	ck_assert(!fcntl(ctx, F_SETFL, 0));
	expect_read_error(ctx, room, sizeof(struct ioasid_event) - 1, EINVAL);
	ck_assert(!fcntl(ctx, F_SETFL, O_NONBLOCK));
	ioasid_new(ctx);
	event_expect_none(ctx);
	ck_assert_int_eq(write(ctx, room, sizeof(room)), -1);
}

/* Drivers that the kernel has for other devices: told to take this one, they ask for it. */
static const struct test_row drivers[] = {
	{ "nvme", "nvme" },
	{ "e1000e", "" },
	{ "pci-pf-stub", "pci-pf-stub" },
};

IOASID_TEST(events, refused, TEST_ROWS(drivers), .needs = NEEDS_GROUP)
{
	int ctx = context_open_nonblock(), other = context_open_nonblock(), dev;
	struct ioasid_event event;
	uint64_t before;

	ck_assert_int_eq(module_load(drivers[row].name), 0);
	dev = bind_pair(ctx);
	before = boot_ns();
	ck_assert_int_eq(pci_bind(EDU_PAIR_1, drivers[row].name), -EBUSY);
	event = event_next(ctx);
	ck_assert_uint_eq(event.type, IOASID_EVENT_REFUSED);
	ck_assert_str_eq((char *)event.device, EDU_PAIR_1);
	ck_assert_str_eq((char *)event.driver, drivers[row].name);
	ck_assert_uint_eq(event.group, (uint32_t)pci_group(EDU_PAIR_1));
	ck_assert_uint_eq(event.count, 1);
	ck_assert_uint_ge(event.time_ns, before);
	ck_assert_uint_le(event.time_ns, boot_ns());
	event_expect_none(ctx);
	event_expect_none(other);
	ok_unbind(dev);
	/* Nobody is refused any more; who owns nothing hears nothing. */
	ck_assert(kernel_may_have(EDU_PAIR_1));
	event_expect_none(ctx);
}

/* A driver that leaves DMA alone is not refused, and that is no news. */
IOASID_TEST(events, not_refused, .needs = NEEDS_GROUP)
{
	int ctx = context_open_nonblock();

	bind_pair(ctx);
	ck_assert_int_eq(pci_bind(EDU_PAIR_1, "pci-stub"), 0);
	pci_unbind(EDU_PAIR_1);
	ck_assert_int_eq(pci_bind(EDU_PAIR_1, "vfio-pci"), 0);
	pci_unbind(EDU_PAIR_1);
	event_expect_none(ctx);
}

/* Each owner is told of its own group. */
IOASID_TEST(events, to_the_owner_only, .needs = NEEDS_GROUP " nvme")
{
	int ctx = context_open_nonblock(), other = context_open_nonblock();
	int dev = bind_pair(ctx), third = stub_open(EDU);

	ok_bind(third, .context_fd = other);
	refuse(dev, 1);
	event_expect(ctx, IOASID_EVENT_REFUSED, EDU_PAIR_1, "nvme");
	event_expect_none(other);
	pci_unbind(EDU);
	event_expect(other, IOASID_EVENT_REVOKED, EDU, "");
	event_expect_none(ctx);
	/* Its file is closed: there is nobody to tell, and the device is refused still. */
	close(ctx);
	refuse(dev, 3);
	event_expect_none(other);
}

/* A reader that waits is woken; one that is killed meanwhile goes. */
IOASID_TEST(events, blocking_read, .needs = NEEDS_GROUP " nvme")
{
	int ctx = context_open(), dev = bind_pair(ctx);
	struct ioasid_event event;
	struct gate up;
	pid_t pid;

	gate_init(&up);
	pid = child_fork();
	if (!pid) {
		gate_open(&up);
		ck_assert_int_eq(read(ctx, &event, sizeof(event)), sizeof(event));
		ck_assert_uint_eq(event.type, IOASID_EVENT_REFUSED);
		child_done();
	}
	gate_wait(&up);
	usleep(200000);
	refuse(dev, 1);
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

static void nothing(int sig __attribute__((unused)))
{
}

static void alarm_in_100_ms(void)
{
	struct itimerval soon = { .it_value.tv_usec = 100000 };

	ck_assert(!setitimer(ITIMER_REAL, &soon, NULL));
}

/* A signal ends a read with EINTR, or lets it go on, as the handler says. */
IOASID_TEST(events, signal_ends_read, .needs = NEEDS_GROUP " nvme")
{
	struct sigaction action = { .sa_handler = nothing };
	int ctx = context_open(), dev = bind_pair(ctx);
	struct ioasid_event event;
	pid_t pid;

	ck_assert(!sigaction(SIGALRM, &action, NULL));
	alarm_in_100_ms();
	expect_read_error(ctx, &event, sizeof(event), EINTR);
	action.sa_flags = SA_RESTART;
	ck_assert(!sigaction(SIGALRM, &action, NULL));
	pid = child_fork();
	if (!pid) {
		usleep(500000);
		refuse(dev, 1);
		child_done();
	}
	alarm_in_100_ms();
	ck_assert_int_eq(read(ctx, &event, sizeof(event)), sizeof(event));
	ck_assert_uint_eq(event.type, IOASID_EVENT_REFUSED);
	child_join(pid);
}

/* A bad buffer takes nothing out; a large one takes several; only whole records are written. */
IOASID_TEST(events, buffers, .needs = NEEDS_GROUP " nvme")
{
	const size_t one = sizeof(struct ioasid_event);
	struct ioasid_event event[4];
	int ctx = context_open_nonblock(), dev = bind_pair(ctx);
	char *hole = mem_new_before_hole(PAGE);

	refuse(dev, 3);
	ck_assert(event_ready(ctx, 5000));
	expect_read_error(ctx, hole + PAGE, one, EFAULT);
	expect_read_error(ctx, hole + PAGE - one + 1, one, EFAULT);
	expect_read_error(ctx, event, one - 1, EINVAL);
	/* The first fits before the hole, the second does not: it is there for the next read. */
	ck_assert_int_eq(read(ctx, hole + PAGE - one, 2 * one), one);
	memset(event, 0x5a, sizeof(event));
	ck_assert_int_eq(read(ctx, event, 3 * one - 1), 2 * one);
	ck_assert_uint_eq(event[0].size, one);
	ck_assert_uint_eq(event[1].size, one);
	ck_assert(mem_is(&event[2], 2 * one, 0x5a));
	ck_assert_uint_ge(event[0].time_ns, ((struct ioasid_event *)(hole + PAGE - one))->time_ns);
	ck_assert_uint_ge(event[1].time_ns, event[0].time_ns);
	event_expect_none(ctx);
}

static void expect_refused(int ctx, unsigned int times)
{
	while (times--)
		event_expect(ctx, IOASID_EVENT_REFUSED, EDU_PAIR_1, "nvme");
}

static void expect_lost(int ctx, unsigned int count)
{
	struct ioasid_event event = event_next(ctx);

	ck_assert_uint_eq(event.type, IOASID_EVENT_LOST);
	ck_assert_uint_eq(event.count, count);
	ck_assert_uint_eq(event.group, IOASID_NO_GROUP);
	ck_assert_str_eq((char *)event.device, "");
}

/* More than fit: the first ones are there, and behind them the number of those that are not. */
IOASID_TEST(events, too_many, .needs = NEEDS_GROUP " nvme", .timeout = 120)
{
	int ctx = context_open_nonblock(), dev = bind_pair(ctx);

	refuse(dev, QUEUE_LENGTH);
	expect_refused(ctx, QUEUE_LENGTH);
	event_expect_none(ctx);
	refuse(dev, QUEUE_LENGTH + 36);
	expect_refused(ctx, QUEUE_LENGTH);
	expect_lost(ctx, 36);
	event_expect_none(ctx);
	refuse(dev, 1);
	expect_refused(ctx, 1);
	event_expect_none(ctx);
	/* Room came too late: what was lost was lost before what is told now. */
	refuse(dev, QUEUE_LENGTH + 5);
	expect_refused(ctx, 2);
	refuse(dev, 1);
	expect_refused(ctx, QUEUE_LENGTH - 2);
	expect_lost(ctx, 5);
	expect_refused(ctx, 1);
	event_expect_none(ctx);
	/* Room for one only does not do: the number needs a place as well. */
	refuse(dev, QUEUE_LENGTH + 5);
	expect_refused(ctx, 1);
	refuse(dev, 1);
	expect_refused(ctx, QUEUE_LENGTH - 1);
	expect_lost(ctx, 6);
	event_expect_none(ctx);
}

/* Every event goes to one reader, whoever they are and however they came to the file. */
IOASID_TEST(events, two_readers, .needs = NEEDS_GROUP " nvme", .timeout = 120)
{
	enum {
		EVENTS = 30,
		READERS = 3,
	};
	int ctx = context_open(), copy = dup(ctx), dev = bind_pair(ctx), i;
	unsigned int *seen =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[READERS];

	for (i = 0; i < READERS; i++) {
		struct ioasid_event event[2];
		ssize_t got;

		pid[i] = child_fork();
		while (!pid[i]) {
			got = read(i ? ctx : copy, event, (1 + i % 2) * sizeof(event[0]));
			ck_assert_int_ge(got, sizeof(event[0]));
			__sync_fetch_and_add(&seen[i], got / sizeof(event[0]));
		}
	}
	refuse(dev, EVENTS);
	for (i = 0; i < 500 && seen[0] + seen[1] + seen[2] < EVENTS; i++)
		usleep(10000);
	ck_assert_uint_eq(seen[0] + seen[1] + seen[2], EVENTS);
	ck_assert(!event_ready(ctx, 200));
	ck_assert_uint_eq(seen[0] + seen[1] + seen[2], EVENTS);
	for (i = 0; i < READERS; i++) {
		kill(pid[i], SIGKILL);
		child_join_killed(pid[i]);
	}
}

/* Everybody who waits is woken; what poll() says is what read() finds. */
IOASID_TEST(events, poll, .needs = NEEDS_GROUP " nvme")
{
	int ctx = context_open_nonblock(), dev = bind_pair(ctx), i;
	struct pollfd p = { .fd = ctx, .events = POLLIN | POLLRDNORM | POLLOUT | POLLPRI };
	struct gate up;
	pid_t pid[2];

	ck_assert_int_eq(poll(&p, 1, 0), 0);
	gate_init(&up);
	for (i = 0; i < 2; i++) {
		pid[i] = child_fork();
		if (!pid[i]) {
			gate_open(&up);
			/* With an end, poll() would look once more and find what nobody told. */
			ck_assert_int_eq(poll(&p, 1, -1), 1);
			ck_assert_int_eq(p.revents, POLLIN | POLLRDNORM);
			child_done();
		}
	}
	gate_wait(&up);
	gate_wait(&up);
	usleep(200000);
	refuse(dev, 1);
	child_join(pid[0]);
	child_join(pid[1]);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert_int_eq(p.revents, POLLIN | POLLRDNORM);
	expect_refused(ctx, 1);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
}

/* Somebody takes the device from its driver. What we do ourselves is no news. */
IOASID_TEST(events, revoked, .needs = NEEDS_BIND)
{
	int ctx = context_open_nonblock(), dev = stub_open(EDU), i;

	for (i = 0; i < 2; i++) {
		ok_bind(dev, .context_fd = ctx);
		ok_unbind(dev);
		ok_bind(dev, .context_fd = ctx);
		close(dev);
		event_expect_none(ctx);
		dev = stub_open(EDU);
		ok_bind(dev, .context_fd = ctx);
		if (i)
			pci_remove(EDU);
		else
			pci_unbind(EDU);
		event_expect(ctx, IOASID_EVENT_REVOKED, EDU, "");
		event_expect_none(ctx);
		err_dev_info(ENODEV, dev);
		close(dev);
		if (i)
			pci_rescan();
		dev = stub_open(EDU);
	}
	/* A device that is not bound has nothing to be revoked. */
	pci_unbind(EDU);
	event_expect_none(ctx);
}

/* What is added is told when it gets into the group, which may be later than it appears. */
IOASID_TEST(events, device_removed_and_added, .needs = NEEDS_GROUP " group-hotplug")
{
	int ctx = context_open_nonblock(), dev, i;

	dev = bind_pair(ctx);
	for (i = 0; i < 3; i++) {
		pci_remove(EDU_PAIR_1);
		event_expect(ctx, IOASID_EVENT_DEVICE_REMOVED, EDU_PAIR_1, "");
		event_expect_none(ctx);
		pci_rescan();
		if (pci_group(EDU_PAIR_1) < 0)
			event_expect_none(ctx);
		pci_late_group(EDU_PAIR_1);
		event_expect(ctx, IOASID_EVENT_DEVICE_ADDED, EDU_PAIR_1, "");
		event_expect_none(ctx);
		/* Once: drivers that come later find it there. */
		ck_assert_int_eq(pci_bind(EDU_PAIR_1, "pci-stub"), 0);
		pci_unbind(EDU_PAIR_1);
		event_expect_none(ctx);
	}
	ok_unbind(dev);
	pci_remove(EDU_PAIR_1);
	pci_rescan();
	pci_late_group(EDU_PAIR_1);
	event_expect_none(ctx);
}

/* A group that is not ours: told once when it is free. */
IOASID_TEST(events, group_free, .needs = NEEDS_GROUP)
{
	int ctx = context_open_nonblock(), waiting = context_open_nonblock();
	int a = stub_open(EDU_PAIR_0), b = stub_open(EDU_PAIR_1), again;

	ok_bind(a, .context_fd = ctx);
	/* Who does not ask is not told. */
	err_bind(EBUSY, b, .context_fd = waiting);
	ok_unbind(a);
	event_expect_none(waiting);
	for (again = 0; again < 2; again++) {
		struct ioasid_event event;

		ok_bind(a, .context_fd = ctx);
		err_bind(EBUSY, b, .flags = IOASID_BIND_WATCH, .context_fd = waiting);
		err_bind(EBUSY, b, .flags = IOASID_BIND_WATCH, .context_fd = waiting);
		event_expect_none(waiting);
		ok_unbind(a);
		event = event_next(waiting);
		ck_assert_uint_eq(event.type, IOASID_EVENT_GROUP_FREE);
		ck_assert_uint_eq(event.group, (uint32_t)pci_group(EDU_PAIR_0));
		event_expect_none(waiting);
		event_expect_none(ctx);
	}
	/* Told once: what happens afterwards is no news to who does not ask again. */
	ok_bind(a, .context_fd = ctx);
	ok_unbind(a);
	event_expect_none(waiting);
	ok_bind(b, .flags = IOASID_BIND_WATCH, .context_fd = waiting);
	ok_unbind(b);
	event_expect_none(waiting);
}

/* Somebody lets go of a device of the group, and it is owned all the same. */
IOASID_TEST(events, group_not_free, .needs = NEEDS_GROUP " nvme")
{
	int ctx = context_open_nonblock(), waiting = context_open_nonblock();
	int a = stub_open(EDU_PAIR_0), b = stub_open(EDU_PAIR_1);

	ok_bind(a, .context_fd = ctx);
	err_bind(EBUSY, b, .flags = IOASID_BIND_WATCH, .context_fd = waiting);
	pci_give_back(EDU_PAIR_1, "");
	event_expect_none(waiting);
	ck_assert(!kernel_may_have(EDU_PAIR_1));
	event_expect_none(waiting);
	b = stub_open(EDU_PAIR_1);
	ok_bind(b, .context_fd = ctx);
	ok_unbind(a);
	event_expect_none(waiting);
	ok_unbind(b);
	event_expect(waiting, IOASID_EVENT_GROUP_FREE, "", "");
}

/* All that wait are told, each once. */
IOASID_TEST(events, group_free_to_all, .needs = NEEDS_GROUP)
{
	int a = stub_open(EDU_PAIR_0), b = stub_open(EDU_PAIR_1), ctx = context_open(), i;
	int waiting[3];

	ok_bind(a, .context_fd = ctx);
	for (i = 0; i < 3; i++) {
		waiting[i] = context_open_nonblock();
		err_bind(EBUSY, b, .flags = IOASID_BIND_WATCH, .context_fd = waiting[i]);
	}
	ok_unbind(a);
	for (i = 0; i < 3; i++)
		ck_assert_uint_eq(event_next(waiting[i]).type, IOASID_EVENT_GROUP_FREE);
	for (i = 0; i < 3; i++)
		event_expect_none(waiting[i]);
}

/**
 * struct holder - somebody who has the pair's second function
 * @row: name
 * @take: take it, in a process of its own
 * @let_go: let go in that process, or NULL: it is killed
 */
struct holder {
	struct test_row row;
	void (*take)(void);
	void (*let_go)(void);
};

static int held_dev, held_ctx, held_group, held_container;

static void take_by_context(void)
{
	held_dev = stub_open(EDU_PAIR_1);
	held_ctx = context_open();
	ok_bind(held_dev, .context_fd = held_ctx);
}

static void unbind_it(void)
{
	ok_unbind(held_dev);
}

static void close_device(void)
{
	close(held_ctx);
	close(held_dev);
}

static void unbind_stub(void)
{
	pci_unbind(EDU_PAIR_1);
}

static void take_by_kernel(void)
{
	ck_assert_int_eq(module_load("pci-pf-stub"), 0);
	ck_assert(pci_give(EDU_PAIR_1, "pci-pf-stub"));
}

static void unload_driver(void)
{
	ck_assert_int_eq(system("rmmod pci_pf_stub"), 0);
}

static void take_by_vfio(void)
{
	ck_assert(pci_give(EDU_PAIR_1, "vfio-pci"));
	ck_assert_int_eq(vfio_claim(EDU_PAIR_1, &held_container, &held_group), 0);
}

static void close_group(void)
{
	close(held_group);
}

static void remove_it(void)
{
	pci_remove(EDU_PAIR_1);
}

static const struct holder holders[] = {
	{ { "context unbinds", "" }, take_by_context, unbind_it },
	{ { "device file closed", "" }, take_by_context, close_device },
	{ { "process killed", "" }, take_by_context, NULL },
	{ { "device taken from the stub driver", "" }, take_by_context, unbind_stub },
	{ { "device removed", "group-hotplug" }, take_by_context, remove_it },
	{ { "kernel driver unbound", "pci-pf-stub" }, take_by_kernel, unbind_stub },
	{ { "kernel driver unloaded", "pci-pf-stub" }, take_by_kernel, unload_driver },
	{ { "device of a kernel driver removed", "pci-pf-stub group-hotplug" },
	  take_by_kernel,
	  remove_it },
	{ { "vfio group closed", "" }, take_by_vfio, close_group },
	{ { "vfio process killed", "" }, take_by_vfio, NULL },
};

IOASID_TEST(events, group_free_by, TEST_ROWS(holders), .needs = NEEDS_GROUP)
{
	int ctx = context_open_nonblock(), other = context_open_nonblock();
	int dev = stub_open(EDU_PAIR_0);
	const struct holder *by = &holders[row];
	struct gate taken, go, gone;
	struct ioasid_event event;
	pid_t pid;

	gate_init(&taken);
	gate_init(&go);
	gate_init(&gone);
	pid = child_fork();
	if (!pid) {
		by->take();
		gate_open(&taken);
		gate_wait(&go);
		if (by->let_go)
			by->let_go();
		gate_open(&gone);
		/* Its end must not be what frees the group. */
		gate_wait(&go);
		child_done();
	}
	gate_wait(&taken);
	ck_assert_uint_eq(
		err_bind(EBUSY, dev, .flags = IOASID_BIND_WATCH, .context_fd = ctx).out_refusal,
		IOASID_REFUSAL_OWNED);
	err_bind(EBUSY, dev, .context_fd = other);
	event_expect_none(ctx);
	if (by->let_go) {
		gate_open(&go);
		gate_wait(&gone);
	} else {
		kill(pid, SIGKILL);
	}
	event = event_next(ctx);
	ck_assert_uint_eq(event.type, IOASID_EVENT_GROUP_FREE);
	ck_assert_uint_eq(event.group, (uint32_t)pci_group(EDU_PAIR_0));
	ok_bind(dev, .context_fd = ctx);
	event_expect_none(other);
	if (by->let_go) {
		gate_open(&go);
		child_join(pid);
	} else {
		child_join_killed(pid);
	}
	if (!pci_present(EDU_PAIR_1))
		pci_rescan();
}

/* Waits for the group of @dev until it has it. */
static void bind_patiently(int dev, int ctx)
{
	for (;;) {
		struct ioasid_device_bind bind = {
			.size = sizeof(bind),
			.flags = IOASID_BIND_WATCH,
			.context_fd = ctx,
		};
		struct ioasid_event event;
		int rc = call_bind(dev, &bind);

		if (!rc)
			return;
		ck_assert_int_eq(rc, -EBUSY);
		ck_assert_uint_eq(bind.out_refusal, IOASID_REFUSAL_OWNED);
		event = event_next(ctx);
		ck_assert_uint_eq(event.type, IOASID_EVENT_GROUP_FREE);
	}
}

/* Two that wait for each other, over and over: a lost wake-up would be waited for in vain. */
IOASID_TEST(events, no_lost_wakeup, .needs = NEEDS_GROUP, .timeout = 120)
{
	static const char *const names[] = { EDU_PAIR_0, EDU_PAIR_1 };
	enum {
		ROUNDS = 300
	};
	pid_t pid[2];
	int i, n;

	chance_seed();
	stub_node(EDU_PAIR_0);
	stub_node(EDU_PAIR_1);
	for (i = 0; i < 2; i++) {
		int dev, ctx;

		pid[i] = child_fork();
		if (pid[i])
			continue;
		dev = stub_open(names[i]);
		ctx = context_open_nonblock();
		chance_of(i);
		for (n = 0; n < (int)rounds(ROUNDS); n++) {
			bind_patiently(dev, ctx);
			chance_delay(1000);
			ok_unbind(dev);
			chance_delay(1000);
		}
		child_done();
	}
	for (i = 0; i < 2; i++)
		child_join(pid[i]);
}

/* The same with a kernel driver that comes and goes. */
IOASID_TEST(events, no_lost_wakeup_of_kernel, .needs = NEEDS_GROUP " pci-pf-stub", .timeout = 120)
{
	enum {
		ROUNDS = 100
	};
	int dev = stub_open(EDU_PAIR_0), ctx = context_open_nonblock(), i;
	pid_t pid;

	ck_assert_int_eq(module_load("pci-pf-stub"), 0);
	pci_give_back(EDU_PAIR_1, "");
	pid = child_fork();
	while (!pid) {
		pci_bind(EDU_PAIR_1, "pci-pf-stub");
		pci_unbind(EDU_PAIR_1);
	}
	for (i = 0; i < (int)rounds(ROUNDS); i++) {
		bind_patiently(dev, ctx);
		chance_delay(1000);
		ok_unbind(dev);
		chance_delay(2000);
		while (event_ready(ctx, 0))
			event_next(ctx);
	}
	kill(pid, SIGKILL);
	child_join_killed(pid);
}

/* And with one that has the device for as long as it takes to see that it cannot drive it. */
IOASID_TEST(events, no_lost_wakeup_of_failing, .needs = NEEDS_GROUP " nvme", .timeout = 120)
{
	int dev = stub_open(EDU_PAIR_0), ctx = context_open_nonblock(), i;
	pid_t pid;

	pci_give_back(EDU_PAIR_1, "");
	pid = child_fork();
	while (!pid)
		kernel_may_have(EDU_PAIR_1);
	for (i = 0; i < (int)rounds(30); i++) {
		bind_patiently(dev, ctx);
		ok_unbind(dev);
		chance_delay(20000);
		while (event_ready(ctx, 0))
			event_next(ctx);
	}
	kill(pid, SIGKILL);
	child_join_killed(pid);
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

/* Also while events are on their way to it. */
IOASID_TEST(events, reader_closes_in_a_race, .needs = NEEDS_GROUP " nvme", .timeout = 120)
{
	int dev = stub_open(EDU_PAIR_0), waiting = stub_open(EDU_PAIR_1), i;
	pid_t pid;

	pci_give_back(EDU_PAIR_1, "");
	pid = child_fork();
	while (!pid)
		kernel_may_have(EDU_PAIR_1);
	for (i = 0; i < (int)rounds(200); i++) {
		int ctx = context_open();
		int rc = t_bind(dev, .context_fd = ctx, .flags = IOASID_BIND_WATCH);

		ck_assert(!rc || rc == -EBUSY);
		sched_yield();
		if (i % 2)
			close(ctx);
		if (!rc)
			ok_unbind(dev);
		if (i % 2 == 0)
			close(ctx);
	}
	kill(pid, SIGKILL);
	child_join_killed(pid);
	close(waiting);
}

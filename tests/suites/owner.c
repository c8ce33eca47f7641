// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ownership: that GET_OWNER and /proc/ioasidfd tell the same truth, that a group never has two
 * owners however many want it, and that the modules can go and come meanwhile. What sysfs says
 * about drivers is the judge.
 */
#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "call.h"
#include "chance.h"
#include "edu.h"
#include "event.h"
#include "memory.h"
#include "module.h"
#include "owners.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"
#include "vfio.h"

static const char *text(const __u8 *bytes)
{
	return (const char *)bytes;
}

/* Name of the driver of any device in a group, from the kernel's own list. */
static const char *driver_in_group(const char *group, const char *device)
{
	static char target[PATH_MAX];
	char path[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s/devices/%s/driver", group,
		 device);
	length = readlink(path, target, sizeof(target) - 1);
	target[length < 0 ? 0 : length] = '\0';
	return length < 0 ? target : strrchr(target, '/') + 1;
}

/* Every device of every group is in the table once, where it belongs, with its driver. */
IOASID_TEST(owner, table_is_complete)
{
	const struct owners *owners = owners_read();
	DIR *groups = opendir("/sys/kernel/iommu_groups");
	unsigned int nr = 0, nr_groups = 0;
	struct dirent *group, *device;

	while (groups && (group = readdir(groups))) {
		const struct owners_member *member;
		char path[PATH_MAX];
		DIR *devices;

		if (*group->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s/devices", group->d_name);
		devices = opendir(path);
		ck_assert_ptr_nonnull(devices);
		ck_assert_ptr_nonnull(owners_group(owners, atoi(group->d_name)));
		nr_groups++;
		while ((device = readdir(devices))) {
			if (*device->d_name == '.')
				continue;
			member = owners_member(owners, device->d_name);
			ck_assert_msg(member, "%s is missing", device->d_name);
			ck_assert_uint_eq(member->group, atoi(group->d_name));
			ck_assert_str_eq(member->driver,
					 driver_in_group(group->d_name, device->d_name));
			nr++;
		}
		closedir(devices);
	}
	ck_assert_uint_eq(owners->nr_members, nr);
	ck_assert_uint_eq(owners->nr_groups, nr_groups);
	ck_assert(owners->hook);
}

IOASID_TEST(owner, table_is_for_root)
{
	struct stat st;
	pid_t pid;

	ck_assert(!stat("/proc/ioasidfd", &st));
	ck_assert_uint_eq(st.st_mode & 07777, 0400);
	pid = child_fork();
	if (!pid) {
		become_user(USER_1, MiB);
		ck_assert_int_eq(open("/proc/ioasidfd", O_RDONLY), -1);
		ck_assert_int_eq(errno, EACCES);
		child_done();
	}
	child_join(pid);
}

/* The distribution's drivers have what they have, and the table says so by name. */
static const struct {
	struct test_row row;
	const char *device;
} kernel_drivers[] = {
	{ { "nvme", "nvme" }, NVME },
	{ { "e1000e", "" }, E1000E },
	{ { "pci-pf-stub", "pci-pf-stub" }, EDU },
};

IOASID_TEST(owner, kernel_driver, TEST_ROWS(kernel_drivers), .needs = "iommu")
{
	const char *device = kernel_drivers[row].device, *driver = kernel_drivers[row].row.name;
	const struct ioasid_device_owner *owner;
	const struct owners_member *member;

	ck_assert_int_eq(module_load(driver), 0);
	ck_assert(pci_give(device, driver));
	owner = owners_group(owners_read(), pci_group(device));
	ck_assert_uint_eq(owner->out_owner, IOASID_OWNER_KERNEL);
	ck_assert_str_eq(text(owner->out_device), device);
	ck_assert_str_eq(text(owner->out_driver), driver);
	member = owners_member(owners_read(), device);
	ck_assert_str_eq(member->driver, driver);
	ck_assert(!member->manages_dma);
	pci_unbind(device);
	owner = owners_group(owners_read(), pci_group(device));
	ck_assert_uint_eq(owner->out_owner, IOASID_OWNER_NONE);
	ck_assert_str_eq(text(owner->out_driver), "");
	stub_node(device);
	owner = owners_group(owners_read(), pci_group(device));
	ck_assert_uint_eq(owner->out_owner, IOASID_OWNER_NONE);
	member = owners_member(owners_read(), device);
	ck_assert_str_eq(member->driver, STUB_DRIVER);
	ck_assert(member->manages_dma);
}

/* One after the other, and asked both ways each time. */
IOASID_TEST(owner, states, .needs = NEEDS_GROUP " pci-pf-stub")
{
	int dev = stub_open(EDU_PAIR_0), ctx, container, group;
	struct ioasid_device_owner owner;

	ck_assert_int_eq(module_load("pci-pf-stub"), 0);
	stub_node(EDU_PAIR_1);
	owner = owner_agreed(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_NONE);
	ck_assert_uint_eq(owner.out_group, (uint32_t)pci_group(EDU_PAIR_0));

	ck_assert(pci_give(EDU_PAIR_1, "pci-pf-stub"));
	owner = owner_agreed(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_KERNEL);
	ck_assert_str_eq(text(owner.out_device), EDU_PAIR_1);
	ck_assert_str_eq(text(owner.out_driver), "pci-pf-stub");

	/* A driver that leaves DMA alone owns nothing. */
	ck_assert(pci_give(EDU_PAIR_1, "pci-stub"));
	owner = owner_agreed(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_NONE);
	ck_assert_str_eq(text(owner.out_driver), "");

	/* Nor does VFIO's, until somebody uses it. */
	ck_assert(pci_give(EDU_PAIR_1, "vfio-pci"));
	ck_assert_uint_eq(owner_agreed(dev).out_owner, IOASID_OWNER_NONE);
	ck_assert_int_eq(vfio_claim(EDU_PAIR_1, &container, &group), 0);
	owner = owner_agreed(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_OTHER);
	ck_assert_str_eq(text(owner.out_device), EDU_PAIR_1);
	ck_assert_str_eq(text(owner.out_driver), "vfio-pci");
	ck_assert_uint_eq(owner.out_pid, 0);
	close(group);
	close(container);
	ck_assert_uint_eq(owner_agreed(dev).out_owner, IOASID_OWNER_NONE);

	prctl(PR_SET_NAME, "a-long-name-for-me");
	ctx = context_open();
	prctl(PR_SET_NAME, "another");
	ok_bind(dev, .context_fd = ctx);
	owner = owner_agreed(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_CONTEXT);
	ck_assert_uint_eq(owner.out_pid, getpid());
	ck_assert_str_eq(text(owner.out_command), "a-long-name-for");
	ck_assert_uint_eq(owner.out_owner_flags, IOASID_OWNER_THIS_FILE);
	ck_assert_str_eq(text(owner.out_device), "");
	close(ctx);
	owner = owner_agreed(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_CONTEXT);
	ck_assert_uint_eq(owner.out_owner_flags, IOASID_OWNER_THIS_FILE | IOASID_OWNER_CLOSED);
	ok_unbind(dev);
	ck_assert_uint_eq(owner_agreed(dev).out_owner, IOASID_OWNER_NONE);
}

/* A name that looks like a part of the table is a name. */
IOASID_TEST(owner, name_with_a_line_end, .needs = NEEDS_BIND)
{
	int dev = stub_open(EDU), ctx;
	const struct ioasid_device_owner *owner;
	unsigned int groups;

	groups = owners_read()->nr_groups;
	prctl(PR_SET_NAME, "x\ngroup=9999 y");
	ctx = context_open();
	ok_bind(dev, .context_fd = ctx);
	ck_assert_str_eq(text(ok_dev_owner(dev).out_command), "x\ngroup=9999 y");
	ck_assert_uint_eq(owners_read()->nr_groups, groups);
	ok_unbind(dev);
	close(ctx);
	prctl(PR_SET_NAME, "x pid=1 closed");
	ctx = context_open();
	ok_bind(dev, .context_fd = ctx);
	owner = owners_group(owners_read(), pci_group(EDU));
	ck_assert_uint_eq(owner->out_pid, getpid());
	ck_assert_uint_eq(owner->out_owner_flags, 0);
}

/* A process is named as the one who asks knows it; one that is not in its world is 0. */
IOASID_TEST(owner, pid_namespace, .needs = NEEDS_BIND)
{
	int dev = stub_open(EDU), ctx = context_open();
	struct gate bound, looked;
	pid_t pid;

	gate_init(&bound);
	gate_init(&looked);
	ok_bind(dev, .context_fd = ctx);
	ck_assert_uint_eq(ok_dev_owner(dev).out_pid, getpid());
	/* Whoever is forked from here on is in a world of its own. */
	ck_assert(!unshare(CLONE_NEWPID));
	pid = child_fork();
	if (!pid) {
		int own_dev = stub_open(EDU), own_ctx = context_open();

		ck_assert_int_eq(getpid(), 1);
		ck_assert_uint_eq(ok_dev_owner(own_dev).out_owner, IOASID_OWNER_CONTEXT);
		ck_assert_uint_eq(ok_dev_owner(own_dev).out_pid, 0);
		gate_open(&bound);
		gate_wait(&looked);
		ok_bind(own_dev, .context_fd = own_ctx);
		ck_assert_uint_eq(ok_dev_owner(own_dev).out_pid, 1);
		gate_open(&bound);
		gate_wait(&looked);
		child_done();
	}
	gate_wait(&bound);
	ok_unbind(dev);
	gate_open(&looked);
	gate_wait(&bound);
	ck_assert_uint_eq(owner_agreed(dev).out_pid, pid);
	gate_open(&looked);
	child_join(pid);
}

/* Refusals are counted the same in both places, from the first of this owner on. */
IOASID_TEST(owner, refusals, .needs = NEEDS_GROUP " nvme pci-pf-stub")
{
	static const char *const drivers[] = { "nvme", "pci-pf-stub", "e1000e" };
	int dev = stub_open(EDU_PAIR_0), ctx = context_open(), round;
	struct owners before = *owners_read();
	struct ioasid_device_owner owner;
	uint64_t time = 0, count = 0;
	unsigned int i;

	ck_assert_int_eq(module_load("pci-pf-stub"), 0);
	pci_give_back(EDU_PAIR_1, "");
	for (round = 0; round < 2; round++) {
		ok_bind(dev, .context_fd = ctx);
		ck_assert_uint_eq(owner_agreed(dev).out_num_refused, 0);
		ck_assert_uint_eq(owner_agreed(dev).out_refused_time_ns, 0);
		for (i = 0; i < ARRAY_SIZE(drivers); i++) {
			ck_assert_int_eq(pci_bind(EDU_PAIR_1, drivers[i]), -EBUSY);
			owner = owner_agreed(dev);
			ck_assert_uint_eq(owner.out_num_refused, i + 1);
			ck_assert_str_eq(text(owner.out_refused_device), EDU_PAIR_1);
			ck_assert_str_eq(text(owner.out_refused_driver), drivers[i]);
			ck_assert_uint_gt(owner.out_refused_time_ns, time);
			time = owner.out_refused_time_ns;
			count++;
		}
		ok_unbind(dev);
		ck_assert_uint_eq(owner_agreed(dev).out_num_refused, 0);
	}
	ck_assert_uint_eq(owners_read()->refusals, before.refusals + count);
	ck_assert_uint_eq(owners_read()->missed, before.missed);
}

static void run_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/**
 * struct arena - what processes that race tell each other, in shared memory
 * @owner: number of the process that has the group, 0 for none
 * @wins: how often each had it
 * @processes: how many have had numbers of their own
 * @stop: enough
 */
struct arena {
	int owner;
	unsigned int wins[8];
	unsigned int processes;
	int stop;
};

static struct arena *arena;

static bool enough(void)
{
	return __atomic_load_n(&arena->stop, __ATOMIC_RELAXED);
}

static struct arena *arena_new(void)
{
	struct arena *new =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert(new != MAP_FAILED);
	return new;
}

static void win(int me)
{
	int before = __sync_val_compare_and_swap(&arena->owner, 0, me);

	if (before)
		test_fail("process %d has the group, and so has %d", before, me);
	arena->wins[me]++;
}

static void give_up(int me)
{
	if (__sync_val_compare_and_swap(&arena->owner, me, 0) != me)
		test_fail("process %d had the group, and was not alone", me);
}

static void fight_once(int me, int dev, int ctx, uint32_t id)
{
	struct ioasid_device_bind bind = { .size = sizeof(bind), .context_fd = ctx };
	int rc = call_bind(dev, &bind);

	if (rc) {
		ck_assert_int_eq(rc, -EBUSY);
		/* Its device is another's than ours, or the same. */
		ck_assert(bind.out_refusal == IOASID_REFUSAL_OWNED ||
			  (me > 2 && bind.out_refusal == IOASID_REFUSAL_ALREADY_BOUND) ||
			  (me < 3 && bind.out_refusal == IOASID_REFUSAL_ALREADY_BOUND));
		return;
	}
	win(me);
	ok_allow(dev, .ioasid = id);
	ck_assert_uint_eq(ok_dev_owner(dev).out_pid, getpid());
	chance_delay(300);
	if (chance(2))
		ok_disallow(dev, .ioasid = id);
	give_up(me);
	ok_unbind(dev);
}

/* Two processes, each with a device of the group of its own: the loser is told why. */
IOASID_TEST(owner, two_processes_fight, .needs = NEEDS_GROUP, .timeout = 120)
{
	static const char *const names[] = { EDU_PAIR_0, EDU_PAIR_1 };
	enum {
		ROUNDS = 500
	};
	int i, n;
	pid_t pid[2];

	chance_seed();
	arena = arena_new();
	for (i = 0; i < 2; i++)
		stub_node(names[i]);
	for (i = 0; i < 2; i++) {
		int dev, ctx;
		uint32_t id;

		pid[i] = child_fork();
		if (pid[i])
			continue;
		run_on(i);
		chance_of(i);
		dev = stub_open(names[i]);
		ctx = context_open();
		id = ioasid_new(ctx);
		for (n = 0; n < (int)rounds(ROUNDS) || !arena->wins[i + 1]; n++) {
			struct ioasid_device_bind bind = { .size = sizeof(bind),
							   .context_fd = ctx };
			int rc = call_bind(dev, &bind);

			if (!rc) {
				win(i + 1);
				ok_allow(dev, .ioasid = id);
				ck_assert_uint_eq(ok_dev_owner(dev).out_pid, getpid());
				chance_delay(300);
				if (chance(2))
					ok_disallow(dev, .ioasid = id);
				give_up(i + 1);
				ok_unbind(dev);
			} else {
				ck_assert_int_eq(rc, -EBUSY);
				ck_assert_uint_eq(bind.out_refusal, IOASID_REFUSAL_OWNED);
				sched_yield();
			}
		}
		child_done();
	}
	for (i = 0; i < 2; i++)
		child_join(pid[i]);
	ck_assert_uint_eq(ok_dev_owner(stub_open(EDU_PAIR_0)).out_owner, IOASID_OWNER_NONE);
}

/* Four processes, two at each device, and the table is read all the time. */
IOASID_TEST(owner, four_processes_fight, .needs = NEEDS_GROUP, .timeout = 120)
{
	static const char *const names[] = { EDU_PAIR_0, EDU_PAIR_1 };
	enum {
		ROUNDS = 200
	};
	pid_t pid[4], reader;
	int i, n;

	chance_seed();
	arena = arena_new();
	for (i = 0; i < 2; i++)
		stub_node(names[i]);
	for (i = 0; i < 4; i++) {
		int dev, ctx;
		uint32_t id;

		pid[i] = child_fork();
		if (pid[i])
			continue;
		chance_of(i);
		for (n = 0; n < (int)rounds(ROUNDS) || !arena->wins[i + 1]; n++) {
			dev = stub_open(names[i % 2]);
			ctx = context_open();
			id = ioasid_new(ctx);
			fight_once(i + 1, dev, ctx, id);
			close(chance(2) ? dev : ctx);
			/* One of them again, which is no file any more: never another's. */
			close(dev);
			close(ctx);
		}
		child_done();
	}
	reader = child_fork();
	if (!reader) {
		uint32_t group = pci_group(EDU_PAIR_0);

		while (!enough()) {
			const struct ioasid_device_owner *owner =
				owners_group(owners_read(), group);

			ck_assert(owner->out_owner == IOASID_OWNER_NONE ||
				  owner->out_owner == IOASID_OWNER_CONTEXT ||
				  /* Between being claimed and being in the table. */
				  owner->out_owner == IOASID_OWNER_OTHER);
		}
		child_done();
	}
	for (i = 0; i < 4; i++)
		child_join(pid[i]);
	arena->stop = 1;
	child_join(reader);
}

/* Drivers that ask for DMA, drivers that leave it alone, and ours. */
static const char *const storm_drivers[] = { "nvme", "vfio-pci", "pci-stub", "pci-pf-stub",
					     STUB_DRIVER };

static bool has_kernel_driver(const char *device)
{
	return pci_driven_by(device, "nvme") || pci_driven_by(device, "pci-pf-stub");
}

/* The second function goes from driver to driver. */
static void storm_of_drivers(unsigned int times)
{
	while (times--) {
		const char *driver = storm_drivers[chance(ARRAY_SIZE(storm_drivers))];

		if (pci_give(EDU_PAIR_1, driver) && !strcmp(driver, STUB_DRIVER)) {
			int dev = open("/dev/ioasid-dev/" EDU_PAIR_1, O_RDWR | O_CLOEXEC);
			int ctx = context_open();

			if (dev >= 0) {
				int rc = t_bind(dev, .context_fd = ctx);

				ck_assert(!rc || rc == -EBUSY || rc == -ENODEV);
				chance_delay(2000);
				close(dev);
			}
			close(ctx);
		}
		chance_delay(2000);
	}
	__atomic_store_n(&arena->stop, 1, __ATOMIC_RELAXED);
}

/* The first function is taken and given back. No kernel driver has the second one meanwhile. */
static void storm_of_binds(void)
{
	char *page = mem_new(PAGE);
	int rc;

	while (!enough()) {
		int dev = stub_open(EDU_PAIR_0), ctx = context_open_nonblock();
		uint32_t id = ioasid_new(ctx);

		ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(page), .length = PAGE,
		       .iova = 0x100000);
		rc = t_bind(dev, .flags = IOASID_BIND_WATCH, .context_fd = ctx);
		ck_assert(!rc || rc == -EBUSY);
		if (rc) {
			event_ready(ctx, 10);
		} else {
			if (has_kernel_driver(EDU_PAIR_1))
				test_fail("we own the group, and %s has a device of it",
					  pci_driver(EDU_PAIR_1));
			ok_allow(dev, .ioasid = id);
			chance_delay(1000);
			if (has_kernel_driver(EDU_PAIR_1))
				test_fail("we own the group, and %s got a device of it",
					  pci_driver(EDU_PAIR_1));
			arena->wins[0]++;
		}
		close(chance(2) ? ctx : dev);
		close(ctx);
		close(dev);
	}
}

/* Runs it in a process of its own; the modules are as they were afterwards. */
static void and_restore_modules(void (*body)(void))
{
	pid_t pid = child_fork();
	int status, tries;

	if (!pid) {
		body();
		child_done();
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	/* What was left open is still being closed. */
	for (tries = 0; tries < 100 && module_loaded(STUB) && module_delete(STUB); tries++)
		usleep(20000);
	for (tries = 0; tries < 100 && module_loaded(CORE) && module_delete(CORE); tries++)
		usleep(20000);
	modules_restore();
	ck_assert(module_loaded(CORE) && module_loaded(STUB));
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "wait status %#x", status);
}

static void storm_round(void)
{
	pid_t pid[3];
	int i;

	arena->stop = 0;
	stub_node(EDU_PAIR_0);
	for (i = 0; i < 3; i++) {
		pid[i] = child_fork();
		if (pid[i])
			continue;
		chance_of(++arena->processes);
		run_on(i % 2);
		if (i == 0)
			storm_of_drivers(50);
		else if (i == 1)
			storm_of_binds();
		while (i == 2 && !enough())
			owners_read();
		child_done();
	}
	for (i = 0; i < 3; i++)
		child_join(pid[i]);
}

/* How often somebody had the group, in the storm that has passed. */
static unsigned int nr_taken(void)
{
	return __atomic_load_n(&arena->wins[0], __ATOMIC_RELAXED);
}

/* So many rounds, and more on a slow machine, until the group was had more than @least times. */
static bool goes_on(unsigned int round, unsigned int nr, unsigned int least)
{
	return round < nr || (round < 10 * nr && nr_taken() <= least);
}

static void storm(void)
{
	unsigned int i;

	for (i = 0; goes_on(i, rounds(8), rounds(rounds(100))); i++) {
		storm_round();
		modules_reload("");
	}
}

/* On two processors, hundreds of times; the modules are unloaded and loaded now and then. */
IOASID_TEST(owner, storm, .needs = NEEDS_GROUP " nvme pci-pf-stub", .timeout = 180)
{
	struct rig rig;

	ck_assert_int_eq(module_load("pci-pf-stub"), 0);
	chance_seed();
	arena = arena_new();
	and_restore_modules(storm);
	fprintf(stderr, "owner: the group was taken %u times in the storm\n", nr_taken());
	ck_assert_uint_gt(nr_taken(), rounds(rounds(100)));
	/* And then it works as if nothing had been. */
	stub_node(EDU_PAIR_1);
	rig_open(&rig, EDU_PAIR_0);
	ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
}

static void unload_in_use(void)
{
	struct ioasid_device_region region;
	int ctx = context_open(), dev;
	void *bar;

	dev = stub_open(EDU);
	ck_assert_int_eq(module_delete(STUB), -EAGAIN);
	ck_assert_int_eq(module_delete(CORE), -EAGAIN);
	ok_bind(dev, .context_fd = ctx);
	ck_assert_int_eq(module_delete(STUB), -EAGAIN);
	region = ok_dev_region(dev, .index = 0);
	bar = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dev, region.out_offset);
	ck_assert(bar != MAP_FAILED);
	close(dev);
	ck_assert_int_eq(module_delete(STUB), -EAGAIN);
	munmap(bar, PAGE);
	/* Devices that are with the driver do not keep it. */
	ck_assert(pci_driven_by(EDU, STUB_DRIVER));
	ck_assert_int_eq(module_delete(STUB), 0);
	ck_assert_str_eq(pci_driver(EDU), "");
	ck_assert(access("/dev/ioasid-dev", F_OK));
	ck_assert_int_eq(module_delete(CORE), -EAGAIN);
	close(ctx);
	ck_assert_int_eq(module_delete(CORE), 0);
	ck_assert(access("/dev/ioasid", F_OK));
	ck_assert(access("/proc/ioasidfd", F_OK));
	ck_assert_int_eq(module_insert(STUB, ""), -ENOENT);
	ck_assert_int_eq(module_insert(CORE, ""), 0);
	ck_assert_int_eq(module_insert(CORE, ""), -EEXIST);
	ck_assert_int_eq(module_insert(STUB, ""), 0);
}

static void device_works(void)
{
	struct rig rig;

	rig_open(&rig, EDU);
	ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
	edu_close(&rig.edu);
	close(rig.ctx);
}

IOASID_TEST(owner, unload_in_use, .needs = NEEDS_BIND)
{
	and_restore_modules(unload_in_use);
	device_works();
}

/* The kernel has a device that its owner gave up by unloading us. */
static void unload_and_reload(void)
{
	int i;

	for (i = 0; i < 5; i++) {
		stub_node(EDU_PAIR_0);
		stub_node(EDU_PAIR_1);
		modules_reload("");
		/* Both are back with the driver that they are reserved for. */
		ck_assert(pci_driven_by(EDU_PAIR_0, STUB_DRIVER));
		pci_give_back(EDU_PAIR_1, "");
		ck_assert(kernel_may_have(EDU_PAIR_1));
		ck_assert_uint_gt(owners_read()->requests, 0);
		ck_assert_uint_eq(owners_read()->missed, 0);
	}
}

IOASID_TEST(owner, unload_and_reload, .needs = NEEDS_GROUP " nvme", .timeout = 120)
{
	and_restore_modules(unload_and_reload);
	device_works();
}

/* Opens what is there, uses it, and lets go. */
static void use_what_is_there(void)
{
	while (!enough()) {
		int dev = open("/dev/ioasid-dev/" EDU_PAIR_0, O_RDWR | O_CLOEXEC);
		int ctx = open("/dev/ioasid", O_RDWR | O_CLOEXEC), rc;

		if (dev >= 0 && ctx >= 0) {
			uint32_t id = ioasid_new(ctx);

			rc = t_bind(dev, .flags = IOASID_BIND_WATCH, .context_fd = ctx);
			ck_assert(!rc || rc == -EBUSY || rc == -ENODEV);
			if (!rc) {
				arena->wins[0]++;
				rc = t_allow(dev, .ioasid = id);
				ck_assert(!rc || rc == -ENODEV || rc == -EINVAL);
			}
		}
		close(dev);
		close(ctx);
		usleep(1000 + chance(3000));
	}
}

static void unload_over_and_over(unsigned int times)
{
	unsigned int i;

	for (i = 0; goes_on(i, times, 0); i++) {
		int rc;

		while ((rc = module_delete(STUB)) == -EAGAIN)
			chance_delay(2000);
		ck_assert_int_eq(rc, 0);
		while ((rc = module_delete(CORE)) == -EAGAIN)
			chance_delay(2000);
		ck_assert_int_eq(rc, 0);
		ck_assert_int_eq(module_insert(CORE, ""), 0);
		ck_assert_int_eq(module_insert(STUB, ""), 0);
		chance_delay(10000);
	}
	__atomic_store_n(&arena->stop, 1, __ATOMIC_RELAXED);
}

/* Drivers come and go while the probes are installed and removed. */
static void storm_while_reloading(void)
{
	static char room[65536];

	while (!enough()) {
		pci_give(EDU_PAIR_1, storm_drivers[chance(ARRAY_SIZE(storm_drivers))]);
		pci_give(EDU_PAIR_0, STUB_DRIVER);
		file_read("/proc/ioasidfd", room, sizeof(room));
	}
}

static void unload_in_a_storm(void)
{
	pid_t pid[3];
	int i;

	for (i = 0; i < 3; i++) {
		pid[i] = child_fork();
		if (pid[i])
			continue;
		chance_of(i);
		run_on(getenv("IOASIDFD_PARALLEL") ? i % 2 : 0);
		if (i == 0)
			unload_over_and_over(2 + rounds(10));
		else if (i == 1)
			storm_while_reloading();
		else
			use_what_is_there();
		child_done();
	}
	for (i = 0; i < 3; i++)
		child_join(pid[i]);
	ck_assert_uint_gt(nr_taken(), 0);
}

/*
 * While drivers come and go. All on one processor: QEMU before 8.1 can run a stale translation of
 * code that another processor is just patching, and the guest dies of an int3 that is not there.
 * With IOASIDFD_PARALLEL in the environment (VM_CMDLINE=) they have two.
 */
IOASID_TEST(owner, unload_in_a_storm, .needs = NEEDS_GROUP " nvme pci-pf-stub", .timeout = 240)
{
	ck_assert_int_eq(module_load("pci-pf-stub"), 0);
	chance_seed();
	arena = arena_new();
	and_restore_modules(unload_in_a_storm);
	device_works();
}

/* hook=0: who is refused is not seen; all else is as it was. */
static void without_hook(void)
{
	int ctx, other, a, b, container, group;
	const struct owners *owners;

	modules_reload("hook=0");
	owners = owners_read();
	ck_assert(!owners->hook);
	ck_assert_uint_eq(owners->requests + owners->refusals + owners->cleanups + owners->missed,
			  0);
	ctx = context_open_nonblock();
	other = context_open_nonblock();
	ck_assert_uint_eq(ok_info(ctx).out_capabilities & IOASID_CAP_REFUSALS, 0);
	a = stub_open(EDU_PAIR_0);
	pci_give_back(EDU_PAIR_1, "");
	ok_bind(a, .context_fd = ctx);
	ck_assert(!kernel_may_have(EDU_PAIR_1));
	event_expect_none(ctx);
	ck_assert_uint_eq(owner_agreed(a).out_num_refused, 0);
	ck_assert_uint_eq(owner_agreed(a).out_pid, getpid());
	/* Waiting works: for another context, */
	b = stub_open(EDU_PAIR_1);
	err_bind(EBUSY, b, .flags = IOASID_BIND_WATCH, .context_fd = other);
	event_expect_none(other);
	ok_unbind(a);
	event_expect(other, IOASID_EVENT_GROUP_FREE, "", "");
	/* for a kernel driver, */
	ck_assert(pci_give(EDU_PAIR_0, "pci-pf-stub"));
	ck_assert_uint_eq(owner_agreed(b).out_owner, IOASID_OWNER_KERNEL);
	err_bind(EBUSY, b, .flags = IOASID_BIND_WATCH, .context_fd = other);
	pci_unbind(EDU_PAIR_0);
	event_expect(other, IOASID_EVENT_GROUP_FREE, "", "");
	/* and for VFIO, at the latest when its driver lets go. */
	ck_assert(pci_give(EDU_PAIR_0, "vfio-pci"));
	ck_assert_int_eq(vfio_claim(EDU_PAIR_0, &container, &group), 0);
	ck_assert_uint_eq(owner_agreed(b).out_owner, IOASID_OWNER_OTHER);
	err_bind(EBUSY, b, .flags = IOASID_BIND_WATCH, .context_fd = other);
	close(group);
	close(container);
	pci_unbind(EDU_PAIR_0);
	event_expect(other, IOASID_EVENT_GROUP_FREE, "", "");
	ok_bind(b, .context_fd = other);
	ck_assert(pci_give(EDU_PAIR_0, STUB_DRIVER));
	pci_unbind(EDU_PAIR_1);
	event_expect(other, IOASID_EVENT_REVOKED, EDU_PAIR_1, "");
	event_expect_none(other);
	event_expect_none(ctx);
}

IOASID_TEST(owner, without_hook, .needs = NEEDS_GROUP " nvme pci-pf-stub")
{
	ck_assert_int_eq(module_load("pci-pf-stub"), 0);
	and_restore_modules(without_hook);
	ck_assert(owners_read()->hook);
	device_works();
}

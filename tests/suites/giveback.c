// SPDX-License-Identifier: GPL-2.0-only
/*
 * Return to the kernel: whatever a program was doing with its device, and however it ended, the
 * ordinary driver probes and works. And then back to a program again.
 */
#include <limits.h>

#include "../clients/lib/disk_pattern.h"
#include "../clients/lib/nvme.h"
#include "call.h"
#include "chance.h"
#include "edu.h"
#include "host.h"
#include "module.h"
#include "nic.h"
#include "oracle.h"
#include "order.h"
#include "ordinary.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"

/* How a device leaves its program. The last two are done to the program by somebody else. */
static const char *const ways[] = {
	"unbind", "close", "close, context first", "kill -9", "driver unbound", "device removed",
};

enum way {
	WAY_UNBIND,
	WAY_CLOSE,
	WAY_CONTEXT_FIRST,
	WAY_KILL,
	WAY_DRIVER,
	WAY_REMOVE
};

/**
 * struct user - the program that has the device, in a process of its own
 * @client: device and address space
 * @nvme: if it is that
 * @nic: likewise
 * @data: where the disk is read to
 * @goes_on: it was left running
 */
struct user {
	struct client client;
	struct nvme nvme;
	struct nic nic;
	struct dma_buffer data;
	bool goes_on;
};

/**
 * struct kind - a device, its ordinary driver, and what a program can do to it
 * @device: PCI name
 * @driver: the ordinary driver
 * @works: that it does
 * @start: take the device into use, and see it work
 * @worst: of a table of states, leave it in this one
 * @go_on: a little more of the same, called over and over
 * @running: offset of a register that a reset clears
 */
struct kind {
	const char *device;
	const char *driver;
	void (*works)(const char *device);
	void (*start)(struct user *user);
	void (*worst)(struct user *user, int state);
	void (*go_on)(struct user *user);
	unsigned int running;
};

#define must(call) test_require(!(call), "%s", #call)

/* The disk */

enum disk_state {
	DISK_IDLE,
	DISK_QUEUES,
	DISK_COMMANDS,
	DISK_FATAL,
	DISK_SHUTDOWN,
	DISK_DISALLOWED,
	DISK_FREED
};

static const struct test_row disk_states[] = {
	[DISK_IDLE] = { "stopped", "" },
	[DISK_QUEUES] = { "queues programmed", "" },
	[DISK_COMMANDS] = { "commands outstanding", "" },
	[DISK_FATAL] = { "controller failed", "" },
	[DISK_SHUTDOWN] = { "shutdown begun", "" },
	[DISK_DISALLOWED] = { "commands outstanding, disallowed", "" },
	[DISK_FREED] = { "commands outstanding, freed", "" },
};

#define ASYNC_EVENT_REQUEST 0x0c
#define NOWHERE 0x7fff0000ull
/* No read takes that long, unless the controller was reset meanwhile. */
#define READ_MS 1000

static void disk_read(struct user *user)
{
	uint8_t expected[DISK_PATTERN_BLOCK_SIZE];
	uint64_t block = chance(32768);

	must(nvme_read(&user->nvme, block, 1, user->data.iova));
	disk_pattern_fill(block, expected);
	test_require(!memcmp(user->data.data, expected, sizeof(expected)),
		     "our own driver reads block %llu wrongly", (unsigned long long)block);
}

static void disk_start(struct user *user)
{
	struct nvme *nvme = &user->nvme;

	must(nvme_open(nvme, &user->client));
	must(client_allow(&user->client));
	must(nvme_start(nvme));
	must(nvme_identify(nvme));
	must(nvme_create_queues(nvme));
	must(dma_alloc(&user->data, nvme->max_transfer));
	must(dma_map(&user->client, &user->data));
	disk_read(user);
}

/*
 * A page, and only one at a time: what is more, and cannot reach its memory, QEMU does piece by
 * piece through a bounce buffer, forgets it when the controller is reset in the middle, and dies
 * when the next piece is there.
 */
static void disk_read_page(struct user *user, unsigned int timeout_ms)
{
	uint32_t count = PAGE / DISK_PATTERN_BLOCK_SIZE;

	nvme_try_read(&user->nvme, chance(4096) * count, count, user->data.iova, timeout_ms);
}

static void disk_commands(struct user *user)
{
	struct nvme_command event = { .opcode = ASYNC_EVENT_REQUEST };

	/* This one is answered when something happens, so never. */
	nvme_execute(&user->nvme, &user->nvme.admin, &event, 0);
	disk_read_page(user, 0);
}

/* A queue where nothing is. */
static void disk_fail(struct user *user)
{
	struct nvme *nvme = &user->nvme;
	struct nvme_command identify = { .opcode = NVME_ADMIN_IDENTIFY };
	uint64_t end = nvme_now_ms() + NVME_TIMEOUT_MS;

	nvme->admin.commands.iova = NOWHERE;
	must(nvme_start(nvme));
	nvme_execute(nvme, &nvme->admin, &identify, 0);
	while (!(nvme_read32(nvme, NVME_REG_CSTS) & NVME_CSTS_FATAL))
		test_require(nvme_now_ms() < end, "the controller does not fail");
}

static void disk_worst(struct user *user, int state)
{
	struct nvme *nvme = &user->nvme;

	switch ((enum disk_state)state) {
	case DISK_IDLE:
		must(nvme_stop(nvme));
		break;
	case DISK_QUEUES:
		break;
	case DISK_COMMANDS:
		disk_commands(user);
		break;
	case DISK_FATAL:
		disk_fail(user);
		break;
	case DISK_SHUTDOWN:
		disk_commands(user);
		nvme_write32(nvme, NVME_REG_CC, nvme_read32(nvme, NVME_REG_CC) | NVME_CC_SHUTDOWN);
		break;
	case DISK_DISALLOWED:
		disk_commands(user);
		must(client_disallow(&user->client));
		break;
	case DISK_FREED:
		disk_commands(user);
		must(client_free(&user->client));
		break;
	}
}

static void disk_go_on(struct user *user)
{
	/* The one that disk_commands() started is over by then. */
	if (!user->goes_on)
		usleep(20000);
	user->goes_on = true;
	disk_read_page(user, READ_MS);
}

static const struct kind disk = {
	.device = NVME,
	.driver = "nvme",
	.works = ordinary_disk_works,
	.start = disk_start,
	.worst = disk_worst,
	.go_on = disk_go_on,
	.running = NVME_REG_CC,
};

/* The network */

/*
 * Raised interrupts are none of these states: QEMU 7.2 dies (an assertion in e1000e_core.c) when
 * the ordinary driver sets up MSI-X while it delays one.
 */
enum link_state {
	LINK_IDLE,
	LINK_RINGS
};

static const struct test_row link_states[] = {
	[LINK_IDLE] = { "untouched", "" },
	[LINK_RINGS] = { "rings running", "" },
};

static void link_start(struct user *user)
{
	must(nic_open(&user->nic, &user->client));
	must(client_allow(&user->client));
}

static void link_worst(struct user *user, int state)
{
	int i;

	if (state == LINK_IDLE)
		return;
	nic_start(&user->nic);
	for (i = 0; i < 8; i++)
		nic_send(&user->nic);
}

static void link_go_on(struct user *user)
{
	nic_send(&user->nic);
	usleep(500);
}

static const struct kind network = {
	.device = E1000E,
	.driver = "e1000e",
	.works = ordinary_link_works,
	.start = link_start,
	.worst = link_worst,
	.go_on = link_go_on,
	.running = NIC_RECEIVE_CONTROL,
};

/* The program */

/* The registers went: what is open stays open. */
static void __attribute__((noreturn)) stay(int signal __attribute__((unused)))
{
	for (;;)
		pause();
}

static void unmap_registers(struct user *user)
{
	client_unmap_registers(&user->nvme.registers);
	client_unmap_registers(&user->nic.registers);
}

static void leave(struct user *user, enum way way)
{
	switch (way) {
	case WAY_UNBIND:
		must(client_unbind(&user->client));
		break;
	case WAY_CLOSE:
		unmap_registers(user);
		close(user->client.device_fd);
		break;
	case WAY_CONTEXT_FIRST:
		unmap_registers(user);
		close(user->client.context_fd);
		close(user->client.device_fd);
		break;
	default:
		break;
	}
}

static void __attribute__((noreturn))
be_user(const struct kind *kind, int state, enum way way, struct gate *left)
{
	struct user user = { 0 };

	signal(SIGBUS, stay);
	must(client_open(&user.client, kind->device));
	must(client_alloc(&user.client));
	must(client_bind(&user.client));
	kind->start(&user);
	kind->worst(&user, state);
	leave(&user, way);
	gate_open(left);
	while (way >= WAY_KILL && state)
		kind->go_on(&user);
	stay(0);
}

/* What a register holds, seen past the module. */
static uint32_t register_of(const char *device, unsigned int offset)
{
	char path[PATH_MAX];
	volatile uint32_t *page;
	uint32_t value;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", device);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	test_require(fd >= 0, "%s: %m", path);
	page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	test_require(page != MAP_FAILED, "mmap of %s: %m", path);
	value = page[offset / 4];
	munmap((void *)page, PAGE);
	close(fd);
	return value;
}

static int enable_count(const char *device)
{
	char path[PATH_MAX], text[20];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable", device);
	file_read(path, text, sizeof(text));
	return atoi(text);
}

/* What the kernel found possible when the device appeared. */
static const char *reset_methods(const char *device)
{
	static char text[100];
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset_method", device);
	file_read(path, text, sizeof(text));
	return text;
}

/* QEMU's others of a single function are none. */
static bool function_level_reset(const char *device)
{
	return strstr(reset_methods(device), "flr");
}

/* Still with the stub driver, and nobody's: stopped, and as new if it can be reset. */
static void check_stopped(const struct kind *kind)
{
	int fd = stub_open(kind->device);
	uint64_t can = ok_dev_info(fd).out_capabilities;

	ck_assert_uint_eq(ok_dev_owner(fd).out_owner, IOASID_OWNER_NONE);
	ck_assert(!pci_bus_master(kind->device));
	ck_assert_int_eq(enable_count(kind->device), 0);
	close(fd);
	if (!function_level_reset(kind->device))
		return;
	ck_assert(can & IOASID_DEVICE_CAP_RESET);
	ck_assert_uint_eq(register_of(kind->device, kind->running), 0);
}

static void back_to_kernel(const struct kind *kind, enum way way, pid_t pid)
{
	switch (way) {
	case WAY_KILL:
		usleep(chance(50000));
		kill(pid, SIGKILL);
		child_join_killed(pid);
		check_stopped(kind);
		break;
	case WAY_DRIVER:
		usleep(chance(50000));
		break;
	case WAY_REMOVE:
		usleep(chance(50000));
		pci_remove(kind->device);
		pci_rescan();
		break;
	default:
		check_stopped(kind);
	}
	/* After a rescan it bound by itself; it probes in the background, do not disturb. */
	if (way != WAY_REMOVE)
		pci_give_back(kind->device, kind->driver);
	else
		ck_assert(pci_will_be_driven_by(kind->device, kind->driver));
	ck_assert_str_eq(pci_driver(kind->device), kind->driver);
	kind->works(kind->device);
}

static void there_and_back(const struct kind *kind, int state, enum way way)
{
	struct gate left;
	pid_t pid;

	fprintf(stderr, "giveback: %s, %s\n", kind->device, ways[way]);
	stub_node(kind->device);
	gate_init(&left);
	pid = child_fork();
	if (!pid)
		be_user(kind, state, way, &left);
	gate_wait(&left);
	back_to_kernel(kind, way, pid);
	if (way != WAY_KILL) {
		kill(pid, SIGKILL);
		child_join_killed(pid);
		/* What it had open was no longer this device. */
		ck_assert_str_eq(pci_driver(kind->device), kind->driver);
		kind->works(kind->device);
	}
	close(left.fd[0]);
	close(left.fd[1]);
}

static void every_way(const struct kind *kind, int state)
{
	unsigned int way;

	chance_seed();
	for (way = 0; way < ARRAY_SIZE(ways); way++)
		there_and_back(kind, state, way);
}

IOASID_TEST(giveback, disk, TEST_ROWS(disk_states), .needs = NEEDS_BIND " nvme", .timeout = 180)
{
	every_way(&disk, row);
}

IOASID_TEST(giveback, network, TEST_ROWS(link_states), .needs = NEEDS_BIND, .timeout = 180)
{
	every_way(&network, row);
}

#define COMMAND_INTX_DISABLE 0x400
#define STATUS_INTX 0x08
#define EDU_RAISE 0x60

/*
 * A program cannot take its device's interrupts, and it can raise them: on a line that devices of
 * the kernel share, and that nobody would ever acknowledge, not even when the program is gone.
 */
IOASID_TEST(giveback, interrupt_line, .needs = NEEDS_BIND)
{
	struct rig rig;

	rig_open(&rig, EDU);
	rig.edu.bar[EDU_RAISE / 4] = 1;
	ck_assert(pci_config16(EDU, 6) & STATUS_INTX);
	ck_assert(pci_config16(EDU, 4) & COMMAND_INTX_DISABLE);
	edu_unbind(&rig.edu);
	ck_assert(pci_config16(EDU, 4) & COMMAND_INTX_DISABLE);
}

/**
 * struct own_way - a way that needs no second process
 * @row: name
 * @way: which
 */
struct own_way {
	struct test_row row;
	enum way way;
};

static const struct own_way own_ways[] = {
	{ { "unbind", "" }, WAY_UNBIND },
	{ { "close", "" }, WAY_CLOSE },
	{ { "close, context first", "" }, WAY_CONTEXT_FIRST },
	{ { "driver unbound", "" }, WAY_DRIVER },
};

static void let_go(int ctx, int dev, enum way way)
{
	if (way == WAY_UNBIND)
		ok_unbind(dev);
	if (way == WAY_CONTEXT_FIRST)
		close(ctx);
	if (way == WAY_DRIVER)
		pci_unbind(NVME);
	close(dev);
}

/*
 * The device is stopped and reset while its DMA still goes where its user could send it: before its
 * address space is taken away, and before the group is the kernel's.
 */
IOASID_TEST(giveback, quiet_first, TEST_ROWS(own_ways), .needs = NEEDS_BIND " nvme")
{
	static const char *functions[] = {
		"pci_clear_master",   "pci_reset_function_locked",     "pci_disable_device",
		"iommu_detach_group", "iommu_group_release_dma_owner", NULL,
	};
	int ctx = context_open(), dev = stub_open(NVME);
	uint32_t id = ioasid_new(ctx);
	char expected[200];

	/* A kernel that can replace what is under a PASID attaches everything with handles. */
	if (ok_info(ctx).out_capabilities & IOASID_CAP_REPLACE_PASID)
		functions[3] = "iommu_detach_group_handle";
	ok_bind(dev, .context_fd = ctx);
	ok_allow(dev, .ioasid = id);
	order_watch(functions);
	let_go(ctx, dev, own_ways[row].way);
	snprintf(expected, sizeof(expected), "%s %s %s %s %s", functions[0], functions[1],
		 functions[2], functions[3], functions[4]);
	ck_assert_str_eq(order_seen(), expected);
}

/* A network card without a reset of its own. */
#define OLD_NIC "e1000,bus=rp,romfile="
#define BROADCAST_ACCEPT 0x8000

/**
 * struct neighbour - what else is on the bus of a function that is reset through it
 * @row: name
 * @plugged: there is another function when the device is bound
 * @leaves: and it goes before the device is unbound
 */
struct neighbour {
	struct test_row row;
	bool plugged;
	bool leaves;
};

static const struct neighbour neighbours[] = {
	{ { "alone", "" }, false, false },
	{ { "with another", "" }, true, false },
	{ { "with another that leaves", "" }, true, true },
};

static void plug_old_nic(bool with_another)
{
	host_unplug_all();
	if (with_another)
		host_plug(HOT_1, OLD_NIC ",addr=0.1,multifunction=on");
	host_plug(HOT, with_another ? OLD_NIC ",addr=0.0,multifunction=on" : OLD_NIC ",addr=0.0");
	host_wait_there(HOT);
	ck_assert_int_eq(pci_present(HOT_1), with_another);
	ck_assert_str_eq(reset_methods(HOT), "bus");
}

static bool promises_reset(int dev)
{
	return ok_dev_info(dev).out_capabilities & IOASID_DEVICE_CAP_RESET;
}

/* A reset is promised exactly where it happens: the device's own register is the judge. */
IOASID_TEST(giveback, reset_promised, TEST_ROWS(neighbours), .needs = NEEDS_BIND " hotplug")
{
	const struct neighbour *with = &neighbours[row];
	bool expected = !with->plugged || with->leaves;
	int log = kernel_log_open(), dev, ctx = context_open();
	volatile uint32_t *page;

	plug_old_nic(with->plugged);
	dev = stub_open(HOT);
	ck_assert_int_eq(promises_reset(dev), !with->plugged);
	ok_bind(dev, .context_fd = ctx);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dev,
		    ok_dev_region(dev, .index = 0).out_offset);
	ck_assert(page != MAP_FAILED);
	page[NIC_RECEIVE_CONTROL / 4] = BROADCAST_ACCEPT;
	ck_assert_uint_eq(register_of(HOT, NIC_RECEIVE_CONTROL), BROADCAST_ACCEPT);
	if (with->leaves)
		pci_remove(HOT_1);
	ck_assert_int_eq(promises_reset(dev), expected);
	ok_unbind(dev);
	ck_assert_int_eq(promises_reset(dev), expected);
	ck_assert_uint_eq(register_of(HOT, NIC_RECEIVE_CONTROL), expected ? 0 : BROADCAST_ACCEPT);
	ck_assert(!pci_bus_master(HOT));
	ck_assert(!kernel_log_has(log, HOT ": reset failed"));
	close(dev);
	host_unplug_all();
}

/* Two that are always behind the bridge. The kernel tried the first one's when it was alone. */
IOASID_TEST(giveback, no_reset_behind_a_bridge, .needs = NEEDS_BIND " bridge")
{
	static const char *const names[] = { BRIDGED_0, BRIDGED_1 };
	int log = kernel_log_open(), ctx = context_open();
	unsigned int i;

	ck_assert_str_eq(reset_methods(BRIDGED_0), "bus");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		int dev = stub_open(names[i]);

		ck_assert(!promises_reset(dev));
		ok_bind(dev, .context_fd = ctx);
		ok_unbind(dev);
		ck_assert(!pci_bus_master(names[i]));
		close(dev);
		pci_give_back(names[i], "");
	}
	ck_assert(!kernel_log_has(log, "reset failed"));
}

#define NO_RESET "ioasidfd_no_reset"

/* What user space left in it is still there: it says so, and is kept from the bus. */
static void bind_and_fail_to_reset(void)
{
	int log = kernel_log_open(), ctx = context_open(), dev = stub_open(E1000E);

	ck_assert(promises_reset(dev));
	ok_bind(dev, .context_fd = ctx);
	ck_assert(pci_bus_master(E1000E));
	ok_unbind(dev);
	ck_assert(kernel_log_has(log, E1000E ": reset failed (-5)"));
	ck_assert(!pci_bus_master(E1000E));
	ck_assert(!promises_reset(dev));
	/* It does not take the way back. */
	ok_bind(dev, .context_fd = ctx);
	close(dev);
	close(ctx);
	ck_assert(!pci_bus_master(E1000E));
}

IOASID_TEST(giveback, reset_fails, .needs = NEEDS_BIND)
{
	int status, dev;
	pid_t pid;

	if (module_loaded(NO_RESET))
		module_delete(NO_RESET);
	ck_assert_int_eq(module_insert(NO_RESET, "device=" E1000E), 0);
	pid = child_fork();
	if (!pid) {
		bind_and_fail_to_reset();
		child_done();
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(module_delete(NO_RESET), 0);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "wait status %#x", status);

	/* One that works makes up for it. */
	dev = stub_open(E1000E);
	ok_bind(dev, .context_fd = context_open());
	ok_unbind(dev);
	ck_assert(promises_reset(dev));
	close(dev);
	pci_give_back(E1000E, "e1000e");
}

/* Any state, any way, many times. */
IOASID_TEST(giveback, many_rounds, .needs = NEEDS_BIND " nvme", .timeout = 300)
{
	int i;

	chance_seed();
	for (i = 0; i < (int)rounds(8); i++) {
		there_and_back(&disk, chance(ARRAY_SIZE(disk_states)), chance(ARRAY_SIZE(ways)));
		there_and_back(&network, chance(ARRAY_SIZE(link_states)), chance(ARRAY_SIZE(ways)));
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidctl: what each command says is compared with what the tests find out in their own way; the
 * JSON output with its schema; the failures that people meet, with what they are told. What no
 * emulated machine has is in a directory that looks like another one.
 */
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "call.h"
#include "ctl.h"
#include "edu.h"
#include "memory.h"
#include "mock.h"
#include "module.h"
#include "ordinary.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"

#define AT 0x100000
#define NEEDS_NO_IOMMU "!iommu !mock !no-msi-isolation"

static bool capability(const struct json *status, const char *name)
{
	const struct json *all = json_at(status, "kernel.capabilities");

	return json_truth(json_with(all, "name", name), "available");
}

IOASID_TEST(ctl, status)
{
	int ctx = context_open();
	struct ioasid_info info = ok_info(ctx);
	const struct json *status = ctl_json(CTL_OK, "status");
	const struct ctl *run;

	ck_assert(json_truth(status, "module.loaded") && json_truth(status, "module.stub_loaded"));
	ck_assert_uint_eq(json_value(status, "module.abi"), IOASID_ABI_VERSION);
	ck_assert(capability(status, "pasid") == !!(info.out_capabilities & IOASID_CAP_PASID));
	ck_assert(capability(status, "refusals") ==
		  !!(info.out_capabilities & IOASID_CAP_REFUSALS));
	ck_assert(capability(status, "replace-pasid") ==
		  !!(info.out_capabilities & IOASID_CAP_REPLACE_PASID));
	ck_assert_uint_eq(json_value(status, "limits.max_ioasids"), info.out_max_ioasids);
	ck_assert_uint_eq(json_value(status, "limits.locked_bytes"), info.out_locked_bytes);
	/* Root has none. */
	ck_assert(json_is_null(status, "limits.locked_limit_bytes"));
	ck_assert_uint_eq(json_value(status, "limits.pasids_per_user"), 4096);
	ck_assert_uint_eq(json_value(status, "contexts"), 1);
	run = ctl_run("status");
	ck_assert_int_eq(run->status, CTL_OK);
	ck_assert_ptr_nonnull(strstr(run->out, "ioasidfd_stub"));
	ck_assert_str_eq(run->err, "");
}

static void same_driver(const struct json *device, const char *name)
{
	const char *driver = pci_driver(name);

	if (*driver)
		ck_assert_str_eq(json_text(device, "driver"), driver);
	else
		ck_assert(json_is_null(device, "driver"));
}

static const char *const devices[] = { EDU, EDU_PAIR_0, EDU_PAIR_1, NVME, E1000E };

IOASID_TEST(ctl, list)
{
	const struct json *list, *device;
	unsigned int i;

	stub_node(EDU);
	list = json_at(ctl_json(CTL_OK, "list"), "devices");
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		device = json_with(list, "name", devices[i]);
		ck_assert_ptr_nonnull(device);
		same_driver(device, devices[i]);
		if (pci_group(devices[i]) < 0)
			ck_assert(json_is_null(device, "group"));
		else
			ck_assert_int_eq(json_value(device, "group"), pci_group(devices[i]));
		ck_assert(json_truth(device, "stub") == !i);
	}
	device = json_with(list, "name", NVME);
	ck_assert_uint_eq(json_value(device, "pci_class"), 0x010802);
	ck_assert_str_eq(json_text(device, "kind"), "NVMe controller");
}

/* Every column begins where its heading does. */
IOASID_TEST(ctl, list_is_aligned)
{
	char text[sizeof(ctl_run("list")->out)], *line, *save;
	size_t driver, owner;

	memcpy(text, ctl_run("list")->out, sizeof(text));
	line = strtok_r(text, "\n", &save);
	ck_assert_ptr_nonnull(line);
	driver = strstr(line, "DRIVER") - line;
	owner = strstr(line, "OWNER") - line;
	while ((line = strtok_r(NULL, "\n", &save))) {
		ck_assert_uint_gt(strlen(line), owner);
		ck_assert(line[driver - 1] == ' ' && line[driver] != ' ');
		ck_assert(line[owner - 1] == ' ' && line[owner] != ' ');
	}
}

static const struct json *own_context(const struct json *answer)
{
	const struct json *context = json_with_number(json_at(answer, "contexts"), "pid", getpid());

	ck_assert_ptr_nonnull(context);
	return context;
}

IOASID_TEST(ctl, tree, .needs = NEEDS_BIND)
{
	const struct json *tree, *context, *ioas, *group;
	void *memory = mem_new(5 * PAGE);
	struct rig rig;
	uint32_t other;

	rig_open(&rig, EDU);
	other = ioasid_new(rig.ctx);
	ok_map(rig.ctx, .ioasid = other, .flags = RW, .user_va = va(memory), .length = 5 * PAGE);
	tree = ctl_json(CTL_OK, "tree");
	context = own_context(tree);
	ck_assert_int_eq(json_value(context, "fd"), rig.ctx);
	ck_assert_uint_eq(json_value(context, "mapped_bytes"), 6 * PAGE);
	ck_assert_uint_eq(json_value(context, "process_pinned_bytes"), 6 * PAGE);
	ioas = json_with_number(json_at(context, "ioasids"), "ioasid", other);
	ck_assert_uint_eq(json_value(ioas, "mappings"), 1);
	ck_assert_uint_eq(json_value(ioas, "mapped_bytes"), 5 * PAGE);
	ck_assert_ptr_null(json_at(ioas, "attachments.0"));
	ioas = json_with_number(json_at(context, "ioasids"), "ioasid", rig.ioasid);
	ck_assert_int_eq(json_value(ioas, "attachments.0.group"), pci_group(EDU));
	ck_assert(json_is_null(ioas, "attachments.0.pasid"));
	ck_assert_uint_eq(json_value(ioas, "attachments.0.devices"), 1);
	group = json_with_number(json_at(tree, "groups"), "group", pci_group(EDU));
	ck_assert_str_eq(json_text(group, "owner.state"), "context");
	ck_assert_int_eq(json_value(group, "owner.pid"), getpid());
	ck_assert_ptr_nonnull(json_with(json_at(group, "devices"), "name", EDU));
	ck_assert_ptr_nonnull(strstr(ctl_run("tree")->out, "IOASID 2  1 mapping, 20 KiB"));
}

IOASID_TEST(ctl, tree_pasid, .needs = "mock pasid")
{
	const struct json *ioas;
	struct mock_rig rig;
	uint32_t pasid;

	mock_rig_open(&rig, MOCK_0, 0);
	pasid = ok_allow(rig.mock.fd, .ioasid = rig.ioasid, .flags = IOASID_ALLOW_PASID).out_pasid;
	ioas = json_at(own_context(ctl_json(CTL_OK, "tree")), "ioasids.0");
	ck_assert_uint_eq(json_value(ioas, "pasid"), pasid);
	ck_assert_ptr_nonnull(json_with_number(json_at(ioas, "attachments"), "pasid", pasid));
	ck_assert_ptr_nonnull(json_at(ioas, "attachments.1"));
}

IOASID_TEST(ctl, tree_shows_a_context_once)
{
	int ctx = context_open(), again = dup(ctx);
	const struct json *tree;
	struct gate gate;
	pid_t child;

	gate_init(&gate);
	child = child_fork();
	if (!child) {
		gate_wait(&gate);
		child_done();
	}
	ck_assert_int_ge(again, 0);
	tree = ctl_json(CTL_OK, "tree");
	ck_assert_ptr_nonnull(json_at(tree, "contexts.0"));
	ck_assert_ptr_null(json_at(tree, "contexts.1"));
	gate_open(&gate);
	child_join(child);
}

IOASID_TEST(ctl, map_dump)
{
	int ctx = context_open();
	uint32_t a = ioasid_new(ctx), b = ioasid_new(ctx);
	char *memory = mem_new(8 * PAGE);
	const struct json *context, *mapping;

	ok_map(ctx, .ioasid = a, .flags = RW | FIXED, .user_va = va(memory), .length = 3 * PAGE,
	       .iova = AT);
	ok_map(ctx, .ioasid = a, .flags = IOASID_MAP_READ | FIXED, .user_va = va(memory + PAGE),
	       .length = PAGE, .iova = AT + 8 * PAGE);
	context = own_context(ctl_json(CTL_OK, "map-dump %d", getpid()));
	ck_assert_ptr_nonnull(json_with_number(json_at(context, "ioasids"), "ioasid", b));
	context = own_context(ctl_json(CTL_OK, "map-dump --ioasid %u %d:%d", a, getpid(), ctx));
	ck_assert_ptr_null(json_at(context, "ioasids.1"));
	mapping = json_at(context, "ioasids.0.mappings.0");
	ck_assert_uint_eq(json_value(mapping, "iova"), AT);
	ck_assert_uint_eq(json_value(mapping, "last"), AT + 3 * PAGE - 1);
	ck_assert_uint_eq(json_value(mapping, "length"), 3 * PAGE);
	ck_assert_uint_eq(json_value(mapping, "user_va"), va(memory));
	ck_assert(json_truth(mapping, "write"));
	mapping = json_at(context, "ioasids.0.mappings.1");
	ck_assert_uint_eq(json_value(mapping, "iova"), AT + 8 * PAGE);
	ck_assert(json_truth(mapping, "read") && !json_truth(mapping, "write"));
	ck_assert_ptr_null(json_at(context, "ioasids.0.mappings.2"));
	ck_assert_ptr_nonnull(strstr(ctl_run("map-dump %d", getpid())->out, "0x102fff  12 KiB"));
	ctl_fails(CTL_NO_DEVICE, "no-such-context", ENOENT, "no IOASID 77",
		  "map-dump --ioasid 77 %d", getpid());
	ctl_fails(CTL_NO_DEVICE, "no-such-context", ENOENT, "has no context", "map-dump 1");
}

static void disk_works(void)
{
	ordinary_disk_works(NVME);
}

static void link_works(void)
{
	ordinary_link_works(E1000E);
}

static void nothing(void)
{
}

/* The emulator's network offers a default route by IPv6 to whoever is up. */
static void go_offline(void)
{
	ck_assert_int_eq(system("ip link set eth0 down"), 0);
}

static const struct {
	struct test_row row;
	const char *device;
	const char *driver;
	void (*prepare)(void);
	void (*works)(void);
} round_trips[] = {
	{ { "nvme", "nvme" }, NVME, "nvme", nothing, disk_works },
	{ { "e1000e", "" }, E1000E, "e1000e", go_offline, link_works },
	{ { "edu", "edu" }, EDU, "", nothing, nothing },
};

/* Bound twice and given back twice: the second time there is nothing to do. */
IOASID_TEST(ctl, bind, .needs = "iommu", TEST_ROWS(round_trips))
{
	const char *device = round_trips[row].device, *driver = round_trips[row].driver;
	const struct json *answer;
	char node[100];

	round_trips[row].prepare();
	answer = ctl_json(CTL_OK, "bind %s", device);
	snprintf(node, sizeof(node), "/dev/ioasid-dev/%s", device);
	ck_assert(pci_driven_by(device, STUB_DRIVER));
	ck_assert(!access(node, F_OK));
	ck_assert_str_eq(json_text(answer, "devices.0.node"), node);
	ck_assert_str_eq(json_text(answer, "devices.0.to"), STUB_DRIVER);
	ck_assert(json_truth(answer, "devices.0.changed"));
	ck_assert(!json_truth(ctl_json(CTL_OK, "bind %s", device), "devices.0.changed"));
	answer = ctl_json(CTL_OK, "unbind %s", device + strlen("0000:"));
	ck_assert_str_eq(json_text(answer, "devices.0.from"), STUB_DRIVER);
	ck_assert(json_is_null(answer, "devices.0.node"));
	ck_assert(pci_driven_by(device, driver));
	round_trips[row].works();
	ck_assert(!json_truth(ctl_json(CTL_OK, "unbind %s", device), "devices.0.changed"));
	ck_assert(pci_driven_by(device, driver));
}

/* An override that was there before is there again. */
IOASID_TEST(ctl, unbind_restores_the_override, .needs = "iommu edu")
{
	char override[64];

	ck_assert(pci_give(EDU, "pci-stub"));
	ck_assert_int_eq(ctl_run("bind " EDU)->status, CTL_OK);
	ck_assert_int_eq(ctl_run("unbind " EDU)->status, CTL_OK);
	ck_assert(pci_driven_by(EDU, "pci-stub"));
	file_read("/sys/bus/pci/devices/" EDU "/driver_override", override, sizeof(override));
	ck_assert_str_eq(override, "pci-stub");
	pci_give_back(EDU, "");
}

IOASID_TEST(ctl, bind_no_iommu, .needs = NEEDS_NO_IOMMU)
{
	ctl_fails(CTL_IMPOSSIBLE, "no-iommu", EOPNOTSUPP, "no IOMMU", "bind " NVME);
	ck_assert(pci_driven_by(NVME, "nvme"));
	ck_assert_int_eq(ctl_run("bind --force " NVME)->status, CTL_OK);
	ck_assert(pci_driven_by(NVME, STUB_DRIVER));
	ck_assert_int_eq(ctl_run("unbind " NVME)->status, CTL_OK);
	disk_works();
}

/* The second one cannot be had: the first one goes back, and works. */
IOASID_TEST(ctl, bind_undone, .needs = "iommu edu nvme")
{
	static const char override[] = "/sys/bus/pci/devices/" EDU "/driver_override";

	ck_assert_msg(!mount("/dev/full", override, NULL, MS_BIND, NULL), "mount: %m");
	ctl_fails(CTL_ERROR, "system", ENOSPC, "driver_override", "bind " NVME " " EDU);
	ck_assert(!umount(override));
	ck_assert(pci_driven_by(NVME, "nvme"));
	disk_works();
	ck_assert(!json_truth(ctl_json(CTL_OK, "unbind " NVME), "devices.0.changed"));
}

IOASID_TEST(ctl, bind_no_such_device)
{
	ctl_fails(CTL_NO_DEVICE, "no-such-device", ENODEV, "0000:77:00.0", "bind 0000:77:00.0");
	ctl_fails(CTL_NO_DEVICE, "no-such-device", ENODEV, "no-such", "explain no-such");
	ctl_fails(CTL_NO_DEVICE, "no-such-device", ENODEV, "../devices/" EDU,
		  "bind ../devices/" EDU);
	/* The one that is there is not touched. */
	ctl_fails(CTL_NO_DEVICE, "no-such-device", ENODEV, "0000:77:00.0",
		  "bind " NVME " 0000:77:00.0");
	ck_assert(pci_driven_by(NVME, "nvme"));
}

IOASID_TEST(ctl, no_permission)
{
	int ctx = context_open();
	pid_t child = child_fork();
	const struct json *status;

	ck_assert_int_ge(ctx, 0);
	if (!child) {
		become_user(USER_1, MiB);
		ctl_fails(CTL_NO_PERMISSION, "no-permission", EACCES, "driver_override",
			  "bind " EDU);
		ctl_fails(CTL_NO_PERMISSION, "no-permission", EACCES, "/proc/ioasidfd", "watch");
		ctl_fails(CTL_NO_PERMISSION, "no-permission", EACCES, "/fd", "map-dump %d",
			  getppid());
		/* What can be seen is shown. */
		status = ctl_json(CTL_OK, "status");
		ck_assert(json_truth(status, "module.loaded"));
		ck_assert(json_is_null(status, "limits.max_ioasids"));
		ck_assert(json_is_null(status, "hook.active"));
		ctl_json(CTL_OK, "list");
		ck_assert_ptr_nonnull(strstr(ctl_run("tree")->err, "be root"));
		child_done();
	}
	child_join(child);
}

IOASID_TEST(ctl, bind_process_has_the_disk, .needs = "iommu nvme")
{
	int fd = open("/dev/nvme0n1", O_RDONLY);
	char text[100];

	ck_assert_int_ge(fd, 0);
	snprintf(text, sizeof(text), "process %d (ioasid-tests)", getpid());
	ctl_fails(CTL_IN_USE, "used-by-process", EBUSY, text, "bind " NVME);
	ck_assert(pci_driven_by(NVME, "nvme"));
	close(fd);
}

/* "-rom1fs-", size 32, checksum, name; then nothing: a file system without files. */
static void make_romfs(unsigned char *image)
{
	static const unsigned char header[] =
		"-rom1fs-\0\0\0\x40\0\0\0\0test\0\0\0\0\0\0\0\0\0\0\0";
	uint32_t sum = 0;
	int i;

	memset(image, 0, 1024);
	memcpy(image, header, 32);
	/* One file header, the root directory, which is its own first entry. */
	image[32 + 3] = 0x20 | 1;
	image[32 + 7] = 32;
	image[32 + 16] = '.';
	for (i = 0; i < 64; i += 4)
		sum += (uint32_t)image[i] << 24 | image[i + 1] << 16 | image[i + 2] << 8 |
		       image[i + 3];
	sum = -sum;
	image[12] = sum >> 24;
	image[13] = sum >> 16;
	image[14] = sum >> 8;
	image[15] = sum;
}

static void disk_write(const void *from, size_t size)
{
	int fd = open("/dev/nvme0n1", O_WRONLY | O_CLOEXEC);

	ck_assert(fd >= 0 && pwrite(fd, from, size, 0) == (ssize_t)size && !fsync(fd));
	close(fd);
}

static void disk_read(void *to, size_t size)
{
	int fd = open("/dev/nvme0n1", O_RDONLY | O_CLOEXEC);

	ck_assert(fd >= 0 && pread(fd, to, size, 0) == (ssize_t)size);
	close(fd);
}

/* The disk's first blocks are put back: other tests know what is in them. */
IOASID_TEST(ctl, bind_mounted, .needs = "iommu nvme")
{
	unsigned char before[4096], image[1024];

	ck_assert_int_eq(module_load("romfs"), 0);
	disk_read(before, sizeof(before));
	make_romfs(image);
	disk_write(image, sizeof(image));
	mkdir("/tmp/mounted", 0755);
	ck_assert_msg(!mount("/dev/nvme0n1", "/tmp/mounted", "romfs", MS_RDONLY, ""), "mount: %m");
	ctl_fails(CTL_PROTECTED, "mounted", EBUSY, "/dev/nvme0n1 on /tmp/mounted", "bind " NVME);
	ck_assert(!umount("/tmp/mounted"));
	disk_write(before, sizeof(before));
	ck_assert(pci_driven_by(NVME, "nvme"));
	ck_assert_int_eq(ctl_run("bind " NVME)->status, CTL_OK);
	ck_assert_int_eq(ctl_run("unbind " NVME)->status, CTL_OK);
	disk_works();
}

IOASID_TEST(ctl, bind_default_route, .needs = "iommu")
{
	ordinary_link_works(E1000E);
	ck_assert_int_eq(system("ip addr add 10.0.2.15/24 dev eth0"), 0);
	ck_assert_int_eq(system("ip link set eth0 up"), 0);
	ck_assert_int_eq(system("ip route add default via 10.0.2.2 dev eth0"), 0);
	ctl_fails(CTL_PROTECTED, "default-route", EBUSY, "interface eth0", "bind " E1000E);
	ck_assert(pci_driven_by(E1000E, "e1000e"));
	ck_assert_int_eq(ctl_run("bind --force " E1000E)->status, CTL_OK);
	ck_assert(pci_driven_by(E1000E, STUB_DRIVER));
	ck_assert_int_eq(ctl_run("unbind " E1000E)->status, CTL_OK);
	ordinary_link_works(E1000E);
}

#define ZEROS "00000000000000000000000000000000"

static const struct {
	struct test_row row;
	const char *upper;
	const char *file;
	const char *routes;
	bool refused;
} routes[] = {
	{ { "v4", "" },
	  NULL,
	  "route",
	  "eth7\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
	  true },
	{ { "v4 elsewhere", "" },
	  NULL,
	  "route",
	  "eth8\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
	  false },
	{ { "v4 subnet", "" },
	  NULL,
	  "route",
	  "eth7\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
	  false },
	{ { "v6", "" },
	  NULL,
	  "ipv6_route",
	  ZEROS " 00 " ZEROS " 00 " ZEROS " 00000400 00000001 00000000 00000003     eth7\n",
	  true },
	{ { "v6 reject", "" },
	  NULL,
	  "ipv6_route",
	  ZEROS " 00 " ZEROS " 00 " ZEROS " ffffffff 00000001 00000000 00200200     eth7\n",
	  false },
	{ { "through a bridge", "" },
	  "br0",
	  "route",
	  "br0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
	  true },
};

IOASID_TEST(ctl, default_routes, TEST_ROWS(routes))
{
	const char *root = fake_machine(), *upper = routes[row].upper;
	char path[100];

	fake_pci(E1000E, 0x020000, 5, "e1000e");
	fake_file("/sys/bus/pci/drivers/" STUB_DRIVER "/x", "");
	fake_file("/sys/devices/pci0000:00/" E1000E "/net/eth7/mtu", "1500\n");
	fake_link("/sys/class/net/eth7", "../../devices/pci0000:00/" E1000E "/net/eth7");
	if (upper)
		fake_file("/sys/devices/pci0000:00/" E1000E "/net/eth7/upper_br0", "");
	snprintf(path, sizeof(path), "/proc/net/%s", routes[row].file);
	fake_file(path, routes[row].routes);
	if (routes[row].refused)
		ctl_fails(CTL_PROTECTED, "default-route", EBUSY, upper ? upper : "eth7",
			  "--sysroot %s bind " E1000E, root);
	else
		ck_assert_ptr_null(strstr(ctl_run("--sysroot %s explain " E1000E, root)->out,
					  "default route: interface"));
}

#define VIRTIO "0000:00:0b.0"
#define VIRTIO_PEER "0000:00:0b.1"

IOASID_TEST(ctl, bind_shared_group, .needs = "iommu group !late-group")
{
	const struct json *answer;

	module_load("virtio-pci");
	ck_assert(pci_give(VIRTIO, "virtio-pci"));
	ctl_fails(CTL_IN_USE, "group-shared", EBUSY,
		  "shared with " VIRTIO ", which driver virtio-pci has", "bind " VIRTIO_PEER);
	ck_assert(!*pci_driver(VIRTIO_PEER));
	answer = ctl_json(CTL_OK, "bind " VIRTIO_PEER " " VIRTIO);
	ck_assert(json_truth(answer, "devices.1.changed"));
	ck_assert(pci_driven_by(VIRTIO, STUB_DRIVER) && pci_driven_by(VIRTIO_PEER, STUB_DRIVER));
	ctl_json(CTL_OK, "unbind " VIRTIO " " VIRTIO_PEER);
	ck_assert(pci_driven_by(VIRTIO, "virtio-pci") && !*pci_driver(VIRTIO_PEER));
	pci_unbind(VIRTIO);
	pci_give_back(VIRTIO, "");
}

IOASID_TEST(ctl, unbind_owned, .needs = NEEDS_BIND)
{
	char text[100];
	struct rig rig;

	ck_assert_int_eq(ctl_run("bind " EDU)->status, CTL_OK);
	rig_open(&rig, EDU);
	snprintf(text, sizeof(text), "owned by pid %d (ioasid-tests)", getpid());
	ctl_fails(CTL_IN_USE, "owned", EBUSY, text, "unbind " EDU);
	ck_assert(pci_driven_by(EDU, STUB_DRIVER));
	edu_unmap_registers(&rig.edu);
	ck_assert_int_eq(ctl_run("unbind --force " EDU)->status, CTL_OK);
	ck_assert(!*pci_driver(EDU));
	err_unbind(ENODEV, rig.edu.fd);
}

IOASID_TEST(ctl, bind_reserved_region, .needs = "mock")
{
	const struct mock_add_device add = {
		.sibling = MOCK_NO_DEVICE,
		.region_type = MOCK_REGION_DIRECT,
		.region_start = AT,
		.region_length = PAGE,
	};
	const struct json *findings;
	char name[40];

	snprintf(name, sizeof(name), "ioasid-mock.%u", mock_add(add));
	ctl_fails(CTL_IMPOSSIBLE, "reserved-region", EOPNOTSUPP, "0x100000-0x100fff", "bind %s",
		  name);
	findings = json_at(ctl_json(CTL_IMPOSSIBLE, "explain %s", name), "findings");
	ck_assert_str_eq(json_text(json_with(findings, "topic", "reserved"), "state"), "blocked");
}

IOASID_TEST(ctl, no_module)
{
	const char *root = fake_machine();
	const struct json *status;

	fake_pci(EDU, 0x00ff00, 5, "");
	ctl_fails(CTL_NO_MODULE, "module-not-loaded", ENODEV, "ioasidfd_stub is not loaded",
		  "--sysroot %s bind " EDU, root);
	ctl_fails(CTL_NO_MODULE, "module-not-loaded", ENODEV, "ioasidfd is not loaded",
		  "--sysroot %s map-dump 1", root);
	ctl_fails(CTL_NO_MODULE, "module-not-loaded", ENODEV, "ioasidfd is not loaded",
		  "--sysroot %s watch", root);
	status = ctl_json(CTL_NO_MODULE, "--sysroot %s status", root);
	ck_assert(!json_truth(status, "module.loaded"));
	ck_assert_ptr_nonnull(strstr(ctl_run("--sysroot %s status", root)->out, "modprobe"));
}

/* A machine with the module, whose devices 0 and 1 have nothing in common. */
static const char *fake_console(const char *active)
{
	const char *root = fake_machine();

	fake_pci("0000:00:00.0", 0x070002, 0, "serial");
	fake_pci("0000:00:01.0", 0x030000, 1, "vga");
	fake_file("/sys/bus/pci/drivers/" STUB_DRIVER "/x", "");
	fake_file("/sys/devices/pci0000:00/0000:00:00.0/tty/ttyS4/dev", "4:68\n");
	fake_link("/sys/class/tty/ttyS4", "../../devices/pci0000:00/0000:00:00.0/tty/ttyS4");
	fake_file("/sys/devices/pci0000:00/0000:00:01.0/boot_vga", "1\n");
	fake_file("/sys/class/tty/console/active", active);
	return root;
}

IOASID_TEST(ctl, bind_console)
{
	const char *root = fake_console("ttyS4\n");

	ctl_fails(CTL_PROTECTED, "console", EBUSY, "is the console: ttyS4",
		  "--sysroot %s bind 0000:00:00.0", root);
	root = fake_console("tty0 ttyS9\n");
	ctl_fails(CTL_PROTECTED, "console", EBUSY, "is the console: tty0",
		  "--sysroot %s bind 0000:00:01.0", root);
}

/* Nobody in this machine gives devices to drivers. */
IOASID_TEST(ctl, bind_driver_refused)
{
	const char *root = fake_machine();

	fake_pci("0000:00:00.0", 0x00ff00, 0, "");
	fake_file("/sys/bus/pci/drivers/" STUB_DRIVER "/x", "");
	fake_file("/sys/bus/pci/drivers_probe", "");
	ctl_fails(CTL_ERROR, "driver-refused", ENODEV, "driver " STUB_DRIVER " did not take it",
		  "--sysroot %s bind 0000:00:00.0", root);
}

/* The driver that a device had is not there any more, which loading it mends. */
IOASID_TEST(ctl, unbind_driver_is_gone, .needs = "iommu nvme")
{
	const struct json *answer;

	ck_assert_int_eq(ctl_run("bind " NVME)->status, CTL_OK);
	ck_assert_int_eq(module_delete("nvme"), 0);
	answer = ctl_json(CTL_ERROR, "unbind " NVME);
	ck_assert_str_eq(json_text(answer, "error.kind"), "driver-refused");
	test_require(strstr(json_text(answer, "error.remedy"), "modprobe nvme"), "%s",
		     json_text(answer, "error.remedy"));
	ck_assert(!*pci_driver(NVME));
	ck_assert_int_eq(module_load("nvme"), 0);
	ck_assert(pci_driven_by(NVME, "nvme"));
	disk_works();
}

IOASID_TEST(ctl, bind_bridge, .needs = "iommu")
{
	ctl_fails(CTL_IMPOSSIBLE, "not-supported", EOPNOTSUPP, "is a bridge", "bind 0000:00:08.0");
	ck_assert(pci_driven_by("0000:00:08.0", "pcieport"));
}

static const struct json *finding(const struct json *answer, const char *topic)
{
	const struct json *found = json_with(json_at(answer, "findings"), "topic", topic);

	ck_assert_msg(found, "nothing about %s", topic);
	return found;
}

static void expect_finding(const struct json *answer, const char *topic, const char *state,
			   const char *text)
{
	const struct json *found = finding(answer, topic);

	ck_assert_str_eq(json_text(found, "state"), state);
	ck_assert_msg(strstr(json_text(found, "text"), text), "'%s' is not in: %s", text,
		      json_text(found, "text"));
}

IOASID_TEST(ctl, explain, .needs = "iommu edu !no-msi-isolation !late-group")
{
	const struct json *answer = ctl_json(CTL_IN_USE, "explain " EDU);
	struct rig rig;

	ck_assert_str_eq(json_text(answer, "verdict"), "action");
	expect_finding(answer, "driver", "action", "no driver");
	expect_finding(answer, "group", "ok", "alone");
	expect_finding(answer, "pasid", "note", "no PASID capability");
	expect_finding(answer, "owner", "ok", "nobody");
	answer = ctl_json(CTL_IN_USE, "explain " NVME);
	expect_finding(answer, "driver", "action", "in use by driver nvme");
	ck_assert_str_eq(json_text(finding(answer, "driver"), "remedy"),
			 "`ioasidctl bind " NVME "`");
	ck_assert_int_eq(ctl_run("bind " EDU)->status, CTL_OK);
	answer = ctl_json(CTL_OK, "explain " EDU);
	ck_assert_str_eq(json_text(answer, "verdict"), "usable");
	/* It was right: the device can be owned. */
	rig_open(&rig, EDU);
	answer = ctl_json(CTL_IN_USE, "explain " EDU);
	expect_finding(answer, "owner", "action", "ioasid-tests");
}

IOASID_TEST(ctl, explain_interrupts, .needs = "iommu msi-isolated")
{
	expect_finding(ctl_json(CTL_IN_USE, "explain " EDU), "interrupts", "ok", "remapped");
	ck_assert(json_truth(ctl_json(CTL_OK, "status"), "iommu.interrupts_isolated"));
}

IOASID_TEST(ctl, explain_no_interrupt_isolation, .needs = "no-msi-isolation")
{
	const struct json *answer = ctl_json(CTL_IMPOSSIBLE, "explain " EDU);

	ck_assert_str_eq(json_text(answer, "verdict"), "blocked");
	expect_finding(answer, "interrupts", "blocked", "not isolated");
	ck_assert(!json_truth(ctl_json(CTL_OK, "status"), "iommu.interrupts_isolated"));
}

IOASID_TEST(ctl, explain_no_iommu, .needs = NEEDS_NO_IOMMU)
{
	expect_finding(ctl_json(CTL_IMPOSSIBLE, "explain " EDU), "iommu", "blocked", "no IOMMU");
}

static void put16(unsigned char *config, unsigned int at, unsigned int value)
{
	config[at] = value;
	config[at + 1] = value >> 8;
}

/* Extended capability: id, version 1, where the next one is. */
static void put_capability(unsigned char *config, unsigned int at, unsigned int id,
			   unsigned int next)
{
	put16(config, at, id);
	put16(config, at + 2, next << 4 | 1);
}

/* As the PCI Express specification lays it out: ATS on, PRI off, PASID of 20 bits on, no ACS. */
static void make_config(unsigned char *config, bool endless)
{
	memset(config, 0, 4096);
	put16(config, 6, 0x10);
	config[0x34] = 0x40;
	put16(config, 0x40, 0x10);
	/* FLR is bit 28 of the device capabilities. */
	config[0x47] = 0x10;
	put_capability(config, 0x100, 0x0f, 0x120);
	put16(config, 0x106, 0x8000);
	put_capability(config, 0x120, 0x13, 0x140);
	put_capability(config, 0x140, 0x1b, endless ? 0x100 : 0);
	put16(config, 0x144, 20 << 8);
	put16(config, 0x146, 1);
}

static const struct {
	struct test_row row;
	bool endless;
} configs[] = { { { "list", "" }, false }, { { "endless list", "" }, true } };

IOASID_TEST(ctl, explain_capabilities, TEST_ROWS(configs))
{
	const char *root = fake_machine();
	unsigned char config[4096];
	const struct json *answer;

	fake_pci(EDU, 0x120000, 5, "");
	make_config(config, configs[row].endless);
	fake_bytes("/sys/devices/pci0000:00/" EDU "/config", config, sizeof(config));
	answer = ctl_json(CTL_IN_USE, "--sysroot %s explain " EDU, root);
	expect_finding(answer, "ats", "note", "switched on");
	expect_finding(answer, "pri", "note", "switched off");
	expect_finding(answer, "pasid", "note", "20 bits");
	expect_finding(answer, "reset", "note", "function level reset");
	expect_finding(answer, "acs", "ok", "");
	/* What an unprivileged reader gets. */
	fake_bytes("/sys/devices/pci0000:00/" EDU "/config", config, 64);
	answer = ctl_json(CTL_IN_USE, "--sysroot %s explain " EDU, root);
	expect_finding(answer, "pasid", "unknown", "could not be read");
}

/**
 * struct watching - a command that is running
 * @pid: its process
 * @file: what it prints
 */
struct watching {
	pid_t pid;
	FILE *file;
};

static const struct json *next_event(struct watching *watching)
{
	static char line[10000];
	struct pollfd p = { .fd = fileno(watching->file), .events = POLLIN };
	const struct json *event;

	ck_assert_msg(poll(&p, 1, 20000) == 1, "watch says nothing");
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), watching->file));
	event = json_parse(line);
	json_check(event, ctl_schema("watch"));
	return event;
}

static void watch_start(struct watching *watching, const char *count)
{
	int out[2];

	ck_assert(!pipe2(out, O_CLOEXEC));
	watching->pid = child_fork();
	if (!watching->pid) {
		dup2(out[1], STDOUT_FILENO);
		execl(CTL, CTL, "--json", "watch", "--count", count, NULL);
		_exit(127);
	}
	close(out[1]);
	watching->file = fdopen(out[0], "re");
	ck_assert_ptr_nonnull(watching->file);
	/* Lines that were read ahead are not seen by poll(). */
	setvbuf(watching->file, NULL, _IONBF, 0);
	ck_assert_str_eq(json_text(next_event(watching), "event"), "watching");
}

/* Events of other groups, and of the same one before it, are passed by. */
static const struct json *wait_event(struct watching *watching, const char *name, const char *key,
				     const char *value)
{
	for (;;) {
		const struct json *event = next_event(watching), *member = json_at(event, key);

		if (!strcmp(json_text(event, "event"), name) && member &&
		    member->type == JSON_STRING && !strcmp(member->string, value))
			return event;
	}
}

IOASID_TEST(ctl, watch, .needs = NEEDS_GROUP " !late-group")
{
	struct watching watching;
	const struct json *event;
	struct rig rig;

	watch_start(&watching, "1000");
	stub_node(EDU_PAIR_0);
	event = wait_event(&watching, "driver", "driver", STUB_DRIVER);
	ck_assert_str_eq(json_text(event, "device"), EDU_PAIR_0);
	rig_open(&rig, EDU_PAIR_0);
	event = wait_event(&watching, "owner", "owner.state", "context");
	ck_assert_int_eq(json_value(event, "group"), pci_group(EDU_PAIR_0));
	ck_assert_int_eq(json_value(event, "owner.pid"), getpid());
	ck_assert_int_eq(pci_bind(EDU_PAIR_1, "nvme"), -EBUSY);
	event = wait_event(&watching, "refused", "device", EDU_PAIR_1);
	ck_assert_str_eq(json_text(event, "driver"), "nvme");
	ok_unbind(rig.edu.fd);
	wait_event(&watching, "owner", "owner.state", "none");
	kill(watching.pid, SIGKILL);
	child_join_killed(watching.pid);
}

IOASID_TEST(ctl, watch_ends_after_so_many, .needs = "iommu edu !late-group")
{
	struct watching watching;

	watch_start(&watching, "1");
	stub_node(EDU);
	next_event(&watching);
	child_join(watching.pid);
}

/* A terminal that is ours at the other end: what `list` prints there. */
static const char *on_terminal(const char *variable)
{
	static char text[20000];
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), unlock = 0, fd;
	size_t length = 0;
	char name[40];
	ssize_t got;
	pid_t child;

	ck_assert(terminal >= 0 && !ioctl(terminal, TIOCSPTLCK, &unlock));
	ck_assert(!ptsname_r(terminal, name, sizeof(name)));
	fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	child = child_fork();
	if (!child) {
		dup2(fd, STDOUT_FILENO);
		putenv((char *)variable);
		execl(CTL, CTL, "status", NULL);
		_exit(127);
	}
	close(fd);
	/* EIO when nobody has the other end any more. */
	while ((got = read(terminal, text + length, sizeof(text) - length - 1)) > 0)
		length += got;
	text[length] = '\0';
	close(terminal);
	child_join(child);
	return text;
}

IOASID_TEST(ctl, colours_on_a_terminal_only)
{
	ck_assert_ptr_nonnull(strstr(on_terminal("TERM=linux"), "\033[32m"));
	ck_assert_ptr_null(strchr(on_terminal("NO_COLOR=1"), '\033'));
	ck_assert_ptr_null(strchr(on_terminal("TERM=dumb"), '\033'));
	ck_assert_ptr_null(strchr(ctl_run("status")->out, '\033'));
}

/* A process may call itself anything. */
IOASID_TEST(ctl, names_are_harmless)
{
	int ctx = context_open();
	const struct json *context;

	ck_assert_int_ge(ctx, 0);
	ck_assert(!prctl(PR_SET_NAME, "a\"\\\033[31m\xff\xc3\xa9"));
	context = own_context(ctl_json(CTL_OK, "tree"));
	ck_assert_str_eq(json_text(context, "command"), "a\"\\\033[31m?\xc3\xa9");
	ck_assert_ptr_null(strchr(ctl_run("tree")->out, '\033'));
	ck_assert_ptr_nonnull(strstr(ctl_run("tree")->out, "(a\"\\?[31m"));
}

static const struct {
	struct test_row row;
	const char *words;
	const char *text;
} mistakes[] = {
	{ { "unknown command", "" }, "bogus", "no such command: bogus" },
	{ { "unknown option", "" }, "list --bogus", "unknown option" },
	{ { "not its option", "" }, "list --force", "does not take" },
	{ { "missing argument", "" }, "bind", "missing argument: bind" },
	{ { "too many", "" }, "explain a b", "too many arguments: explain" },
	{ { "no number", "" }, "watch --count x", "not a number" },
	{ { "no pid", "" }, "map-dump x", "not a PID" },
};

IOASID_TEST(ctl, usage, TEST_ROWS(mistakes))
{
	ctl_fails(CTL_USAGE, "usage", EINVAL, mistakes[row].text, "%s", mistakes[row].words);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device files: what they tell, taking ownership and who else can then not, allowing, registers,
 * and what is left when the device is taken from under them.
 */
#include <poll.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "call.h"
#include "edu.h"
#include "memory.h"
#include "oracle.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"
#include "vfio.h"

static const char *text(const __u8 *bytes)
{
	return (const char *)bytes;
}

/* Asked through a file that is not the one it is bound through. */
static unsigned int owner_of(const char *name)
{
	int fd = stub_open(name);
	unsigned int owner = ok_dev_owner(fd).out_owner;

	close(fd);
	return owner;
}

IOASID_TEST(device, info, .needs = "edu")
{
	struct ioasid_device_info info = ok_dev_info(stub_open(EDU));

	ck_assert_str_eq(text(info.out_name), EDU);
	ck_assert_uint_eq(info.out_bus, IOASID_BUS_PCI);
	ck_assert_uint_eq(info.out_pci_vendor, pci_config16(EDU, 0));
	ck_assert_uint_eq(info.out_pci_device, pci_config16(EDU, 2));
	ck_assert_uint_eq(info.out_pci_revision, pci_config16(EDU, 8) & 0xff);
	ck_assert_uint_eq(info.out_pci_class >> 8, pci_config16(EDU, 10));
	ck_assert_uint_eq(info.out_num_regions, 6);
	ck_assert_uint_eq(info.out_group, (uint32_t)pci_group(EDU));
}

IOASID_TEST(device, info_with_iommu, .needs = "iommu edu")
{
	struct ioasid_device_info info = ok_dev_info(stub_open(EDU));

	ck_assert(info.out_capabilities & IOASID_DEVICE_CAP_RID);
	ck_assert_uint_ne(info.out_group, IOASID_NO_GROUP);
}

IOASID_TEST(device, info_of_a_group, .needs = "iommu edu group")
{
	uint32_t a = ok_dev_info(stub_open(EDU_PAIR_0)).out_group;
	uint32_t b = ok_dev_info(stub_open(EDU_PAIR_1)).out_group;
	uint32_t other = ok_dev_info(stub_open(EDU)).out_group;

	ck_assert_uint_eq(a, b);
	ck_assert_uint_ne(a, other);
}

static const struct test_row names[] = {
	{ EDU, "edu" },
	{ EDU_PAIR_1, "edu" },
	{ NVME, "nvme" },
	{ E1000E, "" },
};

/* What the kernel's own list of BARs says. */
IOASID_TEST(device, regions, TEST_ROWS(names))
{
	const char *name = names[row].name;
	int dev = stub_open(name), i, mappable = 0;
	struct ioasid_device_region region;

	for (i = 0; i < 6; i++) {
		region = ok_dev_region(dev, .index = i);
		if (region.out_region_flags & IOASID_REGION_MMAP) {
			ck_assert_uint_eq(region.out_length, pci_bar_length(name, i));
			ck_assert_uint_eq(region.out_offset % PAGE, 0);
			mappable++;
		} else {
			ck_assert_uint_eq(region.out_region_flags, 0);
		}
	}
	ck_assert_int_ge(mappable, 1);
	region = err_dev_region(ENOENT, dev, .index = 6);
	ck_assert_uint_eq(region.out_length, 0);
	err_dev_region(ENOENT, dev, .index = ~0u);
	ok_dev_region(dev, .index = 5);
}

/* The driver is bound through driver_override, never by an id. */
IOASID_TEST(device, never_by_id, .needs = "edu")
{
	int rc = file_write("/sys/bus/pci/drivers/" STUB_DRIVER "/new_id", "1234 11e8");

	pci_give_back(EDU, "");
	file_write("/sys/bus/pci/drivers_probe", EDU);
	if (!rc)
		file_write("/sys/bus/pci/drivers/" STUB_DRIVER "/remove_id", "1234 11e8");
	ck_assert_str_eq(pci_driver(EDU), "");
	ck_assert_int_ge(stub_open(EDU), 0);
}

IOASID_TEST(device, node_comes_and_goes, .needs = "edu")
{
	char path[100];
	int i;

	for (i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "%s", stub_node(EDU));
		ck_assert(!access(path, F_OK));
		pci_unbind(EDU);
		ck_assert(access(path, F_OK));
	}
}

/* Without an IOMMU everything that needs one is refused, and the device is not even switched on. */
IOASID_TEST(device, bind_without_iommu, .needs = "edu !iommu")
{
	int ctx = context_open(), dev = stub_open(EDU);
	uint32_t id = ioasid_new(ctx);
	struct ioasid_device_owner owner;

	ck_assert_uint_eq(err_bind(EOPNOTSUPP, dev, .context_fd = ctx).out_refusal,
			  IOASID_REFUSAL_NO_IOMMU);
	owner = ok_dev_owner(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_NO_IOMMU);
	ck_assert_uint_eq(owner.out_group, IOASID_NO_GROUP);
	ck_assert_uint_eq(owner.out_owner_flags, 0);
	ck_assert(!(ok_dev_info(dev).out_capabilities & IOASID_DEVICE_CAP_RID));
	ck_assert_uint_eq(ok_dev_info(dev).out_group, IOASID_NO_GROUP);
	ck_assert(!pci_bus_master(EDU));
	err_allow(EINVAL, dev, .ioasid = id);
	err_disallow(EINVAL, dev, .ioasid = id);
	err_unbind(EINVAL, dev);
	/* What is wrong with the argument is found first. */
	err_bind(EBADF, dev, .context_fd = -1);
}

#define UNSAFE "/sys/module/ioasidfd/parameters/allow_unsafe_interrupts"

/* EPERM: interrupts are not isolated; with the module parameter that is accepted. */
IOASID_TEST(device, bind_without_msi_isolation, .needs = "edu no-msi-isolation")
{
	int ctx = context_open(), dev = stub_open(EDU);

	ck_assert_uint_eq(err_bind(EPERM, dev, .context_fd = ctx).out_refusal, IOASID_REFUSAL_MSI);
	ck_assert_uint_eq(ok_dev_owner(dev).out_owner, IOASID_OWNER_NONE);
	ck_assert(!pci_bus_master(EDU));
	err_unbind(EINVAL, dev);
	if (!file_write(UNSAFE, "Y")) {
		int rc = t_bind(dev, .context_fd = ctx);

		file_write(UNSAFE, "N");
		ck_assert_int_eq(rc, 0);
		ok_unbind(dev);
	}
}

IOASID_TEST(device, bind_and_unbind, .needs = NEEDS_BIND)
{
	int ctx = context_open(), dev = stub_open(EDU), i;

	for (i = 0; i < 10; i++) {
		ck_assert(!pci_bus_master(EDU));
		ck_assert_uint_eq(ok_bind(dev, .context_fd = ctx).out_refusal, IOASID_REFUSAL_NONE);
		ck_assert(pci_bus_master(EDU));
		ok_unbind(dev);
	}
	ck_assert(!pci_bus_master(EDU));
	err_unbind(EINVAL, dev);
}

/* Whoever had the device before: its DMA would go where the kernel's goes. */
IOASID_TEST(device, no_master_before_bind, .needs = "edu")
{
	uint16_t command = pci_config16(EDU, 4) | 4;
	int fd = open("/sys/bus/pci/devices/" EDU "/config", O_RDWR | O_CLOEXEC);

	ck_assert(!pci_driven_by(EDU, STUB_DRIVER));
	ck_assert_int_eq(pwrite(fd, &command, 2, 4), 2);
	ck_assert(pci_bus_master(EDU));
	stub_node(EDU);
	ck_assert(!pci_bus_master(EDU));
}

/* Other things that a number can stand for. */
IOASID_TEST(device, bind_to_wrong_file, .needs = NEEDS_BIND)
{
	int dev = stub_open(EDU), ctx = context_open(), ends[2], i;
	int wrong[10], nr = 0;

	ck_assert(!pipe(ends));
	wrong[nr++] = -1;
	wrong[nr++] = -100;
	wrong[nr++] = 0x7fffffff;
	wrong[nr++] = dup(ctx);
	close(wrong[nr - 1]);
	wrong[nr++] = open("/dev/null", O_RDWR);
	wrong[nr++] = ends[0];
	wrong[nr++] = dev;
	wrong[nr++] = mem_file(PAGE);
	wrong[nr++] = open("/dev/ioasid", O_PATH);
	wrong[nr++] = open("/", O_RDONLY);
	for (i = 0; i < nr; i++) {
		int rc = t_bind(dev, .context_fd = wrong[i]);

		if (rc != -EBADF)
			test_fail("file %d: expected EBADF, got %s", i, call_errname(-rc));
	}
	ck_assert_uint_eq(ok_dev_owner(dev).out_owner, IOASID_OWNER_NONE);
	ck_assert(!pci_bus_master(EDU));
	ok_bind(dev, .context_fd = ctx);
}

IOASID_TEST(device, bind_twice, .needs = NEEDS_BIND)
{
	int ctx = context_open(), other = context_open(), dev = stub_open(EDU);
	int again = stub_open(EDU);

	ok_bind(dev, .context_fd = ctx);
	ck_assert_uint_eq(err_bind(EBUSY, dev, .context_fd = ctx).out_refusal,
			  IOASID_REFUSAL_ALREADY_BOUND);
	ck_assert_uint_eq(err_bind(EBUSY, again, .context_fd = ctx).out_refusal,
			  IOASID_REFUSAL_ALREADY_BOUND);
	ck_assert_uint_eq(err_bind(EBUSY, again, .context_fd = other).out_refusal,
			  IOASID_REFUSAL_ALREADY_BOUND);
	/* Closing the file that could not bind does not unbind. */
	err_unbind(EINVAL, again);
	close(again);
	ck_assert_uint_eq(ok_dev_owner(dev).out_owner_flags, IOASID_OWNER_THIS_FILE);
	ok_unbind(dev);
	again = stub_open(EDU);
	ok_bind(again, .context_fd = other);
	err_bind(EBUSY, dev, .context_fd = ctx);
}

IOASID_TEST(device, owner, .needs = NEEDS_BIND)
{
	int ctx = context_open(), dev = stub_open(EDU), other = stub_open(EDU);
	struct ioasid_device_owner owner = ok_dev_owner(dev);
	char command[32];

	file_read("/proc/self/comm", command, sizeof(command));
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_NONE);
	ck_assert_uint_eq(owner.out_owner_flags, 0);
	ck_assert_uint_eq(owner.out_pid, 0);
	ck_assert_uint_eq(owner.out_group, (uint32_t)pci_group(EDU));
	ck_assert_str_eq(text(owner.out_command), "");
	ok_bind(dev, .context_fd = ctx);
	owner = ok_dev_owner(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_CONTEXT);
	ck_assert_uint_eq(owner.out_owner_flags, IOASID_OWNER_THIS_FILE);
	ck_assert_uint_eq(owner.out_pid, getpid());
	ck_assert_str_eq(text(owner.out_command), command);
	owner = ok_dev_owner(other);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_CONTEXT);
	ck_assert_uint_eq(owner.out_owner_flags, 0);
	ck_assert_uint_eq(owner.out_pid, getpid());
	ok_unbind(dev);
	ck_assert_uint_eq(ok_dev_owner(other).out_owner, IOASID_OWNER_NONE);
}

/* The owner is who opened the context, not who binds, and not who holds it now. */
IOASID_TEST(device, owner_in_another_process, .needs = NEEDS_BIND)
{
	struct gate bound, looked;
	struct ioasid_device_owner owner;
	int dev = stub_open(EDU);
	pid_t pid;

	gate_init(&bound);
	gate_init(&looked);
	pid = child_fork();
	if (!pid) {
		int own = stub_open(EDU), ctx = context_open();

		ok_bind(own, .context_fd = ctx);
		gate_open(&bound);
		gate_wait(&looked);
		child_done();
	}
	gate_wait(&bound);
	owner = ok_dev_owner(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_CONTEXT);
	ck_assert_uint_eq(owner.out_owner_flags, 0);
	ck_assert_uint_eq(owner.out_pid, pid);
	ck_assert_uint_eq(err_bind(EBUSY, dev, .context_fd = context_open()).out_refusal,
			  IOASID_REFUSAL_ALREADY_BOUND);
	gate_open(&looked);
	child_join(pid);
	ck_assert_uint_eq(ok_dev_owner(dev).out_owner, IOASID_OWNER_NONE);
	ok_bind(dev, .context_fd = context_open());
}

/* Whose opener is gone has no pid any more, and is still owned. */
IOASID_TEST(device, owner_that_died, .needs = NEEDS_BIND)
{
	int pair[2], dev = stub_open(EDU), ctx;
	struct ioasid_device_owner owner;
	pid_t pid;

	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = child_fork();
	if (!pid) {
		fd_send(pair[1], context_open());
		child_done();
	}
	ctx = fd_receive(pair[0]);
	child_join(pid);
	ok_bind(dev, .context_fd = ctx);
	owner = ok_dev_owner(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_CONTEXT);
	ck_assert_uint_eq(owner.out_pid, 0);
	ck_assert_str_ne(text(owner.out_command), "");
}

/*
 * The other function of a device is in the same group: one context for both, whoever comes first.
 */
IOASID_TEST(device, group_has_one_owner, .needs = NEEDS_GROUP)
{
	int ctx = context_open(), other = context_open();
	int a = stub_open(EDU_PAIR_0), b = stub_open(EDU_PAIR_1);
	struct ioasid_device_owner owner;

	ok_bind(a, .context_fd = ctx);
	ck_assert_uint_eq(err_bind(EBUSY, b, .context_fd = other).out_refusal,
			  IOASID_REFUSAL_OWNED);
	owner = ok_dev_owner(b);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_CONTEXT);
	ck_assert_uint_eq(owner.out_owner_flags, 0);
	ck_assert_uint_eq(owner.out_pid, getpid());
	ck_assert(!pci_bus_master(EDU_PAIR_1));
	ok_bind(b, .context_fd = ctx);
	ok_unbind(a);
	/* The group is free when the last lets go. */
	ck_assert_uint_eq(err_bind(EBUSY, a, .context_fd = other).out_refusal,
			  IOASID_REFUSAL_OWNED);
	ok_unbind(b);
	ok_bind(a, .context_fd = other);
	err_bind(EBUSY, b, .context_fd = ctx);
	ok_bind(b, .context_fd = other);
}

/* Other groups have nothing to do with it. */
IOASID_TEST(device, groups_are_independent, .needs = NEEDS_GROUP)
{
	int a = stub_open(EDU), b = stub_open(EDU_PAIR_0);

	ok_bind(a, .context_fd = context_open());
	ok_bind(b, .context_fd = context_open());
	ck_assert_uint_eq(owner_of(EDU_PAIR_1), IOASID_OWNER_CONTEXT);
}

/* While one function is owned no kernel driver gets as far as looking at the other. */
IOASID_TEST(device, kernel_driver_is_kept_away, .needs = NEEDS_GROUP " nvme")
{
	int ctx = context_open(), dev = stub_open(EDU_PAIR_0);

	pci_give_back(EDU_PAIR_1, "");
	ck_assert(kernel_may_have(EDU_PAIR_1));
	ok_bind(dev, .context_fd = ctx);
	ck_assert(!kernel_may_have(EDU_PAIR_1));
	close(ctx);
	ck_assert(!kernel_may_have(EDU_PAIR_1));
	/* A driver that leaves DMA alone may have it. */
	ck_assert_int_eq(pci_bind(EDU_PAIR_1, "pci-stub"), 0);
	pci_unbind(EDU_PAIR_1);
	ok_unbind(dev);
	ck_assert(kernel_may_have(EDU_PAIR_1));
}

/* What was refused is counted by a worker, a moment later. */
static struct ioasid_device_owner owner_with_refusals(int dev, uint64_t wanted)
{
	struct ioasid_device_owner owner = ok_dev_owner(dev);
	int tries;

	for (tries = 0; owner.out_num_refused != wanted && tries < 200; tries++) {
		usleep(10000);
		owner = ok_dev_owner(dev);
	}
	ck_assert_uint_eq(owner.out_num_refused, wanted);
	return owner;
}

/* The kernel says nothing about a driver that it refused; the owner table does. */
IOASID_TEST(device, refusals_are_counted, .needs = NEEDS_GROUP " nvme")
{
	int ctx = context_open(), dev = stub_open(EDU_PAIR_0), i;
	bool counted = ok_info(ctx).out_capabilities & IOASID_CAP_REFUSALS;
	struct ioasid_device_owner owner;

	pci_give_back(EDU_PAIR_1, "");
	ck_assert(kernel_may_have(EDU_PAIR_1));
	ok_bind(dev, .context_fd = ctx);
	owner = ok_dev_owner(dev);
	ck_assert_uint_eq(owner.out_num_refused, 0);
	ck_assert_str_eq(text(owner.out_refused_device), "");
	for (i = 1; i <= 3; i++) {
		ck_assert(!kernel_may_have(EDU_PAIR_1));
		owner = owner_with_refusals(dev, counted ? i : 0);
	}
	ck_assert_str_eq(text(owner.out_refused_device), counted ? EDU_PAIR_1 : "");
	ck_assert_str_eq(text(owner.out_refused_driver), counted ? "nvme" : "");
	ck_assert(!counted == !owner.out_refused_time_ns);
	/* A driver that is let through is none. */
	ck_assert_int_eq(pci_bind(EDU_PAIR_1, "pci-stub"), 0);
	pci_unbind(EDU_PAIR_1);
	owner_with_refusals(dev, counted ? 3 : 0);
	/* The next owner starts anew. */
	ok_unbind(dev);
	ok_bind(dev, .context_fd = ctx);
	ck_assert_uint_eq(ok_dev_owner(dev).out_num_refused, 0);
}

/* A kernel driver is bound to the other function: refused, and it says by whom. */
IOASID_TEST(device, owner_kernel, .needs = NEEDS_GROUP " pci-pf-stub")
{
	int ctx = context_open(), dev = stub_open(EDU_PAIR_0);
	struct ioasid_device_owner owner;

	ck_assert_int_eq(module_load("pci-pf-stub"), 0);
	ck_assert(pci_give(EDU_PAIR_1, "pci-pf-stub"));
	owner = ok_dev_owner(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_KERNEL);
	ck_assert_str_eq(text(owner.out_device), EDU_PAIR_1);
	ck_assert_str_eq(text(owner.out_driver), "pci-pf-stub");
	ck_assert_uint_eq(owner.out_pid, 0);
	ck_assert_uint_eq(err_bind(EBUSY, dev, .context_fd = ctx).out_refusal,
			  IOASID_REFUSAL_OWNED);
	ck_assert(!pci_bus_master(EDU_PAIR_0));
	pci_give_back(EDU_PAIR_1, "");
	ck_assert_uint_eq(ok_dev_owner(dev).out_owner, IOASID_OWNER_NONE);
	ok_bind(dev, .context_fd = ctx);
	ck_assert(!pci_give(EDU_PAIR_1, "pci-pf-stub"));
}

/* VFIO and we keep each other out. */
IOASID_TEST(device, owner_vfio, .needs = NEEDS_GROUP)
{
	int ctx = context_open(), dev = stub_open(EDU_PAIR_0), container, group;
	struct ioasid_device_owner owner;

	ck_assert(pci_give(EDU_PAIR_1, "vfio-pci"));
	ck_assert_int_eq(vfio_claim(EDU_PAIR_1, &container, &group), 0);
	owner = ok_dev_owner(dev);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_OTHER);
	ck_assert_str_eq(text(owner.out_device), EDU_PAIR_1);
	ck_assert_str_eq(text(owner.out_driver), "vfio-pci");
	ck_assert_uint_eq(err_bind(EBUSY, dev, .context_fd = ctx).out_refusal,
			  IOASID_REFUSAL_OWNED);
	ck_assert(!pci_bus_master(EDU_PAIR_0));
	close(group);
	close(container);
	ok_bind(dev, .context_fd = ctx);
	ck_assert_int_ne(vfio_claim(EDU_PAIR_1, &container, &group), 0);
	close(group);
	close(container);
	ok_unbind(dev);
	ck_assert_int_eq(vfio_claim(EDU_PAIR_1, &container, &group), 0);
	close(group);
	close(container);
}

/* ALLOW and DISALLOW: each error, then the call that is right. */
IOASID_TEST(device, allow_errors, .needs = NEEDS_BIND)
{
	int ctx = context_open(), other = context_open(), dev = stub_open(EDU);
	int again = stub_open(EDU);
	uint32_t a = ioasid_new(ctx), b = ioasid_new(ctx), freed = ioasid_new(ctx);
	uint32_t foreign, i;

	/* A number that only the other context has. */
	for (i = 0; i < 5; i++)
		foreign = ioasid_new(other);
	ok_free(ctx, .ioasid = freed);
	err_allow(EINVAL, dev, .ioasid = a);
	err_disallow(EINVAL, dev, .ioasid = a);
	ok_bind(dev, .context_fd = ctx);
	err_allow(EINVAL, again, .ioasid = a);
	err_allow(ENOENT, dev, .ioasid = 0);
	err_allow(ENOENT, dev, .ioasid = ~0u);
	err_allow(ENOENT, dev, .ioasid = foreign);
	err_allow(ENOENT, dev, .ioasid = freed);
	err_disallow(ENOENT, dev, .ioasid = a);
	ok_allow(dev, .ioasid = a);
	err_allow(EEXIST, dev, .ioasid = a);
	err_allow(EEXIST, dev, .ioasid = b);
	err_disallow(ENOENT, dev, .ioasid = b);
	err_disallow(ENOENT, dev, .ioasid = 0);
	err_disallow(ENOENT, dev, .ioasid = foreign);
	err_disallow(EINVAL, again, .ioasid = a);
	ok_disallow(dev, .ioasid = a);
	err_disallow(ENOENT, dev, .ioasid = a);
	ok_allow(dev, .ioasid = b);
	ok_disallow(dev, .ioasid = b);
}

/* The functions of a device share the address space of their DMA. */
IOASID_TEST(device, allow_in_a_group, .needs = NEEDS_GROUP)
{
	int ctx = context_open(), a = stub_open(EDU_PAIR_0), b = stub_open(EDU_PAIR_1);
	uint32_t id = ioasid_new(ctx), other = ioasid_new(ctx);
	struct fdinfo info;

	ok_bind(a, .context_fd = ctx);
	ok_bind(b, .context_fd = ctx);
	ok_allow(a, .ioasid = id);
	err_allow(EBUSY, b, .ioasid = other);
	err_disallow(ENOENT, b, .ioasid = id);
	ok_allow(b, .ioasid = id);
	info = fdinfo_read(ctx);
	ck_assert_uint_eq(info.ioasid[fdinfo_find(&info, id)].devices, 2);
	ok_disallow(a, .ioasid = id);
	err_allow(EBUSY, a, .ioasid = other);
	ok_disallow(b, .ioasid = id);
	ok_allow(a, .ioasid = other);
	err_allow(EBUSY, b, .ioasid = id);
}

/*
 * A freed IOASID is parked while a device has it: its number is not given out, and only DISALLOW
 * ends it.
 */
IOASID_TEST(device, free_while_allowed, .needs = NEEDS_BIND)
{
	int ctx = context_open(), dev = stub_open(EDU), i;
	uint32_t id = ioasid_new(ctx), other;
	struct fdinfo info;

	ok_bind(dev, .context_fd = ctx);
	ok_allow(dev, .ioasid = id);
	ok_free(ctx, .ioasid = id);
	err_free(ENOENT, ctx, .ioasid = id);
	err_unmap(ENOENT, ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	info = fdinfo_read(ctx);
	ck_assert_int_eq(info.count, 1);
	ck_assert(info.ioasid[0].freed);
	ck_assert_uint_eq(info.ioasid[0].devices, 1);
	ck_assert_uint_eq(ok_info(ctx).out_ioasids, 1);
	for (i = 0; i < 200; i++) {
		other = ioasid_new(ctx);
		ck_assert_uint_ne(other, id);
		if (i < 199)
			ok_free(ctx, .ioasid = other);
	}
	err_allow(EEXIST, dev, .ioasid = other);
	ok_disallow(dev, .ioasid = id);
	err_disallow(ENOENT, dev, .ioasid = id);
	ck_assert_uint_eq(ok_info(ctx).out_ioasids, 1);
	ok_allow(dev, .ioasid = other);
}

static sigjmp_buf bus_error;

static void on_bus_error(int sig __attribute__((unused)))
{
	siglongjmp(bus_error, 1);
}

/* Does touching it raise SIGBUS? */
static bool dead(const volatile uint32_t *registers)
{
	struct sigaction action = { .sa_handler = on_bus_error }, before;
	bool died = true;

	sigaction(SIGBUS, &action, &before);
	if (!sigsetjmp(bus_error, 1)) {
		(void)*registers;
		died = false;
	}
	sigaction(SIGBUS, &before, NULL);
	return died;
}

static int map_registers(int dev, uint64_t offset, uint64_t length, int flags)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, dev, offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, length);
	return 0;
}

IOASID_TEST(device, registers, .needs = NEEDS_BIND)
{
	int ctx = context_open(), again;
	struct ioasid_device_region bar, none;
	struct edu edu;

	edu_open(&edu, EDU);
	again = stub_open(EDU);
	bar = ok_dev_region(edu.fd, .index = 0);
	none = ok_dev_region(edu.fd, .index = 3);
	ck_assert_int_eq(map_registers(edu.fd, bar.out_offset, PAGE, MAP_SHARED), -ENODEV);
	edu_bind(&edu, ctx);
	ck_assert(!dead(edu.bar));
	ck_assert_int_eq(map_registers(edu.fd, bar.out_offset, PAGE, MAP_SHARED), 0);
	ck_assert_int_eq(
		map_registers(edu.fd, bar.out_offset + bar.out_length - PAGE, PAGE, MAP_SHARED), 0);
	ck_assert_int_eq(map_registers(edu.fd, bar.out_offset + bar.out_length, PAGE, MAP_SHARED),
			 -EINVAL);
	ck_assert_int_eq(map_registers(edu.fd, bar.out_offset + PAGE, bar.out_length, MAP_SHARED),
			 -EINVAL);
	ck_assert_int_eq(map_registers(edu.fd, bar.out_offset, 2 * bar.out_length, MAP_SHARED),
			 -EINVAL);
	ck_assert_int_eq(map_registers(edu.fd, none.out_offset, PAGE, MAP_SHARED), -EINVAL);
	ck_assert_int_eq(map_registers(edu.fd, 1ull << 60, PAGE, MAP_SHARED), -EINVAL);
	ck_assert_int_eq(map_registers(edu.fd, 0x7ffffffffffff000, PAGE, MAP_SHARED), -EINVAL);
	/* The file that it is not bound through gives no access. */
	ck_assert_int_eq(map_registers(again, bar.out_offset, PAGE, MAP_SHARED), -ENODEV);
	ok_unbind(edu.fd);
	ck_assert(dead(edu.bar));
	edu_unmap_registers(&edu);
	edu_bind(&edu, ctx);
	ck_assert(!dead(edu.bar));
}

/* A process that inherited a mapping of the registers loses it too. */
IOASID_TEST(device, registers_in_a_child, .needs = NEEDS_BIND)
{
	struct gate up, unbound;
	struct rig rig;
	pid_t pid;

	gate_init(&up);
	gate_init(&unbound);
	rig_open(&rig, EDU);
	pid = child_fork();
	if (!pid) {
		ck_assert(!dead(rig.edu.bar));
		gate_open(&up);
		gate_wait(&unbound);
		ck_assert(dead(rig.edu.bar));
		ck_assert(dead(rig.edu.bar + 1000));
		child_done();
	}
	gate_wait(&up);
	ok_unbind(rig.edu.fd);
	gate_open(&unbound);
	child_join(pid);
}

static volatile uint32_t *map_first_page(int fd)
{
	struct ioasid_device_region bar = ok_dev_region(fd, .index = 0);
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, bar.out_offset);

	ck_assert(page != MAP_FAILED);
	return page;
}

/* A second node of the same device, as a container may have: access ends there as well. */
IOASID_TEST(device, registers_through_another_node, .needs = NEEDS_BIND)
{
	const char *name = "/tmp/another-node";
	int ctx = context_open(), first = stub_open(EDU), fd;
	volatile uint32_t *page;
	struct stat st;

	ck_assert(!fstat(first, &st));
	unlink(name);
	ck_assert(!mknod(name, S_IFCHR | 0600, st.st_rdev));
	fd = open(name, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	unlink(name);
	ok_bind(fd, .context_fd = ctx);
	page = map_first_page(fd);
	ck_assert(!dead(page));
	ok_unbind(fd);
	ck_assert(dead(page));
}

/*
 * What was mapped through a file is that file's: not even a page that was never touched comes back.
 */
IOASID_TEST(device, registers_of_the_past, .needs = NEEDS_BIND)
{
	int ctx = context_open(), before = stub_open(EDU), now = stub_open(EDU);
	volatile uint32_t *touched, *untouched;

	ok_bind(before, .context_fd = ctx);
	touched = map_first_page(before);
	untouched = map_first_page(before);
	ck_assert(!dead(touched));
	ok_unbind(before);
	ok_bind(now, .context_fd = ctx);
	ck_assert(dead(touched));
	ck_assert(dead(untouched));
	ck_assert(!dead(map_first_page(now)));
}

static bool hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_int_ge(poll(&p, 1, 0), 0);
	return p.revents & POLLHUP;
}

/*
 * Taken from the stub driver while everything is in use: what is left answers ENODEV and nothing
 * else.
 */
IOASID_TEST(device, gone, .needs = NEEDS_BIND)
{
	int again, other = context_open();
	struct ioasid_device_owner owner;
	uint64_t offset;
	struct rig rig;
	char *page;

	rig_open(&rig, EDU);
	again = stub_open(EDU);
	offset = ok_dev_region(rig.edu.fd, .index = 0).out_offset;
	ck_assert(!hung_up(rig.edu.fd));
	page = mem_new(PAGE);
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(page),
	       .length = PAGE, .iova = 0x100000);
	pci_unbind(EDU);
	ck_assert_str_eq(pci_driver(EDU), "");
	ck_assert(!pci_bus_master(EDU));
	ck_assert(hung_up(rig.edu.fd) && hung_up(again));
	err_dev_info(ENODEV, rig.edu.fd);
	err_dev_region(ENODEV, rig.edu.fd, .index = 0);
	owner = err_dev_owner(ENODEV, rig.edu.fd);
	ck_assert_uint_eq(owner.out_owner, 0);
	err_bind(ENODEV, rig.edu.fd, .context_fd = rig.ctx);
	err_unbind(ENODEV, rig.edu.fd);
	err_allow(ENODEV, rig.edu.fd, .ioasid = rig.ioasid);
	err_disallow(ENODEV, rig.edu.fd, .ioasid = rig.ioasid);
	err_dev_info(ENODEV, again);
	ck_assert(dead(rig.edu.bar));
	ck_assert_int_eq(map_registers(rig.edu.fd, offset, PAGE, MAP_SHARED), -ENODEV);
	/* The context has its memory still; the group is free for others. */
	ck_assert_uint_eq(fdinfo_read(rig.ctx).ioasid[0].devices, 0);
	ck_assert_int_eq(pins_now(), 2);
	edu_unmap_registers(&rig.edu);
	close(again);
	again = stub_open(EDU);
	ok_bind(again, .context_fd = other);
	err_dev_info(ENODEV, rig.edu.fd);
	close(rig.edu.fd);
	ck_assert_uint_eq(ok_dev_owner(again).out_owner_flags, IOASID_OWNER_THIS_FILE);
}

/* Out of the machine, as far as the kernel can tell, and in again. */
IOASID_TEST(device, removed_and_added, .needs = NEEDS_BIND)
{
	struct rig rig;
	int i;

	for (i = 0; i < 3; i++) {
		rig_open(&rig, EDU);
		pci_remove(EDU);
		ck_assert(!pci_present(EDU));
		ck_assert(hung_up(rig.edu.fd));
		err_dev_info(ENODEV, rig.edu.fd);
		err_disallow(ENODEV, rig.edu.fd, .ioasid = rig.ioasid);
		ck_assert(dead(rig.edu.bar));
		ck_assert_uint_eq(fdinfo_read(rig.ctx).ioasid[0].devices, 0);
		edu_close(&rig.edu);
		pci_rescan();
		ck_assert(pci_present(EDU));
		/* The same context goes on with it. */
		rig.edu.fd = stub_open(EDU);
		edu_bind(&rig.edu, rig.ctx);
		ok_allow(rig.edu.fd, .ioasid = rig.ioasid);
		ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
		edu_close(&rig.edu);
		close(rig.ctx);
	}
}

/* One function of two goes and comes; the other is not disturbed. */
IOASID_TEST(device, member_removed_and_added, .needs = NEEDS_GROUP " group-hotplug")
{
	struct edu other;
	struct rig rig;

	rig_open(&rig, EDU_PAIR_0);
	edu_open(&other, EDU_PAIR_1);
	edu_bind(&other, rig.ctx);
	ok_allow(other.fd, .ioasid = rig.ioasid);
	pci_remove(EDU_PAIR_1);
	err_dev_info(ENODEV, other.fd);
	edu_close(&other);
	ck_assert_uint_eq(fdinfo_read(rig.ctx).ioasid[0].devices, 1);
	ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
	pci_rescan();
	edu_open(&other, EDU_PAIR_1);
	err_bind(EBUSY, other.fd, .context_fd = context_open());
	edu_bind(&other, rig.ctx);
	ok_allow(other.fd, .ioasid = rig.ioasid);
	other.scratch = rig.edu.scratch;
	ck_assert(edu_writes(&other, EDU_SCRATCH_IOVA, rig.edu.scratch));
	ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
}

/* The same with a poll() that waits for it. */
IOASID_TEST(device, gone_wakes_poll, .needs = "edu")
{
	struct pollfd p = { .events = POLLIN };
	struct gate up;
	pid_t pid;

	gate_init(&up);
	p.fd = stub_open(EDU);
	pid = child_fork();
	if (!pid) {
		gate_open(&up);
		/* With an end, poll() would look once more and find what nobody told. */
		ck_assert_int_eq(poll(&p, 1, -1), 1);
		ck_assert(p.revents & POLLHUP);
		child_done();
	}
	gate_wait(&up);
	usleep(200000);
	pci_unbind(EDU);
	child_join(pid);
}

/* Over and over, while another process binds and maps. */
IOASID_TEST(device, gone_in_a_race, .needs = NEEDS_BIND, .timeout = 120)
{
	pid_t pid = child_fork();
	int i;

	if (!pid) {
		char *page = mem_new(PAGE);
		int ctx = context_open();
		uint32_t id = ioasid_new(ctx);

		ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(page), .length = PAGE,
		       .iova = 0x100000);
		for (;;) {
			int dev = open("/dev/ioasid-dev/" EDU, O_RDWR | O_CLOEXEC), rc;

			if (dev < 0)
				continue;
			rc = t_bind(dev, .context_fd = ctx);
			ck_assert(!rc || rc == -ENODEV);
			rc = t_allow(dev, .ioasid = id);
			ck_assert(!rc || rc == -ENODEV || rc == -EINVAL);
			rc = t_disallow(dev, .ioasid = id);
			ck_assert(!rc || rc == -ENODEV || rc == -EINVAL || rc == -ENOENT);
			close(dev);
		}
	}
	for (i = 0; i < (int)rounds(40); i++) {
		ck_assert(pci_give(EDU, STUB_DRIVER));
		usleep(20000);
		pci_unbind(EDU);
		ck_assert(!pci_bus_master(EDU));
	}
	kill(pid, SIGKILL);
	child_join_killed(pid);
}

/* After everything the kernel's own driver works again: a disk reads. */
IOASID_TEST(device, kernel_gets_it_back, .needs = NEEDS_BIND " nvme", .timeout = 120)
{
	int dev, ctx = context_open(), disk = -1, tries;
	uint32_t id = ioasid_new(ctx);
	char *block = mem_new(PAGE);
	char *page = mem_new(PAGE);

	ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(page), .length = PAGE,
	       .iova = 0x100000);
	dev = stub_open(NVME);
	ck_assert_uint_eq(ok_dev_info(dev).out_pci_class, 0x010802);
	ok_bind(dev, .context_fd = ctx);
	ok_allow(dev, .ioasid = id);
	ck_assert(pci_bus_master(NVME));
	pci_give_back(NVME, "nvme");
	ck_assert_str_eq(pci_driver(NVME), "nvme");
	for (tries = 0; tries < 300 && disk < 0; tries++) {
		disk = open("/dev/nvme0n1", O_RDONLY | O_DIRECT | O_CLOEXEC);
		if (disk < 0)
			usleep(50000);
	}
	ck_assert_msg(disk >= 0, "/dev/nvme0n1 does not come back");
	ck_assert_int_eq(read(disk, block, PAGE), PAGE);
	err_dev_info(ENODEV, dev);
	close(disk);
}

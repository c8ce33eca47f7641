// SPDX-License-Identifier: GPL-2.0-only
/*
 * The three ways to map that are compared, see bench.h: VFIO type1, the floor module, ioasidfd.
 * Each is one ioctl per call, prepared as a user-space driver would.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/ioasidfd.h>
#include <linux/vfio.h>

#include "bench.h"
#include "kmod/floor.h"

static int result(int rc)
{
	return rc < 0 ? -errno : 0;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

static void give(const char *device, const char *driver)
{
	char path[100];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind", device);
	write_file(path, device);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", device);
	write_file(path, *driver ? driver : "\n");
	if (*driver)
		write_file("/sys/bus/pci/drivers_probe", device);
}

static void give_device(const char *driver)
{
	give(DEVICE, driver);
}

static void module(const char *command)
{
	if (system(command))
		die("%s failed", command);
}

/* ---- type1 ---- */

static int container, group;

static int type1_open(void)
{
	char link[100], path[140];
	ssize_t length;

	give_device("vfio-pci");
	length = readlink("/sys/bus/pci/devices/" DEVICE "/iommu_group", link, sizeof(link) - 1);
	if (length < 0)
		return -errno;
	link[length] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(link, '/') + 1);
	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	group = open(path, O_RDWR | O_CLOEXEC);
	if (container < 0 || group < 0)
		return -errno;
	return result(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container)) ?:
		       result(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
}

static void type1_close(void)
{
	close(group);
	close(container);
	give_device("");
}

static int type1_empty(void)
{
	return ioctl(container, VFIO_GET_API_VERSION) == VFIO_API_VERSION ? 0 : -EINVAL;
}

static int type1_map(void *va, uint64_t iova, uint64_t length)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = length,
	};

	return result(ioctl(container, VFIO_IOMMU_MAP_DMA, &map));
}

static int type1_unmap(uint64_t iova, uint64_t length)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = length,
	};

	return result(ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap));
}

const struct backend backend_type1 = {
	.name = "type1",
	.open = type1_open,
	.close = type1_close,
	.empty = type1_empty,
	.map = type1_map,
	.unmap = type1_unmap,
	.max_mappings = 65535,
};

/* ---- floor ---- */

static int floor_fd;
static unsigned int floor_flags;

static int floor_open(void)
{
	give_device("");
	module("insmod /lib/ioasidfd/ioasid_floor.ko device=" DEVICE);
	floor_flags = 0;
	floor_fd = open(FLOOR_NODE, O_RDWR | O_CLOEXEC);
	return result(floor_fd);
}

static void floor_close(void)
{
	close(floor_fd);
	module("rmmod ioasid_floor");
}

static int floor_empty(void)
{
	return result(ioctl(floor_fd, FLOOR_EMPTY));
}

static int floor_map(void *va, uint64_t iova, uint64_t length)
{
	struct floor_range range = {
		.size = sizeof(range),
		.user_va = (uintptr_t)va,
		.iova = iova,
		.length = length,
	};

	return result(ioctl(floor_fd, FLOOR_MAP, &range));
}

static int floor_unmap(uint64_t iova, uint64_t length)
{
	struct floor_range range = {
		.size = sizeof(range),
		.flags = floor_flags,
		.iova = iova,
		.length = length,
	};

	return result(ioctl(floor_fd, FLOOR_UNMAP, &range));
}

static int floor_defer(void)
{
	floor_flags = FLOOR_DEFERRED;
	return 0;
}

static int floor_sync(void)
{
	floor_flags = 0;
	return result(ioctl(floor_fd, FLOOR_SYNC));
}

const struct backend backend_floor = {
	.name = "floor",
	.open = floor_open,
	.close = floor_close,
	.empty = floor_empty,
	.map = floor_map,
	.unmap = floor_unmap,
	.defer = floor_defer,
	.sync = floor_sync,
};

/* ---- ioasidfd ---- */

#define NO_SUCH_CALL _IO(IOASID_IOC_TYPE, 0x3f)

static int context, device;
static uint32_t ioasid;

/* Allow the device a fresh IOASID, made with these flags. */
static int take_ioasid(uint32_t flags)
{
	struct ioasid_alloc alloc = { .size = sizeof(alloc), .flags = flags };
	struct ioasid_device_allow allow = { .size = sizeof(allow) };
	int rc = result(ioctl(context, IOASID_ALLOC, &alloc));

	if (rc)
		return rc;
	ioasid = allow.ioasid = alloc.out_ioasid;
	return result(ioctl(device, IOASID_DEVICE_ALLOW, &allow));
}

static void drop_ioasid(void)
{
	struct ioasid_device_disallow disallow = { .size = sizeof(disallow), .ioasid = ioasid };
	struct ioasid_free free = { .size = sizeof(free), .ioasid = ioasid };

	must(result(ioctl(device, IOASID_DEVICE_DISALLOW, &disallow)));
	must(result(ioctl(context, IOASID_FREE, &free)));
}

void stub_load(const char *const *devices, unsigned int nr)
{
	unsigned int i, tries;
	char path[64];

	module("insmod /lib/ioasidfd/ioasidfd.ko");
	module("insmod /lib/ioasidfd/ioasidfd_stub.ko");
	for (i = 0; i < nr; i++) {
		give(devices[i], "ioasidfd_stub_pci");
		snprintf(path, sizeof(path), "/dev/ioasid-dev/%s", devices[i]);
		for (tries = 0; access(path, F_OK) && tries < 200; tries++)
			usleep(10000);
	}
}

void stub_unload(const char *const *devices, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		give(devices[i], "");
	module("rmmod ioasidfd_stub");
	module("rmmod ioasidfd");
}

static const char *const the_device[] = { DEVICE };

static int ioasidfd_open(void)
{
	struct ioasid_device_bind bind = { .size = sizeof(bind) };

	stub_load(the_device, 1);
	context = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	device = open("/dev/ioasid-dev/" DEVICE, O_RDWR | O_CLOEXEC);
	if (context < 0 || device < 0)
		return -errno;
	bind.context_fd = context;
	return result(ioctl(device, IOASID_DEVICE_BIND, &bind)) ?: take_ioasid(0);
}

static void ioasidfd_close(void)
{
	close(device);
	close(context);
	stub_unload(the_device, 1);
}

static int ioasidfd_empty(void)
{
	return ioctl(context, NO_SUCH_CALL) < 0 && errno == ENOTTY ? 0 : -EINVAL;
}

static int do_map(void *va, uint64_t *iova, uint64_t length, uint32_t flags)
{
	struct ioasid_map map = {
		.size = sizeof(map),
		.flags = IOASID_MAP_READ | IOASID_MAP_WRITE | flags,
		.ioasid = ioasid,
		.user_va = (uintptr_t)va,
		.iova = flags & IOASID_MAP_FIXED_IOVA ? *iova : 0,
		.length = length,
	};
	int rc = result(ioctl(context, IOASID_MAP, &map));

	*iova = map.out_iova;
	return rc;
}

static int ioasidfd_map(void *va, uint64_t iova, uint64_t length)
{
	return do_map(va, &iova, length, IOASID_MAP_FIXED_IOVA);
}

static int ioasidfd_map_any(void *va, uint64_t length, uint64_t *iova)
{
	return do_map(va, iova, length, 0);
}

static int ioasidfd_unmap(uint64_t iova, uint64_t length)
{
	struct ioasid_unmap unmap = {
		.size = sizeof(unmap),
		.ioasid = ioasid,
		.iova = iova,
		.length = length,
	};

	return result(ioctl(context, IOASID_UNMAP, &unmap));
}

static int ioasidfd_defer(void)
{
	drop_ioasid();
	return take_ioasid(IOASID_ALLOC_DEFERRED_FLUSH);
}

static int ioasidfd_sync(void)
{
	struct ioasid_sync sync = { .size = sizeof(sync), .ioasid = ioasid };

	return result(ioctl(context, IOASID_SYNC, &sync));
}

static int run_batch(struct ioasid_batch_entry *entries, unsigned int nr)
{
	struct ioasid_batch batch = {
		.size = sizeof(batch),
		.entries = (uintptr_t)entries,
		.num_entries = nr,
		.entry_size = sizeof(*entries),
	};

	return result(ioctl(context, IOASID_BATCH, &batch));
}

#define MAX_BATCH 64

static int ioasidfd_map_batch(void *va, uint64_t iova, unsigned int nr)
{
	static struct ioasid_batch_entry entries[MAX_BATCH];
	unsigned int i;

	for (i = 0; i < nr; i++)
		entries[i] = (struct ioasid_batch_entry){
			.op = IOASID_BATCH_MAP,
			.flags = IOASID_MAP_READ | IOASID_MAP_WRITE | IOASID_MAP_FIXED_IOVA,
			.ioasid = ioasid,
			.start = (uintptr_t)va + i * 4096UL,
			.length = 4096,
			.iova = iova + i * 4096UL,
		};
	return run_batch(entries, nr);
}

static int ioasidfd_unmap_batch(uint64_t iova, unsigned int nr)
{
	static struct ioasid_batch_entry entries[MAX_BATCH];
	unsigned int i;

	for (i = 0; i < nr; i++)
		entries[i] = (struct ioasid_batch_entry){
			.op = IOASID_BATCH_UNMAP,
			.ioasid = ioasid,
			.length = 4096,
			.iova = iova + i * 4096UL,
		};
	return run_batch(entries, nr);
}

const struct backend backend_ioasidfd = {
	.name = "ioasidfd",
	.open = ioasidfd_open,
	.close = ioasidfd_close,
	.empty = ioasidfd_empty,
	.map = ioasidfd_map,
	.unmap = ioasidfd_unmap,
	.map_any = ioasidfd_map_any,
	.defer = ioasidfd_defer,
	.sync = ioasidfd_sync,
	.map_batch = ioasidfd_map_batch,
	.unmap_batch = ioasidfd_unmap_batch,
};

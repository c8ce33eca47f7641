// SPDX-License-Identifier: GPL-2.0-only
/*
 * demo: shows a person what ioasidfd does, on an NVMe controller that nobody will miss: the one of
 * the test VM, whose disk is filled as disk_pattern.h says. Every step checks what it claims; the
 * first one that is not as it should be ends the demo with status 1.
 *
 * Who moved bytes, and who could not, is never taken from a return value: it is read from memory,
 * from the disk, from sysfs, and from the kernel log.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../clients/lib/disk_pattern.h"
#include "../clients/lib/kernel_log.h"
#include "../clients/lib/nvme.h"
#include "../clients/lib/pci_device.h"

#define NVME_DEVICE "0000:00:07.0"
/* Two functions of one device: they share an IOMMU group. */
#define PAIR_FIRST "0000:00:06.0"
#define PAIR_SECOND "0000:00:06.1"
#define STUB_DRIVER "ioasidfd_stub_pci"
#define KERNEL_DRIVER "nvme"
#define DISK "/dev/nvme0n1"

#define BLOCK DISK_PATTERN_BLOCK_SIZE
#define READ_BLOCK 1000
#define WRITE_BLOCK 2000
#define BUFFER_SIZE (64 * 1024)
#define CANARY 0xa5
#define MOST_DEVICES 64

#define tell(format, ...) printf("    " format "\n", ##__VA_ARGS__)

struct demo {
	struct client client;
	struct nvme nvme;
	struct dma_buffer buffer;
	uint8_t written[BLOCK];
};

/* Says what is wrong, and is the error that a step returns. */
#define wrong(format, ...) (printf("    WRONG: " format "\n", ##__VA_ARGS__), -EIO)

/* ---- 1: the machine ---- */

static const char *iommu_kind(const char *name)
{
	if (!strncmp(name, "dmar", 4))
		return "Intel VT-d";
	return !strncmp(name, "ivhd", 4) ? "AMD-Vi" : "virtio-iommu";
}

static void list_iommus(void)
{
	DIR *dir = opendir("/sys/class/iommu");
	struct dirent *entry;
	int count = 0;

	printf("    IOMMU    ");
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		printf("%s%s (%s)", count++ ? ", " : "", entry->d_name, iommu_kind(entry->d_name));
	}
	printf("%s\n", count ? "" : "none");
	if (dir)
		closedir(dir);
}

static int read_through_kernel(uint64_t block, uint8_t data[BLOCK])
{
	char command[128];
	size_t length;
	FILE *dd;

	snprintf(command, sizeof(command), "dd if=%s bs=%d skip=%llu count=1 2>/dev/null", DISK,
		 BLOCK, (unsigned long long)block);
	tell("$ %s", command);
	fflush(stdout);

	dd = popen(command, "r");
	if (!dd)
		return wrong("dd did not start");
	length = fread(data, 1, BLOCK, dd);
	if (pclose(dd) || length != BLOCK)
		return wrong("dd read %zu bytes", length);
	return 0;
}

/* Nothing is touched before it is certain that this is the disk of the test VM. */
static int step_machine(struct demo *demo)
{
	struct ioasid_info info = { .size = sizeof(info) };
	uint8_t expected[BLOCK], found[BLOCK];
	struct utsname name;
	int fd;

	(void)demo;
	uname(&name);
	tell("kernel   %s %s, %s", name.sysname, name.release, name.machine);
	list_iommus();

	fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, IOASID_GET_INFO, &info))
		return wrong("/dev/ioasid: %s", strerror(errno));
	close(fd);
	tell("module   ioasidfd, ABI version %u: /dev/ioasid", info.out_abi_version);
	tell("device   " NVME_DEVICE ", an NVMe controller, now the kernel's " DISK);

	if (read_through_kernel(READ_BLOCK, found))
		return -EIO;
	disk_pattern_fill(READ_BLOCK, expected);
	if (memcmp(found, expected, BLOCK))
		return wrong("this is not the disk of the test VM; nothing was touched");
	tell("\"%s\"", (char *)found);
	return 0;
}

/* ---- the owner table ---- */

static int open_node(const char *device)
{
	char path[256];

	snprintf(path, sizeof(path), CLIENT_NODE_DIR "/%.63s", device);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* Asks through a node of any device of the group; fails if there is none. */
static int ask_owner(const struct pci_device *devices, size_t count, int group, char *text,
		     size_t size)
{
	int err = -ENOENT;
	size_t i;
	int fd;

	for (i = 0; i < count && err; i++) {
		if (devices[i].group != group)
			continue;
		fd = open_node(devices[i].name);
		if (fd < 0)
			continue;
		err = client_owner_text(fd, text, size);
		close(fd);
	}

	return err;
}

/* With @all also the groups that have no node. */
static void show_owners(int all)
{
	static struct pci_device devices[MOST_DEVICES];
	size_t count = pci_device_list(devices, MOST_DEVICES), i;
	char owner[256];
	int guessed;

	tell("group  device        what             driver             who owns its DMA");
	for (i = 0; i < count; i++) {
		if (devices[i].group < 0)
			continue;
		guessed = ask_owner(devices, count, devices[i].group, owner, sizeof(owner)) != 0;
		if (guessed && !all && strcmp(devices[i].name, NVME_DEVICE))
			continue;
		if (guessed)
			snprintf(owner, sizeof(owner), "%s *",
				 devices[i].driver[0] ? "the kernel" : "nobody");
		tell("%5d  %-12s  %-15s  %-17s  %s", devices[i].group, devices[i].name,
		     pci_device_class_text(devices[i].class),
		     devices[i].driver[0] ? devices[i].driver : "-", owner);
	}
	if (all)
		tell("* what sysfs shows: no device of that group has a node to ask");
	else
		tell("(the other groups are as they were)");
}

static int step_owners_before(struct demo *demo)
{
	(void)demo;
	show_owners(1);
	return 0;
}

/* ---- moving a device from driver to driver ---- */

static int driver_is(const char *device, const char *driver)
{
	struct pci_device now;

	return !pci_device_get(device, &now) && !strcmp(now.driver, driver);
}

/* Drivers and nodes may take a moment. */
static int wait_for_file(const char *path, int there)
{
	uint64_t deadline = nvme_now_ms() + NVME_TIMEOUT_MS;

	do {
		if ((access(path, F_OK) == 0) == there)
			return 0;
		usleep(10000);
	} while (nvme_now_ms() < deadline);

	return wrong("%s is %s", path, there ? "not there" : "still there");
}

static int move_to(const char *device, const char *driver)
{
	struct pci_device now;
	int err;

	err = pci_device_get(device, &now);
	if (!err && now.driver[0]) {
		tell("$ echo %s >/sys/bus/pci/drivers/%s/unbind", device, now.driver);
		err = pci_device_unbind(device);
	}
	if (!err) {
		tell("$ echo %s >/sys/bus/pci/devices/%s/driver_override", driver, device);
		err = pci_device_set_driver_override(device, driver);
	}
	if (!err) {
		tell("$ echo %s >/sys/bus/pci/drivers_probe", device);
		err = pci_device_probe(device);
	}

	if (err)
		return wrong("%s", strerror(-err));
	return driver_is(device, driver) ? 0 : wrong("%s is not bound to %s", device, driver);
}

static int step_take_from_kernel(struct demo *demo)
{
	(void)demo;
	if (move_to(NVME_DEVICE, STUB_DRIVER) || wait_for_file(DISK, 0) ||
	    wait_for_file(CLIENT_NODE_DIR "/" NVME_DEVICE, 1))
		return -EIO;

	tell(DISK " is gone, " CLIENT_NODE_DIR "/" NVME_DEVICE " is there");
	return 0;
}

/* ---- the address space ---- */

static int step_address_space(struct demo *demo)
{
	struct client *client = &demo->client;

	if (client_open(client, NVME_DEVICE) || client_alloc(client))
		return -EIO;
	tell("IOASID_ALLOC: IOASID %u, an empty I/O address space", client->ioasid);

	if (dma_alloc(&demo->buffer, BUFFER_SIZE) || dma_map(client, &demo->buffer))
		return -EIO;
	tell("IOASID_MAP:   %u KiB of our memory at %p, for devices at IOVA 0x%llx",
	     BUFFER_SIZE / 1024, (void *)demo->buffer.data, (unsigned long long)demo->buffer.iova);
	tell("No device uses it yet.");
	return 0;
}

static int show_mappings(const struct client *client)
{
	struct ioasid_query query = {
		.size = sizeof(query),
		.flags = IOASID_QUERY_NEXT,
		.ioasid = client->ioasid,
	};
	int count = 0;

	tell("IOVA of the device                     bytes  device may  our memory");
	while (!ioctl(client->context_fd, IOASID_QUERY, &query)) {
		tell("0x%012llx..0x%012llx  %10llu  %s %-5s  0x%llx",
		     (unsigned long long)query.out_range.start,
		     (unsigned long long)query.out_range.last,
		     (unsigned long long)(query.out_range.last - query.out_range.start + 1),
		     query.out_map_flags & IOASID_MAP_READ ? "read" : "    ",
		     query.out_map_flags & IOASID_MAP_WRITE ? "write" : "",
		     (unsigned long long)query.out_user_va);
		query.iova = query.out_range.last + 1;
		count++;
	}

	return errno == ENOENT ? count : wrong("IOASID_QUERY: %s", strerror(errno));
}

static int step_own(struct demo *demo)
{
	int count;

	if (client_bind(&demo->client))
		return -EIO;
	tell("DEVICE_BIND: the group of " NVME_DEVICE
	     " belongs to this process, its DMA is blocked");

	if (nvme_open(&demo->nvme, &demo->client))
		return -EIO;
	tell("DEVICE_GET_REGION, mmap: the registers, %zu bytes of BAR 0",
	     demo->nvme.registers.length);
	tell("IOASID_MAP: six more pages, for queues, identify data and page lists. IOASID_QUERY:");

	count = show_mappings(&demo->client);
	if (count < 0)
		return count;
	return count == 7 ? 0 : wrong("%d mappings, not 7", count);
}

static int step_owners_now(struct demo *demo)
{
	char text[256], expected[64];

	show_owners(0);
	if (client_owner_text(demo->client.device_fd, text, sizeof(text)))
		return wrong("DEVICE_GET_OWNER: %s", strerror(errno));
	snprintf(expected, sizeof(expected), "user space: pid %d (demo)", getpid());
	return strcmp(text, expected) ? wrong("that is not us") : 0;
}

/* ---- the kernel's driver is refused ---- */

static int refuse_same_device(void)
{
	int err;

	tell("The controller itself has the stub for a driver, and keeps it:");
	tell("$ echo " KERNEL_DRIVER " >/sys/bus/pci/devices/" NVME_DEVICE "/driver_override");
	tell("$ echo " NVME_DEVICE " >/sys/bus/pci/drivers_probe");
	err = pci_device_set_driver_override(NVME_DEVICE, KERNEL_DRIVER);
	if (err)
		return wrong("driver_override: %s", strerror(-err));
	pci_device_probe(NVME_DEVICE);
	if (!driver_is(NVME_DEVICE, STUB_DRIVER))
		return wrong("the driver has changed");
	pci_device_set_driver_override(NVME_DEVICE, STUB_DRIVER);
	tell("still bound: " STUB_DRIVER);
	return 0;
}

/* Returns what the kernel's driver was told when it asked for the neighbour. */
static int ask_for_neighbour(void)
{
	int err;

	tell("$ echo " PAIR_SECOND " >/sys/bus/pci/drivers/" KERNEL_DRIVER "/bind");
	err = pci_device_bind(PAIR_SECOND, KERNEL_DRIVER);
	if (err)
		tell("%s: %s", client_errno_name(-err), strerror(-err));
	else
		tell("it is let in");
	return err;
}

/* Older kernels let it probe in the background, where it fails a little later. */
static int wait_for_no_driver(const char *device)
{
	uint64_t deadline = nvme_now_ms() + NVME_TIMEOUT_MS;

	while (!driver_is(device, "")) {
		if (nvme_now_ms() > deadline)
			return wrong("%s has a driver", device);
		usleep(10000);
	}

	return 0;
}

static int own_pair(struct demo *demo, struct client *pair)
{
	struct pci_device first, second;

	if (pci_device_get(PAIR_FIRST, &first) || pci_device_get(PAIR_SECOND, &second) ||
	    first.group != second.group)
		return wrong(PAIR_FIRST " and " PAIR_SECOND " are not in one group");

	tell("The group counts, not the device: " PAIR_FIRST " and " PAIR_SECOND " are group %d.",
	     first.group);
	if (move_to(PAIR_FIRST, STUB_DRIVER) || wait_for_file(CLIENT_NODE_DIR "/" PAIR_FIRST, 1))
		return -EIO;

	*pair = (struct client){ .context_fd = demo->client.context_fd, .device = PAIR_FIRST };
	pair->device_fd = open_node(PAIR_FIRST);
	if (pair->device_fd < 0)
		return wrong("open " PAIR_FIRST ": %s", strerror(errno));
	return client_bind(pair);
}

/*
 * The second function has no driver, so nothing but the ownership of its group keeps the kernel's
 * driver away. Once that ends the driver is let in, and finds that this is no NVMe controller.
 */
static int refuse_neighbour(const struct client *pair)
{
	int err;

	tell("DEVICE_BIND: we own the first. A driver of the kernel is sent to the second:");
	tell("$ echo " KERNEL_DRIVER " >/sys/bus/pci/devices/" PAIR_SECOND "/driver_override");
	if (pci_device_set_driver_override(PAIR_SECOND, KERNEL_DRIVER))
		return wrong("driver_override cannot be written");
	if (ask_for_neighbour() != -EBUSY || !driver_is(PAIR_SECOND, ""))
		return wrong("the kernel was to refuse that with EBUSY");

	if (client_unbind(pair))
		return -EIO;
	tell("DEVICE_UNBIND: nobody owns the group. The driver may look, but finds no NVMe there:");
	err = ask_for_neighbour();
	if (err == -EBUSY)
		return wrong("still refused");
	if (wait_for_no_driver(PAIR_SECOND))
		return -EIO;
	if (!err)
		tell("and has let go again");
	return 0;
}

static int step_refused_driver(struct demo *demo)
{
	struct client pair;
	int err;

	if (refuse_same_device() || own_pair(demo, &pair))
		return -EIO;

	err = refuse_neighbour(&pair);
	close(pair.device_fd);
	if (pci_device_set_driver_override(PAIR_SECOND, NULL) || pci_device_unbind(PAIR_FIRST) ||
	    pci_device_set_driver_override(PAIR_FIRST, NULL))
		return wrong("the pair cannot be put back");
	return err;
}

/* ---- the controller at work ---- */

static int start_controller(struct demo *demo)
{
	struct nvme *nvme = &demo->nvme;

	if (nvme_start(nvme) || nvme_identify(nvme) || nvme_create_queues(nvme))
		return -EIO;
	return 0;
}

static int step_controller(struct demo *demo)
{
	const struct nvme *nvme = &demo->nvme;

	if (client_allow(&demo->client))
		return -EIO;
	tell("DEVICE_ALLOW: all DMA of the device now goes through IOASID %u", demo->client.ioasid);

	if (start_controller(demo))
		return -EIO;
	tell("the controller was reset, and runs: NVMe %u.%u, \"%s\", serial \"%s\"",
	     nvme->version >> 16, nvme->version >> 8 & 0xff, nvme->model, nvme->serial);
	tell("namespace 1: %llu blocks of %u bytes", (unsigned long long)nvme->blocks,
	     nvme->block_size);
	tell("an I/O queue pair of %u entries, polled", NVME_QUEUE_DEPTH);
	return nvme->block_size == BLOCK ? 0 : wrong("blocks were to be of %u bytes", BLOCK);
}

static int check_blocks(const struct demo *demo, uint64_t block, uint32_t count)
{
	uint8_t expected[BLOCK];
	uint32_t i;

	for (i = 0; i < count; i++) {
		disk_pattern_fill(block + i, expected);
		if (memcmp(demo->buffer.data + (size_t)i * BLOCK, expected, BLOCK))
			return wrong("block %llu holds something else",
				     (unsigned long long)(block + i));
	}

	return 0;
}

static int read_and_check(struct demo *demo, uint64_t block, uint32_t count)
{
	int err;

	memset(demo->buffer.data, CANARY, demo->buffer.length);
	err = nvme_read(&demo->nvme, block, count, demo->buffer.iova);
	return err ? err : check_blocks(demo, block, count);
}

static void show_blocks(const struct demo *demo, uint64_t block, uint32_t count)
{
	const uint8_t *data = demo->buffer.data, *rest;
	uint32_t i;

	for (i = 0; i < count; i++) {
		rest = data + (size_t)i * BLOCK + DISK_PATTERN_TEXT_SIZE;
		tell("block %llu  \"%s\"  %02x %02x %02x %02x %02x %02x %02x %02x ..",
		     (unsigned long long)(block + i), (const char *)data + (size_t)i * BLOCK,
		     rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], rest[6], rest[7]);
	}
}

static int step_read(struct demo *demo)
{
	uint32_t count = BUFFER_SIZE / BLOCK;

	if (read_and_check(demo, READ_BLOCK, count))
		return -EIO;

	show_blocks(demo, READ_BLOCK, 3);
	tell("... all %u bytes of %u blocks are what the host put on the disk", BUFFER_SIZE, count);
	return 0;
}

static int step_write(struct demo *demo)
{
	uint8_t *data = demo->buffer.data;

	snprintf((char *)demo->written, BLOCK, "written by pid %d, a program, through IOASID %u",
		 getpid(), demo->client.ioasid);
	memcpy(data, demo->written, BLOCK);
	tell("write block %u: \"%s\"", WRITE_BLOCK, (char *)data);
	if (nvme_write(&demo->nvme, WRITE_BLOCK, 1, demo->buffer.iova) || nvme_flush(&demo->nvme))
		return -EIO;

	memset(data, CANARY, demo->buffer.length);
	if (nvme_read(&demo->nvme, WRITE_BLOCK, 1, demo->buffer.iova))
		return -EIO;
	if (memcmp(data, demo->written, BLOCK))
		return wrong("it reads back as something else");
	tell("read block %u:  \"%s\"", WRITE_BLOCK, (char *)data);
	return 0;
}

/* ---- DMA that is refused ---- */

/* Breaks a long line between words. */
static void tell_wrapped(const char *first, const char *text)
{
	const size_t most = 80;
	size_t length, cut;

	while (*text) {
		length = strlen(text);
		for (cut = length < most ? length : most; cut && cut < length; cut--) {
			if (text[cut] == ' ')
				break;
		}
		if (!cut)
			cut = length < most ? length : most;
		tell("%-12s%.*s", first, (int)cut, text);
		text += cut + (text[cut] == ' ');
		first = "";
	}
}

static int has_vtd(void)
{
	return !access("/sys/class/iommu/dmar0", F_OK);
}

/*
 * Shows the kernel's line about it. If that names an address, it must be @iova (0: any). -EAGAIN if
 * there is none although there should be: of many faults in 5 seconds the kernel logs only some.
 */
static int check_fault(int log, uint64_t iova)
{
	static const char mark[] = "fault addr ";
	const char *address;
	char text[512];

	if (!kernel_log_fault(log, text, sizeof(text), 1000)) {
		if (has_vtd())
			return -EAGAIN;
		tell("kernel log: nothing (not every IOMMU reports, and not every time)");
		return 0;
	}

	tell_wrapped("kernel log:", text);
	address = strstr(text, mark);
	if (iova && address && strtoull(address + strlen(mark), NULL, 0) != iova)
		return wrong("that is not the address of the transfer");
	return 0;
}

static int check_untouched(const struct demo *demo)
{
	size_t i;

	for (i = 0; i < demo->buffer.length; i++) {
		if (demo->buffer.data[i] != CANARY)
			return wrong("byte %zu of the buffer has changed", i);
	}

	tell("our memory: not one of %zu bytes has changed", demo->buffer.length);
	return 0;
}

static void tell_answer(int result)
{
	if (!result)
		tell("controller: says that it is done (where its bytes went it cannot know)");
	else if (result > 0)
		tell("controller: error, status type %d, code 0x%02x", result >> 8, result & 0xff);
	else if (result == -ETIMEDOUT)
		tell("controller: no answer");
	else
		tell("controller: failed, CSTS.CFS is set; it cannot reach its queues");
}

/* Reads a block to where the device must not write. @answer is what the controller made of it. */
static int try_refused_read(struct demo *demo, uint64_t iova, uint64_t fault, int *answer)
{
	int log = kernel_log_watch(), err;

	if (log < 0)
		return wrong("/dev/kmsg: %s", strerror(-log));

	memset(demo->buffer.data, CANARY, demo->buffer.length);
	tell("NVMe read of block %u to IOVA 0x%llx, our memory filled with 0x%02x", READ_BLOCK,
	     (unsigned long long)iova, CANARY);
	*answer = nvme_try_read(&demo->nvme, READ_BLOCK, 1, iova, 1000);
	tell_answer(*answer);

	err = check_untouched(demo);
	if (!err)
		err = check_fault(log, fault);
	close(log);
	return err;
}

static int refused_read(struct demo *demo, uint64_t iova, uint64_t fault, int *answer)
{
	int err = try_refused_read(demo, iova, fault, answer);

	if (err != -EAGAIN)
		return err;

	tell("kernel log: nothing, it was full of faults; once more, 5 seconds later");
	sleep(5);
	err = try_refused_read(demo, iova, fault, answer);
	return err == -EAGAIN ? wrong("nothing in the kernel log; VT-d was to report") : err;
}

/* A page past the buffer, or past whatever is mapped there. */
static uint64_t find_unmapped(const struct demo *demo)
{
	struct ioasid_query query = {
		.size = sizeof(query),
		.ioasid = demo->client.ioasid,
		.iova = demo->buffer.iova + demo->buffer.length,
	};

	while (!ioctl(demo->client.context_fd, IOASID_QUERY, &query))
		query.iova = query.out_range.last + 1;
	return query.iova;
}

/* A controller that failed over it is started anew; then everything must work as before. */
static int recover(struct demo *demo, int answer)
{
	if (answer < 0 && start_controller(demo))
		return -EIO;
	return read_and_check(demo, READ_BLOCK, 8);
}

static int step_refused_unmapped(struct demo *demo)
{
	uint64_t iova = find_unmapped(demo);
	int answer;

	if (refused_read(demo, iova, iova, &answer) || recover(demo, answer))
		return -EIO;
	tell("the same read to the buffer at IOVA 0x%llx: right, byte for byte",
	     (unsigned long long)demo->buffer.iova);
	return 0;
}

static int step_refused_unmap(struct demo *demo)
{
	uint64_t iova = demo->buffer.iova;
	int answer;

	if (dma_unmap(&demo->client, &demo->buffer))
		return -EIO;
	tell("IOASID_UNMAP: IOVA 0x%llx, %u KiB; the memory is still ours, and still there",
	     (unsigned long long)iova, BUFFER_SIZE / 1024);
	if (refused_read(demo, iova, iova, &answer))
		return -EIO;

	if (dma_map(&demo->client, &demo->buffer) || recover(demo, answer))
		return -EIO;
	tell("IOASID_MAP again, at IOVA 0x%llx, and the same read: right, byte for byte",
	     (unsigned long long)demo->buffer.iova);
	return 0;
}

static int step_refused_disallow(struct demo *demo)
{
	int answer;

	if (client_disallow(&demo->client))
		return -EIO;
	tell("DEVICE_DISALLOW: the mappings stay, the device is cut off from all of them");
	if (refused_read(demo, demo->buffer.iova, 0, &answer))
		return -EIO;
	return answer < 0 ? 0 : wrong("without its queues the controller could not answer");
}

static int step_allow_again(struct demo *demo)
{
	if (client_allow(&demo->client))
		return -EIO;
	tell("DEVICE_ALLOW, and the controller is reset, as after any fatal error");
	if (recover(demo, -EIO))
		return -EIO;

	show_blocks(demo, READ_BLOCK, 2);
	return 0;
}

/* ---- giving it back ---- */

static int step_release(struct demo *demo)
{
	struct ioasid_device_info info;
	struct client *client = &demo->client;

	if (nvme_delete_queues(&demo->nvme) || nvme_stop(&demo->nvme))
		return -EIO;
	tell("the controller is shut down");

	if (client_device_info(client, &info) || client_disallow(client) || client_unbind(client))
		return -EIO;
	tell("DEVICE_DISALLOW, DEVICE_UNBIND: the device was stopped%s, nobody owns its group",
	     info.out_capabilities & IOASID_DEVICE_CAP_RESET ? " and reset" : "");
	nvme_close(&demo->nvme);

	if (dma_unmap(client, &demo->buffer) || client_free(client))
		return -EIO;
	tell("IOASID_UNMAP, IOASID_FREE: our memory is unpinned, the address space is gone");
	show_owners(0);
	dma_free(&demo->buffer);
	client_close(client);
	return 0;
}

static int step_kernel_again(struct demo *demo)
{
	uint8_t found[BLOCK];

	if (move_to(NVME_DEVICE, KERNEL_DRIVER) || wait_for_file(DISK, 1) ||
	    read_through_kernel(WRITE_BLOCK, found))
		return -EIO;
	pci_device_set_driver_override(NVME_DEVICE, NULL);
	if (memcmp(found, demo->written, BLOCK))
		return wrong("the block does not hold what we wrote");

	tell("\"%s\"", (char *)found);
	return 0;
}

static const struct {
	const char *title;
	int (*run)(struct demo *demo);
} steps[] = {
	{ "The machine", step_machine },
	{ "Who owns the DMA of which device, before", step_owners_before },
	{ "The kernel's nvme driver lets go, the stub driver takes its place",
	  step_take_from_kernel },
	{ "A program makes an I/O address space and puts memory in it", step_address_space },
	{ "It takes the controller away from the kernel", step_own },
	{ "Who owns it now", step_owners_now },
	{ "The kernel's nvme driver wants it back, and is refused", step_refused_driver },
	{ "The controller comes up, driven by the program", step_controller },
	{ "Blocks read, by DMA through the IOMMU", step_read },
	{ "A block written, and read back", step_write },
	{ "Refused: DMA to an address where nothing is mapped", step_refused_unmapped },
	{ "Refused: DMA to memory that was unmapped", step_refused_unmap },
	{ "Refused: DMA of a device that is no longer allowed", step_refused_disallow },
	{ "Allowed again", step_allow_again },
	{ "The program gives the controller back", step_release },
	{ "The kernel's nvme driver again, and what the program wrote", step_kernel_again },
};

int main(void)
{
	static struct demo demo;
	unsigned int i;

	/* Errors come where they belong in the story. */
	dup2(STDOUT_FILENO, STDERR_FILENO);
	setvbuf(stdout, NULL, _IOLBF, 0);

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		printf("\n%2u  %s\n", i + 1, steps[i].title);
		if (steps[i].run(&demo)) {
			printf("\ndemo: step %u is not as it should be\n", i + 1);
			return 1;
		}
	}

	printf("\ndemo: %u steps, all as they should be\n", i);
	return 0;
}

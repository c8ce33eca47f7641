// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the paths of sysfs below /sys/bus/pci.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pci_device.h"

#define PCI_DIR "/sys/bus/pci"
#define PATH_SIZE 256

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void device_path(char path[PATH_SIZE], const char *name, const char *file)
{
	snprintf(path, PATH_SIZE, PCI_DIR "/devices/%s/%s", name, file);
}

/* The last part of where a link of the device points to; empty without that link. */
static void read_link(const char *name, const char *link, char to[PCI_NAME_SIZE])
{
	char path[PATH_SIZE], target[PATH_SIZE];
	const char *last;
	ssize_t length;

	to[0] = 0;
	device_path(path, name, link);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return;

	target[length] = 0;
	last = strrchr(target, '/');
	snprintf(to, PCI_NAME_SIZE, "%.*s", PCI_NAME_SIZE - 1, last ? last + 1 : target);
}

static unsigned int read_class(const char *name)
{
	char path[PATH_SIZE], text[16] = "";
	int fd;

	device_path(path, name, "class");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return (unsigned int)strtoul(text, NULL, 0);
}

int pci_device_get(const char *name, struct pci_device *device)
{
	char path[PATH_SIZE], group[PCI_NAME_SIZE];

	device_path(path, name, "");
	if (access(path, F_OK))
		return -ENODEV;

	snprintf(device->name, sizeof(device->name), "%s", name);
	read_link(name, "driver", device->driver);
	read_link(name, "iommu_group", group);
	device->group = group[0] ? atoi(group) : -1;
	device->class = read_class(name);
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct pci_device *a = left, *b = right;

	return a->group != b->group ? a->group - b->group : strcmp(a->name, b->name);
}

size_t pci_device_list(struct pci_device *devices, size_t most)
{
	DIR *dir = opendir(PCI_DIR "/devices");
	struct dirent *entry;
	size_t count = 0;

	if (!dir)
		return 0;

	while (count < most) {
		entry = readdir(dir);
		if (!entry)
			break;
		if (entry->d_name[0] != '.' && !pci_device_get(entry->d_name, &devices[count]))
			count++;
	}
	closedir(dir);

	qsort(devices, count, sizeof(*devices), compare);
	return count;
}

const char *pci_device_class_text(unsigned int class)
{
	switch (class >> 8) {
	case 0x0106:
		return "SATA controller";
	case 0x0108:
		return "NVMe controller";
	case 0x0200:
		return "network card";
	case 0x0300:
		return "display";
	case 0x0600:
		return "host bridge";
	case 0x0601:
		return "ISA bridge";
	case 0x0604:
		return "PCI bridge";
	case 0x0806:
		return "IOMMU";
	case 0x0c05:
		return "SMBus";
	default:
		return "other device";
	}
}

int pci_device_unbind(const char *name)
{
	char path[PATH_SIZE];

	device_path(path, name, "driver/unbind");
	return write_text(path, name);
}

int pci_device_set_driver_override(const char *name, const char *driver)
{
	char path[PATH_SIZE];

	device_path(path, name, "driver_override");
	return write_text(path, driver ? driver : "\n");
}

int pci_device_probe(const char *name)
{
	return write_text(PCI_DIR "/drivers_probe", name);
}

int pci_device_bind(const char *name, const char *driver)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), PCI_DIR "/drivers/%s/bind", driver);
	return write_text(path, name);
}

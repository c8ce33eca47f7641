// SPDX-License-Identifier: GPL-2.0-only
/* Devices, as sysfs shows them: see device.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "files.h"

static const char *const buses[] = { "pci", "platform" };

bool device_is_pci(const struct device *dev)
{
	return !strcmp(dev->bus, "pci");
}

const char *device_stub(const struct device *dev)
{
	return device_is_pci(dev) ? PCI_STUB : PLATFORM_STUB;
}

bool device_has_stub(const struct device *dev)
{
	return !strcmp(dev->driver, device_stub(dev));
}

const char *device_path(const struct device *dev, const char *file)
{
	return path_of("/sys/bus/%s/devices/%s/%s", dev->bus, dev->name, file);
}

const char *device_node(const struct device *dev)
{
	return path_of("/dev/ioasid-dev/%s", dev->name);
}

bool device_is_bridge(const struct device *dev)
{
	return dev->class >> 8 == 0x0604 || dev->class >> 8 == 0x0609;
}

static unsigned int hex_file(const struct device *dev, const char *file)
{
	long long value = device_is_pci(dev) ? file_number(device_path(dev, file), 16) : 0;

	return value < 0 ? 0 : value;
}

void device_refresh(struct device *dev)
{
	char group[32];

	link_name(device_path(dev, "driver"), dev->driver, sizeof(dev->driver));
	file_line(device_path(dev, "driver_override"), dev->override, sizeof(dev->override));
	if (!strcmp(dev->override, "(null)"))
		dev->override[0] = '\0';
	link_name(device_path(dev, "iommu"), dev->iommu, sizeof(dev->iommu));
	dev->group = link_name(device_path(dev, "iommu_group"), group, sizeof(group)) ?
			     atoi(group) :
			     NO_GROUP;
}

static void fill(struct device *dev, const char *bus, const char *name)
{
	snprintf(dev->bus, sizeof(dev->bus), "%s", bus);
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	device_refresh(dev);
	dev->vendor = hex_file(dev, "vendor");
	dev->product = hex_file(dev, "device");
	dev->class = hex_file(dev, "class");
}

/**
 * struct loading - devices that are being collected
 * @devices: so far
 * @bus: whose
 */
struct loading {
	struct devices devices;
	const char *bus;
};

static void add(const char *name, void *data)
{
	struct loading *loading = data;
	struct device *dev = array_add(&loading->devices);

	fill(dev, loading->bus, name);
	if (!device_is_pci(dev) && dev->group == NO_GROUP && !device_has_stub(dev))
		loading->devices.nr--;
}

static int by_group(const void *left, const void *right)
{
	const struct device *a = left, *b = right;

	if (a->group != b->group)
		return (unsigned int)a->group < (unsigned int)b->group ? -1 : 1;
	return strverscmp(a->name, b->name);
}

struct devices devices_load(void)
{
	struct loading loading = { 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buses); i++) {
		loading.bus = buses[i];
		each_entry(path_of("/sys/bus/%s/devices", buses[i]), add, &loading);
	}
	if (loading.devices.nr)
		qsort(loading.devices.at, loading.devices.nr, sizeof(*loading.devices.at),
		      by_group);
	return loading.devices;
}

static bool find(const char *bus, const char *name, struct device *dev)
{
	memset(dev, 0, sizeof(*dev));
	/* A name is one part of a path. */
	if (!*name || *name == '.' || strchr(name, '/') || strlen(name) >= sizeof(dev->name) ||
	    !file_exists(path_of("/sys/bus/%s/devices/%s", bus, name)))
		return false;
	fill(dev, bus, name);
	return true;
}

struct device device_named(const char *name)
{
	char full[100];
	struct device dev;
	unsigned int i;

	snprintf(full, sizeof(full), "0000:%s", name);
	for (i = 0; i < ARRAY_SIZE(buses); i++)
		if (find(buses[i], name, &dev))
			return dev;
	if (find("pci", full, &dev))
		return dev;
	fail(FAILURE_NO_DEVICE, ENODEV,
	     "`ioasidctl list` shows the devices that there are; `echo 1 > /sys/bus/pci/rescan` looks for new ones",
	     "no such device: %s", name);
}

/**
 * struct kind - a name for devices of a class
 * @class: base class and subclass
 * @mask: which bits of it count
 * @name: what people call them
 */
static const struct kind {
	unsigned int class;
	unsigned int mask;
	const char *name;
} kinds[] = {
	{ 0x0108, 0xffff, "NVMe controller" },
	{ 0x0106, 0xffff, "SATA controller" },
	{ 0x0107, 0xffff, "SAS controller" },
	{ 0x0100, 0xff00, "storage controller" },
	{ 0x0200, 0xffff, "Ethernet controller" },
	{ 0x0200, 0xff00, "network controller" },
	{ 0x0300, 0xff00, "display controller" },
	{ 0x0400, 0xff00, "multimedia controller" },
	{ 0x0500, 0xff00, "memory controller" },
	{ 0x0600, 0xffff, "host bridge" },
	{ 0x0601, 0xffff, "ISA bridge" },
	{ 0x0604, 0xffff, "PCI bridge" },
	{ 0x0600, 0xff00, "bridge" },
	{ 0x0700, 0xff00, "communication controller" },
	{ 0x0806, 0xffff, "IOMMU" },
	{ 0x0800, 0xff00, "system peripheral" },
	{ 0x0c03, 0xffff, "USB controller" },
	{ 0x0c05, 0xffff, "SMBus" },
	{ 0x0c00, 0xff00, "serial bus controller" },
	{ 0x1000, 0xff00, "encryption controller" },
	{ 0x1200, 0xff00, "accelerator" },
};

const char *device_kind(const struct device *dev)
{
	unsigned int class = dev->class >> 8, i;

	if (!device_is_pci(dev))
		return "platform device";
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((class & kinds[i].mask) == kinds[i].class)
			return kinds[i].name;
	return "PCI device";
}

static void count(const char *name, void *data)
{
	(void)name;
	(*(unsigned int *)data)++;
}

bool iommu_is_there(void)
{
	unsigned int units = 0, groups = 0;

	each_entry(path_of("/sys/class/iommu"), count, &units);
	each_entry(path_of("/sys/kernel/iommu_groups"), count, &groups);
	return units || groups;
}

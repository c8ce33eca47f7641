/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices, as sysfs shows them: PCI functions, and platform devices that are in an IOMMU group or
 * with the stub driver. Knows nothing of owners.
 */
#ifndef IOASIDCTL_DEVICE_H
#define IOASIDCTL_DEVICE_H

#include <limits.h>
#include <stdbool.h>

#include "array.h"

#define PCI_STUB "ioasidfd_stub_pci"
#define PLATFORM_STUB "ioasidfd_stub_platform"

#define NO_GROUP (-1)

/**
 * struct device - one device, at one moment
 * @name: as the kernel prints it
 * @bus: "pci" or "platform"
 * @driver: bound to it, empty if none is
 * @override: its driver_override, empty if there is none
 * @iommu: the unit that translates its DMA, empty if none is named
 * @group: IOMMU group, or NO_GROUP
 * @vendor: PCI vendor, 0 on other buses, as are the following
 * @product: PCI device
 * @class: base class, subclass and programming interface
 */
struct device {
	char name[64];
	char bus[16];
	char driver[64];
	char override[64];
	char iommu[64];
	int group;
	unsigned int vendor;
	unsigned int product;
	unsigned int class;
};

struct devices {
	ARRAY(struct device);
};

/* All of them, those with a group first, in the order of groups. */
struct devices devices_load(void);

/* By its name, for which the PCI domain 0000 may be left out. Fails the program without one. */
struct device device_named(const char *name);

/* Again, what may have changed. */
void device_refresh(struct device *dev);

/* A file of the device. */
const char *device_path(const struct device *dev, const char *file);

bool device_is_pci(const struct device *dev);

/* The stub driver of its bus, and whether that has it. */
const char *device_stub(const struct device *dev);
bool device_has_stub(const struct device *dev);

/* A PCI bridge, which no stub driver takes. */
bool device_is_bridge(const struct device *dev);

/* "nvme disk controller" in the words of its class. */
const char *device_kind(const struct device *dev);

/* "/dev/ioasid-dev/NAME" below the sysroot. */
const char *device_node(const struct device *dev);

/* Is there any IOMMU in this machine that the kernel uses? */
bool iommu_is_there(void);

#endif

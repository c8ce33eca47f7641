/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What sysfs says about PCI devices, and the way to move one from driver to driver.
 *
 * A function that returns int returns 0 or a negative errno, and says nothing about it.
 */
#ifndef IOASIDFD_TESTS_PCI_DEVICE_H
#define IOASIDFD_TESTS_PCI_DEVICE_H

#include <stddef.h>

/* The text of a name in sysfs, long enough for any driver or device. */
#define PCI_NAME_SIZE 64

/**
 * struct pci_device - a device as sysfs shows it
 * @name: such as 0000:00:07.0
 * @driver: the driver that is bound, or empty
 * @group: number of its IOMMU group, -1 without one
 * @class: base class, subclass and programming interface
 */
struct pci_device {
	char name[PCI_NAME_SIZE];
	char driver[PCI_NAME_SIZE];
	int group;
	unsigned int class;
};

/* Looks at one device: -ENODEV if there is none of that name. */
int pci_device_get(const char *name, struct pci_device *device);
/* Fills @devices with up to @most devices, ordered by group and name, and returns how many. */
size_t pci_device_list(struct pci_device *devices, size_t most);
/* What the class says, in two or three words. */
const char *pci_device_class_text(unsigned int class);

/* Unbinds whatever driver is bound. */
int pci_device_unbind(const char *name);
/* Names the only driver that may be probed for the device; NULL allows all again. */
int pci_device_set_driver_override(const char *name, const char *driver);
/* Lets the kernel look for a driver, if none is bound. */
int pci_device_probe(const char *name);
/* Asks one driver to take the device. */
int pci_device_bind(const char *name, const char *driver);

#endif /* IOASIDFD_TESTS_PCI_DEVICE_H */

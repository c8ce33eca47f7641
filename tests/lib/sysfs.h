/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices as sysfs shows them: who drives one, and giving it to another driver. Knows no ioctl.
 *
 * Most are PCI devices. What is there for every bus takes the name of a platform device as well,
 * which is one without a colon: present, driver, driven_by, group, give, unbind, give_back, bind.
 */
#ifndef IOASID_TEST_SYSFS_H
#define IOASID_TEST_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STUB_DRIVER "ioasidfd_stub_pci"
#define PLATFORM_STUB_DRIVER "ioasidfd_stub_platform"

/* First line of a file, without its end. 0 or -errno. */
int file_read(const char *path, char *text, size_t size);
int file_write(const char *path, const char *text);

bool pci_present(const char *device);

/* Name of the driver, empty if there is none. Static storage, one of four in turn. */
const char *pci_driver(const char *device);
bool pci_driven_by(const char *device, const char *driver);

/* Whoever finds a device binds it, or (7.2) that is done in the background: waits for it. */
bool pci_will_be_driven_by(const char *device, const char *driver);

/* IOMMU group, or -1. */
int pci_group(const char *device);

/* 16 bits of configuration space; PCI_COMMAND is 4, and bit 2 of it lets the device do DMA. */
uint16_t pci_config16(const char *device, int offset);
bool pci_bus_master(const char *device);

/* Hand the device to this driver; says whether the driver took it. */
bool pci_give(const char *device, const char *driver);

/* Away from its driver. */
void pci_unbind(const char *device);

/* Forget the override, and let whoever matches (or @driver, if not empty) have it back. */
void pci_give_back(const char *device, const char *driver);

/*
 * What the kernel says to a driver that is to be bound: 0 or -errno of sysfs' bind, -EBUSY if it is
 * refused.
 */
int pci_bind(const char *device, const char *driver);

/*
 * May a kernel driver have this device, which is none that it can drive? Asks with the nvme driver:
 * it looks at the device and lets go again, now or (6.1) in the background.
 */
bool kernel_may_have(const char *device);

/*
 * A device that is new may have no group until a driver asks for it (virtio-iommu on 6.12). True if
 * it was so; then pci-stub has asked, and is gone again.
 */
bool pci_late_group(const char *device);

/* Out of the kernel's sight, and all that is not in it back in. */
void pci_remove(const char *device);
void pci_rescan(void);

/* Length of a BAR, 0 if it is not there. */
uint64_t pci_bar_length(const char *device, int bar);

/* The stub driver of the device's bus. */
const char *stub_driver(const char *device);

/* Bound to the stub driver, its node there: the node's path, in static storage. */
const char *stub_node(const char *device);

/* stub_node(), opened. */
int stub_open(const char *device);

/* Loads a module of the distribution; 0 when it is there afterwards. */
int module_load(const char *name);

#endif

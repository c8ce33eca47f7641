/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Physical memory, for tests that aim at it: where pages and the kernel are, and taking away the
 * net that is below the module. All of it needs root.
 */
#ifndef IOASID_TEST_PHYSICAL_H
#define IOASID_TEST_PHYSICAL_H

#include <stdbool.h>
#include <stdint.h>

/* Physical address of a present page. */
uint64_t physical_of(const void *page);

/* Where the kernel's own code starts, and how much of it there is. */
uint64_t physical_kernel(uint64_t *length);

/*
 * What the kernel lets a device reach while no driver has it: all of memory ("identity") or
 * nothing ("DMA"); "auto" is what the system would have. Takes the device from its driver. False
 * if this IOMMU cannot do it.
 */
bool group_set_default(const char *device, const char *type);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The buses on which DMA ownership means something: those whose dma_configure() consults it and
 * whose refusal stops a driver from being bound. Owns what has to be known about each; everything
 * else is the same for all of them.
 */
#ifndef IOASIDFD_BUS_H
#define IOASIDFD_BUS_H

#include <linux/device.h>

/* Does the driver core refuse to bind a kernel driver to an owned device of this bus? */
bool bus_enforces_ownership(const struct device *dev);

/*
 * Does the bound driver leave DMA to somebody else (driver_managed_dma)? Caller holds the device
 * lock and has seen that there is a driver. On other buses: no.
 */
bool bus_driver_manages_dma(const struct device *dev);

/* All of them, numbered from 0. */
unsigned int bus_count(void);
const struct bus_type *bus_type_at(unsigned int index);

/* One of &enum ioasid_bus. */
u32 bus_of_device(const struct device *dev);

#endif

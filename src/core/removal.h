/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that are being removed.
 *
 * Between the two notifications of its removal a device is a member of its group to the iommu core,
 * which then lets go of the group without a lock. Owns the list of such devices; pointers are
 * compared, never followed. Knows nothing of what devices are used for.
 *
 * Locks: a spinlock, taken inside all others but that of observer.c.
 * Context: process context; only removal_begin() sleeps.
 */
#ifndef IOASIDFD_REMOVAL_H
#define IOASIDFD_REMOVAL_H

#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/types.h>

/*
 * The first and the last notification. The first waits for removal_go_on(), if the device is being
 * put off; no lock is held that it could need. Never fails.
 */
void removal_begin(const struct device *dev);
void removal_end(const struct device *dev);

/* Is the device being removed? While there are more than there is room for, all are. */
bool removal_has(const struct device *dev);

/*
 * The group of a device, with a reference, or NULL if it has none or is being removed. For devices
 * whose driver does not stand still.
 */
struct iommu_group *removal_get_group(struct device *dev);

/*
 * The same, and with a group the device's removal waits for removal_go_on(). One at a time: only
 * the observer's worker does this.
 */
struct iommu_group *removal_put_off(struct device *dev);
void removal_go_on(void);

#endif

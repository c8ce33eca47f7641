/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The observer: learns what the driver core does to devices, and tells those it concerns.
 *
 * Owns the bus notifiers and the use of the hook, and the queue between them and the code that may
 * sleep. It passes facts down, to the owner of a group (group.h) and to those who wait for one
 * (watch.h); it decides nothing.
 *
 * What the notifiers see they see reliably; what only the hook sees, refusals, can be missed, and
 * what was missed is counted. The parameter hook=0, or a kernel without probes, leaves the
 * notifiers.
 */
#ifndef IOASIDFD_OBSERVER_H
#define IOASIDFD_OBSERVER_H

#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/types.h>

int observer_init(void);
void observer_exit(void);

/*
 * Wait until what has been seen so far has been passed on. May sleep; no lock of group.h or a
 * device is held.
 */
void observer_flush(void);

/* Are refusals seen? */
bool observer_sees_refusals(void);

/**
 * struct observer_stats - what was seen since the module was loaded
 * @requests: drivers that asked for a device's DMA
 * @refusals: those that were turned down
 * @cleanups: drivers that gave it back
 * @missed: binds that must have asked and were not seen, calls without a free probe, and
 *	observations that found the queue full
 */
struct observer_stats {
	u64 requests;
	u64 refusals;
	u64 cleanups;
	u64 missed;
};

void observer_get_stats(struct observer_stats *stats);

#endif

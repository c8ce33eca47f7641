/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hook: probes where the driver core asks a bus whether a driver may have a device's DMA.
 *
 * A refused driver leaves no notification and no line in the log, so this is the only place to see
 * one. Owns the probes on dma_configure() and dma_cleanup() of every bus of bus.h, whose addresses
 * come from the exported bus types, and on the exported function that gives up ownership of a
 * group. It observes; it changes no argument and no answer.
 *
 * Context of the report callback: the task that binds or unbinds, preemption disabled, no sleeping.
 * Not called any more when hook_remove() has returned; it is safe to unload then, whatever probes
 * were hit meanwhile.
 */
#ifndef IOASIDFD_HOOK_H
#define IOASIDFD_HOOK_H

#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/types.h>

/**
 * enum hook_point - what was seen
 * @HOOK_CONFIGURE: dma_configure() has answered
 * @HOOK_CLEANUP: dma_cleanup() has returned
 * @HOOK_RELEASE: ownership of a group was given up
 */
enum hook_point {
	HOOK_CONFIGURE,
	HOOK_CLEANUP,
	HOOK_RELEASE,
};

/**
 * struct hook_report - one observation
 * @point: where
 * @dev: the device, for CONFIGURE and CLEANUP
 * @group: the group, for RELEASE
 * @answer: what dma_configure() returned
 * @joined: the device had no group when dma_configure() was called, and has one now
 */
struct hook_report {
	enum hook_point point;
	struct device *dev;
	struct iommu_group *group;
	int answer;
	bool joined;
};

/* Install every probe, or none: 0 or a negative errno. */
int hook_install(void (*report)(const struct hook_report *report));
void hook_remove(void);

/* How many calls went by unobserved because no probe instance was free. */
unsigned long hook_missed(void);

#endif

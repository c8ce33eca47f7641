/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The module's ownership table, /proc/ioasidfd: who owns the DMA of each IOMMU group. It is the
 * module's word, unchanged; who cannot read it knows nothing of owners.
 */
#ifndef IOASIDCTL_OWNERS_H
#define IOASIDCTL_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "array.h"

/**
 * struct owner - of a group
 * @group: its number
 * @state: "none", "kernel", "context", "other", "gone" or "unknown"
 * @pid: who opened the owning context, 0 if it is not there any more
 * @command: its name at that time
 * @pasids: allowed to devices of the group
 * @closed: the context was closed, and devices of the group are still bound
 * @device: a device of the group that is in the way
 * @driver: the driver bound to it
 * @refused: how often a kernel driver was refused a device
 * @refused_device: the last time, as are the following
 * @refused_driver: to which driver
 * @refused_us: when, on CLOCK_BOOTTIME
 */
struct owner {
	int group;
	char state[16];
	int pid;
	char command[32];
	unsigned int pasids;
	bool closed;
	char device[64];
	char driver[64];
	unsigned long long refused;
	char refused_device[64];
	char refused_driver[64];
	uint64_t refused_us;
};

/**
 * struct member - a device of a group
 * @group: which
 * @device: its name
 * @driver: bound to it, empty if none is
 * @uses_dma: the driver lets the kernel manage its DMA, which keeps the group from being owned
 */
struct member {
	int group;
	char device[64];
	char driver[64];
	bool uses_dma;
};

/**
 * struct owners - the table at one moment
 * @error: 0, or the errno with which it could not be read; then the rest is empty
 * @hook: refusals are seen
 * @requests: counter of the hook, as are the following
 * @refusals: likewise
 * @cleanups: likewise
 * @missed: likewise
 * @owner: of each group
 * @member: devices in groups
 */
struct owners {
	int error;
	bool hook;
	unsigned long long requests;
	unsigned long long refusals;
	unsigned long long cleanups;
	unsigned long long missed;
	ARRAY(struct owner) owner;
	ARRAY(struct member) member;
};

struct owners owners_load(void);
void owners_free(struct owners *owners);

/* NULL if there is none. */
const struct owner *owner_of_group(const struct owners *owners, int group);
const struct member *member_named(const struct owners *owners, const char *device);

/* The words for people: "pid 12 (nvme)", "driver e1000e", "nobody". Static storage. */
const char *owner_text(const struct owner *owner);

#endif

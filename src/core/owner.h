/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who owns the DMA of a group, by name: a context, a driver of the kernel, or somebody else.
 *
 * Owns nothing: it asks group.h whether it is one of ours, and otherwise the devices of the group
 * which drivers they have. What it says was true at some moment during the call.
 *
 * Locks: takes the locks of devices, one at a time, so the caller holds none.
 */
#ifndef IOASIDFD_OWNER_H
#define IOASIDFD_OWNER_H

#include <linux/iommu.h>
#include <uapi/linux/ioasidfd.h>

/*
 * Who owns the group, which may be NULL? Adds to the flags and fills the other outputs. Consumes
 * the reference to the group. -ENOMEM.
 */
int owner_describe(struct iommu_group *group, struct ioasid_device_owner *owner);

#endif

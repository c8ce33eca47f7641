/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DMA ownership: which IOMMU group belongs to which context, and which address spaces its devices
 * use.
 *
 * The kernel's own claim (iommu_group_claim_dma_owner) is what keeps kernel drivers away. It is
 * taken once for each group and counted here by bound device, the same on every kernel. Owns that
 * table; knows contexts and address spaces; knows devices only as members of a group, and nothing
 * of files.
 *
 * Lifetimes: a &struct dma_group is in the table while a device of the group is bound; a
 * notification under way keeps the object, but not ownership, a little longer. It holds the
 * iommu_group and the context. Closing the context does not end it: the group stays blocked until
 * the last device is unbound.
 *
 * Locks: one for the table, then one for each group (what its devices use), then &ioas.lock; after
 * them those of watch.h, events.h and removal.h, and of the iommu core. The caller holds the lock
 * of the device; it is never taken here with one of these held.
 */
#ifndef IOASIDFD_GROUP_H
#define IOASIDFD_GROUP_H

#include <linux/device.h>
#include <uapi/linux/ioasidfd.h>

#include "attachment.h"
#include "context.h"
#include "ioas.h"
#include "pasid.h"

struct dma_group;

/*
 * Take the group of @dev for a context; counts. @dev is bound to a driver that manages DMA itself.
 * If somebody else has it and @watch is set, the context is told when it becomes free. Returns an
 * ERR_PTR with the errno of IOASID_DEVICE_BIND, and the reason in *@refusal.
 */
struct dma_group *group_claim(struct device *dev, struct ioasidfd_context *ctx, bool watch,
			      u32 *refusal);

/* The reverse; with the last device, ownership returns to the kernel. The device is quiet. */
void group_release(struct dma_group *group);

/* The context that owns it; valid while the group is. */
struct ioasidfd_context *group_owner(const struct dma_group *group);

/**
 * struct allowance - what a device may use
 * @ioas: the address space
 * @pasid: under which PASID; NULL for its RID
 */
struct allowance {
	struct ioas *ioas;
	struct pasid *pasid;
};

/*
 * Let the device use an address space. The devices of a group have their RIDs' address space in
 * common, and that of each PASID. -EBUSY: another device of the group uses another one. Errors of
 * attachment_create() otherwise. Called once for each device and PASID.
 */
int group_allow(struct dma_group *group, struct device *dev, const struct allowance *allowance,
		struct iova_range *conflict);

/*
 * The reverse, once for each device that was allowed. @ioasid: what it is expected to be, or 0;
 * -ENOENT if it is another.
 */
int group_disallow(struct dma_group *group, struct device *dev, u32 pasid, u32 ioasid);

/**
 * struct replacement - another address space for a device
 * @from_ioasid: what it may use now
 * @ioas: the other one
 * @pasid: under which PASID, or COMPAT_NO_PASID
 * @whole_group: also for other devices of the group that may use it
 */
struct replacement {
	u32 from_ioasid;
	struct ioas *ioas;
	u32 pasid;
	bool whole_group;
};

/* -ENOENT: @from_ioasid is not what it uses. -EBUSY: another device uses it as well. */
int group_replace(struct dma_group *group, struct device *dev,
		  const struct replacement *replacement, struct attachment_replacing *replacing);

/* The address space's PASID, for this group; see ioas_get_pasid(). */
struct pasid *group_get_pasid(struct dma_group *group, struct device *dev, struct ioas *ioas,
			      struct pasid_quota *quota, bool *is_fresh);

/* A kernel driver was refused a device of the group: tell the owner, if it is one of ours. */
void group_note_refusal(struct iommu_group *group, const char *device, const char *driver,
			u64 time_ns);

/*
 * A device joined the group: likewise. It gets the group's PASIDs; if it cannot have all of them it
 * has none, until ownership returns to the kernel, and the owner is told that, too.
 */
void group_add_member(struct iommu_group *group, struct device *dev);

/* A device is leaving the group: likewise. */
void group_note_leaving(struct iommu_group *group, const char *device);

/* It has no driver any more: it loses the group's PASIDs, and gets none any more. */
void group_remove_member(struct iommu_group *group, struct device *dev);

/* The binding of a device was ended from outside: likewise. */
void group_note_revoked(struct dma_group *group, const char *device);

/* Is it one of ours? If so the outputs that concern the owner are filled. */
bool group_describe_context(struct iommu_group *group, struct ioasid_device_owner *owner);

/* The number of the device's group, or IOASID_NO_GROUP. */
u32 group_number(struct device *dev);

#endif

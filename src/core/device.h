/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices as front-ends register them, and who has them bound.
 *
 * Owns &struct ioasidfd_device and the binding of a device to a context through one of its files.
 * It is the only place that knows a struct device for longer than a call. The kernel API of
 * include/linux/ioasidfd.h is implemented here and in device_ioctl.c, on top of group.h.
 *
 * Lifetimes: the front-end and every file hold a reference; the object holds the struct device. A
 * binding holds the group, and through it the context; it ends with UNBIND, with the file, or with
 * the device, whichever comes first.
 *
 * Locks: the device lock, then &ioasidfd_device.lock, then those of group.h. The device lock is
 * taken to bind and to unbind, because a driver's remove() holds it when it comes here; it keeps
 * the driver from changing meanwhile.
 *
 * All locks of the module, in the order in which they are taken. What is on one line is never taken
 * together, nor are two of a kind:
 *
 *	device lock				of the driver core
 *	ioasidfd_device.lock
 *	groups_lock				group.c
 *	dma_group.lock
 *	ioas.lock
 *	users_lock (pasid.c), watches_lock (watch.c)
 *	what the front-ends have
 *	group mutex, locks of page tables	of the iommu core and its drivers
 *	event_queue.lock, ioas.spare_lock, ioasidfd_context.charge_lock, locks of xarrays
 *	removal_lock				removal.c
 *	ring_lock				observer.c, also where nothing may sleep
 *
 * Those of the last three lines are spinlocks. None of them all is held while user memory is read,
 * written or pinned, so mmap_lock may come before what front-ends have.
 */
#ifndef IOASIDFD_DEVICE_H
#define IOASIDFD_DEVICE_H

#include <linux/ioasidfd.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include "context.h"
#include "group.h"

/*
 * The calls behind the ioctls of the same name; errors are theirs. No lock is held by the caller.
 */
int device_bind(struct ioasidfd_device_file *file, struct ioasidfd_context *ctx, bool watch,
		u32 *refusal);
int device_unbind(struct ioasidfd_device_file *file);
int device_get_info(struct ioasidfd_device_file *file, struct ioasid_device_info *info);
int device_get_region(struct ioasidfd_device_file *file, struct ioasid_device_region *region);
int device_get_owner(struct ioasidfd_device_file *file, struct ioasid_device_owner *owner);

/* Does a PASID go with these flags? 0 or -EINVAL. */
int device_check_pasid(bool wanted, u32 pasid);
int device_check_allow(u32 flags, u32 pasid);

/* Bits of &enum ioasid_replaced_flags. */
u32 device_replaced_flags(const struct attachment_replacing *replacing);

/**
 * struct ioas_name - which address space is meant
 * @ioasid: one of the context that the device is bound to, if @ioas is NULL
 * @ioas: this one, to which the caller has a reference; it must be of that context
 */
struct ioas_name {
	u32 ioasid;
	struct ioas *ioas;
};

/**
 * struct device_allowing - an IOASID_DEVICE_ALLOW under way
 * @allowance: what is to be allowed; holds references
 * @is_fresh: the PASID was chosen for this call
 * @quota: after -EDQUOT
 * @conflict: after -EADDRINUSE
 */
struct device_allowing {
	struct allowance allowance;
	bool is_fresh;
	struct pasid_quota quota;
	struct iova_range conflict;
};

/*
 * Allow in three steps, so that the caller can be told the PASID before it is in force: begin
 * decides on it, commit does it, and end, after a begin that succeeded, drops what is held. @flags
 * and @pasid are those of IOASID_DEVICE_ALLOW.
 */
int device_allow_begin(struct ioasidfd_device_file *file, const struct ioas_name *name, u32 flags,
		       u32 pasid, struct device_allowing *allowing);
int device_allow_commit(struct ioasidfd_device_file *file, struct device_allowing *allowing);
void device_allow_end(struct device_allowing *allowing, bool failed);

int device_disallow(struct ioasidfd_device_file *file, const struct ioas_name *name, u32 pasid);

/* @from, @to: what &replacement.from_ioasid and .ioas shall be, which are not set yet. */
int device_replace(struct ioasidfd_device_file *file, const struct ioas_name *from,
		   const struct ioas_name *to, struct replacement *replacement,
		   struct attachment_replacing *replacing);

#endif

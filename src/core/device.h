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
 */
#ifndef IOASIDFD_DEVICE_H
#define IOASIDFD_DEVICE_H

#include <linux/ioasidfd.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include "context.h"
#include "iova_map.h"

/*
 * The calls behind the ioctls of the same name; errors are theirs. No lock is held by the caller.
 */
int device_bind(struct ioasidfd_device_file *file, struct ioasidfd_context *ctx, bool watch,
		u32 *refusal);
int device_unbind(struct ioasidfd_device_file *file);
int device_allow(struct ioasidfd_device_file *file, u32 ioasid, struct iova_range *conflict);
int device_disallow(struct ioasidfd_device_file *file, u32 ioasid);
int device_get_info(struct ioasidfd_device_file *file, struct ioasid_device_info *info);
int device_get_region(struct ioasidfd_device_file *file, struct ioasid_device_region *region);
int device_get_owner(struct ioasidfd_device_file *file, struct ioasid_device_owner *owner);

#endif

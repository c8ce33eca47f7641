/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The in-kernel API of ioasidfd, for front-ends: drivers that give user space a file for a device,
 * or use the address spaces of user space themselves. The stub drivers of this project are built on
 * nothing else.
 *
 * A front-end registers each device it is bound to, opens a &struct ioasidfd_device_file for each
 * open of its node, and hands ioctls that it does not know itself to ioasidfd_device_ioctl().
 * Everything about ownership and address spaces happens behind that; the front-end is asked to make
 * the device work and to silence it. What user space can do with ioctls the front-end can do with
 * calls: take a context by its file descriptor, look up an address space in it, and let the device
 * use it, for its RID or for as many PASIDs as it has.
 *
 * Lifetimes: a &struct ioasidfd_device lives until it is unregistered and its last file is
 * released, in either order. The callbacks are not called after ioasidfd_device_unregister() has
 * returned.
 *
 * Driver requirements: the driver sets driver_managed_dma, so that its being bound does not count
 * as use by the kernel, and unregisters the device in its remove().
 */
#ifndef _LINUX_IOASIDFD_H
#define _LINUX_IOASIDFD_H

#include <linux/poll.h>
#include <linux/types.h>
#include <uapi/linux/ioasidfd.h>

struct device;
struct ioas;
struct ioasidfd_context;
struct ioasidfd_device;
struct ioasidfd_device_file;

/**
 * struct ioasidfd_device_ops - what a front-end does for its device
 * @enable: make the device able to do DMA. Ownership has been taken and all DMA of the group is
 *	blocked. 0 or a negative errno, which goes to the caller of IOASID_DEVICE_BIND.
 * @quiesce: undo @enable: when it returns the device does no DMA and user space cannot make it do
 *	any, neither now nor after the device returns to the kernel. Cannot fail. Called once for
 *	each successful @enable.
 * @get_info: fill the members that only the front-end knows: out_num_regions, out_capabilities
 *	(bits are added to those set already), and the PCI ones. May be called as soon as there is a
 *	file, also before probe() has returned.
 * @get_region: fill the outputs for @region->index; -ENOENT for a region that cannot exist. As
 *	@get_info.
 *
 * All are required. Context: the device lock is held for @enable and @quiesce; all may sleep. Calls
 * for one device never overlap.
 */
struct ioasidfd_device_ops {
	int (*enable)(void *private);
	void (*quiesce)(void *private);
	void (*get_info)(void *private, struct ioasid_device_info *info);
	int (*get_region)(void *private, struct ioasid_device_region *region);
};

/**
 * ioasidfd_device_register() - offer a device to user space
 * @dev: the device, bound to the calling driver; a reference is held until the last file is gone
 * @ops: callbacks
 * @private: handed to them
 *
 * Context: probe(), with the device lock held. May sleep.
 * Return: the device or an ERR_PTR: -ENOMEM.
 */
struct ioasidfd_device *
ioasidfd_device_register(struct device *dev, const struct ioasidfd_device_ops *ops, void *private);

/**
 * ioasidfd_device_unregister() - the device goes away
 * @device: from ioasidfd_device_register()
 *
 * Ends a binding there and then, as IOASID_DEVICE_UNBIND does, without waiting for user space.
 * Files that are still open get ENODEV from here on and POLLHUP.
 *
 * Context: remove(), with the device lock held. May sleep.
 */
void ioasidfd_device_unregister(struct ioasidfd_device *device);

/**
 * ioasidfd_device_open() - a file for a registered device was opened
 * @device: the device. The caller makes sure that it has not been unregistered, or holds another
 *	file of it.
 *
 * Context: may sleep.
 * Return: what stands for the file in the calls below, or an ERR_PTR: -ENOMEM.
 */
struct ioasidfd_device_file *ioasidfd_device_open(struct ioasidfd_device *device);

/**
 * ioasidfd_device_release() - the last reference to the file is gone
 * @file: from ioasidfd_device_open()
 *
 * Unbinds the device if it was bound through this file.
 *
 * Context: may sleep; takes the device lock, unless the device has been unregistered: a driver that
 * opened a file for itself can release it in its remove() after that.
 */
void ioasidfd_device_release(struct ioasidfd_device_file *file);

/**
 * ioasidfd_device_ioctl() - the IOASID_DEVICE_* calls
 * @file: the file
 * @cmd: as in &file_operations.unlocked_ioctl
 * @arg: likewise; for compat_ioctl use compat_ptr() on it
 *
 * Context: process context with the caller's mm; takes the device lock.
 * Return: 0 or a negative errno; -ENOTTY for numbers that are not among them.
 */
long ioasidfd_device_ioctl(struct ioasidfd_device_file *file, unsigned int cmd, unsigned long arg);

/**
 * ioasidfd_device_poll() - poll for the end of the device
 * @file: the file
 * @filp: the open file itself
 * @wait: as in &file_operations.poll
 *
 * Return: EPOLLHUP | EPOLLERR when the device is gone, else 0.
 */
__poll_t ioasidfd_device_poll(struct ioasidfd_device_file *file, struct file *filp,
			      poll_table *wait);

/**
 * ioasidfd_device_is_bound() - is the device bound through this file, now?
 * @file: the file
 *
 * A front-end that lets user space touch the device checks this under a lock that its quiesce()
 * takes as well: between enable() and quiesce() the answer does not change.
 *
 * Context: any.
 */
bool ioasidfd_device_is_bound(const struct ioasidfd_device_file *file);

/**
 * ioasidfd_context_fdget() - the context behind a file descriptor of the calling process
 * @fd: file descriptor
 *
 * The context lives at least until ioasidfd_context_put(). When its file is closed all its address
 * spaces are freed, whoever holds a reference to it.
 *
 * Context: process context. May sleep.
 * Return: the context, with a reference, or an ERR_PTR: -EBADF if it is not an open /dev/ioasid.
 */
struct ioasidfd_context *ioasidfd_context_fdget(int fd);

/**
 * ioasidfd_context_put() - drop a reference
 * @ctx: from ioasidfd_context_fdget()
 *
 * Context: may sleep.
 */
void ioasidfd_context_put(struct ioasidfd_context *ctx);

/**
 * ioasidfd_ioas_get() - look up an address space
 * @ctx: the context
 * @ioasid: its IOASID there
 *
 * The reference keeps the number from being given out again, and nothing else: IOASID_FREE empties
 * the address space there and then, and calls that use it fail with -ENOENT from then on.
 *
 * Context: may sleep; of a freed address space it may come to hold the last reference, and drop it.
 * Return: the address space, with a reference, or an ERR_PTR: -ENOENT if there is none, or it was
 * freed.
 */
struct ioas *ioasidfd_ioas_get(struct ioasidfd_context *ctx, u32 ioasid);

/**
 * ioasidfd_ioas_put() - drop a reference
 * @ioas: from ioasidfd_ioas_get()
 *
 * Context: may sleep.
 */
void ioasidfd_ioas_put(struct ioas *ioas);

/**
 * ioasidfd_device_bind() - take DMA ownership of the device's group for a context
 * @file: an open file of the device; it may have been opened by the front-end for itself
 * @ctx: the context
 *
 * IOASID_DEVICE_BIND, in the kernel. The binding ends with ioasidfd_device_unbind(), with the file,
 * or with the device, whichever comes first; &ioasidfd_device_ops.quiesce tells.
 *
 * Context: may sleep; takes the device lock.
 * Return: 0 or the errno of the ioctl.
 */
int ioasidfd_device_bind(struct ioasidfd_device_file *file, struct ioasidfd_context *ctx);

/**
 * ioasidfd_device_unbind() - give up DMA ownership
 * @file: the file through which the device is bound
 *
 * Context: may sleep; takes the device lock.
 * Return: 0, -EINVAL if it is not bound through this file, -ENODEV if the device is gone.
 */
int ioasidfd_device_unbind(struct ioasidfd_device_file *file);

/**
 * ioasidfd_device_allow() - let the device use an address space
 * @file: the file through which the device is bound
 * @ioas: an address space of the context that it is bound to
 * @flags: bits of &enum ioasid_allow_flags
 * @pasid: with IOASID_ALLOW_PASID the PASID: an input with IOASID_ALLOW_FIXED_PASID, else an
 *	output; NULL without
 *
 * Everything that is mapped is visible to the device when this returns. The device holds a
 * reference of its own to @ioas from then on.
 *
 * Context: process context: a number is charged to the current user. May sleep; takes locks that
 * nest inside the device lock.
 * Return: 0 or the errno of IOASID_DEVICE_ALLOW; -ENOENT also if @ioas belongs to another context.
 */
int ioasidfd_device_allow(struct ioasidfd_device_file *file, struct ioas *ioas, u32 flags,
			  u32 *pasid);

/**
 * ioasidfd_device_replace() - let the device use another address space in place of one
 * @file: the file through which the device is bound
 * @from: what it was allowed
 * @ioas: what it shall use instead
 * @flags: bits of &enum ioasid_replace_flags
 * @pasid: with IOASID_REPLACE_PASID the PASID
 * @replaced: where to put bits of &enum ioasid_replaced_flags, or NULL
 *
 * Context: as ioasidfd_device_allow().
 * Return: 0 or the errno of IOASID_DEVICE_REPLACE.
 */
int ioasidfd_device_replace(struct ioasidfd_device_file *file, struct ioas *from, struct ioas *ioas,
			    u32 flags, u32 pasid, u32 *replaced);

/**
 * ioasidfd_device_disallow() - take an address space away from the device
 * @file: the file through which the device is bound
 * @ioas: what it was allowed
 * @flags: bits of &enum ioasid_disallow_flags
 * @pasid: with IOASID_DISALLOW_PASID the PASID
 *
 * When this returns the device's DMA, or that under the PASID, is blocked, unless another device of
 * its group was allowed the same.
 *
 * Context: may sleep; takes locks that nest inside the device lock.
 * Return: 0 or the errno of IOASID_DEVICE_DISALLOW.
 */
int ioasidfd_device_disallow(struct ioasidfd_device_file *file, struct ioas *ioas, u32 flags,
			     u32 pasid);

#endif

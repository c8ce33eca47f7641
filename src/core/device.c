// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registered devices and their bindings, see device.h.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "bus.h"
#include "device.h"
#include "frontend.h"
#include "group.h"
#include "ioas.h"

/**
 * struct ioasidfd_device - a device that a front-end offers
 * @ref: references
 * @dev: the device; holds a reference, fixed
 * @ops: the front-end's callbacks, fixed
 * @private: their argument, fixed
 * @gone: wakes up when the device goes
 * @lock: protects what follows
 * @present: not unregistered yet
 * @binder: the file it is bound through, or NULL; read without the lock by
 *	ioasidfd_device_is_bound()
 * @group: its group, while bound
 * @allowed: the address space that its RID may use, while bound; holds a reference
 */
struct ioasidfd_device {
	struct kref ref;
	struct device *dev;
	const struct ioasidfd_device_ops *ops;
	void *private;
	wait_queue_head_t gone;
	struct mutex lock;
	bool present;
	struct ioasidfd_device_file *binder;
	struct dma_group *group;
	struct ioas *allowed;
};

/**
 * struct ioasidfd_device_file - an open file of a device
 * @device: the device; holds a reference
 */
struct ioasidfd_device_file {
	struct ioasidfd_device *device;
};

static void device_free(struct kref *ref)
{
	struct ioasidfd_device *device = container_of(ref, struct ioasidfd_device, ref);

	put_device(device->dev);
	kfree(device);
}

static void disallow_locked(struct ioasidfd_device *device)
{
	struct ioas *ioas = device->allowed;

	lockdep_assert_held(&device->lock);
	if (!ioas)
		return;
	device->allowed = NULL;
	group_disallow(device->group);
	ioas_put_device(ioas);
}

/* The device falls silent before anything that stands between it and memory is taken away. */
static void unbind_locked(struct ioasidfd_device *device)
{
	lockdep_assert_held(&device->lock);
	device->ops->quiesce(device->private);
	disallow_locked(device);
	WRITE_ONCE(device->binder, NULL);
	group_release(device->group);
	device->group = NULL;
}

static int bind_locked(struct ioasidfd_device_file *file, struct ioasidfd_context *ctx, bool watch,
		       u32 *refusal)
{
	struct ioasidfd_device *device = file->device;
	struct dma_group *group;
	int rc;

	lockdep_assert_held(&device->lock);
	if (!device->present)
		return -ENODEV;
	if (device->binder) {
		*refusal = IOASID_REFUSAL_ALREADY_BOUND;
		return -EBUSY;
	}
	group = group_claim(device->dev, ctx, watch, refusal);
	if (IS_ERR(group))
		return PTR_ERR(group);
	rc = device->ops->enable(device->private);
	if (rc) {
		group_release(group);
		return rc;
	}
	device->group = group;
	WRITE_ONCE(device->binder, file);
	return 0;
}

int device_bind(struct ioasidfd_device_file *file, struct ioasidfd_context *ctx, bool watch,
		u32 *refusal)
{
	struct ioasidfd_device *device = file->device;
	int rc;

	device_lock(device->dev);
	mutex_lock(&device->lock);
	rc = bind_locked(file, ctx, watch, refusal);
	mutex_unlock(&device->lock);
	device_unlock(device->dev);
	return rc;
}

/* 0 if the device is there and bound through this file. */
static int check_bound(const struct ioasidfd_device_file *file)
{
	lockdep_assert_held(&file->device->lock);
	if (!file->device->present)
		return -ENODEV;
	return file->device->binder == file ? 0 : -EINVAL;
}

int device_unbind(struct ioasidfd_device_file *file)
{
	struct ioasidfd_device *device = file->device;
	int rc;

	device_lock(device->dev);
	mutex_lock(&device->lock);
	rc = check_bound(file);
	if (!rc)
		unbind_locked(device);
	mutex_unlock(&device->lock);
	device_unlock(device->dev);
	return rc;
}

static int allow_locked(struct ioasidfd_device *device, u32 ioasid, struct iova_range *conflict)
{
	struct ioas *ioas;
	int rc;

	lockdep_assert_held(&device->lock);
	ioas = ioas_lookup(group_owner(device->group), ioasid);
	if (!ioas)
		return -ENOENT;
	rc = device->allowed ? -EEXIST : group_allow(device->group, device->dev, ioas, conflict);
	if (!rc) {
		ioas_get_device(ioas);
		device->allowed = ioas;
	}
	ioas_put(ioas);
	return rc;
}

int device_allow(struct ioasidfd_device_file *file, u32 ioasid, struct iova_range *conflict)
{
	struct ioasidfd_device *device = file->device;
	int rc;

	mutex_lock(&device->lock);
	rc = check_bound(file);
	if (!rc)
		rc = allow_locked(device, ioasid, conflict);
	mutex_unlock(&device->lock);
	return rc;
}

int device_disallow(struct ioasidfd_device_file *file, u32 ioasid)
{
	struct ioasidfd_device *device = file->device;
	int rc;

	mutex_lock(&device->lock);
	rc = check_bound(file);
	if (!rc && (!device->allowed || device->allowed->id != ioasid))
		rc = -ENOENT;
	if (!rc)
		disallow_locked(device);
	mutex_unlock(&device->lock);
	return rc;
}

int device_get_info(struct ioasidfd_device_file *file, struct ioasid_device_info *info)
{
	struct ioasidfd_device *device = file->device;
	int rc = -ENODEV;

	mutex_lock(&device->lock);
	if (device->present) {
		info->out_bus = bus_of_device(device->dev);
		info->out_group = group_number(device->dev);
		if (info->out_group != IOASID_NO_GROUP)
			info->out_capabilities |= IOASID_DEVICE_CAP_RID;
		strscpy((char *)info->out_name, dev_name(device->dev), sizeof(info->out_name));
		device->ops->get_info(device->private, info);
		rc = 0;
	}
	mutex_unlock(&device->lock);
	return rc;
}

int device_get_region(struct ioasidfd_device_file *file, struct ioasid_device_region *region)
{
	struct ioasidfd_device *device = file->device;
	int rc;

	mutex_lock(&device->lock);
	rc = device->present ? device->ops->get_region(device->private, region) : -ENODEV;
	mutex_unlock(&device->lock);
	return rc;
}

int device_get_owner(struct ioasidfd_device_file *file, struct ioasid_device_owner *owner)
{
	struct ioasidfd_device *device = file->device;
	struct iommu_group *group = NULL;
	bool present, this_file;

	/*
	 * A device that is present keeps its group. Naming drivers takes device locks, which come
	 * before this one.
	 */
	mutex_lock(&device->lock);
	present = device->present;
	this_file = device->binder == file;
	if (present)
		group = iommu_group_get(device->dev);
	mutex_unlock(&device->lock);

	if (!present)
		return -ENODEV;
	if (this_file)
		owner->out_owner_flags |= IOASID_OWNER_THIS_FILE;
	return group_describe_owner(group, owner);
}

struct ioasidfd_device *
ioasidfd_device_register(struct device *dev, const struct ioasidfd_device_ops *ops, void *private)
{
	struct ioasidfd_device *device = kzalloc(sizeof(*device), GFP_KERNEL);

	if (!device)
		return ERR_PTR(-ENOMEM);
	if (frontend_mark(dev)) {
		kfree(device);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&device->ref);
	device->dev = get_device(dev);
	device->ops = ops;
	device->private = private;
	init_waitqueue_head(&device->gone);
	mutex_init(&device->lock);
	device->present = true;
	return device;
}
EXPORT_SYMBOL_GPL(ioasidfd_device_register);

void ioasidfd_device_unregister(struct ioasidfd_device *device)
{
	mutex_lock(&device->lock);
	device->present = false;
	if (device->binder) {
		group_note_revoked(device->group, dev_name(device->dev));
		unbind_locked(device);
	}
	mutex_unlock(&device->lock);
	wake_up_all(&device->gone);
	frontend_unmark(device->dev);
	kref_put(&device->ref, device_free);
}
EXPORT_SYMBOL_GPL(ioasidfd_device_unregister);

struct ioasidfd_device_file *ioasidfd_device_open(struct ioasidfd_device *device)
{
	struct ioasidfd_device_file *file = kmalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);

	if (!file)
		return ERR_PTR(-ENOMEM);
	kref_get(&device->ref);
	file->device = device;
	return file;
}
EXPORT_SYMBOL_GPL(ioasidfd_device_open);

void ioasidfd_device_release(struct ioasidfd_device_file *file)
{
	device_unbind(file);
	kref_put(&file->device->ref, device_free);
	kfree(file);
}
EXPORT_SYMBOL_GPL(ioasidfd_device_release);

__poll_t ioasidfd_device_poll(struct ioasidfd_device_file *file, struct file *filp,
			      poll_table *wait)
{
	poll_wait(filp, &file->device->gone, wait);
	return READ_ONCE(file->device->present) ? 0 : EPOLLHUP | EPOLLERR;
}
EXPORT_SYMBOL_GPL(ioasidfd_device_poll);

bool ioasidfd_device_is_bound(const struct ioasidfd_device_file *file)
{
	return READ_ONCE(file->device->binder) == file;
}
EXPORT_SYMBOL_GPL(ioasidfd_device_is_bound);

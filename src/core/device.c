// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registered devices and their bindings, see device.h.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../delay_point.h"
#include "bus.h"
#include "device.h"
#include "frontend.h"
#include "group.h"
#include "ioas.h"
#include "owner.h"

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
 * @allowed: by PASID, with COMPAT_NO_PASID for its RID: it may use what the group uses under that;
 *	empty unless bound
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
	struct xarray allowed;
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
	xa_destroy(&device->allowed);
	kfree(device);
}

static void disallow_all(struct ioasidfd_device *device)
{
	unsigned long pasid;
	void *entry;

	lockdep_assert_held(&device->lock);
	xa_for_each(&device->allowed, pasid, entry) {
		group_disallow(device->group, device->dev, pasid, 0);
		xa_erase(&device->allowed, pasid);
		cond_resched();
	}
}

/* The device falls silent before anything that stands between it and memory is taken away. */
static void unbind_locked(struct ioasidfd_device *device)
{
	lockdep_assert_held(&device->lock);
	device->ops->quiesce(device->private);
	delay_point("unbind-quiesced");
	disallow_all(device);
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

int device_check_pasid(bool wanted, u32 pasid)
{
	if (wanted)
		return pasid && pasid <= IOASID_MAX_PASID ? 0 : -EINVAL;
	return pasid ? -EINVAL : 0;
}

int device_check_allow(u32 flags, u32 pasid)
{
	bool fixed = flags & IOASID_ALLOW_FIXED_PASID;

	if (fixed && !(flags & IOASID_ALLOW_PASID))
		return -EINVAL;
	return device_check_pasid(fixed, pasid);
}

u32 device_replaced_flags(const struct attachment_replacing *replacing)
{
	return (replacing->has_gap ? IOASID_REPLACED_WITH_GAP : 0) |
	       (replacing->is_lost ? IOASID_REPLACE_LOST : 0);
}

/* The IOASID's own PASID, or the one that the caller asks for. */
static struct pasid *find_pasid(struct ioasidfd_device *device, u32 flags, u32 number,
				struct device_allowing *allowing)
{
	u32 limit = compat_pasid_limit(device->dev);

	if (!limit || number >= limit)
		return ERR_PTR(-EOPNOTSUPP);
	if (flags & IOASID_ALLOW_FIXED_PASID)
		return pasid_create(number, &allowing->quota);
	return group_get_pasid(device->group, device->dev, allowing->allowance.ioas,
			       &allowing->quota, &allowing->is_fresh);
}

/* A reference to the address space, or NULL if the device's context has none of that name. */
static struct ioas *find_ioas(struct ioasidfd_device *device, const struct ioas_name *name)
{
	struct ioasidfd_context *ctx = group_owner(device->group);

	if (!name->ioas)
		return ioas_lookup(ctx, name->ioasid);
	if (name->ioas->ctx != ctx)
		return NULL;
	ioas_get(name->ioas);
	return name->ioas;
}

/* Its number, or 0, which none has, if it is of another context than the device's. */
static u32 number_of(struct ioasidfd_device *device, const struct ioas_name *name)
{
	if (!name->ioas)
		return name->ioasid;
	return name->ioas->ctx == group_owner(device->group) ? name->ioas->id : 0;
}

static int allow_begin_locked(struct ioasidfd_device *device, const struct ioas_name *name,
			      u32 flags, u32 number, struct device_allowing *allowing)
{
	struct allowance *allowance = &allowing->allowance;
	int rc;

	lockdep_assert_held(&device->lock);
	allowance->ioas = find_ioas(device, name);
	if (!allowance->ioas)
		return -ENOENT;
	if (!(flags & IOASID_ALLOW_PASID))
		return 0;
	allowance->pasid = find_pasid(device, flags, number, allowing);
	if (!IS_ERR(allowance->pasid))
		return 0;
	rc = PTR_ERR(allowance->pasid);
	ioas_put(allowance->ioas);
	return rc;
}

int device_allow_begin(struct ioasidfd_device_file *file, const struct ioas_name *name, u32 flags,
		       u32 pasid, struct device_allowing *allowing)
{
	struct ioasidfd_device *device = file->device;
	int rc;

	memset(allowing, 0, sizeof(*allowing));
	mutex_lock(&device->lock);
	rc = check_bound(file);
	if (!rc)
		rc = allow_begin_locked(device, name, flags, pasid, allowing);
	mutex_unlock(&device->lock);
	return rc;
}

static int allow_locked(struct ioasidfd_device *device, struct device_allowing *allowing)
{
	const struct allowance *allowance = &allowing->allowance;
	u32 pasid = allowance->pasid ? allowance->pasid->number : COMPAT_NO_PASID;
	int rc;

	lockdep_assert_held(&device->lock);
	/* It may have been bound to another context since. */
	if (allowance->ioas->ctx != group_owner(device->group))
		return -ENOENT;
	rc = xa_insert(&device->allowed, pasid, xa_mk_value(0), GFP_KERNEL_ACCOUNT);
	if (rc)
		return rc == -EBUSY ? -EEXIST : rc;
	rc = group_allow(device->group, device->dev, allowance, &allowing->conflict);
	if (rc)
		xa_erase(&device->allowed, pasid);
	return rc;
}

int device_allow_commit(struct ioasidfd_device_file *file, struct device_allowing *allowing)
{
	struct ioasidfd_device *device = file->device;
	int rc;

	delay_point("allow-commit");
	mutex_lock(&device->lock);
	rc = check_bound(file);
	if (!rc)
		rc = allow_locked(device, allowing);
	mutex_unlock(&device->lock);
	return rc;
}

void device_allow_end(struct device_allowing *allowing, bool failed)
{
	const struct allowance *allowance = &allowing->allowance;

	if (allowance->pasid)
		pasid_put(allowance->pasid);
	if (failed && allowing->is_fresh)
		ioas_forget_pasid(allowance->ioas);
	ioas_put(allowance->ioas);
}

static int disallow_locked(struct ioasidfd_device *device, u32 ioasid, u32 pasid)
{
	int rc;

	lockdep_assert_held(&device->lock);
	if (!ioasid || !xa_load(&device->allowed, pasid))
		return -ENOENT;
	rc = group_disallow(device->group, device->dev, pasid, ioasid);
	if (!rc)
		xa_erase(&device->allowed, pasid);
	return rc;
}

int device_disallow(struct ioasidfd_device_file *file, const struct ioas_name *name, u32 pasid)
{
	struct ioasidfd_device *device = file->device;
	int rc;

	mutex_lock(&device->lock);
	rc = check_bound(file) ?: disallow_locked(device, number_of(device, name), pasid);
	mutex_unlock(&device->lock);
	return rc;
}

static int replace_locked(struct ioasidfd_device *device, const struct ioas_name *from,
			  const struct ioas_name *to, struct replacement *replacement,
			  struct attachment_replacing *replacing)
{
	int rc;

	lockdep_assert_held(&device->lock);
	replacement->from_ioasid = number_of(device, from);
	if (!replacement->from_ioasid || !xa_load(&device->allowed, replacement->pasid))
		return -ENOENT;
	replacement->ioas = find_ioas(device, to);
	if (!replacement->ioas)
		return -ENOENT;
	delay_point("replace-found");
	rc = group_replace(device->group, device->dev, replacement, replacing);
	ioas_put(replacement->ioas);
	return rc;
}

int device_replace(struct ioasidfd_device_file *file, const struct ioas_name *from,
		   const struct ioas_name *to, struct replacement *replacement,
		   struct attachment_replacing *replacing)
{
	struct ioasidfd_device *device = file->device;
	int rc;

	mutex_lock(&device->lock);
	rc = check_bound(file) ?: replace_locked(device, from, to, replacement, replacing);
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
		info->out_max_pasids = compat_max_pasids(device->dev);
		if (info->out_max_pasids)
			info->out_capabilities |= IOASID_DEVICE_CAP_PASID;
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
	return owner_describe(group, owner);
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
	xa_init_flags(&device->allowed, XA_FLAGS_ACCOUNT);
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
	struct ioasidfd_device *device = file->device;
	bool bound;

	/* Nobody binds through it any more. */
	mutex_lock(&device->lock);
	bound = device->binder == file;
	mutex_unlock(&device->lock);
	delay_point("device-release");
	if (bound)
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

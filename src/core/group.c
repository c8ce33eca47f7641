// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA ownership of groups, see group.h.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/xarray.h>

#include "../compat/compat.h"
#include "../delay_point.h"
#include "bus.h"
#include "group.h"
#include "removal.h"
#include "watch.h"

static bool allow_unsafe_interrupts;
module_param(allow_unsafe_interrupts, bool, 0644);
MODULE_PARM_DESC(
	allow_unsafe_interrupts,
	"Bind devices that can raise any interrupt of the host by DMA (default: no). Owners of such devices can crash the host.");

/**
 * struct dma_group - an IOMMU group owned by a context
 * @ref: one while it is in the table, and one of each notification that waits for @lock
 * @node: in the table
 * @group: the group; holds a reference
 * @owner: the context; holds a reference
 * @nr_bound: bound devices; table lock
 * @nr_refused: kernel drivers that were refused a device of the group; table lock, as the following
 * @refused_time_ns: the last time, on CLOCK_BOOTTIME
 * @refused_device: for which device
 * @refused_driver: to which driver
 * @lock: protects what follows
 * @attachments: by PASID what the devices use under it, with COMPAT_NO_PASID for the RIDs
 * @nr_pasids: entries of @attachments but the RIDs; read without the lock as well
 * @excluded: of &struct excluded
 */
struct dma_group {
	struct kref ref;
	struct list_head node;
	struct iommu_group *group;
	struct ioasidfd_context *owner;
	unsigned int nr_bound;
	u64 nr_refused;
	u64 refused_time_ns;
	char refused_device[IOASID_NAME_SIZE];
	char refused_driver[IOASID_NAME_SIZE];
	struct mutex lock;
	struct xarray attachments;
	unsigned int nr_pasids;
	struct list_head excluded;
};

/**
 * struct excluded - a device that joined a group and could not get its PASIDs
 * @node: in &dma_group.excluded
 * @dev: the device, until it leaves
 * @max_pasids: what it had
 */
struct excluded {
	struct list_head node;
	struct device *dev;
	u32 max_pasids;
};

static DEFINE_MUTEX(groups_lock);
static LIST_HEAD(groups);

/* 1 if a device of the group demands one, 0 if none does. */
static int has_direct_mapping(struct iommu_group *group)
{
	struct iommu_resv_region *region, *next;
	LIST_HEAD(regions);
	int rc, found = 0;

	rc = iommu_get_group_resv_regions(group, &regions);
	list_for_each_entry_safe(region, next, &regions, list) {
		found |= region->type == IOMMU_RESV_DIRECT;
		kfree(region);
	}
	return rc ?: found;
}

static int refuse(u32 *refusal, u32 reason, int rc)
{
	*refusal = reason;
	return rc;
}

/* What must be true of the platform before user space may have the device. */
static int check_platform(struct device *dev, struct iommu_group *group, u32 *refusal)
{
	int rc;

	if (!bus_enforces_ownership(dev))
		return refuse(refusal, IOASID_REFUSAL_BUS, -EOPNOTSUPP);
	if (!device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY))
		return refuse(refusal, IOASID_REFUSAL_NOT_COHERENT, -EOPNOTSUPP);
	rc = has_direct_mapping(group);
	if (rc < 0)
		return rc;
	if (rc)
		return refuse(refusal, IOASID_REFUSAL_DIRECT_MAPPED, -EOPNOTSUPP);
	if (compat_group_has_isolated_msi(group))
		return 0;
	if (!allow_unsafe_interrupts)
		return refuse(refusal, IOASID_REFUSAL_MSI, -EPERM);
	/* As often as somebody binds it. */
	dev_warn_ratelimited(
		dev, "interrupts are not isolated: whoever binds this device can crash the host\n");
	return 0;
}

static struct dma_group *find_group(struct iommu_group *group)
{
	struct dma_group *dma_group;

	lockdep_assert_held(&groups_lock);
	list_for_each_entry(dma_group, &groups, node)
		if (dma_group->group == group)
			return dma_group;
	return NULL;
}

/*
 * What a claim that failed means to the caller. Only -EPERM is about an owner. -EBUSY and -EINVAL
 * come from the IOMMU's driver, or say that a domain is attached which nobody claimed the group
 * for.
 */
static int claim_errno(struct iommu_group *group, int rc, u32 *refusal)
{
	switch (rc) {
	case -EPERM:
		return refuse(refusal, IOASID_REFUSAL_OWNED, -EBUSY);
	case -EINVAL:
		/* A device that demands it may have joined since check_platform(). */
		if (has_direct_mapping(group) > 0)
			*refusal = IOASID_REFUSAL_DIRECT_MAPPED;
		return -EOPNOTSUPP;
	default:
		return rc;
	}
}

static int hide_if_removed(struct device *dev, void *unused)
{
	if (removal_has(dev))
		compat_hide_pasids(dev);
	return 0;
}

/* Takes over the reference to @group on success. */
static struct dma_group *claim_new(struct iommu_group *group, struct ioasidfd_context *ctx,
				   u32 *refusal)
{
	struct dma_group *dma_group;
	int rc;

	dma_group = kzalloc(sizeof(*dma_group), GFP_KERNEL_ACCOUNT);
	if (!dma_group)
		return ERR_PTR(-ENOMEM);
	rc = iommu_group_claim_dma_owner(group, dma_group);
	if (rc) {
		kfree(dma_group);
		return ERR_PTR(claim_errno(group, rc, refusal));
	}
	/* Its removal has been announced already, so group_remove_member() may not come by. */
	iommu_group_for_each_dev(group, NULL, hide_if_removed);
	kref_init(&dma_group->ref);
	dma_group->group = group;
	dma_group->owner = context_get(ctx);
	dma_group->nr_bound = 1;
	mutex_init(&dma_group->lock);
	xa_init_flags(&dma_group->attachments, XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&dma_group->excluded);
	list_add_tail(&dma_group->node, &groups);
	return dma_group;
}

static struct dma_group *claim_locked(struct iommu_group *group, struct ioasidfd_context *ctx,
				      u32 *refusal)
{
	struct dma_group *dma_group = find_group(group);

	if (!dma_group)
		return claim_new(group, ctx, refusal);
	if (dma_group->owner != ctx)
		return ERR_PTR(refuse(refusal, IOASID_REFUSAL_OWNED, -EBUSY));
	dma_group->nr_bound++;
	iommu_group_put(group);
	return dma_group;
}

static struct dma_group *claim(struct device *dev, struct iommu_group *group,
			       struct ioasidfd_context *ctx, u32 *refusal)
{
	struct dma_group *dma_group;
	int rc;

	rc = check_platform(dev, group, refusal);
	if (rc)
		return ERR_PTR(rc);
	mutex_lock(&groups_lock);
	dma_group = claim_locked(group, ctx, refusal);
	mutex_unlock(&groups_lock);
	return dma_group;
}

/* The watch comes first, or the group could become free between being refused and being watched. */
static struct dma_group *claim_or_watch(struct device *dev, struct iommu_group *group,
					struct ioasidfd_context *ctx, u32 *refusal)
{
	struct dma_group *dma_group;
	int rc = watch_add(ctx, group);

	if (rc)
		return ERR_PTR(rc);
	/* A claim consumes the reference; the watch is undone with one of its own. */
	iommu_group_ref_get(group);
	dma_group = claim(dev, group, ctx, refusal);
	if (*refusal != IOASID_REFUSAL_OWNED)
		watch_remove(ctx, group);
	iommu_group_put(group);
	return dma_group;
}

struct dma_group *group_claim(struct device *dev, struct ioasidfd_context *ctx, bool watch,
			      u32 *refusal)
{
	struct iommu_group *group;
	struct dma_group *dma_group;

	if (event_queue_prepare(&ctx->events))
		return ERR_PTR(-ENOMEM);
	group = iommu_group_get(dev);
	if (!group)
		return ERR_PTR(refuse(refusal, IOASID_REFUSAL_NO_IOMMU, -EOPNOTSUPP));
	dma_group = watch ? claim_or_watch(dev, group, ctx, refusal) :
			    claim(dev, group, ctx, refusal);
	if (IS_ERR(dma_group))
		iommu_group_put(group);
	return dma_group;
}

static void free_group(struct kref *ref)
{
	struct dma_group *group = container_of(ref, struct dma_group, ref);

	iommu_group_put(group->group);
	context_put(group->owner);
	xa_destroy(&group->attachments);
	kfree(group);
}

static void put_group(struct dma_group *group)
{
	kref_put(&group->ref, free_group);
}

/* The table lock keeps a device from leaving unseen meanwhile. */
static void restore_excluded(struct dma_group *group)
{
	struct excluded *excluded, *next;

	lockdep_assert_held(&groups_lock);
	mutex_lock(&group->lock);
	list_for_each_entry_safe(excluded, next, &group->excluded, node) {
		compat_restore_pasids(excluded->dev, excluded->max_pasids);
		list_del(&excluded->node);
		kfree(excluded);
	}
	mutex_unlock(&group->lock);
}

void group_release(struct dma_group *group)
{
	mutex_lock(&groups_lock);
	if (--group->nr_bound) {
		mutex_unlock(&groups_lock);
		return;
	}
	list_del(&group->node);
	WARN_ON(!xa_empty(&group->attachments));
	delay_point("group-release");
	iommu_group_release_dma_owner(group->group);
	restore_excluded(group);
	mutex_unlock(&groups_lock);

	watch_check(group->group);
	put_group(group);
}

struct ioasidfd_context *group_owner(const struct dma_group *group)
{
	return group->owner;
}

static int attach(struct dma_group *group, struct device *dev, const struct allowance *allowance,
		  u32 pasid, struct iova_range *conflict)
{
	struct attachment *attachment;
	int rc = xa_reserve(&group->attachments, pasid, GFP_KERNEL_ACCOUNT);

	lockdep_assert_held(&group->lock);
	if (rc)
		return rc;
	attachment =
		attachment_create(allowance->ioas, group->group, dev, allowance->pasid, conflict);
	if (IS_ERR(attachment)) {
		xa_release(&group->attachments, pasid);
		return PTR_ERR(attachment);
	}
	xa_store(&group->attachments, pasid, attachment, 0);
	if (allowance->pasid)
		WRITE_ONCE(group->nr_pasids, group->nr_pasids + 1);
	return 0;
}

int group_allow(struct dma_group *group, struct device *dev, const struct allowance *allowance,
		struct iova_range *conflict)
{
	u32 pasid = allowance->pasid ? allowance->pasid->number : COMPAT_NO_PASID;
	struct attachment *attachment;
	int rc = 0;

	mutex_lock(&group->lock);
	attachment = xa_load(&group->attachments, pasid);
	if (!attachment)
		rc = attach(group, dev, allowance, pasid, conflict);
	else if (attachment_ioas(attachment) == allowance->ioas)
		attachment_add_device(attachment);
	else
		rc = -EBUSY;
	mutex_unlock(&group->lock);
	return rc;
}

static struct attachment *find_attachment(struct dma_group *group, u32 pasid, u32 ioasid)
{
	struct attachment *attachment = xa_load(&group->attachments, pasid);

	lockdep_assert_held(&group->lock);
	return attachment && attachment_ioas(attachment)->id == ioasid ? attachment : NULL;
}

int group_disallow(struct dma_group *group, struct device *dev, u32 pasid, u32 ioasid)
{
	struct attachment *attachment;

	mutex_lock(&group->lock);
	attachment = ioasid ? find_attachment(group, pasid, ioasid) :
			      xa_load(&group->attachments, pasid);
	if (attachment && attachment_remove_device(attachment, dev)) {
		xa_erase(&group->attachments, pasid);
		if (pasid != COMPAT_NO_PASID)
			WRITE_ONCE(group->nr_pasids, group->nr_pasids - 1);
	}
	mutex_unlock(&group->lock);
	return attachment ? 0 : -ENOENT;
}

static int replace_locked(struct dma_group *group, struct device *dev,
			  const struct replacement *replacement,
			  struct attachment_replacing *replacing)
{
	struct attachment *attachment =
		find_attachment(group, replacement->pasid, replacement->from_ioasid);

	if (!attachment)
		return -ENOENT;
	if (attachment_ioas(attachment) == replacement->ioas)
		return 0;
	if (attachment_nr_devices(attachment) > 1 && !replacement->whole_group)
		return -EBUSY;
	attachment = attachment_replace(attachment, replacement->ioas, dev, replacing);
	if (IS_ERR(attachment))
		return PTR_ERR(attachment);
	/* The entry is there: no memory is needed. */
	xa_store(&group->attachments, replacement->pasid, attachment, 0);
	return 0;
}

int group_replace(struct dma_group *group, struct device *dev,
		  const struct replacement *replacement, struct attachment_replacing *replacing)
{
	int rc;

	mutex_lock(&group->lock);
	rc = replace_locked(group, dev, replacement, replacing);
	mutex_unlock(&group->lock);
	return rc;
}

static bool is_taken(void *group, u32 pasid)
{
	return xa_load(&((struct dma_group *)group)->attachments, pasid);
}

struct pasid *group_get_pasid(struct dma_group *group, struct device *dev, struct ioas *ioas,
			      struct pasid_quota *quota, bool *is_fresh)
{
	struct pasid *pasid;

	mutex_lock(&group->lock);
	pasid = ioas_get_pasid(ioas, dev, is_taken, group, quota, is_fresh);
	mutex_unlock(&group->lock);
	return pasid;
}

static void push_event(struct dma_group *dma_group, u32 type, const char *device,
		       const char *driver, u64 time_ns)
{
	const struct event event = {
		.type = type,
		.group = iommu_group_id(dma_group->group),
		.time_ns = time_ns,
		.device = device,
		.driver = driver,
	};

	event_queue_push(&dma_group->owner->events, &event);
}

void group_note_refusal(struct iommu_group *group, const char *device, const char *driver,
			u64 time_ns)
{
	struct dma_group *dma_group;

	mutex_lock(&groups_lock);
	dma_group = find_group(group);
	if (dma_group) {
		dma_group->nr_refused++;
		dma_group->refused_time_ns = time_ns;
		strscpy(dma_group->refused_device, device, sizeof(dma_group->refused_device));
		strscpy(dma_group->refused_driver, driver, sizeof(dma_group->refused_driver));
		push_event(dma_group, IOASID_EVENT_REFUSED, device, driver, time_ns);
	}
	mutex_unlock(&groups_lock);
}

static void remove_pasids(struct dma_group *group, struct device *dev, unsigned long nr)
{
	struct attachment *attachment;
	unsigned long pasid;

	lockdep_assert_held(&group->lock);
	xa_for_each(&group->attachments, pasid, attachment) {
		if (!nr--)
			break;
		attachment_remove_member(attachment, dev);
	}
}

/*
 * The iommu core takes for granted that a PASID of a group is one of all its devices. Without
 * memory to remember it by, the device stays without PASIDs.
 */
static void exclude(struct dma_group *group, struct device *dev)
{
	struct excluded *excluded = kmalloc(sizeof(*excluded), GFP_KERNEL_ACCOUNT);
	u32 max_pasids = compat_hide_pasids(dev);

	lockdep_assert_held(&group->lock);
	if (!excluded)
		return;
	excluded->dev = dev;
	excluded->max_pasids = max_pasids;
	list_add(&excluded->node, &group->excluded);
}

static void forget_excluded(struct dma_group *group, const struct device *dev)
{
	struct excluded *excluded, *next;

	lockdep_assert_held(&group->lock);
	list_for_each_entry_safe(excluded, next, &group->excluded, node) {
		if (excluded->dev != dev)
			continue;
		list_del(&excluded->node);
		kfree(excluded);
	}
}

static int add_pasids(struct dma_group *group, struct device *dev)
{
	struct attachment *attachment;
	unsigned long pasid, nr = 0;
	int rc = 0;

	lockdep_assert_held(&group->lock);
	xa_for_each(&group->attachments, pasid, attachment) {
		rc = attachment_add_member(attachment, dev);
		if (rc)
			break;
		nr++;
	}
	if (rc) {
		remove_pasids(group, dev, nr);
		exclude(group, dev);
	}
	return rc;
}

/*
 * For notifications. They may have to wait for the lock of a group for as long as a call of its
 * owner fills page tables; nobody else waits for them, and ownership can end meanwhile.
 */
static struct dma_group *get_group(struct iommu_group *group)
{
	struct dma_group *dma_group;

	lockdep_assert_held(&groups_lock);
	dma_group = find_group(group);
	if (dma_group)
		kref_get(&dma_group->ref);
	return dma_group;
}

void group_add_member(struct iommu_group *group, struct device *dev)
{
	struct dma_group *dma_group;
	u64 now = ktime_get_boottime_ns();
	int rc;

	mutex_lock(&groups_lock);
	dma_group = get_group(group);
	if (dma_group)
		push_event(dma_group, IOASID_EVENT_DEVICE_ADDED, dev_name(dev), NULL, now);
	mutex_unlock(&groups_lock);
	if (!dma_group)
		return;

	mutex_lock(&dma_group->lock);
	rc = add_pasids(dma_group, dev);
	mutex_unlock(&dma_group->lock);
	if (rc)
		push_event(dma_group, IOASID_EVENT_NO_PASIDS, dev_name(dev), NULL, now);
	put_group(dma_group);
}

void group_note_leaving(struct iommu_group *group, const char *device)
{
	struct dma_group *dma_group;

	mutex_lock(&groups_lock);
	dma_group = find_group(group);
	if (dma_group)
		push_event(dma_group, IOASID_EVENT_DEVICE_REMOVED, device, NULL,
			   ktime_get_boottime_ns());
	mutex_unlock(&groups_lock);
}

void group_remove_member(struct iommu_group *group, struct device *dev)
{
	struct dma_group *dma_group;

	mutex_lock(&groups_lock);
	dma_group = get_group(group);
	mutex_unlock(&groups_lock);
	if (!dma_group)
		return;

	mutex_lock(&dma_group->lock);
	remove_pasids(dma_group, dev, ULONG_MAX);
	forget_excluded(dma_group, dev);
	/* It is a member to the iommu core for a little longer. */
	compat_hide_pasids(dev);
	mutex_unlock(&dma_group->lock);
	put_group(dma_group);
}

void group_note_revoked(struct dma_group *group, const char *device)
{
	push_event(group, IOASID_EVENT_REVOKED, device, NULL, ktime_get_boottime_ns());
}

u32 group_number(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	u32 number;

	if (!group)
		return IOASID_NO_GROUP;
	number = iommu_group_id(group);
	iommu_group_put(group);
	return number;
}

bool group_describe_context(struct iommu_group *group, struct ioasid_device_owner *owner)
{
	struct dma_group *dma_group;

	mutex_lock(&groups_lock);
	dma_group = find_group(group);
	if (dma_group) {
		struct ioasidfd_context *ctx = dma_group->owner;

		owner->out_owner = IOASID_OWNER_CONTEXT;
		owner->out_owner_flags |= READ_ONCE(ctx->closed) ? IOASID_OWNER_CLOSED : 0;
		owner->out_pid = context_opener_pid(ctx);
		owner->out_num_pasids = READ_ONCE(dma_group->nr_pasids);
		strscpy((char *)owner->out_command, ctx->command, sizeof(owner->out_command));
		owner->out_num_refused = dma_group->nr_refused;
		owner->out_refused_time_ns = dma_group->refused_time_ns;
		strscpy((char *)owner->out_refused_device, dma_group->refused_device,
			sizeof(owner->out_refused_device));
		strscpy((char *)owner->out_refused_driver, dma_group->refused_driver,
			sizeof(owner->out_refused_driver));
	}
	mutex_unlock(&groups_lock);
	return dma_group;
}

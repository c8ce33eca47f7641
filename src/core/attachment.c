// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attachments of sources to an address space, see attachment.h.
 */
#include <linux/err.h>
#include <linux/slab.h>

#include "../delay_point.h"
#include "attachment.h"
#include "flush.h"
#include "mapping.h"
#include "trace.h"

/**
 * struct reserved - IOVAs that do not reach memory from a group's devices
 * @nr: how many ranges
 * @range: the ranges, in whole pages
 */
struct reserved {
	unsigned int nr;
	struct iova_range range[];
};

/**
 * struct attached_group - a group with sources that use an address space
 * @node: in &ioas.groups
 * @group: the group
 * @domain: the page table that all its sources here use
 * @reserved: what the group cannot use
 * @attachments: of &struct attachment; not empty
 */
struct attached_group {
	struct list_head node;
	struct iommu_group *group;
	struct domain *domain;
	struct reserved *reserved;
	struct list_head attachments;
};

/**
 * struct attachment - a source that uses an address space
 * @node: in &attached_group.attachments
 * @ioas: the address space; holds a reference
 * @group: what it shares with other sources of its group
 * @pasid: the PASID, holds a reference; NULL for the RIDs
 * @nr_devices: devices that were allowed it; changed by one call at a time, read by others as well
 * @is_lost: nothing is attached, see &attachment_replacing.is_lost
 * @handle: for the iommu core
 */
struct attachment {
	struct list_head node;
	struct ioas *ioas;
	struct attached_group *group;
	struct pasid *pasid;
	unsigned int nr_devices;
	bool is_lost;
	struct compat_handle handle;
};

static void windows_init(struct ioas *ioas)
{
	ioas->windows.range = &ioas->everything;
	ioas->windows.capacity = 1;
	iova_windows_reset(&ioas->windows);
}

void attachment_init(struct ioas *ioas)
{
	INIT_LIST_HEAD(&ioas->groups);
	windows_init(ioas);
}

void attachment_exit(struct ioas *ioas)
{
	WARN_ON(!list_empty(&ioas->groups));
	if (ioas->windows.range != &ioas->everything)
		kfree(ioas->windows.range);
}

static void exclude_outside(struct iova_windows *windows, u64 start, u64 last)
{
	if (start)
		iova_windows_exclude(windows, 0, start - 1);
	if (last != U64_MAX)
		iova_windows_exclude(windows, last + 1, U64_MAX);
}

/* The part of a domain's aperture that consists of whole pages. */
static struct iova_range usable_aperture(const struct domain *domain)
{
	const struct iommu_domain_geometry *geometry = &domain->domain->geometry;
	u64 end = geometry->aperture_end;

	return (struct iova_range){
		.start = PAGE_ALIGN(geometry->aperture_start),
		.last = end == U64_MAX ? end : ALIGN_DOWN(end + 1, PAGE_SIZE) - 1,
	};
}

static void rebuild_windows(struct ioas *ioas)
{
	struct iova_windows *windows = &ioas->windows;
	struct attached_group *group;
	struct domain *domain;
	unsigned int i;

	lockdep_assert_held_write(&ioas->lock);
	iova_windows_reset(windows);
	list_for_each_entry(domain, &ioas->domains.list, node) {
		struct iova_range aperture = usable_aperture(domain);

		exclude_outside(windows, aperture.start, aperture.last);
	}
	list_for_each_entry(group, &ioas->groups, node)
		for (i = 0; i < group->reserved->nr; i++)
			iova_windows_exclude(windows, group->reserved->range[i].start,
					     group->reserved->range[i].last);
}

/*
 * Room for all groups, each with a domain of its own, and for one more with @reserved, so that
 * nothing has to be allocated once it is there.
 */
static int grow_windows(struct ioas *ioas, const struct reserved *reserved)
{
	struct iova_windows *windows = &ioas->windows;
	unsigned int capacity = 1 + 2 + reserved->nr;
	struct iova_range *range;
	struct attached_group *group;

	lockdep_assert_held_write(&ioas->lock);
	list_for_each_entry(group, &ioas->groups, node)
		capacity += 2 + group->reserved->nr;
	if (capacity <= windows->capacity)
		return 0;

	range = kcalloc(capacity, sizeof(*range), GFP_KERNEL_ACCOUNT);
	if (!range)
		return -ENOMEM;
	memcpy(range, windows->range, windows->nr * sizeof(*range));
	if (windows->range != &ioas->everything)
		kfree(windows->range);
	windows->range = range;
	windows->capacity = capacity;
	return 0;
}

static void free_regions(struct list_head *regions)
{
	struct iommu_resv_region *region, *next;

	list_for_each_entry_safe(region, next, regions, list)
		kfree(region);
}

static struct reserved *copy_regions(struct list_head *regions)
{
	struct iommu_resv_region *region;
	struct reserved *reserved;
	unsigned int nr = 0;

	list_for_each_entry(region, regions, list)
		nr++;
	reserved = kzalloc(struct_size(reserved, range, nr), GFP_KERNEL_ACCOUNT);
	if (!reserved)
		return ERR_PTR(-ENOMEM);
	list_for_each_entry(region, regions, list) {
		struct iova_range *range = &reserved->range[reserved->nr];

		if (!region->length)
			continue;
		range->start = ALIGN_DOWN(region->start, PAGE_SIZE);
		range->last = (region->start + region->length - 1) | (PAGE_SIZE - 1);
		reserved->nr++;
	}
	return reserved;
}

static struct reserved *get_reserved(struct iommu_group *group)
{
	struct reserved *reserved;
	LIST_HEAD(regions);
	int rc;

	rc = iommu_get_group_resv_regions(group, &regions);
	reserved = rc ? ERR_PTR(rc) : copy_regions(&regions);
	free_regions(&regions);
	return reserved;
}

static int check_range(struct ioas *ioas, u64 start, u64 last, struct iova_range *conflict)
{
	struct iova_node *node = iova_map_first(&ioas->map, start, last);

	lockdep_assert_held(&ioas->lock);
	if (!node)
		return 0;
	conflict->start = node->start;
	conflict->last = node->last;
	return -EADDRINUSE;
}

static int check_reserved(struct ioas *ioas, const struct reserved *reserved,
			  struct iova_range *conflict)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < reserved->nr && !rc; i++)
		rc = check_range(ioas, reserved->range[i].start, reserved->range[i].last, conflict);
	return rc;
}

/* Attaching may shrink the aperture, also that of a domain that was there before. */
static int check_aperture(struct ioas *ioas, const struct domain *domain,
			  struct iova_range *conflict)
{
	struct iova_range aperture = usable_aperture(domain);
	int rc = 0;

	if (aperture.start)
		rc = check_range(ioas, 0, aperture.start - 1, conflict);
	if (!rc && aperture.last != U64_MAX)
		rc = check_range(ioas, aperture.last + 1, U64_MAX, conflict);
	return rc;
}

static struct attached_group *group_alloc(struct ioas *ioas, struct iommu_group *iommu_group)
{
	struct attached_group *group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);

	if (!group)
		return ERR_PTR(-ENOMEM);
	group->group = iommu_group;
	INIT_LIST_HEAD(&group->attachments);
	group->reserved = get_reserved(iommu_group);
	if (IS_ERR(group->reserved)) {
		int rc = PTR_ERR(group->reserved);

		kfree(group);
		return ERR_PTR(rc);
	}
	return group;
}

static void group_free(struct attached_group *group)
{
	kfree(group->reserved);
	kfree(group);
}

static struct attached_group *find_group(struct ioas *ioas, const struct iommu_group *iommu_group)
{
	struct attached_group *group;

	lockdep_assert_held(&ioas->lock);
	list_for_each_entry(group, &ioas->groups, node)
		if (group->group == iommu_group)
			return group;
	return NULL;
}

/* A group that is not among those of the address space yet, but may become one. */
static struct attached_group *group_prepare(struct ioas *ioas, struct iommu_group *iommu_group,
					    struct iova_range *conflict)
{
	struct attached_group *group = group_alloc(ioas, iommu_group);
	int rc;

	if (IS_ERR(group))
		return group;
	rc = check_reserved(ioas, group->reserved, conflict);
	if (!rc)
		rc = grow_windows(ioas, group->reserved);
	if (rc) {
		group_free(group);
		return ERR_PTR(rc);
	}
	return group;
}

static void empty_and_free(struct ioas *ioas, struct domain *domain)
{
	mapping_empty_domain(ioas, domain);
	domain_free(domain);
}

static int attach_to_new_group(struct attachment *attachment, const struct compat_source *source,
			       struct iova_range *conflict)
{
	struct ioas *ioas = attachment->ioas;
	struct domain *domain;
	bool is_new;
	int rc;

	domain = domains_attach(&ioas->domains, source, &attachment->handle, &is_new);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	rc = check_aperture(ioas, domain, conflict);
	if (!rc && is_new)
		rc = mapping_fill_domain(ioas, domain);
	if (rc) {
		if (domain_detach(domain, source))
			domain_free(domain);
		return rc;
	}
	attachment->group->domain = domain;
	return 0;
}

static int attach(struct attachment *attachment, const struct compat_source *source,
		  struct iova_range *conflict)
{
	int rc;

	if (!attachment->group->domain)
		return attach_to_new_group(attachment, source, conflict);
	rc = domain_attach(attachment->group->domain, source, &attachment->handle);
	return rc == -EINVAL ? -EOPNOTSUPP : rc;
}

static int replace_existing(struct attachment *attachment, const struct compat_source *source,
			    struct domain_replacing *how)
{
	struct domain *domain;
	int rc;

	list_for_each_entry(domain, &attachment->ioas->domains.list, node) {
		rc = domain_replace(domain, source, how);
		if (!rc)
			attachment->group->domain = domain;
		if (rc != -EINVAL)
			return rc;
	}
	return -EINVAL;
}

/* The usual way: the source goes from one full page table to another. */
static int replace_with_full(struct attachment *attachment, struct domain *domain,
			     const struct compat_source *source, struct domain_replacing *how,
			     struct iova_range *conflict)
{
	struct ioas *ioas = attachment->ioas;
	int rc;

	if (!domain_has_pages(domain))
		return -EOPNOTSUPP;
	rc = check_aperture(ioas, domain, conflict) ?: mapping_fill_domain(ioas, domain);
	if (rc)
		return rc;
	rc = domain_replace(domain, source, how);
	if (rc)
		mapping_empty_domain(ioas, domain);
	return rc;
}

static int replace_with_empty(struct attachment *attachment, struct domain *domain,
			      const struct compat_source *source, struct domain_replacing *how,
			      struct iova_range *conflict)
{
	struct ioas *ioas = attachment->ioas;
	int rc;

	how->has_gap = true;
	rc = domain_replace(domain, source, how);
	if (rc)
		return rc;
	rc = domain_has_pages(domain) ? check_aperture(ioas, domain, conflict) : -EOPNOTSUPP;
	if (!rc)
		rc = mapping_fill_domain(ioas, domain);
	if (rc)
		domain_replace_back(domain, source, how);
	return rc;
}

static int replace_with_kind(struct attachment *attachment, const struct compat_source *source,
			     struct domain_replacing *how, struct iova_range *conflict,
			     enum compat_domain_kind kind)
{
	struct domain *domain;
	int rc;

	domain = domain_create(&attachment->ioas->domains, source->dev, kind);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	if (kind == COMPAT_DOMAIN_COMPLETE)
		rc = replace_with_full(attachment, domain, source, how, conflict);
	else
		rc = replace_with_empty(attachment, domain, source, how, conflict);
	if (rc) {
		domain_free(domain);
		return rc;
	}
	attachment->group->domain = domain;
	return 0;
}

static int replace_with_new(struct attachment *attachment, const struct compat_source *source,
			    struct domain_replacing *how, struct iova_range *conflict)
{
	enum compat_domain_kind kind;
	int rc;

	for (kind = 0; kind < COMPAT_NR_DOMAIN_KINDS; kind++) {
		rc = replace_with_kind(attachment, source, how, conflict, kind);
		if (!rc)
			compat_domain_kind_works(source->dev, kind);
		if (rc != -EINVAL)
			return rc;
	}
	return -EOPNOTSUPP;
}

static int take_over(struct attachment *attachment, struct attachment *from,
		     const struct compat_source *source, struct attachment_replacing *replacing)
{
	struct domain_replacing how = {
		.from = from->group->domain,
		.from_handle = &from->handle,
		.handle = &attachment->handle,
		.is_lost = from->is_lost,
	};
	int rc;

	if (attachment->group->domain) {
		rc = domain_replace(attachment->group->domain, source, &how);
		rc = rc == -EINVAL ? -EOPNOTSUPP : rc;
	} else {
		rc = replace_existing(attachment, source, &how);
		if (rc == -EINVAL)
			rc = replace_with_new(attachment, source, &how, &replacing->conflict);
	}
	from->is_lost = how.is_lost;
	replacing->has_gap = how.has_gap;
	replacing->is_lost = rc && how.is_lost;
	return rc;
}

/* @from: what the source is attached by now, or NULL if it is blocked. */
static int connect_locked(struct attachment *attachment, struct attachment *from,
			  const struct compat_source *source,
			  struct attachment_replacing *replacing)
{
	struct ioas *ioas = attachment->ioas;
	struct attached_group *group;
	int rc;

	lockdep_assert_held_write(&ioas->lock);
	if (ioas->freed)
		return -ENOENT;
	group = find_group(ioas, source->group) ?:
			group_prepare(ioas, source->group, &replacing->conflict);
	if (IS_ERR(group))
		return PTR_ERR(group);
	attachment->group = group;
	rc = from ? take_over(attachment, from, source, replacing) :
		    attach(attachment, source, &replacing->conflict);
	if (!rc) {
		if (list_empty(&group->attachments))
			list_add_tail(&group->node, &ioas->groups);
		list_add_tail(&attachment->node, &group->attachments);
	} else if (list_empty(&group->attachments)) {
		group_free(group);
	}
	/* Also after a failure: trying may have shrunk the aperture. */
	rebuild_windows(ioas);
	return rc;
}

static u32 number_of(const struct attachment *attachment)
{
	return attachment->pasid ? attachment->pasid->number : COMPAT_NO_PASID;
}

static struct attachment *connect(struct ioas *ioas, struct attachment *from, struct pasid *pasid,
				  const struct compat_source *source,
				  struct attachment_replacing *replacing)
{
	struct attachment *attachment = kzalloc(sizeof(*attachment), GFP_KERNEL_ACCOUNT);
	struct mapping *flushed;
	int rc;

	if (!attachment)
		return ERR_PTR(-ENOMEM);
	attachment->ioas = ioas;
	/* Who lists attachments sees it as soon as the lock is free. */
	attachment->pasid = pasid;
	attachment->nr_devices = from ? from->nr_devices : 1;
	delay_point("attach");
	down_write(&ioas->lock);
	flushed = flush_locked(ioas);
	rc = connect_locked(attachment, from, source, replacing);
	up_write(&ioas->lock);
	mapping_destroy_list(flushed);
	if (rc) {
		kfree(attachment);
		return ERR_PTR(rc);
	}
	if (pasid)
		pasid_get(pasid);
	ioas_get(ioas);
	atomic_add(attachment->nr_devices, &ioas->nr_devices);
	trace_ioasidfd_attach(ioas->id, iommu_group_id(source->group), source->pasid);
	return attachment;
}

/* Its source is blocked or attached to something else, and its domain has lost it. */
static void disconnect_locked(struct attachment *attachment, bool domain_is_unused)
{
	struct ioas *ioas = attachment->ioas;
	struct attached_group *group = attachment->group;

	lockdep_assert_held_write(&ioas->lock);
	list_del(&attachment->node);
	if (domain_is_unused)
		empty_and_free(ioas, group->domain);
	if (!list_empty(&group->attachments))
		return;
	list_del(&group->node);
	group_free(group);
	rebuild_windows(ioas);
}

static void attachment_free(struct attachment *attachment)
{
	struct ioas *ioas = attachment->ioas;

	atomic_sub(attachment->nr_devices, &ioas->nr_devices);
	if (attachment->pasid)
		pasid_put(attachment->pasid);
	ioas_put(ioas);
	kfree(attachment);
}

/* @dev: a device whose source has to be blocked first, or NULL if that has another attachment. */
static void disconnect(struct attachment *attachment, struct device *dev)
{
	struct ioas *ioas = attachment->ioas;
	struct attached_group *group = attachment->group;
	const struct compat_source source = {
		.group = group->group,
		.dev = dev,
		.pasid = number_of(attachment),
	};
	struct mapping *flushed;

	trace_ioasidfd_detach(ioas->id, iommu_group_id(group->group), source.pasid);
	down_write(&ioas->lock);
	flushed = flush_locked(ioas);
	disconnect_locked(attachment, dev && !attachment->is_lost ?
					      domain_detach(group->domain, &source) :
					      domain_put(group->domain));
	up_write(&ioas->lock);
	delay_point("attachment-detached");
	mapping_destroy_list(flushed);
	attachment_free(attachment);
}

struct attachment *attachment_create(struct ioas *ioas, struct iommu_group *group,
				     struct device *dev, struct pasid *pasid,
				     struct iova_range *conflict)
{
	const struct compat_source source = {
		.group = group,
		.dev = dev,
		.pasid = pasid ? pasid->number : COMPAT_NO_PASID,
	};
	struct attachment_replacing replacing = {};
	struct attachment *attachment;

	attachment = connect(ioas, NULL, pasid, &source, &replacing);
	*conflict = replacing.conflict;
	return attachment;
}

void attachment_add_device(struct attachment *attachment)
{
	WRITE_ONCE(attachment->nr_devices, attachment->nr_devices + 1);
	atomic_inc(&attachment->ioas->nr_devices);
}

bool attachment_remove_device(struct attachment *attachment, struct device *dev)
{
	if (attachment->nr_devices == 1) {
		disconnect(attachment, dev);
		return true;
	}
	WRITE_ONCE(attachment->nr_devices, attachment->nr_devices - 1);
	atomic_dec(&attachment->ioas->nr_devices);
	return false;
}

struct attachment *attachment_replace(struct attachment *from, struct ioas *ioas,
				      struct device *dev, struct attachment_replacing *replacing)
{
	const struct compat_source source = {
		.group = from->group->group,
		.dev = dev,
		.pasid = number_of(from),
	};
	struct attachment *attachment;

	attachment = connect(ioas, from, from->pasid, &source, replacing);
	if (!IS_ERR(attachment)) {
		delay_point("replace-attached");
		disconnect(from, NULL);
	}
	return attachment;
}

static void refresh_reserved(struct attachment *attachment)
{
	struct attached_group *group = attachment->group;
	struct reserved *reserved = get_reserved(group->group);
	struct ioas *ioas = attachment->ioas;

	if (IS_ERR(reserved))
		return;
	down_write(&ioas->lock);
	if (!grow_windows(ioas, reserved)) {
		swap(group->reserved, reserved);
		rebuild_windows(ioas);
	}
	up_write(&ioas->lock);
	kfree(reserved);
}

int attachment_add_member(struct attachment *attachment, struct device *dev)
{
	const struct compat_source source = {
		.group = attachment->group->group,
		.dev = dev,
		.pasid = number_of(attachment),
	};

	refresh_reserved(attachment);
	if (!attachment->pasid || attachment->is_lost)
		return 0;
	return compat_member_attach(attachment->group->domain->domain, &source);
}

void attachment_remove_member(struct attachment *attachment, struct device *dev)
{
	const struct compat_source source = {
		.group = attachment->group->group,
		.dev = dev,
		.pasid = number_of(attachment),
	};

	if (attachment->pasid && !attachment->is_lost)
		compat_member_detach(attachment->group->domain->domain, &source);
}

struct ioas *attachment_ioas(const struct attachment *attachment)
{
	return attachment->ioas;
}

unsigned int attachment_nr_devices(const struct attachment *attachment)
{
	return attachment->nr_devices;
}

void attachment_visit(struct ioas *ioas,
		      void (*visit)(void *arg, const struct attachment_usage *usage), void *arg)
{
	struct attachment_usage usage;
	struct attachment *attachment;
	struct attached_group *group;

	down_read(&ioas->lock);
	list_for_each_entry(group, &ioas->groups, node) {
		list_for_each_entry(attachment, &group->attachments, node) {
			usage.group = iommu_group_id(group->group);
			usage.pasid = number_of(attachment);
			/* Whoever changes it holds the group's lock, and need not hold this one. */
			usage.nr_devices = READ_ONCE(attachment->nr_devices);
			visit(arg, &usage);
			cond_resched();
		}
	}
	up_read(&ioas->lock);
}

unsigned int attachment_windows(struct ioas *ioas, struct iova_range *ranges, unsigned int nr)
{
	unsigned int count;

	down_read(&ioas->lock);
	count = ioas->windows.nr;
	if (nr)
		memcpy(ranges, ioas->windows.range, min(nr, count) * sizeof(*ranges));
	up_read(&ioas->lock);
	return count;
}

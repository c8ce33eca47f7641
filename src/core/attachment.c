// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attachments of groups to an address space, see attachment.h.
 */
#include <linux/err.h>
#include <linux/slab.h>

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
 * struct attachment - a group that uses an address space
 * @node: in &ioas.attachments
 * @ioas: the address space; holds a reference
 * @group: the group
 * @domain: the page table it uses
 * @reserved: what the group cannot use
 */
struct attachment {
	struct list_head node;
	struct ioas *ioas;
	struct iommu_group *group;
	struct domain *domain;
	struct reserved *reserved;
};

static void windows_init(struct ioas *ioas)
{
	ioas->windows.range = &ioas->everything;
	ioas->windows.capacity = 1;
	iova_windows_reset(&ioas->windows);
}

void attachment_init(struct ioas *ioas)
{
	INIT_LIST_HEAD(&ioas->attachments);
	windows_init(ioas);
}

void attachment_exit(struct ioas *ioas)
{
	WARN_ON(!list_empty(&ioas->attachments));
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
	struct attachment *attachment;
	struct domain *domain;
	unsigned int i;

	iova_windows_reset(windows);
	list_for_each_entry(domain, &ioas->domains.list, node) {
		struct iova_range aperture = usable_aperture(domain);

		exclude_outside(windows, aperture.start, aperture.last);
	}
	list_for_each_entry(attachment, &ioas->attachments, node)
		for (i = 0; i < attachment->reserved->nr; i++)
			iova_windows_exclude(windows, attachment->reserved->range[i].start,
					     attachment->reserved->range[i].last);
}

/*
 * Room for all attachments, each with a domain of its own, and for one more with @reserved, so that
 * nothing has to be allocated once it is there.
 */
static int grow_windows(struct ioas *ioas, const struct reserved *reserved)
{
	struct iova_windows *windows = &ioas->windows;
	unsigned int capacity = 1 + 2 + reserved->nr;
	struct iova_range *range;
	struct attachment *attachment;

	list_for_each_entry(attachment, &ioas->attachments, node)
		capacity += 2 + attachment->reserved->nr;
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

static struct attachment *attachment_alloc(struct ioas *ioas, struct iommu_group *group)
{
	struct attachment *attachment = kzalloc(sizeof(*attachment), GFP_KERNEL_ACCOUNT);
	int rc;

	if (!attachment)
		return ERR_PTR(-ENOMEM);
	attachment->ioas = ioas;
	attachment->group = group;
	attachment->reserved = get_reserved(group);
	if (IS_ERR(attachment->reserved)) {
		rc = PTR_ERR(attachment->reserved);
		kfree(attachment);
		return ERR_PTR(rc);
	}
	return attachment;
}

static void attachment_free(struct attachment *attachment)
{
	kfree(attachment->reserved);
	kfree(attachment);
}

static int check_range(struct ioas *ioas, u64 start, u64 last, struct iova_range *conflict)
{
	struct iova_node *node = iova_map_first(&ioas->map, start, last);

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

static int attach_domain(struct attachment *attachment, struct device *dev,
			 struct iova_range *conflict)
{
	struct ioas *ioas = attachment->ioas;
	struct domain *domain;
	bool is_new;
	int rc;

	domain = domains_attach(&ioas->domains, attachment->group, dev, &is_new);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	rc = check_aperture(ioas, domain, conflict);
	if (!rc && is_new)
		rc = mapping_fill_domain(ioas, domain);
	if (rc) {
		if (domain_detach(domain, attachment->group))
			domain_free(domain);
		return rc;
	}
	attachment->domain = domain;
	return 0;
}

static int attach_locked(struct attachment *attachment, struct device *dev,
			 struct iova_range *conflict)
{
	struct ioas *ioas = attachment->ioas;
	int rc;

	lockdep_assert_held_write(&ioas->lock);
	if (ioas->freed)
		return -ENOENT;
	rc = check_reserved(ioas, attachment->reserved, conflict);
	if (rc)
		return rc;
	rc = grow_windows(ioas, attachment->reserved);
	if (rc)
		return rc;
	rc = attach_domain(attachment, dev, conflict);
	if (!rc)
		list_add_tail(&attachment->node, &ioas->attachments);
	/* Also after a failure: trying may have shrunk the aperture. */
	rebuild_windows(ioas);
	return rc;
}

struct attachment *attachment_create(struct ioas *ioas, struct iommu_group *group,
				     struct device *dev, struct iova_range *conflict)
{
	struct attachment *attachment = attachment_alloc(ioas, group);
	struct mapping *flushed;
	int rc;

	if (IS_ERR(attachment))
		return attachment;
	down_write(&ioas->lock);
	flushed = flush_locked(ioas);
	rc = attach_locked(attachment, dev, conflict);
	up_write(&ioas->lock);
	mapping_destroy_list(flushed);
	if (rc) {
		attachment_free(attachment);
		return ERR_PTR(rc);
	}
	ioas_get(ioas);
	trace_ioasidfd_attach(ioas->id, iommu_group_id(group));
	return attachment;
}

void attachment_destroy(struct attachment *attachment)
{
	struct ioas *ioas = attachment->ioas;
	struct mapping *flushed;

	trace_ioasidfd_detach(ioas->id, iommu_group_id(attachment->group));
	down_write(&ioas->lock);
	flushed = flush_locked(ioas);
	list_del(&attachment->node);
	if (domain_detach(attachment->domain, attachment->group)) {
		mapping_empty_domain(ioas, attachment->domain);
		domain_free(attachment->domain);
	}
	rebuild_windows(ioas);
	up_write(&ioas->lock);
	mapping_destroy_list(flushed);
	attachment_free(attachment);
	ioas_put(ioas);
}

void attachment_refresh(struct attachment *attachment)
{
	struct reserved *reserved = get_reserved(attachment->group);
	struct ioas *ioas = attachment->ioas;

	if (IS_ERR(reserved))
		return;
	down_write(&ioas->lock);
	if (!grow_windows(ioas, reserved)) {
		swap(attachment->reserved, reserved);
		rebuild_windows(ioas);
	}
	up_write(&ioas->lock);
	kfree(reserved);
}

struct ioas *attachment_ioas(const struct attachment *attachment)
{
	return attachment->ioas;
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

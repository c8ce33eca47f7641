// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables of an address space, see domains.h.
 */
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../compat/compat.h"
#include "domains.h"

static void pending_init(struct domain *domain)
{
	iommu_iotlb_gather_init(&domain->pending);
	domain->pending_start = U64_MAX;
	domain->pending_last = 0;
}

int domain_attach(struct domain *domain, const struct compat_source *source,
		  struct compat_handle *handle)
{
	int rc = compat_attach(domain->domain, source, handle);

	if (!rc)
		domain->nr_sources++;
	return rc;
}

static struct domain *attach_existing(struct domains *domains, const struct compat_source *source,
				      struct compat_handle *handle)
{
	struct domain *domain;
	int rc;

	list_for_each_entry(domain, &domains->list, node) {
		rc = domain_attach(domain, source, handle);
		if (!rc)
			return domain;
		/* The source's IOMMU cannot use this page table; it may be able to use another. */
		if (rc != -EINVAL)
			return ERR_PTR(rc);
	}
	return NULL;
}

struct domain *domain_create(struct domains *domains, struct device *dev,
			     enum compat_domain_kind kind)
{
	struct domain *domain = kzalloc(sizeof(*domain), GFP_KERNEL_ACCOUNT);
	int rc;

	if (!domain)
		return ERR_PTR(-ENOMEM);
	domain->domain = compat_domain_alloc(dev, kind);
	if (IS_ERR(domain->domain)) {
		rc = PTR_ERR(domain->domain);
		kfree(domain);
		return ERR_PTR(rc);
	}
	pending_init(domain);
	list_add_tail(&domain->node, &domains->list);
	return domain;
}

static struct domain *attach_new_kind(struct domains *domains, const struct compat_source *source,
				      struct compat_handle *handle, enum compat_domain_kind kind)
{
	struct domain *domain;
	int rc;

	domain = domain_create(domains, source->dev, kind);
	if (IS_ERR(domain))
		return domain;
	rc = domain_attach(domain, source, handle);
	if (rc)
		goto err_free;
	if (!domain_has_pages(domain)) {
		rc = -EOPNOTSUPP;
		goto err_detach;
	}
	return domain;

err_detach:
	domain_detach(domain, source);
err_free:
	domain_free(domain);
	return ERR_PTR(rc);
}

static struct domain *attach_new(struct domains *domains, const struct compat_source *source,
				 struct compat_handle *handle)
{
	enum compat_domain_kind kind;
	struct domain *domain;

	for (kind = 0; kind < COMPAT_NR_DOMAIN_KINDS; kind++) {
		domain = attach_new_kind(domains, source, handle, kind);
		if (!IS_ERR(domain))
			compat_domain_kind_works(source->dev, kind);
		if (domain != ERR_PTR(-EINVAL))
			return domain;
	}
	return ERR_PTR(-EOPNOTSUPP);
}

struct domain *domains_attach(struct domains *domains, const struct compat_source *source,
			      struct compat_handle *handle, bool *is_new)
{
	struct domain *domain = attach_existing(domains, source, handle);

	*is_new = !domain;
	return domain ?: attach_new(domains, source, handle);
}

bool domain_has_pages(const struct domain *domain)
{
	return domain->domain->pgsize_bitmap & PAGE_SIZE;
}

bool domain_put(struct domain *domain)
{
	return --domain->nr_sources == 0;
}

bool domain_detach(struct domain *domain, const struct compat_source *source)
{
	compat_detach(domain->domain, source);
	return domain_put(domain);
}

/* Through the blocked state, and back again if the other domain does not take it. */
static int replace_by_attaching(struct domain *domain, const struct compat_source *source,
				struct domain_replacing *replacing)
{
	struct domain *from = replacing->from;
	int rc;

	replacing->has_gap = true;
	if (!replacing->is_lost)
		compat_detach(from->domain, source);
	rc = compat_attach(domain->domain, source, replacing->handle);
	replacing->is_lost = rc && compat_attach(from->domain, source, replacing->from_handle);
	return rc;
}

static int replace(struct domain *domain, const struct compat_source *source,
		   struct domain_replacing *replacing)
{
	if (compat_can_replace(source->pasid) && !replacing->is_lost)
		return compat_replace(domain->domain, source, replacing->handle);
	return replace_by_attaching(domain, source, replacing);
}

int domain_replace(struct domain *domain, const struct compat_source *source,
		   struct domain_replacing *replacing)
{
	int rc = replace(domain, source, replacing);

	if (!rc)
		domain->nr_sources++;
	return rc;
}

/* What is counted in the other domain is protected by the lock of another address space. */
void domain_replace_back(struct domain *domain, const struct compat_source *source,
			 struct domain_replacing *replacing)
{
	struct domain_replacing back = {
		.from = domain,
		.from_handle = replacing->handle,
		.handle = replacing->from_handle,
	};

	replacing->is_lost = replace(replacing->from, source, &back);
	if (replacing->is_lost && !back.is_lost)
		compat_detach(domain->domain, source);
	domain_put(domain);
}

void domain_free(struct domain *domain)
{
	list_del(&domain->node);
	iommu_domain_free(domain->domain);
	kfree(domain);
}

/* Between turns others may run. */
static noinline u64 unmap_in_turns(struct iommu_domain *domain, u64 iova, u64 length,
				   struct iommu_iotlb_gather *gather)
{
	u64 done = 0, turn, size;

	do {
		turn = PUD_SIZE - ((iova + done) & ~PUD_MASK);
		/* That may be more, if it is all one large page to the IOMMU. */
		size = iommu_unmap_fast(domain, iova + done, min(turn, length - done), gather);
		done += size;
		cond_resched();
	} while (size && done < length);
	return done;
}

static __always_inline bool unmap_all(struct domain *domain, u64 iova, u64 length,
				      struct iommu_iotlb_gather *gather)
{
	u64 done = length <= PUD_SIZE ? iommu_unmap_fast(domain->domain, iova, length, gather) :
					unmap_in_turns(domain->domain, iova, length, gather);

	return !WARN_ON(done != length);
}

void domain_unmap_begin(struct domain_unmap *unmap, struct domain *domain)
{
	unmap->domain = domain;
	unmap->start = U64_MAX;
	unmap->last = 0;
	iommu_iotlb_gather_init(&unmap->gather);
}

bool domain_unmap(struct domain_unmap *unmap, u64 iova, u64 length)
{
	unmap->start = min(unmap->start, iova);
	unmap->last = max(unmap->last, iova + length - 1);
	return unmap_all(unmap->domain, iova, length, &unmap->gather);
}

void domain_unmap_end(struct domain_unmap *unmap)
{
	/* Drivers take an empty range for an enormous one. */
	if (unmap->start <= unmap->last)
		compat_iotlb_sync(unmap->domain->domain, &unmap->gather, unmap->start, unmap->last);
}

bool domain_unmap_now(struct domain *domain, u64 iova, u64 length)
{
	struct domain_unmap unmap;
	bool complete;

	domain_unmap_begin(&unmap, domain);
	complete = domain_unmap(&unmap, iova, length);
	domain_unmap_end(&unmap);
	return complete;
}

static bool undo_map(struct domain *domain, u64 iova, u64 length)
{
	return !length || domain_unmap_now(domain, iova, length);
}

int domain_map_pins(struct domain *domain, u64 iova, const struct pin_cursor *start, u64 nr_pages,
		    int prot, bool *stuck)
{
	u64 done = 0, length = nr_pages << PAGE_SHIFT;
	struct pin_cursor cursor = *start;
	struct pin_run run;
	int rc;

	while (done < length && pin_cursor_next(&cursor, &run)) {
		u64 size = min((u64)run.nr << PAGE_SHIFT, length - done);

		rc = compat_map(domain->domain, iova + done, PFN_PHYS(run.pfn), size, prot);
		if (rc) {
			*stuck |= !undo_map(domain, iova, done);
			return rc;
		}
		done += size;
		cond_resched();
	}
	return 0;
}

static int domain_map_buffer(struct domain *domain, u64 iova, struct pin_buffer *buffer, int prot)
{
	const struct pin_run *run;
	u64 done = 0;
	int rc;

	for (run = buffer->run; run < buffer->run + buffer->nr_runs; run++) {
		rc = compat_map(domain->domain, iova + done, PFN_PHYS(run->pfn),
				(size_t)run->nr << PAGE_SHIFT, prot);
		if (rc) {
			buffer->stuck |= !undo_map(domain, iova, done);
			return rc;
		}
		done += (u64)run->nr << PAGE_SHIFT;
	}
	return 0;
}

int domains_map_buffer(struct domains *domains, u64 iova, struct pin_buffer *buffer, int prot)
{
	struct domain *domain;
	int rc;

	list_for_each_entry(domain, &domains->list, node) {
		rc = domain_map_buffer(domain, iova, buffer, prot);
		if (rc)
			goto err_undo;
	}
	return 0;

err_undo:
	list_for_each_entry_continue_reverse(domain, &domains->list, node)
		buffer->stuck |= !undo_map(domain, iova, buffer->nr_pages << PAGE_SHIFT);
	return rc;
}

int domains_map_run(struct domains *domains, u64 iova, const struct pin_run *run, int prot,
		    bool *stuck)
{
	size_t length = (size_t)run->nr << PAGE_SHIFT;
	struct domain *domain;
	int rc;

	list_for_each_entry(domain, &domains->list, node) {
		rc = compat_map(domain->domain, iova, PFN_PHYS(run->pfn), length, prot);
		if (rc)
			goto err_undo;
	}
	return 0;

err_undo:
	list_for_each_entry_continue_reverse(domain, &domains->list, node)
		*stuck |= !undo_map(domain, iova, length);
	return rc;
}

/*
 * Invalidation is put off by telling the driver that somebody else queues it: it then collects the
 * page-table pages that it took out, and no ranges.
 */
bool domain_unmap_later(struct domain *domain, u64 iova, u64 length)
{
	bool complete;

	domain->pending.queued = true;
	complete = unmap_all(domain, iova, length, &domain->pending);
	domain->pending_start = min(domain->pending_start, iova);
	domain->pending_last = max(domain->pending_last, iova + length - 1);
	return complete;
}

/*
 * One invalidation for all: of the hull, which drivers widen to the whole domain when it is large.
 */
void domain_flush(struct domain *domain)
{
	if (domain->pending_start > domain->pending_last)
		return;
	compat_gather_range(domain->domain, &domain->pending, domain->pending_start,
			    domain->pending_last);
	compat_iotlb_sync(domain->domain, &domain->pending, domain->pending_start,
			  domain->pending_last);
	pending_init(domain);
}

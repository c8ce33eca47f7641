/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page tables of one I/O address space.
 *
 * Devices behind different IOMMUs cannot always share a page table, so an address space has one
 * iommu_domain for each kind of IOMMU among its groups, and all of them say the same. Owns the
 * domains and how many sources (the RIDs of a group, or a PASID) are attached to each; knows
 * groups, physical runs and IOVAs, and nothing of users, mappings' bookkeeping or pinning policy.
 *
 * Locks: the caller's lock excludes attaching, detaching and freeing against everything else here;
 * mapping and unmapping of ranges that do not overlap may run at the same
 * time.
 *
 * Order: a group is attached to an empty domain and the domain is filled afterwards, because on
 * some kernels page sizes, aperture, or the very page table exist only after the first attach. The
 * group's owner is told that DMA is possible when everything is in place. Where another domain is
 * being replaced it is the other way round if the kernel allows it.
 */
#ifndef IOASIDFD_DOMAINS_H
#define IOASIDFD_DOMAINS_H

#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/types.h>

#include "../compat/attach.h"
#include "pin.h"

/**
 * struct domains - the domains of one address space
 * @list: of &struct domain
 */
struct domains {
	struct list_head list;
};

/**
 * struct domain - one page table
 * @node: in &domains.list
 * @domain: the iommu core's object
 * @nr_sources: what is attached to it
 * @pending: what domain_unmap_later() left to invalidate
 * @pending_start: first address of it; above @pending_last if there is nothing
 * @pending_last: last address of it
 */
struct domain {
	struct list_head node;
	struct iommu_domain *domain;
	unsigned int nr_sources;
	struct iommu_iotlb_gather pending;
	u64 pending_start;
	u64 pending_last;
};

static inline void domains_init(struct domains *domains)
{
	INIT_LIST_HEAD(&domains->list);
}

static inline bool domains_empty(const struct domains *domains)
{
	return list_empty(&domains->list);
}

/*
 * Attach @source, which the caller owns and which is blocked, to a domain that its IOMMU can use.
 * *@is_new: the domain was made for it, is empty, and the caller has to fill it. -EOPNOTSUPP,
 * -ENOMEM, -EBUSY, or the driver's errno.
 */
struct domain *domains_attach(struct domains *domains, const struct compat_source *source,
			      struct compat_handle *handle, bool *is_new);

/* Attach it to this one. -EINVAL: the domain does not suit it. */
int domain_attach(struct domain *domain, const struct compat_source *source,
		  struct compat_handle *handle);

/*
 * Block the source's DMA. True if nothing is attached any more: the caller has to empty the domain
 * and to free it.
 */
bool domain_detach(struct domain *domain, const struct compat_source *source);

/* Can it map single pages of the processor? Final once a source is attached. */
bool domain_has_pages(const struct domain *domain);

/* One without sources for domain_replace(); -EINVAL if the IOMMU's driver has none of @kind. */
struct domain *domain_create(struct domains *domains, struct device *dev,
			     enum compat_domain_kind kind);

/**
 * struct domain_replacing - how a source gets from one domain to another
 * @from: what it is attached to now
 * @from_handle: what that was attached with
 * @handle: new
 * @has_gap: set if its DMA was blocked for a time
 * @is_lost: neither domain could be attached, its DMA is blocked; also an input, from the last time
 */
struct domain_replacing {
	struct domain *from;
	struct compat_handle *from_handle;
	struct compat_handle *handle;
	bool has_gap;
	bool is_lost;
};

/*
 * Attach the source to @domain in place of another one. On success that one has a source less: see
 * domain_put(). On failure it is attached to the former one, unless it is lost, which counts as
 * being attached. -EINVAL: the domain does not suit it.
 */
int domain_replace(struct domain *domain, const struct compat_source *source,
		   struct domain_replacing *replacing);

/*
 * The reverse of one that succeeded, before the former domain was put: the source was counted there
 * all the time. If it fails the source is lost.
 */
void domain_replace_back(struct domain *domain, const struct compat_source *source,
			 struct domain_replacing *replacing);

/* A source was attached to another domain. True as for domain_detach(). */
bool domain_put(struct domain *domain);

void domain_free(struct domain *domain);

/*
 * Map @nr_pages pages, from @start on, at @iova. All or nothing; if taking back fails, *@stuck is
 * set, else it is left alone.
 */
int domain_map_pins(struct domain *domain, u64 iova, const struct pin_cursor *start, u64 nr_pages,
		    int prot, bool *stuck);

/*
 * Map the pages in @buffer at @iova into every domain. All or nothing; if taking back fails, the
 * buffer is stuck.
 */
int domains_map_buffer(struct domains *domains, u64 iova, struct pin_buffer *buffer, int prot);

/* Map one run. All or nothing; *@stuck as for a buffer, else it is left alone. */
int domains_map_run(struct domains *domains, u64 iova, const struct pin_run *run, int prot,
		    bool *stuck);

/* Unmap one range, out of reach of devices on return. False as below. */
bool domain_unmap_now(struct domain *domain, u64 iova, u64 length);

/*
 * Unmapping of any number of ranges: begin, unmap each, end. Devices may still reach the memory
 * until the end returns. False from domain_unmap(): the driver did not unmap all of it, and the
 * pages must never be unpinned.
 */
struct domain_unmap {
	struct domain *domain;
	struct iommu_iotlb_gather gather;
	u64 start;
	u64 last;
};

void domain_unmap_begin(struct domain_unmap *unmap, struct domain *domain);
bool domain_unmap(struct domain_unmap *unmap, u64 iova, u64 length);
void domain_unmap_end(struct domain_unmap *unmap);

/*
 * Unmapping without invalidation: devices may still reach the memory until domain_flush(), which
 * takes one invalidation however many ranges there were. The caller excludes both against each
 * other. A domain is flushed before it is freed.
 */
bool domain_unmap_later(struct domain *domain, u64 iova, u64 length);
void domain_flush(struct domain *domain);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page tables of one I/O address space.
 *
 * Devices behind different IOMMUs cannot always share a page table, so an address space has one
 * iommu_domain for each kind of IOMMU among its groups, and all of them say the same. Owns the
 * domains and which group is attached to which; knows groups, physical runs and IOVAs, and nothing
 * of users, mappings' bookkeeping or pinning policy.
 *
 * Locks: the caller's lock excludes domains_attach(), domain_detach() and domain_free() against
 * everything else here; mapping and unmapping of ranges that do not overlap may run at the same
 * time.
 *
 * Order: a group is attached to an empty domain and the domain is filled afterwards, because on
 * some kernels page sizes, aperture, or the very page table exist only after the first attach. The
 * group's owner is told that DMA is possible when everything is in place.
 */
#ifndef IOASIDFD_DOMAINS_H
#define IOASIDFD_DOMAINS_H

#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/types.h>

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
 * @nr_groups: groups attached to it
 * @pending: what domain_unmap_later() left to invalidate
 * @pending_start: first address of it; above @pending_last if there is nothing
 * @pending_last: last address of it
 */
struct domain {
	struct list_head node;
	struct iommu_domain *domain;
	unsigned int nr_groups;
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
 * Attach @group, which the caller owns and keeps non-empty, to a domain that @dev's IOMMU can use.
 * *@is_new: the domain was made for it, is empty, and the caller has to fill it. -EOPNOTSUPP,
 * -ENOMEM, -EBUSY, or the driver's errno.
 */
struct domain *domains_attach(struct domains *domains, struct iommu_group *group,
			      struct device *dev, bool *is_new);

/*
 * Block the group's DMA. True if it was the last group: the caller has to empty the domain and to
 * free it.
 */
bool domain_detach(struct domain *domain, struct iommu_group *group);
void domain_free(struct domain *domain);

/* Map @nr_pages pages of @pins, from page @from on, at @iova. All or nothing. */
int domain_map_pins(struct domain *domain, u64 iova, const struct pins *pins, u64 from,
		    u64 nr_pages, int prot);

/*
 * Map the pages in @buffer at @iova into every domain. All or nothing; if taking back fails, the
 * buffer is stuck.
 */
int domains_map_buffer(struct domains *domains, u64 iova, struct pin_buffer *buffer, int prot);

/*
 * Unmapping of any number of ranges: begin, unmap each, end. Devices may still reach the memory
 * until the end returns. False from domain_unmap(): the driver did not unmap all of it, and the
 * pages must never be unpinned.
 */
struct domain_unmap {
	struct domain *domain;
	struct iommu_iotlb_gather gather;
	bool used;
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

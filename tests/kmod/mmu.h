/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translation, the way hardware does it: domains (page tables), contexts (what the RID or a PASID
 * of a device uses), and a TLB per context that keeps what it translated until it is told to
 * forget.
 *
 * A TLB entry is one 4 KiB page, whatever the leaf, and stays until one of these:
 * mmu_invalidate() of a range that holds it, a change of the context's domain. Nothing else
 * evicts it, so a missing invalidation always shows.
 *
 * Ordering: an access finds its context, translates, and touches memory under the device's lock.
 * Invalidation and a change of domain take the same lock. Hence, when they return, every access
 * through an old translation has finished, its memory has changed, and no new one can start. The
 * lock is held for one page at most.
 *
 * Locks: contexts_lock (who uses which domain), then mmu_device.lock. Both are taken with
 * interrupts off, so invalidation works in any context.
 */
#ifndef MOCK_MMU_H
#define MOCK_MMU_H

#include <linux/iommu.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "mock.h"
#include "page_table.h"

/**
 * struct mmu_domain - a page table with the contexts that use it
 * @domain: of the IOMMU core
 * @number: in the log; never 0
 * @table: the page table
 * @contexts: list of mmu_context.node; contexts_lock
 * @nr_contexts: its length; may be read without the lock
 * @reporters: those who tell the core about a fault right now; keeps the domain from being freed
 */
struct mmu_domain {
	struct iommu_domain domain;
	u32 number;
	struct page_table table;
	struct list_head contexts;
	unsigned int nr_contexts;
	atomic_t reporters;
};

/**
 * struct mmu_context - what translates for the RID or for one PASID of a device
 * @device: the device
 * @pasid: number, 0 for the RID
 * @domain: NULL (nothing), the identity or the blocking domain, or that in a mmu_domain. Changed
 *	with both locks held
 * @node: in the domain
 * @tlb: translations by page number; mmu_device.lock
 * @rcu: for freeing
 */
struct mmu_context {
	struct mmu_device *device;
	u32 pasid;
	struct iommu_domain *domain;
	struct list_head node;
	struct xarray tlb;
	struct rcu_head rcu;
};

/**
 * struct mmu_device - a device as the IOMMU sees it
 * @number: of the device
 * @lock: see above
 * @rid: context of untagged DMA
 * @pasids: contexts by PASID; the IOMMU core serialises changes
 * @nr_pasids: how many
 */
struct mmu_device {
	u32 number;
	spinlock_t lock;
	struct mmu_context rid;
	struct xarray pasids;
	unsigned int nr_pasids;
};

/**
 * struct mmu_access - one access that does not cross a page
 * @pasid: tag
 * @has_pasid: is it tagged?
 * @write: or read
 * @identity_allowed: see MOCK_DMA_IDENTITY
 * @iova: first byte
 * @run: does the access, at the address where the page is mapped; atomic context
 * @private: for @run
 * @seen: bits of &enum mock_dma_seen are added
 * @reported: after a fault in a paging domain: the domain, which mmu_reported() lets go
 */
struct mmu_access {
	u32 pasid;
	bool has_pasid;
	bool write;
	bool identity_allowed;
	u64 iova;
	void (*run)(void *address, void *private);
	void *private;
	u32 seen;
	struct mmu_domain *reported;
};

static inline bool mmu_is_paging(const struct iommu_domain *domain)
{
	return domain && domain->type & __IOMMU_DOMAIN_PAGING;
}

static inline struct mmu_domain *to_mmu_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct mmu_domain, domain);
}

/* Number for the log; 0 if it has none. */
u32 mmu_domain_number(struct iommu_domain *domain);

struct mmu_domain *mmu_domain_create(void);
void mmu_domain_destroy(struct mmu_domain *domain);

/* Forget translations of the domain in every TLB. */
void mmu_invalidate(struct mmu_domain *domain, u64 first, u64 last);

void mmu_device_init(struct mmu_device *device, u32 number);

/* The RID uses @domain from now on: what it used before. */
struct iommu_domain *mmu_set_rid(struct mmu_device *device, struct iommu_domain *domain);

/* @expected: what the PASID uses now, NULL if nothing. Anything else is a violation. */
int mmu_set_pasid(struct mmu_device *device, u32 pasid, struct iommu_domain *domain,
		  struct iommu_domain *expected);
void mmu_remove_pasid(struct mmu_device *device, u32 pasid, struct iommu_domain *expected);

/* The device leaves: RID and PASIDs use nothing. */
void mmu_device_clear(struct mmu_device *device);

/* MOCK_FAULT_NONE if @run was called, else why not. */
enum mock_fault_reason mmu_access(struct mmu_device *device, struct mmu_access *access);
void mmu_reported(struct mmu_access *access);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * I/O address spaces: the object behind an IOASID.
 *
 * Owns the life of an address space. What is mapped in it is the business of mapping.h, who may use
 * it that of attachment.h; both work on the structure below.
 *
 * Lifetimes: the context holds one reference until IOASID_FREE or the end of the context, every
 * device that was allowed to use the address space holds one, and so does every call under way. The
 * address space holds the context. Freeing empties it at once, whoever still holds it; the last
 * reference returns the number.
 *
 * Locks: @lock comes after every lock of groups and devices, and before the locks inside the iommu
 * core. Held for writing to change what is mapped or attached, for reading to add pages to a
 * mapping that is being made. No lock is held while user memory is touched or pinned.
 */
#ifndef IOASIDFD_IOAS_H
#define IOASIDFD_IOAS_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>

#include "context.h"
#include "domains.h"
#include "iova_map.h"

struct flush_timer;
struct mapping;
struct pasid;
struct pasid_quota;

/**
 * struct ioas - an I/O address space
 * @ref: references
 * @id: its IOASID, fixed
 * @ctx: its context, fixed; holds a reference
 * @lock: see above; protects what follows
 * @freed: IOASID_FREE was called: nothing is mapped, nothing can be
 * @map: the &struct mapping objects by IOVA
 * @domains: the page tables
 * @groups: whose DMA goes here: of &struct attached_group
 * @pasid: the PASID that the kernel chose for it, holds a reference; NULL before and after; read
 *	under RCU as well
 * @windows: IOVAs that every attached group can reach
 * @everything: what @windows uses while nothing is attached
 * @flush_later: see &struct flush_timer; NULL if every unmap invalidates at once
 * @pending: mappings that are gone but for the invalidation: their IOVAs and pages are still held
 * @nr_pending: how many
 * @nr_pending_pages: their lengths
 * @next_iova: where the search for a free IOVA goes on if invalidation is put off
 * @nr_mappings: mappings, without the pending ones
 * @nr_mapped_pages: their lengths
 * @nr_devices: devices that are allowed to use it; not under @lock
 * @spare_lock: comes last of all; protects @spare and @nr_spare
 * @spare: mappings that are out of use, for the next ones
 * @nr_spare: how many
 * @rcu: for lookups
 */
struct ioas {
	refcount_t ref;
	u32 id;
	struct ioasidfd_context *ctx;
	struct rw_semaphore lock;
	bool freed;
	struct iova_map map;
	struct domains domains;
	struct list_head groups;
	struct pasid *pasid;
	struct iova_windows windows;
	struct iova_range everything;
	struct flush_timer *flush_later;
	struct mapping *pending;
	u64 nr_pending;
	u64 nr_pending_pages;
	u64 next_iova;
	u64 nr_mappings;
	u64 nr_mapped_pages;
	atomic_t nr_devices;
	spinlock_t spare_lock;
	struct mapping *spare;
	unsigned int nr_spare;
	struct rcu_head rcu;
};

/*
 * A new address space with a number that nobody can look up yet; end with ioas_publish() or
 * ioas_put(). @flush_later: unmapping may put invalidation off. -ENOSPC, -ENOMEM.
 */
struct ioas *ioas_create(struct ioasidfd_context *ctx, bool flush_later);
void ioas_publish(struct ioas *ioas);

/* A reference to the address space with this number, or NULL if there is none or it was freed. */
struct ioas *ioas_lookup(struct ioasidfd_context *ctx, u32 id);
/* The same, but also one that was freed and is still held by a device. */
struct ioas *ioas_lookup_any(struct ioasidfd_context *ctx, u32 id);

static inline void ioas_get(struct ioas *ioas)
{
	refcount_inc(&ioas->ref);
}

void ioas_release(struct ioas *ioas);

static inline void ioas_put(struct ioas *ioas)
{
	if (refcount_dec_and_test(&ioas->ref))
		ioas_release(ioas);
}

/*
 * The PASID of the address space, chosen now if it has none. Errors and arguments as
 * pasid_choose(); -ENOENT: it was freed. *@is_fresh: see ioas_forget_pasid(). Takes &ioas.lock.
 */
struct pasid *ioas_get_pasid(struct ioas *ioas, struct device *dev,
			     bool (*is_taken)(void *arg, u32 number), void *arg,
			     struct pasid_quota *quota, bool *is_fresh);

/* It was chosen for something that failed. Nothing happens if it is in use all the same. */
void ioas_forget_pasid(struct ioas *ioas);

/* Empty it for good and drop the context's reference. -ENOENT if somebody else was faster. */
int ioas_free(struct ioas *ioas);

/* The end of a context: free what it holds. */
void ioas_free_all(struct ioasidfd_context *ctx);

/**
 * struct ioas_usage - a glance at an address space
 * @id: its number
 * @pasid: its PASID; 0 if it has none of its own
 * @nr_mappings: mappings
 * @nr_mapped_pages: their lengths
 * @nr_pending_pages: pages whose invalidation is pending
 * @nr_devices: devices that are allowed to use it
 * @freed: it lives on in its devices only
 */
struct ioas_usage {
	u32 id;
	u32 pasid;
	u64 nr_mappings;
	u64 nr_mapped_pages;
	u64 nr_pending_pages;
	unsigned int nr_devices;
	bool freed;
};

/* The usage of the first address space with a number not below @from. False if there is none. */
bool ioas_usage_from(struct ioasidfd_context *ctx, u32 from, struct ioas_usage *usage);

int ioas_init(void);
void ioas_exit(void);

#endif

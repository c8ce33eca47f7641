/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mappings: which memory is at which IOVA of an address space.
 *
 * Owns the &struct mapping objects in &ioas.map and keeps three things in step: the IOVA map, the
 * pinned pages, and the page tables. Invariant, whenever &ioas.lock is free: every domain of the
 * address space maps exactly the pages that the mappings say are pinned, and nothing else. Knows
 * nothing of devices, groups and ioctls.
 *
 * A change is made in two steps, with the reply to user space between them: begin decides and can
 * fail, commit cannot, abort takes back. What is between begin and commit belongs to that call
 * alone; to others a mapping that is being made is not there yet, and one that is being removed
 * still is, but cannot be removed by them.
 *
 * Context of all functions: may sleep, &ioas.lock not held, unless it says otherwise.
 */
#ifndef IOASIDFD_MAPPING_H
#define IOASIDFD_MAPPING_H

#include "ioas.h"
#include "iova_map.h"
#include "pin.h"

struct mapping;

/**
 * struct map_request - what to map where; checked for alignment and wrapping by the caller
 * @user_va: first byte of the memory of the current task
 * @length: bytes
 * @iova: where, if @fixed
 * @fixed: the caller chose the IOVA
 * @flags: IOASID_MAP_READ and IOASID_MAP_WRITE
 */
struct map_request {
	u64 user_va;
	u64 length;
	u64 iova;
	bool fixed;
	u32 flags;
};

/**
 * struct map_refusal - why it was not mapped
 * @range: after -EEXIST what is in the way, after -EADDRNOTAVAIL where there is room
 * @quota: after -EDQUOT
 */
struct map_refusal {
	struct iova_range range;
	struct pin_quota quota;
};

int mapping_init(void);
void mapping_exit(void);

/*
 * Pin, charge, and map. The errors are those of IOASID_MAP. On success the memory is visible to
 * devices, and the caller ends with mapping_commit() or mapping_abort().
 */
struct mapping *mapping_begin(struct ioas *ioas, const struct map_request *request,
			      struct map_refusal *refusal);
u64 mapping_iova(const struct mapping *mapping);
void mapping_commit(struct ioas *ioas, struct mapping *mapping);
void mapping_abort(struct ioas *ioas, struct mapping *mapping);

/**
 * struct unmapping - mappings on their way out
 * @first: the first of them
 * @bytes: sum of their lengths
 * @cut: after -EINVAL the mapping that reaches out of the range
 */
struct unmapping {
	struct mapping *first;
	u64 bytes;
	struct iova_range cut;
};

/*
 * Select all mappings in a range, which may be everything. -ENOENT: none; -EINVAL; nothing is
 * removed yet.
 */
int unmapping_begin(struct ioas *ioas, u64 start, u64 last, struct unmapping *unmapping);
void unmapping_commit(struct ioas *ioas, struct unmapping *unmapping);
void unmapping_abort(struct ioas *ioas, struct unmapping *unmapping);

/**
 * struct mapping_view - a look at a mapping
 * @range: its IOVAs
 * @user_va: where the memory was
 * @flags: IOASID_MAP_READ and IOASID_MAP_WRITE
 */
struct mapping_view {
	struct iova_range range;
	u64 user_va;
	u32 flags;
};

/* The lowest mapping in [start, last]. -ENOENT. */
int mapping_query(struct ioas *ioas, u64 start, u64 last, struct mapping_view *view);

/* Remove everything and refuse what comes. False if that had been done before. */
bool mapping_end(struct ioas *ioas);

/*
 * Fill a new domain with everything that is mapped: all or nothing. Caller holds &ioas.lock for
 * writing.
 */
int mapping_fill_domain(struct ioas *ioas, struct domain *domain);

/* Empty a domain that no group is attached to any more. Caller holds &ioas.lock for writing. */
void mapping_empty_domain(struct ioas *ioas, struct domain *domain);

#endif

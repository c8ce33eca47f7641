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
 * Lifetimes: a mapping is in the map of one address space until it is removed. A copy shares the
 * pages of the mapping it was made from, which lives on, out of any map, until its last copy is
 * gone.
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
 * @start: first byte of the memory: an address of the current task, or an offset in @file
 * @file: file of shared memory, or NULL
 * @length: bytes
 * @iova: where, if the flags say so
 * @flags: IOASID_MAP_READ, IOASID_MAP_WRITE and IOASID_MAP_FIXED_IOVA
 * @ahead: pages that may be pinned already, or NULL
 */
struct map_request {
	u64 start;
	struct file *file;
	struct pin_ahead *ahead;
	u64 length;
	u64 iova;
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

/* The same, and commit it: for a caller whose IOVA is fixed. */
int mapping_make(struct ioas *ioas, const struct map_request *request, struct map_refusal *refusal);

/*
 * The same with pages that are mapped already: @request->start is an IOVA of @from, which may be
 * @ioas. -ENOENT: nothing is mapped there. -EINVAL: the range is not part of one mapping, or is
 * not writable.
 */
struct mapping *mapping_begin_copy(struct ioas *ioas, struct ioas *from,
				   const struct map_request *request, struct map_refusal *refusal);
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

/*
 * All of it in one go, for the most frequent case: [start, last] is one mapping. False, and nothing
 * is done, if it is not. @flush_later: as below.
 */
bool unmapping_single(struct ioas *ioas, u64 start, u64 last, bool flush_later);

/* @flush_later: the caller flushes (flush.h), or the address space does so by itself. */
void unmapping_commit(struct ioas *ioas, struct unmapping *unmapping, bool flush_later);
void unmapping_abort(struct ioas *ioas, struct unmapping *unmapping);

/**
 * struct mapping_view - a look at a mapping
 * @range: its IOVAs
 * @start: where the memory was
 * @flags: IOASID_MAP_READ and IOASID_MAP_WRITE
 */
struct mapping_view {
	struct iova_range range;
	u64 start;
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

/*
 * Empty a domain that no group is attached to any more. Caller holds &ioas.lock for writing, and
 * has flushed.
 */
void mapping_empty_domain(struct ioas *ioas, struct domain *domain);

/* For flush.h, which keeps cleared mappings in lists. */
u64 mapping_nr_pages(const struct mapping *mapping);
void mapping_set_next(struct mapping *mapping, struct mapping *next);

/* Take a list of cleared mappings out of the map. Caller holds &ioas.lock for writing. */
void mapping_forget_list(struct ioas *ioas, struct mapping *first);

/* Give the memory of a list of mappings back that no map holds any more. The list may be empty. */
void mapping_destroy_list(struct mapping *first);

/* The same, and keep some of the objects for the next mappings in @ioas. */
void mapping_recycle_list(struct ioas *ioas, struct mapping *first);

/* For the end of an address space: nobody uses it any more. */
void mapping_drop_spares(struct ioas *ioas);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IOVA map: which stretches of an I/O address space are in use, and where there is room.
 *
 * Owns nothing but the order of the nodes: a node is embedded in the caller's object and lives as
 * long as the caller keeps it in the map. It knows no pages, no IOMMU, no locks and no user
 * pointers, so the same source is built in user space and tested there against a naive model
 * (tests/unit).
 *
 * Invariants:
 *  - nodes do not overlap; start <= last;
 *  - node->gap is the number of free addresses between the end of the node's predecessor (or
 *    address 0) and the node's start; node->subtree_gap is the largest gap in the subtree below the
 *    node. Both are exact if &iova_map.tracks_gaps is set, and mean nothing otherwise.
 *
 * Context: every function is called with the lock that protects the map; none sleeps, none
 * allocates, none takes more than logarithmic time unless it says so.
 */
#ifndef IOASIDFD_IOVA_MAP_H
#define IOASIDFD_IOVA_MAP_H

#include <linux/rbtree.h>
#include <linux/types.h>

/**
 * struct iova_node - one used stretch
 * @rb: place in the map's tree
 * @start: first address
 * @last: last address, inclusive
 * @gap: free addresses directly below @start
 * @subtree_gap: largest gap among the nodes of this subtree
 */
struct iova_node {
	struct rb_node rb;
	u64 start;
	u64 last;
	u64 gap;
	u64 subtree_gap;
};

/**
 * struct iova_map - the used stretches of one address space
 * @root: tree of &struct iova_node, ordered by address, augmented with @subtree_gap
 * @tracks_gaps: @gap and @subtree_gap of the nodes are kept: from the first search for a free
 *	stretch on. Who chooses all addresses needs none, and keeping them doubles the cost of a
 *	change
 */
struct iova_map {
	struct rb_root root;
	bool tracks_gaps;
};

/**
 * struct iova_range - a stretch of addresses
 * @start: first address
 * @last: last address, inclusive
 */
struct iova_range {
	u64 start;
	u64 last;
};

/**
 * struct iova_windows - the usable stretches of an address space: ascending, disjoint, not adjacent
 * @nr: how many
 * @capacity: room in @range; every iova_windows_exclude() needs room for at most one more
 * @range: the stretches
 */
struct iova_windows {
	unsigned int nr;
	unsigned int capacity;
	struct iova_range *range;
};

/* Everything is usable. Needs a capacity of at least 1. */
void iova_windows_reset(struct iova_windows *windows);

/* Take [start, last] out. The caller made sure that nr < capacity. */
void iova_windows_exclude(struct iova_windows *windows, u64 start, u64 last);

/* Does a single window hold all of [start, last]? */
static inline bool iova_windows_contain(const struct iova_windows *windows, u64 start, u64 last)
{
	unsigned int i;

	for (i = 0; i < windows->nr; i++)
		if (windows->range[i].start <= start && last <= windows->range[i].last)
			return true;
	return false;
}

/*
 * The window of at least @length (not 0) addresses that is nearest to @start (distance 0 if it
 * contains @start; the lower one if two are equally near). False if no window is long enough.
 */
bool iova_windows_nearest(const struct iova_windows *windows, u64 start, u64 length,
			  struct iova_range *nearest);

void iova_map_init(struct iova_map *map);
bool iova_map_empty(const struct iova_map *map);

/* The lowest node that overlaps [start, last], or NULL. */
struct iova_node *iova_map_first(const struct iova_map *map, u64 start, u64 last);

/* The next higher node that still overlaps [.., last], or NULL. */
struct iova_node *iova_map_next(const struct iova_node *node, u64 last);

/*
 * Put @node, whose start and last are set, into the map. Returns NULL, or, changing nothing, the
 * lowest node that overlaps it.
 */
struct iova_node *iova_map_insert(struct iova_map *map, struct iova_node *node);

void iova_map_remove(struct iova_map *map, struct iova_node *node);

/**
 * struct iova_request - where a free stretch is wanted
 * @length: addresses wanted, not 0
 * @align: power of two
 * @phase: the start shall be congruent to this modulo @align; less than @align
 * @floor: the start shall not be below this
 */
struct iova_request {
	u64 length;
	u64 align;
	u64 phase;
	u64 floor;
};

/*
 * The lowest start >= floor of a stretch that is free, lies in one of @windows and fits the
 * request. False if there is none. Subtrees without a gap of @length are skipped; gaps that are
 * long enough but badly aligned cost a step each. The first search also visits every node.
 */
bool iova_map_find_free(struct iova_map *map, const struct iova_windows *windows,
			const struct iova_request *request, u64 *start);

#endif

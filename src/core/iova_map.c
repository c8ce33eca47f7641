// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOVA map and the windows, see iova_map.h.
 *
 * Owns the tree of nodes and the truth of the gaps in it. A gap always ends below a node's start,
 * so none is longer than U64_MAX; the free stretch above the highest node, which in an empty map
 * has 2^64 addresses, is in no gap and is always looked at last, on its own.
 *
 * No sum is formed that could pass U64_MAX: lengths are compared as differences of addresses, and
 * 1 is added to a last address only where another address is known to follow.
 */
#include "iova_map.h"

#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched.h>
#include <linux/string.h>

void iova_windows_reset(struct iova_windows *windows)
{
	windows->nr = 1;
	windows->range[0].start = 0;
	windows->range[0].last = U64_MAX;
}

static bool iova_windows_split(struct iova_windows *windows, u64 start, u64 last)
{
	struct iova_range *range;
	unsigned int i;

	for (i = 0; i < windows->nr; i++) {
		range = &windows->range[i];
		if (range->start >= start || range->last <= last)
			continue;
		memmove(range + 1, range, (windows->nr - i) * sizeof(*range));
		windows->nr++;
		range[0].last = start - 1;
		range[1].start = last + 1;
		return true;
	}
	return false;
}

/* False if nothing is left of @range, which does not reach beyond [start, last] on both sides. */
static bool iova_range_trim(struct iova_range *range, u64 start, u64 last)
{
	if (range->last < start || range->start > last)
		return true;
	if (range->start < start)
		range->last = start - 1;
	else if (range->last > last)
		range->start = last + 1;
	else
		return false;
	return true;
}

void iova_windows_exclude(struct iova_windows *windows, u64 start, u64 last)
{
	unsigned int i, kept = 0;

	if (iova_windows_split(windows, start, last))
		return;
	for (i = 0; i < windows->nr; i++)
		if (iova_range_trim(&windows->range[i], start, last))
			windows->range[kept++] = windows->range[i];
	windows->nr = kept;
}

static u64 iova_range_distance(const struct iova_range *range, u64 addr)
{
	if (addr < range->start)
		return range->start - addr;
	if (addr > range->last)
		return addr - range->last;
	return 0;
}

bool iova_windows_nearest(const struct iova_windows *windows, u64 start, u64 length,
			  struct iova_range *nearest)
{
	u64 distance, best = U64_MAX;
	bool found = false;
	unsigned int i;

	for (i = 0; i < windows->nr; i++) {
		const struct iova_range *range = &windows->range[i];

		if (range->last - range->start < length - 1)
			continue;
		distance = iova_range_distance(range, start);
		if (found && distance >= best)
			continue;
		*nearest = *range;
		best = distance;
		found = true;
	}
	return found;
}

static u64 iova_node_gap(const struct iova_node *node)
{
	return node->gap;
}

RB_DECLARE_CALLBACKS_MAX(static, iova_gaps, struct iova_node, rb, u64, subtree_gap, iova_node_gap)

static struct iova_node *iova_node_of(struct rb_node *rb)
{
	return rb ? rb_entry(rb, struct iova_node, rb) : NULL;
}

void iova_map_init(struct iova_map *map)
{
	map->root = RB_ROOT;
	map->tracks_gaps = false;
}

bool iova_map_empty(const struct iova_map *map)
{
	return RB_EMPTY_ROOT(&map->root);
}

struct iova_node *iova_map_first(const struct iova_map *map, u64 start, u64 last)
{
	struct iova_node *node = iova_node_of(map->root.rb_node);
	struct iova_node *first = NULL;

	while (node) {
		if (node->last < start) {
			node = iova_node_of(node->rb.rb_right);
		} else {
			first = node;
			node = iova_node_of(node->rb.rb_left);
		}
	}
	return first && first->start <= last ? first : NULL;
}

struct iova_node *iova_map_next(const struct iova_node *node, u64 last)
{
	struct iova_node *next = iova_node_of(rb_next(&node->rb));

	return next && next->start <= last ? next : NULL;
}

/* Call it for each node whose predecessor changed, after the tree has its new shape. */
static void iova_node_update_gap(struct iova_node *node)
{
	struct iova_node *prev = iova_node_of(rb_prev(&node->rb));

	node->gap = prev ? node->start - prev->last - 1 : node->start;
	iova_gaps.propagate(&node->rb, NULL);
}

/* Gaps start from nothing, so that each of them can only raise the maxima above it. */
static void iova_map_track_gaps(struct iova_map *map)
{
	struct iova_node *node;

	for (node = iova_node_of(rb_first(&map->root)); node; node = iova_map_next(node, U64_MAX)) {
		node->gap = 0;
		node->subtree_gap = 0;
		cond_resched();
	}
	for (node = iova_node_of(rb_first(&map->root)); node; node = iova_map_next(node, U64_MAX)) {
		iova_node_update_gap(node);
		cond_resched();
	}
	map->tracks_gaps = true;
}

/* Put a node into its place, or return the lowest one that it overlaps. */
static struct iova_node *iova_map_link(struct iova_map *map, struct iova_node *node)
{
	struct rb_node **link = &map->root.rb_node;
	struct iova_node *other, *prev = NULL, *next = NULL;
	struct rb_node *parent = NULL;

	while (*link) {
		parent = *link;
		other = iova_node_of(parent);
		if (node->start < other->start) {
			next = other;
			link = &parent->rb_left;
		} else {
			prev = other;
			link = &parent->rb_right;
		}
	}
	if (prev && prev->last >= node->start)
		return prev;
	if (next && next->start <= node->last)
		return next;
	rb_link_node(&node->rb, parent, link);
	return NULL;
}

struct iova_node *iova_map_insert(struct iova_map *map, struct iova_node *node)
{
	struct iova_node *next, *obstacle = iova_map_link(map, node);

	if (obstacle)
		return obstacle;
	if (!map->tracks_gaps) {
		rb_insert_color(&node->rb, &map->root);
		return NULL;
	}

	/* A leaf without a gap changes no maximum above it: its true gap can wait for the tree. */
	node->gap = 0;
	node->subtree_gap = 0;
	rb_insert_augmented(&node->rb, &map->root, &iova_gaps);
	iova_node_update_gap(node);
	next = iova_map_next(node, U64_MAX);
	if (next)
		iova_node_update_gap(next);
	return NULL;
}

void iova_map_remove(struct iova_map *map, struct iova_node *node)
{
	struct iova_node *next;

	if (!map->tracks_gaps) {
		rb_erase(&node->rb, &map->root);
		return;
	}
	next = iova_map_next(node, U64_MAX);
	rb_erase_augmented(&node->rb, &map->root, &iova_gaps);
	if (next)
		iova_node_update_gap(next);
}

static bool iova_subtree_has_gap(struct rb_node *rb, u64 length)
{
	return rb && iova_node_of(rb)->subtree_gap >= length;
}

/* The subtree has such a gap. */
static struct iova_node *iova_subtree_first_gap(struct rb_node *rb, u64 length)
{
	for (;;) {
		if (iova_subtree_has_gap(rb->rb_left, length)) {
			rb = rb->rb_left;
			continue;
		}
		if (iova_node_of(rb)->gap >= length)
			return iova_node_of(rb);
		rb = rb->rb_right;
	}
}

static struct rb_node *iova_higher_ancestor(struct rb_node *rb)
{
	struct rb_node *parent = rb_parent(rb);

	while (parent && rb == parent->rb_right) {
		rb = parent;
		parent = rb_parent(rb);
	}
	return parent;
}

/* The next higher node with a gap of @length below it, or NULL. */
static struct iova_node *iova_map_next_gap(struct iova_node *node, u64 length)
{
	struct rb_node *rb = &node->rb;

	do {
		if (iova_subtree_has_gap(rb->rb_right, length))
			return iova_subtree_first_gap(rb->rb_right, length);
		rb = iova_higher_ancestor(rb);
	} while (rb && iova_node_of(rb)->gap < length);
	return iova_node_of(rb);
}

/*
 * The lowest node with a gap of @length below it, or NULL. Misses no gap that reaches above @floor;
 * the first one may end below it.
 */
static struct iova_node *iova_map_first_gap(const struct iova_map *map, u64 floor, u64 length)
{
	struct iova_node *node = iova_map_first(map, floor, U64_MAX);

	return node && node->gap < length ? iova_map_next_gap(node, length) : node;
}

/* The lowest start in [low, last] that fits. */
static bool iova_request_fit(const struct iova_request *request, u64 low, u64 last, u64 *start)
{
	/* Unsigned wrap-around is harmless here: @align divides 2^64. */
	u64 skip = (request->phase - low) & (request->align - 1);

	if (low > last || skip > last - low)
		return false;
	low += skip;
	if (request->length - 1 > last - low)
		return false;
	*start = low;
	return true;
}

static bool iova_map_fit_above_all(const struct iova_map *map, const struct iova_request *request,
				   u64 low, u64 last, u64 *start)
{
	const struct iova_node *highest = iova_node_of(rb_last(&map->root));

	if (highest) {
		if (highest->last >= last)
			return false;
		low = max(low, highest->last + 1);
	}
	return iova_request_fit(request, low, last, start);
}

static bool iova_map_find_in(const struct iova_map *map, const struct iova_range *window,
			     const struct iova_request *request, u64 *start)
{
	u64 low = max(window->start, request->floor);
	struct iova_node *node = iova_map_first_gap(map, low, request->length);
	u64 bottom, top;

	while (node) {
		bottom = node->start - node->gap;
		if (bottom > window->last)
			return false;
		top = min(window->last, node->start - 1);
		if (iova_request_fit(request, max(low, bottom), top, start))
			return true;
		/* As many gaps as there are mappings may be long enough and not aligned. */
		cond_resched();
		node = iova_map_next_gap(node, request->length);
	}
	return iova_map_fit_above_all(map, request, low, window->last, start);
}

bool iova_map_find_free(struct iova_map *map, const struct iova_windows *windows,
			const struct iova_request *request, u64 *start)
{
	unsigned int i;

	if (!map->tracks_gaps)
		iova_map_track_gaps(map);
	for (i = 0; i < windows->nr; i++)
		if (iova_map_find_in(map, &windows->range[i], request, start))
			return true;
	return false;
}

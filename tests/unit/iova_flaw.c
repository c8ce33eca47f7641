// SPDX-License-Identifier: GPL-2.0-only
/* Owns the check of a map's invariants: links, order, overlap, gaps, largest gaps. */
#include "iova_flaw.h"

/**
 * struct flaw_walk - an ascending walk over all nodes
 * @prev: the node before, or NULL
 * @flaw: the first thing found wrong, or NULL
 * @gaps: the map keeps gaps
 */
struct flaw_walk {
	const struct iova_node *prev;
	const char *flaw;
	bool gaps;
};

static void flaw_note(struct flaw_walk *walk, bool wrong, const char *flaw)
{
	if (wrong && !walk->flaw)
		walk->flaw = flaw;
}

static void flaw_visit(struct flaw_walk *walk, const struct iova_node *node)
{
	u64 bottom = 0;

	flaw_note(walk, node->start > node->last, "a node ends before it starts");
	if (walk->prev) {
		bottom = walk->prev->last + 1;
		flaw_note(walk, walk->prev->last >= node->start, "overlap or wrong order");
	}
	flaw_note(walk, walk->gaps && node->gap != node->start - bottom, "a gap is wrong");
	walk->prev = node;
}

/* Returns the largest gap. */
static u64 flaw_walk_subtree(struct flaw_walk *walk, const struct rb_node *rb,
			     const struct rb_node *parent)
{
	const struct iova_node *node;
	u64 largest, right;

	if (!rb || walk->flaw)
		return 0;
	node = rb_entry(rb, struct iova_node, rb);
	flaw_note(walk, rb_parent(rb) != parent, "a parent link is wrong");
	largest = flaw_walk_subtree(walk, rb->rb_left, rb);
	flaw_visit(walk, node);
	right = flaw_walk_subtree(walk, rb->rb_right, rb);
	if (largest < right)
		largest = right;
	if (largest < node->gap)
		largest = node->gap;
	flaw_note(walk, walk->gaps && node->subtree_gap != largest,
		  "a subtree's largest gap is wrong");
	return largest;
}

const char *iova_map_flaw(const struct iova_map *map)
{
	struct flaw_walk walk = { NULL, NULL, map->tracks_gaps };

	flaw_walk_subtree(&walk, map->root.rb_node, NULL);
	return walk.flaw;
}

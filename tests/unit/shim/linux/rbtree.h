/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands in for the kernel's header of this name: its interface over a treap, whose shape differs
 * from a red-black tree's, so that nothing can lean on the shape.
 */
#ifndef UNIT_SHIM_RBTREE_H
#define UNIT_SHIM_RBTREE_H

#include <linux/types.h>

/**
 * struct rb_node - a place in a tree
 * @rb_left: lower nodes
 * @rb_right: higher nodes
 * @shim_parent: read through rb_parent()
 * @shim_priority: not less than those of the children
 */
struct rb_node {
	struct rb_node *rb_left;
	struct rb_node *rb_right;
	struct rb_node *shim_parent;
	u64 shim_priority;
};

struct rb_root {
	struct rb_node *rb_node;
};

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define RB_ROOT ((struct rb_root){ NULL })
#define RB_EMPTY_ROOT(root) (!(root)->rb_node)

#define rb_parent(node) ((node)->shim_parent)
#define rb_entry(ptr, type, member) container_of(ptr, type, member)

void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link);

void rb_insert_color(struct rb_node *node, struct rb_root *root);
void rb_erase(struct rb_node *node, struct rb_root *root);

struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

/* The same seed and the same calls give trees of the same shape. */
void shim_rbtree_seed(u64 seed);

#endif

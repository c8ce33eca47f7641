/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands in for the kernel's header of this name; the callbacks are called as it calls them. */
#ifndef UNIT_SHIM_RBTREE_AUGMENTED_H
#define UNIT_SHIM_RBTREE_AUGMENTED_H

#include <linux/rbtree.h>

/**
 * struct rb_augment_callbacks - how the tree keeps the user's summaries of subtrees true
 * @propagate: recompute from the node upwards, stop before @stop (NULL: after the root), or earlier
 *	where nothing changes
 * @copy: the second node is about to stand for the subtree of the first
 * @rotate: the second node, a child of the first, has become its parent
 */
struct rb_augment_callbacks {
	void (*propagate)(struct rb_node *node, struct rb_node *stop);
	void (*copy)(struct rb_node *from, struct rb_node *to);
	void (*rotate)(struct rb_node *down, struct rb_node *up);
};

void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 const struct rb_augment_callbacks *augment);
void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *augment);

/* Callbacks for a summary that is the largest COMPUTE(node) of the subtree. */
#define RB_DECLARE_CALLBACKS_MAX(STORAGE, NAME, STRUCT, FIELD, TYPE, SUMMARY, COMPUTE)         \
	static TYPE NAME##_of_child(struct rb_node *child, TYPE other)                         \
	{                                                                                      \
		TYPE summary = child ? rb_entry(child, STRUCT, FIELD)->SUMMARY : other;        \
                                                                                               \
		return summary > other ? summary : other;                                      \
	}                                                                                      \
                                                                                               \
	static TYPE NAME##_recompute(struct rb_node *rb)                                       \
	{                                                                                      \
		TYPE own = COMPUTE(rb_entry(rb, STRUCT, FIELD));                               \
                                                                                               \
		return NAME##_of_child(rb->rb_left, NAME##_of_child(rb->rb_right, own));       \
	}                                                                                      \
                                                                                               \
	static void NAME##_propagate(struct rb_node *rb, struct rb_node *stop)                 \
	{                                                                                      \
		for (; rb != stop; rb = rb_parent(rb)) {                                       \
			TYPE now = NAME##_recompute(rb);                                       \
                                                                                               \
			if (rb_entry(rb, STRUCT, FIELD)->SUMMARY == now)                       \
				return;                                                        \
			rb_entry(rb, STRUCT, FIELD)->SUMMARY = now;                            \
		}                                                                              \
	}                                                                                      \
                                                                                               \
	static void NAME##_copy(struct rb_node *from, struct rb_node *to)                      \
	{                                                                                      \
		rb_entry(to, STRUCT, FIELD)->SUMMARY = rb_entry(from, STRUCT, FIELD)->SUMMARY; \
	}                                                                                      \
                                                                                               \
	static void NAME##_rotate(struct rb_node *down, struct rb_node *up)                    \
	{                                                                                      \
		NAME##_copy(down, up);                                                         \
		rb_entry(down, STRUCT, FIELD)->SUMMARY = NAME##_recompute(down);               \
	}                                                                                      \
                                                                                               \
	STORAGE const struct rb_augment_callbacks NAME = {                                     \
		.propagate = NAME##_propagate,                                                 \
		.copy = NAME##_copy,                                                           \
		.rotate = NAME##_rotate,                                                       \
	};

#endif

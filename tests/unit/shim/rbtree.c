// SPDX-License-Identifier: GPL-2.0-only
/*
 * A treap behind the kernel's rbtree interface: a heap by random priority, ordered by whatever the
 * caller's descent compared. Erasing rotates at random before it unlinks, so that every callback is
 * called on that path as well.
 */
#include <linux/rbtree_augmented.h>

static u64 shim_state = 1;

void shim_rbtree_seed(u64 seed)
{
	shim_state = seed;
}

static u64 shim_random(void)
{
	u64 z = shim_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
	node->rb_left = NULL;
	node->rb_right = NULL;
	node->shim_parent = parent;
	node->shim_priority = shim_random();
	*link = node;
}

static void shim_replace_child(struct rb_root *root, struct rb_node *parent, struct rb_node *old,
			       struct rb_node *child)
{
	if (!parent)
		root->rb_node = child;
	else if (parent->rb_left == old)
		parent->rb_left = child;
	else
		parent->rb_right = child;
	if (child)
		child->shim_parent = parent;
}

static void shim_rotate_up(struct rb_root *root, struct rb_node *node,
			   const struct rb_augment_callbacks *augment)
{
	struct rb_node *parent = node->shim_parent;
	bool left = parent->rb_left == node;
	struct rb_node *middle = left ? node->rb_right : node->rb_left;

	shim_replace_child(root, parent->shim_parent, parent, node);
	shim_replace_child(root, parent, node, middle);
	parent->shim_parent = node;
	if (left)
		node->rb_right = parent;
	else
		node->rb_left = parent;
	augment->rotate(parent, node);
}

void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 const struct rb_augment_callbacks *augment)
{
	while (node->shim_parent && node->shim_parent->shim_priority < node->shim_priority)
		shim_rotate_up(root, node, augment);
}

/* The heap is out of order only where @node stands, and @node is about to go. */
static void shim_sink(struct rb_node *node, struct rb_root *root,
		      const struct rb_augment_callbacks *augment)
{
	struct rb_node *child;

	while (node->rb_left && node->rb_right && shim_random() % 2) {
		child = node->rb_left;
		if (child->shim_priority < node->rb_right->shim_priority)
			child = node->rb_right;
		shim_rotate_up(root, child, augment);
		/* Whoever takes the place of @node takes its priority too. */
		node->shim_priority = child->shim_priority;
	}
}

/* @next, the lowest node right of @node, takes its place and its priority. */
static void shim_substitute(struct rb_node *node, struct rb_node *next, struct rb_root *root,
			    const struct rb_augment_callbacks *augment)
{
	struct rb_node *parent = next->shim_parent;

	if (parent != node) {
		shim_replace_child(root, parent, next, next->rb_right);
		next->rb_right = node->rb_right;
		next->rb_right->shim_parent = next;
	}
	augment->copy(node, next);
	if (parent != node)
		augment->propagate(parent, next);
	next->rb_left = node->rb_left;
	next->rb_left->shim_parent = next;
	next->shim_priority = node->shim_priority;
	shim_replace_child(root, node->shim_parent, node, next);
	augment->propagate(next, NULL);
}

void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *augment)
{
	struct rb_node *child;

	shim_sink(node, root, augment);
	if (node->rb_left && node->rb_right) {
		shim_substitute(node, rb_next(node), root, augment);
		return;
	}
	child = node->rb_left ? node->rb_left : node->rb_right;
	shim_replace_child(root, node->shim_parent, node, child);
	augment->propagate(node->shim_parent, NULL);
}

static void shim_ignore(struct rb_node *one, struct rb_node *other)
{
	(void)one;
	(void)other;
}

static const struct rb_augment_callbacks shim_no_summaries = {
	.propagate = shim_ignore,
	.copy = shim_ignore,
	.rotate = shim_ignore,
};

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	rb_insert_augmented(node, root, &shim_no_summaries);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	rb_erase_augmented(node, root, &shim_no_summaries);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *node = root->rb_node;

	while (node && node->rb_left)
		node = node->rb_left;
	return node;
}

struct rb_node *rb_last(const struct rb_root *root)
{
	struct rb_node *node = root->rb_node;

	while (node && node->rb_right)
		node = node->rb_right;
	return node;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	if (node->rb_right) {
		node = node->rb_right;
		while (node->rb_left)
			node = node->rb_left;
		return (struct rb_node *)node;
	}
	while (node->shim_parent && node == node->shim_parent->rb_right)
		node = node->shim_parent;
	return node->shim_parent;
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	if (node->rb_left) {
		node = node->rb_left;
		while (node->rb_right)
			node = node->rb_right;
		return (struct rb_node *)node;
	}
	while (node->shim_parent && node == node->shim_parent->rb_left)
		node = node->shim_parent;
	return node->shim_parent;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nodes: /dev/ioasid-dev/NAME, one for each device that a stub driver is bound to.
 *
 * Owns the character devices, their files, and the memory mappings of device registers. Knows the
 * kernel API of ioasidfd and ranges of physical addresses, and nothing of any bus.
 *
 * Lifetimes: the driver and every open file hold the node. The node's registers can be touched
 * between node_grant_access() and node_revoke_access() only; the latter takes them out of every
 * process at once.
 *
 * Locks: the table of nodes has one, for opening. &node.access_lock comes after mmap_lock and after
 * the locks of ioasidfd, and nothing is taken below it but what belongs to the memory management.
 */
#ifndef IOASIDFD_STUB_NODE_H
#define IOASIDFD_STUB_NODE_H

#include <linux/ioasidfd.h>
#include <linux/ioport.h>
#include <linux/types.h>

struct node;

#define NODE_MAX_REGIONS 6

/**
 * struct node_region - registers of a device
 * @start: physical address
 * @length: bytes; 0 for none
 * @can_mmap: they fill whole pages and can be mapped
 */
struct node_region {
	phys_addr_t start;
	u64 length;
	bool can_mmap;
};

/* A region for a memory resource: one that shares a page with something else must not be mapped. */
void node_region_init(struct node_region *region, const struct resource *resource);

int node_init(void);
void node_exit(void);

/*
 * Make a node for @dev in its driver's probe(), which nobody can open yet. @regions are
 * NODE_MAX_REGIONS and copied; an ERR_PTR on error.
 */
struct node *node_create(struct device *dev, const struct ioasidfd_device_ops *ops, void *private,
			 const struct node_region *regions);

/*
 * Let it be opened: from here on, and before this returns, user space makes calls that end in
 * @ops, so what they look at has to be there. 0 or a negative errno.
 */
int node_publish(struct node *node, struct device *dev);

/*
 * Remove it, published or not, in the driver's remove() or probe(). Quiesces the device if it is
 * bound.
 */
void node_destroy(struct node *node);

void node_grant_access(struct node *node);
void node_revoke_access(struct node *node);

/* The get_region() of a front-end whose regions are the node's. */
int node_get_region(const struct node *node, struct ioasid_device_region *region);

#endif

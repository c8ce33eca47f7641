// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for groups, see watch.h.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "../delay_point.h"
#include "watch.h"

/* More than there are groups in any machine, and little memory. */
#define MAX_WATCHES_PER_CONTEXT 1024

/**
 * struct watch - a context waits for a group
 * @node: in the list
 * @ctx: the context; its file removes the watch before it goes
 * @group: number of the group
 */
struct watch {
	struct list_head node;
	struct ioasidfd_context *ctx;
	int group;
};

static DEFINE_MUTEX(watches_lock);
static LIST_HEAD(watches);

static struct watch *find_watch(struct ioasidfd_context *ctx, int group, unsigned int *nr)
{
	struct watch *watch, *found = NULL;

	lockdep_assert_held(&watches_lock);
	list_for_each_entry(watch, &watches, node) {
		*nr += watch->ctx == ctx;
		if (watch->ctx == ctx && watch->group == group)
			found = watch;
	}
	return found;
}

static void delete_watch(struct watch *watch)
{
	list_del(&watch->node);
	kfree(watch);
}

static int add_locked(struct ioasidfd_context *ctx, int group)
{
	struct watch *watch;
	unsigned int nr = 0;

	if (find_watch(ctx, group, &nr))
		return 0;
	if (nr == MAX_WATCHES_PER_CONTEXT)
		return -ENOSPC;
	watch = kmalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);
	if (!watch)
		return -ENOMEM;
	watch->ctx = ctx;
	watch->group = group;
	list_add_tail(&watch->node, &watches);
	return 0;
}

int watch_add(struct ioasidfd_context *ctx, struct iommu_group *group)
{
	int rc;

	mutex_lock(&watches_lock);
	rc = ctx->closed ? -EBADF : add_locked(ctx, iommu_group_id(group));
	mutex_unlock(&watches_lock);
	return rc;
}

void watch_remove(struct ioasidfd_context *ctx, struct iommu_group *group)
{
	struct watch *watch;
	unsigned int nr = 0;

	mutex_lock(&watches_lock);
	watch = find_watch(ctx, iommu_group_id(group), &nr);
	if (watch)
		delete_watch(watch);
	mutex_unlock(&watches_lock);
}

void watch_remove_all(struct ioasidfd_context *ctx)
{
	struct watch *watch, *next;

	mutex_lock(&watches_lock);
	list_for_each_entry_safe(watch, next, &watches, node)
		if (watch->ctx == ctx)
			delete_watch(watch);
	mutex_unlock(&watches_lock);
}

void watch_check(struct iommu_group *group)
{
	const struct event event = {
		.type = IOASID_EVENT_GROUP_FREE,
		.group = iommu_group_id(group),
		.time_ns = ktime_get_boottime_ns(),
	};
	struct watch *watch, *next;

	mutex_lock(&watches_lock);
	list_for_each_entry_safe(watch, next, &watches, node) {
		if (watch->group != iommu_group_id(group) || iommu_group_dma_owner_claimed(group))
			continue;
		delay_point("watch-free");
		event_queue_push(&watch->ctx->events, &event);
		delete_watch(watch);
	}
	mutex_unlock(&watches_lock);
}

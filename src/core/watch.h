/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Watches: contexts that wait for a group to become free.
 *
 * Owns the list of who waits for which group, by number. A watch ends when the group is free, when
 * the context binds it after all, or with the context's file. Knows nothing of who owns groups: it
 * is told when one may have become free, and asks the iommu core whether that is so.
 *
 * Locks: its own, below those of groups.
 */
#ifndef IOASIDFD_WATCH_H
#define IOASIDFD_WATCH_H

#include <linux/iommu.h>

#include "context.h"

/*
 * Watch a group; a second watch on the same one is the same watch. -ENOMEM, -ENOSPC when there are
 * too many.
 */
int watch_add(struct ioasidfd_context *ctx, struct iommu_group *group);
void watch_remove(struct ioasidfd_context *ctx, struct iommu_group *group);
void watch_remove_all(struct ioasidfd_context *ctx);

/* Something let go of the group: if nobody owns it now, tell those who wait. May sleep. */
void watch_check(struct iommu_group *group);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attachments: which IOMMU groups use an address space, and which IOVAs that leaves.
 *
 * Owns the connection of one group's RIDs to one address space, and the address space's windows:
 * the IOVAs that every attached group can reach. Knows groups, and nothing of who owns them: the
 * caller owns the group and keeps at least one of its devices present.
 *
 * Lifetimes: an attachment holds its address space. Ending it cannot fail and does not allocate.
 */
#ifndef IOASIDFD_ATTACHMENT_H
#define IOASIDFD_ATTACHMENT_H

#include "ioas.h"

struct attachment;

void attachment_init(struct ioas *ioas);
void attachment_exit(struct ioas *ioas);

/*
 * Let the RIDs of @group, of which @dev is a device, use the address space. When this returns
 * everything mapped is visible to them. -ENOENT: it was freed. -EADDRINUSE: @conflict is a mapping
 * out of their reach. -EOPNOTSUPP, -ENOMEM, -EBUSY, -EINTR. May sleep; takes &ioas.lock.
 */
struct attachment *attachment_create(struct ioas *ioas, struct iommu_group *group,
				     struct device *dev, struct iova_range *conflict);

/*
 * A device joined the group, and may bring reserved IOVAs of its own. What is mapped there already
 * stays mapped: the group is the owner's, and so is the conflict. Without memory the old windows
 * stay. May sleep; takes &ioas.lock.
 */
void attachment_refresh(struct attachment *attachment);

/* Block the group's DMA and let go of the address space. May sleep; takes &ioas.lock. */
void attachment_destroy(struct attachment *attachment);

/* The address space it connects to; valid as long as the attachment. */
struct ioas *attachment_ioas(const struct attachment *attachment);

/* Copy up to @nr windows; returns how many there are. The array may be NULL if @nr is 0. */
unsigned int attachment_windows(struct ioas *ioas, struct iova_range *ranges, unsigned int nr);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attachments: what uses an address space, and which IOVAs that leaves.
 *
 * Owns the connection of a source (the RIDs of a group, or a PASID of its devices) to one address
 * space, and the address space's windows: the IOVAs that every attached group can reach. Knows
 * groups, and nothing of who owns them: the caller owns the group, keeps at least one of its
 * devices present, and lets one call at a time change the attachment of a source.
 *
 * Lifetimes: an attachment holds its address space and its PASID. It counts the devices that were
 * allowed to use it and ends with the last. Ending it cannot fail and does not allocate.
 */
#ifndef IOASIDFD_ATTACHMENT_H
#define IOASIDFD_ATTACHMENT_H

#include "../compat/attach.h"
#include "ioas.h"
#include "pasid.h"

struct attachment;

void attachment_init(struct ioas *ioas);
void attachment_exit(struct ioas *ioas);

/*
 * Let the group of @dev use the address space, for a device: under @pasid, or with its RIDs if that
 * is NULL. When this returns everything mapped is visible to them. -ENOENT: it was freed.
 * -EADDRINUSE: @conflict is a mapping out of their reach. -EOPNOTSUPP, -ENOMEM, -EBUSY, -EINTR. May
 * sleep; takes &ioas.lock.
 */
struct attachment *attachment_create(struct ioas *ioas, struct iommu_group *group,
				     struct device *dev, struct pasid *pasid,
				     struct iova_range *conflict);

/* One more device of the group is allowed it. */
void attachment_add_device(struct attachment *attachment);

/*
 * One less, @dev. True if it was the last one: the source is blocked and the attachment gone. May
 * sleep; takes &ioas.lock.
 */
bool attachment_remove_device(struct attachment *attachment, struct device *dev);

/**
 * struct attachment_replacing - how it went
 * @conflict: after -EADDRINUSE, as in attachment_create()
 * @has_gap: DMA of the source was blocked for a time
 * @is_lost: neither address space could be attached; the source stays blocked until it is replaced
 *	again
 */
struct attachment_replacing {
	struct iova_range conflict;
	bool has_gap;
	bool is_lost;
};

/*
 * Let the source use @ioas, with all its devices. Returns the attachment that takes the place of
 * @from, which is gone; or an ERR_PTR as attachment_create(), and @from is as it was, unless
 * @replacing says otherwise. May sleep; takes the locks of both address spaces, one by one.
 */
struct attachment *attachment_replace(struct attachment *from, struct ioas *ioas,
				      struct device *dev, struct attachment_replacing *replacing);

/*
 * A device joined the group, and may bring reserved IOVAs of its own. What is mapped there already
 * stays mapped: the group is the owner's, and so is the conflict. Without memory the old windows
 * stay: the device may fail to reach memory that is mapped after that as well, and reaches nothing
 * that is not. If the source is a PASID, it is the device's as well from here on; a negative errno
 * if that is not to be had. May sleep; takes &ioas.lock.
 */
int attachment_add_member(struct attachment *attachment, struct device *dev);

/* A device that may not have been allowed anything is leaving the group. May sleep. */
void attachment_remove_member(struct attachment *attachment, struct device *dev);

/* The address space it connects to; valid as long as the attachment. */
struct ioas *attachment_ioas(const struct attachment *attachment);
unsigned int attachment_nr_devices(const struct attachment *attachment);

/**
 * struct attachment_usage - a glance at an attachment
 * @group: number of the group
 * @pasid: the PASID, or COMPAT_NO_PASID
 * @nr_devices: devices that were allowed it
 */
struct attachment_usage {
	int group;
	u32 pasid;
	unsigned int nr_devices;
};

/* Visit all; @visit must not sleep for long and takes no lock. Takes &ioas.lock. */
void attachment_visit(struct ioas *ioas,
		      void (*visit)(void *arg, const struct attachment_usage *usage), void *arg);

/* Copy up to @nr windows; returns how many there are. The array may be NULL if @nr is 0. */
unsigned int attachment_windows(struct ioas *ioas, struct iova_range *ranges, unsigned int nr);

#endif

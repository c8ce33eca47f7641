/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PASID numbers: who uses which, and how many a user may have.
 *
 * A number is either the kernel's choice, out of the global ones that process address spaces use as
 * well, or the caller's, for devices it owns. Both are charged to the user who asked. Knows devices
 * only to ask the kernel how wide their PASIDs are, and nothing of address spaces.
 *
 * Lifetimes: a &struct pasid is referenced by the address space that it was chosen for and by every
 * attachment under it. The number is given out again after the last of them, so a PASID whose
 * address space was freed stays reserved, and dead, while a device still has it.
 *
 * Locks: its own, innermost.
 */
#ifndef IOASIDFD_PASID_H
#define IOASIDFD_PASID_H

#include <linux/device.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/uidgid.h>

/**
 * struct pasid - a number in use
 * @ref: references
 * @number: the PASID, fixed
 * @is_global: it was taken out of the kernel's global numbers, fixed
 * @user: who is charged, fixed
 * @rcu: for readers of &ioas.pasid
 */
struct pasid {
	refcount_t ref;
	u32 number;
	bool is_global;
	kuid_t user;
	struct rcu_head rcu;
};

/**
 * struct pasid_quota - why there is no number to be had
 * @used: PASIDs the user has
 * @limit: how many the user may have
 */
struct pasid_quota {
	u32 used;
	u32 limit;
};

/*
 * A number of the kernel's choice that @dev can use and for which @is_taken() says no. -EDQUOT: see
 * @quota. -ENOSPC, -ENOMEM. May sleep.
 */
struct pasid *pasid_choose(struct device *dev, bool (*is_taken)(void *arg, u32 number), void *arg,
			   struct pasid_quota *quota);

/* A number of the caller's choice. -EDQUOT, -ENOMEM. May sleep. */
struct pasid *pasid_create(u32 number, struct pasid_quota *quota);

struct pasid *pasid_get(struct pasid *pasid);
void pasid_put(struct pasid *pasid);

/* Does nobody else hold a reference? The caller makes sure that none is taken meanwhile. */
bool pasid_is_unshared(const struct pasid *pasid);

/* What the calling user has and may have. */
void pasid_quota_current(struct pasid_quota *quota);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASID numbers and their quota, see pasid.h.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "../compat/attach.h"
#include "pasid.h"

static unsigned int pasids_per_user = 4096;
module_param(pasids_per_user, uint, 0644);
MODULE_PARM_DESC(pasids_per_user, "How many PASIDs one user may have at a time (default: 4096).");

static DEFINE_MUTEX(users_lock);
/* By user number: how many PASIDs, as a value entry; no entry for none. */
static DEFINE_XARRAY(users);

static u32 nr_charged(kuid_t user)
{
	void *entry = xa_load(&users, __kuid_val(user));

	return entry ? xa_to_value(entry) : 0;
}

static int charge_locked(kuid_t user, struct pasid_quota *quota)
{
	quota->used = nr_charged(user);
	quota->limit = READ_ONCE(pasids_per_user);
	if (quota->used >= quota->limit)
		return -EDQUOT;
	return xa_err(xa_store(&users, __kuid_val(user), xa_mk_value(quota->used + 1),
			       GFP_KERNEL_ACCOUNT));
}

static int charge(kuid_t user, struct pasid_quota *quota)
{
	int rc;

	mutex_lock(&users_lock);
	rc = charge_locked(user, quota);
	mutex_unlock(&users_lock);
	return rc;
}

/* Replacing and erasing an entry that is there needs no memory. */
static void uncharge(kuid_t user)
{
	u32 nr;

	mutex_lock(&users_lock);
	nr = nr_charged(user);
	if (nr > 1)
		xa_store(&users, __kuid_val(user), xa_mk_value(nr - 1), 0);
	else
		xa_erase(&users, __kuid_val(user));
	mutex_unlock(&users_lock);
}

struct pasid *pasid_create(u32 number, struct pasid_quota *quota)
{
	struct pasid *pasid = kzalloc(sizeof(*pasid), GFP_KERNEL_ACCOUNT);
	int rc;

	if (!pasid)
		return ERR_PTR(-ENOMEM);
	refcount_set(&pasid->ref, 1);
	pasid->number = number;
	pasid->user = current_uid();
	rc = charge(pasid->user, quota);
	if (rc) {
		kfree(pasid);
		return ERR_PTR(rc);
	}
	return pasid;
}

/*
 * The kernel hands out the lowest free number, also one that the caller has chosen for this device
 * before: such numbers are set aside until another one is found.
 */
static int choose_number(struct device *dev, bool (*is_taken)(void *arg, u32 number), void *arg,
			 u32 *number)
{
	unsigned long index;
	struct xarray aside;
	void *entry;
	int rc;

	xa_init(&aside);
	do {
		rc = compat_alloc_pasid(dev, number);
		if (rc || !is_taken(arg, *number))
			break;
		rc = xa_insert(&aside, *number, xa_mk_value(0), GFP_KERNEL_ACCOUNT);
		if (rc)
			compat_free_pasid(*number);
	} while (!rc);
	xa_for_each(&aside, index, entry)
		compat_free_pasid(index);
	xa_destroy(&aside);
	return rc;
}

struct pasid *pasid_choose(struct device *dev, bool (*is_taken)(void *arg, u32 number), void *arg,
			   struct pasid_quota *quota)
{
	struct pasid *pasid = pasid_create(COMPAT_NO_PASID, quota);
	int rc;

	if (IS_ERR(pasid))
		return pasid;
	rc = choose_number(dev, is_taken, arg, &pasid->number);
	if (rc) {
		pasid_put(pasid);
		return ERR_PTR(rc);
	}
	pasid->is_global = true;
	return pasid;
}

struct pasid *pasid_get(struct pasid *pasid)
{
	refcount_inc(&pasid->ref);
	return pasid;
}

void pasid_put(struct pasid *pasid)
{
	if (!refcount_dec_and_test(&pasid->ref))
		return;
	if (pasid->is_global)
		compat_free_pasid(pasid->number);
	uncharge(pasid->user);
	kfree_rcu(pasid, rcu);
}

bool pasid_is_unshared(const struct pasid *pasid)
{
	return refcount_read(&pasid->ref) == 1;
}

void pasid_quota_current(struct pasid_quota *quota)
{
	mutex_lock(&users_lock);
	quota->used = nr_charged(current_uid());
	mutex_unlock(&users_lock);
	quota->limit = READ_ONCE(pasids_per_user);
}

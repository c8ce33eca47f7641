// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that are being removed, see removal.h.
 */
#include <linux/iommu.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "removal.h"

#define NR_REMOVALS 64

/* Protects the following. */
static DEFINE_SPINLOCK(removal_lock);
static const struct device *removed[NR_REMOVALS];
/* How many did not fit. */
static unsigned int nr_more;
/* Whose removal has to wait. */
static const struct device *put_off;

static DECLARE_WAIT_QUEUE_HEAD(gone_on);

static unsigned int find(const struct device *dev)
{
	unsigned int i;

	lockdep_assert_held(&removal_lock);
	for (i = 0; i < NR_REMOVALS && removed[i] != dev; i++)
		;
	return i;
}

static bool has(const struct device *dev)
{
	return nr_more || find(dev) < NR_REMOVALS;
}

static bool is_put_off(const struct device *dev)
{
	bool answer;

	spin_lock(&removal_lock);
	answer = put_off == dev;
	spin_unlock(&removal_lock);
	return answer;
}

void removal_begin(const struct device *dev)
{
	unsigned int slot;

	spin_lock(&removal_lock);
	slot = find(NULL);
	if (slot < NR_REMOVALS)
		removed[slot] = dev;
	else
		nr_more++;
	spin_unlock(&removal_lock);
	/* From now on nobody puts it off any more. */
	wait_event(gone_on, !is_put_off(dev));
}

void removal_end(const struct device *dev)
{
	unsigned int slot;

	spin_lock(&removal_lock);
	slot = find(dev);
	if (slot < NR_REMOVALS)
		removed[slot] = NULL;
	else if (nr_more)
		nr_more--;
	spin_unlock(&removal_lock);
}

bool removal_has(const struct device *dev)
{
	bool answer;

	spin_lock(&removal_lock);
	answer = has(dev);
	spin_unlock(&removal_lock);
	return answer;
}

/* A removal that starts now waits for the lock before the iommu core hears of it. */
static struct iommu_group *get_group_locked(struct device *dev)
{
	lockdep_assert_held(&removal_lock);
	return has(dev) ? NULL : iommu_group_get(dev);
}

struct iommu_group *removal_get_group(struct device *dev)
{
	struct iommu_group *group;

	spin_lock(&removal_lock);
	group = get_group_locked(dev);
	spin_unlock(&removal_lock);
	return group;
}

struct iommu_group *removal_put_off(struct device *dev)
{
	struct iommu_group *group;

	spin_lock(&removal_lock);
	group = get_group_locked(dev);
	if (group)
		put_off = dev;
	spin_unlock(&removal_lock);
	return group;
}

void removal_go_on(void)
{
	spin_lock(&removal_lock);
	put_off = NULL;
	spin_unlock(&removal_lock);
	wake_up_all(&gone_on);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Naming owners, see owner.h.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/slab.h>

#include "bus.h"
#include "frontend.h"
#include "group.h"
#include "owner.h"

/**
 * struct members - the devices of a group at one moment
 * @nr: how many
 * @capacity: room in @dev
 * @dev: the devices; holds references
 */
struct members {
	unsigned int nr;
	unsigned int capacity;
	struct device **dev;
};

static int collect_member(struct device *dev, void *data)
{
	struct members *members = data;

	/* One that came in after counting: look again. */
	if (members->nr == members->capacity)
		return -EAGAIN;
	members->dev[members->nr++] = get_device(dev);
	return 0;
}

static int count_member(struct device *dev, void *data)
{
	(*(unsigned int *)data)++;
	return 0;
}

static void put_members(struct members *members)
{
	while (members->nr)
		put_device(members->dev[--members->nr]);
	kfree(members->dev);
}

static int get_members(struct iommu_group *group, struct members *members)
{
	int rc;

	do {
		members->nr = 0;
		members->capacity = 0;
		iommu_group_for_each_dev(group, &members->capacity, count_member);
		members->dev =
			kcalloc(members->capacity, sizeof(*members->dev), GFP_KERNEL_ACCOUNT);
		if (!members->dev)
			return -ENOMEM;
		rc = iommu_group_for_each_dev(group, members, collect_member);
		if (rc)
			put_members(members);
	} while (rc == -EAGAIN);
	return rc;
}

/*
 * Is a driver of the wanted kind bound to @dev? If so, both are named. Our own front-ends are never
 * in the way.
 */
static bool name_if_bound(struct device *dev, bool manages_dma, struct ioasid_device_owner *owner)
{
	bool found;

	device_lock(dev);
	found = dev->driver && bus_driver_manages_dma(dev) == manages_dma && !frontend_has(dev);
	if (found) {
		strscpy((char *)owner->out_device, dev_name(dev), sizeof(owner->out_device));
		strscpy((char *)owner->out_driver, dev->driver->name, sizeof(owner->out_driver));
	}
	device_unlock(dev);
	return found;
}

static int describe_foreign_owner(struct iommu_group *group, struct ioasid_device_owner *owner)
{
	struct members members;
	unsigned int i;
	int rc;

	rc = get_members(group, &members);
	if (rc)
		return rc;
	owner->out_owner = IOASID_OWNER_NONE;
	for (i = 0; i < members.nr && !owner->out_owner; i++)
		if (name_if_bound(members.dev[i], false, owner))
			owner->out_owner = IOASID_OWNER_KERNEL;
	if (!owner->out_owner && iommu_group_dma_owner_claimed(group)) {
		owner->out_owner = IOASID_OWNER_OTHER;
		for (i = 0; i < members.nr; i++)
			if (name_if_bound(members.dev[i], true, owner))
				break;
	}
	put_members(&members);
	return 0;
}

int owner_describe(struct iommu_group *group, struct ioasid_device_owner *owner)
{
	int rc = 0;

	if (!group) {
		owner->out_owner = IOASID_OWNER_NO_IOMMU;
		owner->out_group = IOASID_NO_GROUP;
		return 0;
	}
	owner->out_group = iommu_group_id(group);
	if (!group_describe_context(group, owner))
		rc = describe_foreign_owner(group, owner);
	iommu_group_put(group);
	return rc;
}

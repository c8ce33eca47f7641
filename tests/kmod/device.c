// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices behind the IOMMU, see device.h.
 */
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "device.h"
#include "journal.h"
#include "mock_compat.h"
#include "page_request.h"

/**
 * struct mock_group - what devices of an IOMMU group share
 * @nr_devices: devices that refer to it, as the following protected by groups_lock
 * @nr_members: those that are connected
 * @group: the IOMMU group while there are members
 */
struct mock_group {
	unsigned int nr_devices;
	unsigned int nr_members;
	struct iommu_group *group;
};

static DEFINE_MUTEX(groups_lock);
static DEFINE_SPINLOCK(devices_lock);
static LIST_HEAD(devices);

static struct mock_group *group_get(struct mock_device *sibling)
{
	struct mock_group *group;

	mutex_lock(&groups_lock);
	group = sibling ? sibling->group : kzalloc(sizeof(*group), GFP_KERNEL);
	if (group)
		group->nr_devices++;
	mutex_unlock(&groups_lock);
	return group;
}

static void group_put(struct mock_group *group)
{
	mutex_lock(&groups_lock);
	if (--group->nr_devices == 0)
		kfree(group);
	mutex_unlock(&groups_lock);
}

struct mock_device *mock_create(struct mock_device *sibling)
{
	struct mock_device *mock;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL);
	if (!mock)
		return NULL;
	mock->group = group_get(sibling);
	if (!mock->group) {
		kfree(mock);
		return NULL;
	}
	kref_init(&mock->kref);
	INIT_LIST_HEAD(&mock->node);
	mutex_init(&mock->jobs_lock);
	INIT_LIST_HEAD(&mock->jobs);
	mutex_init(&mock->report_lock);
	spin_lock_init(&mock->pages_lock);
	INIT_LIST_HEAD(&mock->answers);
	INIT_LIST_HEAD(&mock->waiters);
	init_waitqueue_head(&mock->answered);
	return mock;
}

static void mock_free(struct kref *kref)
{
	struct mock_device *mock = container_of(kref, struct mock_device, kref);

	page_request_forget(mock);
	group_put(mock->group);
	kfree(mock);
}

void mock_get(struct mock_device *mock)
{
	kref_get(&mock->kref);
}

void mock_put(struct mock_device *mock)
{
	kref_put(&mock->kref, mock_free);
}

static struct mock_device *find_number(unsigned int number)
{
	struct mock_device *mock;

	list_for_each_entry(mock, &devices, node)
		if (mock->mmu.number == number)
			return mock;
	return NULL;
}

void mock_publish(struct mock_device *mock)
{
	unsigned int number = 0;

	spin_lock(&devices_lock);
	while (find_number(number))
		number++;
	mmu_device_init(&mock->mmu, number);
	list_add_tail(&mock->node, &devices);
	spin_unlock(&devices_lock);
	count(live_devices);
}

void mock_withdraw(struct mock_device *mock)
{
	spin_lock(&devices_lock);
	list_del_init(&mock->node);
	spin_unlock(&devices_lock);
	uncount(live_devices);
}

static bool is_its_device(const struct mock_device *mock, const struct device *dev)
{
	if (mock->pci_name[0])
		return dev_is_pci(dev) && !strcmp(mock->pci_name, dev_name(dev));
	return mock->pdev && dev == &mock->pdev->dev;
}

struct mock_device *mock_find(const struct device *dev)
{
	struct mock_device *mock, *found = NULL;

	spin_lock(&devices_lock);
	list_for_each_entry(mock, &devices, node)
		if (is_its_device(mock, dev))
			found = mock;
	if (found)
		mock_get(found);
	spin_unlock(&devices_lock);
	return found;
}

struct mock_device *mock_by_number(unsigned int number)
{
	struct mock_device *found;

	spin_lock(&devices_lock);
	found = find_number(number);
	if (found)
		mock_get(found);
	spin_unlock(&devices_lock);
	return found;
}

struct mock_device *mock_first(void)
{
	struct mock_device *first;

	spin_lock(&devices_lock);
	first = list_first_entry_or_null(&devices, struct mock_device, node);
	if (first)
		mock_get(first);
	spin_unlock(&devices_lock);
	return first;
}

void mock_connected(struct mock_device *mock, struct device *dev)
{
	spin_lock(&devices_lock);
	mock->dev = get_device(dev);
	spin_unlock(&devices_lock);
}

void mock_disconnected(struct mock_device *mock)
{
	struct device *dev;

	spin_lock(&devices_lock);
	dev = mock->dev;
	mock->dev = NULL;
	spin_unlock(&devices_lock);
	put_device(dev);
}

struct device *mock_get_dev(struct mock_device *mock)
{
	struct device *dev;

	spin_lock(&devices_lock);
	dev = get_device(mock->dev);
	spin_unlock(&devices_lock);
	return dev;
}

bool mock_lacks_master(struct mock_device *mock)
{
	bool lacks = false;

	if (!mock->pci_name[0])
		return false;
	spin_lock(&devices_lock);
	if (mock->dev)
		lacks = !to_pci_dev(mock->dev)->is_busmaster;
	spin_unlock(&devices_lock);
	return lacks;
}

/* The caller gets a reference, and the group keeps one while it has members. */
static struct iommu_group *join(struct mock_group *group)
{
	struct iommu_group *new;

	if (!group->group) {
		new = iommu_group_alloc();
		if (IS_ERR(new))
			return new;
		group->group = new;
	}
	group->nr_members++;
	return iommu_group_ref_get(group->group);
}

struct iommu_group *mock_join_group(struct mock_device *mock)
{
	struct iommu_group *group;

	mutex_lock(&groups_lock);
	group = join(mock->group);
	mock->grouped = !IS_ERR(group);
	mutex_unlock(&groups_lock);
	return group;
}

bool mock_leave_group(struct mock_device *mock)
{
	struct mock_group *group = mock->group;
	struct iommu_group *empty = NULL;

	mutex_lock(&groups_lock);
	if (mock->grouped && --group->nr_members == 0) {
		empty = group->group;
		group->group = NULL;
	}
	mock->grouped = false;
	mutex_unlock(&groups_lock);
	if (empty)
		iommu_group_put(empty);
	return empty;
}

static u32 rid_state(const struct iommu_domain *domain)
{
	if (!domain)
		return MOCK_RID_NONE;
	if (mmu_is_paging(domain))
		return MOCK_RID_PAGING;
	return domain->type == IOMMU_DOMAIN_IDENTITY ? MOCK_RID_IDENTITY : MOCK_RID_BLOCKED;
}

int mock_get_info(struct mock_device *mock, struct mock_device_info *info)
{
	struct device *dev = mock_get_dev(mock);
	unsigned long flags;

	memset(info, 0, sizeof(*info));
	info->device = mock->mmu.number;
	info->out_num_pasids = READ_ONCE(mock->mmu.nr_pasids);
	info->out_resets = READ_ONCE(mock->nr_resets);
	spin_lock_irqsave(&mock->mmu.lock, flags);
	info->out_rid = rid_state(mock->mmu.rid.domain);
	info->out_rid_domain = mmu_domain_number(mock->mmu.rid.domain);
	spin_unlock_irqrestore(&mock->mmu.lock, flags);
	if (!dev)
		return -ENODEV;
	info->out_max_pasids = mock_compat_max_pasids(dev);
	strscpy((char *)info->out_name, dev_name(dev), sizeof(info->out_name));
	put_device(dev);
	return 0;
}

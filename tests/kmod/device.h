/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices behind the IOMMU: finding them, their lifetime, and their groups.
 *
 * A mock_device exists from being added to being removed, and on as long as a file or a job
 * refers to it. It is connected while the driver core has a device for it that the IOMMU core has
 * probed.
 */
#ifndef MOCK_DEVICE_H
#define MOCK_DEVICE_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "mmu.h"
#include "mock.h"
#include "reset.h"

struct mock_group;
struct platform_device;

/**
 * struct mock_device - a device that tests can make do DMA
 * @kref: references
 * @node: in the list of devices
 * @mmu: how the IOMMU translates for it
 * @group: shared by the devices of an IOMMU group
 * @grouped: is it counted as a member?
 * @pasid_bits: see &mock_add_device, as the following
 * @region_type: reserved region
 * @region_start: reserved region
 * @region_length: reserved region
 * @pci_name: empty for a platform device
 * @pdev: the platform device
 * @dev: the driver core's device, with a reference, while connected; protected by the lock of the
 *	list
 * @gone: has been removed; set with @jobs_lock held
 * @nr_resets: how many times it was reset
 * @misc: its node
 * @misc_name: of the node
 * @node_name: of the node
 * @reset_line: how a driver finds its reset
 * @jobs_lock: protects @jobs
 * @jobs: list of job.device_node
 * @report_lock: held while a page request is reported, so that the device does not leave
 * @pages_started: page requests can be sent; report_lock
 * @pages_lock: protects what follows
 * @answers: that nobody fetched yet, list of answer.node
 * @nr_answers: how many
 * @waiters: list of page_waiter.node
 * @answered: woken when an answer arrives
 */
struct mock_device {
	struct kref kref;
	struct list_head node;
	struct mmu_device mmu;
	struct mock_group *group;
	bool grouped;
	u32 pasid_bits;
	u32 region_type;
	u64 region_start;
	u64 region_length;
	char pci_name[MOCK_NAME_SIZE];
	struct platform_device *pdev;
	struct device *dev;
	bool gone;
	unsigned int nr_resets;
	struct miscdevice misc;
	char misc_name[MOCK_NAME_SIZE];
	char node_name[MOCK_NAME_SIZE];
	struct reset_line reset_line;
	struct mutex jobs_lock;
	struct list_head jobs;
	struct mutex report_lock;
	bool pages_started;
	spinlock_t pages_lock;
	struct list_head answers;
	unsigned int nr_answers;
	struct list_head waiters;
	wait_queue_head_t answered;
};

/* Joins the group of @sibling, or starts one. -ENOMEM. */
struct mock_device *mock_create(struct mock_device *sibling);
void mock_get(struct mock_device *mock);
void mock_put(struct mock_device *mock);

/* In the list it can be found; with a reference. The lowest number that is free is @mock's. */
void mock_publish(struct mock_device *mock);
void mock_withdraw(struct mock_device *mock);
struct mock_device *mock_find(const struct device *dev);
struct mock_device *mock_by_number(unsigned int number);
struct mock_device *mock_first(void);

/* Called by the IOMMU driver. A connected device holds a reference to itself. */
void mock_connected(struct mock_device *mock, struct device *dev);
void mock_disconnected(struct mock_device *mock);
struct iommu_group *mock_join_group(struct mock_device *mock);
bool mock_leave_group(struct mock_device *mock); /* was it the last one? */

/* The driver core's device, with a reference, or NULL. */
struct device *mock_get_dev(struct mock_device *mock);

/* A PCI device that may not do DMA. */
bool mock_lacks_master(struct mock_device *mock);

static inline u32 mock_max_pasids(const struct mock_device *mock)
{
	return mock->pasid_bits ? 1U << mock->pasid_bits : 0;
}

int mock_get_info(struct mock_device *mock, struct mock_device_info *info);

#endif

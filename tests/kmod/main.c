// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidfd_mock: loading, unloading, and what other modules may call.
 *
 * For tests only. It hands whoever can open its nodes access to memory.
 */
#include <linux/export.h>
#include <linux/module.h>

#include "control.h"
#include "device.h"
#include "dma.h"
#include "hotplug.h"
#include "inject.h"
#include "iommu.h"
#include "journal.h"
#include "page_request.h"
#include "reset.h"

static unsigned int devices = 4;
module_param(devices, uint, 0444);
MODULE_PARM_DESC(devices, "How many devices there are at first (default: 4).");

static unsigned int shared = 2;
module_param(shared, uint, 0444);
MODULE_PARM_DESC(shared, "How many of them, the last ones, share a group (default: 2).");

static unsigned int pasid_bits = 16;
module_param(pasid_bits, uint, 0444);
MODULE_PARM_DESC(pasid_bits, "Width of their PASIDs (default: 16).");

struct device *ioasidfd_mock_get_device(unsigned int number)
{
	struct mock_device *mock = mock_by_number(number);
	struct device *dev;

	if (!mock)
		return NULL;
	dev = mock_get_dev(mock);
	mock_put(mock);
	return dev;
}
EXPORT_SYMBOL_GPL(ioasidfd_mock_get_device);

int ioasidfd_mock_dma(unsigned int number, struct mock_dma *dma, void *buffer)
{
	const struct dma_buffer kernel = { .kernel = buffer };
	struct mock_device *mock = mock_by_number(number);
	int rc;

	if (!mock)
		return -ENODEV;
	rc = dma_run(mock, dma, &kernel, NULL);
	mock_put(mock);
	return rc;
}
EXPORT_SYMBOL_GPL(ioasidfd_mock_dma);

int ioasidfd_mock_device_info(struct mock_device_info *info)
{
	struct mock_device *mock = mock_by_number(info->device);
	int rc;

	if (!mock)
		return -ENODEV;
	rc = mock_get_info(mock, info);
	mock_put(mock);
	return rc;
}
EXPORT_SYMBOL_GPL(ioasidfd_mock_device_info);

void ioasidfd_mock_get_stats(struct mock_stats *stats)
{
	journal_get_stats(stats);
}
EXPORT_SYMBOL_GPL(ioasidfd_mock_get_stats);

void ioasidfd_mock_clear(unsigned int what)
{
	journal_clear(what);
	if (what & MOCK_CLEAR_INJECTIONS)
		inject_clear();
}
EXPORT_SYMBOL_GPL(ioasidfd_mock_clear);

void ioasidfd_mock_set_options(unsigned int options)
{
	WRITE_ONCE(journal_options, options);
}
EXPORT_SYMBOL_GPL(ioasidfd_mock_set_options);

int ioasidfd_mock_inject(const struct mock_inject *order)
{
	return inject_set(order);
}
EXPORT_SYMBOL_GPL(ioasidfd_mock_inject);

int ioasidfd_mock_add_device(struct mock_add_device *add)
{
	return hotplug_add(add);
}
EXPORT_SYMBOL_GPL(ioasidfd_mock_add_device);

int ioasidfd_mock_remove_device(unsigned int number)
{
	return hotplug_remove(number);
}
EXPORT_SYMBOL_GPL(ioasidfd_mock_remove_device);

/* Those of the group come last, and join the first of them. */
static int add_devices(void)
{
	struct mock_add_device add = {
		.sibling = MOCK_NO_DEVICE,
		.pasid_bits = pasid_bits,
	};
	unsigned int i, nr_alone = devices - min(shared, devices);
	int rc;

	for (i = 0; i < devices; i++) {
		rc = hotplug_add(&add);
		if (rc)
			return rc;
		if (i == nr_alone)
			add.sibling = add.out_device;
	}
	return 0;
}

static int __init mock_init(void)
{
	int rc;

	rc = page_request_init();
	if (rc)
		return rc;
	rc = mock_iommu_init();
	if (rc)
		goto err_page_request;
	rc = reset_init();
	if (rc)
		goto err_iommu;
	rc = hotplug_init();
	if (rc)
		goto err_reset;
	rc = add_devices();
	if (!rc)
		rc = control_init();
	if (rc)
		goto err_devices;
	return 0;

err_devices:
	hotplug_exit();
err_reset:
	reset_exit();
err_iommu:
	mock_iommu_exit();
err_page_request:
	page_request_exit();
	return rc;
}

/*
 * Nobody has a file open or a paging domain allocated: each of them counts as a user of the
 * module.
 */
static void __exit mock_exit(void)
{
	control_exit();
	hotplug_exit();
	reset_exit();
	mock_iommu_exit();
	page_request_exit();
}

module_init(mock_init);
module_exit(mock_exit);
MODULE_DESCRIPTION("IOMMU and DMA devices for the tests of ioasidfd");
MODULE_LICENSE("GPL");

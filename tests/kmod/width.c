// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidfd_width: PCI devices that send no PASIDs are said to send some, as long as it is loaded.
 *
 *   insmod ioasidfd_width.ko device=0000:00:05.0,0000:00:06.0 bits=14
 *
 * For tests only. The IOMMU's real driver then keeps PASID tables for devices that never use them.
 * Holds references to the devices. Must not be unloaded while a PASID of theirs is attached: the
 * iommu core would not take it out of the tables any more.
 */
#include <linux/module.h>
#include <linux/pci.h>

#include "mock_compat.h"

#define MAX_DEVICES 4

/* A table that was made for a device without PASIDs is one page, which has room for these. */
#define MAX_BITS 15

static char *device[MAX_DEVICES];
static int nr_devices;
module_param_array(device, charp, &nr_devices, 0444);
MODULE_PARM_DESC(device, "Which PCI devices, by name.");

static unsigned int bits = 14;
module_param(bits, uint, 0444);
MODULE_PARM_DESC(bits, "Width of their PASIDs, from 1 to 15 (default: 14).");

/* Those that were widened; references. */
static struct pci_dev *widened[MAX_DEVICES];
static int nr_widened;

/*
 * One that sends PASIDs anyway, or whose IOMMU has none, is not for us. How many the IOMMU admits
 * to does not count: QEMU 7.2 says two, and takes them all.
 */
static int check_device(struct pci_dev *pdev)
{
	if (!pdev->dev.iommu_group || !pdev->dev.iommu)
		return -ENODEV;
	if (mock_compat_max_pasids(&pdev->dev) || pdev->pasid_enabled)
		return -EBUSY;
	if (!mock_compat_iommu_max_pasids(&pdev->dev))
		return -EOPNOTSUPP;
	return 0;
}

static int widen_locked(struct pci_dev *pdev)
{
	int rc = check_device(pdev);

	if (rc)
		return rc;
	mock_compat_set_max_pasids(&pdev->dev, 1u << bits);
	pdev->pasid_enabled = 1;
	return 0;
}

static int widen(const char *name)
{
	struct device *dev = bus_find_device_by_name(&pci_bus_type, NULL, name);
	int rc;

	if (!dev)
		return -ENODEV;
	device_lock(dev);
	rc = widen_locked(to_pci_dev(dev));
	device_unlock(dev);
	if (rc)
		put_device(dev);
	else
		widened[nr_widened++] = to_pci_dev(dev);
	return rc;
}

/* A device that was removed meanwhile has nothing of the iommu core left. */
static void restore(struct pci_dev *pdev)
{
	device_lock(&pdev->dev);
	pdev->pasid_enabled = 0;
	if (pdev->dev.iommu)
		mock_compat_set_max_pasids(&pdev->dev, 0);
	device_unlock(&pdev->dev);
	pci_dev_put(pdev);
}

static void restore_all(void)
{
	while (nr_widened)
		restore(widened[--nr_widened]);
}

static int __init width_init(void)
{
	int i, rc;

	if (!nr_devices || !bits || bits > MAX_BITS)
		return -EINVAL;
	for (i = 0; i < nr_devices; i++) {
		rc = widen(device[i]);
		if (rc) {
			restore_all();
			return rc;
		}
	}
	return 0;
}

static void __exit width_exit(void)
{
	restore_all();
}

module_init(width_init);
module_exit(width_exit);
MODULE_DESCRIPTION("Says that PCI devices send PASIDs, for tests");
MODULE_LICENSE("GPL");

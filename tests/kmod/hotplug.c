// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices come and go, see hotplug.h.
 *
 * While the driver core removes a device, its jobs go on: whoever uses the device must cut it
 * off, and the IOMMU does so in the end. Only then the device itself falls silent.
 */
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/property.h>

#include "device.h"
#include "hotplug.h"
#include "iommu.h"
#include "job.h"
#include "mock_compat.h"
#include "node.h"
#include "reset.h"

static DEFINE_MUTEX(hotplug_lock);
static struct irq_domain *isolated_msi;

static int create_platform_device(struct mock_device *mock)
{
	struct property_entry properties[3] = {};
	struct platform_device *pdev;
	unsigned int nr = 0;
	int rc;

	if (mock->pasid_bits)
		properties[nr++] = PROPERTY_ENTRY_U32("pasid-num-bits", mock->pasid_bits);
	nr += reset_properties(mock, properties + nr);

	pdev = platform_device_alloc("ioasid-mock", mock->mmu.number);
	if (!pdev)
		return -ENOMEM;
	mock->pdev = pdev;
	if (isolated_msi)
		dev_set_msi_domain(&pdev->dev, isolated_msi);
	rc = nr ? device_create_managed_software_node(&pdev->dev, properties, NULL) : 0;
	if (!rc)
		rc = mock_compat_select(&pdev->dev, mock_iommu_fwnode());
	if (!rc)
		rc = platform_device_add(pdev);
	if (rc) {
		mock->pdev = NULL;
		platform_device_put(pdev);
		return rc;
	}
	return 0;
}

static void remove_platform_device(struct mock_device *mock)
{
	platform_device_unregister(mock->pdev);
}

static struct device *find_pci_device(const char *name)
{
	return bus_find_device_by_name(&pci_bus_type, NULL, name);
}

/* The IOMMU of a device is decided when it appears. */
static void find_pci_device_again(const char *name)
{
	struct device *dev = find_pci_device(name);
	struct pci_bus *bus;

	if (!dev)
		return;
	bus = to_pci_dev(dev)->bus;
	pci_stop_and_remove_bus_device_locked(to_pci_dev(dev));
	put_device(dev);
	pci_lock_rescan_remove();
	pci_rescan_bus(bus);
	pci_unlock_rescan_remove();
}

static int check_pci_device(const char *name)
{
	struct device *dev = find_pci_device(name);
	int rc;

	if (!dev)
		return -ENODEV;
	device_lock(dev);
	rc = dev->driver ? -EBUSY : 0;
	device_unlock(dev);
	put_device(dev);
	return rc;
}

/* Before the IOMMU core, whose notifier has priority 0, looks at the device. */
static int select_pci_device(struct notifier_block *nb, unsigned long action, void *data)
{
	struct mock_device *mock;
	struct device *dev = data;

	if (action != BUS_NOTIFY_ADD_DEVICE)
		return NOTIFY_DONE;
	mock = mock_find(dev);
	if (!mock)
		return NOTIFY_DONE;
	if (mock_compat_select(dev, mock_iommu_fwnode()))
		dev_err(dev, "cannot be put behind the mock IOMMU\n");
	mock_put(mock);
	return NOTIFY_OK;
}

static struct notifier_block pci_notifier = {
	.notifier_call = select_pci_device,
	.priority = 10,
};

static bool is_connected(struct mock_device *mock)
{
	struct device *dev = mock_get_dev(mock);

	put_device(dev);
	return dev;
}

/*
 * A device that the IOMMU core gave up on stays: without a group, as devices that no IOMMU wants
 * are. That is what an injected error leads to.
 */
static int bring_up(struct mock_device *mock)
{
	char name[MOCK_NAME_SIZE];

	if (mock->pci_name[0]) {
		find_pci_device_again(mock->pci_name);
		return is_connected(mock) ? 0 : -ENODEV;
	}
	snprintf(name, sizeof(name), "ioasid-mock.%u", mock->mmu.number);
	reset_add_line(mock, name);
	return create_platform_device(mock);
}

static void silence(struct mock_device *mock)
{
	mutex_lock(&mock->jobs_lock);
	WRITE_ONCE(mock->gone, true);
	mutex_unlock(&mock->jobs_lock);
	job_halt_all(mock, MOCK_JOB_GONE);
	wake_up_all(&mock->answered);
}

static void take_down(struct mock_device *mock)
{
	bool pci = mock->pci_name[0];

	if (pci) {
		mock_withdraw(mock);
		find_pci_device_again(mock->pci_name);
	} else if (mock->pdev) {
		remove_platform_device(mock);
		mock_withdraw(mock);
	} else {
		mock_withdraw(mock);
	}
	reset_remove_line(mock);
	silence(mock);
	mock_put(mock);
}

static struct mock_device *create(const struct mock_add_device *add)
{
	struct mock_device *mock, *sibling = NULL;

	if (add->pasid_bits > 20 || add->region_type > MOCK_REGION_MSI)
		return ERR_PTR(-EINVAL);
	if (add->sibling != MOCK_NO_DEVICE) {
		sibling = mock_by_number(add->sibling);
		if (!sibling)
			return ERR_PTR(-ENODEV);
	}
	mock = mock_create(sibling);
	if (sibling)
		mock_put(sibling);
	if (!mock)
		return ERR_PTR(-ENOMEM);
	mock->pasid_bits = add->pasid_bits;
	mock->region_type = add->region_type;
	mock->region_start = add->region_start;
	mock->region_length = add->region_length;
	memcpy(mock->pci_name, add->pci_name, sizeof(mock->pci_name) - 1);
	return mock;
}

static int add_locked(struct mock_add_device *add)
{
	struct mock_device *mock;
	int rc;

	rc = add->pci_name[0] ? check_pci_device((const char *)add->pci_name) : 0;
	if (rc)
		return rc;
	mock = create(add);
	if (IS_ERR(mock))
		return PTR_ERR(mock);
	mock_publish(mock);
	rc = bring_up(mock);
	if (!rc)
		rc = node_register(mock);
	if (rc) {
		take_down(mock);
		return rc;
	}
	add->out_device = mock->mmu.number;
	return 0;
}

static int add_device(struct mock_add_device *add)
{
	int rc;

	mutex_lock(&hotplug_lock);
	rc = add_locked(add);
	mutex_unlock(&hotplug_lock);
	return rc;
}

int hotplug_add(struct mock_add_device *add)
{
	memset(add->pci_name, 0, sizeof(add->pci_name));
	return add_device(add);
}

int hotplug_adopt_pci(struct mock_add_device *add)
{
	add->pci_name[sizeof(add->pci_name) - 1] = 0;
	return add->pci_name[0] ? add_device(add) : -EINVAL;
}

static void remove_locked(struct mock_device *mock)
{
	node_unregister(mock);
	take_down(mock);
}

int hotplug_remove(unsigned int number)
{
	struct mock_device *mock;

	mutex_lock(&hotplug_lock);
	mock = mock_by_number(number);
	if (mock) {
		remove_locked(mock);
		mock_put(mock);
	}
	mutex_unlock(&hotplug_lock);
	return mock ? 0 : -ENODEV;
}

int hotplug_init(void)
{
	isolated_msi = mock_compat_isolated_msi();
	return bus_register_notifier(&pci_bus_type, &pci_notifier);
}

void hotplug_exit(void)
{
	struct mock_device *mock;

	while ((mock = mock_first())) {
		hotplug_remove(mock->mmu.number);
		mock_put(mock);
	}
	bus_unregister_notifier(&pci_bus_type, &pci_notifier);
	if (isolated_msi)
		irq_domain_remove(isolated_msi);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI stub driver, see pci.h.
 *
 * Bus mastering is on exactly while the device is bound to a context, and its interrupt line is
 * off: before, its DMA would reach the kernel's default address space, which often is all of
 * memory.
 */
#include <linux/pci.h>
#include <linux/slab.h>

#include "../compat/compat.h"
#include "node.h"
#include "pci.h"

/**
 * struct pci_stub - a PCI function in user space's hands
 * @pdev: the function
 * @node: its node
 * @reset_failed: the last reset, although it should have been possible
 */
struct pci_stub {
	struct pci_dev *pdev;
	struct node *node;
	bool reset_failed;
};

static int pci_stub_enable(void *private)
{
	struct pci_stub *stub = private;
	int rc;

	rc = pci_enable_device(stub->pdev);
	if (rc)
		return rc;
	/* User space has no handler for the line, and others may share it. */
	pci_intx(stub->pdev, 0);
	pci_set_master(stub->pdev);
	node_grant_access(stub->node);
	return 0;
}

/*
 * Can the function be reset, as things are now? What the kernel found possible when the function
 * appeared includes resetting its bus, which it does not do any more once something else is there.
 */
static bool can_reset(const struct pci_dev *pdev)
{
	/* Looks at the head of the list only: others come and go. */
	bool alone = list_is_singular(&pdev->bus->devices);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pdev->reset_methods) && pdev->reset_methods[i]; i++)
		if (alone || !compat_pci_resets_bus(pdev->reset_methods[i]))
			return true;
	return false;
}

/* Nothing else can be done for a device whose reset fails than to keep it from the bus. */
static void reset(struct pci_stub *stub)
{
	int rc;

	/* One that is not there any more would be waited for in vain. */
	if (!can_reset(stub->pdev) || !pci_device_is_present(stub->pdev))
		return;
	rc = pci_reset_function_locked(stub->pdev);
	stub->reset_failed = rc;
	if (rc)
		pci_err(stub->pdev,
			"reset failed (%d): what user space left in the device is still there; bus mastering stays off\n",
			rc);
}

static void pci_stub_quiesce(void *private)
{
	struct pci_stub *stub = private;

	node_revoke_access(stub->node);
	pci_clear_master(stub->pdev);
	if (pci_device_is_present(stub->pdev) && !pci_wait_for_pending_transaction(stub->pdev))
		pci_warn(stub->pdev,
			 "transactions still pending after bus mastering was turned off\n");
	reset(stub);
	pci_disable_device(stub->pdev);
}

static void pci_stub_get_info(void *private, struct ioasid_device_info *info)
{
	struct pci_stub *stub = private;

	info->out_num_regions = NODE_MAX_REGIONS;
	info->out_pci_vendor = stub->pdev->vendor;
	info->out_pci_device = stub->pdev->device;
	info->out_pci_class = stub->pdev->class;
	info->out_pci_revision = stub->pdev->revision;
	if (can_reset(stub->pdev) && !stub->reset_failed)
		info->out_capabilities |= IOASID_DEVICE_CAP_RESET;
}

static int pci_stub_get_region(void *private, struct ioasid_device_region *region)
{
	struct pci_stub *stub = private;

	return node_get_region(stub->node, region);
}

static const struct ioasidfd_device_ops pci_stub_ops = {
	.enable = pci_stub_enable,
	.quiesce = pci_stub_quiesce,
	.get_info = pci_stub_get_info,
	.get_region = pci_stub_get_region,
};

static void read_bars(struct pci_dev *pdev, struct node_region *regions)
{
	unsigned int i;

	for (i = 0; i < NODE_MAX_REGIONS; i++)
		if (pci_resource_flags(pdev, i) & IORESOURCE_MEM && pci_resource_len(pdev, i))
			node_region_init(&regions[i], &pdev->resource[i]);
}

static int pci_stub_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct node_region regions[NODE_MAX_REGIONS] = {};
	struct pci_stub *stub;
	int rc;

	/*
	 * driver_override matches with the id of anything; an id that somebody wrote to new_id is
	 * not welcome.
	 */
	if (id->vendor != PCI_ANY_ID || pdev->hdr_type != PCI_HEADER_TYPE_NORMAL)
		return -ENODEV;
	stub = kzalloc(sizeof(*stub), GFP_KERNEL);
	if (!stub)
		return -ENOMEM;
	stub->pdev = pdev;
	read_bars(pdev, regions);
	pci_clear_master(pdev);
	pci_set_drvdata(pdev, stub);
	stub->node = node_create(&pdev->dev, &pci_stub_ops, stub, regions);
	if (IS_ERR(stub->node)) {
		rc = PTR_ERR(stub->node);
		goto err_free;
	}
	rc = node_publish(stub->node, &pdev->dev);
	if (rc)
		goto err_node;
	return 0;

err_node:
	node_destroy(stub->node);
err_free:
	kfree(stub);
	return rc;
}

static void pci_stub_remove(struct pci_dev *pdev)
{
	struct pci_stub *stub = pci_get_drvdata(pdev);

	node_destroy(stub->node);
	kfree(stub);
}

static struct pci_driver pci_stub_driver = {
	.name = "ioasidfd_stub_pci",
	.probe = pci_stub_probe,
	.remove = pci_stub_remove,
	.driver_managed_dma = true,
};

int pci_stub_init(void)
{
	return pci_register_driver(&pci_stub_driver);
}

void pci_stub_exit(void)
{
	pci_unregister_driver(&pci_stub_driver);
}

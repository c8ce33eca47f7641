// SPDX-License-Identifier: GPL-2.0-only
/*
 * Platform stub driver, see platform.h.
 *
 * There is no general way to stop a platform device: only a reset does. A device without one is not
 * handed out, since it could go on with its DMA in the kernel's address space after user space is
 * done with it.
 */
#include <linux/acpi.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/reset.h>
#include <linux/slab.h>

#include "../compat/compat.h"
#include "node.h"
#include "platform.h"

static bool platform_reset_required = true;
module_param(platform_reset_required, bool, 0644);
MODULE_PARM_DESC(
	platform_reset_required,
	"Do not hand out platform devices that cannot be reset (default: yes). Without a reset nothing stops their DMA when they return to the kernel.");

/**
 * struct platform_stub - a platform device in user space's hands
 * @pdev: the device
 * @node: its node
 * @reset: its reset line, or NULL
 */
struct platform_stub {
	struct platform_device *pdev;
	struct node *node;
	struct reset_control *reset;
};

static bool has_acpi_reset(const struct platform_stub *stub)
{
	acpi_handle handle = ACPI_HANDLE(&stub->pdev->dev);

	return handle && acpi_has_method(handle, "_RST");
}

static bool can_reset(const struct platform_stub *stub)
{
	return stub->reset || has_acpi_reset(stub);
}

static int reset_device(const struct platform_stub *stub)
{
	if (stub->reset)
		return reset_control_reset(stub->reset);
	if (has_acpi_reset(stub) &&
	    ACPI_FAILURE(acpi_evaluate_object(ACPI_HANDLE(&stub->pdev->dev), "_RST", NULL, NULL)))
		return -EIO;
	return 0;
}

static int platform_stub_enable(void *private)
{
	struct platform_stub *stub = private;

	if (!can_reset(stub) && platform_reset_required)
		return -EOPNOTSUPP;
	node_grant_access(stub->node);
	return 0;
}

static void platform_stub_quiesce(void *private)
{
	struct platform_stub *stub = private;
	int rc;

	node_revoke_access(stub->node);
	rc = reset_device(stub);
	if (rc)
		dev_warn(&stub->pdev->dev, "reset failed (%d); the device may still do DMA\n", rc);
}

static void platform_stub_get_info(void *private, struct ioasid_device_info *info)
{
	struct platform_stub *stub = private;

	info->out_num_regions = NODE_MAX_REGIONS;
	if (can_reset(stub))
		info->out_capabilities |= IOASID_DEVICE_CAP_RESET;
}

static int platform_stub_get_region(void *private, struct ioasid_device_region *region)
{
	struct platform_stub *stub = private;

	return node_get_region(stub->node, region);
}

static const struct ioasidfd_device_ops platform_stub_ops = {
	.enable = platform_stub_enable,
	.quiesce = platform_stub_quiesce,
	.get_info = platform_stub_get_info,
	.get_region = platform_stub_get_region,
};

static void read_resources(struct platform_device *pdev, struct node_region *regions)
{
	unsigned int i;

	for (i = 0; i < NODE_MAX_REGIONS; i++) {
		struct resource *resource = platform_get_resource(pdev, IORESOURCE_MEM, i);

		if (!resource)
			return;
		node_region_init(&regions[i], resource);
	}
}

static int platform_stub_probe(struct platform_device *pdev)
{
	struct node_region regions[NODE_MAX_REGIONS] = {};
	struct platform_stub *stub;
	int rc;

	stub = kzalloc(sizeof(*stub), GFP_KERNEL);
	if (!stub)
		return -ENOMEM;
	stub->pdev = pdev;
	stub->reset = reset_control_get_optional_exclusive(&pdev->dev, NULL);
	if (IS_ERR(stub->reset)) {
		rc = PTR_ERR(stub->reset);
		goto err_free;
	}
	read_resources(pdev, regions);
	platform_set_drvdata(pdev, stub);
	stub->node = node_create(&pdev->dev, &platform_stub_ops, stub, regions);
	if (IS_ERR(stub->node)) {
		rc = PTR_ERR(stub->node);
		goto err_reset;
	}
	rc = node_publish(stub->node, &pdev->dev);
	if (rc)
		goto err_node;
	return 0;

err_node:
	node_destroy(stub->node);
err_reset:
	reset_control_put(stub->reset);
err_free:
	kfree(stub);
	return rc;
}

static void platform_stub_remove(struct platform_device *pdev)
{
	struct platform_stub *stub = platform_get_drvdata(pdev);

	node_destroy(stub->node);
	reset_control_put(stub->reset);
	kfree(stub);
}

COMPAT_PLATFORM_REMOVE(platform_stub_remove)

static struct platform_driver platform_stub_driver = {
	.probe = platform_stub_probe,
	.remove = compat_platform_stub_remove,
	.driver_managed_dma = true,
	.driver.name = "ioasidfd_stub_platform",
};

int platform_stub_init(void)
{
	return platform_driver_register(&platform_stub_driver);
}

void platform_stub_exit(void)
{
	platform_driver_unregister(&platform_stub_driver);
}

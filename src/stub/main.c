// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading of ioasidfd_stub.ko.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "node.h"
#include "pci.h"
#include "platform.h"

static int __init ioasidfd_stub_init(void)
{
	int rc;

	rc = node_init();
	if (rc)
		return rc;
	rc = pci_stub_init();
	if (rc)
		goto err_node;
	rc = platform_stub_init();
	if (rc)
		goto err_pci;
	return 0;

err_pci:
	pci_stub_exit();
err_node:
	node_exit();
	return rc;
}

static void __exit ioasidfd_stub_exit(void)
{
	platform_stub_exit();
	pci_stub_exit();
	node_exit();
}

module_init(ioasidfd_stub_init);
module_exit(ioasidfd_stub_exit);

MODULE_DESCRIPTION("Stub drivers that hand devices to user space through ioasidfd");
MODULE_AUTHOR("The ioasidfd developers");
MODULE_VERSION(IOASIDFD_VERSION);
MODULE_LICENSE("GPL");

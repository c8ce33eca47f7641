// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidfd_no_reset: a PCI device whose resets fail with EIO, as long as it is loaded.
 *
 *   insmod ioasidfd_no_reset.ko device=0000:00:09.0
 *
 * For tests only: devices of an emulator always come back. What asked for the reset is told that it
 * failed, although it was done. Must not know what asks.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/pci.h>

static char *device;
module_param(device, charp, 0444);
MODULE_PARM_DESC(device, "Which PCI device, by name.");

static int note_device(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct pci_dev *pdev = (struct pci_dev *)regs_get_kernel_argument(regs, 0);

	/* Not zero: the end of this call is of no interest. */
	return strcmp(pci_name(pdev), device) != 0;
}

static int fail_reset(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	regs_set_return_value(regs, -EIO);
	return 0;
}

static struct kretprobe probe = {
	.kp.symbol_name = "pci_reset_function_locked",
	.entry_handler = note_device,
	.handler = fail_reset,
};

static int __init no_reset_init(void)
{
	return device ? register_kretprobe(&probe) : -EINVAL;
}

static void __exit no_reset_exit(void)
{
	unregister_kretprobe(&probe);
}

module_init(no_reset_init);
module_exit(no_reset_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A PCI device whose resets fail, for tests");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidfd_answer: what the driver core is told about a platform device when it asks whether a
 * driver may do DMA with it, and asking without binding anybody. Commands are its parameters:
 *   device  name of the device
 *   answer  a negative errno in the place of what is true, or 0
 *   ask     so many times, in the name of its driver, which manages DMA itself: the answer, and
 *           taking it back
 *
 * On return from a function the probes that were there first come first: so whoever loads after
 * this module sees what it says.
 */
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/string.h>

static char device[32];
module_param_string(device, device, sizeof(device), 0600);

static int answer;
module_param(answer, int, 0600);

static int on_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct device **dev = (const struct device **)instance->data;

	*dev = (const struct device *)regs_get_kernel_argument(regs, 0);
	return 0;
}

static int on_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct device *dev = *(const struct device **)instance->data;

	if (READ_ONCE(answer) && !strcmp(dev_name(dev), device))
		regs_set_return_value(regs, answer);
	return 0;
}
NOKPROBE_SYMBOL(on_entry);
NOKPROBE_SYMBOL(on_return);

static struct kretprobe probe = {
	.entry_handler = on_entry,
	.handler = on_return,
	.data_size = sizeof(const struct device *),
};

static int ask(struct device *dev, unsigned int times)
{
	int rc = dev->driver ? 0 : -ENODEV;

	for (; times && !rc; times--) {
		rc = dev->bus->dma_configure(dev);
		if (!rc)
			dev->bus->dma_cleanup(dev);
	}
	return rc;
}

static int set_ask(const char *value, const struct kernel_param *param)
{
	struct device *dev;
	unsigned int times;
	int rc = kstrtouint(value, 0, &times);

	if (rc)
		return rc;
	dev = bus_find_device_by_name(&platform_bus_type, NULL, device);
	if (!dev)
		return -ENODEV;
	device_lock(dev);
	rc = ask(dev, times);
	device_unlock(dev);
	put_device(dev);
	return rc;
}

static const struct kernel_param_ops ask_ops = {
	.set = set_ask,
};

module_param_cb(ask, &ask_ops, NULL, 0200);

static int __init answer_init(void)
{
	probe.kp.addr = (kprobe_opcode_t *)platform_bus_type.dma_configure;
	return register_kretprobe(&probe);
}

static void __exit answer_exit(void)
{
	unregister_kretprobe(&probe);
}

module_init(answer_init);
module_exit(answer_exit);
MODULE_DESCRIPTION("Other answers about DMA, for the tests of ioasidfd");
MODULE_LICENSE("GPL");

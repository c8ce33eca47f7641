// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probes on DMA ownership decisions, see hook.h.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/slab.h>

#include "bus.h"
#include "hook.h"

#ifdef CONFIG_KRETPROBES

/* Calls of one function that can be under way at a time; each may sleep on the locks of a group. */
#define MAX_CALLS 64

/**
 * struct hook_probe - one probed function
 * @probe: the kernel's object
 * @point: which kind of function it is
 */
struct hook_probe {
	struct kretprobe probe;
	enum hook_point point;
};

static void (*report_to)(const struct hook_report *report);
static struct hook_probe *probes;
static unsigned int nr_probes;

/**
 * struct call_data - what is needed when the function returns
 * @argument: the first one
 * @alone: it is a device, and has no group
 */
struct call_data {
	void *argument;
	bool alone;
};

static enum hook_point point_of(struct kretprobe *probe)
{
	return container_of(probe, struct hook_probe, probe)->point;
}

static bool has_group(const struct device *dev)
{
	return READ_ONCE(dev->iommu_group);
}

static int on_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct call_data *data = (struct call_data *)instance->data;
	struct kretprobe *probe = get_kretprobe(instance);

	data->argument = (void *)regs_get_kernel_argument(regs, 0);
	data->alone = probe && point_of(probe) == HOOK_CONFIGURE && !has_group(data->argument);
	return 0;
}

static int on_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct call_data *data = (const struct call_data *)instance->data;
	struct kretprobe *probe = get_kretprobe(instance);
	struct hook_report report = {};

	/* The probe is being removed. */
	if (!probe)
		return 0;
	report.point = point_of(probe);
	if (report.point == HOOK_RELEASE)
		report.group = data->argument;
	else
		report.dev = data->argument;
	report.answer = regs_return_value(regs);
	report.joined = data->alone && has_group(report.dev);
	report_to(&report);
	return 0;
}
NOKPROBE_SYMBOL(on_entry);
NOKPROBE_SYMBOL(on_return);

static int install(void *function, enum hook_point point)
{
	struct hook_probe *probe = &probes[nr_probes];
	int rc;

	/* A bus need not have them. */
	if (!function)
		return 0;
	probe->point = point;
	probe->probe.kp.addr = function;
	probe->probe.entry_handler = on_entry;
	probe->probe.handler = on_return;
	probe->probe.data_size = sizeof(struct call_data);
	probe->probe.maxactive = MAX_CALLS;
	rc = register_kretprobe(&probe->probe);
	if (!rc)
		nr_probes++;
	return rc;
}

int hook_install(void (*report)(const struct hook_report *report))
{
	const struct bus_type *bus;
	unsigned int i;
	int rc;

	probes = kcalloc(2 * bus_count() + 1, sizeof(*probes), GFP_KERNEL);
	if (!probes)
		return -ENOMEM;
	report_to = report;
	rc = install(iommu_group_release_dma_owner, HOOK_RELEASE);
	for (i = 0; i < bus_count() && !rc; i++) {
		bus = bus_type_at(i);
		rc = install(bus->dma_configure, HOOK_CONFIGURE);
		if (!rc)
			rc = install(bus->dma_cleanup, HOOK_CLEANUP);
	}
	if (rc)
		hook_remove();
	return rc;
}

void hook_remove(void)
{
	while (nr_probes)
		unregister_kretprobe(&probes[--nr_probes].probe);
	kfree(probes);
	probes = NULL;
}

unsigned long hook_missed(void)
{
	unsigned long missed = 0;
	unsigned int i;

	for (i = 0; i < nr_probes; i++)
		missed += probes[i].probe.nmissed + probes[i].probe.kp.nmissed;
	return missed;
}

#else

int hook_install(void (*report)(const struct hook_report *report))
{
	return -EOPNOTSUPP;
}

void hook_remove(void)
{
}

unsigned long hook_missed(void)
{
	return 0;
}

#endif

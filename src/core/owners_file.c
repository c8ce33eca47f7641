// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ownership table as a file, see owners_file.h.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/math64.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/time64.h>

#include "../compat/compat.h"
#include "bus.h"
#include "group.h"
#include "observer.h"
#include "owner.h"
#include "owners_file.h"
#include "removal.h"

/**
 * struct member - a device in a group
 * @dev: the device; holds a reference
 * @group: its group; holds a reference
 */
struct member {
	struct device *dev;
	struct iommu_group *group;
};

/**
 * struct table - all devices that are in a group, at one moment
 * @nr: how many
 * @capacity: room in @member
 * @member: sorted by group
 */
struct table {
	unsigned int nr;
	unsigned int capacity;
	struct member *member;
};

static int grow(struct table *table)
{
	unsigned int capacity = table->capacity ? 2 * table->capacity : 64;
	struct member *member =
		krealloc(table->member, capacity * sizeof(*member), GFP_KERNEL_ACCOUNT);

	if (!member)
		return -ENOMEM;
	table->member = member;
	table->capacity = capacity;
	return 0;
}

static int collect(struct device *dev, void *data)
{
	struct table *table = data;
	struct iommu_group *group;
	int rc;

	if (table->nr == table->capacity) {
		rc = grow(table);
		if (rc)
			return rc;
	}
	group = removal_get_group(dev);
	if (!group)
		return 0;
	table->member[table->nr].dev = get_device(dev);
	table->member[table->nr++].group = group;
	return 0;
}

static int by_group(const void *left, const void *right)
{
	const struct member *a = left, *b = right;
	int difference = iommu_group_id(a->group) - iommu_group_id(b->group);

	return difference ?: strcmp(dev_name(a->dev), dev_name(b->dev));
}

/*
 * Names may hold anything, and processes give themselves theirs: what would end a word is escaped.
 */
static void show_name(struct seq_file *seq, const char *key, const void *name)
{
	seq_printf(seq, " %s=", key);
	seq_escape(seq, name, " \t\n\\");
}

static void show_driver(struct seq_file *seq, struct device *dev)
{
	device_lock(dev);
	show_name(seq, "device", dev_name(dev));
	if (dev->driver) {
		show_name(seq, "driver", dev->driver->name);
		seq_printf(seq, " dma=%s",
			   bus_driver_manages_dma(dev) ? "driver-managed" : "kernel");
	}
	seq_putc(seq, '\n');
	device_unlock(dev);
}

static void show_time(struct seq_file *seq, u64 time_ns)
{
	u32 ns;
	u64 s = div_u64_rem(time_ns, NSEC_PER_SEC, &ns);

	seq_printf(seq, " time=%llu.%06u\n", s, ns / (u32)NSEC_PER_USEC);
}

static void show_context(struct seq_file *seq, const struct ioasid_device_owner *owner)
{
	seq_printf(seq, " pid=%u", owner->out_pid);
	show_name(seq, "command", owner->out_command);
	if (owner->out_num_pasids)
		seq_printf(seq, " pasids=%u", owner->out_num_pasids);
	seq_puts(seq, owner->out_owner_flags & IOASID_OWNER_CLOSED ? " closed\n" : "\n");
	if (!owner->out_num_refused)
		return;
	seq_printf(seq, " refused=%llu", owner->out_num_refused);
	show_name(seq, "last_device", owner->out_refused_device);
	show_name(seq, "last_driver", owner->out_refused_driver);
	show_time(seq, owner->out_refused_time_ns);
}

static void show_blocker(struct seq_file *seq, const struct ioasid_device_owner *owner)
{
	show_name(seq, "device", owner->out_device);
	show_name(seq, "driver", owner->out_driver);
	seq_putc(seq, '\n');
}

static void show_owner(struct seq_file *seq, struct iommu_group *group)
{
	static const char *const names[] = {
		[IOASID_OWNER_NONE] = "none",	    [IOASID_OWNER_KERNEL] = "kernel",
		[IOASID_OWNER_CONTEXT] = "context", [IOASID_OWNER_OTHER] = "other",
		[IOASID_OWNER_NO_IOMMU] = "gone",
	};
	struct ioasid_device_owner owner = {};

	if (owner_describe(iommu_group_ref_get(group), &owner)) {
		seq_puts(seq, " owner=unknown\n");
		return;
	}
	seq_printf(seq, " owner=%s", names[owner.out_owner]);
	if (owner.out_owner == IOASID_OWNER_CONTEXT)
		show_context(seq, &owner);
	else if (owner.out_device[0])
		show_blocker(seq, &owner);
	else
		seq_putc(seq, '\n');
}

static void show_groups(struct seq_file *seq, const struct table *table)
{
	unsigned int i;

	for (i = 0; i < table->nr; i++) {
		if (!i || table->member[i].group != table->member[i - 1].group) {
			seq_printf(seq, "group=%u", iommu_group_id(table->member[i].group));
			show_owner(seq, table->member[i].group);
		}
		show_driver(seq, table->member[i].dev);
	}
}

static void show_hook(struct seq_file *seq)
{
	struct observer_stats stats;

	observer_get_stats(&stats);
	seq_printf(seq, "hook=%s requests=%llu refusals=%llu cleanups=%llu missed=%llu\n",
		   observer_sees_refusals() ? "on" : "off", stats.requests, stats.refusals,
		   stats.cleanups, stats.missed);
}

static void free_table(struct table *table)
{
	while (table->nr--) {
		put_device(table->member[table->nr].dev);
		iommu_group_put(table->member[table->nr].group);
	}
	kfree(table->member);
}

static int owners_file_show(struct seq_file *seq, void *unused)
{
	struct table table = {};
	unsigned int i;
	int rc = 0;

	observer_flush();
	for (i = 0; i < bus_count() && !rc; i++)
		rc = compat_bus_for_each_dev(bus_type_at(i), &table, collect);
	if (!rc) {
		sort(table.member, table.nr, sizeof(*table.member), by_group, NULL);
		show_hook(seq);
		show_groups(seq, &table);
	}
	free_table(&table);
	return rc;
}

int owners_file_init(void)
{
	return proc_create_single("ioasidfd", 0400, NULL, owners_file_show) ? 0 : -ENOMEM;
}

void owners_file_exit(void)
{
	remove_proc_entry("ioasidfd", NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Observation of the driver core, see observer.h.
 *
 * Probes run where nothing may sleep, so what they see goes through a ring of fixed size to a
 * worker. Notifiers may sleep and act at once.
 */
#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "../compat/compat.h"
#include "../delay_point.h"
#include "bus.h"
#include "group.h"
#include "hook.h"
#include "observer.h"
#include "removal.h"
#include "watch.h"

static bool hook = true;
module_param(hook, bool, 0444);
MODULE_PARM_DESC(
	hook,
	"Probe dma_configure() of the buses, to see which driver is refused which device (default: yes)");

#define RING_LENGTH 64
#define NR_GRANTED 64

/**
 * enum seen - what a probe can see
 * @SEEN_RELEASED: somebody let go of the group
 * @SEEN_REFUSED: a driver was refused a device of the group
 * @SEEN_JOINED: a device got into the group
 */
enum seen {
	SEEN_RELEASED,
	SEEN_REFUSED,
	SEEN_JOINED,
};

/**
 * struct observation - what a probe saw, for the worker
 * @group: the group; holds a reference
 * @dev: the device, if there is one in particular; holds a reference
 * @what: what it was
 * @time_ns: when, on CLOCK_BOOTTIME
 * @device: name of the device
 * @driver: name of the driver
 */
struct observation {
	struct iommu_group *group;
	struct device *dev;
	enum seen what;
	u64 time_ns;
	char device[IOASID_NAME_SIZE];
	char driver[IOASID_NAME_SIZE];
};

static DEFINE_RAW_SPINLOCK(ring_lock);
static struct observation ring[RING_LENGTH];
static unsigned int ring_head, ring_nr;

/*
 * Devices whose driver was seen being granted DMA and is not bound yet. A bind that is not in here
 * was missed. Protected by @ring_lock; pointers are compared, never followed.
 */
static const struct device *granted[NR_GRANTED];

static atomic64_t requests, refusals, cleanups, missed;
static struct workqueue_struct *workqueue;

/**
 * struct notifier_pair - of one bus: what runs after the iommu core, which gives an added device
 * its group, and what runs before it
 * @late: for everything but
 * @early: the end of a device
 */
struct notifier_pair {
	struct notifier_block late;
	struct notifier_block early;
};

static struct notifier_pair *notifiers;
static bool hook_installed;

/* One that is on its way out again is no member, and that it leaves is dealt with after this. */
static void note_joined(struct device *dev)
{
	struct iommu_group *group = removal_put_off(dev);

	if (!group)
		return;
	group_add_member(group, dev);
	removal_go_on();
	iommu_group_put(group);
}

static void process(const struct observation *seen)
{
	delay_point("observer-work");
	switch (seen->what) {
	case SEEN_RELEASED:
		watch_check(seen->group);
		break;
	case SEEN_REFUSED:
		group_note_refusal(seen->group, seen->device, seen->driver, seen->time_ns);
		break;
	case SEEN_JOINED:
		note_joined(seen->dev);
		break;
	}
	iommu_group_put(seen->group);
	put_device(seen->dev);
}

static bool take_observation(struct observation *seen)
{
	unsigned long flags;
	bool found;

	raw_spin_lock_irqsave(&ring_lock, flags);
	found = ring_nr;
	if (found) {
		*seen = ring[ring_head];
		ring_head = (ring_head + 1) % RING_LENGTH;
		ring_nr--;
	}
	raw_spin_unlock_irqrestore(&ring_lock, flags);
	return found;
}

static void work(struct work_struct *unused)
{
	struct observation seen;

	while (take_observation(&seen))
		process(&seen);
}

static DECLARE_WORK(observer_work, work);

/*
 * Takes over the reference to @group. @dev may be NULL; if not, its lock is held by the task that
 * is observed.
 */
static void observe(struct iommu_group *group, struct device *dev, enum seen what)
{
	struct observation *seen = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&ring_lock, flags);
	if (ring_nr < RING_LENGTH) {
		seen = &ring[(ring_head + ring_nr++) % RING_LENGTH];
		memset(seen, 0, sizeof(*seen));
		seen->group = group;
		seen->dev = get_device(dev);
		seen->what = what;
		seen->time_ns = ktime_get_boottime_ns();
		if (dev)
			strscpy(seen->device, dev_name(dev), sizeof(seen->device));
		if (dev && dev->driver)
			strscpy(seen->driver, dev->driver->name, sizeof(seen->driver));
	}
	raw_spin_unlock_irqrestore(&ring_lock, flags);

	if (seen) {
		queue_work(workqueue, &observer_work);
	} else {
		/*
		 * Full: the worker runs soon and has references of its own, so this is not the last
		 * one.
		 */
		atomic64_inc(&missed);
		iommu_group_put(group);
	}
}

static bool replace_granted(const struct device *from, const struct device *to)
{
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&ring_lock, flags);
	for (i = 0; i < NR_GRANTED && granted[i] != from; i++)
		;
	if (i < NR_GRANTED)
		granted[i] = to;
	raw_spin_unlock_irqrestore(&ring_lock, flags);
	return i < NR_GRANTED;
}

static void observe_device(struct device *dev, enum seen what)
{
	struct iommu_group *group = iommu_group_get(dev);

	if (group)
		observe(group, dev, what);
}

/* Some kernels also ask when there is no driver yet. */
static void saw_configure(struct device *dev, int answer)
{
	if (!dev->driver)
		return;
	atomic64_inc(&requests);
	if (!answer) {
		replace_granted(NULL, dev);
		return;
	}
	/* Other answers are about something else than ownership. */
	if (answer != -EBUSY)
		return;
	atomic64_inc(&refusals);
	observe_device(dev, SEEN_REFUSED);
}

static void saw_cleanup(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);

	atomic64_inc(&cleanups);
	/* A probe that failed between being granted DMA and being announced. */
	replace_granted(dev, NULL);
	if (group)
		observe(group, NULL, SEEN_RELEASED);
}

static void on_report(const struct hook_report *report)
{
	switch (report->point) {
	case HOOK_CONFIGURE:
		/* Some IOMMUs learn of a device only when a driver wants it. */
		if (report->joined)
			observe_device(report->dev, SEEN_JOINED);
		saw_configure(report->dev, report->answer);
		break;
	case HOOK_CLEANUP:
		saw_cleanup(report->dev);
		break;
	case HOOK_RELEASE:
		observe(iommu_group_ref_get(report->group), NULL, SEEN_RELEASED);
		break;
	}
}

static void on_notified(unsigned long event, struct device *dev, struct iommu_group *group)
{
	switch (event) {
	case BUS_NOTIFY_ADD_DEVICE:
		group_add_member(group, dev);
		break;
	case BUS_NOTIFY_DEL_DEVICE:
		group_note_leaving(group, dev_name(dev));
		break;
	case BUS_NOTIFY_UNBOUND_DRIVER:
		watch_check(group);
		break;
	}
}

/* Whoever is about to be bound has been granted DMA a moment before. */
static void reconcile(const struct device *dev)
{
	if (hook_installed && !replace_granted(dev, NULL))
		atomic64_inc(&missed);
}

static int notified(struct notifier_block *nb, unsigned long event, void *data)
{
	struct device *dev = data;
	struct iommu_group *group;

	if (event == BUS_NOTIFY_REMOVED_DEVICE) {
		removal_end(dev);
		return NOTIFY_DONE;
	}
	if (event == BUS_NOTIFY_BIND_DRIVER)
		reconcile(dev);
	if (event == BUS_NOTIFY_DEL_DEVICE)
		removal_begin(dev);
	group = iommu_group_get(dev);
	if (group) {
		if (event == BUS_NOTIFY_DEL_DEVICE)
			delay_point("notified-late");
		on_notified(event, dev, group);
		iommu_group_put(group);
	}
	return NOTIFY_DONE;
}

/* Its driver is gone, and the iommu core still knows it. */
static int notified_early(struct notifier_block *nb, unsigned long event, void *data)
{
	struct device *dev = data;
	struct iommu_group *group;

	if (event != BUS_NOTIFY_REMOVED_DEVICE)
		return NOTIFY_DONE;
	group = iommu_group_get(dev);
	if (group) {
		delay_point("notified-early");
		group_remove_member(group, dev);
		delay_point("member-removed");
		iommu_group_put(group);
	}
	return NOTIFY_DONE;
}

static void unregister_notifiers(unsigned int nr)
{
	while (nr--) {
		compat_bus_unregister_notifier(bus_type_at(nr), &notifiers[nr].early);
		compat_bus_unregister_notifier(bus_type_at(nr), &notifiers[nr].late);
	}
	kfree(notifiers);
}

static int register_pair(const struct bus_type *bus, struct notifier_pair *pair)
{
	int rc;

	pair->late.notifier_call = notified;
	pair->late.priority = -1;
	pair->early.notifier_call = notified_early;
	pair->early.priority = 1;
	rc = compat_bus_register_notifier(bus, &pair->late);
	if (rc)
		return rc;
	rc = compat_bus_register_notifier(bus, &pair->early);
	if (rc)
		compat_bus_unregister_notifier(bus, &pair->late);
	return rc;
}

static int register_notifiers(void)
{
	unsigned int i;
	int rc;

	notifiers = kcalloc(bus_count(), sizeof(*notifiers), GFP_KERNEL);
	if (!notifiers)
		return -ENOMEM;
	for (i = 0; i < bus_count(); i++) {
		rc = register_pair(bus_type_at(i), &notifiers[i]);
		if (rc) {
			unregister_notifiers(i);
			return rc;
		}
	}
	return 0;
}

static void install_hook(void)
{
	int rc;

	if (!hook)
		return;
	rc = hook_install(on_report);
	hook_installed = !rc;
	if (rc)
		pr_info("ioasidfd: refused drivers will not be reported: no probes (%d)\n", rc);
}

int observer_init(void)
{
	int rc;

	workqueue = alloc_workqueue("ioasidfd", WQ_UNBOUND, 1);
	if (!workqueue)
		return -ENOMEM;
	rc = register_notifiers();
	if (rc) {
		destroy_workqueue(workqueue);
		return rc;
	}
	install_hook();
	return 0;
}

void observer_exit(void)
{
	if (hook_installed)
		hook_remove();
	unregister_notifiers(bus_count());
	/* Nothing is added any more; what is queued holds references. */
	destroy_workqueue(workqueue);
}

void observer_flush(void)
{
	flush_work(&observer_work);
}

bool observer_sees_refusals(void)
{
	return hook_installed;
}

void observer_get_stats(struct observer_stats *stats)
{
	stats->requests = atomic64_read(&requests);
	stats->refusals = atomic64_read(&refusals);
	stats->cleanups = atomic64_read(&cleanups);
	stats->missed = atomic64_read(&missed) + (hook_installed ? hook_missed() : 0);
}

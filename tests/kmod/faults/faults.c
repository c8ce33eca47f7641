// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidfd_faults: failures, leaks and delays of the test build of the modules, see faults.h.
 * Commands are its parameters:
 *   nth    the calls of the process that writes it are counted from here on, and the nth fails;
 *          0 ends that
 *   all    those after it fail as well
 *   seen   how many there were; failed: how many of them failed; last: the last one that did
 *   live   how many objects are allocated; one: who allocated one of them
 *   hold   "NAME MS" makes the first task that comes by the point of that name wait, but not longer
 *          than that; anything written after that lets it go
 *   held   how many tasks waited, or still do
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "faults.h"

#define NAME_SIZE 96

/* Allocators do not return anything between. */
#define OBJECT_ALIGN 8

static DEFINE_SPINLOCK(lock);
/* Protected by @lock. */
static unsigned int nth, seen, failed;
static pid_t process;
static char last[NAME_SIZE];
static char hold_name[NAME_SIZE];
static unsigned int hold_ms;

static bool all;
static unsigned int live, held;
static bool released;
static DECLARE_WAIT_QUEUE_HEAD(hold_wait);

/* By address who allocated it: strings of their own, as the caller may be unloaded. */
static DEFINE_XARRAY_FLAGS(objects, XA_FLAGS_LOCK_IRQ);

bool faults_hit(const char *call, const char *caller)
{
	bool hit = false;
	unsigned long flags;

	if (!READ_ONCE(nth))
		return false;
	spin_lock_irqsave(&lock, flags);
	if (nth && current->tgid == process) {
		seen++;
		hit = seen == nth || (all && seen > nth);
	}
	if (hit) {
		failed++;
		snprintf(last, sizeof(last), "%s in %s", call, caller);
	}
	spin_unlock_irqrestore(&lock, flags);
	return hit;
}
EXPORT_SYMBOL_GPL(faults_hit);

void *faults_track(void *object, const char *call, const char *caller)
{
	char *who = ZERO_OR_NULL_PTR(object) ? NULL :
					       kasprintf(GFP_ATOMIC, "%s in %s", call, caller);
	unsigned long flags;

	if (!who)
		return object;
	xa_lock_irqsave(&objects, flags);
	if (!xa_err(__xa_store(&objects, (unsigned long)object / OBJECT_ALIGN, who, GFP_ATOMIC))) {
		live++;
		who = NULL;
	}
	xa_unlock_irqrestore(&objects, flags);
	kfree(who);
	return object;
}
EXPORT_SYMBOL_GPL(faults_track);

void faults_forget(const void *object)
{
	unsigned long flags;
	char *who;

	xa_lock_irqsave(&objects, flags);
	who = __xa_erase(&objects, (unsigned long)object / OBJECT_ALIGN);
	live -= !!who;
	xa_unlock_irqrestore(&objects, flags);
	kfree(who);
}
EXPORT_SYMBOL_GPL(faults_forget);

/* Is it the first one there? If so, how long it waits. */
static unsigned int take_hold(const char *name)
{
	unsigned int ms = 0;
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	if (hold_ms && !strcmp(name, hold_name)) {
		ms = hold_ms;
		hold_ms = 0;
		held++;
	}
	spin_unlock_irqrestore(&lock, flags);
	return ms;
}

void faults_point(const char *name)
{
	unsigned int ms;

	might_sleep();
	ms = READ_ONCE(hold_ms) ? take_hold(name) : 0;
	if (ms)
		wait_event_timeout(hold_wait, READ_ONCE(released), msecs_to_jiffies(ms));
}
EXPORT_SYMBOL_GPL(faults_point);

static int set_nth(const char *value, const struct kernel_param *param)
{
	unsigned long flags;
	unsigned int number;
	int rc = kstrtouint(value, 0, &number);

	if (rc)
		return rc;
	spin_lock_irqsave(&lock, flags);
	if (number) {
		seen = 0;
		failed = 0;
		last[0] = '\0';
	}
	process = current->tgid;
	WRITE_ONCE(nth, number);
	spin_unlock_irqrestore(&lock, flags);
	return 0;
}

static const struct kernel_param_ops nth_ops = {
	.set = set_nth,
	.get = param_get_uint,
};

static int set_hold(const char *value, const struct kernel_param *param)
{
	char name[NAME_SIZE];
	unsigned long flags;
	unsigned int ms;

	if (sscanf(value, "%95s %u", name, &ms) != 2) {
		ms = 0;
		name[0] = '\0';
	}
	spin_lock_irqsave(&lock, flags);
	strscpy(hold_name, name, sizeof(hold_name));
	WRITE_ONCE(hold_ms, ms);
	WRITE_ONCE(released, !ms);
	if (ms)
		held = 0;
	spin_unlock_irqrestore(&lock, flags);
	wake_up_all(&hold_wait);
	return 0;
}

static int get_hold(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%s\n", hold_name);
}

static const struct kernel_param_ops hold_ops = {
	.set = set_hold,
	.get = get_hold,
};

static int get_one(char *buffer, const struct kernel_param *param)
{
	unsigned long index = 0, flags;
	const char *who;
	int length;

	xa_lock_irqsave(&objects, flags);
	who = xa_find(&objects, &index, ULONG_MAX, XA_PRESENT);
	length = sysfs_emit(buffer, "%s\n", who ?: "");
	xa_unlock_irqrestore(&objects, flags);
	return length;
}

static const struct kernel_param_ops one_ops = {
	.get = get_one,
};

module_param_cb(nth, &nth_ops, &nth, 0600);
module_param(all, bool, 0600);
module_param(seen, uint, 0400);
module_param(failed, uint, 0400);
module_param_string(last, last, sizeof(last), 0400);
module_param(live, uint, 0400);
module_param_cb(one, &one_ops, NULL, 0400);
module_param_cb(hold, &hold_ops, NULL, 0600);
module_param(held, uint, 0400);

static int __init faults_init(void)
{
	return 0;
}

static void __exit faults_exit(void)
{
	unsigned long index;
	char *who;

	xa_for_each(&objects, index, who) {
		pr_warn("ioasidfd_faults: leaked: %s\n", who);
		kfree(who);
	}
	xa_destroy(&objects);
}

module_init(faults_init);
module_exit(faults_exit);
MODULE_DESCRIPTION("Failures and delays on command, for the tests of ioasidfd");
MODULE_LICENSE("GPL");

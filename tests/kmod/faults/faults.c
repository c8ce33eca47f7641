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
 *   wrong  a number: from here on what WARN_ON() has to say is counted; "no": it is said
 *   unpin  "PFN NR" unpins pages that the modules do not unpin any more, and forgets the objects
 *          that are left with them
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "faults.h"

#define NAME_SIZE 96

/* Nobody takes the processor away: less than what the kernel complains about. */
#define LONGEST_BUSY_MS 3000u

/* Of the general allocator. */
#define SHORTEST_OBJECT 8

/* Allocators do not return anything between. */
#define OBJECT_ALIGN 8

static DEFINE_SPINLOCK(lock);
/* Protected by @lock. */
static unsigned int nth, seen, failed;
static pid_t process;
static char last[NAME_SIZE];
static char hold_name[NAME_SIZE];
static unsigned int hold_ms;

static bool all, wrong_is_counted;
static unsigned int wrong;
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

/* KASAN does it better, and knows that not all of the object was asked for. */
void faults_poison(const void *object)
{
	if (!IS_ENABLED(CONFIG_KASAN) && !ZERO_OR_NULL_PTR(object))
		memset((void *)object, 0x6b, SHORTEST_OBJECT);
}
EXPORT_SYMBOL_GPL(faults_poison);

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

void faults_busy_point(const char *name)
{
	unsigned int ms = READ_ONCE(hold_ms) ? take_hold(name) : 0;
	u64 end = ktime_get_ns() + min(ms, LONGEST_BUSY_MS) * NSEC_PER_MSEC;

	while (ms && !READ_ONCE(released) && ktime_get_ns() < end)
		cpu_relax();
}
EXPORT_SYMBOL_GPL(faults_busy_point);

bool faults_warn(bool wrong_now, const char *what)
{
	if (wrong_now && READ_ONCE(wrong_is_counted))
		wrong++;
	else
		WARN(wrong_now, "%s\n", what);
	return wrong_now;
}
EXPORT_SYMBOL_GPL(faults_warn);

static int set_wrong(const char *value, const struct kernel_param *param)
{
	WRITE_ONCE(wrong_is_counted, !kstrtouint(value, 0, &wrong));
	return 0;
}

static const struct kernel_param_ops wrong_ops = {
	.set = set_wrong,
	.get = param_get_uint,
};

static void forget_all(void)
{
	unsigned long index, flags;
	char *who;

	xa_lock_irqsave(&objects, flags);
	xa_for_each(&objects, index, who) {
		__xa_erase(&objects, index);
		kfree(who);
		live--;
	}
	xa_unlock_irqrestore(&objects, flags);
}

static int set_unpin(const char *value, const struct kernel_param *param)
{
	unsigned long pfn, nr;

	if (sscanf(value, "%lu %lu", &pfn, &nr) != 2)
		return -EINVAL;
	for (; nr; nr--, pfn++)
		unpin_user_page(pfn_to_page(pfn));
	forget_all();
	return 0;
}

static const struct kernel_param_ops unpin_ops = {
	.set = set_unpin,
};

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
module_param_cb(wrong, &wrong_ops, &wrong, 0600);
module_param_cb(unpin, &unpin_ops, NULL, 0200);

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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pending invalidation, see flush.h.
 */
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../delay_point.h"
#include "flush.h"
#include "mapping.h"

/* Small against the memory of a machine, large against the cost of an invalidation. */
#define MAX_PENDING_MAPPINGS 4096
#define MAX_PENDING_PAGES (256UL << (20 - PAGE_SHIFT))
#define MAX_PENDING_MS 10

/**
 * struct flush_timer - flushes an address space that is left alone
 * @work: runs MAX_PENDING_MS after it was armed
 * @ioas: the address space; holds a reference while armed
 * @armed: protected by &ioas.lock
 */
struct flush_timer {
	struct delayed_work work;
	struct ioas *ioas;
	bool armed;
};

static struct workqueue_struct *workqueue;

int flush_init(void)
{
	workqueue = alloc_workqueue("ioasidfd-flush", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return workqueue ? 0 : -ENOMEM;
}

void flush_exit(void)
{
	destroy_workqueue(workqueue);
}

static void timer_expired(struct work_struct *work)
{
	struct flush_timer *timer = container_of(to_delayed_work(work), struct flush_timer, work);
	struct ioas *ioas = timer->ioas;
	struct mapping *flushed;

	down_write(&ioas->lock);
	timer->armed = false;
	flushed = flush_locked(ioas);
	up_write(&ioas->lock);
	delay_point("flush-taken");
	mapping_recycle_list(ioas, flushed);
	ioas_put(ioas);
}

int flush_timer_create(struct ioas *ioas)
{
	struct flush_timer *timer = kzalloc(sizeof(*timer), GFP_KERNEL_ACCOUNT);

	if (!timer)
		return -ENOMEM;
	INIT_DELAYED_WORK(&timer->work, timer_expired);
	timer->ioas = ioas;
	ioas->flush_later = timer;
	return 0;
}

void flush_timer_destroy(struct ioas *ioas)
{
	kfree(ioas->flush_later);
}

void flush_timer_stop(struct ioas *ioas)
{
	if (ioas->flush_later && cancel_delayed_work_sync(&ioas->flush_later->work))
		ioas_put(ioas);
}

/*
 * Flushing does not stop the timer: an address space that is busy arms it once in a while, not each
 * time.
 */
static void arm(struct ioas *ioas)
{
	struct flush_timer *timer = ioas->flush_later;

	if (!timer || timer->armed)
		return;
	timer->armed = true;
	ioas_get(ioas);
	queue_delayed_work(workqueue, &timer->work, msecs_to_jiffies(MAX_PENDING_MS));
}

void flush_add(struct ioas *ioas, struct mapping *mapping)
{
	lockdep_assert_held_write(&ioas->lock);
	mapping_set_next(mapping, ioas->pending);
	ioas->pending = mapping;
	ioas->nr_pending++;
	ioas->nr_pending_pages += mapping_nr_pages(mapping);
	arm(ioas);
}

bool flush_is_due(const struct ioas *ioas)
{
	lockdep_assert_held(&ioas->lock);
	return ioas->nr_pending >= MAX_PENDING_MAPPINGS ||
	       ioas->nr_pending_pages >= MAX_PENDING_PAGES;
}

struct mapping *flush_locked(struct ioas *ioas)
{
	struct mapping *flushed = ioas->pending;
	struct domain *domain;

	lockdep_assert_held_write(&ioas->lock);
	if (!flushed)
		return NULL;
	list_for_each_entry(domain, &ioas->domains.list, node)
		domain_flush(domain);
	mapping_forget_list(ioas, flushed);
	ioas->pending = NULL;
	ioas->nr_pending = 0;
	ioas->nr_pending_pages = 0;
	return flushed;
}

void flush_now(struct ioas *ioas)
{
	struct mapping *flushed;

	down_write(&ioas->lock);
	flushed = flush_locked(ioas);
	up_write(&ioas->lock);
	mapping_recycle_list(ioas, flushed);
	/* The timer may have been first, and not have given back yet what it took. */
	if (ioas->flush_later)
		flush_work(&ioas->flush_later->work.work);
}

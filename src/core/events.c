// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event queues, see events.h.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#include "events.h"

void event_queue_init(struct event_queue *queue)
{
	spin_lock_init(&queue->lock);
	init_waitqueue_head(&queue->wait);
}

void event_queue_destroy(struct event_queue *queue)
{
	kfree(queue->ring);
}

int event_queue_prepare(struct event_queue *queue)
{
	struct ioasid_event *ring;

	if (READ_ONCE(queue->ring))
		return 0;
	ring = kcalloc(EVENT_QUEUE_LENGTH, sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return -ENOMEM;
	spin_lock(&queue->lock);
	if (!queue->ring) {
		WRITE_ONCE(queue->ring, ring);
		ring = NULL;
	}
	spin_unlock(&queue->lock);
	kfree(ring);
	return 0;
}

static void copy_name(u8 *to, const char *from)
{
	if (from)
		strscpy((char *)to, from, IOASID_NAME_SIZE);
}

static void fill(struct ioasid_event *record, const struct event *event, u32 count)
{
	memset(record, 0, sizeof(*record));
	record->size = sizeof(*record);
	record->type = event->type;
	record->time_ns = event->time_ns;
	record->group = event->group;
	record->count = count;
	copy_name(record->device, event->device);
	copy_name(record->driver, event->driver);
}

static void fill_lost(struct ioasid_event *record, u32 lost)
{
	const struct event event = {
		.type = IOASID_EVENT_LOST,
		.group = IOASID_NO_GROUP,
		.time_ns = ktime_get_boottime_ns(),
	};

	fill(record, &event, lost);
}

static struct ioasid_event *next_free(struct event_queue *queue)
{
	return &queue->ring[(queue->head + queue->nr++) % EVENT_QUEUE_LENGTH];
}

static void push_locked(struct event_queue *queue, const struct event *event)
{
	unsigned int needed = queue->lost ? 2 : 1;

	lockdep_assert_held(&queue->lock);
	if (!queue->ring)
		return;
	if (queue->nr + needed > EVENT_QUEUE_LENGTH) {
		queue->lost += queue->lost != U32_MAX;
		return;
	}
	if (queue->lost)
		fill_lost(next_free(queue), queue->lost);
	queue->lost = 0;
	fill(next_free(queue), event, 1);
}

void event_queue_push(struct event_queue *queue, const struct event *event)
{
	spin_lock(&queue->lock);
	push_locked(queue, event);
	spin_unlock(&queue->lock);
	wake_up_interruptible(&queue->wait);
}

static bool pop(struct event_queue *queue, struct ioasid_event *record)
{
	bool found = true;

	spin_lock(&queue->lock);
	if (queue->nr) {
		*record = queue->ring[queue->head];
		queue->head = (queue->head + 1) % EVENT_QUEUE_LENGTH;
		queue->nr--;
	} else if (queue->lost) {
		fill_lost(record, queue->lost);
		queue->lost = 0;
	} else {
		found = false;
	}
	spin_unlock(&queue->lock);
	return found;
}

/*
 * Put a record back that could not be delivered. Its place may have been taken: then it counts as
 * lost.
 */
static void unpop(struct event_queue *queue, const struct ioasid_event *record)
{
	spin_lock(&queue->lock);
	if (queue->nr < EVENT_QUEUE_LENGTH) {
		queue->head = (queue->head + EVENT_QUEUE_LENGTH - 1) % EVENT_QUEUE_LENGTH;
		queue->ring[queue->head] = *record;
		queue->nr++;
	} else {
		queue->lost += record->count;
	}
	spin_unlock(&queue->lock);
}

static bool has_events(struct event_queue *queue)
{
	return READ_ONCE(queue->nr) || READ_ONCE(queue->lost);
}

static ssize_t read_available(struct event_queue *queue, char __user *buffer, size_t size)
{
	struct ioasid_event record;
	size_t done = 0;

	while (size - done >= sizeof(record) && pop(queue, &record)) {
		if (copy_to_user(buffer + done, &record, sizeof(record))) {
			unpop(queue, &record);
			return done ?: -EFAULT;
		}
		done += sizeof(record);
	}
	return done;
}

ssize_t event_queue_read(struct event_queue *queue, char __user *buffer, size_t size,
			 bool nonblocking)
{
	ssize_t rc;

	if (size < sizeof(struct ioasid_event))
		return -EINVAL;
	for (;;) {
		rc = read_available(queue, buffer, size);
		if (rc)
			return rc;
		if (nonblocking)
			return -EAGAIN;
		rc = wait_event_interruptible(queue->wait, has_events(queue));
		if (rc)
			return rc;
	}
}

__poll_t event_queue_poll(struct event_queue *queue, struct file *file, poll_table *wait)
{
	poll_wait(file, &queue->wait, wait);
	return has_events(queue) ? EPOLLIN | EPOLLRDNORM : 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event queue of a context: what happened to its groups, until somebody reads it.
 *
 * Owns a fixed number of records. Writers never wait and never allocate; what does not fit is
 * counted, and the count is a record of its own at the place where events are missing. Knows
 * nothing of what the events mean.
 *
 * Locks: its own, innermost.
 */
#ifndef IOASIDFD_EVENTS_H
#define IOASIDFD_EVENTS_H

#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <uapi/linux/ioasidfd.h>

#define EVENT_QUEUE_LENGTH 64

/**
 * struct event_queue - see above
 * @lock: protects the rest
 * @wait: readers
 * @ring: EVENT_QUEUE_LENGTH records, NULL until event_queue_prepare()
 * @head: the oldest record
 * @nr: how many there are
 * @lost: events dropped since the newest record was written
 */
struct event_queue {
	spinlock_t lock;
	wait_queue_head_t wait;
	struct ioasid_event *ring;
	unsigned int head;
	unsigned int nr;
	u32 lost;
};

void event_queue_init(struct event_queue *queue);
void event_queue_destroy(struct event_queue *queue);

/*
 * Get the memory for records. Until then events are dropped without a trace: nobody can have asked
 * for any.
 */
int event_queue_prepare(struct event_queue *queue);

/**
 * struct event - something that happened
 * @type: one of &enum ioasid_event_type
 * @group: number of the group
 * @time_ns: when, on CLOCK_BOOTTIME
 * @device: name, or NULL
 * @driver: name, or NULL
 */
struct event {
	u32 type;
	u32 group;
	u64 time_ns;
	const char *device;
	const char *driver;
};

/* Context: process; does not sleep. */
void event_queue_push(struct event_queue *queue, const struct event *event);

/* read() and poll() on it. */
ssize_t event_queue_read(struct event_queue *queue, char __user *buffer, size_t size,
			 bool nonblocking);
__poll_t event_queue_poll(struct event_queue *queue, struct file *file, poll_table *wait);

#endif

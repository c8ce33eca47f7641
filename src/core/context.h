/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A context: what one open of /dev/ioasid holds.
 *
 * Owns the numbers (IOASIDs) and knows which I/O address space each stands for, without looking
 * into it. It does not know files, devices or pages.
 *
 * Lifetimes: the file holds a reference, so does every I/O address space and every group that is
 * owned by the context; it is freed with the last of them. A number is taken by
 * context_reserve_id() and returned by context_release_id() when nothing can refer to its address
 * space any more, so it is never given out twice.
 *
 * Locks: the table of numbers has its own; lookups run under RCU.
 */
#ifndef IOASIDFD_CONTEXT_H
#define IOASIDFD_CONTEXT_H

#include <linux/kref.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "events.h"

struct ioas;
struct pin_charge;
struct pin_scratch;

#define CONTEXT_MAX_IOASIDS ((1U << 20) - 1)

/**
 * struct ioasidfd_context - see above
 * @ref: references
 * @ioases: IOASID to &struct ioas; a reserved number has no pointer yet
 * @next_id: where the search for a free number goes on, so that a number is not reused at once
 * @charge_lock: protects @charge
 * @charge: the charge used last, most often that of the next call as well
 * @scratch: working memory that the next call may use, or NULL
 * @opener: the process that opened the file
 * @command: its name
 * @events: what happened to its groups
 * @closed: the file is gone
 */
struct ioasidfd_context {
	struct kref ref;
	struct xarray ioases;
	u32 next_id;
	spinlock_t charge_lock;
	struct pin_charge *charge;
	struct pin_scratch *scratch;
	struct pid *opener;
	char command[TASK_COMM_LEN];
	struct event_queue events;
	bool closed;
};

struct ioasidfd_context *context_create(void);
struct ioasidfd_context *context_get(struct ioasidfd_context *ctx);
void context_put(struct ioasidfd_context *ctx);

/* The opener's number in the caller's pid namespace; 0 if it has ended or is not visible there. */
pid_t context_opener_pid(const struct ioasidfd_context *ctx);

/* Take a free number. -ENOSPC, -ENOMEM. */
int context_reserve_id(struct ioasidfd_context *ctx, u32 *id);

/* Let a reserved number stand for @ioas. Cannot fail. */
void context_publish_id(struct ioasidfd_context *ctx, u32 id, struct ioas *ioas);
void context_release_id(struct ioasidfd_context *ctx, u32 id);

/* A reference to the charge of the calling task, or NULL without memory. */
struct pin_charge *context_get_charge(struct ioasidfd_context *ctx);

#endif

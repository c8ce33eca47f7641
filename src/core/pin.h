/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pinned memory: pages that a device may reach, and who is charged for them.
 *
 * Owns the long-term pins of one stretch of user memory and the charge for it. It knows user
 * addresses and physical pages, and nothing of IOVAs, IOMMUs or address spaces.
 *
 * Lifetimes: a &struct pins holds its charge; a charge holds the user and the mm it counts against,
 * so that both counters exist until the last page is returned, however long ago the process exited.
 * Pins are released only after every IOMMU has forgotten the pages: the caller sees to that.
 */
#ifndef IOASIDFD_PIN_H
#define IOASIDFD_PIN_H

#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/types.h>

struct pin_block;

/**
 * struct pin_charge - a user and an address space that pinned pages are charged to
 * @ref: one for each &struct pins and one for whoever caches it
 * @user: counts against RLIMIT_MEMLOCK, shared with every other pinner in the kernel that counts
 *	per user
 * @mm: counts in VmPin of the process that mapped
 */
struct pin_charge {
	refcount_t ref;
	struct user_struct *user;
	struct mm_struct *mm;
};

/**
 * struct pin_quota - what there is to say about a refused charge, in bytes
 * @locked: charged to the user now
 * @wanted: asked for
 * @limit: the caller's RLIMIT_MEMLOCK
 */
struct pin_quota {
	u64 locked;
	u64 wanted;
	u64 limit;
};

/*
 * Up to 16 million physically contiguous pages in 8 bytes: memory is what limits the number of
 * scattered ones.
 */
struct pin_run {
	u64 pfn : 40;
	u64 nr : 24;
};

/**
 * struct pins - the pages behind one stretch of user memory
 * @charge: who pays
 * @user_va: where the memory was, in the process that mapped it
 * @nr_pages: length of the whole stretch, all of it charged
 * @write: may a device write to the pages?
 * @nr_pinned: pages pinned so far, from the start of the stretch
 * @newest: ring of blocks with the runs after the first; the newest block's successor is the oldest
 * @first: the first run; the only one for contiguous memory
 */
struct pins {
	struct pin_charge *charge;
	u64 user_va;
	u64 nr_pages : 63;
	u64 write : 1;
	u64 nr_pinned;
	struct pin_block *newest;
	struct pin_run first;
};

/**
 * struct pin_buffer - pages pinned and not yet handed to a &struct pins
 * @pages: room for @capacity pages
 * @capacity: how many
 * @nr: how many are pinned
 * @stuck: some device may reach the pages and cannot be stopped: they stay pinned for ever
 * @spare: memory for the runs that they will become
 * @few: where @pages points for a short stretch
 *
 * Lives on the stack of the call that maps. The way of a page: pin_buffer_fill(),
 * pin_buffer_reserve(), then the caller gives the pages to the IOMMUs and calls
 * pin_buffer_commit(), which cannot fail. On any error before that, pin_buffer_destroy() gives the
 * pages back.
 */
struct pin_buffer {
	struct page **pages;
	unsigned int capacity;
	unsigned int nr;
	bool stuck;
	struct pin_block *spare;
	struct page *few[8];
};

int pin_init(void);
void pin_exit(void);

/* A charge for the current task, which must have an mm. NULL without memory. May sleep. */
struct pin_charge *pin_charge_create(void);

/*
 * A reference to @cached, which may be NULL, if that is the charge of the current task; else NULL.
 */
struct pin_charge *pin_charge_get_cached(struct pin_charge *cached);
struct pin_charge *pin_charge_get(struct pin_charge *charge);
void pin_charge_put(struct pin_charge *charge);

/* What the calling user is charged and may be charged, in bytes; a limit of U64_MAX is none. */
void pin_quota_current(struct pin_quota *quota);

/*
 * Charge @nr_pages at @user_va of the current task and make an object for them; nothing is pinned
 * yet. Takes over the reference to @charge, also on failure. -EDQUOT fills @quota.
 */
struct pins *pins_alloc(struct pin_charge *charge, u64 user_va, u64 nr_pages, bool write,
			struct pin_quota *quota);

/* Unpin everything, return the charge, free the object. May sleep, and reschedules on the way. */
void pins_free(struct pins *pins);

int pin_buffer_init(struct pin_buffer *buffer, u64 nr_pages);
void pin_buffer_destroy(struct pin_buffer *buffer);

/*
 * Pin the next pages of @pins from the current task's memory into the empty buffer, as many as fit
 * without crossing the bounds of a huge page. 0, or -EFAULT, -ENOMEM, -EINTR with nothing pinned.
 */
int pin_buffer_fill(struct pin_buffer *buffer, const struct pins *pins);

/* Get the memory that pin_buffer_commit() to @pins needs. 0 or -ENOMEM. */
int pin_buffer_reserve(struct pin_buffer *buffer, const struct pins *pins);

/* Hand the pages to @pins. The buffer is empty afterwards. */
void pin_buffer_commit(struct pin_buffer *buffer, struct pins *pins);

/* The length of the run of contiguous pages that starts at index @from of the buffer. */
unsigned int pin_buffer_run(const struct pin_buffer *buffer, unsigned int from);

/**
 * struct pin_cursor - a walk over the runs of a &struct pins, in ascending order of user addresses
 * @pins: what is walked
 * @block: block of the next run, NULL for the first run
 * @index: index of the next run in the block
 */
struct pin_cursor {
	const struct pins *pins;
	const struct pin_block *block;
	unsigned int index;
};

void pin_cursor_init(struct pin_cursor *cursor, const struct pins *pins);

/* The next run; false after the last one. */
bool pin_cursor_next(struct pin_cursor *cursor, struct pin_run *run);

#endif

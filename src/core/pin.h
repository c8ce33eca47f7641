/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pinned memory: pages that a device may reach, and who is charged for them.
 *
 * Owns the long-term pins of one stretch of user memory and the charge for it. It knows user
 * addresses and physical pages, and nothing of IOVAs, IOMMUs or address spaces.
 *
 * Lifetimes: a &struct pins that is charged holds its charge, and its owner puts it, later perhaps;
 * a charge holds the user and the mm it counts against, so that both counters exist until the last
 * page is returned, however long ago the process exited.
 * Pins are released only after every IOMMU has forgotten the pages: the caller sees to that.
 */
#ifndef IOASIDFD_PIN_H
#define IOASIDFD_PIN_H

#include <linux/cred.h>
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
 * Up to a GiB of contiguous pages in 8 bytes: memory is what limits the number of scattered ones.
 */
struct pin_run {
	u64 pfn : 40;
	u64 nr : 24;
};

/**
 * struct pins - the pages behind one stretch of memory
 * @charge: who pays; may outlive the pages, for the next ones
 * @start: where the stretch starts: an address of the process that mapped it, or an offset in a
 *	file
 * @nr_pages: length of the whole stretch, all of it charged
 * @write: may a device write to the pages?
 * @by_folio: pages of a file: each folio is pinned once, whatever part of it is used
 * @newest: ring of blocks with the runs after the first; the newest block's successor is the oldest
 * @first: the first run; the only one for contiguous memory
 *
 * Embedded in the object that uses it.
 */
struct pins {
	struct pin_charge *charge;
	u64 start;
	u64 nr_pages : 62;
	u64 write : 1;
	u64 by_folio : 1;
	struct pin_block *newest;
	struct pin_run first;
};

/**
 * struct pin_buffer - pages pinned and not yet handed to a &struct pins
 * @pins: whose pages they are going to be
 * @file: where they come from, or NULL for the memory of the current task
 * @scratch: where @page and @run point for a longer stretch
 * @spare_scratch: where @scratch came from and goes, if the place is free
 * @page: room for the pages of one step
 * @page_capacity: how many
 * @run: the pages pinned so far, as runs
 * @run_capacity: room in @run
 * @nr_runs: how many there are
 * @nr_pages: pages in them
 * @stuck: some device may reach the pages and cannot be stopped: they stay pinned for ever
 * @spare: memory for the runs in @pins
 * @few_pages: where @page points for a short stretch
 * @few_runs: where @run points for a short stretch
 *
 * Lives on the stack of the call that maps. The way of a page: pin_buffer_fill(),
 * pin_buffer_reserve(), then the caller gives the pages to the IOMMUs and calls
 * pin_buffer_commit(), which cannot fail. On any error before that, pin_buffer_destroy() gives the
 * pages back.
 */
struct pin_buffer {
	struct pins *pins;
	struct file *file;
	struct pin_scratch *scratch;
	struct pin_scratch **spare_scratch;
	struct page **page;
	unsigned int page_capacity;
	struct pin_run *run;
	unsigned int run_capacity;
	unsigned int nr_runs;
	u64 nr_pages;
	bool stuck;
	struct pin_block *spare;
	struct page *few_pages[8];
	struct pin_run few_runs[8];
};

/* A charge for the current task, which must have an mm. NULL without memory. May sleep. */
struct pin_charge *pin_charge_create(void);

/* Is @charge, which may be NULL, that of the current task? */
static inline bool pin_charge_is_current(const struct pin_charge *charge)
{
	return charge && charge->mm == current->mm && charge->user == current_user();
}

struct pin_charge *pin_charge_get(struct pin_charge *charge);

/* May be NULL. */
void pin_charge_put(struct pin_charge *charge);

/* What the calling user is charged and may be charged, in bytes; a limit of U64_MAX is none. */
void pin_quota_current(struct pin_quota *quota);

/*
 * Charge @pins->nr_pages of the current task to @pins->charge; nothing is pinned yet. The caller
 * has set charge, start, nr_pages, write and by_folio. -EDQUOT fills @quota.
 */
int pins_init(struct pins *pins, struct pin_quota *quota);

/* Unpin everything and return what was charged. May sleep, and reschedules on the way. */
void pins_release(struct pins *pins);

/**
 * struct pin_ahead - pages that are pinned before they are asked for one by one
 * @start: address of the next page
 * @next: its index
 * @nr: how many there are
 * @write: may a device write to them?
 * @page: pages
 *
 * Pinning many at once takes a fraction of the time. Nobody is charged for them yet: they are few,
 * and live no longer than the call that is about to map them.
 */
struct pin_ahead {
	u64 start;
	unsigned int next;
	unsigned int nr;
	bool write;
	struct page *page[32];
};

/* Pin up to @nr pages of the current task, if they can be; what was not used is given back. */
void pin_ahead_fill(struct pin_ahead *ahead, u64 start, unsigned int nr, bool write);
void pin_ahead_drop(struct pin_ahead *ahead);

/* Is this page the next one? */
static inline bool pin_ahead_has(const struct pin_ahead *ahead, u64 start, bool write)
{
	return ahead->next < ahead->nr && ahead->start == start && ahead->write == write;
}

/*
 * Pin the only page of @pins, of the current task's memory: all that is to be done. It may be the
 * next one of @ahead, which may be NULL. Errors as below.
 */
int pins_fill_single(struct pins *pins, struct pin_ahead *ahead);

/* Can memory of files be pinned on this kernel? */
bool pins_support_files(void);

/* May the calling task have this file's memory pinned? 0, -EOPNOTSUPP, -EFAULT. */
int pins_check_file(struct file *file, bool write);

/*
 * Working memory for stretches of more than a few pages. One is kept at *@spare for the next call,
 * which may be made at the same time as others; the owner of the place frees it in the end.
 */
struct pin_scratch;
void pin_scratch_free(struct pin_scratch *scratch);

int pin_buffer_init(struct pin_buffer *buffer, struct pins *pins, struct file *file,
		    struct pin_scratch **spare);
void pin_buffer_destroy(struct pin_buffer *buffer);

/* Is the stretch so short that it certainly fits? */
static inline bool pin_buffer_holds_all(const struct pin_buffer *buffer)
{
	return buffer->pins->nr_pages <= ARRAY_SIZE(buffer->few_pages);
}

/*
 * Pin the next pages into the empty buffer, of which @done are pinned already: as many as fit, but
 * not across the bounds of the largest huge page. 0, or -EFAULT, -ENOMEM, -EINTR; what was pinned
 * before an error is in the buffer.
 */
int pin_buffer_fill(struct pin_buffer *buffer, u64 done);

/* Get the memory that pin_buffer_commit() needs. 0 or -ENOMEM. */
int pin_buffer_reserve(struct pin_buffer *buffer);

/* Hand the pages over. The buffer is empty afterwards. */
void pin_buffer_commit(struct pin_buffer *buffer);

/**
 * struct pin_cursor - a walk over the runs of a &struct pins, in ascending order
 * @pins: what is walked
 * @block: block of the next run, NULL for the first run
 * @index: index of the next run in the block
 * @skip: pages still to be passed over
 */
struct pin_cursor {
	const struct pins *pins;
	const struct pin_block *block;
	unsigned int index;
	u64 skip;
};

/* Start at the page with index @from. */
void pin_cursor_init(struct pin_cursor *cursor, const struct pins *pins, u64 from);

/* The next run; false after the last one. */
bool pin_cursor_next(struct pin_cursor *cursor, struct pin_run *run);

/* Pass over at most @max_runs runs and at most @max_pages pages; how many pages that was. */
u64 pin_cursor_skip(struct pin_cursor *cursor, unsigned int max_runs, u64 max_pages);

#endif

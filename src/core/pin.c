// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning and charging, see pin.h.
 *
 * Runs are kept instead of pages: a GiB of contiguous memory needs no allocation beyond the object,
 * scattered memory costs eight bytes a page. The blocks that hold them form a ring entered at the
 * newest one, which makes both appending and walking from the oldest possible with a single
 * pointer.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "../compat/compat.h"
#include "pin.h"

#define BLOCK_RUNS ((PAGE_SIZE - sizeof(void *) - sizeof(unsigned long)) / sizeof(struct pin_run))

/*
 * A GiB of 4 KiB pages, as the largest pages of IOMMUs: what is done for a run is done without a
 * break.
 */
#define RUN_ORDER 18

struct pin_block {
	struct pin_block *next;
	unsigned long nr;
	struct pin_run run[BLOCK_RUNS];
};

static_assert(sizeof(struct pin_block) <= PAGE_SIZE);
static_assert(sizeof(struct pin_run) == 8);

struct pin_charge *pin_charge_create(void)
{
	struct pin_charge *charge = kmalloc(sizeof(*charge), GFP_KERNEL_ACCOUNT);

	if (!charge)
		return NULL;
	refcount_set(&charge->ref, 1);
	charge->user = get_uid(current_user());
	charge->mm = current->mm;
	mmgrab(charge->mm);
	return charge;
}

struct pin_charge *pin_charge_get(struct pin_charge *charge)
{
	refcount_inc(&charge->ref);
	return charge;
}

void pin_charge_put(struct pin_charge *charge)
{
	if (!charge || !refcount_dec_and_test(&charge->ref))
		return;
	mmdrop(charge->mm);
	free_uid(charge->user);
	kfree(charge);
}

void pin_quota_current(struct pin_quota *quota)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK);

	quota->locked = (u64)atomic_long_read(&current_user()->locked_vm) << PAGE_SHIFT;
	quota->wanted = 0;
	quota->limit = limit == RLIM_INFINITY || capable(CAP_IPC_LOCK) ? U64_MAX : limit;
}

/* The limit holds at every moment, so two callers that race for the last page do not both fail. */
static bool add_within(atomic_long_t *locked, u64 nr_pages, u64 limit, u64 *now)
{
	long old = atomic_long_read(locked);

	do {
		*now = old;
		if (old + nr_pages > limit)
			return false;
	} while (!atomic_long_try_cmpxchg(locked, &old, old + nr_pages));
	return true;
}

static int charge_pages(struct pin_charge *charge, u64 nr_pages, struct pin_quota *quota)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK);
	u64 now;

	if (!add_within(&charge->user->locked_vm, nr_pages, limit >> PAGE_SHIFT, &now)) {
		/* capable() leaves traces in the audit log: ask only when the answer matters. */
		if (!capable(CAP_IPC_LOCK)) {
			quota->locked = now << PAGE_SHIFT;
			quota->wanted = nr_pages << PAGE_SHIFT;
			quota->limit = limit;
			return -EDQUOT;
		}
		atomic_long_add(nr_pages, &charge->user->locked_vm);
	}
	atomic64_add(nr_pages, &charge->mm->pinned_vm);
	return 0;
}

static void uncharge_pages(struct pin_charge *charge, u64 nr_pages)
{
	atomic64_sub(nr_pages, &charge->mm->pinned_vm);
	atomic_long_sub(nr_pages, &charge->user->locked_vm);
}

int pins_init(struct pins *pins, struct pin_quota *quota)
{
	pins->newest = NULL;
	pins->first.nr = 0;
	return charge_pages(pins->charge, pins->nr_pages, quota);
}

static void unpin_run(const struct pins *pins, const struct pin_run *run, bool dirty)
{
	if (pins->by_folio)
		compat_unpin_file_pages(pfn_to_page(run->pfn), run->nr, dirty);
	else
		unpin_user_page_range_dirty_lock(pfn_to_page(run->pfn), run->nr, dirty);
}

static void unpin_block(const struct pins *pins, const struct pin_block *block)
{
	unsigned int i;

	for (i = 0; i < block->nr; i++) {
		unpin_run(pins, &block->run[i], pins->write);
		cond_resched();
	}
}

/* All but the first run. */
static void release_blocks(struct pins *pins)
{
	struct pin_block *block, *next = pins->newest->next;

	pins->newest->next = NULL;
	while ((block = next)) {
		unpin_block(pins, block);
		next = block->next;
		kfree(block);
	}
}

void pins_release(struct pins *pins)
{
	if (pins->first.nr)
		unpin_run(pins, &pins->first, pins->write);
	if (pins->newest)
		release_blocks(pins);
	uncharge_pages(pins->charge, pins->nr_pages);
}

bool pins_support_files(void)
{
	return compat_can_pin_files();
}

int pins_check_file(struct file *file, bool write)
{
	if (!(file->f_mode & FMODE_READ) || (write && !(file->f_mode & FMODE_WRITE)))
		return -EFAULT;
	return compat_check_pinnable_file(file, write);
}

#define SCRATCH_PAGES 512

/**
 * struct pin_scratch - working memory
 * @page: pages of a step
 * @run: runs of a chunk; room for a step of pages that all are runs of their own, after any step
 *	that was not
 */
struct pin_scratch {
	struct page *page[SCRATCH_PAGES];
	struct pin_run run[2 * SCRATCH_PAGES];
};

void pin_scratch_free(struct pin_scratch *scratch)
{
	kvfree(scratch);
}

static int get_scratch(struct pin_buffer *buffer)
{
	struct pin_scratch *scratch = xchg(buffer->spare_scratch, NULL);

	if (!scratch)
		scratch = kvmalloc(sizeof(*scratch), GFP_KERNEL_ACCOUNT);
	if (!scratch)
		return -ENOMEM;
	buffer->scratch = scratch;
	buffer->page = scratch->page;
	buffer->page_capacity = ARRAY_SIZE(scratch->page);
	buffer->run = scratch->run;
	buffer->run_capacity = ARRAY_SIZE(scratch->run);
	return 0;
}

static void put_scratch(struct pin_buffer *buffer)
{
	if (buffer->scratch && cmpxchg(buffer->spare_scratch, NULL, buffer->scratch))
		pin_scratch_free(buffer->scratch);
}

int pin_buffer_init(struct pin_buffer *buffer, struct pins *pins, struct file *file,
		    struct pin_scratch **spare)
{
	buffer->pins = pins;
	buffer->file = file;
	buffer->scratch = NULL;
	buffer->spare_scratch = spare;
	buffer->nr_runs = 0;
	buffer->nr_pages = 0;
	buffer->stuck = false;
	buffer->spare = NULL;
	if (pins->nr_pages > ARRAY_SIZE(buffer->few_pages))
		return get_scratch(buffer);
	buffer->page = buffer->few_pages;
	buffer->page_capacity = ARRAY_SIZE(buffer->few_pages);
	buffer->run = buffer->few_runs;
	buffer->run_capacity = ARRAY_SIZE(buffer->few_runs);
	return 0;
}

void pin_buffer_destroy(struct pin_buffer *buffer)
{
	struct pin_block *block;
	unsigned int i;

	for (i = 0; i < buffer->nr_runs && !buffer->stuck; i++)
		unpin_run(buffer->pins, &buffer->run[i], false);
	while ((block = buffer->spare)) {
		buffer->spare = block->next;
		kfree(block);
	}
	put_scratch(buffer);
}

/* Does the stretch go on where the run ends, and not beyond what one may hold? */
static bool extend_run(struct pin_run *run, unsigned long pfn, unsigned int nr)
{
	if (!run->nr || run->pfn + run->nr != pfn || (run->pfn ^ (pfn + nr - 1)) >> RUN_ORDER)
		return false;
	run->nr += nr;
	return true;
}

static void add_run(struct pin_buffer *buffer, unsigned long pfn, unsigned int nr)
{
	struct pin_run *run = &buffer->run[buffer->nr_runs];

	buffer->nr_pages += nr;
	if (buffer->nr_runs && extend_run(run - 1, pfn, nr))
		return;
	run->pfn = pfn;
	run->nr = nr;
	buffer->nr_runs++;
}

static void compress_pages(struct pin_buffer *buffer, unsigned int nr_pages)
{
	unsigned int at, nr;

	for (at = 0; at < nr_pages; at += nr) {
		unsigned long pfn = page_to_pfn(buffer->page[at]);

		for (nr = 1; at + nr < nr_pages; nr++)
			if (page_to_pfn(buffer->page[at + nr]) != pfn + nr)
				break;
		add_run(buffer, pfn, nr);
	}
}

/*
 * What cannot be pinned long-term is reported in several ways: to the caller it is a bad address.
 */
static int pin_errno(long rc)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	return rc == -ENOMEM ? -ENOMEM : -EFAULT;
}

static int pin_step(struct pin_buffer *buffer, u64 start, u64 nr)
{
	int rc = compat_pin_user_pages(start, min_t(u64, nr, buffer->page_capacity),
				       buffer->pins->write, buffer->page);

	if (rc <= 0)
		return pin_errno(rc);
	compress_pages(buffer, rc);
	return 0;
}

static void add_folios(struct pin_buffer *buffer, struct folio **folio, long nr, u64 first,
		       u64 length)
{
	long i;

	/* Only the first and the last one may be used in part. */
	for (i = 0; i < nr; i++) {
		u64 used = min((u64)folio_size(folio[i]) - first, length);

		add_run(buffer, folio_pfn(folio[i]) + (first >> PAGE_SHIFT), used >> PAGE_SHIFT);
		length -= used;
		first = 0;
	}
}

/*
 * As many folios as there is room for. Sealing takes the inode's lock and fails while pages are
 * pinned: so a file that is not sealed here cannot be before the pages are given back.
 */
static int pin_file_step(struct pin_buffer *buffer, u64 start, u64 nr)
{
	struct folio **folio = (struct folio **)buffer->page;
	struct inode *inode = file_inode(buffer->file);
	u64 first = 0, length = nr << PAGE_SHIFT;
	long rc;

	rc = compat_fill_file(buffer->file, start, start + length - 1, buffer->page_capacity);
	if (rc)
		return rc;
	inode_lock_shared(inode);
	rc = pins_check_file(buffer->file, buffer->pins->write);
	if (!rc)
		rc = compat_pin_file(buffer->file, start, start + length - 1, folio,
				     buffer->page_capacity, &first);
	inode_unlock_shared(inode);
	if (rc <= 0)
		return pin_errno(rc);
	add_folios(buffer, folio, rc, first, length);
	return 0;
}

void pin_ahead_drop(struct pin_ahead *ahead)
{
	if (ahead->next < ahead->nr)
		unpin_user_pages(ahead->page + ahead->next, ahead->nr - ahead->next);
	ahead->next = 0;
	ahead->nr = 0;
}

void pin_ahead_fill(struct pin_ahead *ahead, u64 start, unsigned int nr, bool write)
{
	int rc;

	pin_ahead_drop(ahead);
	rc = compat_pin_user_pages(start, min_t(unsigned int, nr, ARRAY_SIZE(ahead->page)), write,
				   ahead->page);
	ahead->start = start;
	ahead->write = write;
	ahead->nr = max(rc, 0);
}

static int pin_single(const struct pins *pins, struct page **page)
{
	int rc = compat_pin_user_pages(pins->start, 1, pins->write, page);

	return rc > 0 ? 0 : pin_errno(rc);
}

int pins_fill_single(struct pins *pins, struct pin_ahead *ahead)
{
	struct page *page;
	int rc;

	if (ahead && pin_ahead_has(ahead, pins->start, pins->write)) {
		page = ahead->page[ahead->next++];
		ahead->start += PAGE_SIZE;
	} else {
		rc = pin_single(pins, &page);
		if (rc)
			return rc;
	}
	pins->first.pfn = page_to_pfn(page);
	pins->first.nr = 1;
	return 0;
}

int pin_buffer_fill(struct pin_buffer *buffer, u64 done)
{
	const struct pins *pins = buffer->pins;
	u64 start = pins->start + (done << PAGE_SHIFT);
	u64 wanted = pins->nr_pages - done;
	int rc = 0;

	/* A chunk that ends where a huge page may end lets the IOMMU use huge pages as well. */
	if (!buffer->file)
		wanted = min_t(u64, wanted, (PUD_SIZE - (start & ~PUD_MASK)) >> PAGE_SHIFT);
	while (!rc && buffer->nr_pages < wanted &&
	       buffer->run_capacity - buffer->nr_runs >= buffer->page_capacity) {
		u64 at = start + (buffer->nr_pages << PAGE_SHIFT);
		u64 left = wanted - buffer->nr_pages;

		if (fatal_signal_pending(current))
			return -EINTR;
		rc = buffer->file ? pin_file_step(buffer, at, left) : pin_step(buffer, at, left);
		cond_resched();
	}
	return rc;
}

static unsigned int free_runs(const struct pins *pins)
{
	unsigned int room = !pins->first.nr;

	if (pins->newest)
		room += BLOCK_RUNS - pins->newest->nr;
	return room;
}

int pin_buffer_reserve(struct pin_buffer *buffer)
{
	unsigned int room = free_runs(buffer->pins);
	struct pin_block *block;

	if (room >= buffer->nr_runs)
		return 0;
	for (block = buffer->spare; block; block = block->next)
		room += BLOCK_RUNS;
	while (room < buffer->nr_runs) {
		block = kmalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);
		if (!block)
			return -ENOMEM;
		block->next = buffer->spare;
		buffer->spare = block;
		room += BLOCK_RUNS;
	}
	return 0;
}

static struct pin_run *last_run(struct pins *pins)
{
	return pins->newest ? &pins->newest->run[pins->newest->nr - 1] : &pins->first;
}

static struct pin_block *add_block(struct pin_buffer *buffer)
{
	struct pin_block *block = buffer->spare, *newest = buffer->pins->newest;

	buffer->spare = block->next;
	block->nr = 0;
	block->next = block;
	if (newest) {
		block->next = newest->next;
		newest->next = block;
	}
	buffer->pins->newest = block;
	return block;
}

/* Add up to @nr runs to the newest block; how many that was. */
static unsigned int append_runs(struct pin_buffer *buffer, const struct pin_run *run,
				unsigned int nr)
{
	struct pin_block *block = buffer->pins->newest;

	if (!block || block->nr == BLOCK_RUNS)
		block = add_block(buffer);
	nr = min_t(unsigned int, nr, BLOCK_RUNS - block->nr);
	memcpy(&block->run[block->nr], run, nr * sizeof(*run));
	block->nr += nr;
	return nr;
}

void pin_buffer_commit(struct pin_buffer *buffer)
{
	const struct pin_run *run = buffer->run, *end = run + buffer->nr_runs;
	struct pins *pins = buffer->pins;

	/* Only the first one can go on where another ends: the rest were looked at before. */
	if (run < end && extend_run(last_run(pins), run->pfn, run->nr))
		run++;
	if (run < end && !pins->first.nr)
		pins->first = *run++;
	while (run < end)
		run += append_runs(buffer, run, end - run);
	buffer->nr_runs = 0;
	buffer->nr_pages = 0;
}

void pin_cursor_init(struct pin_cursor *cursor, const struct pins *pins, u64 from)
{
	cursor->pins = pins;
	cursor->block = NULL;
	cursor->index = 0;
	cursor->skip = from;
}

static bool next_run(struct pin_cursor *cursor, struct pin_run *run)
{
	const struct pins *pins = cursor->pins;

	if (!cursor->block) {
		if (cursor->index++ == 0) {
			*run = pins->first;
			return pins->first.nr;
		}
		if (!pins->newest)
			return false;
		cursor->block = pins->newest->next;
		cursor->index = 0;
	}
	if (cursor->index == cursor->block->nr) {
		if (cursor->block == pins->newest)
			return false;
		cursor->block = cursor->block->next;
		cursor->index = 0;
	}
	*run = cursor->block->run[cursor->index++];
	return true;
}

bool pin_cursor_next(struct pin_cursor *cursor, struct pin_run *run)
{
	while (next_run(cursor, run)) {
		if (cursor->skip < run->nr) {
			run->pfn += cursor->skip;
			run->nr -= cursor->skip;
			cursor->skip = 0;
			return true;
		}
		cursor->skip -= run->nr;
	}
	return false;
}

u64 pin_cursor_skip(struct pin_cursor *cursor, unsigned int max_runs, u64 max_pages)
{
	struct pin_cursor before;
	struct pin_run run;
	u64 passed = 0;

	while (max_runs-- && passed < max_pages) {
		before = *cursor;
		if (!pin_cursor_next(cursor, &run))
			break;
		if (run.nr > max_pages - passed) {
			*cursor = before;
			cursor->skip += max_pages - passed;
			return max_pages;
		}
		passed += run.nr;
	}
	return passed;
}

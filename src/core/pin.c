// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning and charging, see pin.h.
 *
 * Runs are kept instead of pages: contiguous memory needs no allocation beyond the object,
 * scattered memory costs eight bytes a page. The blocks that hold them form a ring entered at the
 * newest one, which makes both appending and walking from the oldest possible with a single
 * pointer.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/highmem.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "../compat/compat.h"
#include "pin.h"

#define BLOCK_RUNS ((PAGE_SIZE - sizeof(void *) - sizeof(unsigned long)) / sizeof(struct pin_run))
#define MAX_RUN ((1U << 24) - 1)

struct pin_block {
	struct pin_block *next;
	unsigned long nr;
	struct pin_run run[BLOCK_RUNS];
};
static_assert(sizeof(struct pin_block) <= PAGE_SIZE);
static_assert(sizeof(struct pin_run) == 8);

static struct kmem_cache *pins_cache;

int pin_init(void)
{
	pins_cache = kmem_cache_create("ioasidfd_pins", sizeof(struct pins), 0, SLAB_ACCOUNT, NULL);
	return pins_cache ? 0 : -ENOMEM;
}

void pin_exit(void)
{
	kmem_cache_destroy(pins_cache);
}

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

struct pin_charge *pin_charge_get_cached(struct pin_charge *cached)
{
	if (!cached || cached->mm != current->mm || cached->user != current_user())
		return NULL;
	return pin_charge_get(cached);
}

void pin_charge_put(struct pin_charge *charge)
{
	if (!refcount_dec_and_test(&charge->ref))
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

struct pins *pins_alloc(struct pin_charge *charge, u64 user_va, u64 nr_pages, bool write,
			struct pin_quota *quota)
{
	struct pins *pins;
	int rc = -ENOMEM;

	pins = kmem_cache_zalloc(pins_cache, GFP_KERNEL);
	if (!pins)
		goto err_put;
	rc = charge_pages(charge, nr_pages, quota);
	if (rc)
		goto err_free;

	pins->charge = charge;
	pins->user_va = user_va;
	pins->nr_pages = nr_pages;
	pins->write = write;
	return pins;

err_free:
	kmem_cache_free(pins_cache, pins);
err_put:
	pin_charge_put(charge);
	return ERR_PTR(rc);
}

static void free_blocks(struct pins *pins)
{
	struct pin_block *block = pins->newest, *next;

	if (!block)
		return;
	next = block->next;
	block->next = NULL;
	while (next) {
		block = next;
		next = block->next;
		kfree(block);
	}
}

void pins_free(struct pins *pins)
{
	struct pin_cursor cursor;
	struct pin_run run;

	pin_cursor_init(&cursor, pins);
	while (pin_cursor_next(&cursor, &run)) {
		unpin_user_page_range_dirty_lock(pfn_to_page(run.pfn), run.nr, pins->write);
		cond_resched();
	}
	free_blocks(pins);
	uncharge_pages(pins->charge, pins->nr_pages);
	pin_charge_put(pins->charge);
	kmem_cache_free(pins_cache, pins);
}

int pin_buffer_init(struct pin_buffer *buffer, u64 nr_pages)
{
	buffer->nr = 0;
	buffer->stuck = false;
	buffer->spare = NULL;
	buffer->pages = buffer->few;
	buffer->capacity = ARRAY_SIZE(buffer->few);
	if (nr_pages <= buffer->capacity)
		return 0;

	buffer->pages = (struct page **)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!buffer->pages)
		return -ENOMEM;
	buffer->capacity = PAGE_SIZE / sizeof(struct page *);
	return 0;
}

void pin_buffer_destroy(struct pin_buffer *buffer)
{
	struct pin_block *block;

	if (buffer->nr && !buffer->stuck)
		unpin_user_pages(buffer->pages, buffer->nr);
	while ((block = buffer->spare)) {
		buffer->spare = block->next;
		kfree(block);
	}
	if (buffer->pages != buffer->few)
		free_page((unsigned long)buffer->pages);
}

/* Chunks that end where a huge page may end let the IOMMU use huge pages as well. */
static unsigned int next_chunk(const struct pin_buffer *buffer, const struct pins *pins, u64 va)
{
	u64 to_bound = PTRS_PER_PTE - ((va >> PAGE_SHIFT) & (PTRS_PER_PTE - 1));
	u64 left = pins->nr_pages - pins->nr_pinned;

	return min3(left, to_bound, (u64)buffer->capacity);
}

int pin_buffer_fill(struct pin_buffer *buffer, const struct pins *pins)
{
	unsigned long va = pins->user_va + (pins->nr_pinned << PAGE_SHIFT);
	unsigned int wanted = next_chunk(buffer, pins, va);
	int rc;

	if (fatal_signal_pending(current))
		return -EINTR;

	rc = compat_pin_user_pages(va, wanted, pins->write, buffer->pages);
	if (rc > 0) {
		buffer->nr = rc;
		return 0;
	}
	if (fatal_signal_pending(current))
		return -EINTR;
	/*
	 * What cannot be pinned long-term is reported in several ways: to the caller it is a bad
	 * address.
	 */
	return rc == -ENOMEM ? -ENOMEM : -EFAULT;
}

unsigned int pin_buffer_run(const struct pin_buffer *buffer, unsigned int from)
{
	unsigned long pfn = page_to_pfn(buffer->pages[from]);
	unsigned int nr = 1;

	while (from + nr < buffer->nr && page_to_pfn(buffer->pages[from + nr]) == pfn + nr)
		nr++;
	return nr;
}

static unsigned int free_runs(const struct pins *pins)
{
	unsigned int room = !pins->first.nr;

	if (pins->newest)
		room += BLOCK_RUNS - pins->newest->nr;
	return room;
}

int pin_buffer_reserve(struct pin_buffer *buffer, const struct pins *pins)
{
	unsigned int at, runs = 0, room = free_runs(pins);
	struct pin_block *block;

	for (at = 0; at < buffer->nr; at += pin_buffer_run(buffer, at))
		runs++;
	for (block = buffer->spare; block; block = block->next)
		room += BLOCK_RUNS;

	while (room < runs) {
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

static struct pin_run *new_run(struct pins *pins, struct pin_buffer *buffer)
{
	struct pin_block *block = pins->newest;

	if (!pins->first.nr)
		return &pins->first;
	if (block && block->nr < BLOCK_RUNS)
		return &block->run[block->nr++];

	block = buffer->spare;
	buffer->spare = block->next;
	block->nr = 1;
	block->next = block;
	if (pins->newest) {
		block->next = pins->newest->next;
		pins->newest->next = block;
	}
	pins->newest = block;
	return &block->run[0];
}

void pin_buffer_commit(struct pin_buffer *buffer, struct pins *pins)
{
	unsigned int at, nr;

	for (at = 0; at < buffer->nr; at += nr) {
		unsigned long pfn = page_to_pfn(buffer->pages[at]);
		struct pin_run *run = last_run(pins);

		nr = pin_buffer_run(buffer, at);
		if (run->nr && run->pfn + run->nr == pfn && run->nr + nr <= MAX_RUN) {
			run->nr += nr;
			continue;
		}
		run = new_run(pins, buffer);
		run->pfn = pfn;
		run->nr = nr;
	}
	pins->nr_pinned += buffer->nr;
	buffer->nr = 0;
}

void pin_cursor_init(struct pin_cursor *cursor, const struct pins *pins)
{
	cursor->pins = pins;
	cursor->block = NULL;
	cursor->index = 0;
}

bool pin_cursor_next(struct pin_cursor *cursor, struct pin_run *run)
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

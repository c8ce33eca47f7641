/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happened: counters, violations of the contract, and the log of the last events.
 *
 * Everything here may be called in any context that is not an interrupt or that has interrupts off.
 */
#ifndef MOCK_JOURNAL_H
#define MOCK_JOURNAL_H

#include <linux/atomic.h>
#include <linux/seq_file.h>

#include "mock.h"

/* The members of struct mock_stats, in its order. */
#define COUNTERS(X)          \
	X(domain_alloc)      \
	X(domain_free)       \
	X(attach)            \
	X(detach)            \
	X(replace)           \
	X(set_pasid)         \
	X(remove_pasid)      \
	X(map)               \
	X(map_bytes)         \
	X(sync_map)          \
	X(unmap)             \
	X(unmap_bytes)       \
	X(sync)              \
	X(flush_all)         \
	X(tlb_hit)           \
	X(tlb_miss)          \
	X(tlb_stale)         \
	X(dma_identity)      \
	X(fault)             \
	X(page_request)      \
	X(page_response)     \
	X(injected)          \
	X(violation)         \
	X(live_domains)      \
	X(live_leaves)       \
	X(live_pasids)       \
	X(unmapped_unsynced) \
	X(live_devices)

enum counter {
#define X(name) COUNTER_##name,
	COUNTERS(X)
#undef X
	NUM_COUNTERS
};

extern atomic64_t journal_counters[NUM_COUNTERS];
extern unsigned int journal_options;

#define count_by(name, n) atomic64_add(n, &journal_counters[COUNTER_##name])
#define count(name) atomic64_inc(&journal_counters[COUNTER_##name])
#define uncount(name) atomic64_dec(&journal_counters[COUNTER_##name])

static inline bool journal_option(enum mock_option option)
{
	return READ_ONCE(journal_options) & option;
}

/* The caller of the IOMMU did what it must not do. */
__printf(1, 2) void report_violation(const char *format, ...);

void log_event(enum mock_call call, u32 device, u32 pasid, u32 domain, u64 start, u64 last,
	       int result);

/* Up to @nr events from number @first on, into @events: how many. */
unsigned int journal_read_log(u64 first, struct mock_event *events, unsigned int nr);

void journal_get_stats(struct mock_stats *stats);
void journal_clear(unsigned int what);
void journal_show(struct seq_file *seq);

#endif

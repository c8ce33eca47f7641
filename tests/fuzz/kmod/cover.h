/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which basic blocks of the modules under test have run, in whatever task or interrupt.
 *
 * The compiler calls __sanitizer_cov_trace_pc() in each. On a kernel with KCOV there is one of that
 * name, which records for a task that asked for it; each module has one of its own instead, so that
 * deferred work, the end of a process and kernels without KCOV are covered too.
 */
#ifndef COVER_H
#define COVER_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/hash.h>
#include <linux/preempt.h>
#include <linux/sched.h>

enum cover_module {
	COVER_CORE = 0,
	COVER_STUB = 1,
	COVER_MODULES = 2,
};

#define COVER_SPAN (1U << 19)
#define COVER_EDGE_BITS 18
#define COVER_SLOTS 256

/**
 * struct cover - what has run
 * @nr_blocks: how many
 * @nr_edges: how many
 * @last: the block that ran last, of several tasks
 * @edge: by a hash of both blocks
 * @block: by the distance from the module's __sanitizer_cov_trace_pc(), which is the same each time
 *	that it is loaded
 */
struct cover {
	atomic_t nr_blocks;
	atomic_t nr_edges;
	u32 last[COVER_SLOTS];
	u8 edge[1U << COVER_EDGE_BITS];
	u8 block[COVER_MODULES][COVER_SPAN];
};

extern struct cover ioasidfd_cover;

void __sanitizer_cov_trace_pc(void);

static __always_inline void cover_count(u8 *seen, atomic_t *count)
{
	if (!READ_ONCE(*seen) && !arch_xchg(seen, 1))
		arch_atomic_inc(count);
}

/* In one piece with its caller: blocks that have access to user memory may call nothing else. */
static __always_inline void cover_hit(enum cover_module module, unsigned long distance)
{
	unsigned long block = distance + COVER_SPAN / 2;
	struct cover *cover = &ioasidfd_cover;
	u32 *last;

	if (block >= COVER_SPAN)
		return;
	cover_count(&cover->block[module][block], &cover->nr_blocks);
	if (!in_task())
		return;
	last = &cover->last[current->pid % COVER_SLOTS];
	block = block << 1 | module;
	cover_count(&cover->edge[hash_64((u64)READ_ONCE(*last) << 32 | block, COVER_EDGE_BITS)],
		    &cover->nr_edges);
	WRITE_ONCE(*last, block);
}

#define COVER_REPORT(module)                                                        \
	notrace void __sanitizer_cov_trace_pc(void)                                 \
	{                                                                           \
		cover_hit(module, (unsigned long)__builtin_return_address(0) -      \
					  (unsigned long)__sanitizer_cov_trace_pc); \
	}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Invalidation that is put off.
 *
 * Unmapping clears the page tables at once; what costs on real hardware is to make the IOMMU and
 * the devices forget. An address space that allows it collects cleared mappings as pending: their
 * pages stay pinned and charged and their IOVAs stay taken until one invalidation for all of them
 * has run. That happens when a pending IOVA is wanted again, when the search for free IOVAs starts
 * over, when too much is pending, on request, after a while, and before a device is given or loses
 * the address space. So freed memory is never within reach of a device.
 *
 * Owns &ioas.pending and the timer; knows mappings as what it holds for them.
 */
#ifndef IOASIDFD_FLUSH_H
#define IOASIDFD_FLUSH_H

#include "ioas.h"

int flush_init(void);
void flush_exit(void);

int flush_timer_create(struct ioas *ioas);
void flush_timer_destroy(struct ioas *ioas);

/*
 * The address space is being freed, nothing becomes pending any more: let go of a timer that runs.
 * May sleep.
 */
void flush_timer_stop(struct ioas *ioas);

/* A mapping whose page tables were cleared later. Caller holds &ioas.lock for writing. */
void flush_add(struct ioas *ioas, struct mapping *mapping);

/* Has so much come together that it has to be flushed now? Caller holds &ioas.lock. */
bool flush_is_due(const struct ioas *ioas);

/*
 * Invalidate, and take what was pending out of the address space. The caller holds &ioas.lock for
 * writing, and passes the returned list to mapping_recycle_list() when it has let go of it.
 */
struct mapping *flush_locked(struct ioas *ioas);

/*
 * The whole of it: when it returns the memory is given back, also what the timer had taken already.
 * No lock is held.
 */
void flush_now(struct ioas *ioas);

#endif

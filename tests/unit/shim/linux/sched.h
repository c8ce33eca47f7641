/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands in for the kernel's header of this name, and counts. */
#ifndef UNIT_SHIM_SCHED_H
#define UNIT_SHIM_SCHED_H

#include <linux/types.h>

/* How often the processor was offered to others. */
extern u64 shim_offers;

#define cond_resched() ((void)shim_offers++)

#endif

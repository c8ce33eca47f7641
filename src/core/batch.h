/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Batches: many maps, unmaps and copies in one call.
 *
 * Owns the loop over the entries in user memory and the sharing of invalidation between them; each
 * entry is a map_call.h of its own.
 */
#ifndef IOASIDFD_BATCH_H
#define IOASIDFD_BATCH_H

#include <uapi/linux/ioasidfd.h>

#include "context.h"
#include "mapping.h"

/*
 * Do entries until one fails. *@nr_done counts those that were done. When this returns, what they
 * unmapped is out of every device's reach, unless the address space defers that.
 */
int batch_run(struct ioasidfd_context *ctx, struct ioasid_batch_entry __user *entries, u32 nr,
	      u32 *nr_done, struct map_refusal *refusal);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches, see batch.h.
 */
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "batch.h"
#include "flush.h"
#include "map_call.h"

/* Flags that mean something to each operation. */
static const u32 known_flags[] = {
	[IOASID_BATCH_MAP] = IOASID_MAP_READ | IOASID_MAP_WRITE | IOASID_MAP_FIXED_IOVA,
	[IOASID_BATCH_UNMAP] = IOASID_UNMAP_ALL,
	[IOASID_BATCH_COPY] = IOASID_MAP_READ | IOASID_MAP_WRITE | IOASID_MAP_FIXED_IOVA,
};

static int check_entry(const struct ioasid_batch_entry *entry)
{
	if (entry->op >= ARRAY_SIZE(known_flags) || entry->flags & ~known_flags[entry->op])
		return -EOPNOTSUPP;
	if (entry->op != IOASID_BATCH_COPY && entry->from_ioasid)
		return -EOPNOTSUPP;
	return entry->op == IOASID_BATCH_UNMAP && entry->start ? -EOPNOTSUPP : 0;
}

/**
 * struct unflushed - the address space with unmapped entries that were not flushed yet
 * @ioas: the address space, or NULL; holds a reference
 */
struct unflushed {
	struct ioas *ioas;
};

static void flush_unflushed(struct unflushed *unflushed)
{
	if (!unflushed->ioas)
		return;
	/* One that defers does so here as well. */
	if (!unflushed->ioas->flush_later)
		flush_now(unflushed->ioas);
	ioas_put(unflushed->ioas);
	unflushed->ioas = NULL;
}

static void remember_unflushed(struct unflushed *unflushed, struct ioas *ioas)
{
	if (unflushed->ioas == ioas)
		return;
	flush_unflushed(unflushed);
	ioas_get(ioas);
	unflushed->ioas = ioas;
}

static int run_entry(struct ioasidfd_context *ctx, struct ioasid_batch_entry __user *user,
		     struct unflushed *unflushed, struct map_refusal *refusal)
{
	struct ioasid_batch_entry entry;
	struct map_result result;
	struct map_call call;
	int rc;

	if (copy_from_user(&entry, user, sizeof(entry)))
		return -EFAULT;
	rc = check_entry(&entry);
	if (rc)
		return rc;
	call = (struct map_call){
		.op = entry.op,
		.flags = entry.flags,
		.ioasid = entry.ioasid,
		.from_ioasid = entry.from_ioasid,
		.start = entry.start,
		.length = entry.length,
		.iova = entry.iova,
	};
	rc = map_call_begin(ctx, &call, &result, refusal);
	if (rc)
		return rc;
	if (result.mapping)
		rc = put_user(result.iova, &user->out_iova);
	else
		remember_unflushed(unflushed, result.ioas);
	return map_call_end(&result, rc, true);
}

int batch_run(struct ioasidfd_context *ctx, struct ioasid_batch_entry __user *entries, u32 nr,
	      u32 *nr_done, struct map_refusal *refusal)
{
	struct unflushed unflushed = {};
	int rc = 0;

	for (*nr_done = 0; *nr_done < nr && !rc; *nr_done += !rc) {
		rc = fatal_signal_pending(current) ?
			     -EINTR :
			     run_entry(ctx, &entries[*nr_done], &unflushed, refusal);
		cond_resched();
	}
	flush_unflushed(&unflushed);
	return rc;
}

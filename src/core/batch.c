// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches, see batch.h.
 */
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "../compat/compat.h"
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
 * struct batch - a batch under way
 * @ctx: the context
 * @ioas: the address space of the last entry, or NULL; holds a reference
 * @unflushed: the one with unmapped entries that were not flushed yet, or NULL; holds a reference
 * @refusal: of the entry that failed
 * @ahead: pages of entries that come next
 */
struct batch {
	struct ioasidfd_context *ctx;
	struct ioas *ioas;
	struct ioas *unflushed;
	struct map_refusal *refusal;
	struct pin_ahead ahead;
};

static void flush_unflushed(struct batch *batch)
{
	if (!batch->unflushed)
		return;
	/* One that defers does so here as well. */
	if (!batch->unflushed->flush_later)
		flush_now(batch->unflushed);
	ioas_put(batch->unflushed);
	batch->unflushed = NULL;
}

static void remember_unflushed(struct batch *batch, struct ioas *ioas)
{
	if (batch->unflushed == ioas)
		return;
	flush_unflushed(batch);
	ioas_get(ioas);
	batch->unflushed = ioas;
}

/* The address space of an entry; most often all entries are for the same. */
static struct ioas *find_ioas(struct batch *batch, u32 id)
{
	if (batch->ioas && batch->ioas->id == id)
		return batch->ioas;
	if (batch->ioas)
		ioas_put(batch->ioas);
	batch->ioas = ioas_lookup(batch->ctx, id);
	return batch->ioas;
}

static int read_entry(struct ioasid_batch_entry *entry, struct ioasid_batch_entry __user *user)
{
	if (!user_access_begin(user, sizeof(*user)))
		return -EFAULT;
	unsafe_get_user(entry->op, &user->op, fault);
	unsafe_get_user(entry->flags, &user->flags, fault);
	unsafe_get_user(entry->ioasid, &user->ioasid, fault);
	unsafe_get_user(entry->from_ioasid, &user->from_ioasid, fault);
	unsafe_get_user(entry->start, &user->start, fault);
	unsafe_get_user(entry->length, &user->length, fault);
	unsafe_get_user(entry->iova, &user->iova, fault);
	unsafe_get_user(entry->out_iova, &user->out_iova, fault);
	user_access_end();
	return check_entry(entry);

fault:
	user_access_end();
	return -EFAULT;
}

static __always_inline int run_call(struct batch *batch, const struct map_call *call,
				    struct ioasid_batch_entry __user *user)
{
	struct map_result result compat_uninitialized;
	struct ioas *ioas;
	int rc = map_call_check(call);

	if (rc)
		return rc;
	ioas = find_ioas(batch, call->ioasid);
	if (!ioas)
		return -ENOENT;
	/* An unmap of nothing at all costs a flush: that is rare. */
	if (call->op == IOASID_BATCH_UNMAP)
		remember_unflushed(batch, ioas);
	rc = map_call_begin(batch->ctx, ioas, call, &result, batch->refusal);
	if (rc || result.done)
		return rc;
	if (result.mapping)
		rc = put_user(result.iova, &user->out_iova);
	return map_call_end(ioas, call, &result, rc);
}

static bool continues(const struct ioasid_batch_entry *entry,
		      const struct ioasid_batch_entry __user *user, unsigned int distance)
{
	u64 op_and_flags, start, length;

	static_assert(offsetof(struct ioasid_batch_entry, flags) == sizeof(u32));
	if (!user_access_begin(user, sizeof(*user)))
		return false;
	unsafe_get_user(op_and_flags, (const u64 __user *)&user->op, fault);
	unsafe_get_user(start, &user->start, fault);
	unsafe_get_user(length, &user->length, fault);
	user_access_end();
	return op_and_flags == *(const u64 *)&entry->op && length == PAGE_SIZE &&
	       start == entry->start + distance * PAGE_SIZE;

fault:
	user_access_end();
	return false;
}

/* Often the entries that come next map the pages that come next. */
static void pin_ahead(struct batch *batch, const struct ioasid_batch_entry *entry,
		      const struct ioasid_batch_entry __user *user, u32 left)
{
	bool write = entry->flags & IOASID_MAP_WRITE;
	unsigned int nr = 1;

	if (!(entry->flags & (IOASID_MAP_READ | IOASID_MAP_WRITE)) ||
	    pin_ahead_has(&batch->ahead, entry->start, write))
		return;
	left = min_t(u32, left, ARRAY_SIZE(batch->ahead.page));
	while (nr < left && continues(entry, user + nr, nr))
		nr++;
	if (nr > 1)
		pin_ahead_fill(&batch->ahead, entry->start, nr, write);
}

static bool is_page(const struct ioasid_batch_entry *entry)
{
	return entry->op == IOASID_BATCH_MAP && entry->length == PAGE_SIZE &&
	       PAGE_ALIGNED(entry->start);
}

/* Its reply is known before. */
static bool is_plain_map(const struct ioasid_batch_entry *entry)
{
	return entry->op == IOASID_BATCH_MAP && entry->flags & IOASID_MAP_FIXED_IOVA;
}

static int run_entry(struct batch *batch, struct ioasid_batch_entry __user *user, u32 left)
{
	struct ioasid_batch_entry entry compat_uninitialized;
	struct map_call call compat_uninitialized;
	int rc = read_entry(&entry, user);

	if (rc)
		return rc;
	if (is_page(&entry))
		pin_ahead(batch, &entry, user, left);
	call.op = entry.op;
	call.ioasid = entry.ioasid;
	call.from_ioasid = entry.from_ioasid;
	call.flush_later = true;
	call.request.start = entry.start;
	call.request.file = NULL;
	call.request.ahead = &batch->ahead;
	call.request.length = entry.length;
	call.request.iova = entry.iova;
	call.request.flags = entry.flags;
	call.promised = entry.op == IOASID_BATCH_UNMAP ?
				!(entry.flags & IOASID_UNMAP_ALL) :
				is_plain_map(&entry) && !put_user(entry.iova, &user->out_iova);
	rc = run_call(batch, &call, user);
	/* An entry that failed stays as it was, unless its memory is gone since. */
	if (rc && call.promised && entry.op == IOASID_BATCH_MAP &&
	    put_user(entry.out_iova, &user->out_iova))
		rc = -EFAULT;
	return rc;
}

int batch_run(struct ioasidfd_context *ctx, struct ioasid_batch_entry __user *entries, u32 nr,
	      u32 *nr_done, struct map_refusal *refusal)
{
	struct batch batch = { .ctx = ctx, .refusal = refusal };
	int rc = 0;

	for (*nr_done = 0; *nr_done < nr && !rc; *nr_done += !rc) {
		rc = fatal_signal_pending(current) ?
			     -EINTR :
			     run_entry(&batch, &entries[*nr_done], nr - *nr_done);
		cond_resched();
	}
	pin_ahead_drop(&batch.ahead);
	flush_unflushed(&batch);
	if (batch.ioas)
		ioas_put(batch.ioas);
	return rc;
}

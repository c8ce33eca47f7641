// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts, see context.h.
 */
#include <linux/slab.h>

#include "context.h"
#include "pin.h"

struct ioasidfd_context *context_create(void)
{
	struct ioasidfd_context *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);

	if (!ctx)
		return NULL;
	kref_init(&ctx->ref);
	xa_init_flags(&ctx->ioases, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	spin_lock_init(&ctx->charge_lock);
	event_queue_init(&ctx->events);
	ctx->opener = get_pid(task_tgid(current));
	get_task_comm(ctx->command, current->group_leader);
	return ctx;
}

struct ioasidfd_context *context_get(struct ioasidfd_context *ctx)
{
	kref_get(&ctx->ref);
	return ctx;
}

static void context_free(struct kref *ref)
{
	struct ioasidfd_context *ctx = container_of(ref, struct ioasidfd_context, ref);

	WARN_ON(!xa_empty(&ctx->ioases));
	xa_destroy(&ctx->ioases);
	pin_charge_put(ctx->charge);
	pin_scratch_free(ctx->scratch);
	event_queue_destroy(&ctx->events);
	put_pid(ctx->opener);
	kfree(ctx);
}

void context_put(struct ioasidfd_context *ctx)
{
	kref_put(&ctx->ref, context_free);
}

pid_t context_opener_pid(const struct ioasidfd_context *ctx)
{
	pid_t pid = 0;

	/* The number of a process that has ended may be another's by now. */
	rcu_read_lock();
	if (pid_task(ctx->opener, PIDTYPE_TGID))
		pid = pid_vnr(ctx->opener);
	rcu_read_unlock();
	return pid;
}

int context_reserve_id(struct ioasidfd_context *ctx, u32 *id)
{
	int rc = xa_alloc_cyclic(&ctx->ioases, id, NULL, XA_LIMIT(1, CONTEXT_MAX_IOASIDS),
				 &ctx->next_id, GFP_KERNEL_ACCOUNT);

	if (rc == -EBUSY)
		return -ENOSPC;
	return rc < 0 ? rc : 0;
}

void context_publish_id(struct ioasidfd_context *ctx, u32 id, struct ioas *ioas)
{
	xa_store(&ctx->ioases, id, ioas, 0);
}

void context_release_id(struct ioasidfd_context *ctx, u32 id)
{
	xa_erase(&ctx->ioases, id);
}

struct pin_charge *context_get_charge(struct ioasidfd_context *ctx)
{
	struct pin_charge *charge, *stale;

	spin_lock(&ctx->charge_lock);
	charge = pin_charge_is_current(ctx->charge) ? pin_charge_get(ctx->charge) : NULL;
	spin_unlock(&ctx->charge_lock);
	if (charge)
		return charge;

	charge = pin_charge_create();
	if (!charge)
		return NULL;
	spin_lock(&ctx->charge_lock);
	stale = ctx->charge;
	ctx->charge = pin_charge_get(charge);
	spin_unlock(&ctx->charge_lock);
	pin_charge_put(stale);
	return charge;
}

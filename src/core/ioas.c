// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of an I/O address space, see ioas.h.
 */
#include <linux/slab.h>

#include "../delay_point.h"
#include "attachment.h"
#include "flush.h"
#include "ioas.h"
#include "mapping.h"
#include "pasid.h"
#include "trace.h"

static struct kmem_cache *ioas_cache;

int ioas_init(void)
{
	ioas_cache = kmem_cache_create("ioasidfd_ioas", sizeof(struct ioas), 0, SLAB_ACCOUNT, NULL);
	return ioas_cache ? 0 : -ENOMEM;
}

void ioas_exit(void)
{
	/* Objects on their way through RCU have left the module's care, but not the cache. */
	rcu_barrier();
	kmem_cache_destroy(ioas_cache);
}

struct ioas *ioas_create(struct ioasidfd_context *ctx, bool flush_later)
{
	struct ioas *ioas = kmem_cache_zalloc(ioas_cache, GFP_KERNEL);
	int rc;

	if (!ioas)
		return ERR_PTR(-ENOMEM);
	rc = flush_later ? flush_timer_create(ioas) : 0;
	if (rc)
		goto err_free;
	rc = context_reserve_id(ctx, &ioas->id);
	if (rc)
		goto err_timer;
	refcount_set(&ioas->ref, 1);
	ioas->ctx = context_get(ctx);
	init_rwsem(&ioas->lock);
	spin_lock_init(&ioas->spare_lock);
	iova_map_init(&ioas->map);
	domains_init(&ioas->domains);
	attachment_init(ioas);
	return ioas;

err_timer:
	flush_timer_destroy(ioas);
err_free:
	kmem_cache_free(ioas_cache, ioas);
	return ERR_PTR(rc);
}

void ioas_publish(struct ioas *ioas)
{
	trace_ioasidfd_alloc(ioas->id);
	context_publish_id(ioas->ctx, ioas->id, ioas);
}

struct ioas *ioas_lookup_any(struct ioasidfd_context *ctx, u32 id)
{
	XA_STATE(state, &ctx->ioases, id);
	struct ioas *ioas;

	/* xa_load(), but for taking the RCU lock a second time. */
	rcu_read_lock();
	do {
		ioas = xas_load(&state);
		if (xa_is_zero(ioas))
			ioas = NULL;
	} while (xas_retry(&state, ioas));
	if (ioas && !refcount_inc_not_zero(&ioas->ref))
		ioas = NULL;
	rcu_read_unlock();
	return ioas;
}

struct ioas *ioas_lookup(struct ioasidfd_context *ctx, u32 id)
{
	struct ioas *ioas = ioas_lookup_any(ctx, id);

	if (ioas && READ_ONCE(ioas->freed)) {
		ioas_put(ioas);
		ioas = NULL;
	}
	return ioas;
}

static void ioas_release_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(ioas_cache, container_of(rcu, struct ioas, rcu));
}

void ioas_release(struct ioas *ioas)
{
	struct ioasidfd_context *ctx = ioas->ctx;

	might_sleep();
	attachment_exit(ioas);
	mapping_drop_spares(ioas);
	flush_timer_destroy(ioas);
	context_release_id(ctx, ioas->id);
	call_rcu(&ioas->rcu, ioas_release_rcu);
	context_put(ctx);
}

static struct pasid *get_pasid_locked(struct ioas *ioas, struct device *dev,
				      bool (*is_taken)(void *arg, u32 number), void *arg,
				      struct pasid_quota *quota, bool *is_fresh)
{
	struct pasid *pasid;

	lockdep_assert_held_write(&ioas->lock);
	if (ioas->freed)
		return ERR_PTR(-ENOENT);
	*is_fresh = !ioas->pasid;
	if (*is_fresh) {
		pasid = pasid_choose(dev, is_taken, arg, quota);
		if (IS_ERR(pasid))
			return pasid;
		WRITE_ONCE(ioas->pasid, pasid);
	}
	return pasid_get(ioas->pasid);
}

struct pasid *ioas_get_pasid(struct ioas *ioas, struct device *dev,
			     bool (*is_taken)(void *arg, u32 number), void *arg,
			     struct pasid_quota *quota, bool *is_fresh)
{
	struct pasid *pasid;

	down_write(&ioas->lock);
	pasid = get_pasid_locked(ioas, dev, is_taken, arg, quota, is_fresh);
	up_write(&ioas->lock);
	return pasid;
}

static void drop_pasid(struct ioas *ioas)
{
	struct pasid *pasid = ioas->pasid;

	lockdep_assert_held_write(&ioas->lock);
	/* Out of sight first: a reader that comes after the put is not waited for. */
	WRITE_ONCE(ioas->pasid, NULL);
	delay_point("pasid-drop");
	if (pasid)
		pasid_put(pasid);
}

void ioas_forget_pasid(struct ioas *ioas)
{
	down_write(&ioas->lock);
	if (ioas->pasid && pasid_is_unshared(ioas->pasid))
		drop_pasid(ioas);
	up_write(&ioas->lock);
}

int ioas_free(struct ioas *ioas)
{
	if (!mapping_end(ioas))
		return -ENOENT;
	trace_ioasidfd_free(ioas->id);
	/* What is attached under it keeps it reserved. */
	down_write(&ioas->lock);
	drop_pasid(ioas);
	up_write(&ioas->lock);
	ioas_put(ioas);
	return 0;
}

void ioas_free_all(struct ioasidfd_context *ctx)
{
	struct ioas *ioas;
	unsigned long id;

	xa_for_each(&ctx->ioases, id, ioas) {
		cond_resched();
		ioas = ioas_lookup(ctx, id);
		if (!ioas)
			continue;
		ioas_free(ioas);
		ioas_put(ioas);
	}
}

bool ioas_usage_from(struct ioasidfd_context *ctx, u32 from, struct ioas_usage *usage)
{
	unsigned long id = from;
	struct pasid *pasid;
	struct ioas *ioas;

	rcu_read_lock();
	ioas = xa_find(&ctx->ioases, &id, ULONG_MAX, XA_PRESENT);
	if (ioas) {
		pasid = READ_ONCE(ioas->pasid);
		busy_point("pasid-seen");
		usage->id = id;
		usage->pasid = pasid ? pasid->number : 0;
		usage->nr_mappings = READ_ONCE(ioas->nr_mappings);
		usage->nr_mapped_pages = READ_ONCE(ioas->nr_mapped_pages);
		usage->nr_pending_pages = READ_ONCE(ioas->nr_pending_pages);
		usage->nr_devices = atomic_read(&ioas->nr_devices);
		usage->freed = READ_ONCE(ioas->freed);
	}
	rcu_read_unlock();
	return ioas;
}

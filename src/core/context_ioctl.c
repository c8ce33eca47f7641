// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of /dev/ioasid: from structures of the ABI to the calls of ioas.h and mapping.h, and
 * back.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include "../compat/compat.h"
#include "attachment.h"
#include "batch.h"
#include "context_ioctl.h"
#include "flush.h"
#include "ioas.h"
#include "ioctl.h"
#include "ioctl_list.h"
#include "map_call.h"
#include "observer.h"
#include "pin.h"

IOASIDFD_CONTEXT_IOCTLS(IOCTL_HANDLER)

static const struct ioctl_op context_ops[] = { IOASIDFD_CONTEXT_IOCTLS(IOCTL_ROW) };

static void copy_range(struct ioasid_range *to, const struct iova_range *from)
{
	to->start = from->start;
	to->last = from->last;
}

static u64 capabilities(void)
{
	u64 mask = IOASID_CAP_RID | IOASID_CAP_DEFERRED_FLUSH;

	if (observer_sees_refusals())
		mask |= IOASID_CAP_REFUSALS;
	if (pins_support_files())
		mask |= IOASID_CAP_MAP_FILE;
	if (compat_has_pasids())
		mask |= IOASID_CAP_PASID;
	if (compat_can_replace(COMPAT_NO_PASID))
		mask |= IOASID_CAP_REPLACE_RID;
	if (compat_has_pasids() && compat_can_replace(IOASID_MAX_PASID))
		mask |= IOASID_CAP_REPLACE_PASID;
	return mask;
}

static int ioctl_get_info(struct ioctl_call *call, struct ioasid_info *cmd)
{
	struct ioas_usage usage;
	struct pin_quota quota;
	u32 from = 0;

	cmd->out_abi_version = IOASID_ABI_VERSION;
	cmd->out_max_ioasids = CONTEXT_MAX_IOASIDS;
	cmd->out_capabilities = capabilities();
	cmd->out_iova_alignment = PAGE_SIZE;
	while (ioas_usage_from(call->object, from, &usage)) {
		cmd->out_ioasids++;
		cmd->out_mappings += usage.nr_mappings;
		cmd->out_mapped_bytes += usage.nr_mapped_pages << PAGE_SHIFT;
		from = usage.id + 1;
		cond_resched();
	}
	pin_quota_current(&quota);
	cmd->out_locked_bytes = quota.locked;
	cmd->out_locked_limit_bytes = quota.limit;
	return ioctl_reply(call);
}

static int ioctl_alloc(struct ioctl_call *call, struct ioasid_alloc *cmd)
{
	struct ioas *ioas = ioas_create(call->object, cmd->flags & IOASID_ALLOC_DEFERRED_FLUSH);
	int rc;

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	cmd->out_ioasid = ioas->id;
	rc = ioctl_reply(call);
	if (rc)
		ioas_put(ioas);
	else
		ioas_publish(ioas);
	return rc;
}

static int ioctl_free(struct ioctl_call *call, struct ioasid_free *cmd)
{
	struct ioas *ioas = ioas_lookup(call->object, cmd->ioasid);
	int rc;

	if (!ioas)
		return -ENOENT;
	rc = ioas_free(ioas);
	ioas_put(ioas);
	return rc;
}

static void explain_quota(const struct pin_quota *quota, __u64 *locked, __u64 *wanted, __u64 *limit)
{
	*locked = quota->locked;
	*wanted = quota->wanted;
	*limit = quota->limit;
}

/**
 * struct map_outputs - where the reply of a map, a copy or an unmap goes in the caller's structure
 * @result: the IOVA, or how many bytes were unmapped
 * @range: why not
 */
struct map_outputs {
	__u64 *result;
	struct ioasid_range *range;
};

static int run_in(struct ioctl_call *call, struct ioas *ioas, const struct map_call *map,
		  const struct map_outputs *out, struct map_refusal *refusal)
{
	struct map_result result compat_uninitialized;
	int rc = map_call_begin(call->object, ioas, map, &result, refusal);

	if (rc || result.done)
		return rc;
	*out->result = result.mapping ? result.iova : result.bytes;
	return map_call_end(ioas, map, &result, ioctl_reply(call));
}

static int run(struct ioctl_call *call, const struct map_call *map, const struct map_outputs *out,
	       struct map_refusal *refusal)
{
	int rc = map_call_check(map);
	struct ioas *ioas;

	if (rc)
		goto err;
	rc = -ENOENT;
	ioas = ioas_lookup(call->object, map->ioasid);
	if (!ioas)
		goto err;
	rc = run_in(call, ioas, map, out, refusal);
	ioas_put(ioas);
	if (!rc)
		return 0;
err:
	*out->result = 0;
	copy_range(out->range, &refusal->range);
	return rc;
}

/*
 * Most often an IOVA is the caller's choice, and the range of an unmap is one mapping. If the reply
 * is out before, the lock is needed only once. If it was wrong it is written again.
 */
static bool promise(struct ioctl_call *call, const struct map_outputs *out, u64 result)
{
	*out->result = result;
	return !ioctl_promise(call);
}

static int ioctl_map(struct ioctl_call *call, struct ioasid_map *cmd)
{
	const struct map_outputs out = { &cmd->out_iova, &cmd->out_range };
	const struct map_call map = {
		.op = IOASID_BATCH_MAP,
		.ioasid = cmd->ioasid,
		.promised = cmd->flags & IOASID_MAP_FIXED_IOVA && promise(call, &out, cmd->iova),
		.request.start = cmd->user_va,
		.request.length = cmd->length,
		.request.iova = cmd->iova,
		.request.flags = cmd->flags,
	};
	struct map_refusal refusal = {};
	int rc = run(call, &map, &out, &refusal);

	if (rc)
		explain_quota(&refusal.quota, &cmd->out_locked_bytes, &cmd->out_wanted_bytes,
			      &cmd->out_locked_limit_bytes);
	return rc;
}

static int map_file(struct ioctl_call *call, struct ioasid_map_file *cmd, struct file *file)
{
	const struct map_outputs out = { &cmd->out_iova, &cmd->out_range };
	const struct map_call map = {
		.op = IOASID_BATCH_MAP,
		.ioasid = cmd->ioasid,
		.request.start = cmd->offset,
		.request.file = file,
		.request.length = cmd->length,
		.request.iova = cmd->iova,
		.request.flags = cmd->flags,
	};
	struct map_refusal refusal = {};
	int rc = run(call, &map, &out, &refusal);

	if (rc)
		explain_quota(&refusal.quota, &cmd->out_locked_bytes, &cmd->out_wanted_bytes,
			      &cmd->out_locked_limit_bytes);
	return rc;
}

static int ioctl_map_file(struct ioctl_call *call, struct ioasid_map_file *cmd)
{
	struct file *file;
	int rc;

	if (!pins_support_files())
		return -EOPNOTSUPP;
	file = fget(cmd->fd);
	if (!file)
		return -EBADF;
	rc = map_file(call, cmd, file);
	fput(file);
	return rc;
}

static int ioctl_copy(struct ioctl_call *call, struct ioasid_copy *cmd)
{
	const struct map_outputs out = { &cmd->out_iova, &cmd->out_range };
	const struct map_call copy = {
		.op = IOASID_BATCH_COPY,
		.ioasid = cmd->ioasid,
		.from_ioasid = cmd->from_ioasid,
		.request.start = cmd->from_iova,
		.request.length = cmd->length,
		.request.iova = cmd->iova,
		.request.flags = cmd->flags,
	};
	struct map_refusal refusal = {};

	return run(call, &copy, &out, &refusal);
}

static int ioctl_unmap(struct ioctl_call *call, struct ioasid_unmap *cmd)
{
	const struct map_outputs out = { &cmd->out_unmapped_bytes, &cmd->out_range };
	const struct map_call unmap = {
		.op = IOASID_BATCH_UNMAP,
		.ioasid = cmd->ioasid,
		.promised = !(cmd->flags & IOASID_UNMAP_ALL) && promise(call, &out, cmd->length),
		.request.length = cmd->length,
		.request.iova = cmd->iova,
		.request.flags = cmd->flags,
	};
	struct map_refusal refusal = {};

	return run(call, &unmap, &out, &refusal);
}

static int ioctl_sync(struct ioctl_call *call, struct ioasid_sync *cmd)
{
	struct ioas *ioas = ioas_lookup(call->object, cmd->ioasid);

	if (!ioas)
		return -ENOENT;
	flush_now(ioas);
	ioas_put(ioas);
	return 0;
}

static int ioctl_batch(struct ioctl_call *call, struct ioasid_batch *cmd)
{
	struct map_refusal refusal = {};
	int rc;

	if (cmd->entry_size != sizeof(struct ioasid_batch_entry))
		return -EINVAL;
	/* What the entries do is not undone if the reply cannot be written: see to that first. */
	rc = ioctl_reply(call);
	if (rc)
		return rc;
	rc = batch_run(call->object, u64_to_user_ptr(cmd->entries), cmd->num_entries,
		       &cmd->out_num_done, &refusal);
	copy_range(&cmd->out_range, &refusal.range);
	explain_quota(&refusal.quota, &cmd->out_locked_bytes, &cmd->out_wanted_bytes,
		      &cmd->out_locked_limit_bytes);
	return ioctl_reply(call) ?: rc;
}

static int copy_windows(struct ioas *ioas, struct ioasid_iova_ranges *cmd)
{
	unsigned int nr, now, count = attachment_windows(ioas, NULL, 0);
	struct iova_range *windows;
	int rc = -EFAULT;

	static_assert(sizeof(struct iova_range) == sizeof(struct ioasid_range));
	windows = kcalloc(count, sizeof(*windows), GFP_KERNEL_ACCOUNT);
	if (!windows)
		return -ENOMEM;
	/*
	 * A device that is allowed the address space meanwhile may add ranges: those are not
	 * copied.
	 */
	now = attachment_windows(ioas, windows, count);
	nr = min3(cmd->num_ranges, now, count);
	if (!copy_to_user(u64_to_user_ptr(cmd->ranges), windows, nr * sizeof(*windows))) {
		cmd->out_num_ranges = now;
		cmd->out_iova_alignment = PAGE_SIZE;
		rc = 0;
	}
	kfree(windows);
	return rc;
}

static int ioctl_iova_ranges(struct ioctl_call *call, struct ioasid_iova_ranges *cmd)
{
	struct ioas *ioas = ioas_lookup(call->object, cmd->ioasid);
	int rc;

	if (!ioas)
		return -ENOENT;
	rc = copy_windows(ioas, cmd);
	ioas_put(ioas);
	return rc ?: ioctl_reply(call);
}

static int ioctl_query(struct ioctl_call *call, struct ioasid_query *cmd)
{
	struct ioas *ioas = ioas_lookup(call->object, cmd->ioasid);
	struct mapping_view view;
	int rc;

	if (!ioas)
		return -ENOENT;
	rc = mapping_query(ioas, cmd->iova, cmd->flags & IOASID_QUERY_NEXT ? U64_MAX : cmd->iova,
			   &view);
	ioas_put(ioas);
	if (rc)
		return rc;
	copy_range(&cmd->out_range, &view.range);
	cmd->out_user_va = view.start;
	cmd->out_map_flags = view.flags;
	return ioctl_reply(call);
}

long context_ioctl(struct ioasidfd_context *ctx, unsigned int cmd, unsigned long arg)
{
	return ioctl_dispatch(context_ops, ARRAY_SIZE(context_ops), ctx, cmd, arg);
}

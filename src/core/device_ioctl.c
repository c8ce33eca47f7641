// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of device files: from structures of the ABI to the calls of device.h, and back.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/stddef.h>

#include "context_file.h"
#include "device.h"
#include "ioctl.h"
#include "ioctl_list.h"
#include "observer.h"

IOASIDFD_DEVICE_IOCTLS(IOCTL_HANDLER)

static const struct ioctl_op device_ops[] = { IOASIDFD_DEVICE_IOCTLS(IOCTL_ROW) };

static int ioctl_get_info(struct ioctl_call *call, struct ioasid_device_info *cmd)
{
	return device_get_info(call->object, cmd) ?: ioctl_reply(call);
}

static int ioctl_get_region(struct ioctl_call *call, struct ioasid_device_region *cmd)
{
	return device_get_region(call->object, cmd) ?: ioctl_reply(call);
}

static int ioctl_get_owner(struct ioctl_call *call, struct ioasid_device_owner *cmd)
{
	observer_flush();
	return device_get_owner(call->object, cmd) ?: ioctl_reply(call);
}

/*
 * What the following calls have to tell about success is known before they take effect. So the
 * reply is written first, and written again, by the dispatcher, when there is an error to explain.
 */
static int reply_in_advance(struct ioctl_call *call)
{
	int rc = ioctl_reply(call);

	call->replied = rc;
	return rc;
}

static int ioctl_bind(struct ioctl_call *call, struct ioasid_device_bind *cmd)
{
	struct ioasidfd_context *ctx;
	int rc = reply_in_advance(call);

	if (rc)
		return rc;
	ctx = context_get_from_fd(cmd->context_fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	rc = device_bind(call->object, ctx, cmd->flags & IOASID_BIND_WATCH, &cmd->out_refusal);
	context_put(ctx);
	return rc;
}

static int ioctl_unbind(struct ioctl_call *call, struct ioasid_device_unbind *cmd)
{
	return device_unbind(call->object);
}

static void copy_conflict(struct ioasid_range *to, const struct iova_range *from)
{
	to->start = from->start;
	to->last = from->last;
}

static int ioctl_allow(struct ioctl_call *call, struct ioasid_device_allow *cmd)
{
	const struct ioas_name name = { .ioasid = cmd->ioasid };
	struct device_allowing allowing;
	int rc = device_check_allow(cmd->flags, cmd->pasid);

	if (rc)
		return rc;
	rc = device_allow_begin(call->object, &name, cmd->flags, cmd->pasid, &allowing);
	if (rc == -EDQUOT) {
		cmd->out_num_pasids = allowing.quota.used;
		cmd->out_pasid_limit = allowing.quota.limit;
	}
	if (rc)
		return rc;
	if (allowing.allowance.pasid)
		cmd->out_pasid = allowing.allowance.pasid->number;
	rc = reply_in_advance(call);
	if (!rc)
		rc = device_allow_commit(call->object, &allowing);
	if (rc)
		cmd->out_pasid = 0;
	copy_conflict(&cmd->out_range, &allowing.conflict);
	device_allow_end(&allowing, rc);
	return rc;
}

static int ioctl_disallow(struct ioctl_call *call, struct ioasid_device_disallow *cmd)
{
	const struct ioas_name name = { .ioasid = cmd->ioasid };

	return device_check_pasid(cmd->flags & IOASID_DISALLOW_PASID, cmd->pasid) ?:
		       device_disallow(call->object, &name, cmd->pasid);
}

static int ioctl_replace(struct ioctl_call *call, struct ioasid_device_replace *cmd)
{
	const struct ioas_name from = { .ioasid = cmd->from_ioasid };
	const struct ioas_name to = { .ioasid = cmd->ioasid };
	struct replacement replacement = {
		.pasid = cmd->pasid,
		.whole_group = cmd->flags & IOASID_REPLACE_GROUP,
	};
	struct attachment_replacing replacing = {};
	int rc = device_check_pasid(cmd->flags & IOASID_REPLACE_PASID, cmd->pasid);

	if (rc)
		return rc;
	/* A reply that cannot be corrected afterwards errs on the safe side. */
	cmd->out_replace_flags = IOASID_REPLACED_WITH_GAP;
	rc = reply_in_advance(call);
	if (!rc)
		rc = device_replace(call->object, &from, &to, &replacement, &replacing);
	cmd->out_replace_flags = device_replaced_flags(&replacing);
	copy_conflict(&cmd->out_range, &replacing.conflict);
	if (!rc)
		ioctl_reply(call);
	return rc;
}

long ioasidfd_device_ioctl(struct ioasidfd_device_file *file, unsigned int cmd, unsigned long arg)
{
	return ioctl_dispatch(device_ops, ARRAY_SIZE(device_ops), file, cmd, arg);
}
EXPORT_SYMBOL_GPL(ioasidfd_device_ioctl);

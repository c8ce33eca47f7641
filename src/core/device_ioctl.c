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
 * The successful outcome of the following calls has nothing to tell: their outputs stay zero. So
 * the reply is written first, and written again, by the dispatcher, when there is an error to
 * explain.
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

static int ioctl_allow(struct ioctl_call *call, struct ioasid_device_allow *cmd)
{
	struct iova_range conflict = {};
	int rc = reply_in_advance(call);

	if (rc)
		return rc;
	rc = device_allow(call->object, cmd->ioasid, &conflict);
	cmd->out_range.start = conflict.start;
	cmd->out_range.last = conflict.last;
	return rc;
}

static int ioctl_disallow(struct ioctl_call *call, struct ioasid_device_disallow *cmd)
{
	return device_disallow(call->object, cmd->ioasid);
}

long ioasidfd_device_ioctl(struct ioasidfd_device_file *file, unsigned int cmd, unsigned long arg)
{
	return ioctl_dispatch(device_ops, ARRAY_SIZE(device_ops), file, cmd, arg);
}
EXPORT_SYMBOL_GPL(ioasidfd_device_ioctl);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dispatch of ioctls, see ioctl.h.
 */
#include <linux/string.h>
#include <linux/uaccess.h>

#include "ioctl.h"

static const struct ioctl_op *find_op(const struct ioctl_op *ops, unsigned int nr, unsigned int cmd)
{
	const struct ioctl_op *op;

	for (op = ops; op < ops + nr; op++)
		if (op->cmd == cmd)
			return op;
	return NULL;
}

static int copy_in(struct ioctl_call *call)
{
	const struct ioctl_op *op = call->op;
	int rc;

	if (get_user(call->user_size, (u32 __user *)call->user))
		return -EFAULT;
	if (call->user_size < op->min_size)
		return -EINVAL;
	if (call->user_size > PAGE_SIZE)
		return -E2BIG;
	rc = copy_struct_from_user(call->data, op->size, call->user, call->user_size);
	/* Another thread may have changed it in between; what was checked is what counts. */
	((struct ioctl_header *)call->data)->size = call->user_size;
	return rc;
}

static int check_input(const struct ioctl_call *call)
{
	const struct ioctl_op *op = call->op;
	const u8 *data = (const u8 *)call->data;

	if (((const struct ioctl_header *)data)->flags & ~op->flags)
		return -EOPNOTSUPP;
	if (op->reserved && *(const u32 *)(data + op->reserved))
		return -EOPNOTSUPP;
	return 0;
}

static void clear_outputs(struct ioctl_call *call)
{
	memset((u8 *)call->data + call->op->out_start, 0, call->op->out_end - call->op->out_start);
}

int ioctl_reply(struct ioctl_call *call)
{
	u32 size = min_t(u32, call->user_size, call->op->size);

	call->replied = true;
	if (call->op->out_start == call->op->out_end)
		return 0;
	return copy_to_user(call->user, call->data, size) ? -EFAULT : 0;
}

long ioctl_dispatch(const struct ioctl_op *ops, unsigned int nr, void *object, unsigned int cmd,
		    unsigned long arg)
{
	struct ioctl_call call;
	int rc;

	call.object = object;
	call.user = (void __user *)arg;
	call.replied = false;
	call.op = find_op(ops, nr, cmd);
	if (!call.op)
		return -ENOTTY;
	rc = copy_in(&call);
	if (rc)
		return rc;
	clear_outputs(&call);
	rc = check_input(&call) ?: call.op->run(&call);
	if (rc && !call.replied)
		ioctl_reply(&call);
	return rc;
}

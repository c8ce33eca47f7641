// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dispatch of ioctls, see ioctl.h.
 */
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../compat/compat.h"
#include "ioctl.h"

/* The rows of a table have consecutive numbers. */
static const struct ioctl_op *find_op(const struct ioctl_op *ops, unsigned int nr, unsigned int cmd)
{
	unsigned int index = _IOC_NR(cmd) - _IOC_NR(ops[0].cmd);

	return index < nr && ops[index].cmd == cmd ? &ops[index] : NULL;
}

/* Outputs at the end of a structure need not be read. */
static u32 input_size(const struct ioctl_op *op)
{
	return op->out_end == op->size ? op->out_start : op->size;
}

/* Members that a newer user space has and we do not know must be zero. */
static int check_tail(const struct ioctl_call *call)
{
	u32 size = call->op->size;
	int rc;

	if (call->user_size <= size)
		return 0;
	if (call->user_size > PAGE_SIZE)
		return -E2BIG;
	rc = check_zeroed_user(call->user + size, call->user_size - size);
	if (rc < 0)
		return rc;
	return rc ? 0 : -E2BIG;
}

/* Structures are short and made of aligned words: loops beat the general copying functions. */
static void clear(struct ioctl_call *call, u32 from, u32 to)
{
	u32 *data = (u32 *)call->data;

	for (; from < to; from += sizeof(u32))
		data[from / sizeof(u32)] = 0;
}

/* Copy @size bytes, a multiple of 4. */
static int copy_words_in(u32 *to, const u32 __user *from, u32 size)
{
	u32 i = 0, nr = size / sizeof(u32);

	if (!user_access_begin(from, size))
		return -EFAULT;
	for (; i + 1 < nr; i += 2)
		unsafe_get_user(*(u64 *)(to + i), (const u64 __user *)(from + i), fault);
	if (i < nr)
		unsafe_get_user(to[i], from + i, fault);
	user_access_end();
	return 0;

fault:
	user_access_end();
	return -EFAULT;
}

static int copy_words_out(u32 __user *to, const u32 *from, u32 size)
{
	u32 i = 0, nr = size / sizeof(u32);

	if (!user_access_begin(to, size))
		return -EFAULT;
	for (; i + 1 < nr; i += 2)
		unsafe_put_user(*(const u64 *)(from + i), (u64 __user *)(to + i), fault);
	if (i < nr)
		unsafe_put_user(from[i], to + i, fault);
	user_access_end();
	return 0;

fault:
	user_access_end();
	return -EFAULT;
}

static int copy_in(struct ioctl_call *call)
{
	const struct ioctl_op *op = call->op;
	u32 size;
	int rc;

	if (get_user(call->user_size, (u32 __user *)call->user))
		return -EFAULT;
	if (call->user_size < op->min_size)
		return -EINVAL;
	rc = check_tail(call);
	if (rc)
		return rc;
	size = min(call->user_size, input_size(op)) & ~3U;
	if (copy_words_in((u32 *)call->data, call->user, size))
		return -EFAULT;
	clear(call, size, op->size);
	if (op->out_end != op->size)
		clear(call, op->out_start, op->out_end);
	/* Another thread may have changed it in between; what was checked is what counts. */
	((struct ioctl_header *)call->data)->size = call->user_size;
	return 0;
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

int ioctl_promise(const struct ioctl_call *call)
{
	const struct ioctl_op *op = call->op;
	u32 end = min_t(u32, call->user_size & ~3U, op->out_end);

	if (op->out_start >= end)
		return 0;
	return copy_words_out(call->user + op->out_start, (u32 *)((u8 *)call->data + op->out_start),
			      end - op->out_start);
}

int ioctl_reply(struct ioctl_call *call)
{
	call->replied = true;
	return ioctl_promise(call);
}

long ioctl_dispatch(const struct ioctl_op *ops, unsigned int nr, void *object, unsigned int cmd,
		    unsigned long arg)
{
	/* copy_in() sets what a handler sees; clearing all of it first costs as much as copying. */
	struct ioctl_call call compat_uninitialized;
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
	rc = check_input(&call) ?: call.op->run(&call);
	if (rc && !call.replied)
		ioctl_reply(&call);
	return rc;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How an ioctl gets in and out: copying, sizes, flags and replies, the same for every file of this
 * project.
 *
 * Knows structures by size and offset only. A handler is called with a clean copy of the caller's
 * structure: flags within the mask, reserved members zero, outputs zero. It writes its reply with
 * ioctl_reply() at the point after which it cannot fail and before its effect is visible, so that a
 * reply that cannot be delivered changes nothing. A reply that is known beforehand may be written
 * first, with ioctl_promise(), and is written again if it was wrong. After an error the dispatcher
 * writes the structure out on its own, for the explanation in it.
 *
 * No lock is held while a handler replies.
 */
#ifndef IOASIDFD_IOCTL_H
#define IOASIDFD_IOCTL_H

#include <linux/compiler.h>
#include <linux/types.h>

/* Room for the largest structure; a table row that does not fit does not compile. */
#define IOCTL_MAX_SIZE 384

/**
 * struct ioctl_call - one ioctl on its way
 * @object: what the file stands for
 * @user: the caller's structure
 * @user_size: its size as the caller knows it
 * @op: what is called
 * @replied: ioctl_reply() was called
 * @data: copy of the structure
 */
struct ioctl_call {
	void *object;
	void __user *user;
	u32 user_size;
	bool replied;
	const struct ioctl_op *op;
	u64 data[IOCTL_MAX_SIZE / sizeof(u64)];
};

/**
 * struct ioctl_op - one row of a table
 * @cmd: the ioctl number
 * @size: size of the structure
 * @min_size: size of its first published version
 * @flags: flags that have a meaning
 * @reserved: offset of the reserved member, 0 if there is none
 * @out_start: offset of the first output
 * @out_end: offset behind the last output; not above @out_start without outputs
 * @run: the handler
 */
struct ioctl_op {
	u32 cmd;
	u16 size;
	u16 min_size;
	u32 flags;
	u16 reserved;
	u16 out_start;
	u16 out_end;
	int (*run)(struct ioctl_call *call);
};

/* Every structure starts like this. */
struct ioctl_header {
	u32 size;
	u32 flags;
};

#define IOCTL_HANDLER(NAME, type, handler, last, mask, res, first_out, last_out) \
	static int ioctl_##handler(struct ioctl_call *call, struct type *cmd);   \
	static int run_##handler(struct ioctl_call *call)                        \
	{                                                                        \
		static_assert(sizeof(struct type) <= IOCTL_MAX_SIZE);            \
		return ioctl_##handler(call, (struct type *)call->data);         \
	}

/* "size" stands for "none" among the outputs. */
#define IOCTL_ROW(NAME, type, handler, last, mask, res, first_out, last_out)                       \
	{                                                                                          \
		.cmd = IOASID_##NAME,                                                              \
		.size = sizeof(struct type),                                                       \
		.min_size = offsetofend(struct type, last),                                        \
		.flags = (mask),                                                                   \
		.reserved = (res),                                                                 \
		.out_start = offsetof(struct type, first_out) ?: sizeof(struct type),              \
		.out_end = offsetof(struct type, first_out) ? offsetofend(struct type, last_out) : \
							      sizeof(struct type),                 \
		.run = run_##handler,                                                              \
	},

/* Run @cmd out of a table of @nr rows with consecutive numbers. ENOTTY if it is not there. */
long ioctl_dispatch(const struct ioctl_op *ops, unsigned int nr, void *object, unsigned int cmd,
		    unsigned long arg);

/* Write the outputs back. 0 or -EFAULT. */
int ioctl_reply(struct ioctl_call *call);

/* The same, for now: after an error they are written once more. */
int ioctl_promise(const struct ioctl_call *call);

#endif

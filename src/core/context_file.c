// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ioasid, see context_file.h.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "../delay_point.h"
#include "attachment.h"
#include "context_file.h"
#include "context_ioctl.h"
#include "ioas.h"
#include "watch.h"

static long context_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return context_ioctl(file->private_data, cmd, arg);
}

static ssize_t context_file_read(struct file *file, char __user *buffer, size_t size,
				 loff_t *offset)
{
	struct ioasidfd_context *ctx = file->private_data;

	return event_queue_read(&ctx->events, buffer, size, file->f_flags & O_NONBLOCK);
}

static __poll_t context_file_poll(struct file *file, poll_table *wait)
{
	struct ioasidfd_context *ctx = file->private_data;

	return event_queue_poll(&ctx->events, file, wait);
}

static int context_file_open(struct inode *inode, struct file *file)
{
	delay_point("context-open");
	file->private_data = context_create();
	return file->private_data ? stream_open(inode, file) : -ENOMEM;
}

static int context_file_release(struct inode *inode, struct file *file)
{
	struct ioasidfd_context *ctx = file->private_data;

	WRITE_ONCE(ctx->closed, true);
	delay_point("context-closed");
	watch_remove_all(ctx);
	delay_point("context-unwatched");
	ioas_free_all(ctx);
	context_put(ctx);
	return 0;
}

/**
 * struct attachments_shown - where attachments are listed
 * @seq: the file
 * @ioasid: the address space
 */
struct attachments_shown {
	struct seq_file *seq;
	u32 ioasid;
};

static void show_attachment(void *arg, const struct attachment_usage *usage)
{
	const struct attachments_shown *shown = arg;

	seq_printf(shown->seq, "attachment:\tioasid=%u group=%d", shown->ioasid, usage->group);
	if (usage->pasid == COMPAT_NO_PASID)
		seq_puts(shown->seq, " rid");
	else
		seq_printf(shown->seq, " pasid=%u", usage->pasid);
	seq_printf(shown->seq, " devices=%u\n", usage->nr_devices);
}

static void show_attachments(struct seq_file *seq, struct ioasidfd_context *ctx, u32 ioasid)
{
	struct attachments_shown shown = { .seq = seq, .ioasid = ioasid };
	struct ioas *ioas = ioas_lookup_any(ctx, ioasid);

	if (!ioas)
		return;
	attachment_visit(ioas, show_attachment, &shown);
	ioas_put(ioas);
}

static void show_ioas(struct seq_file *seq, const struct ioas_usage *usage)
{
	seq_printf(seq, "ioasid:\t%u mappings=%llu bytes=%llu pending=%llu devices=%u", usage->id,
		   usage->nr_mappings, usage->nr_mapped_pages << PAGE_SHIFT,
		   usage->nr_pending_pages << PAGE_SHIFT, usage->nr_devices);
	seq_printf(seq, " state=%s", usage->freed ? "freed" : "live");
	if (usage->pasid)
		seq_printf(seq, " pasid=%u", usage->pasid);
	seq_putc(seq, '\n');
}

static void context_file_show_fdinfo(struct seq_file *seq, struct file *file)
{
	struct ioasidfd_context *ctx = file->private_data;
	struct ioas_usage usage;
	u32 from = 0, count = 0;

	seq_printf(seq, "ioasid-abi:\t%u\n", IOASID_ABI_VERSION);
	while (!seq_has_overflowed(seq) && ioas_usage_from(ctx, from, &usage)) {
		show_ioas(seq, &usage);
		if (usage.nr_devices)
			show_attachments(seq, ctx, usage.id);
		from = usage.id + 1;
		count++;
		cond_resched();
	}
	seq_printf(seq, "ioasid-count:\t%u\n", count);
}

static const struct file_operations context_file_ops = {
	.owner = THIS_MODULE,
	.open = context_file_open,
	.release = context_file_release,
	.read = context_file_read,
	.poll = context_file_poll,
	.unlocked_ioctl = context_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = context_file_show_fdinfo,
};

static struct miscdevice context_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ioasid",
	.fops = &context_file_ops,
	.mode = 0600,
};

struct ioasidfd_context *context_get_from_fd(int fd)
{
	struct ioasidfd_context *ctx = ERR_PTR(-EBADF);
	struct file *file = fget(fd);

	if (!file)
		return ctx;
	if (file->f_op == &context_file_ops)
		ctx = context_get(file->private_data);
	fput(file);
	delay_point("context-got");
	return ctx;
}

int context_file_init(void)
{
	return misc_register(&context_device);
}

void context_file_exit(void)
{
	misc_deregister(&context_device);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ioasid, see context_file.h.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include "attachment.h"
#include "context_file.h"
#include "ioas.h"
#include "ioctl.h"
#include "ioctl_list.h"
#include "mapping.h"
#include "observer.h"
#include "pin.h"
#include "watch.h"

IOASIDFD_CONTEXT_IOCTLS(IOCTL_HANDLER)

static const struct ioctl_op context_ops[] = { IOASIDFD_CONTEXT_IOCTLS(IOCTL_ROW) };

static void copy_range(struct ioasid_range *to, const struct iova_range *from)
{
	to->start = from->start;
	to->last = from->last;
}

static int ioctl_get_info(struct ioctl_call *call, struct ioasid_info *cmd)
{
	struct ioas_usage usage;
	struct pin_quota quota;
	u32 from = 0;

	cmd->out_abi_version = IOASID_ABI_VERSION;
	cmd->out_max_ioasids = CONTEXT_MAX_IOASIDS;
	cmd->out_capabilities = IOASID_CAP_RID |
				(observer_sees_refusals() ? IOASID_CAP_REFUSALS : 0);
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
	struct ioas *ioas = ioas_create(call->object);
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

static int check_range(u64 start, u64 length)
{
	u64 last;

	if (!length || !PAGE_ALIGNED(start) || !PAGE_ALIGNED(length))
		return -EINVAL;
	return check_add_overflow(start, length - 1, &last) ? -EOVERFLOW : 0;
}

static int check_map(const struct ioasid_map *cmd)
{
	int rc = check_range(cmd->user_va, cmd->length);

	if (rc)
		return rc;
	if (!(cmd->flags & (IOASID_MAP_READ | IOASID_MAP_WRITE)))
		return -EINVAL;
	if (!(cmd->flags & IOASID_MAP_FIXED_IOVA))
		return cmd->iova ? -EINVAL : 0;
	return check_range(cmd->iova, cmd->length);
}

static int map(struct ioctl_call *call, struct ioasid_map *cmd, struct ioas *ioas)
{
	struct map_request request = {
		.user_va = cmd->user_va,
		.length = cmd->length,
		.iova = cmd->iova,
		.fixed = cmd->flags & IOASID_MAP_FIXED_IOVA,
		.flags = cmd->flags,
	};
	struct map_refusal refusal = {};
	struct mapping *mapping = mapping_begin(ioas, &request, &refusal);
	int rc;

	if (IS_ERR(mapping)) {
		copy_range(&cmd->out_range, &refusal.range);
		cmd->out_locked_bytes = refusal.quota.locked;
		cmd->out_wanted_bytes = refusal.quota.wanted;
		cmd->out_locked_limit_bytes = refusal.quota.limit;
		return PTR_ERR(mapping);
	}
	cmd->out_iova = mapping_iova(mapping);
	rc = ioctl_reply(call);
	if (rc)
		mapping_abort(ioas, mapping);
	else
		mapping_commit(ioas, mapping);
	return rc;
}

static int ioctl_map(struct ioctl_call *call, struct ioasid_map *cmd)
{
	struct ioas *ioas;
	int rc = check_map(cmd);

	if (rc)
		return rc;
	ioas = ioas_lookup(call->object, cmd->ioasid);
	if (!ioas)
		return -ENOENT;
	rc = map(call, cmd, ioas);
	ioas_put(ioas);
	return rc;
}

static int unmap(struct ioctl_call *call, struct ioasid_unmap *cmd, struct ioas *ioas)
{
	bool all = cmd->flags & IOASID_UNMAP_ALL;
	u64 last = all ? U64_MAX : cmd->iova + cmd->length - 1;
	struct unmapping unmapping;
	int rc = unmapping_begin(ioas, cmd->iova, last, &unmapping);

	if (rc == -ENOENT && all)
		return ioctl_reply(call);
	if (rc) {
		copy_range(&cmd->out_range, &unmapping.cut);
		return rc;
	}
	cmd->out_unmapped_bytes = unmapping.bytes;
	rc = ioctl_reply(call);
	if (rc)
		unmapping_abort(ioas, &unmapping);
	else
		unmapping_commit(ioas, &unmapping);
	return rc;
}

static int ioctl_unmap(struct ioctl_call *call, struct ioasid_unmap *cmd)
{
	struct ioas *ioas;
	int rc;

	if (cmd->flags & IOASID_UNMAP_ALL)
		rc = cmd->iova || cmd->length ? -EINVAL : 0;
	else
		rc = check_range(cmd->iova, cmd->length);
	if (rc)
		return rc;
	ioas = ioas_lookup(call->object, cmd->ioasid);
	if (!ioas)
		return -ENOENT;
	rc = unmap(call, cmd, ioas);
	ioas_put(ioas);
	return rc;
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
	cmd->out_user_va = view.user_va;
	cmd->out_map_flags = view.flags;
	return ioctl_reply(call);
}

static long context_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return ioctl_dispatch(context_ops, ARRAY_SIZE(context_ops), file->private_data, cmd, arg);
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
	file->private_data = context_create();
	return file->private_data ? nonseekable_open(inode, file) : -ENOMEM;
}

static int context_file_release(struct inode *inode, struct file *file)
{
	struct ioasidfd_context *ctx = file->private_data;

	WRITE_ONCE(ctx->closed, true);
	watch_remove_all(ctx);
	ioas_free_all(ctx);
	context_put(ctx);
	return 0;
}

static void context_file_show_fdinfo(struct seq_file *seq, struct file *file)
{
	struct ioas_usage usage;
	u32 from = 0, count = 0;

	seq_printf(seq, "ioasid-abi:\t%u\n", IOASID_ABI_VERSION);
	while (!seq_has_overflowed(seq) && ioas_usage_from(file->private_data, from, &usage)) {
		seq_printf(seq, "ioasid:\t%u mappings=%llu bytes=%llu devices=%u state=%s\n",
			   usage.id, usage.nr_mappings, usage.nr_mapped_pages << PAGE_SHIFT,
			   usage.nr_devices, usage.freed ? "freed" : "live");
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of include/linux/ioasidfd.h that does for drivers what ioctls do for user space.
 *
 * Owns nothing: it checks what the ioctl glue checks, and calls the same functions.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kernel.h>

#include "context_file.h"
#include "device.h"
#include "ioas.h"
#include "ioctl_list.h"

struct ioasidfd_context *ioasidfd_context_fdget(int fd)
{
	return context_get_from_fd(fd);
}
EXPORT_SYMBOL_GPL(ioasidfd_context_fdget);

void ioasidfd_context_put(struct ioasidfd_context *ctx)
{
	context_put(ctx);
}
EXPORT_SYMBOL_GPL(ioasidfd_context_put);

struct ioas *ioasidfd_ioas_get(struct ioasidfd_context *ctx, u32 ioasid)
{
	might_sleep();
	return ioas_lookup(ctx, ioasid) ?: ERR_PTR(-ENOENT);
}
EXPORT_SYMBOL_GPL(ioasidfd_ioas_get);

void ioasidfd_ioas_put(struct ioas *ioas)
{
	ioas_put(ioas);
}
EXPORT_SYMBOL_GPL(ioasidfd_ioas_put);

int ioasidfd_device_bind(struct ioasidfd_device_file *file, struct ioasidfd_context *ctx)
{
	u32 refusal = IOASID_REFUSAL_NONE;

	return device_bind(file, ctx, false, &refusal);
}
EXPORT_SYMBOL_GPL(ioasidfd_device_bind);

int ioasidfd_device_unbind(struct ioasidfd_device_file *file)
{
	return device_unbind(file);
}
EXPORT_SYMBOL_GPL(ioasidfd_device_unbind);

/* Ioctls are refused unknown flags before they get anywhere. */
static int check_flags(u32 flags, u32 known)
{
	return flags & ~known ? -EINVAL : 0;
}

int ioasidfd_device_allow(struct ioasidfd_device_file *file, struct ioas *ioas, u32 flags,
			  u32 *pasid)
{
	const u32 fixed = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID;
	const u32 wanted = (flags & fixed) == fixed ? *pasid : 0;
	const struct ioas_name name = { .ioas = ioas };
	struct device_allowing allowing;
	int rc = check_flags(flags, IOASIDFD_ALLOW_FLAGS) ?: device_check_allow(flags, wanted);

	if (rc)
		return rc;
	rc = device_allow_begin(file, &name, flags, wanted, &allowing);
	if (rc)
		return rc;
	rc = device_allow_commit(file, &allowing);
	if (!rc && allowing.allowance.pasid)
		*pasid = allowing.allowance.pasid->number;
	device_allow_end(&allowing, rc);
	return rc;
}
EXPORT_SYMBOL_GPL(ioasidfd_device_allow);

int ioasidfd_device_replace(struct ioasidfd_device_file *file, struct ioas *from, struct ioas *ioas,
			    u32 flags, u32 pasid, u32 *replaced)
{
	const struct ioas_name name = { .ioas = from };
	const struct ioas_name to = { .ioas = ioas };
	struct replacement replacement = {
		.pasid = pasid,
		.whole_group = flags & IOASID_REPLACE_GROUP,
	};
	struct attachment_replacing replacing = {};
	int rc = check_flags(flags, IOASIDFD_REPLACE_FLAGS);

	if (!rc)
		rc = device_check_pasid(flags & IOASID_REPLACE_PASID, pasid);
	if (!rc)
		rc = device_replace(file, &name, &to, &replacement, &replacing);
	if (replaced)
		*replaced = device_replaced_flags(&replacing);
	return rc;
}
EXPORT_SYMBOL_GPL(ioasidfd_device_replace);

int ioasidfd_device_disallow(struct ioasidfd_device_file *file, struct ioas *ioas, u32 flags,
			     u32 pasid)
{
	const struct ioas_name name = { .ioas = ioas };
	int rc = check_flags(flags, IOASIDFD_DISALLOW_FLAGS);

	if (!rc)
		rc = device_check_pasid(flags & IOASID_DISALLOW_PASID, pasid);
	return rc ?: device_disallow(file, &name, pasid);
}
EXPORT_SYMBOL_GPL(ioasidfd_device_disallow);

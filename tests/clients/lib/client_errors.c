// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the words for a failed call: its name, the name of its errno, what the ABI says about that
 * errno, and what the reply adds.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "client.h"

static const struct {
	unsigned long request;
	const char *name;
} calls[] = {
	{ IOASID_GET_INFO, "IOASID_GET_INFO" },
	{ IOASID_ALLOC, "IOASID_ALLOC" },
	{ IOASID_FREE, "IOASID_FREE" },
	{ IOASID_MAP, "IOASID_MAP" },
	{ IOASID_UNMAP, "IOASID_UNMAP" },
	{ IOASID_IOVA_RANGES, "IOASID_IOVA_RANGES" },
	{ IOASID_QUERY, "IOASID_QUERY" },
	{ IOASID_DEVICE_GET_INFO, "IOASID_DEVICE_GET_INFO" },
	{ IOASID_DEVICE_GET_REGION, "IOASID_DEVICE_GET_REGION" },
	{ IOASID_DEVICE_GET_OWNER, "IOASID_DEVICE_GET_OWNER" },
	{ IOASID_DEVICE_BIND, "IOASID_DEVICE_BIND" },
	{ IOASID_DEVICE_UNBIND, "IOASID_DEVICE_UNBIND" },
	{ IOASID_DEVICE_ALLOW, "IOASID_DEVICE_ALLOW" },
	{ IOASID_DEVICE_DISALLOW, "IOASID_DEVICE_DISALLOW" },
};

static const struct {
	int err;
	const char *name;
	const char *meaning;
} errors[] = {
	{ ENOTTY, "ENOTTY", "no such ioctl on this file" },
	{ EINVAL, "EINVAL", "malformed: alignment, zero length, bad combination" },
	{ E2BIG, "E2BIG", "a member this kernel does not know is not zero" },
	{ EOVERFLOW, "EOVERFLOW", "the address range wraps" },
	{ EOPNOTSUPP, "EOPNOTSUPP",
	  "unknown flag or value, or this kernel, IOMMU or device cannot do it" },
	{ ENOENT, "ENOENT", "no such IOASID (or it was freed), nothing mapped there" },
	{ EEXIST, "EEXIST",
	  "the IOVA range is already used; the device is already allowed an IOASID" },
	{ EBUSY, "EBUSY",
	  "owned by someone else, a kernel driver is bound in the group, or still referenced" },
	{ EPERM, "EPERM", "the platform cannot isolate the interrupts of this device" },
	{ ENOMEM, "ENOMEM", "out of kernel memory" },
	{ EDQUOT, "EDQUOT", "would pass RLIMIT_MEMLOCK" },
	{ ENOSPC, "ENOSPC", "no free IOVA range or IOASID" },
	{ EADDRNOTAVAIL, "EADDRNOTAVAIL", "an IOVA that some attached device cannot reach" },
	{ EADDRINUSE, "EADDRINUSE", "attaching would make an existing mapping unreachable" },
	{ ENODEV, "ENODEV", "the device is gone" },
	{ EINTR, "EINTR", "a fatal signal stopped a long map; everything it had done was undone" },
	{ EFAULT, "EFAULT", "bad user pointer" },
	{ EBADF, "EBADF", "not an open file, or not a /dev/ioasid where one is asked for" },
};

static const char *const refusals[] = {
	[IOASID_REFUSAL_NO_IOMMU] = "no IOMMU translates the device's DMA",
	[IOASID_REFUSAL_BUS] = "its bus does not keep kernel drivers away from an owned device",
	[IOASID_REFUSAL_NOT_COHERENT] = "its DMA is not coherent with the processor's caches",
	[IOASID_REFUSAL_DIRECT_MAPPED] = "firmware demands memory that stays mapped for its group",
	[IOASID_REFUSAL_MSI] = "a device of its group could send any interrupt to the host",
	[IOASID_REFUSAL_ALREADY_BOUND] = "it is bound through a device file already",
	[IOASID_REFUSAL_OWNED] = "its group is owned by another",
};

static const char *call_name(unsigned long request)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		if (calls[i].request == request)
			return calls[i].name;
	}

	return "an unknown ioctl";
}

const char *client_errno_name(int err)
{
	static char number[16];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		if (errors[i].err == err)
			return errors[i].name;
	}

	snprintf(number, sizeof(number), "errno %d", err);
	return number;
}

static const char *errno_meaning(int err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		if (errors[i].err == err)
			return errors[i].meaning;
	}

	return strerror(err);
}

static void format_owner(const struct ioasid_device_owner *owner, char *text, size_t size)
{
	switch (owner->out_owner) {
	case IOASID_OWNER_NONE:
		snprintf(text, size, "nobody");
		break;
	case IOASID_OWNER_KERNEL:
		snprintf(text, size, "the kernel: %s on %s", (const char *)owner->out_driver,
			 (const char *)owner->out_device);
		break;
	case IOASID_OWNER_CONTEXT:
		snprintf(text, size, "user space: pid %u (%s)%s", owner->out_pid,
			 (const char *)owner->out_command,
			 owner->out_owner_flags & IOASID_OWNER_CLOSED ? ", context closed" : "");
		break;
	case IOASID_OWNER_OTHER:
		snprintf(text, size, "another framework: %s on %s", (const char *)owner->out_driver,
			 (const char *)owner->out_device);
		break;
	case IOASID_OWNER_NO_IOMMU:
		snprintf(text, size, "nobody can: no IOMMU");
		break;
	default:
		snprintf(text, size, "a kind of owner (%u) unknown to this program",
			 owner->out_owner);
		break;
	}
}

int client_owner_text(int device_fd, char *text, size_t size)
{
	struct ioasid_device_owner owner = { .size = sizeof(owner) };

	if (ioctl(device_fd, IOASID_DEVICE_GET_OWNER, &owner))
		return -errno;

	format_owner(&owner, text, size);
	return 0;
}

static void explain_map(int err, const struct ioasid_map *map)
{
	switch (err) {
	case EDQUOT:
		fprintf(stderr, "  charged now %llu bytes, wanted %llu more, the limit is %llu\n",
			(unsigned long long)map->out_locked_bytes,
			(unsigned long long)map->out_wanted_bytes,
			(unsigned long long)map->out_locked_limit_bytes);
		break;
	case EEXIST:
	case EADDRNOTAVAIL:
		fprintf(stderr, "  %s: 0x%llx..0x%llx\n",
			err == EEXIST ? "in the way" : "nearest usable range",
			(unsigned long long)map->out_range.start,
			(unsigned long long)map->out_range.last);
		break;
	}
}

static void explain_refusal(const struct ioasid_device_bind *bind)
{
	if (bind->out_refusal < ARRAY_SIZE(refusals) && refusals[bind->out_refusal])
		fprintf(stderr, "  refused because %s\n", refusals[bind->out_refusal]);
}

static void explain_owner(const struct client *client)
{
	char text[256];

	if (!client_owner_text(client->device_fd, text, sizeof(text)))
		fprintf(stderr, "  the group of %s is owned by %s\n", client->device, text);
}

int client_call(const struct client *client, int fd, unsigned long request, void *arg)
{
	int err;

	if (ioctl(fd, request, arg) >= 0)
		return 0;

	err = errno;
	fprintf(stderr, "%s", call_name(request));
	if (fd == client->device_fd)
		fprintf(stderr, " on %s", client->device);
	fprintf(stderr, ": %s\n  %s\n", client_errno_name(err), errno_meaning(err));

	if (request == IOASID_MAP)
		explain_map(err, arg);
	if (request == IOASID_DEVICE_BIND)
		explain_refusal(arg);
	if (err == EBUSY)
		explain_owner(client);
	return -err;
}

// SPDX-License-Identifier: GPL-2.0-only
/* VFIO as somebody else who owns groups: see vfio.h. */
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include "sysfs.h"
#include "test.h"
#include "vfio.h"

int vfio_claim(const char *device, int *container, int *group)
{
	char path[100];

	snprintf(path, sizeof(path), "/dev/vfio/%d", pci_group(device));
	*container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	test_require(*container >= 0, "/dev/vfio/vfio: %m");
	*group = open(path, O_RDWR | O_CLOEXEC);
	test_require(*group >= 0, "%s: %m", path);
	return ioctl(*group, VFIO_GROUP_SET_CONTAINER, container) ? -errno : 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/* The two modules as a whole: see module.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "files.h"
#include "module.h"

const struct module_capability module_capabilities[] = {
	{ IOASID_CAP_RID, "rid", "address spaces for devices", "a bug: every kernel can do that" },
	{ IOASID_CAP_REFUSALS, "refusals", "refused drivers are reported",
	  "needs kprobes and the parameter hook=1" },
	{ IOASID_CAP_DEFERRED_FLUSH, "deferred-flush", "deferred invalidation",
	  "a bug: every kernel can do that" },
	{ IOASID_CAP_MAP_FILE, "map-file", "memory of files without an address",
	  "needs Linux 6.12 or newer" },
	{ IOASID_CAP_PASID, "pasid", "address spaces for PASIDs", "needs Linux 6.12 or newer" },
	{ IOASID_CAP_REPLACE_RID, "replace-rid", "replacing a device's address space without a gap",
	  "needs Linux 6.12 or newer" },
	{ IOASID_CAP_REPLACE_PASID, "replace-pasid", "the same for a PASID",
	  "needs Linux 7.2 or newer" },
	{ 0 },
};

bool module_is_loaded(const char *name)
{
	return file_exists(path_of("/sys/module/%s", name));
}

void module_require_core(void)
{
	if (!module_is_loaded("ioasidfd"))
		fail(FAILURE_NO_MODULE, ENODEV,
		     "`modprobe ioasidfd_stub` loads both modules; `dkms status` says whether they are built for this kernel",
		     "the module ioasidfd is not loaded");
}

void module_require_stub(const struct device *dev)
{
	if (!file_exists(path_of("/sys/bus/%s/drivers/%s", dev->bus, device_stub(dev))))
		fail(FAILURE_NO_MODULE, ENODEV,
		     "`modprobe ioasidfd_stub` loads both modules; `dkms status` says whether they are built for this kernel",
		     "the module ioasidfd_stub is not loaded");
}

const char *module_parameter(const char *name)
{
	static char value[100];

	file_line(path_of("/sys/module/ioasidfd/parameters/%s", name), value, sizeof(value));
	return value;
}

static int call(const char *path, unsigned long request, void *argument)
{
	int fd, rc = 0;

	if (!sysroot_is_this_machine())
		return -EOPNOTSUPP;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, request, argument))
		rc = -errno;
	close(fd);
	return rc;
}

int module_info(struct ioasid_info *info)
{
	*info = (struct ioasid_info){ .size = sizeof(*info) };
	return call(path_of("/dev/ioasid"), IOASID_GET_INFO, info);
}

int module_device_info(const struct device *dev, struct ioasid_device_info *info)
{
	*info = (struct ioasid_device_info){ .size = sizeof(*info) };
	return call(device_node(dev), IOASID_DEVICE_GET_INFO, info);
}

/*
 * No file says it outright. On x86 the IOMMU isolates interrupts by remapping them, and then the
 * interrupts of the I/O APIC, of which there are always some, go by another name.
 */
int interrupts_are_isolated(void)
{
	FILE *file = file_open(path_of("/proc/interrupts"));
	bool remapped = false, plain = false;
	char line[4096];

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		remapped |= !!strstr(line, " IR-IO-APIC") || !!strstr(line, " IR-PCI-MSI");
		plain |= !!strstr(line, " IO-APIC");
	}
	fclose(file);
	return remapped ? 1 : plain ? 0 : -1;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Physical memory: see physical.h. */
#include "physical.h"
#include "sysfs.h"
#include "test.h"

#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_PFN ((1ull << 55) - 1)

uint64_t physical_of(const void *page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	test_require(fd >= 0 && pread(fd, &entry, 8, (uintptr_t)page / PAGE * 8) == 8,
		     "pagemap: %m");
	close(fd);
	test_require(entry & PAGEMAP_PRESENT && entry & PAGEMAP_PFN, "pagemap: %#llx",
		     (unsigned long long)entry);
	return (entry & PAGEMAP_PFN) * PAGE;
}

uint64_t physical_kernel(uint64_t *length)
{
	FILE *f = fopen("/proc/iomem", "re");
	unsigned long long start = 0, last = 0;
	char line[200];

	test_require(f, "iomem: %m");
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "Kernel code") && sscanf(line, " %llx-%llx", &start, &last) == 2)
			break;
	fclose(f);
	test_require(start && last > start, "iomem does not say where the kernel is");
	*length = last - start + 1;
	return start;
}

bool group_set_default(const char *device, const char *type)
{
	char path[100], now[20] = "";

	pci_unbind(device);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/type", pci_group(device));
	if (file_write(path, type))
		return false;
	file_read(path, now, sizeof(now));
	return !strcmp(type, "auto") || !strcmp(type, now);
}

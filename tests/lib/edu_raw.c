// SPDX-License-Identifier: GPL-2.0-only
/* An edu without a driver: see edu_raw.h. */
#include <limits.h>

#include "edu_raw.h"
#include "sysfs.h"
#include "test.h"

#define COMMAND 4
#define COMMAND_MEMORY 2
#define COMMAND_MASTER 4

static void set_command(const char *name, uint16_t command)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	test_require(fd >= 0 && pwrite(fd, &command, 2, COMMAND) == 2, "%s: %m", path);
	close(fd);
}

void edu_raw_open(struct edu *edu, const char *name)
{
	char path[PATH_MAX];
	void *bar;
	int fd;

	*edu = (struct edu){ .name = name, .fd = -1 };
	set_command(name, pci_config16(name, COMMAND) | COMMAND_MEMORY | COMMAND_MASTER);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	test_require(fd >= 0, "%s: %m", path);
	edu->bar_length = pci_bar_length(name, 0);
	bar = mmap(NULL, edu->bar_length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	test_require(bar != MAP_FAILED, "%s: %m", path);
	close(fd);
	edu->bar = bar;
}

void edu_raw_close(struct edu *edu)
{
	munmap((void *)edu->bar, edu->bar_length);
	edu->bar = NULL;
	if (pci_present(edu->name))
		set_command(edu->name, pci_config16(edu->name, COMMAND) & ~COMMAND_MASTER);
}

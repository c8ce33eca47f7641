// SPDX-License-Identifier: GPL-2.0-only
/* Devices as sysfs shows them: see sysfs.h. */
#include <libgen.h>
#include <limits.h>

#include "sysfs.h"
#include "test.h"

int file_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	text[0] = '\0';
	if (fd < 0)
		return -errno;
	got = read(fd, text, size - 1);
	close(fd);
	if (got < 0)
		return -errno;
	text[got] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done;
	int rc;

	if (fd < 0)
		return -errno;
	done = write(fd, text, strlen(text));
	rc = done < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static bool is_pci(const char *device)
{
	return strchr(device, ':');
}

static const char *bus_of(const char *device)
{
	return is_pci(device) ? "pci" : "platform";
}

const char *stub_driver(const char *device)
{
	return is_pci(device) ? STUB_DRIVER : PLATFORM_STUB_DRIVER;
}

static const char *device_file(const char *device, const char *file)
{
	static char path[4][PATH_MAX];
	static unsigned int turn;
	char *to = path[turn++ % 4];

	snprintf(to, PATH_MAX, "/sys/bus/%s/devices/%s/%s", bus_of(device), device, file);
	return to;
}

/* Last part of where a symbolic link points. */
static const char *link_name(const char *device, const char *file)
{
	static char name[4][PATH_MAX];
	static unsigned int turn;
	char *to = name[turn++ % 4];
	ssize_t length = readlink(device_file(device, file), to, PATH_MAX - 1);

	to[length < 0 ? 0 : length] = '\0';
	return length < 0 ? to : basename(to);
}

bool pci_present(const char *device)
{
	return !access(device_file(device, ""), F_OK);
}

const char *pci_driver(const char *device)
{
	return link_name(device, "driver");
}

bool pci_driven_by(const char *device, const char *driver)
{
	return !strcmp(pci_driver(device), driver);
}

bool pci_will_be_driven_by(const char *device, const char *driver)
{
	int tries;

	for (tries = 0; !pci_driven_by(device, driver) && tries < 1000; tries++)
		usleep(10000);
	return tries < 1000;
}

int pci_group(const char *device)
{
	const char *name = link_name(device, "iommu_group");

	return *name ? atoi(name) : -1;
}

uint16_t pci_config16(const char *device, int offset)
{
	int fd = open(device_file(device, "config"), O_RDONLY | O_CLOEXEC);
	uint16_t value = 0;

	test_require(fd >= 0 && pread(fd, &value, 2, offset) == 2, "%s: config space: %m", device);
	close(fd);
	return value;
}

bool pci_bus_master(const char *device)
{
	return pci_config16(device, 4) & 4;
}

/* Let a driver that matches have it. */
static void probe(const char *device)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/%s/drivers_probe", bus_of(device));
	file_write(path, device);
}

bool pci_give(const char *device, const char *driver)
{
	int rc;

	test_require(pci_present(device), "%s is not there", device);
	if (pci_driven_by(device, driver))
		return true;
	rc = file_write(device_file(device, "driver_override"), driver);
	test_require(!rc, "%s: driver_override: %s", device, strerror(-rc));
	pci_unbind(device);
	probe(device);
	return pci_driven_by(device, driver);
}

void pci_unbind(const char *device)
{
	if (*pci_driver(device))
		file_write(device_file(device, "driver/unbind"), device);
}

void pci_give_back(const char *device, const char *driver)
{
	pci_unbind(device);
	file_write(device_file(device, "driver_override"), "\n");
	if (*driver)
		probe(device);
}

int pci_bind(const char *device, const char *driver)
{
	char path[PATH_MAX];
	int rc;

	rc = file_write(device_file(device, "driver_override"), driver);
	test_require(!rc, "%s: driver_override: %s", device, strerror(-rc));
	snprintf(path, sizeof(path), "/sys/bus/%s/drivers/%s/bind", bus_of(device), driver);
	rc = file_write(path, device);
	file_write(device_file(device, "driver_override"), "\n");
	return rc;
}

bool kernel_may_have(const char *device)
{
	int rc = pci_bind(device, "nvme");

	test_require(!rc || rc == -EBUSY || rc == -ENODEV, "%s: nvme: %s", device, strerror(-rc));
	pci_unbind(device);
	return rc != -EBUSY;
}

bool pci_late_group(const char *device)
{
	if (pci_group(device) >= 0)
		return false;
	test_require(!pci_bind(device, "pci-stub"), "%s: pci-stub does not bind", device);
	pci_unbind(device);
	test_require(pci_group(device) >= 0, "%s has no group", device);
	return true;
}

void pci_remove(const char *device)
{
	int rc = file_write(device_file(device, "remove"), "1");

	test_require(!rc, "%s: remove: %s", device, strerror(-rc));
}

void pci_rescan(void)
{
	int rc = file_write("/sys/bus/pci/rescan", "1");

	test_require(!rc, "rescan: %s", strerror(-rc));
}

uint64_t pci_bar_length(const char *device, int bar)
{
	unsigned long long start, last, flags;
	FILE *f = fopen(device_file(device, "resource"), "r");
	uint64_t length = 0;
	int i;

	test_require(f, "%s: resource: %m", device);
	for (i = 0; i <= bar; i++) {
		if (fscanf(f, "%llx %llx %llx", &start, &last, &flags) != 3)
			break;
		length = last ? last - start + 1 : 0;
	}
	fclose(f);
	return length;
}

const char *stub_node(const char *device)
{
	static char path[PATH_MAX];
	int tries;

	if (!pci_give(device, stub_driver(device)))
		test_fail("%s: %s did not bind it (driver now: '%s')", device, stub_driver(device),
			  pci_driver(device));
	snprintf(path, sizeof(path), "/dev/ioasid-dev/%s", device);
	for (tries = 0; access(path, F_OK) && tries < 200; tries++)
		usleep(10000);
	return path;
}

int stub_open(const char *device)
{
	const char *path = stub_node(device);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	test_require(fd >= 0, "open %s: %m", path);
	return fd;
}

int module_load(const char *name)
{
	char command[100];

	snprintf(command, sizeof(command), "modprobe %s >/dev/null 2>&1", name);
	return system(command);
}

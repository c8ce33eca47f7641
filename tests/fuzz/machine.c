// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices and verdicts: see machine.h. Paths are on the stack, because two threads of a program
 * may be here at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kmod/mock.h"
#include "machine.h"
#include "oracle.h"
#include "sysfs.h"

#define CONTROL "/dev/ioasid-mock/control"
#define NR_MOCK 4
#define MOST_MOCK 16
#define PARAMETERS "/sys/module/ioasidfd/parameters/"

static const char *const pci_devices[] = { "0000:00:05.0", "0000:00:06.0", "0000:00:06.1" };
static const char *const mock_devices[NR_MOCK] = { "ioasid-mock.0", "ioasid-mock.1",
						   "ioasid-mock.2", "ioasid-mock.3" };

static const char *device[NR_MOCK + 3];
static unsigned int nr_devices;
static bool have_mock;
static int kernel_log = -1;
static int64_t pins_at_first;
static char unsafe_at_first[8];

static bool is_pci(const char *name)
{
	return strchr(name, ':');
}

static const char *bus_of(const char *name)
{
	return is_pci(name) ? "pci" : "platform";
}

static int write_device(const char *name, const char *file, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/%s", bus_of(name), name, file);
	return file_write(path, text);
}

static int probe(const char *name)
{
	return file_write(is_pci(name) ? "/sys/bus/pci/drivers_probe" :
					 "/sys/bus/platform/drivers_probe",
			  name);
}

static int give_to(const char *name, const char *driver)
{
	int rc = write_device(name, "driver_override", driver);

	write_device(name, "driver/unbind", name);
	return rc ? rc : probe(name);
}

static bool present(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s", bus_of(name), name);
	return !access(path, F_OK);
}

static bool has_node(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/dev/ioasid-dev/%s", name);
	return !access(path, F_OK);
}

void machine_init(void)
{
	unsigned int i;

	have_mock = !access(CONTROL, F_OK);
	for (i = 0; have_mock && i < NR_MOCK; i++)
		device[nr_devices++] = mock_devices[i];
	/* Without an IOMMU one that is refused is enough. */
	for (i = 0; i < (have_mock ? 1 : 3); i++)
		device[nr_devices++] = pci_devices[i];
	kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	lseek(kernel_log, 0, SEEK_END);
	file_read(PARAMETERS "allow_unsafe_interrupts", unsafe_at_first, sizeof(unsafe_at_first));
	machine_restore();
	pins_at_first = pins_now();
}

unsigned int machine_devices(void)
{
	return nr_devices;
}

const char *machine_device(unsigned int which)
{
	return device[which % nr_devices];
}

bool machine_is_mock(unsigned int which, unsigned int *number)
{
	const char *name = machine_device(which);

	if (is_pci(name))
		return false;
	*number = atoi(strchr(name, '.') + 1);
	return true;
}

int machine_mock_control(void)
{
	return have_mock ? open(CONTROL, O_RDWR | O_CLOEXEC) : -1;
}

static int mock_control_call(unsigned long request, unsigned long argument)
{
	int fd = machine_mock_control(), rc;

	if (fd < 0)
		return -ENODEV;
	rc = ioctl(fd, request, argument);
	rc = rc ? -errno : 0;
	close(fd);
	return rc;
}

/* The two of a pair are in one group, if the other one is there. */
static int add_mock(unsigned int number)
{
	struct mock_add_device add = { .pasid_bits = 16, .sibling = MOCK_NO_DEVICE };
	unsigned int other = number < 2 ? number : 5 - number;

	if (other != number && present(mock_devices[other]))
		add.sibling = other;
	return mock_control_call(MOCK_ADD_DEVICE, (unsigned long)&add);
}

int machine_unplug(unsigned int which)
{
	unsigned int number;

	if (machine_is_mock(which, &number))
		return mock_control_call(MOCK_REMOVE_DEVICE, number);
	return write_device(machine_device(which), "remove", "1");
}

int machine_plug(unsigned int which)
{
	const char *name = machine_device(which);
	unsigned int number;
	int rc = 0;

	if (present(name))
		return 0;
	if (machine_is_mock(which, &number))
		rc = add_mock(number);
	else
		rc = file_write("/sys/bus/pci/rescan", "1");
	return rc ? rc : give_to(name, stub_driver(name));
}

int machine_add_sibling(unsigned int which)
{
	struct mock_add_device add = { .pasid_bits = which & 1 ? 16 : 1 };
	unsigned int number;

	if (!machine_is_mock(which, &number))
		return -ENODEV;
	add.sibling = number;
	return mock_control_call(MOCK_ADD_DEVICE, (unsigned long)&add);
}

int machine_give(unsigned int which, unsigned int driver)
{
	const char *name = machine_device(which);

	switch (driver % 3) {
	case 0:
		return give_to(name, stub_driver(name));
	case 1:
		return give_to(name, is_pci(name) ? (driver & 4 ? "vfio-pci" : "pci-stub") :
						    "alarmtimer");
	default:
		return write_device(name, "driver/unbind", name);
	}
}

static void restore_module(void)
{
	int fd;

	if (!access("/sys/module/ioasidfd_stub", F_OK))
		return;
	fd = open("/lib/ioasidfd/ioasidfd_stub.ko", O_RDONLY | O_CLOEXEC);
	syscall(SYS_finit_module, fd, "", 0);
	close(fd);
}

static void restore_device(unsigned int which)
{
	const char *name = machine_device(which);
	unsigned int tries;

	for (tries = 0; !has_node(name) && tries < 100; tries++) {
		if (!present(name))
			machine_plug(which);
		else
			give_to(name, stub_driver(name));
		if (!has_node(name))
			usleep(1000 * tries);
	}
}

void machine_restore(void)
{
	unsigned int i;

	restore_module();
	if (have_mock) {
		mock_control_call(MOCK_CLEAR, MOCK_CLEAR_INJECTIONS);
		mock_control_call(MOCK_SET_OPTIONS, MOCK_OPTION_PINNED);
		for (i = NR_MOCK; i < MOST_MOCK; i++)
			if (mock_control_call(MOCK_REMOVE_DEVICE, i))
				break;
	}
	file_write(PARAMETERS "pasids_per_user", "4096");
	file_write(PARAMETERS "allow_unsafe_interrupts", unsafe_at_first);
	for (i = 0; i < nr_devices; i++)
		restore_device(i);
}

/*
 * Verdicts.
 */
static const char *const splats[] = {
	"WARNING:",    "BUG:",	     "Oops",	   "KASAN",
	"KFENCE",      "KCSAN",	     "UBSAN",	   "INFO: ",
	"possible",    "refcount_t", "corruption", "Bad page",
	"bad page",    "stall",	     "leaked",	   "scheduling while atomic",
	"DMAR: ERROR", NULL,
};

/* Data races that the kernel has without us are not held against a program. */
static bool counts(const char *record)
{
	return !strstr(record, "KCSAN") || strstr(record, "[ioasidfd");
}

static const char *log_verdict(void)
{
	static char record[2048];
	const char *const *splat;
	ssize_t got;

	while ((got = read(kernel_log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		if (got <= 0)
			continue;
		record[got] = '\0';
		for (splat = splats; *splat; splat++)
			if (strstr(record, *splat) && counts(record))
				return record;
	}
	return NULL;
}

static bool mock_holds(const struct mock_stats *stats)
{
	return stats->live_domains || stats->live_leaves || stats->live_pasids ||
	       stats->unmapped_unsynced;
}

static const char *mock_verdict(void)
{
	struct mock_stats stats = { 0 };
	static char text[4096];
	unsigned int tries;
	int fd;

	if (!have_mock)
		return NULL;
	for (tries = 0; tries < 80; tries++) {
		if (mock_control_call(MOCK_GET_STATS, (unsigned long)&stats))
			return "the mock does not answer";
		if (!mock_holds(&stats))
			break;
		usleep(50000);
	}
	if (mock_holds(&stats)) {
		snprintf(text, sizeof(text),
			 "%llu domains, %llu leaves, %llu PASIDs, %llu unsynced",
			 stats.live_domains, stats.live_leaves, stats.live_pasids,
			 stats.unmapped_unsynced);
		return text;
	}
	if (!stats.violation)
		return NULL;
	fd = machine_mock_control();
	memset(text, 0, sizeof(text));
	if (pread(fd, text, sizeof(text) - 1, 0) <= 0 || !strstr(text, "violation:"))
		strcpy(text, "violation: unknown");
	close(fd);
	mock_control_call(MOCK_CLEAR, MOCK_CLEAR_VIOLATIONS);
	return strstr(text, "violation:");
}

static const char *pins_verdict(void)
{
	static char text[100];
	int64_t pins = pins_settled(pins_at_first);

	if (pins == pins_at_first)
		return NULL;
	snprintf(text, sizeof(text), "%lld pages stay pinned", (long long)(pins - pins_at_first));
	return text;
}

static const char *devices_verdict(void)
{
	static char text[100];
	unsigned int i;

	for (i = 0; i < nr_devices; i++) {
		if (has_node(machine_device(i)))
			continue;
		snprintf(text, sizeof(text), "%s is lost", machine_device(i));
		return text;
	}
	return NULL;
}

const char *machine_verdict(bool thorough)
{
	const char *why = mock_verdict();

	if (!why)
		why = log_verdict();
	if (!why)
		why = devices_verdict();
	if (!why && thorough)
		why = pins_verdict();
	return why;
}

void machine_forgive(void)
{
	while (log_verdict())
		;
	pins_at_first = pins_now();
}

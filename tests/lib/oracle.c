// SPDX-License-Identifier: GPL-2.0-only
/* What others than the module say: see oracle.h. */
#include "oracle.h"
#include "sysfs.h"
#include "test.h"

int64_t pins_now(void)
{
	long long acquired = -1, released = -1;
	char line[200];
	FILE *f;

	/* Folds the per-CPU parts of the counters, which otherwise lag by a second. */
	file_write("/proc/sys/vm/stat_refresh", "1");
	f = fopen("/proc/vmstat", "re");
	test_require(f, "/proc/vmstat: %m");
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "nr_foll_pin_acquired %lld", &acquired);
		sscanf(line, "nr_foll_pin_released %lld", &released);
	}
	fclose(f);
	test_require(acquired >= 0 && released >= 0, "/proc/vmstat does not count pinned pages");
	return acquired - released;
}

int64_t pins_settled(int64_t wanted)
{
	int64_t now = pins_now();
	int tries;

	for (tries = 0; now != wanted && tries < 40; tries++) {
		usleep(100000);
		now = pins_now();
	}
	return now;
}

int64_t vm_pinned(pid_t pid)
{
	long long kib = -1;
	char line[200];
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/status", pid);
	f = fopen(line, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPin: %lld kB", &kib) == 1)
			break;
	fclose(f);
	return kib < 0 ? -1 : kib * 1024;
}

unsigned long kernel_taint(void)
{
	char text[40];

	test_require(!file_read("/proc/sys/kernel/tainted", text, sizeof(text)), "tainted: %m");
	return strtoul(text, NULL, 10);
}

static void fdinfo_ioasid(struct fdinfo *info, const char *line)
{
	unsigned long long mappings, bytes, pending, devices;
	unsigned int id, pasid = 0;
	char state[20];

	if (sscanf(line,
		   "ioasid:\t%u mappings=%llu bytes=%llu pending=%llu devices=%llu state=%19s pasid=%u",
		   &id, &mappings, &bytes, &pending, &devices, state, &pasid) < 6)
		return;
	if (info->nr == FDINFO_MAX)
		return;
	test_require(!strcmp(state, "live") || !strcmp(state, "freed"), "fdinfo: %s", line);
	info->ioasid[info->nr].ioasid = id;
	info->ioasid[info->nr].mappings = mappings;
	info->ioasid[info->nr].bytes = bytes;
	info->ioasid[info->nr].pending = pending;
	info->ioasid[info->nr].devices = devices;
	info->ioasid[info->nr].freed = !strcmp(state, "freed");
	info->ioasid[info->nr].pasid = pasid;
	info->nr++;
}

/* The attachments of an IOASID come after it. */
static void fdinfo_attachment(struct fdinfo *info, const char *line)
{
	unsigned int id, group, pasid;
	int at;

	if (sscanf(line, "attachment:\tioasid=%u group=%u", &id, &group) != 2)
		return;
	at = fdinfo_find(info, id);
	if (at < 0)
		return;
	if (sscanf(line, "attachment:\tioasid=%u group=%u pasid=%u", &id, &group, &pasid) == 3)
		info->ioasid[at].pasids++;
	else
		info->ioasid[at].rids++;
}

static void fdinfo_line(struct fdinfo *info, const char *line)
{
	if (sscanf(line, "ioasid-abi:\t%d", &info->abi) == 1)
		return;
	if (sscanf(line, "ioasid-count:\t%d", &info->count) == 1)
		return;
	fdinfo_ioasid(info, line);
	fdinfo_attachment(info, line);
}

struct fdinfo fdinfo_read(int fd)
{
	struct fdinfo info = { .abi = -1, .count = -1 };
	char line[300];
	FILE *f;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	f = fopen(line, "re");
	test_require(f, "%s: %m", line);
	while (fgets(line, sizeof(line), f))
		fdinfo_line(&info, line);
	fclose(f);
	test_require(info.abi >= 0 && info.count >= 0, "fdinfo lacks ioasid-abi or ioasid-count");
	return info;
}

int fdinfo_find(const struct fdinfo *info, uint32_t ioasid)
{
	int i;

	for (i = 0; i < info->nr; i++)
		if (info->ioasid[i].ioasid == ioasid)
			return i;
	return -1;
}

uint64_t fdinfo_pending(int fd, uint32_t ioasid)
{
	struct fdinfo info = fdinfo_read(fd);
	int at = fdinfo_find(&info, ioasid);

	test_require(at >= 0, "fdinfo lacks IOASID %u", ioasid);
	return info.ioasid[at].pending;
}

int kernel_log_open(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	test_require(log >= 0 && lseek(log, 0, SEEK_END) >= 0, "/dev/kmsg: %m");
	return log;
}

bool kernel_log_has(int log, const char *text)
{
	char line[8192];
	ssize_t got;

	for (;;) {
		got = read(log, line, sizeof(line) - 1);
		/* It was overwritten before we came: what is left is still worth reading. */
		if (got < 0 && errno == EPIPE)
			continue;
		if (got < 0)
			break;
		line[got] = '\0';
		if (strstr(line, text))
			return true;
	}
	test_require(errno == EAGAIN, "/dev/kmsg: %m");
	return false;
}

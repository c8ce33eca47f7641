// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two processors that map and unmap in two address spaces at the same time, against one, see
 * bench.h.
 *
 * Instructions cannot show this, so it is a matter of time on a host that has other things to do.
 * Hence the control: the same number of processes that share nothing and only call getppid(),
 * measured in turn with the others. What it falls short of two is the host's part. What the locks
 * have to do with it is counted: the kernel's tracepoint for contended locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ioasidfd.h>

#include "bench.h"

#define WORKERS 2
#define ROUNDS 9
#define PAIRS 4000
#define CONTROL_CALLS 60000
#define ENOUGH 1.7
#define BASE (4ul << 30)
#define TRACING "/sys/kernel/tracing"

static const char *const devices[WORKERS] = { DEVICE, "0000:00:06.0" };

/**
 * struct space - an address space with a device of its own
 * @context: file
 * @device: file
 * @ioasid: number
 */
struct space {
	int context;
	int device;
	uint32_t ioasid;
};

/**
 * struct meeting - where workers wait for each other
 * @ready: how many have come
 * @begin: of each, its time
 * @end: of each
 */
struct meeting {
	atomic_uint ready;
	uint64_t begin[WORKERS];
	uint64_t end[WORKERS];
};

static int result(int rc)
{
	return rc < 0 ? -errno : 0;
}

static void space_open(struct space *space, int context, const char *device)
{
	struct ioasid_device_bind bind = { .size = sizeof(bind), .context_fd = context };
	struct ioasid_device_allow allow = { .size = sizeof(allow) };
	struct ioasid_alloc alloc = { .size = sizeof(alloc) };
	char path[64];

	snprintf(path, sizeof(path), "/dev/ioasid-dev/%s", device);
	space->context = context;
	space->device = open(path, O_RDWR | O_CLOEXEC);
	if (space->device < 0)
		die("no %s", path);
	must(result(ioctl(space->device, IOASID_DEVICE_BIND, &bind)));
	must(result(ioctl(context, IOASID_ALLOC, &alloc)));
	space->ioasid = allow.ioasid = alloc.out_ioasid;
	must(result(ioctl(space->device, IOASID_DEVICE_ALLOW, &allow)));
}

static void pairs(const struct space *space)
{
	struct ioasid_map map = {
		.size = sizeof(map),
		.flags = IOASID_MAP_READ | IOASID_MAP_WRITE | IOASID_MAP_FIXED_IOVA,
		.ioasid = space->ioasid,
		.user_va = (uintptr_t)memory_scattered(PAGE),
		.length = PAGE,
		.iova = BASE,
	};
	struct ioasid_unmap unmap = {
		.size = sizeof(unmap),
		.ioasid = space->ioasid,
		.iova = BASE,
		.length = PAGE,
	};
	unsigned int i;

	for (i = 0; i < PAIRS; i++) {
		must(result(ioctl(space->context, IOASID_MAP, &map)));
		must(result(ioctl(space->context, IOASID_UNMAP, &unmap)));
	}
}

static void control(void)
{
	unsigned int i;

	for (i = 0; i < CONTROL_CALLS; i++)
		syscall(SYS_getppid);
}

/* @space: NULL for the control. */
static void work(struct meeting *meeting, unsigned int self, unsigned int workers,
		 const struct space *space)
{
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(self, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		die("no processor %u", self);
	atomic_fetch_add(&meeting->ready, 1);
	while (atomic_load(&meeting->ready) < workers)
		;
	meeting->begin[self] = now();
	if (space)
		pairs(space);
	else
		control();
	meeting->end[self] = now();
}

static uint64_t duration(unsigned int workers, const struct space *spaces)
{
	struct meeting *meeting =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t begin, end;
	unsigned int i;
	int status;

	if (meeting == MAP_FAILED)
		die("no memory");
	for (i = 0; i < workers; i++) {
		if (fork())
			continue;
		work(meeting, i, workers, spaces ? &spaces[i] : NULL);
		_exit(0);
	}
	while (wait(&status) > 0)
		if (status)
			die("a worker failed");
	begin = meeting->begin[0];
	end = meeting->end[0];
	for (i = 1; i < workers; i++) {
		begin = meeting->begin[i] < begin ? meeting->begin[i] : begin;
		end = meeting->end[i] > end ? meeting->end[i] : end;
	}
	munmap(meeting, PAGE);
	return end - begin;
}

/* How much faster two do twice the work than one after the other would. */
static double speedup(const struct space *spaces)
{
	double alone = duration(1, spaces);

	return WORKERS * alone / duration(WORKERS, spaces);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *value)
{
	qsort(value, ROUNDS, sizeof(*value), compare);
	return value[ROUNDS / 2];
}

/* Events of the tracepoint so far, on all processors, also those that found no room. */
static unsigned long contentions(void)
{
	unsigned long sum = 0, value;
	char path[80], line[80];
	unsigned int i;
	FILE *f;

	for (i = 0; i < WORKERS; i++) {
		snprintf(path, sizeof(path), TRACING "/per_cpu/cpu%u/stats", i);
		f = fopen(path, "r");
		if (!f)
			die("no %s", path);
		while (fgets(line, sizeof(line), f))
			if (sscanf(line, "entries: %lu", &value) == 1 ||
			    sscanf(line, "overrun: %lu", &value) == 1)
				sum += value;
		fclose(f);
	}
	return sum;
}

static void measure(const char *what, const struct space *spaces)
{
	double ours[ROUNDS], others[ROUNDS], relative[ROUNDS];
	unsigned long contended = 0, before;
	char name[64];
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		others[i] = speedup(NULL);
		before = contentions();
		ours[i] = speedup(spaces);
		contended += contentions() - before;
		relative[i] = WORKERS * ours[i] / others[i];
	}
	/* A host that has no two processors to spare says nothing. */
	if (median(others) >= ENOUGH) {
		snprintf(name, sizeof(name), "two-%s", what);
		report_value("scaling", &backend_ioasidfd, name, median(relative));
	}
	snprintf(name, sizeof(name), "two-%s-as-seen", what);
	report_value("scaling", &backend_ioasidfd, name, median(ours));
	snprintf(name, sizeof(name), "two-%s-control", what);
	report_value("scaling", &backend_ioasidfd, name, median(others));
	/* One worker and two, each PAIRS. */
	snprintf(name, sizeof(name), "two-%s-per-1000", what);
	report_value("contended", &backend_ioasidfd, name,
		     1000.0 * contended / (ROUNDS * (1.0 + WORKERS) * PAIRS));
}

static int open_context(void)
{
	int context = open("/dev/ioasid", O_RDWR | O_CLOEXEC);

	if (context < 0)
		die("no /dev/ioasid");
	return context;
}

void run_scaling(void)
{
	struct space spaces[WORKERS];
	unsigned int i;
	int context;

	mount("tracefs", TRACING, "tracefs", 0, NULL);
	stub_load(devices, WORKERS);

	for (i = 0; i < WORKERS; i++)
		space_open(&spaces[i], open_context(), devices[i]);
	measure("contexts", spaces);
	for (i = 0; i < WORKERS; i++) {
		close(spaces[i].device);
		close(spaces[i].context);
	}

	context = open_context();
	for (i = 0; i < WORKERS; i++)
		space_open(&spaces[i], context, devices[i]);
	measure("ioasids", spaces);
	for (i = 0; i < WORKERS; i++)
		close(spaces[i].device);
	close(context);

	stub_unload(devices, WORKERS);
}

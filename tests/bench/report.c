// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics, the lines that the host reads, and markers for the emulator, see bench.h.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

/* A register that means nothing to the device; the emulator's trace shows every write. */
#define MARKER_FILE "/sys/bus/pci/devices/0000:00:06.1/config"
#define MARKER_OFFSET 0x3c

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "bench: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

void series_add(struct series *series, uint64_t value)
{
	if (series->nr < SERIES_MAX)
		series->value[series->nr++] = value;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void report(const struct backend *backend, const char *workload, const struct series *series,
	    double per)
{
	struct series sorted = *series;

	qsort(sorted.value, sorted.nr, sizeof(*sorted.value), compare);
	printf("cost\t%s\t%s\t%.1f\t%.1f\n", workload, backend->name, sorted.value[0] / per,
	       sorted.value[sorted.nr / 2] / per);
	fflush(stdout);
}

void report_value(const char *kind, const struct backend *backend, const char *workload,
		  double value)
{
	printf("%s\t%s\t%s\t%.2f\n", kind, workload, backend->name, value);
	fflush(stdout);
}

void report_missing(const struct backend *backend, const char *workload)
{
	printf("cost\t%s\t%s\t-\t-\n", workload, backend->name);
	fflush(stdout);
}

static void mark(unsigned char number)
{
	int fd = open(MARKER_FILE, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || pwrite(fd, &number, 1, MARKER_OFFSET) != 1)
		die("cannot mark the trace");
	close(fd);
}

void count_begin(const struct backend *backend, const char *workload, unsigned int operations)
{
	/* Firmware and kernel write small numbers there at boot. */
	static unsigned char number = 0x80;

	printf("mark\t%s\t%s\t%d\t%u\n", workload, backend->name, ++number, operations);
	fflush(stdout);
	mark(number);
}

void count_end(void)
{
	mark(0);
}

/* The tracer knows these functions by name. */
void __attribute__((noinline)) trace_begin(void)
{
	asm volatile("");
}

void __attribute__((noinline)) trace_end(void)
{
	asm volatile("" : : : "memory");
}

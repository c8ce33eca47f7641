// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns /dev/kmsg: one record per read, "priority,number,time,flags;text" and then details of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "kernel_log.h"

/* What the drivers of VT-d, AMD-Vi and virtio-iommu write. */
static const char *const marks[] = { "fault addr", "IO_PAGE_FAULT", "page fault from EP" };

int kernel_log_watch(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log < 0)
		return -errno;
	lseek(log, 0, SEEK_END);
	return log;
}

static int is_fault(const char *text)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(marks); i++) {
		if (strstr(text, marks[i]))
			return 1;
	}

	return 0;
}

/* Reads records until one is about a fault; 0 when there are no more for now. */
static int next_fault(int log, char *text, size_t size)
{
	char record[1024], *start;
	ssize_t length;

	while (1) {
		length = read(log, record, sizeof(record) - 1);
		/* The oldest records were overwritten before we came to them. */
		if (length < 0 && errno == EPIPE)
			continue;
		if (length <= 0)
			return 0;

		record[length] = 0;
		start = strchr(record, ';');
		if (!start || !is_fault(start))
			continue;
		start[strcspn(start, "\n")] = 0;
		snprintf(text, size, "%s", start + 1);
		return 1;
	}
}

int kernel_log_fault(int log, char *text, size_t size, unsigned int timeout_ms)
{
	struct pollfd wait = { .fd = log, .events = POLLIN };

	while (!next_fault(log, text, size)) {
		if (poll(&wait, 1, (int)timeout_ms) <= 0)
			return 0;
	}

	return 1;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a command fails: one place that knows every kind of failure, its word in JSON and its exit
 * status (both are in the manual page, and do not change), and how a failure is told. Every failure
 * names an errno and what to do about it. Knows nothing of devices.
 */
#ifndef IOASIDCTL_FAILURE_H
#define IOASIDCTL_FAILURE_H

enum status {
	STATUS_OK = 0,
	STATUS_ERROR = 1,
	STATUS_USAGE = 2,
	STATUS_NO_MODULE = 3,
	STATUS_NO_PERMISSION = 4,
	STATUS_NO_DEVICE = 5,
	STATUS_IMPOSSIBLE = 6,
	STATUS_IN_USE = 7,
	STATUS_PROTECTED = 8,
};

enum failure {
	FAILURE_SYSTEM,
	FAILURE_USAGE,
	FAILURE_NO_MODULE,
	FAILURE_NO_PERMISSION,
	FAILURE_NO_DEVICE,
	FAILURE_NO_CONTEXT,
	FAILURE_NO_IOMMU,
	FAILURE_RESERVED_REGION,
	FAILURE_NOT_SUPPORTED,
	FAILURE_PROCESS,
	FAILURE_GROUP_SHARED,
	FAILURE_OWNED,
	FAILURE_MOUNTED,
	FAILURE_DEFAULT_ROUTE,
	FAILURE_CONSOLE,
	FAILURE_DRIVER,
};

/* Ends the program. @error is an errno; @remedy is one sentence, as remedy() makes it. */
void __attribute__((noreturn, format(printf, 4, 5)))
fail(enum failure kind, int error, const char *remedy, const char *format, ...);

/* A remedy with names in it; static storage. */
const char *remedy(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For a file that could not be read or written: says permission when it was that. */
void __attribute__((noreturn)) fail_file(const char *path, int error);

/* No memory, which nothing here can go on without. */
void *checked(void *memory);

#endif

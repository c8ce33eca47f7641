/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioasidctl, run as a person or a program runs it: what it prints, how it ends. A directory that
 * looks like another machine's /sys, /proc and /dev, for what no emulated machine has.
 */
#ifndef IOASID_TEST_CTL_H
#define IOASID_TEST_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "json.h"

#define CTL "/bin/ioasidctl"

/* As in the manual page. */
enum ctl_status {
	CTL_OK = 0,
	CTL_ERROR = 1,
	CTL_USAGE = 2,
	CTL_NO_MODULE = 3,
	CTL_NO_PERMISSION = 4,
	CTL_NO_DEVICE = 5,
	CTL_IMPOSSIBLE = 6,
	CTL_IN_USE = 7,
	CTL_PROTECTED = 8,
};

/**
 * struct ctl - one run
 * @status: exit status
 * @out: standard output
 * @err: standard error
 */
struct ctl {
	int status;
	char out[128 * 1024];
	char err[4096];
};

/* Runs it with these arguments, a text of words; the answer is in static storage. */
const struct ctl *ctl_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with --json, and it ended so; the output is what its schema says. */
const struct json *ctl_json(int status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * It fails with this status, kind and errno, and its message holds @text; a person is told the
 * same, on standard error, with something to do.
 */
void ctl_fails(int status, const char *kind, int error, const char *text, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Lines between newlines, "PATH TYPE". */
const char *ctl_schema(const char *command);

/* An empty directory for --sysroot; then files in it, with the directories above them. */
const char *fake_machine(void);
void fake_file(const char *path, const char *text);
void fake_bytes(const char *path, const void *bytes, size_t size);
void fake_link(const char *path, const char *target);

/* A PCI device of a group there, with its driver if that is not empty. */
void fake_pci(const char *name, unsigned int class, int group, const char *driver);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/* How a command fails: see failure.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "json.h"
#include "output.h"

static const struct {
	const char *word;
	enum status status;
} kinds[] = {
	[FAILURE_SYSTEM] = { "system", STATUS_ERROR },
	[FAILURE_USAGE] = { "usage", STATUS_USAGE },
	[FAILURE_NO_MODULE] = { "module-not-loaded", STATUS_NO_MODULE },
	[FAILURE_NO_PERMISSION] = { "no-permission", STATUS_NO_PERMISSION },
	[FAILURE_NO_DEVICE] = { "no-such-device", STATUS_NO_DEVICE },
	[FAILURE_NO_CONTEXT] = { "no-such-context", STATUS_NO_DEVICE },
	[FAILURE_NO_IOMMU] = { "no-iommu", STATUS_IMPOSSIBLE },
	[FAILURE_RESERVED_REGION] = { "reserved-region", STATUS_IMPOSSIBLE },
	[FAILURE_NOT_SUPPORTED] = { "not-supported", STATUS_IMPOSSIBLE },
	[FAILURE_PROCESS] = { "used-by-process", STATUS_IN_USE },
	[FAILURE_GROUP_SHARED] = { "group-shared", STATUS_IN_USE },
	[FAILURE_OWNED] = { "owned", STATUS_IN_USE },
	[FAILURE_MOUNTED] = { "mounted", STATUS_PROTECTED },
	[FAILURE_DEFAULT_ROUTE] = { "default-route", STATUS_PROTECTED },
	[FAILURE_CONSOLE] = { "console", STATUS_PROTECTED },
	[FAILURE_DRIVER] = { "driver-refused", STATUS_ERROR },
};

static const char *errno_name(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : "EUNKNOWN";
}

static void tell_json(enum failure kind, int error, const char *advice, const char *message)
{
	json_restart();
	json_object("error");
	json_string("kind", kinds[kind].word);
	json_string("errno", errno_name(error));
	json_number("number", error);
	json_string("message", message);
	json_string("remedy", advice);
	json_end();
	json_finish();
}

static void tell_person(int error, const char *advice, const char *message)
{
	fflush(stdout);
	fprintf(stderr, "ioasidctl: %s (%s: %s)\n", printable(message), errno_name(error),
		strerror(error));
	fprintf(stderr, "  what to do: %s\n", printable(advice));
}

void fail(enum failure kind, int error, const char *advice, const char *format, ...)
{
	char message[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (output_json)
		tell_json(kind, error, advice, message);
	else
		tell_person(error, advice, message);
	exit(kinds[kind].status);
}

const char *remedy(const char *format, ...)
{
	static char text[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return text;
}

void fail_file(const char *path, int error)
{
	if (error == EACCES || error == EPERM)
		fail(FAILURE_NO_PERMISSION, error, "run it as root", "%s: no permission", path);
	fail(FAILURE_SYSTEM, error, "look at the kernel's log (dmesg)", "%s", path);
}

void *checked(void *memory)
{
	if (!memory)
		fail(FAILURE_SYSTEM, ENOMEM, "free some memory", "no memory");
	return memory;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Failing: through libcheck in a test program, with a message and exit status 1 in any other. */
#include <stdarg.h>

#include "test.h"

bool *test_finished;
void (*test_fail_hook)(const char *file, int line, const char *message);

void test_fail_at(const char *file, int line, const char *format, ...)
{
	char message[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (test_fail_hook)
		test_fail_hook(file, line, message);
	fprintf(stderr, "%s:%d: %s\n", file, line, message);
	exit(1);
}

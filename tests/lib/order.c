// SPDX-License-Identifier: GPL-2.0-only
/* The order of calls in the kernel: see order.h. */
#include "order.h"
#include "sysfs.h"
#include "test.h"

#define TRACEFS "/sys/kernel/tracing/"
#define GROUP "ioasid_order"

static const char *const *watched;

static void trace_write(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC);

	test_require(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %m",
		     file);
	close(fd);
}

void order_watch(const char *const *functions)
{
	char line[200];

	watched = functions;
	/* A test that failed may have left its own. */
	file_write(TRACEFS "events/" GROUP "/enable", "0");
	test_require(!file_write(TRACEFS "trace", "\n"), TRACEFS "trace: %m");
	for (; *functions; functions++) {
		snprintf(line, sizeof(line), "p:" GROUP "/%s %s\n", *functions, *functions);
		trace_write(TRACEFS "kprobe_events", line);
	}
	trace_write(TRACEFS "events/" GROUP "/enable", "1");
}

/* Which of the watched functions does a line of the trace speak of? */
static const char *function_in(const char *line)
{
	const char *const *function;
	char word[200];

	for (function = watched; *function; function++) {
		snprintf(word, sizeof(word), " %s: ", *function);
		if (strstr(line, word))
			return *function;
	}
	return NULL;
}

const char *order_seen(void)
{
	static char seen[1000];
	const char *function, *last = NULL;
	char line[500];
	FILE *f;

	trace_write(TRACEFS "events/" GROUP "/enable", "0");
	f = fopen(TRACEFS "trace", "re");
	test_require(f, TRACEFS "trace: %m");
	seen[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		function = *line == '#' ? NULL : function_in(line);
		if (!function || function == last)
			continue;
		snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s%s", last ? " " : "",
			 function);
		last = function;
	}
	fclose(f);
	for (; *watched; watched++) {
		snprintf(line, sizeof(line), "-:" GROUP "/%s\n", *watched);
		trace_write(TRACEFS "kprobe_events", line);
	}
	return seen;
}

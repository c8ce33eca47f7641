// SPDX-License-Identifier: GPL-2.0-only
/* Files of /sys, /proc and /dev: see files.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "files.h"

static const char *sysroot = "";

void sysroot_set(const char *directory)
{
	sysroot = directory;
}

bool sysroot_is_this_machine(void)
{
	return !*sysroot;
}

const char *path_of(const char *format, ...)
{
	static char paths[8][PATH_MAX];
	static unsigned int turn;
	char *path = paths[turn++ % ARRAY_SIZE(paths)];
	int length = snprintf(path, PATH_MAX, "%s", sysroot);
	va_list args;

	va_start(args, format);
	if (length < PATH_MAX)
		vsnprintf(path + length, PATH_MAX - length, format, args);
	va_end(args);
	return path;
}

int file_line(const char *path, char *line, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	line[0] = '\0';
	if (fd < 0)
		return -errno;
	got = read(fd, line, size - 1);
	if (got < 0) {
		got = -errno;
		close(fd);
		return got;
	}
	close(fd);
	line[got] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

bool file_exists(const char *path)
{
	return !access(path, F_OK);
}

FILE *file_open(const char *path)
{
	return fopen(path, "re");
}

long long file_number(const char *path, int base)
{
	char line[100], *end;
	long long value;

	if (file_line(path, line, sizeof(line)))
		return -1;
	value = strtoll(line, &end, base);
	return end == line ? -1 : value;
}

bool link_name(const char *path, char *name, size_t size)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	name[0] = '\0';
	if (length < 0)
		return false;
	target[length] = '\0';
	snprintf(name, size, "%s", basename(target));
	return true;
}

bool real_path(const char *path, char *real)
{
	return realpath(path, real);
}

bool is_below(const char *real, const char *directory)
{
	size_t length = strlen(directory);

	return !strncmp(real, directory, length) && (!real[length] || real[length] == '/');
}

static int no_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

void each_entry(const char *path, void (*visit)(const char *name, void *data), void *data)
{
	struct dirent **entries;
	int nr = scandir(path, &entries, no_dots, versionsort), i;

	if (nr < 0)
		return;
	for (i = 0; i < nr; i++) {
		visit(entries[i]->d_name, data);
		free(entries[i]);
	}
	free(entries);
}

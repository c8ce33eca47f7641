// SPDX-License-Identifier: GPL-2.0-only
/* The contexts that processes have open: see contexts.h. */
#include <limits.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "contexts.h"
#include "files.h"

#define CONTEXT_FILE "/dev/ioasid"

static bool fd_is(int pid, const char *fd, const char *path)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path_of("/proc/%d/fd/%s", pid, fd), target, sizeof(target) - 1);

	if (length < 0)
		return false;
	target[length] = '\0';
	return !strcmp(target, path);
}

static void read_use(struct context *context, const char *line)
{
	struct use use = { 0 };
	char how[40];
	unsigned int ioasid;

	if (!context->ioas.nr || sscanf(line, "attachment:\tioasid=%u group=%d %39s devices=%u",
					&ioasid, &use.group, how, &use.devices) != 4)
		return;
	sscanf(how, "pasid=%" SCNu32, &use.pasid);
	*array_add(&context->ioas.at[context->ioas.nr - 1].use) = use;
}

static void read_ioas(struct context *context, const char *line)
{
	struct ioas ioas = { 0 };
	char state[20] = "";
	const char *pasid;

	if (sscanf(line,
		   "ioasid:\t%" SCNu32 " mappings=%" SCNu64 " bytes=%" SCNu64 " pending=%" SCNu64
		   " devices=%*u state=%19s",
		   &ioas.ioasid, &ioas.mappings, &ioas.bytes, &ioas.pending, state) != 5)
		return;
	ioas.freed = !strcmp(state, "freed");
	pasid = strstr(line, " pasid=");
	if (pasid)
		ioas.pasid = strtoul(pasid + strlen(" pasid="), NULL, 10);
	*array_add(&context->ioas) = ioas;
}

static void read_fdinfo(struct context *context)
{
	FILE *file = file_open(path_of("/proc/%d/fdinfo/%d", context->pid, context->fd));
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return;
	while (getline(&line, &size, file) > 0) {
		read_ioas(context, line);
		read_use(context, line);
	}
	free(line);
	fclose(file);
}

static uint64_t pinned_bytes(int pid)
{
	FILE *file = file_open(path_of("/proc/%d/status", pid));
	unsigned long long kib = 0;
	char line[200];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmPin: %llu kB", &kib) == 1)
			break;
	fclose(file);
	return kib * 1024;
}

static bool is_same(const struct context *context, int pid, int fd)
{
	return sysroot_is_this_machine() &&
	       !syscall(SYS_kcmp, context->pid, pid, KCMP_FILE, context->fd, fd);
}

/**
 * struct scan - of the files of processes
 * @pid: whose
 * @contexts: found so far
 */
struct scan {
	int pid;
	struct contexts contexts;
};

static void scan_fd(const char *name, void *data)
{
	struct scan *scan = data;
	struct context *context;
	unsigned int i;

	if (!fd_is(scan->pid, name, CONTEXT_FILE))
		return;
	for (i = 0; i < scan->contexts.nr; i++)
		if (is_same(&scan->contexts.at[i], scan->pid, atoi(name)))
			return;
	context = array_add(&scan->contexts);
	context->pid = scan->pid;
	context->fd = atoi(name);
	file_line(path_of("/proc/%d/comm", scan->pid), context->command, sizeof(context->command));
	context->pinned = pinned_bytes(scan->pid);
	read_fdinfo(context);
}

static void scan_process(const char *name, void *data)
{
	struct scan *scan = data;

	scan->pid = atoi(name);
	if (scan->pid > 0 && scan->pid != getpid())
		each_entry(path_of("/proc/%d/fd", scan->pid), scan_fd, scan);
}

struct contexts contexts_load(void)
{
	struct scan scan = { 0 };

	each_entry(path_of("/proc"), scan_process, &scan);
	return scan.contexts;
}

struct contexts contexts_of(int pid)
{
	struct scan scan = { .pid = pid };

	each_entry(path_of("/proc/%d/fd", pid), scan_fd, &scan);
	return scan.contexts;
}

uint64_t context_bytes(const struct context *context)
{
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < context->ioas.nr; i++)
		bytes += context->ioas.at[i].bytes;
	return bytes;
}

uint64_t context_mappings(const struct context *context)
{
	uint64_t mappings = 0;
	unsigned int i;

	for (i = 0; i < context->ioas.nr; i++)
		mappings += context->ioas.at[i].mappings;
	return mappings;
}

/**
 * struct search - for the process that has a file open
 * @path: of the file
 * @pid: being looked at
 * @found: the first that has it
 */
struct search {
	const char *path;
	int pid;
	int found;
};

static void search_fd(const char *name, void *data)
{
	struct search *search = data;

	if (!search->found && fd_is(search->pid, name, search->path))
		search->found = search->pid;
}

static void search_process(const char *name, void *data)
{
	struct search *search = data;

	search->pid = atoi(name);
	if (search->pid > 0 && search->pid != getpid() && !search->found)
		each_entry(path_of("/proc/%d/fd", search->pid), search_fd, search);
}

bool process_with_file(const char *path, int *pid, char *command, size_t size)
{
	struct search search = { .path = path };

	each_entry(path_of("/proc"), search_process, &search);
	*pid = search.found;
	if (search.found)
		file_line(path_of("/proc/%d/comm", search.found), command, size);
	return search.found;
}

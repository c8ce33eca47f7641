// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidctl map-dump: the mappings of a context that another process has. It asks through a
 * duplicate of that process's file, which only who may trace the process can have; while the
 * command runs, the context lives as long as the duplicate.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/ioasidfd.h>

#include "command.h"
#include "contexts.h"
#include "files.h"
#include "json.h"
#include "module.h"
#include "output.h"

static int take_file(const struct context *context)
{
	int pidfd = syscall(SYS_pidfd_open, context->pid, 0), fd, error;

	fd = pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, context->fd, 0);
	error = errno;
	if (pidfd >= 0)
		close(pidfd);
	if (fd < 0 && (error == EPERM || error == EACCES))
		fail(FAILURE_NO_PERMISSION, error, "run it as root",
		     "no permission to look at file %d of process %d", context->fd, context->pid);
	if (fd < 0)
		fail(FAILURE_NO_CONTEXT, error,
		     "`ioasidctl tree` shows the contexts that there are",
		     "file %d of process %d is gone", context->fd, context->pid);
	return fd;
}

static bool next_mapping(int fd, uint32_t ioasid, uint64_t from, struct ioasid_query *query)
{
	*query = (struct ioasid_query){
		.size = sizeof(*query),
		.flags = IOASID_QUERY_NEXT,
		.ioasid = ioasid,
		.iova = from,
	};
	return !ioctl(fd, IOASID_QUERY, query);
}

static void show_mapping(const struct ioasid_query *query)
{
	uint64_t length = query->out_range.last - query->out_range.start + 1;
	bool readable = query->out_map_flags & IOASID_MAP_READ;
	bool writable = query->out_map_flags & IOASID_MAP_WRITE;

	if (output_json) {
		json_object(NULL);
		json_number("iova", query->out_range.start);
		json_number("last", query->out_range.last);
		json_number("length", length);
		json_number("user_va", query->out_user_va);
		json_bool("read", readable);
		json_bool("write", writable);
		json_end();
		return;
	}
	table_cell(PLAIN, "%#" PRIx64, (uint64_t)query->out_range.start);
	table_cell(PLAIN, "%#" PRIx64, (uint64_t)query->out_range.last);
	table_cell(PLAIN, "%s", bytes_text(length));
	table_cell(PLAIN, "%#" PRIx64, (uint64_t)query->out_user_va);
	table_cell(PLAIN, "%c%c", readable ? 'r' : '-', writable ? 'w' : '-');
}

static void dump_mappings(int fd, uint32_t ioasid)
{
	struct ioasid_query query;
	uint64_t from = 0;

	while (next_mapping(fd, ioasid, from, &query)) {
		show_mapping(&query);
		from = query.out_range.last + 1;
		if (!from)
			break;
	}
}

static void json_ioas(int fd, const struct ioas *ioas)
{
	json_object(NULL);
	json_number("ioasid", ioas->ioasid);
	json_bool("freed", ioas->freed);
	json_array("mappings");
	dump_mappings(fd, ioas->ioasid);
	json_end();
	json_end();
}

static void show_ioas(int fd, const struct ioas *ioas)
{
	static const char *const heading[] = { "IOVA", "LAST", "LENGTH", "USER ADDRESS", "" };
	unsigned int i;

	printf("IOASID %" PRIu32 "%s\n", ioas->ioasid, ioas->freed ? " (freed)" : "");
	table_start("rrrrl");
	for (i = 0; i < ARRAY_SIZE(heading); i++)
		table_cell(DIM, "%s", *heading[i] ? heading[i] : "RW");
	dump_mappings(fd, ioas->ioasid);
	table_print();
}

static void require_ioasid(const struct context *context, uint32_t ioasid)
{
	unsigned int i;

	for (i = 0; i < context->ioas.nr; i++)
		if (context->ioas.at[i].ioasid == ioasid)
			return;
	fail(FAILURE_NO_CONTEXT, ENOENT, "`ioasidctl tree` shows the IOASIDs that there are",
	     "the context has no IOASID %" PRIu32, ioasid);
}

static void dump_context(const struct context *context, uint32_t ioasid)
{
	int fd = take_file(context);
	unsigned int i;

	if (ioasid)
		require_ioasid(context, ioasid);
	if (output_json) {
		json_object(NULL);
		json_number("pid", context->pid);
		json_number("fd", context->fd);
		json_string("command", context->command);
		json_array("ioasids");
	} else {
		printf("context of pid %d (%s), fd %d\n", context->pid, printable(context->command),
		       context->fd);
	}
	for (i = 0; i < context->ioas.nr; i++) {
		if (ioasid && context->ioas.at[i].ioasid != ioasid)
			continue;
		if (output_json)
			json_ioas(fd, &context->ioas.at[i]);
		else
			show_ioas(fd, &context->ioas.at[i]);
	}
	if (output_json) {
		json_end();
		json_end();
	}
	close(fd);
}

/* "PID" or "PID:FD"; without FD all contexts of the process. */
static void parse(const char *text, int *pid, int *fd)
{
	int length = 0;

	*fd = -1;
	if ((sscanf(text, "%d%n:%d%n", pid, &length, fd, &length) >= 1) && !text[length] &&
	    *pid > 0)
		return;
	fail(FAILURE_USAGE, EINVAL, "`ioasidctl tree` shows pid and fd of each context",
	     "not a PID or PID:FD: %s", text);
}

static void require_process(int pid)
{
	if (!file_exists(path_of("/proc/%d", pid)))
		fail(FAILURE_NO_CONTEXT, ESRCH, "`ioasidctl tree` shows who has contexts",
		     "no such process: %d", pid);
	if (access(path_of("/proc/%d/fd", pid), R_OK))
		fail_file(path_of("/proc/%d/fd", pid), errno);
}

int command_map_dump(const struct request *request)
{
	struct contexts contexts;
	bool found = false;
	unsigned int i;
	int pid, fd;

	parse(request->args[0], &pid, &fd);
	module_require_core();
	require_process(pid);
	contexts = contexts_of(pid);
	if (output_json)
		json_array("contexts");
	for (i = 0; i < contexts.nr; i++) {
		if (fd >= 0 && contexts.at[i].fd != fd)
			continue;
		found = true;
		dump_context(&contexts.at[i], request->ioasid);
	}
	if (!found)
		fail(FAILURE_NO_CONTEXT, ENOENT, "`ioasidctl tree` shows who has contexts",
		     "process %d has no context%s", pid, fd >= 0 ? " under this number" : "");
	if (output_json) {
		json_end();
		json_finish();
	}
	return STATUS_OK;
}

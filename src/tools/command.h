/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands: each is one file, gathers facts, and shows them in words or as JSON, whose members
 * are described in the manual page. A command ends with the program's exit status.
 */
#ifndef IOASIDCTL_COMMAND_H
#define IOASIDCTL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct request - the command line
 * @args: what is not an option, ended by NULL
 * @nr: how many
 * @force: --force
 * @count: --count, 0 without
 * @interval_ms: --interval
 * @ioasid: --ioasid, 0 without
 */
struct request {
	char **args;
	int nr;
	bool force;
	unsigned int count;
	unsigned int interval_ms;
	uint32_t ioasid;
};

int command_status(const struct request *request);
int command_list(const struct request *request);
int command_tree(const struct request *request);
int command_bind(const struct request *request);
int command_unbind(const struct request *request);
int command_watch(const struct request *request);
int command_explain(const struct request *request);
int command_map_dump(const struct request *request);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contexts that processes have open, from /proc: which files are /dev/ioasid, and what their
 * fdinfo says. Only root sees those of everybody. A context that several processes have (after
 * fork(), or sent through a socket) is listed once, for the process with the lowest number.
 */
#ifndef IOASIDCTL_CONTEXTS_H
#define IOASIDCTL_CONTEXTS_H

#include <stdbool.h>
#include <stdint.h>

#include "array.h"

/**
 * struct use - an address space as a group's devices use it
 * @group: which
 * @pasid: under which PASID, 0 for their RIDs
 * @devices: how many devices of the group
 */
struct use {
	int group;
	uint32_t pasid;
	unsigned int devices;
};

/**
 * struct ioas - an I/O address space
 * @ioasid: its number
 * @pasid: reserved for it, 0 if none is
 * @mappings: how many
 * @bytes: mapped
 * @pending: bytes that are unmapped and not flushed
 * @freed: it was freed, and a device still holds it
 * @use: by whom
 */
struct ioas {
	uint32_t ioasid;
	uint32_t pasid;
	uint64_t mappings;
	uint64_t bytes;
	uint64_t pending;
	bool freed;
	ARRAY(struct use) use;
};

/**
 * struct context - an open /dev/ioasid
 * @pid: a process that has it
 * @fd: under which number
 * @command: the process's name
 * @pinned: bytes pinned by the process, for all it does with any context
 * @ioas: its address spaces
 */
struct context {
	int pid;
	int fd;
	char command[32];
	uint64_t pinned;
	ARRAY(struct ioas) ioas;
};

struct contexts {
	ARRAY(struct context);
};

struct contexts contexts_load(void);

/* Those of one process. */
struct contexts contexts_of(int pid);

uint64_t context_bytes(const struct context *context);
uint64_t context_mappings(const struct context *context);

/*
 * A process other than this one that has one of these files open, by the path it opened: its number
 * and name; false if there is none.
 */
bool process_with_file(const char *path, int *pid, char *command, size_t size);

#endif

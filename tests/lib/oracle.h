/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What others than the module say: the kernel's counters of pinned pages, the process's own, the
 * taint flags, its log. And fdinfo, which is the module's own word, in one piece.
 */
#ifndef IOASID_TEST_ORACLE_H
#define IOASID_TEST_ORACLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* nr_foll_pin_acquired - nr_foll_pin_released. Needs root. */
int64_t pins_now(void);

/* The same; when it is not @wanted, asked again for up to four seconds. */
int64_t pins_settled(int64_t wanted);

/* VmPin of a process, in bytes; -1 if there is no such process. */
int64_t vm_pinned(pid_t pid);

unsigned long kernel_taint(void);

/* The kernel's log from here on, and whether a line of it that was not looked at holds @text. */
int kernel_log_open(void);
bool kernel_log_has(int log, const char *text);

#define FDINFO_MAX 64

/* The lines of fdinfo; @pasid is the IOASID's own, @rids and @pasids are what is attached. */
struct fdinfo {
	int abi;
	int count;
	int nr;
	struct {
		uint32_t ioasid;
		uint64_t mappings;
		uint64_t bytes;
		uint64_t pending;
		uint64_t devices;
		bool freed;
		uint32_t pasid;
		unsigned int rids;
		unsigned int pasids;
	} ioasid[FDINFO_MAX];
};

/* fdinfo of a context that this process has open. */
struct fdinfo fdinfo_read(int fd);

/* What is unmapped and not flushed yet, in bytes. */
uint64_t fdinfo_pending(int fd, uint32_t ioasid);

/* Index in .ioasid, or -1. */
int fdinfo_find(const struct fdinfo *info, uint32_t ioasid);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasid-bench: the guest's part of `make bench`.
 *
 *   ioasid-bench costs [BACKEND]            every workload, in instructions
 *   ioasid-bench counts [BACKEND]           calls between marks, for counting invalidations
 *   ioasid-bench memory [BACKEND]           kernel memory per mapping and per page, in bytes
 *   ioasid-bench scaling                    two processors against one
 *   ioasid-bench trace BACKEND WORKLOAD     one call between marks, for the emulator's tracer
 *
 * Prints tab-separated lines, see report.c.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

static const struct backend *const backends[] = {
	&backend_type1,
	&backend_floor,
	&backend_ioasidfd,
};

#define NR_BACKENDS (sizeof(backends) / sizeof(*backends))

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const char *only = argc > 2 ? argv[2] : NULL;
	unsigned int i;

	if (!strcmp(what, "scaling")) {
		run_scaling();
		return 0;
	}
	for (i = 0; i < NR_BACKENDS; i++) {
		if (only && strcmp(only, backends[i]->name))
			continue;
		if (!strcmp(what, "costs"))
			run_workloads(backends[i]);
		else if (!strcmp(what, "counts"))
			run_counts(backends[i]);
		else if (!strcmp(what, "memory"))
			run_memory(backends[i]);
		else if (!strcmp(what, "trace") && argc == 4)
			run_trace(backends[i], argv[3]);
		else
			die("costs|counts|memory [BACKEND] | scaling | trace BACKEND WORKLOAD");
	}
	return 0;
}

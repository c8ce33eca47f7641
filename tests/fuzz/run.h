/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running programs, each in a process of its own with two threads. Judges nothing (machine.h).
 */
#ifndef FUZZ_RUN_H
#define FUZZ_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "program.h"

/**
 * struct run_progress - what is known of the programs that run, also if the kernel does not survive
 * @calls: made by all programs
 * @at: which call each of the two threads is at
 */
struct run_progress {
	volatile uint64_t calls;
	volatile uint32_t at[2];
};

/*
 * Runs it, and everything it left behind is gone when this returns. False if it had to be killed
 * because it did not end, which blocking calls do, and null in @why; or if it cannot be killed,
 * which is a crash.
 */
bool run_program(const struct program *program, struct run_progress *progress, const char **why);

/* The files of a folder, in order of their names: all are programs. Returns how many. */
unsigned int run_load(const char *folder, struct program *programs, char (*names)[64],
		      unsigned int most);

#endif

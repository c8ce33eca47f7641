/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls that a program can make: all of the ABI, and what happens around it. Knows nothing of
 * how programs are made or judged.
 */
#ifndef FUZZ_OPERATIONS_H
#define FUZZ_OPERATIONS_H

#include "program.h"

/**
 * struct operation - a call
 * @name: in a program's text
 * @result: what it returns
 * @weight: how often it is tried
 * @run: makes it; what it returned, or -1
 * @argument: of @run, in this order
 */
struct operation {
	const char *name;
	enum kind result;
	unsigned int weight;
	int64_t (*run)(const uint64_t *argument);
	struct {
		const char *name;
		enum kind kind;
	} argument[MAX_ARGUMENTS];
};

extern const struct operation operations[];
extern const unsigned int nr_operations;

/* The process that calls this becomes one that programs can be run in. */
void operations_prepare(void);

/* How the calling thread passes structures from here on. */
void operations_mode(enum call_mode mode);

/* Closes every file: their ends are part of a program. */
void operations_end(void);

#endif

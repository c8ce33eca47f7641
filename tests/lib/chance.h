/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chance in a test. The seed is printed when it is first used; IOASIDFD_SEED=N in the environment
 * of `make check` repeats it. Processes that fork afterwards say which of them they are.
 */
#ifndef IOASID_TEST_CHANCE_H
#define IOASID_TEST_CHANCE_H

#include <stdint.h>

uint64_t chance_seed(void);

/* From here on this process has numbers of its own. */
void chance_of(unsigned int process);

/* 0 to @n - 1. */
unsigned int chance(unsigned int n);

/* Sleep for less than so many microseconds; often not at all. */
void chance_delay(unsigned int us);

#endif

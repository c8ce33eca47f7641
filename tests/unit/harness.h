/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs a libcheck suite and prints a line per test, named after its function. */
#ifndef UNIT_HARNESS_H
#define UNIT_HARNESS_H

#include <check.h>
#include <linux/types.h>

#define unit_add(suite, test) unit_add_named(suite, #test, test)

void unit_add_named(Suite *suite, const char *name, const TTest *test);

/* The exit status for main(). */
int unit_run(Suite *suite);

/* IOASIDFD_SEED or, the first time, a fresh seed; printed so that a failure can be replayed. */
u64 unit_seed(void);

#endif

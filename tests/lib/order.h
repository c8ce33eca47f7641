/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The order in which functions of the kernel are called, whoever calls them: seen by the kernel's
 * own probes (tracefs), not by the module.
 */
#ifndef IOASID_TEST_ORDER_H
#define IOASID_TEST_ORDER_H

/* Watch these functions from here on; the list ends with NULL and outlives the watching. */
void order_watch(const char *const *functions);

/*
 * Stop, and say what was called, in order and with a space between: static storage. One that was
 * called several times in a row is named once.
 */
const char *order_seen(void);

#endif

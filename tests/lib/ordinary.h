/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ordinary drivers of the kernel at work: what a device that was given back must be good for.
 * What works fails the test when it does not in good time.
 */
#ifndef IOASID_TEST_ORDINARY_H
#define IOASID_TEST_ORDINARY_H

#include <stdbool.h>

/* Bound to nvme: the disk appears, and blocks all over it are what the image was filled with. */
void ordinary_disk_works(const char *device);

/*
 * Bound to nvme, which probes in the background: wait for the end of that. Taken away before, a
 * controller is let go of in the background as well, on some kernels whoever has it by then. For
 * the runner: fails no test.
 */
bool ordinary_disk_settles(const char *device);

/* Bound to e1000e: the link comes up, a packet goes out, and the answer to it comes in. */
void ordinary_link_works(const char *device);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ordinary drivers of the kernel at work: what a device that was given back must be good for.
 * Everything here fails the test when it does not work in good time.
 */
#ifndef IOASID_TEST_ORDINARY_H
#define IOASID_TEST_ORDINARY_H

/* Bound to nvme: the disk appears, and blocks all over it are what the image was filled with. */
void ordinary_disk_works(const char *device);

/* Bound to e1000e: the link comes up, a packet goes out, and the answer to it comes in. */
void ordinary_link_works(const char *device);

#endif

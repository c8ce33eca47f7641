/* SPDX-License-Identifier: GPL-2.0-only */
/* VFIO as somebody else who owns groups. */
#ifndef IOASID_TEST_VFIO_H
#define IOASID_TEST_VFIO_H

/*
 * Open the VFIO group of a device that vfio-pci drives, and put it into a container, which claims
 * its DMA. 0 or -errno; both files are open in any case.
 */
int vfio_claim(const char *device, int *container, int *group);

#endif

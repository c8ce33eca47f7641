/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reserved regions of an IOMMU group. What firmware demands to stay mapped (RMRR, IVMD, RMR; the
 * kernel calls it "direct") keeps user space away; the others only take some IOVAs.
 */
#ifndef IOASIDCTL_RESERVED_H
#define IOASIDCTL_RESERVED_H

#include <stdbool.h>
#include <stddef.h>

/* The regions of this kind, as text; false and empty if there are none. */
bool reserved_regions(int group, const char *kind, char *text, size_t size);

#define RESERVED_DIRECT "direct"

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Marks: which devices are bound to a front-end of this module.
 *
 * A front-end's driver in a group is in nobody's way, unlike a driver of another framework, and
 * only the mark tells them apart. The mark is kept by the driver core with the device, so there is
 * no table here.
 */
#ifndef IOASIDFD_FRONTEND_H
#define IOASIDFD_FRONTEND_H

#include <linux/device.h>

/* 0 or -ENOMEM. Context: probe() and remove() of the front-end. */
int frontend_mark(struct device *dev);
void frontend_unmark(struct device *dev);

bool frontend_has(struct device *dev);

#endif

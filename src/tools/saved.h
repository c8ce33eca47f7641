/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a device was like before `bind`: its driver and its driver_override. Kept in /run/ioasidctl,
 * so it is gone after a boot, as is the binding.
 */
#ifndef IOASIDCTL_SAVED_H
#define IOASIDCTL_SAVED_H

#include "device.h"

/**
 * struct saved - of one device
 * @known: something was kept; otherwise the rest is empty
 * @driver: empty if it had none
 * @override: empty if it had none
 */
struct saved {
	bool known;
	char driver[64];
	char override[64];
};

/* That it cannot be kept is no reason to stop: the kernel finds the driver that matches. */
void saved_keep(const struct device *dev);
struct saved saved_load(const struct device *dev);
void saved_forget(const struct device *dev);

#endif

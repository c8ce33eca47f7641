/* SPDX-License-Identifier: GPL-2.0-only */
/* How several commands show the same things: devices and owners. */
#ifndef IOASIDCTL_SHOW_H
#define IOASIDCTL_SHOW_H

#include "device.h"
#include "output.h"
#include "owners.h"

/* The members that describe a device, into an object that is open. */
void json_device(const struct device *dev);

/* An object, or null when nothing is known. */
void json_owner(const char *key, const struct owner *owner);

enum colour owner_colour(const struct owner *owner);

/* Says why there are no owners, if there are none. */
void show_owners_hint(const struct owners *owners);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices come and go.
 */
#ifndef MOCK_HOTPLUG_H
#define MOCK_HOTPLUG_H

#include "mock.h"

int hotplug_init(void);

/* Removes all devices. */
void hotplug_exit(void);

int hotplug_add(struct mock_add_device *add);
int hotplug_adopt_pci(struct mock_add_device *add);
int hotplug_remove(unsigned int number);

#endif

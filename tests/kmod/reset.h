/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reset lines of the platform devices. A reset ends the device's DMA.
 */
#ifndef MOCK_RESET_H
#define MOCK_RESET_H

#include <linux/reset-controller.h>

#include "mock_compat.h"

struct mock_device;

/**
 * struct reset_line - how the driver of a device finds its reset
 * @lookup: entry in the reset core's list, which refers to the following
 * @device_name: name of the device
 */
struct reset_line {
#if MOCK_HAS_RESET_LOOKUP
	struct reset_control_lookup lookup;
#endif
	char device_name[32];
};

int reset_init(void);
void reset_exit(void);

/* @name: of the platform device, before a driver can see it. */
void reset_add_line(struct mock_device *mock, const char *name);
void reset_remove_line(struct mock_device *mock);

#endif

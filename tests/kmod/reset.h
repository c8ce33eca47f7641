/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reset lines of the platform devices. A reset ends the device's DMA.
 */
#ifndef MOCK_RESET_H
#define MOCK_RESET_H

#include <linux/property.h>
#include <linux/reset-controller.h>

#include "mock_compat.h"

struct mock_device;

/**
 * struct reset_line - how the driver of a device finds its reset
 * @lookup: entry in the reset core's list, which refers to the following
 * @device_name: name of the device
 * @reference: what a property of the device refers to, where there is no such list
 */
struct reset_line {
#if MOCK_HAS_RESET_LOOKUP
	struct reset_control_lookup lookup;
	char device_name[32];
#else
	struct software_node_ref_args reference;
#endif
};

int reset_init(void);
void reset_exit(void);

/* @name: of the platform device, before a driver can see it. */
void reset_add_line(struct mock_device *mock, const char *name);
void reset_remove_line(struct mock_device *mock);

/* Properties of the platform device that lead to its line; returns how many, at most one. */
unsigned int reset_properties(struct mock_device *mock, struct property_entry *properties);

#endif

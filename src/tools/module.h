/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two modules as a whole: are they there, what do they say of themselves and of a device that
 * is with the stub driver. The only place that makes ioctls of the ABI, apart from map_dump.c.
 */
#ifndef IOASIDCTL_MODULE_H
#define IOASIDCTL_MODULE_H

#include <stdbool.h>

#include <linux/ioasidfd.h>

#include "device.h"

bool module_is_loaded(const char *name);

/* Fails the program when it is not. */
void module_require_core(void);
void module_require_stub(const struct device *dev);

/* A parameter of the core; empty if it is not there. Static storage. */
const char *module_parameter(const char *name);

/* What one can say, NULL when it is at the end. */
struct module_capability {
	__u64 bit;
	const char *name;
	const char *meaning;
	const char *missing;
};
extern const struct module_capability module_capabilities[];

/* 0 or -errno: GET_INFO of a new context; of a device's node. */
int module_info(struct ioasid_info *info);
int module_device_info(const struct device *dev, struct ioasid_device_info *info);

/*
 * Does the kernel keep devices from forging interrupts? 1 and 0 say so, -1 that this cannot be seen
 * from here.
 */
int interrupts_are_isolated(void);

#endif

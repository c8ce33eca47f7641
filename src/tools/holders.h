/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the machine would lose with a device: file systems that are mounted from its disks, and swap
 * on them, also through partitions and device mapper; the default route; the console. And processes
 * that have its files open.
 */
#ifndef IOASIDCTL_HOLDERS_H
#define IOASIDCTL_HOLDERS_H

#include "array.h"
#include "device.h"
#include "failure.h"

/**
 * struct holder - one reason not to take a device away
 * @kind: MOUNTED (also swap), DEFAULT_ROUTE, CONSOLE or PROCESS
 * @text: what it is, as the end of a sentence that starts with the device
 * @remedy: how to end it
 */
struct holder {
	enum failure kind;
	char text[300];
	char remedy[200];
};

struct holders {
	ARRAY(struct holder);
};

struct holders holders_of(const struct device *dev);

#endif

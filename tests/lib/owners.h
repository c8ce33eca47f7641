/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ownership table in /proc/ioasidfd, and that it says what IOASID_DEVICE_GET_OWNER says: the
 * same facts, in words.
 */
#ifndef IOASID_TEST_OWNERS_H
#define IOASID_TEST_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/ioasidfd.h>

#define OWNERS_MAX 64

/**
 * struct owners_member - a device of a group
 * @group: its number
 * @device: name
 * @driver: driver, empty without
 * @manages_dma: the driver does it itself
 */
struct owners_member {
	uint32_t group;
	char device[IOASID_NAME_SIZE];
	char driver[IOASID_NAME_SIZE];
	bool manages_dma;
};

/**
 * struct owners - the table
 * @hook: refusals are seen
 * @requests: of the first line, as are the following
 * @refusals: likewise
 * @cleanups: likewise
 * @missed: likewise
 * @nr_groups: length of @group
 * @group: owners; only what the file says is set
 * @nr_members: length of @member
 * @member: devices
 */
struct owners {
	bool hook;
	unsigned long long requests;
	unsigned long long refusals;
	unsigned long long cleanups;
	unsigned long long missed;
	unsigned int nr_groups;
	struct ioasid_device_owner group[OWNERS_MAX];
	unsigned int nr_members;
	struct owners_member member[2 * OWNERS_MAX];
};

/* The table now, in static storage. A line that is not understood fails the test. */
const struct owners *owners_read(void);

/* NULL if there is no such group or device. */
const struct ioasid_device_owner *owners_group(const struct owners *owners, uint32_t group);
const struct owners_member *owners_member(const struct owners *owners, const char *device);

/*
 * What GET_OWNER says through @fd; the table must say the same of that group. Nothing may change
 * meanwhile.
 */
struct ioasid_device_owner owner_agreed(int fd);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/ioasidfd: the ownership table, for root.
 *
 * Every IOMMU group that a device of an enforcing bus is in, its devices, their drivers, and the
 * owner: the facts of IOASID_DEVICE_GET_OWNER for all groups at once. Owns the file and its format;
 * collects from bus.h and group.h. It is in procfs because lockdown closes debugfs.
 *
 * Format: lines of "key=value" pairs after a first word. Lines that start with "group" begin a
 * group; lines that belong to it are indented by one space. Blanks, line ends and backslashes in
 * names are written in octal, as in /proc/mounts. New keys and new first words may be added.
 */
#ifndef IOASIDFD_OWNERS_FILE_H
#define IOASIDFD_OWNERS_FILE_H

int owners_file_init(void);
void owners_file_exit(void);

#endif

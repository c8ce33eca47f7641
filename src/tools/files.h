/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of /sys, /proc and /dev, below --sysroot if that was given. Everything that reads or writes
 * the machine's state goes through here, except ioctls and kernel sockets, which cannot be in a
 * directory: sysroot_is_this_machine() says whether they mean anything.
 */
#ifndef IOASIDCTL_FILES_H
#define IOASIDCTL_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

void sysroot_set(const char *directory);
bool sysroot_is_this_machine(void);

/* A path below the sysroot. Static storage, one of eight in turn. */
const char *path_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What follows takes paths that path_of() made. 0 or -errno. */
int file_line(const char *path, char *line, size_t size);
int file_write(const char *path, const char *text);
bool file_exists(const char *path);

/* The file, or NULL with errno. */
FILE *file_open(const char *path);

/* First line of a file as a number; -1 if there is none. */
long long file_number(const char *path, int base);

/* Last part of where a symbolic link points; false and empty if there is none. */
bool link_name(const char *path, char *name, size_t size);

/* Where it really is; false if it is not there. @real has PATH_MAX bytes. */
bool real_path(const char *path, char *real);

/* Is @real the directory @directory, or below it? Both are from real_path(). */
bool is_below(const char *real, const char *directory);

/* For every entry of a directory, in the order of their names; nothing if it is not there. */
void each_entry(const char *path, void (*visit)(const char *name, void *data), void *data);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands in for the kernel's header of this name; the C library needs the next one. */
#ifndef UNIT_SHIM_TYPES_H
#define UNIT_SHIM_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

typedef __u32 u32;
typedef __u64 u64;

#endif

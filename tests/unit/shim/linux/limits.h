/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands in for the kernel's header of this name; the C library needs the next one. */
#ifndef UNIT_SHIM_LIMITS_H
#define UNIT_SHIM_LIMITS_H

#include_next <linux/limits.h>

#define U64_MAX 0xffffffffffffffffULL

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands in for the kernel's header of this name. */
#ifndef UNIT_SHIM_STRING_H
#define UNIT_SHIM_STRING_H

#include <string.h>

#endif

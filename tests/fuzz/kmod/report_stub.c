// SPDX-License-Identifier: GPL-2.0-only
/* The stub's blocks, see cover.h. */
#include "cover.h"

COVER_REPORT(COVER_STUB)

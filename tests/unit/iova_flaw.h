/* SPDX-License-Identifier: GPL-2.0-only */
/* Says whether a map keeps the promises of iova_map.h, by looking at every node. */
#ifndef UNIT_IOVA_FLAW_H
#define UNIT_IOVA_FLAW_H

#include "iova_map.h"

/* NULL if there is none. */
const char *iova_map_flaw(const struct iova_map *map);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Arrays that grow. An element that is added is zeroed; adding may move the others. */
#ifndef IOASIDCTL_ARRAY_H
#define IOASIDCTL_ARRAY_H

#include <stdlib.h>
#include <string.h>

#include "failure.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define ARRAY(type)                \
	struct {                   \
		unsigned int nr;   \
		unsigned int room; \
		type *at;          \
	}

static inline void *array_grown(void *at, unsigned int nr, unsigned int *room, size_t size)
{
	if (nr == *room) {
		*room = *room ? 2 * *room : 16;
		at = checked(reallocarray(at, *room, size));
	}
	memset((char *)at + nr * size, 0, size);
	return at;
}

/* The new element. */
#define array_add(array)                                                                      \
	((array)->at =                                                                        \
		 array_grown((array)->at, (array)->nr, &(array)->room, sizeof(*(array)->at)), \
	 &(array)->at[(array)->nr++])

#endif

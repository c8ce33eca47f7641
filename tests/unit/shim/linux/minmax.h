/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands in for the kernel's header of this name and, like it, refuses operands of two types. */
#ifndef UNIT_SHIM_MINMAX_H
#define UNIT_SHIM_MINMAX_H

#define UNIT_SAME_TYPE(a, b) \
	_Static_assert(__builtin_types_compatible_p(__typeof__(a), __typeof__(b)), "mixed types")

#define min(a, b)                                  \
	({                                         \
		__typeof__((a) + 0) unit_a = (a);  \
		__typeof__((b) + 0) unit_b = (b);  \
		UNIT_SAME_TYPE(unit_a, unit_b);    \
		unit_a < unit_b ? unit_a : unit_b; \
	})

#define max(a, b)                                  \
	({                                         \
		__typeof__((a) + 0) unit_a = (a);  \
		__typeof__((b) + 0) unit_b = (b);  \
		UNIT_SAME_TYPE(unit_a, unit_b);    \
		unit_a > unit_b ? unit_a : unit_b; \
	})

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names for the moments at which another task changes what a call has looked up, so that a test can
 * make one of them last. Nothing here is in the modules that are shipped; what a name does in the
 * test build is in tests/kmod/faults. A point is where sleeping is allowed, but for a busy one.
 */
#ifndef IOASIDFD_DELAY_POINT_H
#define IOASIDFD_DELAY_POINT_H

#ifndef delay_point
#define delay_point(name) \
	do {              \
	} while (0)
#endif

#ifndef busy_point
#define busy_point(name) \
	do {             \
	} while (0)
#endif

#endif

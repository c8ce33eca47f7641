/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The platform stub driver: makes a platform device available to user space.
 *
 * Owns what is particular to platform devices: memory resources and reset lines. It is bound
 * through driver_override only.
 */
#ifndef IOASIDFD_STUB_PLATFORM_H
#define IOASIDFD_STUB_PLATFORM_H

int platform_stub_init(void);
void platform_stub_exit(void);

#endif

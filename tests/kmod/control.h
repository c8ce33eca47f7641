/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/ioasid-mock/control.
 */
#ifndef MOCK_CONTROL_H
#define MOCK_CONTROL_H

int control_init(void);
void control_exit(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices that programs use, and what must hold of the machine after each. Knows no program.
 */
#ifndef FUZZ_MACHINE_H
#define FUZZ_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the devices of this machine: those of the mock, and edu ones. */
void machine_init(void);

unsigned int machine_devices(void);
const char *machine_device(unsigned int which); /* of any number */
bool machine_is_mock(unsigned int which, unsigned int *number);

/* Away from the machine, and back, with the stub driver. 0 or -errno. */
int machine_unplug(unsigned int which);
int machine_plug(unsigned int which);

/* Another mock device, in the group of @which. Goes with machine_restore(). */
int machine_add_sibling(unsigned int which);

/* To the stub (0), to another driver (1), to nobody (2). */
int machine_give(unsigned int which, unsigned int driver);

int machine_mock_control(void); /* file, or -1 */

/* Every device there and with the stub driver. */
void machine_restore(void);

/*
 * What the kernel holds against the programs up to now, in words, or NULL. @thorough also looks at
 * what takes longer.
 */
const char *machine_verdict(bool thorough);

/* From here on what was said already does not count. */
void machine_forgive(void);

#endif

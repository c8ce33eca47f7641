/* SPDX-License-Identifier: GPL-2.0-only */
/* Touching registers that may be taken away meanwhile. */
#ifndef IOASID_TEST_TOUCH_H
#define IOASID_TEST_TOUCH_H

#include <stdbool.h>
#include <stdint.h>

/* Read and write; false if that raised SIGBUS. In any thread. */
bool touch_read(const volatile uint32_t *registers, uint32_t *value);
bool touch_write64(volatile uint32_t *registers, unsigned int offset, uint64_t value);

#endif

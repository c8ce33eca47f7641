/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors that a test ordered.
 */
#ifndef MOCK_INJECT_H
#define MOCK_INJECT_H

#include "mock.h"

int inject_set(const struct mock_inject *inject);
void inject_clear(void);

/*
 * Called once by each call that can be made to fail: 0 or the negative errno to fail with. Sleeps
 * if that was ordered and @may_sleep. @leaves, if not NULL, is set when the result is not 0.
 */
int inject(enum mock_call call, bool may_sleep, unsigned int *leaves);

#endif

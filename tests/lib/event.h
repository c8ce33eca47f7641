/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the events of a context that was opened with context_open_nonblock(). */
#ifndef IOASID_TEST_EVENT_H
#define IOASID_TEST_EVENT_H

#include <stdbool.h>

#include <linux/ioasidfd.h>

int context_open_nonblock(void);

/* Is there one, at the latest so many milliseconds from now? */
bool event_ready(int context, int milliseconds);

/* The next one; the test fails if it does not come in good time. */
struct ioasid_event event_next(int context);

/* It must be this one. */
void event_expect(int context, unsigned int type, const char *device, const char *driver);

/* None, not even one that was on its way. */
void event_expect_none(int context);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/* Reading events: see event.h. */
#include <poll.h>

#include "call.h"
#include "event.h"
#include "test.h"

#define PATIENCE_MS 10000
#define ON_ITS_WAY_MS 150

int context_open_nonblock(void)
{
	int ctx = context_open();

	test_require(!fcntl(ctx, F_SETFL, O_NONBLOCK), "O_NONBLOCK: %m");
	return ctx;
}

bool event_ready(int context, int milliseconds)
{
	struct pollfd p = { .fd = context, .events = POLLIN };

	test_require(poll(&p, 1, milliseconds) >= 0, "poll: %m");
	return p.revents & POLLIN;
}

struct ioasid_event event_next(int context)
{
	struct ioasid_event event;
	ssize_t got;

	test_require(event_ready(context, PATIENCE_MS), "no event");
	memset(&event, 0x5a, sizeof(event));
	got = read(context, &event, sizeof(event));
	test_require(got == sizeof(event), "read of an event: %zd, %m", got);
	test_require(event.size == sizeof(event), "an event of %u bytes", event.size);
	test_require(event.time_ns, "an event without a time");
	return event;
}

void event_expect(int context, unsigned int type, const char *device, const char *driver)
{
	struct ioasid_event event = event_next(context);

	if (event.type != type || event.count != 1 || strcmp((char *)event.device, device) ||
	    strcmp((char *)event.driver, driver))
		test_fail("expected event %u of '%s' and '%s', got %u of '%s' and '%s', count %u",
			  type, device, driver, event.type, event.device, event.driver,
			  event.count);
}

void event_expect_none(int context)
{
	struct ioasid_event event;

	if (!event_ready(context, ON_ITS_WAY_MS))
		return;
	event = event_next(context);
	test_fail("unexpected event %u of '%s' and '%s'", event.type, event.device, event.driver);
}

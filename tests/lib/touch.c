// SPDX-License-Identifier: GPL-2.0-only
/* Touching registers that may be taken away: see touch.h. */
#include <setjmp.h>

#include "test.h"
#include "touch.h"

static __thread sigjmp_buf escape;

static void on_bus_error(int sig __attribute__((unused)))
{
	siglongjmp(escape, 1);
}

static void catch_bus_error(void)
{
	const struct sigaction action = { .sa_handler = on_bus_error };

	test_require(!sigaction(SIGBUS, &action, NULL), "sigaction: %m");
}

bool touch_read(const volatile uint32_t *registers, uint32_t *value)
{
	catch_bus_error();
	if (sigsetjmp(escape, 1))
		return false;
	*value = *registers;
	return true;
}

bool touch_write64(volatile uint32_t *registers, unsigned int offset, uint64_t value)
{
	catch_bus_error();
	if (sigsetjmp(escape, 1))
		return false;
	*(volatile uint64_t *)((volatile char *)registers + offset) = value;
	return true;
}

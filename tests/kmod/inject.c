// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors that a test ordered, see inject.h.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "inject.h"
#include "journal.h"

static DEFINE_SPINLOCK(inject_lock);
static struct mock_inject orders[MOCK_NUM_INJECTABLE];

int inject_set(const struct mock_inject *order)
{
	unsigned long flags;

	if (order->call >= MOCK_NUM_INJECTABLE || order->error > MAX_ERRNO)
		return -EINVAL;
	spin_lock_irqsave(&inject_lock, flags);
	orders[order->call] = *order;
	if (!order->count)
		orders[order->call].count = 1;
	spin_unlock_irqrestore(&inject_lock, flags);
	return 0;
}

void inject_clear(void)
{
	unsigned long flags;

	spin_lock_irqsave(&inject_lock, flags);
	memset(orders, 0, sizeof(orders));
	spin_unlock_irqrestore(&inject_lock, flags);
}

/* Is it this call's turn? If so, @found is what was ordered. */
static bool take_turn(enum mock_call call, struct mock_inject *found)
{
	struct mock_inject *order = &orders[call];
	unsigned long flags;
	bool turn = false;

	spin_lock_irqsave(&inject_lock, flags);
	if (order->nth > 1) {
		order->nth--;
	} else if (order->nth == 1) {
		turn = true;
		*found = *order;
		if (--order->count == 0)
			order->nth = 0;
	}
	spin_unlock_irqrestore(&inject_lock, flags);
	return turn;
}

int inject(enum mock_call call, bool may_sleep, unsigned int *leaves)
{
	struct mock_inject order;

	if (!READ_ONCE(orders[call].nth) || !take_turn(call, &order))
		return 0;
	count(injected);
	if (may_sleep && order.delay_ms)
		msleep(order.delay_ms);
	if (leaves)
		*leaves = order.leaves;
	return -(int)order.error;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset lines, see reset.h.
 */
#include <linux/string.h>

#include "device.h"
#include "iommu.h"
#include "job.h"
#include "reset.h"

#if MOCK_HAS_RESET_LOOKUP
static int reset_device(struct reset_controller_dev *controller, unsigned long number)
{
	struct mock_device *mock = mock_by_number(number);

	if (!mock)
		return -ENODEV;
	job_halt_all(mock, MOCK_JOB_RESET);
	WRITE_ONCE(mock->nr_resets, mock->nr_resets + 1);
	mock_put(mock);
	return 0;
}

static const struct reset_control_ops reset_ops = {
	.reset = reset_device,
};

static struct reset_controller_dev controller = {
	.ops = &reset_ops,
	.nr_resets = ~0U,
};

/*
 * Without an owner, for the reason that the IOMMU has none: a driver that holds a reset would pin
 * us.
 */
int reset_init(void)
{
	controller.dev = mock_iommu_device();
	return reset_controller_register(&controller);
}

void reset_exit(void)
{
	reset_controller_unregister(&controller);
}

void reset_add_line(struct mock_device *mock, const char *name)
{
	struct reset_line *line = &mock->reset_line;

	strscpy(line->device_name, name, sizeof(line->device_name));
	line->lookup.provider = dev_name(mock_iommu_device());
	line->lookup.index = mock->mmu.number;
	line->lookup.dev_id = line->device_name;
	reset_controller_add_lookup(&line->lookup, 1);
}

/*
 * The kernel has no call for this, and its lock is out of reach. A driver that looks for a reset
 * in the very moment could stumble; tests do not bind drivers to other platform devices while
 * they remove one.
 */
void reset_remove_line(struct mock_device *mock)
{
	if (mock->reset_line.lookup.dev_id)
		list_del(&mock->reset_line.lookup.list);
}
#else
int reset_init(void)
{
	return 0;
}

void reset_exit(void)
{
}

void reset_add_line(struct mock_device *mock, const char *name)
{
}

void reset_remove_line(struct mock_device *mock)
{
}
#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset lines, see reset.h.
 */
#include <linux/string.h>

#include "device.h"
#include "iommu.h"
#include "job.h"
#include "reset.h"

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

/*
 * Without an owner, for the reason that the IOMMU has none: a driver that holds a reset would pin
 * us.
 */
static struct reset_controller_dev controller = {
	.ops = &reset_ops,
	.nr_resets = ~0U,
};

#if MOCK_HAS_RESET_LOOKUP
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
	/* A kernel that knows no resets does not look at it. */
	INIT_LIST_HEAD(&line->lookup.list);
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

unsigned int reset_properties(struct mock_device *mock, struct property_entry *properties)
{
	return 0;
}
#else
static const struct property_entry node_properties[] = { PROPERTY_ENTRY_U32("#reset-cells", 1),
							 {} };

static const struct software_node node = {
	.name = "ioasid-mock-reset",
	.properties = node_properties,
};

int reset_init(void)
{
	int rc = software_node_register(&node);

	if (rc)
		return rc;
	controller.dev = mock_iommu_device();
	controller.fwnode = software_node_fwnode(&node);
	rc = reset_controller_register(&controller);
	if (rc)
		software_node_unregister(&node);
	return rc;
}

void reset_exit(void)
{
	reset_controller_unregister(&controller);
	software_node_unregister(&node);
}

void reset_add_line(struct mock_device *mock, const char *name)
{
	mock->reset_line.reference = SOFTWARE_NODE_REFERENCE(&node, mock->mmu.number);
}

void reset_remove_line(struct mock_device *mock)
{
}

unsigned int reset_properties(struct mock_device *mock, struct property_entry *properties)
{
	properties[0] = PROPERTY_ENTRY_REF_ARRAY_LEN("resets", &mock->reset_line.reference, 1);
	return 1;
}
#endif

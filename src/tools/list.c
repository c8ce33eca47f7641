// SPDX-License-Identifier: GPL-2.0-only
/* ioasidctl list: devices, their drivers and owners, one line each. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "output.h"
#include "show.h"

static void show_json(const struct devices *devices, const struct owners *owners)
{
	unsigned int i;

	json_array("devices");
	for (i = 0; i < devices->nr; i++) {
		json_object(NULL);
		json_device(&devices->at[i]);
		json_owner("owner", owner_of_group(owners, devices->at[i].group));
		json_end();
	}
	json_end();
	json_finish();
}

static void show_row(const struct device *dev, const struct owner *owner)
{
	table_cell(BOLD, "%s", dev->name);
	if (dev->group == NO_GROUP)
		table_cell(DIM, "-");
	else
		table_cell(PLAIN, "%d", dev->group);
	if (device_is_pci(dev))
		table_cell(PLAIN, "%04x:%04x", dev->vendor, dev->product);
	else
		table_cell(DIM, "-");
	table_cell(PLAIN, "%s", device_kind(dev));
	table_cell(device_has_stub(dev) ? GREEN : PLAIN, "%s", dev->driver);
	if (dev->group == NO_GROUP)
		table_cell(DIM, "-");
	else
		table_cell(owner_colour(owner), "%s", owner_text(owner));
}

static void show_text(const struct devices *devices, const struct owners *owners)
{
	static const char *const heading[] = { "DEVICE", "GROUP", "ID", "KIND", "DRIVER", "OWNER" };
	unsigned int i;

	table_start("lrllll");
	for (i = 0; i < ARRAY_SIZE(heading); i++)
		table_cell(DIM, "%s", heading[i]);
	for (i = 0; i < devices->nr; i++)
		show_row(&devices->at[i], owner_of_group(owners, devices->at[i].group));
	table_print();
	show_owners_hint(owners);
}

int command_list(const struct request *request)
{
	struct devices devices = devices_load();
	struct owners owners = owners_load();

	(void)request;
	if (output_json)
		show_json(&devices, &owners);
	else
		show_text(&devices, &owners);
	return STATUS_OK;
}

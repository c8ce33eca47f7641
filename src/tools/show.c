// SPDX-License-Identifier: GPL-2.0-only
/* How several commands show the same things: see show.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "show.h"

void json_device(const struct device *dev)
{
	json_string("name", dev->name);
	json_string("bus", dev->bus);
	json_number_or_null("group", dev->group != NO_GROUP, dev->group);
	json_string("driver", dev->driver);
	json_bool("stub", device_has_stub(dev));
	json_string("kind", device_kind(dev));
	json_string("iommu", dev->iommu);
	json_number_or_null("pci_vendor", device_is_pci(dev), dev->vendor);
	json_number_or_null("pci_device", device_is_pci(dev), dev->product);
	json_number_or_null("pci_class", device_is_pci(dev), dev->class);
}

static void json_refusals(const struct owner *owner)
{
	json_object("refusals");
	json_number("count", owner->refused);
	json_string("device", owner->refused_device);
	json_string("driver", owner->refused_driver);
	json_number_or_null("boottime_us", owner->refused, owner->refused_us);
	json_end();
}

void json_owner(const char *key, const struct owner *owner)
{
	if (!owner) {
		json_null(key);
		return;
	}
	json_object(key);
	json_string("state", owner->state);
	json_number_or_null("pid", owner->pid, owner->pid);
	json_string("command", owner->command);
	json_bool("closed", owner->closed);
	json_number("pasids", owner->pasids);
	json_string("device", owner->device);
	json_string("driver", owner->driver);
	json_refusals(owner);
	json_end();
}

enum colour owner_colour(const struct owner *owner)
{
	if (!owner)
		return DIM;
	if (!strcmp(owner->state, "context"))
		return GREEN;
	if (!strcmp(owner->state, "none"))
		return DIM;
	return strcmp(owner->state, "kernel") ? YELLOW : PLAIN;
}

void show_owners_hint(const struct owners *owners)
{
	fflush(stdout);
	if (owners->error == ENOENT)
		fputs("owners are unknown: ioasidfd is not loaded (`modprobe ioasidfd_stub`)\n",
		      stderr);
	else if (owners->error)
		fprintf(stderr, "owners are unknown: /proc/ioasidfd: %s (be root)\n",
			strerror(owners->error));
}

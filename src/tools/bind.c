// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidctl bind and unbind: devices go to the stub driver, and back to the driver that they had.
 * Everything that speaks against it is found before anything is changed, for all devices. A bind
 * that fails after that is undone for all of them; unbind stops at the first that does not go back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "contexts.h"
#include "files.h"
#include "holders.h"
#include "json.h"
#include "module.h"
#include "output.h"
#include "owners.h"
#include "reserved.h"
#include "saved.h"

#define PATIENCE_MS 5000

/**
 * struct move - one device
 * @dev: as it is
 * @before: as it was
 * @changed: it was moved, or that was begun
 */
struct move {
	struct device dev;
	struct device before;
	bool changed;
};

struct moves {
	ARRAY(struct move);
};

static struct moves find_devices(const struct request *request)
{
	struct moves moves = { 0 };
	int i;

	for (i = 0; i < request->nr; i++) {
		struct move *move = array_add(&moves);

		move->dev = device_named(request->args[i]);
		move->before = move->dev;
	}
	return moves;
}

static void require_permission(const struct device *dev)
{
	const char *path = device_path(dev, "driver_override");

	if (access(path, W_OK))
		fail_file(path, errno);
}

static void require_usable(const struct device *dev)
{
	char regions[300];

	if (!iommu_is_there())
		fail(FAILURE_NO_IOMMU, EOPNOTSUPP,
		     "switch it on: VT-d or AMD-Vi in the firmware, and intel_iommu=on on the kernel's command line; --force binds the device all the same, but no context can own it",
		     "%s: this machine has no IOMMU, or it is off", dev->name);
	if (reserved_regions(dev->group, RESERVED_DIRECT, regions, sizeof(regions)))
		fail(FAILURE_RESERVED_REGION, EOPNOTSUPP,
		     "use another device: firmware needs that memory (RMRR, IVMD); a setting of the firmware may release it",
		     "%s: firmware demands that group %d reaches %s", dev->name, dev->group,
		     regions);
}

static bool is_asked_for(const struct moves *moves, const char *device)
{
	unsigned int i;

	for (i = 0; i < moves->nr; i++)
		if (!strcmp(moves->at[i].dev.name, device))
			return true;
	return false;
}

/* A group has one owner: a kernel driver of any of its devices keeps contexts away. */
static void require_group(const struct moves *moves, const struct device *dev,
			  const struct owners *owners)
{
	const struct owner *owner = owner_of_group(owners, dev->group);
	unsigned int i;

	for (i = 0; i < owners->member.nr; i++) {
		const struct member *member = &owners->member.at[i];

		if (member->group == dev->group && member->uses_dma &&
		    !is_asked_for(moves, member->device))
			fail(FAILURE_GROUP_SHARED, EBUSY,
			     remedy("`ioasidctl bind %s %s` takes both", dev->name, member->device),
			     "%s: group %d is shared with %s, which driver %s has", dev->name,
			     dev->group, member->device, member->driver);
	}
	if (owner && !strcmp(owner->state, "other") && strcmp(owner->device, dev->name))
		fail(FAILURE_OWNED, EBUSY,
		     "end the program that uses it, and unbind that driver from the device",
		     "%s: group %d is owned through driver %s of %s", dev->name, dev->group,
		     owner->driver, owner->device);
}

static void require_no_holders(const struct device *dev)
{
	struct holders holders = holders_of(dev);

	if (holders.nr)
		fail(holders.at[0].kind, EBUSY,
		     remedy("%s; --force takes the device all the same", holders.at[0].remedy),
		     "%s %s", dev->name, holders.at[0].text);
}

static void check_bind(const struct request *request, const struct moves *moves,
		       const struct owners *owners, const struct device *dev)
{
	module_require_stub(dev);
	if (device_has_stub(dev))
		return;
	if (device_is_bridge(dev))
		fail(FAILURE_NOT_SUPPORTED, EOPNOTSUPP,
		     "bind the devices behind it, not the bridge", "%s is a bridge", dev->name);
	require_permission(dev);
	if (request->force)
		return;
	require_usable(dev);
	require_group(moves, dev, owners);
	require_no_holders(dev);
}

static int set_override(const struct device *dev, const char *driver)
{
	return file_write(device_path(dev, "driver_override"), *driver ? driver : "\n");
}

static int leave_driver(const struct device *dev)
{
	int rc = 0;

	if (*dev->driver)
		rc = file_write(device_path(dev, "driver/unbind"), dev->name);
	return rc == -ENODEV ? 0 : rc;
}

/* The kernel may find the driver in the background. */
static bool probe(struct device *dev, const char *driver)
{
	int waited;

	file_write(path_of("/sys/bus/%s/drivers_probe", dev->bus), dev->name);
	for (waited = 0; waited < PATIENCE_MS; waited += 10) {
		device_refresh(dev);
		if (*dev->driver || !*driver)
			break;
		usleep(10000);
	}
	return !strcmp(dev->driver, driver);
}

/* udev may take a moment with its rules. */
static bool wait_for_node(const struct device *dev)
{
	int waited;

	for (waited = 0; waited < PATIENCE_MS; waited += 10) {
		if (file_exists(device_node(dev)))
			return true;
		usleep(10000);
	}
	return false;
}

/* As far as it goes: there is a failure to tell about already. */
static void give_back(struct move *move)
{
	struct device *dev = &move->dev;

	set_override(dev, move->before.override);
	device_refresh(dev);
	if (device_has_stub(dev))
		leave_driver(dev);
	if (*move->before.driver)
		probe(dev, move->before.driver);
	saved_forget(dev);
}

static void give_all_back(struct moves *moves)
{
	unsigned int i;

	for (i = 0; i < moves->nr; i++)
		if (moves->at[i].changed)
			give_back(&moves->at[i]);
}

static void bind_one(struct moves *moves, struct move *move)
{
	struct device *dev = &move->dev;
	int rc;

	if (device_has_stub(dev))
		return;
	move->changed = true;
	saved_keep(dev);
	rc = set_override(dev, device_stub(dev)) ?: leave_driver(dev);
	if (!rc && probe(dev, device_stub(dev)) && wait_for_node(dev))
		return;
	give_all_back(moves);
	if (rc)
		fail_file(device_path(dev, "driver_override"), -rc);
	fail(FAILURE_DRIVER, ENODEV,
	     "the kernel's log (dmesg) has the reason; all devices were given back",
	     "%s: driver %s did not take it", dev->name, device_stub(dev));
}

static void show_json(const struct moves *moves)
{
	unsigned int i;

	json_array("devices");
	for (i = 0; i < moves->nr; i++) {
		const struct move *move = &moves->at[i];
		bool stub = device_has_stub(&move->dev);

		json_object(NULL);
		json_string("name", move->dev.name);
		json_string("from", move->before.driver);
		json_string("to", move->dev.driver);
		json_string("node", stub ? device_node(&move->dev) : NULL);
		json_number_or_null("group", move->dev.group != NO_GROUP, move->dev.group);
		json_bool("changed", move->changed);
		json_end();
	}
	json_end();
	json_finish();
}

static void show_text(const struct moves *moves)
{
	unsigned int i;

	for (i = 0; i < moves->nr; i++) {
		const struct move *move = &moves->at[i];
		const char *to = *move->dev.driver ? move->dev.driver : "no driver";

		if (move->changed)
			printf("%s: %s -> %s", move->dev.name,
			       *move->before.driver ? move->before.driver : "no driver", to);
		else
			printf("%s: already %s%s", move->dev.name, *move->dev.driver ? "with " : "",
			       to);
		if (device_has_stub(&move->dev))
			printf(", %s", device_node(&move->dev));
		putchar('\n');
	}
}

static int show(const struct moves *moves)
{
	if (output_json)
		show_json(moves);
	else
		show_text(moves);
	return STATUS_OK;
}

int command_bind(const struct request *request)
{
	struct moves moves = find_devices(request);
	struct owners owners = owners_load();
	unsigned int i;

	for (i = 0; i < moves.nr; i++)
		check_bind(request, &moves, &owners, &moves.at[i].dev);
	for (i = 0; i < moves.nr; i++)
		bind_one(&moves, &moves.at[i]);
	return show(&moves);
}

static void check_unbind(const struct request *request, const struct owners *owners,
			 const struct device *dev)
{
	const struct owner *owner = owner_of_group(owners, dev->group);

	if (!device_has_stub(dev))
		return;
	require_permission(dev);
	if (request->force || !owner || strcmp(owner->state, "context"))
		return;
	fail(FAILURE_OWNED, EBUSY,
	     remedy("end it, or let it unbind the device%s; --force takes the device away from it",
		    owner->closed ? " file, which is still open" : ""),
	     "%s: group %d is owned by %s", dev->name, dev->group, owner_text(owner));
}

static void unbind_one(struct move *move)
{
	struct device *dev = &move->dev;
	struct saved saved = saved_load(dev);
	bool back;
	int rc;

	if (!device_has_stub(dev))
		return;
	rc = set_override(dev, saved.override) ?: leave_driver(dev);
	if (rc)
		fail_file(device_path(dev, "driver_override"), -rc);
	move->changed = true;
	if (saved.known && !*saved.driver) {
		device_refresh(dev);
		back = !*dev->driver;
	} else {
		back = probe(dev, saved.driver) || !saved.known;
	}
	if (!back)
		fail(FAILURE_DRIVER, ENODEV,
		     remedy("is it loaded (`modprobe %s`)? The kernel's log (dmesg) may say more",
			    *saved.driver ? saved.driver : dev->driver),
		     "%s did not go back to %s, it has %s now", dev->name,
		     *saved.driver ? saved.driver : "no driver",
		     *dev->driver ? dev->driver : "no driver");
	saved_forget(dev);
}

int command_unbind(const struct request *request)
{
	struct moves moves = find_devices(request);
	struct owners owners = owners_load();
	unsigned int i;

	for (i = 0; i < moves.nr; i++)
		check_unbind(request, &owners, &moves.at[i].dev);
	for (i = 0; i < moves.nr; i++)
		unbind_one(&moves.at[i]);
	return show(&moves);
}

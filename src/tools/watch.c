// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidctl watch: what changes in the ownership table. It compares the table with the one before,
 * when the kernel says that something happened to a device and at intervals: changes that are
 * undone in between are not seen, but refusals, which are counted, are. It takes no events from any
 * context.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "files.h"
#include "json.h"
#include "module.h"
#include "show.h"

/**
 * struct event - what is told
 * @name: its word
 * @group: concerned
 * @device: concerned, or NULL
 * @driver: likewise
 * @owner: of the group now, or NULL
 */
struct event {
	const char *name;
	int group;
	const char *device;
	const char *driver;
	const struct owner *owner;
};

static unsigned int nr_told, nr_wanted;

static void tell_json(const struct event *event, uint64_t ms)
{
	json_start("watch");
	json_string("event", event->name);
	json_number("time_ms", ms);
	json_number_or_null("group", event->group != NO_GROUP, event->group);
	json_string("device", event->device);
	json_string("driver", event->driver);
	json_owner("owner", event->owner);
	json_finish();
}

static void tell_text(const struct event *event, time_t seconds)
{
	char when[20];

	strftime(when, sizeof(when), "%H:%M:%S", localtime(&seconds));
	print_coloured(DIM, when);
	fputs("  ", stdout);
	print_coloured(strcmp(event->name, "refused") ? BOLD : YELLOW, event->name);
	printf("%*s", (int)(16 - strlen(event->name)), "");
	if (event->group != NO_GROUP)
		printf("group %d", event->group);
	if (event->device && *event->device)
		printf("  %s", printable(event->device));
	if (event->driver)
		printf("  %s", *event->driver ? printable(event->driver) : "no driver");
	if (event->owner)
		printf("  owner: %s", printable(owner_text(event->owner)));
	putchar('\n');
	fflush(stdout);
}

static void tell(struct event event)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (output_json)
		tell_json(&event, now.tv_sec * 1000ull + now.tv_nsec / 1000000);
	else
		tell_text(&event, now.tv_sec);
	if (nr_wanted && nr_told++ == nr_wanted)
		exit(STATUS_OK);
}

static bool same_owner(const struct owner *a, const struct owner *b)
{
	return !strcmp(a->state, b->state) && a->pid == b->pid && a->closed == b->closed &&
	       a->pasids == b->pasids && !strcmp(a->command, b->command) &&
	       !strcmp(a->device, b->device) && !strcmp(a->driver, b->driver);
}

static void compare_owner(const struct owner *before, const struct owner *now)
{
	bool again = before && !strcmp(before->state, "context") && before->pid == now->pid;
	unsigned long long refused = again ? before->refused : 0;

	if (before && !same_owner(before, now))
		tell((struct event){ .name = "owner", .group = now->group, .owner = now });
	if (now->refused > refused)
		tell((struct event){
			.name = "refused",
			.group = now->group,
			.device = now->refused_device,
			.driver = now->refused_driver,
			.owner = now,
		});
}

static void tell_member(const char *name, const struct member *member)
{
	tell((struct event){
		.name = name,
		.group = member->group,
		.device = member->device,
		.driver = member->driver,
	});
}

static void compare(const struct owners *before, const struct owners *now)
{
	unsigned int i;

	for (i = 0; i < before->member.nr; i++)
		if (!member_named(now, before->member.at[i].device))
			tell_member("device-removed", &before->member.at[i]);
	for (i = 0; i < now->member.nr; i++) {
		const struct member *member = &now->member.at[i];
		const struct member *was = member_named(before, member->device);

		if (!was)
			tell_member("device-added", member);
		else if (strcmp(was->driver, member->driver))
			tell_member("driver", member);
	}
	for (i = 0; i < now->owner.nr; i++)
		compare_owner(owner_of_group(before, now->owner.at[i].group), &now->owner.at[i]);
}

/* The kernel's word about devices; without it there are still the intervals. */
static int open_uevents(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void wait_for_change(int fd, unsigned int interval_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char message[8192];

	if (poll(&p, fd >= 0, interval_ms) > 0)
		while (recv(fd, message, sizeof(message), 0) > 0)
			;
}

static struct owners load(void)
{
	struct owners owners = owners_load();

	if (owners.error == ENOENT)
		module_require_core();
	if (owners.error)
		fail_file("/proc/ioasidfd", owners.error);
	return owners;
}

int command_watch(const struct request *request)
{
	struct owners before, now;
	int fd = open_uevents();

	module_require_core();
	before = load();
	nr_wanted = request->count;
	tell((struct event){ .name = "watching", .group = NO_GROUP });
	for (;;) {
		wait_for_change(fd, request->interval_ms);
		now = load();
		compare(&before, &now);
		owners_free(&before);
		before = now;
	}
}

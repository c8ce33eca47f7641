// SPDX-License-Identifier: GPL-2.0-only
/* ioasidctl tree: groups with their devices and owners, and contexts with what they map. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "contexts.h"
#include "json.h"
#include "output.h"
#include "show.h"

/* The devices of a group follow each other; the one behind the last of them. */
static unsigned int group_end(const struct devices *devices, unsigned int from)
{
	unsigned int end = from;

	while (end < devices->nr && devices->at[end].group == devices->at[from].group)
		end++;
	return end;
}

static void json_groups(const struct devices *devices, const struct owners *owners)
{
	unsigned int i = 0;

	json_array("groups");
	while (i < devices->nr) {
		unsigned int end = group_end(devices, i);

		json_object(NULL);
		json_number_or_null("group", devices->at[i].group != NO_GROUP,
				    devices->at[i].group);
		json_owner("owner", owner_of_group(owners, devices->at[i].group));
		json_array("devices");
		for (; i < end; i++) {
			json_object(NULL);
			json_device(&devices->at[i]);
			json_end();
		}
		json_end();
		json_end();
	}
	json_end();
}

static void json_ioas(const struct ioas *ioas)
{
	unsigned int i;

	json_object(NULL);
	json_number("ioasid", ioas->ioasid);
	json_bool("freed", ioas->freed);
	json_number_or_null("pasid", ioas->pasid, ioas->pasid);
	json_number("mappings", ioas->mappings);
	json_number("mapped_bytes", ioas->bytes);
	json_number("pending_bytes", ioas->pending);
	json_array("attachments");
	for (i = 0; i < ioas->use.nr; i++) {
		json_object(NULL);
		json_number("group", ioas->use.at[i].group);
		json_number_or_null("pasid", ioas->use.at[i].pasid, ioas->use.at[i].pasid);
		json_number("devices", ioas->use.at[i].devices);
		json_end();
	}
	json_end();
	json_end();
}

static void json_contexts(const struct contexts *contexts)
{
	unsigned int i, j;

	json_array("contexts");
	for (i = 0; i < contexts->nr; i++) {
		const struct context *context = &contexts->at[i];

		json_object(NULL);
		json_number("pid", context->pid);
		json_number("fd", context->fd);
		json_string("command", context->command);
		json_number("mappings", context_mappings(context));
		json_number("mapped_bytes", context_bytes(context));
		json_number("process_pinned_bytes", context->pinned);
		json_array("ioasids");
		for (j = 0; j < context->ioas.nr; j++)
			json_ioas(&context->ioas.at[j]);
		json_end();
		json_end();
	}
	json_end();
}

static void show_group_line(int group, const struct owner *owner)
{
	char text[400];

	if (group == NO_GROUP) {
		print_coloured(BOLD, "no group");
		puts("  (no IOMMU translates their DMA)");
		return;
	}
	snprintf(text, sizeof(text), "group %d", group);
	print_coloured(BOLD, text);
	fputs("  owner: ", stdout);
	print_coloured(owner_colour(owner), owner_text(owner));
	if (owner && owner->pasids)
		printf(", %u PASIDs", owner->pasids);
	if (owner && owner->refused) {
		snprintf(text, sizeof(text), ", refused %llu drivers, last %s for %s",
			 owner->refused, owner->refused_driver, owner->refused_device);
		print_coloured(YELLOW, text);
	}
	putchar('\n');
}

static void show_device(const struct device *dev, bool last)
{
	char text[300];

	fputs(tree_branch(last), stdout);
	snprintf(text, sizeof(text), "%-14s", dev->name);
	print_coloured(PLAIN, text);
	snprintf(text, sizeof(text), "  %-18s", *dev->driver ? dev->driver : "no driver");
	print_coloured(device_has_stub(dev) ? GREEN : *dev->driver ? PLAIN : DIM, text);
	printf("  %s\n", device_kind(dev));
}

static void show_groups(const struct devices *devices, const struct owners *owners)
{
	unsigned int i = 0;

	while (i < devices->nr) {
		unsigned int end = group_end(devices, i);

		show_group_line(devices->at[i].group, owner_of_group(owners, devices->at[i].group));
		for (; i < end; i++)
			show_device(&devices->at[i], i + 1 == end);
	}
}

static void show_use(const struct use *use, bool last_ioas, bool last)
{
	printf("%s%sgroup %d ", tree_trunk(last_ioas), tree_branch(last), use->group);
	if (use->pasid)
		printf("PASID %" PRIu32, use->pasid);
	else
		fputs("RID", stdout);
	printf(", %u device%s\n", use->devices, use->devices == 1 ? "" : "s");
}

static void show_ioas(const struct ioas *ioas, bool last)
{
	unsigned int i;

	printf("%sIOASID %" PRIu32 "  %" PRIu64 " mapping%s, %s", tree_branch(last), ioas->ioasid,
	       ioas->mappings, ioas->mappings == 1 ? "" : "s", bytes_text(ioas->bytes));
	if (ioas->pending)
		printf(", %s not flushed yet", bytes_text(ioas->pending));
	if (ioas->pasid)
		printf(", PASID %" PRIu32, ioas->pasid);
	if (ioas->freed)
		print_coloured(YELLOW, ", freed and still held");
	putchar('\n');
	for (i = 0; i < ioas->use.nr; i++)
		show_use(&ioas->use.at[i], last, i + 1 == ioas->use.nr);
}

static void show_contexts(const struct contexts *contexts)
{
	unsigned int i, j;
	char text[100];

	for (i = 0; i < contexts->nr; i++) {
		const struct context *context = &contexts->at[i];

		snprintf(text, sizeof(text), "context of pid %d (%s), fd %d", context->pid,
			 context->command, context->fd);
		print_coloured(BOLD, text);
		printf("  %s mapped, process has %s pinned\n", bytes_text(context_bytes(context)),
		       bytes_text(context->pinned));
		for (j = 0; j < context->ioas.nr; j++)
			show_ioas(&context->ioas.at[j], j + 1 == context->ioas.nr);
	}
}

int command_tree(const struct request *request)
{
	struct devices devices = devices_load();
	struct owners owners = owners_load();
	struct contexts contexts = contexts_load();

	(void)request;
	if (output_json) {
		json_groups(&devices, &owners);
		json_contexts(&contexts);
		json_finish();
	} else {
		show_groups(&devices, &owners);
		show_contexts(&contexts);
		show_owners_hint(&owners);
	}
	return STATUS_OK;
}

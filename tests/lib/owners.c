// SPDX-License-Identifier: GPL-2.0-only
/* The ownership table: see owners.h. */
#include "call.h"
#include "owners.h"
#include "test.h"

#define TABLE "/proc/ioasidfd"

static struct owners table;

static const char *const words[] = {
	[IOASID_OWNER_NONE] = "none",
	[IOASID_OWNER_KERNEL] = "kernel",
	[IOASID_OWNER_CONTEXT] = "context",
	[IOASID_OWNER_OTHER] = "other",
};

static struct ioasid_device_owner *last_group(void)
{
	test_require(table.nr_groups, TABLE ": a device without a group");
	return &table.group[table.nr_groups - 1];
}

/* Splits at the first '='; NULL for a word without one. */
static char *value_of(char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	return value;
}

static void hook_word(const char *key, const char *value)
{
	if (!strcmp(key, "hook"))
		table.hook = !strcmp(value, "on");
	else if (!strcmp(key, "requests"))
		table.requests = strtoull(value, NULL, 10);
	else if (!strcmp(key, "refusals"))
		table.refusals = strtoull(value, NULL, 10);
	else if (!strcmp(key, "cleanups"))
		table.cleanups = strtoull(value, NULL, 10);
	else if (!strcmp(key, "missed"))
		table.missed = strtoull(value, NULL, 10);
}

static void owner_word(struct ioasid_device_owner *owner, const char *key, const char *value)
{
	unsigned long long s, us;
	unsigned int i;

	if (!strcmp(key, "owner")) {
		for (i = 0; i < ARRAY_SIZE(words) && strcmp(words[i], value); i++)
			;
		test_require(i < ARRAY_SIZE(words), TABLE ": owner=%s", value);
		owner->out_owner = i;
	} else if (!strcmp(key, "pid")) {
		owner->out_pid = strtoul(value, NULL, 10);
	} else if (!strcmp(key, "command")) {
		snprintf((char *)owner->out_command, sizeof(owner->out_command), "%s", value);
	} else if (!strcmp(key, "device")) {
		snprintf((char *)owner->out_device, IOASID_NAME_SIZE, "%s", value);
	} else if (!strcmp(key, "driver")) {
		snprintf((char *)owner->out_driver, IOASID_NAME_SIZE, "%s", value);
	} else if (!strcmp(key, "refused")) {
		owner->out_num_refused = strtoull(value, NULL, 10);
	} else if (!strcmp(key, "last_device")) {
		snprintf((char *)owner->out_refused_device, IOASID_NAME_SIZE, "%s", value);
	} else if (!strcmp(key, "last_driver")) {
		snprintf((char *)owner->out_refused_driver, IOASID_NAME_SIZE, "%s", value);
	} else if (!strcmp(key, "time")) {
		test_require(sscanf(value, "%llu.%6llu", &s, &us) == 2, TABLE ": time=%s", value);
		owner->out_refused_time_ns = s * 1000000000 + us * 1000;
	}
}

static void member_word(struct owners_member *member, const char *key, const char *value)
{
	if (!strcmp(key, "device"))
		snprintf(member->device, sizeof(member->device), "%s", value);
	else if (!strcmp(key, "driver"))
		snprintf(member->driver, sizeof(member->driver), "%s", value);
	else if (!strcmp(key, "dma"))
		member->manages_dma = !strcmp(value, "driver-managed");
}

static struct owners_member *new_member(void)
{
	struct owners_member *member = &table.member[table.nr_members++];

	test_require(table.nr_members < ARRAY_SIZE(table.member), TABLE ": too many devices");
	memset(member, 0, sizeof(*member));
	member->group = last_group()->out_group;
	return member;
}

static struct ioasid_device_owner *new_group(const char *number)
{
	struct ioasid_device_owner *owner = &table.group[table.nr_groups++];

	test_require(table.nr_groups < OWNERS_MAX, TABLE ": too many groups");
	memset(owner, 0, sizeof(*owner));
	owner->out_group = strtoul(number, NULL, 10);
	return owner;
}

/*
 * A line is of the kind that its first word says: "hook", "group", or, of what belongs to a group,
 * "device" or "refused".
 */
static void parse_line(char *line)
{
	bool indented = *line == ' ';
	struct ioasid_device_owner *owner = NULL;
	struct owners_member *member = NULL;
	char *word, *save, *value;
	bool hook = false;

	for (word = strtok_r(line, "\n ", &save); word; word = strtok_r(NULL, "\n ", &save)) {
		value = value_of(word);
		if (!value) {
			test_require(owner && !strcmp(word, "closed"), TABLE ": '%s'", word);
			owner->out_owner_flags |= IOASID_OWNER_CLOSED;
			continue;
		}
		if (!owner && !member && !hook) {
			if (!strcmp(word, "hook"))
				hook = true;
			else if (!strcmp(word, "group") && !indented)
				owner = new_group(value);
			else if (!strcmp(word, "device") && indented)
				member = new_member();
			else if (!strcmp(word, "refused") && indented)
				owner = last_group();
			else
				test_fail(TABLE ": '%s'", word);
		}
		if (hook)
			hook_word(word, value);
		else if (member)
			member_word(member, word, value);
		else
			owner_word(owner, word, value);
	}
}

const struct owners *owners_read(void)
{
	FILE *f = fopen(TABLE, "re");
	char line[500];

	test_require(f, TABLE ": %m");
	memset(&table, 0, sizeof(table));
	while (fgets(line, sizeof(line), f))
		parse_line(line);
	test_require(!ferror(f), TABLE ": %m");
	fclose(f);
	return &table;
}

const struct ioasid_device_owner *owners_group(const struct owners *owners, uint32_t group)
{
	unsigned int i;

	for (i = 0; i < owners->nr_groups; i++)
		if (owners->group[i].out_group == group)
			return &owners->group[i];
	return NULL;
}

const struct owners_member *owners_member(const struct owners *owners, const char *device)
{
	unsigned int i;

	for (i = 0; i < owners->nr_members; i++)
		if (!strcmp(owners->member[i].device, device))
			return &owners->member[i];
	return NULL;
}

static void agree(const char *what, unsigned long long file, unsigned long long call)
{
	test_require(file == call, TABLE ": %s is %llu, and GET_OWNER says %llu", what, file, call);
}

static void agree_text(const char *what, const __u8 *file, const __u8 *call)
{
	test_require(!strcmp((const char *)file, (const char *)call),
		     TABLE ": %s is '%s', and GET_OWNER says '%s'", what, file, call);
}

struct ioasid_device_owner owner_agreed(int fd)
{
	struct ioasid_device_owner call = ok_dev_owner(fd);
	const struct ioasid_device_owner *file = owners_group(owners_read(), call.out_group);

	test_require(file, TABLE " has no group %u", call.out_group);
	agree("owner", file->out_owner, call.out_owner);
	agree("closed", file->out_owner_flags, call.out_owner_flags & ~IOASID_OWNER_THIS_FILE);
	agree("pid", file->out_pid, call.out_pid);
	agree("refused", file->out_num_refused, call.out_num_refused);
	agree("time", file->out_refused_time_ns, call.out_refused_time_ns / 1000 * 1000);
	agree_text("command", file->out_command, call.out_command);
	agree_text("device", file->out_device, call.out_device);
	agree_text("driver", file->out_driver, call.out_driver);
	agree_text("last device", file->out_refused_device, call.out_refused_device);
	agree_text("last driver", file->out_refused_driver, call.out_refused_driver);
	return call;
}

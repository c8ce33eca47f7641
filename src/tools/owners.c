// SPDX-License-Identifier: GPL-2.0-only
/* The module's ownership table: see owners.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "owners.h"

/* Undoes the kernel's escapes, which are a backslash and three octal digits or a letter. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		unsigned int code;

		if (*text == '\\' && sscanf(text + 1, "%3o", &code) == 1) {
			*to++ = code;
			text += 4;
		} else if (*text == '\\' && text[1]) {
			*to++ = text[1] == 'n' ? '\n' : text[1] == 't' ? '\t' : text[1];
			text += 2;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

static uint64_t microseconds(const char *value)
{
	unsigned long long s = 0, us = 0;

	sscanf(value, "%llu.%6llu", &s, &us);
	return s * 1000000 + us;
}

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

static void hook_word(struct owners *owners, const char *key, const char *value)
{
	unsigned long long number = strtoull(value, NULL, 10);

	if (!strcmp(key, "hook"))
		owners->hook = !strcmp(value, "on");
	else if (!strcmp(key, "requests"))
		owners->requests = number;
	else if (!strcmp(key, "refusals"))
		owners->refusals = number;
	else if (!strcmp(key, "cleanups"))
		owners->cleanups = number;
	else if (!strcmp(key, "missed"))
		owners->missed = number;
}

static void owner_word(struct owner *owner, const char *key, const char *value)
{
	if (!strcmp(key, "owner"))
		COPY(owner->state, value);
	else if (!strcmp(key, "pid"))
		owner->pid = atoi(value);
	else if (!strcmp(key, "command"))
		COPY(owner->command, value);
	else if (!strcmp(key, "pasids"))
		owner->pasids = strtoul(value, NULL, 10);
	else if (!strcmp(key, "closed"))
		owner->closed = true;
	else if (!strcmp(key, "device"))
		COPY(owner->device, value);
	else if (!strcmp(key, "driver"))
		COPY(owner->driver, value);
	else if (!strcmp(key, "refused"))
		owner->refused = strtoull(value, NULL, 10);
	else if (!strcmp(key, "last_device"))
		COPY(owner->refused_device, value);
	else if (!strcmp(key, "last_driver"))
		COPY(owner->refused_driver, value);
	else if (!strcmp(key, "time"))
		owner->refused_us = microseconds(value);
}

static void member_word(struct member *member, const char *key, const char *value)
{
	if (!strcmp(key, "device"))
		COPY(member->device, value);
	else if (!strcmp(key, "driver"))
		COPY(member->driver, value);
	else if (!strcmp(key, "dma"))
		member->uses_dma = !strcmp(value, "kernel");
}

/* A group's line begins it; what is indented belongs to the group before. */
static void parse_line(struct owners *owners, char *line)
{
	bool indented = *line == ' ', is_member = false, is_hook = false;
	char *word, *save, *value;

	for (word = strtok_r(line, "\n ", &save); word; word = strtok_r(NULL, "\n ", &save)) {
		value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		else
			value = word + strlen(word);
		unescape(value);
		if (!strcmp(word, "hook"))
			is_hook = true;
		if (!indented && !strcmp(word, "group"))
			array_add(&owners->owner)->group = atoi(value);
		if (is_hook) {
			hook_word(owners, word, value);
			continue;
		}
		if (!owners->owner.nr)
			continue;
		if (indented && !is_member && !strcmp(word, "device")) {
			is_member = true;
			array_add(&owners->member)->group =
				owners->owner.at[owners->owner.nr - 1].group;
		}
		if (is_member)
			member_word(&owners->member.at[owners->member.nr - 1], word, value);
		else
			owner_word(&owners->owner.at[owners->owner.nr - 1], word, value);
	}
}

struct owners owners_load(void)
{
	struct owners owners = { 0 };
	FILE *file = file_open(path_of("/proc/ioasidfd"));
	char *line = NULL;
	size_t size = 0;

	if (!file) {
		owners.error = errno;
		return owners;
	}
	while (getline(&line, &size, file) > 0)
		parse_line(&owners, line);
	free(line);
	fclose(file);
	return owners;
}

void owners_free(struct owners *owners)
{
	free(owners->owner.at);
	free(owners->member.at);
}

const struct owner *owner_of_group(const struct owners *owners, int group)
{
	unsigned int i;

	for (i = 0; i < owners->owner.nr; i++)
		if (owners->owner.at[i].group == group)
			return &owners->owner.at[i];
	return NULL;
}

const struct member *member_named(const struct owners *owners, const char *device)
{
	unsigned int i;

	for (i = 0; i < owners->member.nr; i++)
		if (!strcmp(owners->member.at[i].device, device))
			return &owners->member.at[i];
	return NULL;
}

const char *owner_text(const struct owner *owner)
{
	static char text[300];

	if (!owner)
		return "unknown";
	if (!strcmp(owner->state, "context") && !owner->pid)
		snprintf(text, sizeof(text), "a process that has ended (%s)%s", owner->command,
			 owner->closed ? ", context closed" : "");
	else if (!strcmp(owner->state, "context"))
		snprintf(text, sizeof(text), "pid %d (%s)%s", owner->pid, owner->command,
			 owner->closed ? ", context closed" : "");
	else if (!strcmp(owner->state, "none"))
		return "nobody";
	else if (*owner->driver)
		snprintf(text, sizeof(text), "driver %s of %s", owner->driver, owner->device);
	else
		snprintf(text, sizeof(text), "%s", owner->state);
	return text;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The schema of ioasidctl's JSON output, read from its manual page, packaging/man/ioasidctl-json.5,
 * so that what people read is what is tested. A subsection of the page has the members of one
 * command's output, each in a line ".BI PATH " TYPE""; a type that is no JSON type is the name of a
 * subsection whose members the object has.
 */
#include "ctl.h"
#include "test.h"

#define PAGE_FILE "/lib/ioasidctl-json.5"
#define SCHEMA_SIZE 16384
#define NAME_SIZE 100

static const char *const json_types[] = { "bool", "number", "string", "object", "array" };

static bool is_json_type(const char *type)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(json_types); i++)
		if (!strcmp(type, json_types[i]))
			return true;
	return false;
}

static const char *page(void)
{
	static char text[65536];
	int fd = open(PAGE_FILE, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	test_require(got > 0 && got < (ssize_t)sizeof(text) - 1, PAGE_FILE ": %m");
	close(fd);
	text[got] = '\0';
	return text;
}

/* Behind the heading of a subsection. */
static const char *find_section(const char *name)
{
	char heading[NAME_SIZE];
	const char *found;

	snprintf(heading, sizeof(heading), "\n.SS %s\n", name);
	found = strstr(page(), heading);
	test_require(found, PAGE_FILE " has no section %s", name);
	return found + strlen(heading);
}

static void add_section(const char *name, const char *prefix, char *schema);

static void add_member(const char *path, char *type, const char *prefix, char *schema)
{
	size_t length = strcspn(type, "?"), at = strlen(schema);
	bool can_be_null = type[length];
	char inner[2 * NAME_SIZE];

	type[length] = '\0';
	snprintf(schema + at, SCHEMA_SIZE - at, "%s%s %s%s\n", prefix, path,
		 is_json_type(type) ? type : "object", can_be_null ? "?" : "");
	if (is_json_type(type))
		return;
	snprintf(inner, sizeof(inner), "%s%s.", prefix, path);
	add_section(type, inner, schema);
}

static void add_section(const char *name, const char *prefix, char *schema)
{
	const char *line = find_section(name);
	char path[NAME_SIZE], type[NAME_SIZE];

	for (; *line && strncmp(line, ".S", 2); line += strcspn(line, "\n"), line += *line == '\n')
		if (sscanf(line, ".BI %99s \" %99[a-z?]\"", path, type) == 2)
			add_member(path, type, prefix, schema);
}

const char *ctl_schema(const char *command)
{
	static char schema[SCHEMA_SIZE];

	schema[0] = '\0';
	add_section("every command", "", schema);
	add_section(command, "", schema);
	test_require(strlen(schema) + 1 < SCHEMA_SIZE, "the schema is too long");
	return schema;
}

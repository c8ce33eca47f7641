// SPDX-License-Identifier: GPL-2.0-only
/* Writes JSON: see json.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "failure.h"
#include "json.h"

#define MAX_DEPTH 8

/**
 * struct level - an object or array that is open
 * @end: what closes it
 * @used: something is in it
 */
struct level {
	char end;
	bool used;
};

static struct {
	const char *command;
	char *text;
	size_t size;
	FILE *file;
	struct level level[MAX_DEPTH];
	unsigned int depth;
} document;

/* Length of the UTF-8 sequence at @text, 0 if it is none; overlong ones and surrogates are none. */
static int utf8_length(const unsigned char *text)
{
	static const unsigned char least[] = { 0, 0, 0xa0, 0x90 };
	int length, i;

	if (text[0] < 0x80)
		return 1;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	length = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	for (i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((text[0] == 0xe0 || text[0] == 0xf0) && text[1] < least[length - 1])
		return 0;
	if ((text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

static void write_string(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	fputc('"', document.file);
	while (*at) {
		int length = utf8_length(at);

		if (!length)
			fputs("\\ufffd", document.file);
		else if (*at == '"' || *at == '\\')
			fprintf(document.file, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(document.file, "\\u%04x", *at);
		else
			fwrite(at, 1, length, document.file);
		at += length ? length : 1;
	}
	fputc('"', document.file);
}

static void write_key(const char *key)
{
	struct level *level = &document.level[document.depth];

	if (level->used)
		fputc(',', document.file);
	level->used = true;
	if (key) {
		write_string(key);
		fputc(':', document.file);
	}
}

static void open_level(const char *key, char start, char end)
{
	write_key(key);
	fputc(start, document.file);
	if (++document.depth == MAX_DEPTH)
		abort();
	document.level[document.depth] = (struct level){ .end = end };
}

void json_object(const char *key)
{
	open_level(key, '{', '}');
}

void json_array(const char *key)
{
	open_level(key, '[', ']');
}

void json_end(void)
{
	fputc(document.level[document.depth--].end, document.file);
}

void json_string(const char *key, const char *value)
{
	write_key(key);
	if (value && *value)
		write_string(value);
	else
		fputs("null", document.file);
}

void json_number(const char *key, uint64_t value)
{
	write_key(key);
	fprintf(document.file, "%" PRIu64, value);
}

void json_bool(const char *key, bool value)
{
	write_key(key);
	fputs(value ? "true" : "false", document.file);
}

void json_null(const char *key)
{
	json_string(key, NULL);
}

void json_number_or_null(const char *key, bool there, uint64_t value)
{
	if (there)
		json_number(key, value);
	else
		json_null(key);
}

void json_start(const char *command)
{
	document.command = command;
	document.depth = 0;
	document.level[0] = (struct level){ 0 };
	document.file = checked(open_memstream(&document.text, &document.size));
	json_object(NULL);
	json_number("version", JSON_SCHEMA_VERSION);
	json_string("command", command);
}

static void drop(void)
{
	if (!document.file)
		return;
	fclose(document.file);
	free(document.text);
	document.file = NULL;
}

void json_restart(void)
{
	drop();
	json_start(document.command);
}

void json_finish(void)
{
	json_end();
	fflush(document.file);
	puts(document.text);
	fflush(stdout);
	drop();
}

// SPDX-License-Identifier: GPL-2.0-only
/* What people read: see output.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "failure.h"
#include "output.h"

bool output_json;

static bool colours, box_lines;

static bool speaks_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

void output_init(void)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

	colours = isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && term &&
		  strcmp(term, "dumb");
	box_lines = isatty(STDOUT_FILENO) && speaks_utf8();
}

const char *printable(const char *text)
{
	static char copies[4][1200];
	static unsigned int turn;
	char *copy = copies[turn++ % ARRAY_SIZE(copies)], *c;

	snprintf(copy, sizeof(copies[0]), "%s", text);
	for (c = copy; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return copy;
}

static const char *colour_code(enum colour colour)
{
	static const char *const codes[] = {
		[PLAIN] = "",	    [BOLD] = "\033[1m",	  [DIM] = "\033[2m",
		[RED] = "\033[31m", [GREEN] = "\033[32m", [YELLOW] = "\033[33m",
	};

	return colours ? codes[colour] : "";
}

static const char *colour_end(enum colour colour)
{
	return colours && colour != PLAIN ? "\033[0m" : "";
}

void print_coloured(enum colour colour, const char *text)
{
	printf("%s%s%s", colour_code(colour), printable(text), colour_end(colour));
}

const char *bytes_text(uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	static char texts[4][40];
	static unsigned int turn;
	char *text = texts[turn++ % ARRAY_SIZE(texts)];
	unsigned int unit = 0;
	uint64_t whole = bytes, tenths = 0;

	while (whole >= 1024) {
		tenths = whole % 1024 * 10 / 1024;
		whole /= 1024;
		unit++;
	}
	if (tenths)
		snprintf(text, sizeof(texts[0]), "%" PRIu64 ".%" PRIu64 " %s", whole, tenths,
			 units[unit]);
	else
		snprintf(text, sizeof(texts[0]), "%" PRIu64 " %s", whole, units[unit]);
	return text;
}

/**
 * struct cell - of a table
 * @colour: how it is shown
 * @text: what
 */
struct cell {
	enum colour colour;
	char *text;
};

static struct {
	const char *align;
	ARRAY(struct cell) cells;
} table;

void table_start(const char *align)
{
	table.align = align;
	table.cells.nr = 0;
}

void table_cell(enum colour colour, const char *format, ...)
{
	struct cell *cell = array_add(&table.cells);
	char text[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cell->colour = colour;
	cell->text = checked(strdup(*text ? printable(text) : "-"));
}

static int column_width(unsigned int column)
{
	unsigned int columns = strlen(table.align), i;
	size_t width = 0;

	for (i = column; i < table.cells.nr; i += columns)
		if (strlen(table.cells.at[i].text) > width)
			width = strlen(table.cells.at[i].text);
	return width;
}

/* Nothing is filled up behind the last column. */
static void print_cell(unsigned int column, const struct cell *cell)
{
	bool last = !table.align[column + 1];
	int pad = column_width(column) - (int)strlen(cell->text);

	if (table.align[column] == 'r')
		printf("%*s", pad, "");
	printf("%s%s%s", colour_code(cell->colour), cell->text, colour_end(cell->colour));
	if (table.align[column] != 'r' && !last)
		printf("%*s", pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

void table_print(void)
{
	unsigned int columns = strlen(table.align), i;

	for (i = 0; i < table.cells.nr; i++)
		print_cell(i % columns, &table.cells.at[i]);
	for (i = 0; i < table.cells.nr; i++)
		free(table.cells.at[i].text);
	table.cells.nr = 0;
}

const char *tree_branch(bool last)
{
	if (box_lines)
		return last ? "\u2514\u2500 " : "\u251c\u2500 ";
	return last ? "`- " : "|- ";
}

const char *tree_trunk(bool last)
{
	if (last)
		return "   ";
	return box_lines ? "\u2502  " : "|  ";
}

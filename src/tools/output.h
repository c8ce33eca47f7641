/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What people read: colours (on a terminal only), aligned tables, sizes, and text that cannot do
 * anything to a terminal. Knows nothing of what is shown.
 */
#ifndef IOASIDCTL_OUTPUT_H
#define IOASIDCTL_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

/* --json was given: nothing below is used then. */
extern bool output_json;

enum colour {
	PLAIN,
	BOLD,
	DIM,
	RED,
	GREEN,
	YELLOW,
};

/* Decides about colours and lines: before anything is printed. */
void output_init(void);

/* The text with everything replaced that is not a printing character. Static storage, in turn. */
const char *printable(const char *text);

void print_coloured(enum colour colour, const char *text);

/* "12 KiB". Static storage, in turn. */
const char *bytes_text(uint64_t bytes);

/*
 * A table is built cell by cell, then printed. The first row is the heading. Numbers are right of
 * their columns: columns whose letter in @align is 'r'.
 */
void table_start(const char *align);
void table_cell(enum colour colour, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_print(void);

/* The lines of a tree in front of a branch. */
const char *tree_branch(bool last);
const char *tree_trunk(bool last);

#endif

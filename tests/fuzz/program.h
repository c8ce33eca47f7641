/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program is a list of calls, some of which use what earlier ones returned. As text it is a line
 * for each:
 *
 *   THREAD NAME ARGUMENT=VALUE ...
 *
 * THREAD is "a" or "b", which run at the same time, or "-" for a call during which the other thread
 * waits. A VALUE is a number, or rN for what line N (from 0) returned. "mode" can be added to every
 * ioctl, see &enum call_mode. Members that are not named are zero; "#" starts a comment.
 *
 * Knows what calls there are (operations.h) by their names and the kinds of their arguments only.
 */
#ifndef FUZZ_PROGRAM_H
#define FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif

#define MAX_CALLS 40
#define MAX_ARGUMENTS 12
#define MAX_PROGRAM_TEXT 8192

/* What an argument means, which decides what is tried for it. */
enum kind {
	KIND_NONE,
	KIND_CONTEXT, /* a file of /dev/ioasid */
	KIND_DEVICE, /* a device file */
	KIND_FILE, /* any file */
	KIND_MEMFD,
	KIND_SOCKET,
	KIND_IOASID,
	KIND_MAP_FLAGS,
	KIND_FLAG, /* mostly 0 or 1 */
	KIND_RARE, /* mostly must be 0 */
	KIND_PASID_FLAGS,
	KIND_MEMORY, /* a user address */
	KIND_LENGTH,
	KIND_OFFSET,
	KIND_IOVA,
	KIND_PASID,
	KIND_WHICH, /* number of a device */
	KIND_SMALL,
	KIND_NUMBER, /* anything */
	KIND_COMMAND, /* number of an ioctl */
	KIND_SIZE,
};

/* What is odd about the structure that a call is given. */
enum call_mode {
	MODE_NORMAL,
	MODE_CUT, /* its end is not mapped */
	MODE_READ_ONLY, /* it cannot be written */
	MODE_LONGER,
	MODE_LONGER_NOT_ZERO,
	MODE_SHORTER,
	MODE_NULL,
	NR_MODES,
};

struct value {
	bool is_result;
	uint64_t number;
};

struct call {
	uint8_t operation;
	char thread;
	uint8_t mode;
	struct value argument[MAX_ARGUMENTS];
};

struct program {
	unsigned int nr;
	struct call call[MAX_CALLS];
};

/* NULL, or what is wrong with the text, in static storage. */
const char *program_parse(struct program *program, const char *text);
void program_print(const struct program *program, char *text, size_t size);

/* All chance comes from here: the same state, the same program. */
void fuzz_seed(uint64_t seed);
unsigned int fuzz_below(unsigned int n);

void program_generate(struct program *program);
void program_mutate(struct program *program, const struct program *other);

#endif

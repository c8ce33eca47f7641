// SPDX-License-Identifier: GPL-2.0-only
/* Programs: their text, making them up, changing them. See program.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operations.h"
#include "program.h"

static uint64_t state = 1;

/* Nothing odd, for what prepares the ground. */
static bool sensible;

void fuzz_seed(uint64_t seed)
{
	state = seed * 0x9E3779B97F4A7C15ull + 0x1234567;
	if (!state)
		state = 1;
	fuzz_below(2);
}

static uint64_t fuzz_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

unsigned int fuzz_below(unsigned int n)
{
	return (fuzz_random() >> 20) % n;
}

static bool one_in(unsigned int n)
{
	return !fuzz_below(n);
}

/* Once in @n times, what makes little sense. */
static bool oddly(unsigned int n)
{
	return !sensible && one_in(n);
}

static unsigned int nr_arguments(const struct operation *operation)
{
	unsigned int nr = 0;

	while (nr < MAX_ARGUMENTS && operation->argument[nr].name)
		nr++;
	return nr;
}

static int operation_by_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_operations; i++)
		if (!strcmp(operations[i].name, name))
			return i;
	return -1;
}

/*
 * Text.
 */
static bool parse_value(struct value *value, const char *text)
{
	char *end;

	value->is_result = *text == 'r';
	value->number = strtoull(text + value->is_result, &end, 0);
	return end != text && !*end;
}

static bool parse_argument(struct call *call, char *word)
{
	const struct operation *operation = &operations[call->operation];
	char *text = strchr(word, '=');
	struct value mode;
	unsigned int i;

	if (!text)
		return false;
	*text++ = '\0';
	for (i = 0; i < nr_arguments(operation); i++)
		if (!strcmp(operation->argument[i].name, word))
			return parse_value(&call->argument[i], text);
	if (strcmp(word, "mode") || !parse_value(&mode, text) || mode.number >= NR_MODES)
		return false;
	call->mode = mode.number;
	return true;
}

static bool parse_call(struct call *call, char *line)
{
	char *save, *word = strtok_r(line, " \t", &save);
	int operation;

	memset(call, 0, sizeof(*call));
	if (strlen(word) != 1 || !strchr("-ab", *word))
		return false;
	call->thread = *word;
	word = strtok_r(NULL, " \t", &save);
	operation = word ? operation_by_name(word) : -1;
	if (operation < 0)
		return false;
	call->operation = operation;
	while ((word = strtok_r(NULL, " \t", &save)))
		if (!parse_argument(call, word))
			return false;
	return true;
}

/* Only what is earlier has a result. */
static bool results_exist(const struct program *program)
{
	unsigned int i, j;

	for (i = 0; i < program->nr; i++)
		for (j = 0; j < MAX_ARGUMENTS; j++)
			if (program->call[i].argument[j].is_result &&
			    program->call[i].argument[j].number >= i)
				return false;
	return true;
}

const char *program_parse(struct program *program, const char *text)
{
	static char copy[MAX_PROGRAM_TEXT], wrong[200];
	char *line, *save;

	program->nr = 0;
	if (strlen(text) >= sizeof(copy))
		return "too long";
	strcpy(copy, text);
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, "#\r")] = '\0';
		if (!line[strspn(line, " \t")])
			continue;
		if (program->nr == MAX_CALLS)
			return "too many calls";
		snprintf(wrong, sizeof(wrong), "not understood: %s", line);
		if (!parse_call(&program->call[program->nr], line))
			return wrong;
		program->nr++;
	}
	return results_exist(program) ? NULL : "uses a result before it is there";
}

void program_print(const struct program *program, char *text, size_t size)
{
	unsigned int i, j;
	FILE *f = fmemopen(text, size, "w");

	for (i = 0; f && i < program->nr; i++) {
		const struct call *call = &program->call[i];
		const struct operation *operation = &operations[call->operation];

		fprintf(f, "%c %s", call->thread, operation->name);
		for (j = 0; j < nr_arguments(operation); j++) {
			const struct value *value = &call->argument[j];

			if (value->is_result)
				fprintf(f, " %s=r%u", operation->argument[j].name,
					(unsigned int)value->number);
			else if (value->number)
				fprintf(f, " %s=%#llx", operation->argument[j].name,
					(unsigned long long)value->number);
		}
		if (call->mode)
			fprintf(f, " mode=%u", call->mode);
		fputc('\n', f);
	}
	if (f)
		fclose(f);
	text[size - 1] = '\0';
}

/*
 * Chance.
 */
static const uint64_t numbers[] = {
	0,	    1,		2,	    3,		 7,	     8,
	63,	    64,		255,	    4095,	 4096,	     4097,
	0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 1ull << 47, (1ull << 48) - 4096,
	1ull << 52, 1ull << 63, ~0xfffull,  ~0ull,
};

static uint64_t any_number(void)
{
	if (one_in(3))
		return fuzz_random() >> fuzz_below(64);
	return numbers[fuzz_below(ARRAY_SIZE(numbers))];
}

static uint64_t any_iova(void)
{
	static const uint64_t edges[] = {
		0,	    0xfee00000,		 0xfedff000, 0xfffff000,	 0x100000000,
		1ull << 39, (1ull << 48) - 4096, 1ull << 48, 0xfffffffffffff000, (1ull << 57) - 4096
	};

	if (oddly(12))
		return edges[fuzz_below(ARRAY_SIZE(edges))];
	if (one_in(6))
		return 0x40000000 + fuzz_below(8) * 0x200000ull;
	return 0x10000000 + fuzz_below(32) * 4096ull;
}

static uint64_t any_length(void)
{
	switch (fuzz_below(16)) {
	case 0:
		return 0x200000;
	case 1:
		return 0x400000 + 4096;
	case 2:
		return sensible ? 4096 : any_number();
	case 3:
		return 32 * 4096;
	default:
		return (1 + fuzz_below(6)) * 4096;
	}
}

/* The memory that operations_prepare() made, eight pieces of it. */
static uint64_t any_memory(void)
{
	if (oddly(20))
		return any_number();
	return 0x200000000000ull + ((uint64_t)fuzz_below(sensible ? 4 : 8) << 32) +
	       fuzz_below(8) * 4096ull;
}

static uint64_t any_flags(unsigned int usual, unsigned int bits)
{
	if (oddly(30))
		return 1ull << fuzz_below(32);
	return oddly(3) ? fuzz_below(1 << bits) : usual;
}

static uint64_t any_pasid(void)
{
	static const uint64_t edges[] = { 0xffff, 0x10000, 0xfffff, 0x100000, 0xffffffff };

	if (oddly(10))
		return edges[fuzz_below(ARRAY_SIZE(edges))];
	return one_in(2) ? 0 : 1 + fuzz_below(4);
}

static uint64_t constant_of(enum kind kind)
{
	switch (kind) {
	case KIND_IOASID:
		return one_in(4) ? any_number() : 1 + fuzz_below(4);
	case KIND_MAP_FLAGS:
		return any_flags(one_in(2) ? 7 : 3, 3);
	case KIND_FLAG:
		return any_flags(one_in(4), 1);
	case KIND_RARE:
		return oddly(50) ? 1ull << fuzz_below(32) : 0;
	case KIND_PASID_FLAGS:
		return oddly(6) ? fuzz_below(5) : 0;
	case KIND_MEMORY:
		return any_memory();
	case KIND_LENGTH:
		return any_length();
	case KIND_OFFSET:
		return oddly(8) ? any_number() : fuzz_below(8) * 4096;
	case KIND_IOVA:
		return oddly(30) ? any_number() : any_iova();
	case KIND_PASID:
		return any_pasid();
	case KIND_WHICH:
	case KIND_SMALL:
		return oddly(30) ? any_number() : fuzz_below(8);
	case KIND_COMMAND:
		return one_in(8) ? fuzz_below(256) : fuzz_below(11) + (one_in(2) ? 0x40 : 0);
	case KIND_SIZE:
		return one_in(8) ? any_number() : 8 * fuzz_below(32);
	case KIND_NUMBER:
		return any_number();
	default:
		return (uint64_t)-1; /* no file */
	}
}

static bool is_file(enum kind kind)
{
	return kind == KIND_CONTEXT || kind == KIND_DEVICE || kind == KIND_FILE ||
	       kind == KIND_MEMFD || kind == KIND_SOCKET;
}

static bool provides(enum kind result, enum kind wanted, bool loosely)
{
	if (result == wanted)
		return true;
	if (wanted == KIND_FILE || loosely)
		return is_file(result) && is_file(wanted);
	return result == KIND_FILE && is_file(wanted) && one_in(8);
}

/* Something for argument @kind of call @at: what an earlier call returned, if that makes sense. */
static struct value any_value(const struct program *program, unsigned int at, enum kind kind)
{
	bool loosely = oddly(60);
	unsigned int candidates[MAX_CALLS], nr = 0, i;

	for (i = 0; i < at; i++)
		if (provides(operations[program->call[i].operation].result, kind, loosely))
			candidates[nr++] = i;
	/* Most addresses are not those of mappings that were chosen by the kernel. */
	if (!nr || oddly(40) || ((kind == KIND_IOVA || kind == KIND_PASID) && one_in(2)))
		return (struct value){ .number = constant_of(kind) };
	return (struct value){ .is_result = true, .number = candidates[fuzz_below(nr)] };
}

static void fill_call(struct program *program, unsigned int at)
{
	struct call *call = &program->call[at];
	const struct operation *operation = &operations[call->operation];
	unsigned int i;

	memset(call->argument, 0, sizeof(call->argument));
	for (i = 0; i < nr_arguments(operation); i++)
		call->argument[i] = any_value(program, at, operation->argument[i].kind);
	call->mode = one_in(40) ? fuzz_below(NR_MODES) : MODE_NORMAL;
}

static unsigned int any_operation(void)
{
	static unsigned int total;
	unsigned int i, left;

	for (i = total ? nr_operations : 0; i < nr_operations; i++)
		total += operations[i].weight;
	left = fuzz_below(total);
	for (i = 0; left >= operations[i].weight; i++)
		left -= operations[i].weight;
	return i;
}

static char any_thread(void)
{
	return "ab-"[one_in(12) ? 2 : fuzz_below(2)];
}

static void append(struct program *program, int operation, char thread)
{
	struct call *call;

	if (program->nr == MAX_CALLS)
		return;
	call = &program->call[program->nr];
	*call = (struct call){ .operation = operation, .thread = thread };
	fill_call(program, program->nr);
	program->nr++;
}

static void append_named(struct program *program, const char *name)
{
	append(program, operation_by_name(name), '-');
	program->call[program->nr - 1].mode = MODE_NORMAL;
}

/* What most things need before they can happen. */
static void prologue(struct program *program)
{
	unsigned int devices = fuzz_below(3), i;

	sensible = true;
	append_named(program, "open_context");
	append_named(program, "alloc");
	if (one_in(2))
		append_named(program, "alloc");
	for (i = 0; i < devices; i++) {
		append_named(program, "open_device");
		append_named(program, "bind");
		append_named(program, "allow");
	}
	for (i = fuzz_below(3); i; i--)
		append_named(program, "map");
	sensible = false;
}

void program_generate(struct program *program)
{
	unsigned int calls = 2 + fuzz_below(16);

	program->nr = 0;
	if (!one_in(5))
		prologue(program);
	while (calls--)
		append(program, any_operation(), any_thread());
}

static void remove_call(struct program *program, unsigned int at)
{
	unsigned int i, j;

	memmove(&program->call[at], &program->call[at + 1],
		(program->nr - at - 1) * sizeof(program->call[0]));
	program->nr--;
	for (i = at; i < program->nr; i++) {
		const struct operation *operation = &operations[program->call[i].operation];

		for (j = 0; j < MAX_ARGUMENTS; j++) {
			struct value *value = &program->call[i].argument[j];

			if (!value->is_result || value->number < at)
				continue;
			if (value->number == at)
				*value = any_value(program, i, operation->argument[j].kind);
			else
				value->number--;
		}
	}
}

static void insert_call(struct program *program, unsigned int at)
{
	unsigned int i, j;

	if (program->nr == MAX_CALLS)
		return;
	memmove(&program->call[at + 1], &program->call[at],
		(program->nr - at) * sizeof(program->call[0]));
	program->nr++;
	for (i = at + 1; i < program->nr; i++)
		for (j = 0; j < MAX_ARGUMENTS; j++)
			if (program->call[i].argument[j].is_result &&
			    program->call[i].argument[j].number >= at)
				program->call[i].argument[j].number++;
	program->call[at] = (struct call){ .operation = any_operation(), .thread = any_thread() };
	fill_call(program, at);
}

static void change_argument(struct program *program, unsigned int at)
{
	struct call *call = &program->call[at];
	const struct operation *operation = &operations[call->operation];
	unsigned int nr = nr_arguments(operation), i;

	if (!nr)
		return;
	i = fuzz_below(nr);
	call->argument[i] = any_value(program, at, operation->argument[i].kind);
}

/* The calls of @other after ours, with their results. */
static void splice(struct program *program, const struct program *other)
{
	unsigned int from = program->nr, i, j;

	for (i = 0; i < other->nr && program->nr < MAX_CALLS; i++) {
		struct call *call = &program->call[program->nr++];

		*call = other->call[i];
		for (j = 0; j < MAX_ARGUMENTS; j++)
			if (call->argument[j].is_result)
				call->argument[j].number += from;
	}
}

static void mutate_once(struct program *program, const struct program *other)
{
	unsigned int at = program->nr ? fuzz_below(program->nr) : 0;

	if (!program->nr) {
		program_generate(program);
		return;
	}
	switch (fuzz_below(12)) {
	case 0:
	case 1:
	case 2:
		insert_call(program, fuzz_below(program->nr + 1));
		break;
	case 3:
		remove_call(program, at);
		break;
	case 4:
		program->call[at].thread = any_thread();
		break;
	case 5:
		program->call[at].mode = fuzz_below(NR_MODES);
		break;
	case 6:
		splice(program, other);
		break;
	case 7:
		append(program, program->call[at].operation, any_thread());
		break;
	default:
		change_argument(program, at);
	}
}

void program_mutate(struct program *program, const struct program *other)
{
	unsigned int times = 1 + fuzz_below(4);

	while (times--)
		mutate_once(program, other);
}

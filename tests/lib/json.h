/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A strict reader of JSON (RFC 8259), for judging what others write: one value and nothing else, no
 * control characters or bad UTF-8 in strings, no key twice, no number but a natural one. What is
 * wrong fails the test.
 */
#ifndef IOASID_TEST_JSON_H
#define IOASID_TEST_JSON_H

#include <stdbool.h>
#include <stdint.h>

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/**
 * struct json - a value
 * @type: which of the following means something
 * @key: in the object that it is a member of; NULL elsewhere
 * @string: text
 * @number: also of true and false
 * @child: first member or element
 * @next: sibling
 */
struct json {
	enum json_type type;
	char *key;
	char *string;
	uint64_t number;
	struct json *child;
	struct json *next;
};

/* Never freed: a test's process ends. */
const struct json *json_parse(const char *text);

/* "devices.3.name"; NULL if there is none. */
const struct json *json_at(const struct json *value, const char *path);

/* The same, which must be of that type. */
const char *json_text(const struct json *value, const char *path);
uint64_t json_value(const struct json *value, const char *path);
bool json_truth(const struct json *value, const char *path);
bool json_is_null(const struct json *value, const char *path);

/* The element of an array whose member @key is this string or number; NULL if there is none. */
const struct json *json_with(const struct json *array, const char *key, const char *string);
const struct json *json_with_number(const struct json *array, const char *key, uint64_t number);

/*
 * Has the value exactly the members that @schema names, of those types? Each line of a schema is
 * "PATH TYPE", where PATH has "[]" for every element, and TYPE is bool, number, string, object or
 * array, with '?' when it can be null.
 */
void json_check(const struct json *value, const char *schema);

#endif

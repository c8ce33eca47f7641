// SPDX-License-Identifier: GPL-2.0-only
/* A strict reader of JSON: see json.h. */
#include "json.h"
#include "test.h"

static const char *start, *at;

#define wrong(...) test_fail(__VA_ARGS__)

static void __attribute__((noreturn)) wrong_here(const char *what)
{
	wrong("JSON, byte %ld: %s: %.60s", (long)(at - start), what, at);
}

static void skip_space(void)
{
	at += strspn(at, " \t\r\n");
}

static void expect(char c)
{
	if (*at != c)
		wrong_here("something else was expected");
	at++;
}

static struct json *new_value(enum json_type type)
{
	struct json *value = calloc(1, sizeof(*value));

	test_require(value, "no memory");
	value->type = type;
	return value;
}

static unsigned int parse_hex(void)
{
	unsigned int code = 0, digit;
	int i;

	for (i = 0; i < 4; i++, at++) {
		if (!*at || !strchr("0123456789abcdefABCDEF", *at))
			wrong_here("not a hexadecimal digit");
		digit = *at <= '9' ? *at - '0' : (*at | 0x20) - 'a' + 10;
		code = code << 4 | digit;
	}
	return code;
}

/* Escapes beyond 0xff are all the replacement character, as far as a test can tell. */
static char parse_escape(void)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *simple;
	unsigned int code;

	if (*at == 'u') {
		at++;
		code = parse_hex();
		return code > 0x7f ? '?' : (char)code;
	}
	simple = *at ? strchr(from, *at) : NULL;
	if (!simple)
		wrong_here("no such escape");
	at++;
	return to[simple - from];
}

static void check_utf8(void)
{
	const unsigned char *c = (const unsigned char *)at;
	int more = *c < 0xc2 ? -1 : *c < 0xe0 ? 1 : *c < 0xf0 ? 2 : *c < 0xf5 ? 3 : -1;

	if (more < 0)
		wrong_here("not UTF-8");
	while (more--)
		if ((*++c & 0xc0) != 0x80)
			wrong_here("not UTF-8");
}

static char *parse_string(void)
{
	char *text = malloc(strlen(at) + 1), *to = text;

	test_require(text, "no memory");
	expect('"');
	while (*at != '"') {
		if ((unsigned char)*at < 0x20)
			wrong_here("a control character in a string");
		if ((unsigned char)*at >= 0xc0)
			check_utf8();
		if (*at == '\\') {
			at++;
			*to++ = parse_escape();
		} else {
			*to++ = *at++;
		}
	}
	at++;
	*to = '\0';
	return text;
}

static struct json *parse_value(void);

static struct json *parse_members(enum json_type type, char end)
{
	struct json *value = new_value(type), **tail = &value->child, *other;

	at++;
	skip_space();
	while (*at != end) {
		char *key = NULL;

		if (value->child)
			expect(',');
		skip_space();
		if (type == JSON_OBJECT) {
			key = parse_string();
			skip_space();
			expect(':');
		}
		for (other = value->child; key && other; other = other->next)
			/* In an object all have one. NOLINTNEXTLINE(*NonNullParamChecker) */
			if (!strcmp(key, other->key))
				wrong_here("a key twice");
		*tail = parse_value();
		(*tail)->key = key;
		tail = &(*tail)->next;
		skip_space();
	}
	at++;
	return value;
}

static struct json *parse_number(void)
{
	struct json *value = new_value(JSON_NUMBER);
	size_t digits = strspn(at, "0123456789");
	char *end;

	if (!digits || (*at == '0' && digits > 1))
		wrong_here("not a value");
	errno = 0;
	value->number = strtoull(at, &end, 10);
	if (errno)
		wrong_here("a number of more than 64 bits");
	at = end;
	return value;
}

static struct json *parse_word(void)
{
	static const struct {
		const char *word;
		enum json_type type;
		uint64_t number;
	} words[] = {
		{ "null", JSON_NULL, 0 },
		{ "true", JSON_BOOL, 1 },
		{ "false", JSON_BOOL, 0 },
	};
	struct json *value;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (strncmp(at, words[i].word, strlen(words[i].word)))
			continue;
		at += strlen(words[i].word);
		value = new_value(words[i].type);
		value->number = words[i].number;
		return value;
	}
	return parse_number();
}

static struct json *parse_value(void)
{
	struct json *value;

	skip_space();
	switch (*at) {
	case '{':
		return parse_members(JSON_OBJECT, '}');
	case '[':
		return parse_members(JSON_ARRAY, ']');
	case '"':
		value = new_value(JSON_STRING);
		value->string = parse_string();
		return value;
	default:
		return parse_word();
	}
}

const struct json *json_parse(const char *text)
{
	const struct json *value;

	start = text;
	at = text;
	value = parse_value();
	skip_space();
	if (*at)
		wrong_here("more than one value");
	return value;
}

static const struct json *step(const struct json *value, const char *name, size_t length)
{
	const struct json *child;
	int index = 0;

	for (child = value->child; child; child = child->next, index++) {
		if (value->type == JSON_ARRAY && index == atoi(name))
			return child;
		if (value->type == JSON_OBJECT && strlen(child->key) == length &&
		    !strncmp(child->key, name, length))
			return child;
	}
	return NULL;
}

const struct json *json_at(const struct json *value, const char *path)
{
	while (value && *path) {
		size_t length = strcspn(path, ".");

		value = step(value, path, length);
		path += length + (path[length] == '.');
	}
	return value;
}

static const struct json *typed(const struct json *value, const char *path, enum json_type type)
{
	const struct json *found = json_at(value, path);

	test_require(found, "JSON: there is no %s", path);
	test_require(found->type == type, "JSON: %s is of type %d, not %d", path, found->type,
		     type);
	return found;
}

const char *json_text(const struct json *value, const char *path)
{
	return typed(value, path, JSON_STRING)->string;
}

uint64_t json_value(const struct json *value, const char *path)
{
	return typed(value, path, JSON_NUMBER)->number;
}

bool json_truth(const struct json *value, const char *path)
{
	return typed(value, path, JSON_BOOL)->number;
}

bool json_is_null(const struct json *value, const char *path)
{
	const struct json *found = json_at(value, path);

	test_require(found, "JSON: there is no %s", path);
	return found->type == JSON_NULL;
}

const struct json *json_with(const struct json *array, const char *key, const char *string)
{
	const struct json *element, *member;

	for (element = array->child; element; element = element->next) {
		member = json_at(element, key);
		if (member && member->type == JSON_STRING && !strcmp(member->string, string))
			return element;
	}
	return NULL;
}

const struct json *json_with_number(const struct json *array, const char *key, uint64_t number)
{
	const struct json *element, *member;

	for (element = array->child; element; element = element->next) {
		member = json_at(element, key);
		if (member && member->type == JSON_NUMBER && member->number == number)
			return element;
	}
	return NULL;
}

#define PATH_SIZE 200

/* The line of the schema for @path, or NULL; it ends where the line does. */
static const char *schema_type(const char *schema, const char *path)
{
	size_t length = strlen(path);

	for (; *schema; schema += strcspn(schema, "\n"), schema += *schema == '\n')
		if (!strncmp(schema, path, length) && schema[length] == ' ')
			return schema + length + 1;
	return NULL;
}

static void check_type(const struct json *value, const char *path, const char *type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",	  [JSON_BOOL] = "bool",	  [JSON_NUMBER] = "number",
		[JSON_STRING] = "string", [JSON_ARRAY] = "array", [JSON_OBJECT] = "object",
	};
	size_t length = strcspn(type, "?\n");

	if (value->type == JSON_NULL && type[length] == '?')
		return;
	test_require(strlen(names[value->type]) == length &&
			     !strncmp(names[value->type], type, length),
		     "JSON: %s is %s, its schema says %.*s", path, names[value->type], (int)length,
		     type);
}

/* Every line of the schema that names a direct member of @path has to be there. */
static void check_complete(const struct json *value, const char *path, const char *schema)
{
	size_t length = strlen(path);
	char name[PATH_SIZE];

	for (; *schema; schema += strcspn(schema, "\n"), schema += *schema == '\n') {
		size_t skip = length + (length ? 1 : 0), end = strcspn(schema, " ");

		if (strncmp(schema, path, length) || (length && schema[length] != '.') ||
		    end <= skip || memchr(schema + skip, '.', end - skip) ||
		    memchr(schema + skip, '[', end - skip))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(end - skip), schema + skip);
		test_require(json_at(value, name), "JSON: %s has no %s", *path ? path : "it", name);
	}
}

static void check_value(const struct json *value, const char *path, const char *schema)
{
	const struct json *child;
	char name[PATH_SIZE];

	if (*path) {
		const char *type = schema_type(schema, path);

		test_require(type, "JSON: %s is not in the schema", path);
		check_type(value, path, type);
	}
	if (value->type == JSON_OBJECT)
		check_complete(value, path, schema);
	for (child = value->child; child; child = child->next) {
		if (value->type == JSON_OBJECT)
			snprintf(name, sizeof(name), "%s%s%s", path, *path ? "." : "", child->key);
		else
			snprintf(name, sizeof(name), "%s[]", path);
		check_value(child, name, schema);
	}
}

void json_check(const struct json *value, const char *schema)
{
	test_require(value->type == JSON_OBJECT, "JSON: not an object");
	check_value(value, "", schema);
}

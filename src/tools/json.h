/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes one JSON document: an object that starts with the schema's version and the command's name.
 * It is kept until it is complete, so a failure half-way never leaves half a document: the failure
 * becomes the document. What is written is UTF-8, whatever bytes a process chose for its name.
 *
 * Inside an array the key is NULL. Members come in the order of the calls.
 */
#ifndef IOASIDCTL_JSON_H
#define IOASIDCTL_JSON_H

#include <stdbool.h>
#include <stdint.h>

#define JSON_SCHEMA_VERSION 1

/* Begins a document; finishes it with a line's end and passes it on. */
void json_start(const char *command);
void json_finish(void);

/* Forgets what was begun and begins again. */
void json_restart(void);

void json_object(const char *key);
void json_array(const char *key);
void json_end(void);

/* NULL and the empty string are null: nothing here has a name that is empty. */
void json_string(const char *key, const char *value);
void json_number(const char *key, uint64_t value);
void json_bool(const char *key, bool value);
void json_null(const char *key);

/* A number, or null where there is none. */
void json_number_or_null(const char *key, bool there, uint64_t value);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json - writes JSON (RFC 8259) as it goes, without a tree.
 *
 * Commas and nesting are kept by the writer (at most 64 deep).  Strings are bytes: what is not
 * valid UTF-8 becomes U+FFFD.  Numbers that are not finite become null; integers beyond 2^53 are
 * written as strings, for JavaScript. An error (no memory, past the buffer's maximum, bad nesting)
 * sticks and is told once, by ds_json_done().
 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include "lib/buf.h"

#include <stdbool.h>

struct ds_json {
	struct ds_buf *out; /* borrowed */
	int error;          /* first error, -errno */
	unsigned depth;
	uint64_t has_item;  /* bit d: level d already has an item */
	uint64_t is_object; /* bit d: level d is an object */
	bool after_key;
};

void ds_json_init(struct ds_json *j, struct ds_buf *out);
void ds_json_object(struct ds_json *j);
void ds_json_array(struct ds_json *j);
void ds_json_end(struct ds_json *j); /* of the innermost object or array */
void ds_json_key(struct ds_json *j, const char *key);
void ds_json_bytes(struct ds_json *j, const void *data, size_t len);
void ds_json_string(struct ds_json *j, const char *s); /* NULL: null */
void ds_json_int(struct ds_json *j, int64_t v);
void ds_json_uint(struct ds_json *j, uint64_t v);
void ds_json_double(struct ds_json *j, double v);
void ds_json_bool(struct ds_json *j, bool v);
void ds_json_null(struct ds_json *j);
/* Already JSON: copied as one value, unchecked. */
void ds_json_raw(struct ds_json *j, const void *data, size_t len);
/* RFC 3339 UTC with microseconds. */
void ds_json_time(struct ds_json *j, uint64_t time_us);
/* Key and value in one. */
void ds_json_put_string(struct ds_json *j, const char *key, const char *s);
void ds_json_put_bytes(struct ds_json *j, const char *key, const void *data, size_t len);
void ds_json_put_int(struct ds_json *j, const char *key, int64_t v);
void ds_json_put_uint(struct ds_json *j, const char *key, uint64_t v);
void ds_json_put_double(struct ds_json *j, const char *key, double v);
void ds_json_put_bool(struct ds_json *j, const char *key, bool v);
void ds_json_put_time(struct ds_json *j, const char *key, uint64_t time_us);
/* 0 when everything was written and closed, or the first error. */
DS_MUST_CHECK int ds_json_done(const struct ds_json *j);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json - writes JSON as it goes; called from any thread, each with writers of its own.
 *
 * Owns nothing: everything goes to the caller's buffer.
 */
#include "lib/json.h"

#include "lib/clock.h"
#include "lib/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAFE_INTEGER (INT64_C(1) << 53) /* what a double holds exactly */

static void
put(struct ds_json *j, const void *data, size_t len)
{
	if (j->error == 0)
		j->error = ds_buf_put(j->out, data, len);
}

static void
fail(struct ds_json *j, int error)
{
	if (j->error == 0)
		j->error = error;
}

static bool
level_is_object(const struct ds_json *j)
{
	return (j->is_object >> j->depth & 1) != 0;
}

/* Marks that the level has an item; true when it had one before. */
static bool
level_count_item(struct ds_json *j)
{
	bool had = (j->has_item >> j->depth & 1) != 0;

	j->has_item |= UINT64_C(1) << j->depth;
	return had;
}

/* What comes before any value; false when none may stand here. */
static bool
begin_value(struct ds_json *j)
{
	if (j->error != 0)
		return false;
	if (j->after_key) {
		j->after_key = false;
		return true;
	}
	if (level_is_object(j)) {
		fail(j, -EINVAL);
		return false;
	}
	if (level_count_item(j)) {
		if (j->depth == 0) {
			fail(j, -EINVAL);
			return false;
		}
		put(j, ",", 1);
	}
	return j->error == 0;
}

static void
open_level(struct ds_json *j, bool is_object)
{
	uint64_t bit;

	if (!begin_value(j))
		return;
	if (j->depth + 1 >= 64) {
		fail(j, -EINVAL);
		return;
	}
	j->depth++;
	bit = UINT64_C(1) << j->depth;
	j->has_item &= ~bit;
	j->is_object = is_object ? j->is_object | bit : j->is_object & ~bit;
	put(j, is_object ? "{" : "[", 1);
}

static void
put_escaped(struct ds_json *j, uint8_t c)
{
	static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
	const char *at = c == 0 ? NULL : strchr(from, c);
	char text[8];

	if (at != NULL)
		snprintf(text, sizeof(text), "\\%c", to[at - from]);
	else
		snprintf(text, sizeof(text), "\\u%04x", c);
	put(j, text, strlen(text));
}

/* How many bytes from p can be copied as they are. */
static size_t
plain_len(const uint8_t *p, size_t left)
{
	size_t i = 0, bad;

	while (i < left) {
		size_t n = 1;

		if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
			break;
		if (p[i] >= 0x80)
			n = ds_utf8_len(p + i, left - i, &bad);
		if (n == 0)
			break;
		i += n;
	}
	return i;
}

static void
put_quoted(struct ds_json *j, const uint8_t *p, size_t len)
{
	size_t i = 0, n, bad;

	put(j, "\"", 1);
	while (i < len && j->error == 0) {
		n = plain_len(p + i, len - i);
		put(j, p + i, n);
		i += n;
		if (i >= len)
			break;
		if (p[i] < 0x80) {
			put_escaped(j, p[i++]);
			continue;
		}
		(void)ds_utf8_len(p + i, len - i, &bad); /* known to be 0: only `bad` is wanted */
		put(j, "\xef\xbf\xbd", 3);
		i += bad;
	}
	put(j, "\"", 1);
}

static void
put_text(struct ds_json *j, const char *text)
{
	if (begin_value(j))
		put(j, text, strlen(text));
}

void
ds_json_init(struct ds_json *j, struct ds_buf *out)
{
	*j = (struct ds_json){ .out = out };
}

void
ds_json_object(struct ds_json *j)
{
	open_level(j, true);
}

void
ds_json_array(struct ds_json *j)
{
	open_level(j, false);
}

void
ds_json_end(struct ds_json *j)
{
	if (j->depth == 0 || j->after_key) {
		fail(j, -EINVAL);
		return;
	}
	put(j, level_is_object(j) ? "}" : "]", 1);
	j->depth--;
}

void
ds_json_key(struct ds_json *j, const char *key)
{
	if (!level_is_object(j) || j->after_key) {
		fail(j, -EINVAL);
		return;
	}
	if (level_count_item(j))
		put(j, ",", 1);
	put_quoted(j, (const uint8_t *)key, strlen(key));
	put(j, ":", 1);
	j->after_key = true;
}

void
ds_json_bytes(struct ds_json *j, const void *data, size_t len)
{
	if (begin_value(j))
		put_quoted(j, data, len);
}

void
ds_json_string(struct ds_json *j, const char *s)
{
	if (s == NULL)
		ds_json_null(j);
	else
		ds_json_bytes(j, s, strlen(s));
}

void
ds_json_int(struct ds_json *j, int64_t v)
{
	bool is_safe = v >= -SAFE_INTEGER && v <= SAFE_INTEGER;
	char text[32];

	snprintf(text, sizeof(text), is_safe ? "%lld" : "\"%lld\"", (long long)v);
	put_text(j, text);
}

void
ds_json_uint(struct ds_json *j, uint64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), v <= (uint64_t)SAFE_INTEGER ? "%llu" : "\"%llu\"",
	    (unsigned long long)v);
	put_text(j, text);
}

void
ds_json_double(struct ds_json *j, double v)
{
	char text[40], *comma;

	if (!isfinite(v)) {
		ds_json_null(j);
		return;
	}
	/* The shortest of the three that reads back as the same number. */
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	comma = strchr(text, ','); /* some locales */
	if (comma != NULL)
		*comma = '.';
	put_text(j, text);
}

void
ds_json_bool(struct ds_json *j, bool v)
{
	put_text(j, v ? "true" : "false");
}

void
ds_json_null(struct ds_json *j)
{
	put_text(j, "null");
}

void
ds_json_raw(struct ds_json *j, const void *data, size_t len)
{
	if (len == 0)
		ds_json_null(j);
	else if (begin_value(j))
		put(j, data, len);
}

void
ds_json_time(struct ds_json *j, uint64_t time_us)
{
	char text[40];

	ds_clock_format(time_us, text, sizeof(text));
	ds_json_string(j, text);
}

void
ds_json_put_string(struct ds_json *j, const char *key, const char *s)
{
	ds_json_key(j, key);
	ds_json_string(j, s);
}

void
ds_json_put_bytes(struct ds_json *j, const char *key, const void *data, size_t len)
{
	ds_json_key(j, key);
	ds_json_bytes(j, data, len);
}

void
ds_json_put_int(struct ds_json *j, const char *key, int64_t v)
{
	ds_json_key(j, key);
	ds_json_int(j, v);
}

void
ds_json_put_uint(struct ds_json *j, const char *key, uint64_t v)
{
	ds_json_key(j, key);
	ds_json_uint(j, v);
}

void
ds_json_put_double(struct ds_json *j, const char *key, double v)
{
	ds_json_key(j, key);
	ds_json_double(j, v);
}

void
ds_json_put_bool(struct ds_json *j, const char *key, bool v)
{
	ds_json_key(j, key);
	ds_json_bool(j, v);
}

void
ds_json_put_time(struct ds_json *j, const char *key, uint64_t time_us)
{
	ds_json_key(j, key);
	ds_json_time(j, time_us);
}

int
ds_json_done(const struct ds_json *j)
{
	if (j->error != 0)
		return j->error;
	return j->depth == 0 && (j->has_item & 1) != 0 && !j->after_key ? 0 : -EINVAL;
}

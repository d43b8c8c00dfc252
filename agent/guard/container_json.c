/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container_json - single texts out of the JSON that container engines write.
 *
 * Called by container and plugin.  Pure.
 */
#include "agent/guard/container_json.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Past the string that begins at text[at] == '"'; len when it does not end. */
static size_t
string_end(const char *text, size_t len, size_t at)
{
	for (at++; at < len && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at < len ? at + 1 : len;
}

static size_t
skip_space(const char *text, size_t len, size_t at)
{
	while (at < len && strchr(" \t\r\n", text[at]) != NULL && text[at] != '\0')
		at++;
	return at;
}

/* Names have no escapes but \/ in practice; others lose their backslash. */
static int
string_copy(const char *text, size_t begin, size_t end, char *ret, size_t size)
{
	size_t len = 0;

	for (size_t i = begin; i < end; i++) {
		if (text[i] == '\\' && i + 1 < end)
			i++;
		if (len + 1 >= size)
			return -ENAMETOOLONG;
		ret[len++] = text[i];
	}
	ret[len] = '\0';
	return 0;
}

static bool
is_key(const char *text, size_t begin, size_t end, const char *key)
{
	return end - begin == strlen(key) + 2 && memcmp(text + begin + 1, key, strlen(key)) == 0;
}

int
container_json_string(
    const char *text, size_t len, const char *key, int depth, char *ret, size_t size)
{
	int level = 0;

	for (size_t at = 0; at < len;) {
		size_t end, value;

		if (text[at] == '{' || text[at] == '[')
			level++;
		if (text[at] == '}' || text[at] == ']')
			level--;
		if (text[at] != '"') {
			at++;
			continue;
		}
		end = string_end(text, len, at);
		value = skip_space(text, len, end);
		if (value >= len || text[value] != ':') {
			at = end;
			continue;
		}
		value = skip_space(text, len, value + 1);
		if ((depth == 0 || level == depth) && is_key(text, at, end, key) && value < len &&
		    text[value] == '"') {
			end = string_end(text, len, value);
			return string_copy(text, value + 1, end - 1, ret, size);
		}
		at = value;
	}
	return -ENOENT;
}

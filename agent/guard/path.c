/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * path - absolute paths from what the kernel side could read.
 *
 * Called by attribute and the sensors; owns nothing.
 */
#include "agent/guard/path.h"

#include <string.h>

size_t
path_of_names(struct ds_str names, char *ret, size_t size)
{
	size_t n = 0, end = names.len, start, len;

	while (end > 0) {
		if (names.ptr[end - 1] == '\0')
			end--;
		for (start = end; start > 0 && names.ptr[start - 1] != '\0';)
			start--;
		len = end - start;
		if (len > 0 && n + 1 < size) {
			ret[n++] = '/';
			len = len < size - 1 - n ? len : size - 1 - n;
			memcpy(ret + n, names.ptr + start, len);
			n += len;
		}
		end = start;
	}
	if (n == 0 && size > 1)
		ret[n++] = '/';
	ret[n] = '\0';
	return n;
}

/* Appends one component to the path of length n; its new length. */
static size_t
append(char *path, size_t n, size_t size, const char *component, size_t len)
{
	if (len == 0 || (len == 1 && component[0] == '.'))
		return n;
	if (len == 2 && component[0] == '.' && component[1] == '.') {
		while (n > 0 && path[n - 1] != '/')
			n--;
		return n > 0 ? n - 1 : 0;
	}
	if (n + 1 >= size)
		return n;
	path[n++] = '/';
	len = len < size - 1 - n ? len : size - 1 - n;
	memcpy(path + n, component, len);
	return n + len;
}

size_t
path_below(struct ds_str names, struct ds_str text, char *ret, size_t size)
{
	size_t n = path_of_names(names, ret, size), at = 0, end;

	if (n == 1)
		n = 0;
	while (at < text.len) {
		for (end = at; end < text.len && text.ptr[end] != '/';)
			end++;
		n = append(ret, n, size, text.ptr + at, end - at);
		at = end + 1;
	}
	if (n == 0 && size > 1)
		ret[n++] = '/';
	ret[n] = '\0';
	return n;
}

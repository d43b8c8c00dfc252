/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/notify/clean.h"

#include "lib/json.h"

#include <string.h>

json_t *
clean_string(const char *text)
{
	json_t *value = json_string(text != NULL ? text : "");
	struct ds_buf buf;
	struct ds_json j;

	if (value != NULL)
		return value;
	ds_buf_init(&buf, 1u << 20);
	ds_json_init(&j, &buf);
	ds_json_string(&j, text);
	if (ds_json_done(&j) == 0)
		value = json_loadb((const char *)buf.data, buf.len, JSON_DECODE_ANY, NULL);
	ds_buf_done(&buf);
	return value;
}

int
clean_fit(const char *text, size_t max)
{
	size_t n = strnlen(text, max + 1);

	if (n <= max)
		return (int)n;
	for (n = max; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
		;
	return (int)n;
}

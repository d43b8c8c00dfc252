/* SPDX-License-Identifier: GPL-2.0-or-later */
/* utf8 - see utf8.h; called from any thread. */
#include "lib/utf8.h"

#include <stdio.h>
#include <string.h>

size_t
ds_utf8_len(const uint8_t *p, size_t left, size_t *ret_bad)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t need, ignored, *bad = ret_bad != NULL ? ret_bad : &ignored;

	*bad = 1;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0; /* shorter form exists */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f; /* past U+10FFFF */
	for (size_t i = 1; i < need; i++) {
		if (i >= left || p[i] < low || p[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
		*bad = i + 1;
	}
	return need;
}

bool
ds_utf8_is_control(const uint8_t *s, size_t len)
{
	if (len == 1)
		return *s < 0x20 || *s == 0x7f;
	if (len == 2)
		return s[0] == 0xc2 && s[1] <= 0x9f;
	return len == 3 && s[0] == 0xe2 &&
	       ((s[1] == 0x80 &&
		    (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae))) ||
		   (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9));
}

size_t
ds_utf8_escape(const char *s, size_t len, char *buf, size_t size)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		size_t bad, good = ds_utf8_len(p + i, len - i, &bad);

		if (good > 0 && !ds_utf8_is_control(p + i, good))
			bad = 0;
		else if (good > 0)
			bad = good;
		if (n + (bad > 0 ? 4 * bad : good) >= size)
			break;
		if (bad == 0)
			memcpy(buf + n, s + i, good);
		for (size_t k = 0; k < bad; k++)
			(void)snprintf(buf + n + 4 * k, 5, "\\x%02x", p[i + k]);
		n += bad > 0 ? 4 * bad : good;
		i += bad > 0 ? bad : good;
	}
	buf[n] = '\0';
	return n;
}

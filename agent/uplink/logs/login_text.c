/* SPDX-License-Identifier: GPL-2.0-or-later */
/* login_text - pieces of a message. */
#include "agent/uplink/logs/login_text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

static const struct ds_str nothing = { NULL, 0 };

static const char *
find(struct ds_str s, const char *part)
{
	return s.len > 0 ? memmem(s.ptr, s.len, part, strlen(part)) : NULL;
}

static const char *
find_last(struct ds_str s, const char *part)
{
	size_t len = strlen(part);

	for (size_t i = s.len >= len ? s.len - len + 1 : 0; i > 0; i--)
		if (memcmp(s.ptr + i - 1, part, len) == 0)
			return s.ptr + i - 1;
	return NULL;
}

static struct ds_str
from(struct ds_str s, const char *p)
{
	return (struct ds_str){ p, (uint32_t)(s.ptr + s.len - p) };
}

static struct ds_str
to(struct ds_str s, const char *p)
{
	return p != NULL ? (struct ds_str){ s.ptr, (uint32_t)(p - s.ptr) } : s;
}

bool
text_equals(struct ds_str s, const char *word)
{
	return s.len == strlen(word) && (s.len == 0 || memcmp(s.ptr, word, s.len) == 0);
}

bool
text_starts(struct ds_str s, const char *head)
{
	size_t len = strlen(head);

	return s.len >= len && memcmp(s.ptr, head, len) == 0;
}

bool
text_contains(struct ds_str s, const char *part)
{
	return find(s, part) != NULL;
}

struct ds_str
text_after(struct ds_str s, const char *mark)
{
	const char *p = find(s, mark);

	return p != NULL ? from(s, p + strlen(mark)) : nothing;
}

struct ds_str
text_after_last(struct ds_str s, const char *mark)
{
	const char *p = find_last(s, mark);

	return p != NULL ? from(s, p + strlen(mark)) : nothing;
}

struct ds_str
text_until(struct ds_str s, const char *mark)
{
	return to(s, find(s, mark));
}

struct ds_str
text_until_last(struct ds_str s, const char *mark)
{
	return to(s, find_last(s, mark));
}

struct ds_str
text_between(struct ds_str s, const char *left, const char *right)
{
	struct ds_str inside = text_after(s, left);
	const char *p = find(inside, right);

	return p != NULL ? to(inside, p) : nothing;
}

struct ds_str
text_trim(struct ds_str s)
{
	while (s.len > 0 && *s.ptr == ' ') {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && s.ptr[s.len - 1] == ' ')
		s.len--;
	return s;
}

struct ds_str
text_word(struct ds_str s)
{
	uint32_t n = 0;

	while (n < s.len && s.ptr[n] != ' ' && s.ptr[n] != ',')
		n++;
	return (struct ds_str){ s.ptr, n };
}

struct ds_str
text_value(struct ds_str s, const char *key)
{
	return text_until(text_after(s, key), " ");
}

uint32_t
text_number(struct ds_str s, uint32_t fallback, uint32_t max)
{
	uint32_t v = 0, n = 0;

	for (; n < s.len && n < 9 && isdigit((unsigned char)s.ptr[n]); n++)
		v = v * 10 + (uint32_t)(s.ptr[n] - '0');
	return n == 0 || v > max ? fallback : v;
}

bool
text_address(struct ds_str s, struct login *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[64];
	uint8_t v6[16], v4[4];

	if (s.len > 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']')
		s = (struct ds_str){ s.ptr + 1, s.len - 2 };
	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	text[strcspn(text, "%")] = '\0'; /* fe80::1%eth0 */
	if (inet_pton(AF_INET, text, v4) == 1) {
		memcpy(ret->address, v4, 4);
		ret->address_size = 4;
		return true;
	}
	if (inet_pton(AF_INET6, text, v6) != 1)
		return false;
	if (memcmp(v6, mapped, sizeof(mapped)) == 0) {
		memcpy(ret->address, v6 + 12, 4);
		ret->address_size = 4;
		return true;
	}
	memcpy(ret->address, v6, 16);
	ret->address_size = 16;
	return true;
}

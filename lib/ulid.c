/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/ulid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define DIGITS 26

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

int
ds_ulid_make(uint64_t wall_us, uint8_t ret[DS_ULID_SIZE])
{
	uint64_t ms = wall_us / 1000;

	if (getrandom(ret, DS_ULID_SIZE, 0) != DS_ULID_SIZE)
		return errno ? -errno : -EIO;
	for (int i = 5; i >= 0; i--, ms >>= 8)
		ret[i] = (uint8_t)ms;
	return 0;
}

/* Five bits of the 130 that 26 digits hold; the first two are none of ours. */
static unsigned
bits_at(const uint8_t id[DS_ULID_SIZE], int digit)
{
	unsigned v = 0;

	for (int bit = digit * 5 - 2; bit < digit * 5 + 3; bit++)
		v = v << 1 | (bit < 0 ? 0u : id[bit / 8] >> (7 - bit % 8) & 1u);
	return v;
}

void
ds_ulid_format(const char *prefix, const uint8_t id[DS_ULID_SIZE], char *ret, size_t size)
{
	char text[DS_ULID_TEXT];

	for (int i = 0; i < DIGITS; i++)
		text[i] = digits[bits_at(id, i)];
	text[DIGITS] = '\0';
	snprintf(ret, size, "%s%s", prefix, text);
}

int
ds_ulid_parse(const char *prefix, const char *text, uint8_t ret[DS_ULID_SIZE])
{
	uint8_t id[DS_ULID_SIZE] = { 0 };

	if (strncmp(text, prefix, strlen(prefix)) != 0)
		return -EINVAL;
	text += strlen(prefix);
	if (strlen(text) != DIGITS)
		return -EINVAL;
	for (int i = 0; i < DIGITS; i++) {
		const char *at = strchr(digits, text[i]);
		unsigned v = at ? (unsigned)(at - digits) : 32;

		if (v > (i == 0 ? 7u : 31u))
			return -EINVAL;
		for (int b = 0; b < 5; b++) {
			int bit = i * 5 - 2 + b;

			if (bit >= 0 && v >> (4 - b) & 1)
				id[bit / 8] |= (uint8_t)(1u << (7 - bit % 8));
		}
	}
	memcpy(ret, id, sizeof(id));
	return 0;
}

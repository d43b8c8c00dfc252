/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a packed batch; and, with a header and checksums made for it, the two parts of one:
 * a byte saying how many events, one saying how many strings, one saying how much of the rest is
 * dictionary.
 */
#include "lib/batch.h"
#include "lib/batch_format.h"
#include "lib/zip.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
read_all(const uint8_t *data, size_t len)
{
	static struct ds_batch *b;
	struct ds_event ev;
	size_t bytes = 0;

	if (b == NULL)
		b = ds_batch_new();
	if (ds_batch_decode(b, data, len) < 0)
		return;
	for (size_t i = 0; i < ds_batch_len(b); i++) {
		if (ds_batch_event(b, i, &ev) < 0)
			abort();
		for (size_t s = 0; s < DS_LEN(ev.str); s++)
			for (uint32_t k = 0; k < ev.str[s].len; k++)
				bytes += (uint8_t)ev.str[s].ptr[k];
	}
	if (bytes == SIZE_MAX)
		abort(); /* so that the strings are really read */
}

static void
be_put(uint8_t *at, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
}

/* Kinds and times are taken from the columns where they usually are: the rest is refused early. */
static void
wrap(const uint8_t *data, size_t len, uint64_t kinds, uint64_t time_us)
{
	size_t dict = data[2] % (len - 2), columns = len - 3 - dict;
	uint8_t *h = calloc(1, BATCH_HEADER + len);

	if (h == NULL)
		return;
	memcpy(h, BATCH_MAGIC "\1", 4);
	be_put(h + 8, data[0], 4);
	be_put(h + 12, data[1], 4);
	be_put(h + 16, time_us, 8);
	be_put(h + 24, time_us, 8);
	be_put(h + 32, kinds, 8);
	be_put(h + 40, dict, 4);
	be_put(h + 44, dict, 4);
	be_put(h + 48, columns, 4);
	be_put(h + 52, columns, 4);
	be_put(h + 56, ds_crc32(data + 3, dict), 4);
	be_put(h + 60, ds_crc32(data + 3 + dict, columns), 4);
	be_put(h + 4, ds_crc32(h + 8, BATCH_HEADER - 8), 4);
	memcpy(h + BATCH_HEADER, data + 3, dict + columns);
	read_all(h, BATCH_HEADER + dict + columns);
	free(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint64_t kinds = 0;

	read_all(data, len);
	if (len < 8)
		return 0;
	for (size_t i = 3; i < len && i < 64; i++) {
		kinds |= UINT64_C(1) << (data[i] & 63);
		wrap(data, len, UINT64_C(1) << (data[i] & 63), 0);
	}
	wrap(data, len, kinds & ~UINT64_C(1), 0);
	return 0;
}

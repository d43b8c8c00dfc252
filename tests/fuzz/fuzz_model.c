/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_model - any bytes as a window model: refused with a sentence, or used.
 */
#include "server/model/fit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER 28u /* bytes before the checked part; its size and checksum are the last 16 */

static void
put_u64(uint8_t *at, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(v >> (56 - 8 * i));
}

static void
try(const uint8_t *data, size_t size)
{
	struct window_model m = { .len = 0 };
	double row[WINDOW_DIM] = { 1 };
	struct fit_score score;
	struct ds_buf out;
	char why[128] = "";

	if (window_model_get(data, size, &m, why, sizeof(why)) < 0) {
		if (why[0] == '\0')
			abort();
		return;
	}
	ds_buf_init(&out, FIT_BYTES_MAX);
	for (size_t i = 0; i < m.len; i++)
		window_fit_score(&m.fits[i], NULL, row, &score);
	if (window_model_put(&m, &out) < 0)
		abort();
	ds_buf_done(&out);
	window_model_done(&m);
}

/* As it is, and with a header that fits, so that what is behind it is read as well. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t sum = 0xcbf29ce484222325ull;
	uint8_t *copy;

	try(data, size);
	if (size <= HEADER)
		return 0;
	copy = malloc(size);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	for (size_t i = HEADER; i < size; i++)
		sum = (sum ^ copy[i]) * 0x100000001b3ull;
	put_u64(copy + 12, size - HEADER);
	put_u64(copy + 20, sum ^ sum >> 31);
	try(copy, size);
	free(copy);
	return 0;
}

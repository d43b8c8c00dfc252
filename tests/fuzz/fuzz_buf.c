/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ds_buf b;
	const uint8_t *p;
	uint64_t v;
	size_t n;

	ds_buf_view(&b, data, len);
	while (ds_buf_get_varint(&b, &v) == 0 && ds_buf_get_bytes(&b, 64, &p, &n) == 0)
		;
	return 0;
}

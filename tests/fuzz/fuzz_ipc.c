/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whatever is read as an event must be written as the same bytes. */
#include "lib/ipc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
read_events(const uint8_t *body, size_t size)
{
	struct ds_event ev;
	struct ds_buf b, again;

	ds_buf_view(&b, body, size);
	while (ds_buf_left(&b) > 0) {
		size_t start = b.pos;

		if (ds_ipc_get_event(&b, &ev) < 0)
			return;
		ds_buf_init(&again, 1 << 20);
		if (ds_ipc_put_event(&again, &ev) < 0 || again.len != b.pos - start ||
		    memcmp(again.data, body + start, again.len) != 0)
			abort();
		ds_buf_done(&again);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *body;
	struct ds_buf b;
	uint8_t type;
	size_t size;

	read_events(data, len);
	ds_buf_view(&b, data, len);
	while (ds_ipc_get(&b, &type, &body, &size) == 1)
		read_events(body, size);
	return 0;
}

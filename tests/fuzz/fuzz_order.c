/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Orders and results from any bytes; what is taken is written as it was read. */
#include "lib/order.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
try_order(const struct ds_envelope *e)
{
	static struct ds_order order, again;
	static const uint8_t none[DS_SIGN_SIZE];
	struct ds_envelope back;
	struct ds_buf b;

	if (ds_order_get(e, &order) < 0)
		return;
	ds_buf_init(&b, DS_ORDER_MAX);
	if (ds_order_put(&b, e->key_id, &order) == 0 &&
	    (ds_buf_put(&b, none, sizeof(none)) < 0 || ds_envelope_get(b.data, b.len, &back) < 0 ||
		ds_order_get(&back, &again) < 0 || memcmp(&order, &again, sizeof(order)) != 0))
		abort();
	ds_buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ds_envelope e;
	struct ds_result result;

	if (ds_envelope_get(data, len, &e) == 0)
		try_order(&e);
	/* The message alone, so that damage is not spent on what surrounds it. */
	e = (struct ds_envelope){
		.key_id = (const uint8_t *)"12345678", .message = data, .message_size = len
	};
	try_order(&e);
	if (ds_result_get(data, len, &result) == 0 && result.evidence_size > DS_EVIDENCE_MAX)
		abort();
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The query language: any text, of both schemas, tried on a small batch. */
#include "server/api/query.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct ds_batch *
small_batch(void)
{
	static struct ds_buf packed;
	struct ds_batch_builder *b = ds_batch_builder_new();
	struct ds_batch *batch = ds_batch_new();

	if (b == NULL || batch == NULL)
		abort();
	for (unsigned k = 1; k < DS_EVENT_MAX; k++) {
		struct ds_event ev = { .time_us = k, .count = k, .kind = (uint8_t)k };

		for (unsigned f = 1; f < DS_NUM_MAX; f++)
			ev.num[f] = f;
		ds_event_set_str(&ev, DS_STR_EXE, "/usr/sbin/nginx", 15);
		ds_event_set_str(&ev, DS_STR_ARGS, "a\0b\0c", 5);
		ds_event_set_str(&ev, DS_STR_SADDR, "\x0a\x01\x02\x03", 4);
		ev.daemon = (struct ds_str){ "nginx.service", 13 };
		if (ds_kind_table[k].symbol != NULL && ds_batch_add(b, &ev) < 0)
			abort();
	}
	ds_buf_init(&packed, DS_BATCH_PACKED_MAX);
	if (ds_batch_pack(b, 1, &packed) < 0 || ds_batch_decode(batch, packed.data, packed.len) < 0)
		abort();
	ds_batch_builder_free(b);
	return batch;
}

static bool
get_any(void *ctx, const char *field, struct query_datum *ret)
{
	(void)ctx;
	if (field[0] & 1)
		ret->text = (struct ds_str){ "text", 4 };
	else
		*ret = (struct query_datum){ .is_number = true, .number = 5 };
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct query_host host = { "web1", "id" };
	static struct ds_batch *batch;
	struct query_error e;
	struct query *q = query_parse(&query_events, (const char *)data, len, 1000000, &e);
	struct query_matcher *m;
	const uint8_t *hits;

	if (batch == NULL)
		batch = small_batch();
	if (q != NULL) {
		m = query_matcher_new(q);
		/* What the dictionary and the columns' beginnings say is impossible is not found in
		 * the columns either. */
		if (m == NULL || query_matcher_open(m, batch, &host) < 0)
			abort();
		if ((query_matcher_open(m, batch, &host) == 0 ||
			!query_matcher_inflated(m, batch)) &&
		    query_matcher_run(m, batch, &hits) != 0)
			abort();
		query_matcher_free(m);
		(void)query_may_match_host(q, &host);
		query_free(q);
	} else if (e.text[0] == '\0') {
		abort();
	}
	q = query_parse(&query_alerts, (const char *)data, len, 1000000, &e);
	if (q != NULL)
		(void)query_match(q, get_any, NULL);
	query_free(q);
	return 0;
}

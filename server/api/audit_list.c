/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit_list - who changed what, and whether the record is whole.
 *
 * On the pool's threads.  A client can verify the chain by itself from the pages (order=oldest);
 * /audit/verify does it here.
 */
#include "server/api/routes.h"
#include "server/store/audit.h"

#include <stdio.h>
#include <string.h>

struct page {
	struct call *call;
	unsigned len, limit;
	uint64_t last;
};

static void
put_hash(struct ds_json *j, const char *key, const uint8_t hash[ACCESS_HASH_SIZE])
{
	char text[2 * ACCESS_HASH_SIZE + 1];

	for (size_t i = 0; i < ACCESS_HASH_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	ds_json_put_string(j, key, text);
}

static int
list_row(const struct audit_row *row, void *ctx)
{
	struct page *p = ctx;
	struct ds_json *j = &p->call->json;

	if (p->len == p->limit)
		return 1;
	p->len++;
	p->last = row->number;
	ds_json_object(j);
	ds_json_put_uint(j, "number", row->number);
	ds_json_put_time(j, "time", row->time_us);
	ds_json_put_string(j, "actor", row->actor);
	ds_json_put_string(j, "action", row->action);
	ds_json_put_string(j, "subject", row->subject);
	ds_json_put_string(j, "detail", row->detail);
	put_hash(j, "hash", row->hash);
	ds_json_end(j);
	return 0;
}

void
audit_show(struct call *c)
{
	struct page p = { .call = c };
	const char *order = c->get(c->request, "order");
	bool newest_first = order == NULL || strcmp(order, "oldest") != 0;
	char cursor[24];
	uint64_t from;
	int r;

	if (!call_limit(c, 100, &p.limit) || !call_number_cursor(c, &from))
		return;
	call_begin_items(c);
	r = c->cfg->backend->access->each_audit(
	    c->worker->reader, newest_first, from, p.limit + 1, list_row, &p);
	if (r < 0) {
		call_error(c, r, "cannot read the audit log");
		return;
	}
	snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)p.last);
	call_end_items(c, r == 1 ? cursor : NULL);
}

/* ---- verify */

struct chain {
	struct audit_row head; /* the newest ever written when this began; number 0: none */
	bool has_head;         /* it was passed */
	uint8_t hash[ACCESS_HASH_SIZE];
	uint64_t rows, broken; /* number of the first row that does not fit; 0: none */
};

static int
follow_row(const struct audit_row *row, void *ctx)
{
	struct chain *chain = ctx;
	uint8_t hash[ACCESS_HASH_SIZE];

	chain->rows++;
	audit_hash(chain->hash, row, hash);
	if (chain->broken == 0 &&
	    (row->number != chain->rows || memcmp(hash, row->hash, sizeof(hash)) != 0))
		chain->broken = row->number;
	memcpy(chain->hash, row->hash, sizeof(hash));
	chain->has_head |= row->number == chain->head.number &&
			   memcmp(row->hash, chain->head.hash, sizeof(hash)) == 0;
	return 0;
}

void
audit_verify(struct call *c)
{
	struct chain chain = { .rows = 0 };
	int r = c->cfg->backend->access->audit_head(c->worker->reader, &chain.head);

	if (r >= 0)
		r = c->cfg->backend->access->each_audit(
		    c->worker->reader, false, 0, UINT32_MAX >> 1, follow_row, &chain);
	if (r < 0) {
		call_error(c, r, "cannot read the audit log");
		return;
	}
	if (chain.broken == 0 && chain.head.number != 0 && !chain.has_head)
		chain.broken = DS_MIN(chain.head.number, chain.rows + 1);
	ds_json_object(&c->json);
	ds_json_put_bool(&c->json, "whole", chain.broken == 0);
	ds_json_put_uint(&c->json, "rows", chain.rows);
	if (chain.broken != 0)
		ds_json_put_uint(&c->json, "broken_at", chain.broken);
	put_hash(&c->json, "head", chain.hash);
	ds_json_end(&c->json);
}

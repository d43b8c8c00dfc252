/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_model_state - what streaming models learnt, in the control plane. */
#include "server/store/backends.h"
#include "server/store/sqlite.h"

#include <errno.h>

static const char state_put[] =
    "INSERT OR REPLACE INTO model_state(host, shard, name, data) VALUES (?, ?, ?, ?)";
static const char state[] =
    "SELECT name, data FROM model_state WHERE host = ? AND shard = ? AND name = ?";
static const char states[] =
    "SELECT name, data FROM model_state WHERE host = ? AND shard = ? ORDER BY name";

static int
put(struct store *s, const struct model_state_row *row)
{
	return db_do(&s->control, state_put, "uutb", (uint64_t)row->host, (uint64_t)row->shard,
	    row->name, row->data, row->size);
}

static int
call_rows(struct db *d, sqlite3_stmt *st, uint32_t host, uint32_t shard,
    int (*call)(const struct model_state_row *row, void *ctx), void *ctx)
{
	int result = 0;

	while (db_next(d, st, &result)) {
		const struct model_state_row row = {
			.host = host,
			.shard = shard,
			.name = db_text(st, 0),
			.data = sqlite3_column_blob(st, 1),
			.size = (size_t)sqlite3_column_bytes(st, 1),
		};

		result = call(&row, ctx);
	}
	return result;
}

static int
get(struct store *s, uint32_t host, uint32_t shard, const char *name,
    int (*call)(const struct model_state_row *row, void *ctx), void *ctx)
{
	sqlite3_stmt *st =
	    db_query(&s->control, state, "uut", (uint64_t)host, (uint64_t)shard, name);

	return call_rows(&s->control, st, host, shard, call, ctx);
}

static int
each(struct reader *r, uint32_t host, uint32_t shard,
    int (*call)(const struct model_state_row *row, void *ctx), void *ctx)
{
	sqlite3_stmt *st = db_query(&r->control, states, "uu", (uint64_t)host, (uint64_t)shard);

	return call_rows(&r->control, st, host, shard, call, ctx);
}

const struct store_model_state store_sqlite_model_state = {
	.put = put,
	.get = get,
	.each = each,
};

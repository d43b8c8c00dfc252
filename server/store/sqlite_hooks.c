/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_hooks - deliveries of forges and the deployments that they opened, in the control plane.
 */
#include "server/store/backends.h"
#include "server/store/sqlite.h"

static const char delivery_add[] =
    "INSERT OR IGNORE INTO hook_delivery(forge, digest, delivery, seen_us) VALUES (?, ?, ?, ?)";
static const char delivery_trim[] =
    "DELETE FROM hook_delivery WHERE forge = ?1 AND number <="
    " (SELECT max(number) FROM hook_delivery WHERE forge = ?1) - ?2";
static const char window_add[] = "INSERT INTO hook_window(source, deployment) VALUES (?, ?)";
static const char window_trim[] =
    "DELETE FROM hook_window WHERE deployment IN (SELECT w.deployment FROM hook_window w"
    " JOIN deployment d ON d.number = w.deployment WHERE d.ended_us != 0 OR d.until_us < ?)";
static const char open_count[] =
    "SELECT count(*) FROM hook_window w JOIN deployment d ON d.number = w.deployment"
    " WHERE w.source = ? AND d.ended_us = 0 AND d.until_us > ?";
static const char settle[] =
    "UPDATE deployment SET until_us = min(until_us, ?3) WHERE ended_us = 0 AND until_us > ?2"
    " AND number IN (SELECT deployment FROM hook_window WHERE source = ?1)";

static int
delivery_put(struct store *s, const struct delivery_row *row)
{
	int r = db_do(&s->control, delivery_add, "tbtu", row->forge, row->digest, row->digest_size,
	    row->delivery, row->seen_us);
	int added = r >= 0 ? sqlite3_changes(s->control.handle) > 0 : r;

	if (added > 0)
		r = db_do(
		    &s->control, delivery_trim, "tu", row->forge, (uint64_t)HOOKS_DELIVERIES_MAX);
	return r < 0 ? r : added;
}

static int
windows_open(struct store *s, const char *source, uint64_t now_us)
{
	sqlite3_stmt *st = db_query(&s->control, open_count, "tu", source, now_us);
	int n = 0, r = 0;

	while (db_next(&s->control, st, &r))
		n = sqlite3_column_int(st, 0);
	return r < 0 ? r : n;
}

static int
window_put(struct store *s, const char *source, uint64_t deployment)
{
	return db_do(&s->control, window_add, "tu", source, deployment);
}

static int
windows_settle(struct store *s, const char *source, uint64_t now_us, uint64_t until_us)
{
	int r = db_do(&s->control, settle, "tuu", source, now_us, until_us);
	int n = r >= 0 ? sqlite3_changes(s->control.handle) : r;

	/* What is over is of no use any more. */
	if (n >= 0)
		r = db_do(&s->control, window_trim, "u", now_us);
	return r < 0 ? r : n;
}

const struct store_hooks store_sqlite_hooks = {
	.delivery_put = delivery_put,
	.window_put = window_put,
	.windows_open = windows_open,
	.windows_settle = windows_settle,
};

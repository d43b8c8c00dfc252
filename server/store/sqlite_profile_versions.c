/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_profile_versions - versions of profiles, in the control plane. */
#include "server/store/backends.h"
#include "server/store/sqlite.h"

#define COLUMNS                                                                               \
	"host, daemon, number, parent, reason, exe, package, package_version, image, sha256," \
	" begun_us, warm_until_us, inherited, explained, told"

static const char version_put[] = "INSERT OR REPLACE INTO profile_version(" COLUMNS ")"
				  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char version_prune[] =
    "DELETE FROM profile_version WHERE host = ? AND daemon = ? AND number + ? <= ?";
static const char keys_drop[] = "DELETE FROM profile WHERE host = ? AND daemon = ? AND version > ?";
static const char versions[] = "SELECT " COLUMNS " FROM profile_version WHERE (?1 = 0 OR host = ?1)"
			       " AND (?2 = '' OR daemon = ?2) ORDER BY host, daemon, number";
static const char versions_of_host[] =
    "SELECT " COLUMNS " FROM profile_version WHERE host = ?1 AND (?2 = '' OR daemon = ?2)"
    " ORDER BY daemon, number";

static int
put(struct store *s, const struct profile_version_row *row)
{
	int r = db_do(&s->control, version_put, "utuutttttbuuuuu", (uint64_t)row->host, row->daemon,
	    (uint64_t)row->number, (uint64_t)row->parent, row->reason, row->exe, row->package,
	    row->package_version, row->image, row->sha256, sizeof(row->sha256), row->begun_us,
	    row->warm_until_us, row->inherited, row->explained, row->told);

	if (r < 0 || row->number <= PROFILE_VERSIONS_MAX)
		return r;
	return db_do(&s->control, version_prune, "utuu", (uint64_t)row->host, row->daemon,
	    (uint64_t)PROFILE_VERSIONS_MAX, (uint64_t)row->number);
}

static int
drop_after(struct store *s, uint32_t host, const char *daemon, uint32_t number)
{
	return db_do(&s->control, keys_drop, "utu", (uint64_t)host, daemon, (uint64_t)number);
}

static int
each(struct reader *r, uint32_t host, const char *daemon, profile_version_call call, void *ctx)
{
	struct db *db = &r->control;
	sqlite3_stmt *st = db_query(db, host != 0 ? versions_of_host : versions, "ut",
	    (uint64_t)host, daemon != NULL ? daemon : "");
	int result = 0;

	while (db_next(db, st, &result)) {
		struct profile_version_row row = {
			.host = (uint32_t)db_u64(st, 0),
			.daemon = db_text(st, 1),
			.number = (uint32_t)db_u64(st, 2),
			.parent = (uint32_t)db_u64(st, 3),
			.reason = db_text(st, 4),
			.exe = db_text(st, 5),
			.package = db_text(st, 6),
			.package_version = db_text(st, 7),
			.image = db_text(st, 8),
			.begun_us = db_u64(st, 10),
			.warm_until_us = db_u64(st, 11),
			.inherited = db_u64(st, 12),
			.explained = db_u64(st, 13),
			.told = db_u64(st, 14),
		};

		db_bytes(st, 9, row.sha256, sizeof(row.sha256));
		result = call(&row, ctx);
	}
	return result;
}

const struct store_profile_versions store_sqlite_profile_versions = {
	.put = put,
	.drop_after = drop_after,
	.each = each,
};

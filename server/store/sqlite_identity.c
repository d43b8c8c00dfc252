/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_identity - who hosts are to us, in the control plane. */
#include "server/store/backends.h"
#include "server/store/sqlite.h"

#include <errno.h>

static int
tell(struct store *s, const uint8_t id[16], uint64_t generation, const uint8_t *trusts, size_t size)
{
	static const char sql[] =
	    "UPDATE host SET generation = CASE ?2 WHEN 0 THEN generation ELSE ?2 END,"
	    " trusts = CASE length(?3) WHEN 0 THEN trusts ELSE ?3 END WHERE id = ?1";

	return db_do(&s->control, sql, "bub", id, (size_t)DS_HOST_ID_SIZE, generation,
	    size > 0 ? (const void *)trusts : "", size);
}

static int
mark_copy(struct store *s, const uint8_t id[16], uint32_t copy_of, unsigned max)
{
	static const char count[] =
	    "SELECT count(*) FROM host WHERE copy_of = ? AND status = 0 AND id <> ?";
	static const char mark[] = "UPDATE host SET copy_of = ? WHERE id = ?";
	sqlite3_stmt *st =
	    db_query(&s->control, count, "ub", (uint64_t)copy_of, id, (size_t)DS_HOST_ID_SIZE);
	uint64_t waiting;
	int r = db_step(&s->control, st);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	waiting = db_u64(st, 0);
	sqlite3_reset(st);
	if (waiting >= max)
		return -EDQUOT;
	return db_do(&s->control, mark, "ub", (uint64_t)copy_of, id, (size_t)DS_HOST_ID_SIZE);
}

static int
issued(struct store *s, const uint8_t id[16], const uint8_t issuer[32])
{
	static const char sql[] = "UPDATE host SET issuer = ? WHERE id = ?";

	return db_do(&s->control, sql, "bb", issuer, (size_t)32, id, (size_t)DS_HOST_ID_SIZE);
}

static int
count(struct reader *r, const uint8_t authority[32], uint64_t *ret_hosts, uint64_t *ret_trusting,
    uint64_t *ret_issued)
{
	static const char sql[] =
	    "SELECT count(*), total(substr(trusts, 1, 32) = ?1 OR substr(trusts, 33, 32) = ?1 OR"
	    " substr(trusts, 65, 32) = ?1), total(issuer = ?1) FROM host WHERE status = 1";
	sqlite3_stmt *st = db_query(&r->control, sql, "b", authority, (size_t)32);
	int result = db_step(&r->control, st);

	if (result <= 0)
		return result < 0 ? result : -EIO;
	*ret_hosts = db_u64(st, 0);
	*ret_trusting = (uint64_t)sqlite3_column_double(st, 1);
	*ret_issued = (uint64_t)sqlite3_column_double(st, 2);
	sqlite3_reset(st);
	return 0;
}

const struct store_identity store_sqlite_identity = {
	.tell = tell,
	.mark_copy = mark_copy,
	.issued = issued,
	.count = count,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_identity - who hosts are to us, in the control plane. */
#include "server/store/backends.h"
#include "server/store/sqlite.h"

#include <errno.h>
#include <stdio.h>

#define REBIND_US    30000000u /* between two orders of that kind to a host */
#define REBIND_DEPTH 16u       /* copies of copies that are followed */

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

static int
token_label(struct store *s, const char *token_id, char *ret, size_t size)
{
	sqlite3_stmt *st =
	    db_query(&s->control, "SELECT label FROM token WHERE id = ?", "t", token_id);
	int r = 0;

	*ret = '\0';
	while (db_next(&s->control, st, &r))
		snprintf(ret, size, "%s", db_text(st, 0));
	return r;
}

static int
mark_ephemeral(struct store *s, const uint8_t id[16])
{
	return db_do(&s->control, "UPDATE host SET ephemeral = 1 WHERE id = ?", "b", id,
	    (size_t)DS_HOST_ID_SIZE);
}

static int
forget(struct store *s, uint64_t before_us)
{
#define OLD " IN (SELECT number FROM host WHERE ephemeral = 1 AND status = 2 AND last_seen_us < ?)"
	int r = db_do(&s->control, "DELETE FROM profile WHERE host" OLD, "u", before_us);

	if (r >= 0)
		r = db_do(
		    &s->control, "DELETE FROM profile_version WHERE host" OLD, "u", before_us);
	if (r >= 0)
		r = db_do(&s->control, "DELETE FROM model_state WHERE host" OLD, "u", before_us);
	if (r >= 0)
		r = db_do(&s->control, "DELETE FROM daemon WHERE host" OLD, "u", before_us);
	if (r >= 0)
		r = db_do(&s->control, "DELETE FROM host WHERE number" OLD, "u", before_us);
	return r < 0 ? r : 0;
#undef OLD
}

static int
tidy(struct store *s, uint64_t idle_us, uint64_t forget_us, uint64_t now_us)
{
	static const char revoke[] =
	    "UPDATE host SET status = 2 WHERE ephemeral = 1 AND status <> 2 AND last_seen_us < ?";
	static const char close[] =
	    "UPDATE alert SET status = 'closed', updated_us = ? WHERE status <> 'closed' AND host IN"
	    " (SELECT number FROM host WHERE ephemeral = 1 AND status = 2)";
	int r = db_do(&s->control, revoke, "u", idle_us);

	if (r >= 0)
		r = db_do(&s->control, close, "u", now_us);
	if (r >= 0)
		r = db_do(&s->control, "DELETE FROM token WHERE ephemeral = 1 AND expires_us < ?",
		    "u", forget_us);
	return r < 0 ? r : forget(s, forget_us);
}

static int
rebind(struct store *s, uint32_t host, const uint8_t from[16], uint64_t now_us)
{
	static const char sql[] =
	    "UPDATE host SET rebind_us = ?3 WHERE number = ?1 AND status = 1"
	    " AND (rebind_us > ?3 OR rebind_us + ?4 <= ?3) AND EXISTS (WITH RECURSIVE"
	    " line(number, depth) AS (SELECT copy_of, 1 FROM host WHERE number = ?1 UNION ALL"
	    " SELECT h.copy_of, depth + 1 FROM host h JOIN line l ON h.number = l.number WHERE depth < ?5)"
	    " SELECT 1 FROM line JOIN host h ON h.number = line.number WHERE h.id = ?2)";
	int r = db_do(&s->control, sql, "ubuuu", (uint64_t)host, from, (size_t)DS_HOST_ID_SIZE,
	    now_us, (uint64_t)REBIND_US, (uint64_t)REBIND_DEPTH);

	return r < 0 ? r : sqlite3_changes(s->control.handle) > 0;
}

const struct store_identity store_sqlite_identity = {
	.tell = tell,
	.mark_copy = mark_copy,
	.issued = issued,
	.token_label = token_label,
	.mark_ephemeral = mark_ephemeral,
	.tidy = tidy,
	.rebind = rebind,
	.count = count,
};

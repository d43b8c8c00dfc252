/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_messages - messages in control.db; and the backend that keeps none. */
#include "server/store/messages.h"
#include "server/store/sqlite.h"

#define COLUMNS                                                                                \
	"number, channel, event, alert_id, status, severity, count, body, created_us, due_us," \
	" tries, error, sent_us"

static int
put(struct store *s, const struct message_row *row)
{
	static const char add[] =
	    "INSERT INTO message(channel, event, alert_id, status, severity, count, body,"
	    " created_us, due_us, tries, error, sent_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	static const char change[] = "UPDATE message SET status = ?2, due_us = ?3, tries = ?4,"
				     " error = ?5, sent_us = ?6 WHERE number = ?1";

	if (row->number == 0)
		return db_do(&s->control, add, "tttttutuuutu", row->channel, row->event,
		    row->alert_id, row->status, row->severity, row->count, row->body,
		    row->created_us, row->due_us, (uint64_t)row->tries, row->error, row->sent_us);
	return db_do(&s->control, change, "utuutu", row->number, row->status, row->due_us,
	    (uint64_t)row->tries, row->error, row->sent_us);
}

static int
told(struct store *s, const char *channel, uint64_t number)
{
	static const char sql[] = "UPDATE message SET status = 'told' WHERE channel = ?"
				  " AND status = 'held' AND number <= ?";

	return db_do(&s->control, sql, "tu", channel, number);
}

static int
prune(struct store *s, uint64_t before_us)
{
	static const char sql[] = "DELETE FROM message WHERE number IN (SELECT number FROM message"
				  " WHERE status IN ('sent', 'told', 'dead') AND created_us < ?"
				  " LIMIT 1000)";

	return db_do(&s->control, sql, "u", before_us);
}

/* What is said first is what an index begins with; the rest is looked at row by row. */
#define LIST(first)                                                                         \
	"SELECT " COLUMNS " FROM message WHERE " first " AND (?1 IS NULL OR +channel = ?1)" \
	" AND (?2 IS NULL OR +status = ?2) AND (?3 IS NULL OR +alert_id = ?3)"              \
	" AND (?4 = 0 OR +due_us <= ?4)"
#define UP(first)   LIST(first) " AND number > ?6 ORDER BY number LIMIT ?5"
#define DOWN(first) LIST(first) " AND number < ?6 ORDER BY number DESC LIMIT ?5"
#define BOTH(first)                    \
	{                              \
		UP(first), DOWN(first) \
	}

static const char *
list_of(const struct message_filter *f)
{
	static const char of_all[2][700] = BOTH("1"), of_alert[2][700] = BOTH("alert_id = ?3"),
			  of_channel[2][700] = BOTH("channel = ?1"),
			  of_status[2][700] = BOTH("status = ?2"),
			  of_two[2][700] = BOTH("channel = ?1 AND status = ?2");
	bool down = f->before != 0;

	if (f->alert_id != NULL)
		return of_alert[down];
	if (f->channel != NULL)
		return f->status != NULL ? of_two[down] : of_channel[down];
	return f->status != NULL ? of_status[down] : of_all[down];
}

static int
each(struct reader *r, const struct message_filter *f,
    int (*call)(const struct message_row *row, void *ctx), void *ctx)
{
	sqlite3_stmt *st = db_query(&r->control, list_of(f), "nnnuuu", f->channel, f->status,
	    f->alert_id, f->due_us, (uint64_t)f->limit, f->before);
	int result = 0;

	while (db_next(&r->control, st, &result)) {
		struct message_row row = {
			.number = db_u64(st, 0),
			.channel = db_text(st, 1),
			.event = db_text(st, 2),
			.alert_id = db_text(st, 3),
			.status = db_text(st, 4),
			.severity = db_text(st, 5),
			.count = db_u64(st, 6),
			.body = db_text(st, 7),
			.created_us = db_u64(st, 8),
			.due_us = db_u64(st, 9),
			.tries = (uint32_t)db_u64(st, 10),
			.error = db_text(st, 11),
			.sent_us = db_u64(st, 12),
		};

		result = call(&row, ctx);
	}
	return result;
}

static int
count(struct reader *r, const char *channel, struct message_counts *ret)
{
	static const char sql[] = "SELECT"
				  " ifnull(sum(n) FILTER (WHERE state = ?1 || ' waiting'), 0),"
				  " ifnull(sum(n) FILTER (WHERE state = ?1 || ' held'), 0),"
				  " ifnull(sum(n) FILTER (WHERE state = ?1 || ' sent'), 0),"
				  " ifnull(sum(n) FILTER (WHERE state = ?1 || ' dead'), 0)"
				  " FROM tally WHERE what = 'message'";
	sqlite3_stmt *st = db_query(&r->control, sql, "t", channel);
	int result = db_step(&r->control, st);

	*ret = (struct message_counts){ 0 };
	if (result <= 0)
		return result;
	*ret =
	    (struct message_counts){ db_u64(st, 0), db_u64(st, 1), db_u64(st, 2), db_u64(st, 3) };
	sqlite3_reset(st);
	return 0;
}

const struct message_store messages_sqlite = { put, told, prune, each, count };

/* ---- null */

static int
null_put(struct store *s, const struct message_row *row)
{
	(void)s;
	(void)row;
	return 0;
}

static int
null_told(struct store *s, const char *channel, uint64_t number)
{
	(void)s;
	(void)channel;
	(void)number;
	return 0;
}

static int
null_prune(struct store *s, uint64_t before_us)
{
	(void)s;
	(void)before_us;
	return 0;
}

static int
null_each(struct reader *r, const struct message_filter *f,
    int (*call)(const struct message_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)f;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_count(struct reader *r, const char *channel, struct message_counts *ret)
{
	(void)r;
	(void)channel;
	*ret = (struct message_counts){ 0 };
	return 0;
}

const struct message_store messages_null = { null_put, null_told, null_prune, null_each,
	null_count };

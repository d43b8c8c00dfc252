/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sqlite_events - writing the event plane: the current day file, its cursors and segments.
 *
 * On the writer's thread.  The file of the current day has the newest cursors; a change of day
 * (forward at midnight, or wherever the clock jumps) first copies them, in a transaction of its
 * own, and counts the generation up: at start the file with the highest generation is the current
 * one.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "server/store/sqlite.h"
#include "server/store/sqlite_control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HINT "store.events_day" /* a setting */

static int
open_day(struct store *s, uint64_t day, struct db *ret, char *why, size_t size)
{
	char path[PATH_SIZE];
	int r = days_path(s->events_dir, day, path);

	return r < 0 ? r : db_open(ret, path, DB_EVENTS, days_sql, false, why, size);
}

/* The tables that writing needs; segments are checked one by one when they are read. */
static int
check_day(struct db *db, bool unclean)
{
	int r = 0;

	if (unclean)
		r = db_check(db, "cursor");
	if (unclean && r == 0)
		r = db_check(db, "day");
	return r;
}

/* Opens `day` and keeps it as the current one if its generation is the highest. */
static void
consider_day(struct store *s, uint64_t day, bool unclean)
{
	struct day_sums sums;
	struct db db;
	char why[300];
	int r = open_day(s, day, &db, why, sizeof(why));

	if (r == 0) {
		r = check_day(&db, unclean);
		if (r == 0)
			r = days_read_sums(&db, &sums);
		if (r < 0) {
			snprintf(why, sizeof(why), "%s", strerror(-r));
			db_close(&db);
		}
	}
	if (r == -EBADMSG)
		days_set_aside(s->events_dir, day, why);
	else if (r < 0)
		ds_log(WARN, "a file of events cannot be opened, ignoring it", "why=\"%s\"", why);
	if (r < 0)
		return;
	if (s->day != 0 && sums.generation <= s->sums.generation) {
		db_close(&db);
		return;
	}
	db_close(&s->events);
	s->events = db;
	s->sums = sums;
	s->day = day;
}

/* Which files may be the current one: "DAY PREVIOUS", written before each change of day. */
static bool
read_hint(struct store *s, uint64_t ret[2])
{
	sqlite3_stmt *st = db_prepare(&s->control, CONTROL_SETTING_GET, "t", HINT);
	bool found = db_step(&s->control, st) > 0;
	char *end;

	if (!found)
		return false;
	ret[0] = strtoull(db_text(st, 0), &end, 10);
	ret[1] = strtoull(end, NULL, 10);
	sqlite3_reset(st);
	return true;
}

static int
write_hint(struct store *s, uint64_t day)
{
	char text[48];

	snprintf(
	    text, sizeof(text), "%llu %llu", (unsigned long long)day, (unsigned long long)s->day);
	return db_run(&s->control, CONTROL_SETTING_PUT, "tt", HINT, text);
}

/* The hint saves opening a file for each day of history at start. */
static void
consider_hint(struct store *s, const uint64_t *days, size_t len, bool unclean)
{
	uint64_t hint[2];

	if (!read_hint(s, hint))
		return;
	for (size_t i = len; i-- > 0;)
		if (days[i] == hint[0] || days[i] == hint[1])
			consider_day(s, days[i], unclean);
}

int
events_open(struct store *s, bool unclean)
{
	uint64_t *days;
	size_t len;
	int r = days_list(s->events_dir, &days, &len);

	if (r < 0)
		return r;
	consider_hint(s, days, len, unclean);
	if (s->day == 0)
		for (size_t i = len; i-- > 0;)
			consider_day(s, days[i], unclean);
	free(days);
	return 0;
}

static int
copy_cursors(struct db *from, struct db *to)
{
	sqlite3_stmt *st;
	int r = db_exec(to, "DELETE FROM cursor");

	if (r < 0 || !from->handle)
		return r;
	st = db_prepare(from, DAY_CURSORS, "");
	while (db_next(from, st, &r))
		r = db_run(to, DAY_CURSOR_PUT, "uuuu", db_u64(st, 0), db_u64(st, 1), db_u64(st, 2),
		    db_u64(st, 3));
	return r;
}

static int
put_sums(struct db *db, const struct day_sums *sums)
{
	return db_run(db, DAY_SUMS_PUT, "uuuuuuu", sums->generation, sums->next_number,
	    sums->segments, sums->events, sums->time_min_us, sums->time_max_us, sums->compact_from);
}

/* Takes the newest cursors over into another day's file. */
static int
take_over(struct store *s, struct db *db, struct day_sums *ret)
{
	int r = db_begin(db);

	if (r < 0)
		return r;
	r = days_read_sums(db, ret);
	if (r == 0)
		r = copy_cursors(&s->events, db);
	if (r == -EBADMSG && s->events.handle) {
		ds_log(ERROR, "cursors of the last day cannot be read; agents may repeat events",
		    "%s", "");
		r = 0;
	}
	ret->generation = s->sums.generation + 1;
	if (r == 0)
		r = put_sums(db, ret);
	if (r == 0)
		r = db_commit(db);
	if (r < 0)
		db_try(db, "ROLLBACK"); /* may have happened already */
	return r;
}

static int
change_day(struct store *s, uint64_t day)
{
	struct day_sums sums;
	struct db db;
	char why[300];
	int r;

	if (s->compactor.day == day)
		compact_close(&s->compactor);
	r = open_day(s, day, &db, why, sizeof(why));
	if (r == -EBADMSG) {
		days_set_aside(s->events_dir, day, why);
		r = open_day(s, day, &db, why, sizeof(why));
	}
	if (r < 0)
		return r;
	r = write_hint(s, day);
	if (r == 0)
		r = take_over(s, &db, &sums);
	if (r < 0) {
		db_close(&db);
		return r;
	}
	db_close(&s->events);
	s->events = db;
	s->sums = sums;
	s->day = day;
	s->compactor.done = 0; /* days closed meanwhile */
	return 0;
}

/* The file was fine when it was opened and is not any more. */
static void
abandon_day(struct store *s)
{
	uint64_t generation = s->sums.generation;

	compact_close(&s->compactor);
	db_close(&s->events);
	days_set_aside(s->events_dir, s->day, "SQLite found it malformed");
	s->day = 0;
	s->sums = (struct day_sums){ 0 };
	s->damaged = false;
	/* The newest cursors left are those of the day before. */
	(void)events_open(s, false); /* else there are none */
	s->sums.generation = DS_MAX(s->sums.generation, generation);
}

int
events_begin(struct store *s)
{
	uint64_t today = s->cfg.clock() / DAY_US;
	int r;

	if (s->damaged)
		abandon_day(s);
	if (today != s->day || !s->events.handle) {
		r = change_day(s, today);
		if (r < 0)
			return r;
	}
	r = db_begin(&s->events);
	/* The compactor may have merged segments of this file. */
	if (r == 0)
		r = days_read_sums(&s->events, &s->sums);
	if (r < 0)
		db_try(&s->events, "ROLLBACK"); /* nothing was written */
	s->sums_begin = s->sums;
	return r;
}

int
events_finish(struct store *s)
{
	if (s->sums.next_number == s->sums_begin.next_number)
		return 0;
	return put_sums(&s->events, &s->sums);
}

int
events_cursor_get(struct store *s, uint32_t host, uint8_t lane, struct ds_cursor *ret)
{
	sqlite3_stmt *st = db_prepare(&s->events, DAY_CURSOR_GET, "ui", (uint64_t)host, (int)lane);
	int r = db_step(&s->events, st);

	if (r < 0)
		return r;
	*ret = (struct ds_cursor){ 0 };
	if (r > 0) {
		*ret = (struct ds_cursor){ db_u64(st, 0), db_u64(st, 1) };
		sqlite3_reset(st);
	}
	return 0;
}

int
events_insert(struct db *db, const struct segment_row *row, uint64_t number)
{
	int r = db_run(db, DAY_SEGMENT_PUT, "uuuuuuuiuub", number, (uint64_t)row->host,
	    row->received_us, row->time_min_us, row->time_max_us, (uint64_t)row->len, row->kinds,
	    (int)row->lane, row->epoch, row->seq, row->daemons, row->daemons_size);

	if (r == 0 && row->bloom_size > 0)
		r = db_run(db, DAY_BLOOM_PUT, "ub", number, row->bloom, row->bloom_size);
	if (r == 0)
		r = db_run(db, DAY_PACKED_PUT, "ub", number, row->packed, row->packed_size);
	return r;
}

int
events_segment_put(struct store *s, const struct segment_row *row)
{
	struct day_sums *sums = &s->sums;
	struct ds_cursor cursor;
	int r = events_cursor_get(s, row->host, row->lane, &cursor);

	if (r < 0)
		return r;
	if (cursor.epoch == row->epoch && cursor.seq >= row->seq)
		return 0;
	r = events_insert(&s->events, row, sums->next_number);
	if (r == 0)
		r = db_run(&s->events, DAY_CURSOR_PUT, "uiuu", (uint64_t)row->host, (int)row->lane,
		    row->epoch, row->seq);
	if (r < 0)
		return r;
	sums->next_number++;
	sums->segments++;
	sums->events += row->len;
	if (sums->time_min_us == 0 || row->time_min_us < sums->time_min_us)
		sums->time_min_us = row->time_min_us;
	sums->time_max_us = DS_MAX(sums->time_max_us, row->time_max_us);
	return 1;
}

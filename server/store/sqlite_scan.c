/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sqlite_scan - reading the event plane: day by day, what the index cannot exclude.
 *
 * On any thread, with a reader of its own, which keeps the files it used last open.
 */
#include "server/store/bloom.h"
#include "server/store/sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scan {
	struct reader *reader;
	const struct segment_filter *filter;
	int (*call)(const struct segment_row *row, const struct segment_position *at, void *ctx);
	void *ctx;
	struct scan_stats stats;
};

struct db *
scan_day(struct reader *r, uint64_t day)
{
	struct day_reader *oldest = &r->days[0];
	char path[PATH_SIZE];

	for (size_t i = 0; i < READERS_MAX; i++) {
		struct day_reader *d = &r->days[i];

		if (d->db.handle && d->day == day) {
			d->used = ++r->clock;
			return &d->db;
		}
		if (!d->db.handle || (oldest->db.handle && d->used < oldest->used))
			oldest = d;
	}
	db_close(&oldest->db);
	if (days_path(r->events_dir, day, path) < 0 ||
	    db_open(&oldest->db, path, DB_EVENTS, days_sql, true, NULL, 0) < 0)
		return NULL;
	oldest->day = day;
	oldest->used = ++r->clock;
	return &oldest->db;
}

/* Files that retention removed. */
static void
forget_missing(struct reader *r, const uint64_t *days, size_t len)
{
	for (size_t i = 0; i < READERS_MAX; i++) {
		bool found = false;

		for (size_t j = 0; j < len && !found; j++)
			found = days[j] == r->days[i].day;
		if (!found && r->days[i].db.handle)
			db_close(&r->days[i].db);
	}
}

void
scan_close(struct reader *r)
{
	for (size_t i = 0; i < READERS_MAX; i++)
		db_close(&r->days[i].db);
}

static bool
outside(const struct segment_filter *f, uint64_t time_min_us, uint64_t time_max_us)
{
	return (f->time_min_us && time_max_us < f->time_min_us) ||
	       (f->time_max_us && time_min_us > f->time_max_us);
}

static bool
has_host(const struct segment_filter *f, uint32_t host)
{
	for (size_t i = 0; i < f->hosts_len; i++)
		if (f->hosts[i] == host)
			return true;
	return f->hosts_len == 0 && !f->hosts;
}

/* The set is sorted: a binary search over 4-byte little-endian numbers. */
static bool
set_has(const uint8_t *set, size_t size, uint32_t hash)
{
	size_t low = 0, high = size / 4;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const uint8_t *p = set + mid * 4;
		uint32_t v = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
			     (uint32_t)p[3] << 24;

		if (v == hash)
			return true;
		if (v < hash)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

static bool
has_daemon(const struct segment_filter *f, const struct segment_row *row)
{
	for (size_t i = 0; i < f->daemon_hashes_len; i++)
		if (set_has(row->daemons, row->daemons_size, f->daemon_hashes[i]))
			return true;
	return !f->daemon_hashes;
}

static void
read_index(sqlite3_stmt *st, struct segment_row *ret)
{
	*ret = (struct segment_row){
		.number = sqlite3_column_int64(st, 0),
		.host = (uint32_t)db_u64(st, 1),
		.received_us = db_u64(st, 2),
		.time_min_us = db_u64(st, 3),
		.time_max_us = db_u64(st, 4),
		.len = (uint32_t)db_u64(st, 5),
		.kinds = db_u64(st, 6),
		.lane = (uint8_t)db_u64(st, 7),
		.epoch = db_u64(st, 8),
		.seq = db_u64(st, 9),
		.daemons = sqlite3_column_blob(st, 10),
		.daemons_size = (size_t)sqlite3_column_bytes(st, 10),
	};
}

static bool
index_excludes(const struct segment_filter *f, const struct segment_row *row)
{
	return (f->kinds && !(f->kinds & row->kinds)) || !has_host(f, row->host) ||
	       outside(f, row->time_min_us, row->time_max_us) || !has_daemon(f, row);
}

/* 1 excluded, 0 may match, -errno.  A segment without a filter may contain anything. */
static int
bloom_excludes(struct db *db, const struct segment_filter *f, int64_t number)
{
	sqlite3_stmt *st;
	int r;

	if (f->strings_len == 0)
		return 0;
	st = db_prepare(db, DAY_BLOOM_GET, "u", (uint64_t)number);
	r = db_step(db, st);
	if (r <= 0)
		return r;
	r = 0;
	for (size_t i = 0; i < f->strings_len && r == 0; i++)
		r = !bloom_may_have(
		    sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0), f->strings[i]);
	sqlite3_reset(st);
	return r;
}

static int
give_segment(struct scan *s, struct db *db, uint64_t day, struct segment_row *row)
{
	struct segment_position at = { day, (uint64_t)row->number };
	sqlite3_stmt *st = db_prepare(db, DAY_PACKED_GET, "u", (uint64_t)row->number);
	int r = db_step(db, st);

	if (r <= 0)
		return r;
	row->packed = sqlite3_column_blob(st, 0);
	row->packed_size = (size_t)sqlite3_column_bytes(st, 0);
	s->stats.read++;
	s->stats.bytes_read += row->packed_size;
	r = s->call(row, &at, s->ctx);
	sqlite3_reset(st);
	return r;
}

static int
consider_row(struct scan *s, struct db *db, uint64_t day, sqlite3_stmt *st)
{
	struct segment_row row;
	int r;

	read_index(st, &row);
	if (index_excludes(s->filter, &row))
		return 0;
	r = bloom_excludes(db, s->filter, row.number);
	return r > 0 ? 0 : r < 0 ? r : give_segment(s, db, day, &row);
}

/* The rows of all hosts. */
static int
scan_rows(struct scan *s, struct db *db, uint64_t day, uint64_t from)
{
	sqlite3_stmt *st =
	    db_prepare(db, s->filter->newest_first ? DAY_SCAN_DOWN : DAY_SCAN_UP, "u", from);
	int r = 0;

	while (db_next(db, st, &r))
		r = consider_row(s, db, day, st);
	return r;
}

/* Numbers only, which the index has: sorting whole rows costs more than reading them one by one. */
static const char *const numbers_up =
    "SELECT number FROM segment INDEXED BY segment_host"
    " WHERE number > ? AND host = ? AND time_max_us >= ? ORDER BY number";
static const char *const numbers_down =
    "SELECT number FROM segment INDEXED BY segment_host"
    " WHERE number < ? AND host = ? AND time_max_us >= ? ORDER BY number DESC";

/* Those of one host, which has an index. */
static int
scan_host(struct scan *s, struct db *db, uint64_t day, uint64_t from)
{
	const struct segment_filter *f = s->filter;
	sqlite3_stmt *numbers = db_query(db, f->newest_first ? numbers_down : numbers_up, "uuu",
	    from, (uint64_t)f->hosts[0], f->time_min_us);
	int r = 0;

	while (db_next(db, numbers, &r)) {
		sqlite3_stmt *st = db_prepare(db, DAY_SEGMENT_GET, "u", db_u64(numbers, 0));

		r = db_step(db, st);
		if (r <= 0)
			continue;
		r = consider_row(s, db, day, st);
		sqlite3_reset(st);
	}
	return r;
}

static int
scan_index(struct scan *s, struct db *db, uint64_t day)
{
	const struct segment_filter *f = s->filter;
	uint64_t from = f->newest_first ? INT64_MAX : 0;

	if (f->after_day == day && f->after_number)
		from = f->after_number;
	return f->hosts && f->hosts_len == 1 ? scan_host(s, db, day, from)
					     : scan_rows(s, db, day, from);
}

/* One transaction a day: compaction of it does not show half done. */
static int
scan_one_day(struct scan *s, uint64_t day)
{
	struct db *db = scan_day(s->reader, day);
	uint64_t read = s->stats.read;
	struct day_sums sums;
	int r;

	if (!db)
		return 0; /* gone meanwhile, or damaged: the writer says so */
	r = db_exec(db, "BEGIN");
	if (r < 0)
		return r;
	r = days_read_sums(db, &sums);
	if (r == 0) {
		s->stats.segments += sums.segments;
		if (sums.segments > 0 && !outside(s->filter, sums.time_min_us, sums.time_max_us))
			r = scan_index(s, db, day);
		s->stats.excluded += sums.segments - (s->stats.read - read);
	}
	db_try(db, "COMMIT"); /* only read */
	if (r == -EBADMSG) {
		db_close(db);
		r = 0; /* a damaged day must not hide the others */
	}
	return r;
}

int
scan_segments(struct reader *r, const struct segment_filter *f,
    int (*call)(const struct segment_row *row, const struct segment_position *at, void *ctx),
    void *ctx, struct scan_stats *stats)
{
	struct scan s = { .reader = r, .filter = f, .call = call, .ctx = ctx };
	uint64_t *days;
	size_t len;
	int result = days_list(r->events_dir, &days, &len);

	if (result < 0)
		return result;
	forget_missing(r, days, len);
	for (size_t i = 0; i < len && result == 0; i++) {
		uint64_t day = days[f->newest_first ? len - 1 - i : i];

		if (f->after_day && (f->newest_first ? day > f->after_day : day < f->after_day))
			continue;
		result = scan_one_day(&s, day);
	}
	free(days);
	if (stats) {
		stats->segments += s.stats.segments;
		stats->excluded += s.stats.excluded;
		stats->read += s.stats.read;
		stats->bytes_read += s.stats.bytes_read;
	}
	return result;
}

static void
add_day(
    struct reader *r, uint64_t day, struct store_totals *t, uint64_t *generation, uint64_t *current)
{
	struct db *db = scan_day(r, day);
	struct day_sums sums;

	t->bytes += days_size(r->events_dir, day);
	t->days++;
	if (!db || days_read_sums(db, &sums) < 0)
		return;
	t->events += sums.events;
	t->segments += sums.segments;
	if (sums.time_min_us && (t->oldest_us == 0 || sums.time_min_us < t->oldest_us))
		t->oldest_us = sums.time_min_us;
	t->newest_us = DS_MAX(t->newest_us, sums.time_max_us);
	if (sums.generation >= *generation) {
		*generation = sums.generation;
		*current = day;
	}
}

static int
sum_days(struct reader *r, struct store_totals *ret, uint64_t *ret_current)
{
	uint64_t *days, generation = 0;
	size_t len;
	int result = days_list(r->events_dir, &days, &len);

	if (result < 0)
		return result;
	forget_missing(r, days, len);
	*ret_current = 0;
	for (size_t i = 0; i < len; i++)
		add_day(r, days[i], ret, &generation, ret_current);
	free(days);
	return 0;
}

int
scan_totals(struct reader *r, struct store_totals *ret)
{
	struct store_totals t = { 0 };
	uint64_t current;
	int result = sum_days(r, &t, &current);

	if (result == 0)
		*ret = t;
	return result;
}

int
scan_cursor(struct reader *r, uint32_t host, uint8_t lane, struct ds_cursor *ret)
{
	struct store_totals ignored = { 0 };
	struct ds_cursor cursor = { 0 };
	sqlite3_stmt *st;
	struct db *db;
	uint64_t current;
	int result = sum_days(r, &ignored, &current);

	if (result < 0)
		return result;
	db = current ? scan_day(r, current) : NULL;
	if (db) {
		st = db_prepare(db, DAY_CURSOR_GET, "ui", (uint64_t)host, (int)lane);
		result = db_step(db, st);
		if (result < 0)
			return result;
		if (result > 0) {
			cursor = (struct ds_cursor){ db_u64(st, 0), db_u64(st, 1) };
			sqlite3_reset(st);
		}
	}
	*ret = cursor;
	return 0;
}

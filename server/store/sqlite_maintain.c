/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sqlite_maintain - retention by age and by size; then compaction.
 *
 * On the writer's thread, between transactions.  A clock that jumps must not cost a month of
 * history: after a jump forward, age counts again only when the server has run on for a day.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "server/store/backends.h"
#include "server/store/sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JUMP_US       HOUR_US
#define HOLD_MS       (24ull * 3600 * 1000)
#define WAL_MS        60000
#define TIDY_MS       60000
#define TIDY_FIRST_MS 600000  /* after the start: who is there has come back by then */
#define IDLE_US       HOUR_US /* without a word: a host that comes and goes has gone */
#define TRIM_LEN      256     /* segments removed at a time when one day alone is too large */
#define VACUUM_SQL    "PRAGMA incremental_vacuum(4096)"

static void
watch_clock(struct store *s, uint64_t now_us)
{
	uint64_t monotonic_ms = ds_clock_monotonic_ms(), expected;

	/* At the first call: what was written last tells the time until which this server lived. */
	if (s->wall_us == 0)
		expected = s->day ? (s->day + 2) * DAY_US : now_us;
	else
		expected = s->wall_us + (monotonic_ms - s->monotonic_ms) * 1000;
	if (now_us > expected + JUMP_US) {
		s->hold_until_ms = monotonic_ms + HOLD_MS;
		ds_log(WARN,
		    "the clock is far ahead of the stored events; nothing is removed by age for a day",
		    "ahead_s=%llu", (unsigned long long)((now_us - expected) / DS_US_PER_S));
	}
	s->wall_us = now_us;
	s->monotonic_ms = monotonic_ms;
}

static int
remove_day(struct store *s, uint64_t day, const char *why)
{
	if (s->compactor.day == day)
		compact_close(&s->compactor);
	ds_log(INFO, "a day of events is removed", "day=%llu why=\"%s\"", (unsigned long long)day,
	    why);
	return days_unlink(s->events_dir, day);
}

static bool
is_expired(const struct store *s, uint64_t day, uint64_t now_us)
{
	if (ds_clock_monotonic_ms() < s->hold_until_ms)
		return false;
	return (day + 1) * DAY_US + s->cfg.retention_us < now_us;
}

/* One segment of the current file, oldest first. */
static int
trim_segment(struct store *s, struct day_sums *sums)
{
	sqlite3_stmt *st = db_prepare(&s->events, DAY_OLDEST, "");
	int r = db_step(&s->events, st);
	uint64_t number, len;

	if (r <= 0)
		return r;
	number = db_u64(st, 0);
	len = db_u64(st, 1);
	sqlite3_reset(st);
	r = db_run(&s->events, DAY_SEGMENT_DELETE, "u", number);
	if (r == 0)
		r = db_run(&s->events, DAY_BLOOM_DELETE, "u", number);
	if (r == 0)
		r = db_run(&s->events, DAY_PACKED_DELETE, "u", number);
	sums->segments -= DS_MIN(sums->segments, 1);
	sums->events -= DS_MIN(sums->events, len);
	return r < 0 ? r : 1;
}

/* The current day alone is larger than everything may be. */
static int
trim_today(struct store *s)
{
	static struct ds_log_rate rate;
	struct day_sums sums;
	int r = db_begin(&s->events), left = TRIM_LEN;

	if (r < 0)
		return r;
	if (ds_log_pass(&rate, 1))
		ds_log(WARN, "today's events alone are more than max_size; the oldest are removed",
		    "max_bytes=%llu", (unsigned long long)s->cfg.max_bytes);
	r = days_read_sums(&s->events, &sums);
	if (r == 0)
		do
			r = trim_segment(s, &sums);
		while (r > 0 && --left > 0);
	if (r >= 0)
		r = db_run(&s->events, DAY_SUMS_PUT, "uuuuuuu", sums.generation, sums.next_number,
		    sums.segments, sums.events, sums.time_min_us, sums.time_max_us,
		    sums.compact_from);
	if (r == 0)
		r = db_commit(&s->events);
	if (r < 0) {
		db_try(&s->events, "ROLLBACK"); /* may have happened already */
		return r;
	}
	r = db_exec(&s->events, VACUUM_SQL);
	if (r == 0)
		days_checkpoint(&s->events);
	return r < 0 ? r : left == 0;
}

static int
enforce_retention(struct store *s, uint64_t now_us)
{
	uint64_t *days, total = 0;
	size_t len, i;
	int r = days_list(s->events_dir, &days, &len);

	if (r < 0)
		return r;
	for (i = 0; i < len; i++)
		total += days_size(s->events_dir, days[i]);
	for (i = 0; i < len; i++) {
		uint64_t size = days_size(s->events_dir, days[i]);

		if (days[i] == s->day)
			continue;
		if (is_expired(s, days[i], now_us))
			r = remove_day(s, days[i], "retention");
		else if (total > s->cfg.max_bytes)
			r = remove_day(s, days[i], "max_size");
		else
			continue;
		total -= r == 0 ? size : 0;
	}
	free(days);
	if (total > s->cfg.max_bytes && s->events.handle)
		return trim_today(s);
	return 0;
}

/* SQLite empties it only when it grows again; where little is said, 16 MiB of it are more than a
 * day's events. */
static void
empty_wal(struct store *s)
{
	uint64_t now_ms = ds_clock_monotonic_ms();

	if (now_ms < s->checkpoint_ms || !s->events.handle)
		return;
	s->checkpoint_ms = now_ms + WAL_MS;
	days_checkpoint(&s->events);
}

/* Hosts that come and go: a pipeline's that was killed says nothing any more. */
static int
tidy_hosts(struct store *s, uint64_t now_us)
{
	uint64_t now_ms = ds_clock_monotonic_ms();
	uint64_t keep_us = DS_MIN(s->cfg.retention_us, now_us);
	int r;

	if (s->tidy_ms == 0)
		s->tidy_ms = now_ms + TIDY_FIRST_MS;
	if (now_ms < s->tidy_ms || now_ms < s->hold_until_ms)
		return 0;
	s->tidy_ms = now_ms + TIDY_MS;
	r = db_begin(&s->control);
	if (r < 0)
		return r;
	r = store_sqlite_identity.tidy(
	    s, now_us - DS_MIN(IDLE_US, now_us), now_us - keep_us, now_us);
	if (r == 0)
		r = db_commit(&s->control);
	if (r < 0)
		db_try(&s->control, "ROLLBACK"); /* may have happened already */
	return r;
}

int
maintain_step(struct store *s, uint64_t now_us, unsigned budget_ms)
{
	uint64_t deadline_ms = ds_clock_monotonic_ms() + budget_ms;
	int r;

	if (s->active)
		return -EBUSY;
	watch_clock(s, now_us);
	empty_wal(s);
	wal_tidy(s);
	r = tidy_hosts(s, now_us);
	if (r < 0)
		return r;
	r = enforce_retention(s, now_us);
	if (r != 0)
		return r;
	return budget_ms > 0 ? compact_step(s, now_us, deadline_ms) : 0;
}

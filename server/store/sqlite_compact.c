/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sqlite_compact - merges small segments: of some minutes, of closed hours, then what is still
 * small of closed days.
 *
 * So an event is written five times at the most.  What is merged has arrived a minute before at
 * least: who follows has seen it.
 *
 * On the writer's thread, between transactions, on a connection of its own, within a budget of time
 * a call.  The segments of one host and hour are decoded, put together and packed well; the merged
 * one replaces them in one transaction and takes the first one's number, so that a crash leaves
 * either, and a scan that resumes sees at least everything.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "server/store/bookmark.h"
#include "server/store/segment.h"
#include "server/store/sqlite.h"

#include <errno.h>
#include <stdlib.h>

#define TARGET_LEN  (2 * COMPACT_LEN) /* events after which a merged segment is written */
#define TARGET_SIZE (2u << 20)        /* bytes before compression, the same */
#define SETTLED_US  60000000ull       /* after which nothing of a span is still on its way */
#define LEVEL       6
#define PARTS_MAX   4096 /* segments of a host and hour merged in one go; the rest stays */
#define VACUUM_SQL  "PRAGMA incremental_vacuum(512)"

/* What is merged before a day is over: spans of time, and segments with fewer events in them.  A
 * batch of 17 events costs 42 bytes for each, one of 170 less than 20. */
static const struct {
	uint64_t span_us;
	uint32_t small;
} tiers[COMPACT_TIERS] = { { HOUR_US, COMPACT_LEN }, { HOUR_US / 3, 1024 }, { HOUR_US / 12, 256 } };

struct part {
	uint64_t number, received_us;
};

struct merge {
	struct compactor *compactor;
	uint32_t host;
	struct part parts[PARTS_MAX];
	size_t parts_len;
	size_t first, next; /* parts[first..next) are in the builder */
	bool has_merged;    /* something was written: a good moment to stop */
	struct segment_maker maker;
};

void
compact_close(struct compactor *c)
{
	db_close(&c->db);
	free(c->hosts);
	c->hosts = NULL;
	c->hosts_len = c->next = 0;
	c->day = c->begin = c->end = 0;
}

static void
merge_free(struct merge *m)
{
	segment_maker_done(&m->maker);
	free(m);
}

static int
merge_new(struct compactor *c, struct merge **ret)
{
	struct merge *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->compactor = c;
	if (segment_maker_init(&m->maker) < 0) {
		merge_free(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

static int
list_parts(struct merge *m, uint32_t host)
{
	struct compactor *c = m->compactor;
	sqlite3_stmt *st = db_prepare(
	    &c->db, DAY_SMALL, "uuuu", (uint64_t)host, c->begin, c->end, (uint64_t)c->small);
	int r;

	m->host = host;
	m->parts_len = m->first = m->next = 0;
	while ((r = db_step(&c->db, st)) > 0 && m->parts_len < PARTS_MAX)
		m->parts[m->parts_len++] = (struct part){ db_u64(st, 0), db_u64(st, 1) };
	if (st)
		sqlite3_reset(st);
	return r < 0 ? r : 0;
}

/* Whether somebody who reads page after page is between a part and the first one in the builder. */
static bool
is_divided(const struct merge *m, uint64_t number)
{
	const struct compactor *c = m->compactor;

	return m->next > m->first &&
	       bookmarks_divide(c->bookmarks, c->day, m->parts[m->first].number, number,
		   ds_clock_monotonic_ms());
}

static int
replace_parts(struct merge *m, const struct segment_row *row)
{
	struct db *db = &m->compactor->db;
	int r = db_begin(db);

	if (r < 0)
		return r;
	for (size_t i = m->first; i < m->next && r == 0; i++) {
		r = db_run(db, DAY_SEGMENT_DELETE, "u", m->parts[i].number);
		if (r == 0)
			r = db_run(db, DAY_BLOOM_DELETE, "u", m->parts[i].number);
		if (r == 0)
			r = db_run(db, DAY_PACKED_DELETE, "u", m->parts[i].number);
	}
	if (r == 0)
		r = events_insert(db, row, m->parts[m->first].number);
	if (r == 0)
		r = db_run(db, DAY_COMPACT_PUT, "uu", m->compactor->from,
		    (uint64_t)(m->next - m->first - 1));
	if (r == 0)
		r = db_commit(db);
	if (r < 0)
		db_try(db, "ROLLBACK"); /* may have happened already */
	return r;
}

/* 0; 1: a bookmark came between its parts, so it comes again. */
static int
replace_unless_divided(struct merge *m, const struct segment_row *row)
{
	struct bookmarks *b = m->compactor->bookmarks;
	int r;

	if (b == NULL)
		return replace_parts(m, row);
	b->merges++;
	r = is_divided(m, m->parts[m->next - 1].number) ? 1 : replace_parts(m, row);
	b->merges++;
	return r;
}

/* Writes what the builder has, if it is more than one segment: 0, or 1 when that comes again. */
static int
flush_merge(struct merge *m)
{
	struct segment_row row = { .host = m->host };
	int r = 0;

	if (m->next - m->first > 1) {
		row.received_us = m->parts[m->first].received_us;
		r = segment_make(&m->maker, LEVEL, &row);
		if (r == 0)
			r = replace_unless_divided(m, &row);
		m->has_merged = r == 0;
	}
	ds_batch_builder_clear(m->maker.builder);
	m->first = m->next;
	return r;
}

/* Adds a whole stored segment: 0; 1 when it did not fit and the builder has part of it; -errno. */
static int
add_events(struct merge *m, const void *packed, size_t size)
{
	struct ds_event ev;
	int r = ds_batch_decode(m->maker.batch, packed, size);

	for (size_t i = 0; r == 0 && i < ds_batch_len(m->maker.batch); i++) {
		r = ds_batch_event(m->maker.batch, i, &ev);
		if (r == 0)
			r = ds_batch_add(m->maker.builder, &ev);
	}
	return r == -ENOSPC ? 1 : r;
}

static int
add_part(struct merge *m, uint64_t number)
{
	struct db *db = &m->compactor->db;
	sqlite3_stmt *st = db_prepare(db, DAY_PACKED_GET, "u", number);
	int r = db_step(db, st);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	r = add_events(m, sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0));
	sqlite3_reset(st);
	return r;
}

/* The builder has part of a segment that did not fit, or that is damaged: starts again without it.
 */
static int
rebuild(struct merge *m)
{
	int r = 0;

	ds_batch_builder_clear(m->maker.builder);
	for (size_t i = m->first; i < m->next && r == 0; i++)
		r = add_part(m, m->parts[i].number);
	return r > 0 ? -ENOSPC : r;
}

static int
merge_part(struct merge *m)
{
	static struct ds_log_rate rate;
	uint64_t number = m->parts[m->next].number;
	int r;

	if (is_divided(m, number)) {
		r = flush_merge(m);
		if (r != 0)
			return r;
	}
	r = add_part(m, number);
	if (r == 0) {
		m->next++;
		if (ds_batch_builder_len(m->maker.builder) >= TARGET_LEN ||
		    ds_batch_builder_size(m->maker.builder) >= TARGET_SIZE)
			return flush_merge(m);
		return 0;
	}
	if (r == -EBADMSG && ds_log_pass(&rate, 5))
		ds_log(ERROR, "a stored segment is damaged and stays as it is",
		    "day=%llu number=%llu", (unsigned long long)m->compactor->day,
		    (unsigned long long)number);
	if (r < 0 && r != -EBADMSG)
		return r;
	r = rebuild(m);
	if (r == 0)
		r = flush_merge(m);
	if (r != 0)
		return r;
	/* Alone it fits, or it is damaged: either way it stays as it is. */
	m->first = ++m->next;
	return 0;
}

/* 0: done; 1: the time is over, what is left is still small and comes again. */
static int
merge_host(struct compactor *c, uint32_t host, uint64_t deadline_ms)
{
	struct merge *m;
	int r = merge_new(c, &m);

	if (r < 0)
		return r;
	r = list_parts(m, host);
	while (r == 0 && m->next < m->parts_len) {
		m->has_merged = false;
		r = merge_part(m);
		if (r == 0 && m->has_merged && ds_clock_monotonic_ms() >= deadline_ms)
			r = 1;
	}
	if (r == 0)
		r = flush_merge(m);
	merge_free(m);
	return r;
}

static int
plan_hosts(struct compactor *c, uint32_t after)
{
	sqlite3_stmt *st;
	int r;

	if (!c->hosts)
		c->hosts = calloc(COMPACT_HOSTS, sizeof(*c->hosts));
	if (!c->hosts)
		return -ENOMEM;
	c->hosts_len = c->next = 0;
	st = db_prepare(&c->db, DAY_SPAN_HOSTS, "uuuuu", c->begin, c->end, (uint64_t)c->small,
	    (uint64_t)after, (uint64_t)COMPACT_HOSTS);
	while ((r = db_step(&c->db, st)) > 0 && c->hosts_len < COMPACT_HOSTS)
		c->hosts[c->hosts_len++] = (uint32_t)db_u64(st, 0);
	if (st)
		sqlite3_reset(st);
	c->more_hosts = c->hosts_len == COMPACT_HOSTS;
	return r < 0 ? r : 0;
}

/* Finds the next span (an hour, or less) that is over, from segment `first` on: 1 and its numbers,
 * or 0. */
static int
find_span(struct compactor *c, uint64_t first, uint64_t span_us, uint64_t now_us)
{
	sqlite3_stmt *st = db_prepare(&c->db, DAY_SPAN_FIRST, "u", first);
	int r = db_step(&c->db, st);
	uint64_t end_us;

	if (r <= 0)
		return r;
	first = db_u64(st, 0);
	end_us = (db_u64(st, 1) / span_us + 1) * span_us;
	sqlite3_reset(st);
	if (end_us + SETTLED_US > now_us)
		return 0;
	st = db_prepare(&c->db, DAY_SPAN_END, "uu", first, end_us);
	r = db_step(&c->db, st);
	if (r < 0)
		return r;
	c->begin = first;
	c->end = r > 0 ? db_u64(st, 0) : c->sums.next_number;
	if (r > 0)
		sqlite3_reset(st);
	return 1;
}

/* The next span of a tier. */
static int
plan_tier(struct compactor *c, unsigned tier, uint64_t now_us)
{
	uint64_t hours = c->sums.compact_from, first = hours;
	int r;

	if (c->merged.to[tier] > first && c->merged.to[tier] <= c->sums.next_number)
		first = c->merged.to[tier];
	r = find_span(c, first, tiers[tier].span_us, now_us);
	c->small = tiers[tier].small;
	c->tier = tier;
	c->from = tier == 0 ? c->begin : hours;
	c->then = tier == 0 ? c->end : hours; /* else its hour is still to be merged */
	return r;
}

/* The open day, whose hours are merged, unless it was merged as a whole.  A host that says little
 * has 24 small segments in it. */
static int
plan_day(struct compactor *c)
{
	if (c->sums.compact_from > c->sums.next_number)
		return 0;
	c->small = COMPACT_LEN;
	c->tier = 0;
	c->begin = 1;
	c->end = c->from = c->sums.next_number;
	c->then = c->end + 1;
	return 1;
}

/* One host of what is planned, or its end. */
static int
work_on(struct compactor *c, uint64_t deadline_ms)
{
	int r;

	if (c->next < c->hosts_len) {
		r = merge_host(c, c->hosts[c->next], deadline_ms);
		c->next += r == 0;
		return r < 0 ? r : 0;
	}
	if (c->more_hosts)
		return plan_hosts(c, c->hosts[c->hosts_len - 1]);
	r = db_run(&c->db, DAY_COMPACT_PUT, "uu", c->then, (uint64_t)0);
	if (r == 0)
		r = db_exec(&c->db, VACUUM_SQL);
	for (unsigned i = c->tier; i < COMPACT_TIERS && r == 0; i++)
		c->merged.to[i] = DS_MAX(c->merged.to[i], c->end);
	c->begin = 0;
	return r;
}

/* Opens the first day after c->done: 1, or 0 when there is none. */
static int
next_day(struct store *s)
{
	struct compactor *c = &s->compactor;
	uint64_t *days;
	char path[PATH_SIZE];
	size_t len, i;
	int r = days_list(s->events_dir, &days, &len);

	if (r < 0)
		return r;
	for (i = 0; i < len && days[i] <= c->done; i++)
		;
	if (i < len)
		c->day = days[i];
	free(days);
	if (i == len)
		return 0;
	if (c->merged.day != c->day)
		c->merged = (struct compacted){ .day = c->day };
	r = days_path(s->events_dir, c->day, path);
	if (r == 0)
		r = db_open(&c->db, path, DB_EVENTS, days_sql, false, NULL, 0);
	/* What is merged need not be durable at once: either way its events are there. */
	if (r == 0)
		r = db_exec(&c->db, "PRAGMA synchronous = NORMAL");
	if (r == 0)
		return 1;
	c->done = c->day; /* not one that can be worked on */
	c->day = 0;
	return r;
}

/* Gives free pages of a finished day back, some at a time: 1 when there are more. */
static int
shrink_day(struct compactor *c)
{
	sqlite3_stmt *st = db_prepare(&c->db, DAY_FREE_PAGES, "");
	int r = db_step(&c->db, st);
	uint64_t pages;

	if (r <= 0)
		return r;
	pages = db_u64(st, 0);
	sqlite3_reset(st);
	if (pages == 0) {
		days_checkpoint(&c->db);
		return 0;
	}
	r = db_exec(&c->db, VACUUM_SQL);
	return r < 0 ? r : 1;
}

/* Nothing is left to merge in the open day for now: 1 when another one may have something. */
static int
leave_day(struct store *s, uint64_t now_us)
{
	struct compactor *c = &s->compactor;
	bool is_today = c->day == s->day || c->day >= now_us / DAY_US;
	uint64_t day = c->day;
	int r = is_today ? 0 : shrink_day(c);

	if (r != 0)
		return r;
	compact_close(c);
	if (!is_today)
		c->done = day;
	return !is_today;
}

/* What to do next in the open day: 1 something, 0 nothing. */
static int
plan(struct store *s, uint64_t now_us)
{
	struct compactor *c = &s->compactor;
	int r = days_read_sums(&c->db, &c->sums);

	for (unsigned i = 0; i < COMPACT_TIERS && r == 0; i++)
		r = plan_tier(c, i, now_us);
	if (r == 0 && c->day != s->day && c->day < now_us / DAY_US)
		r = plan_day(c);
	if (r <= 0)
		return r;
	r = plan_hosts(c, 0);
	return r < 0 ? r : 1;
}

/* 1: more to do; 0: nothing. */
static int
step(struct store *s, uint64_t now_us, uint64_t deadline_ms)
{
	struct compactor *c = &s->compactor;
	int r = c->day != 0 ? 1 : next_day(s);

	if (r > 0 && c->begin == 0) {
		r = plan(s, now_us);
		if (r == 0)
			return leave_day(s, now_us);
	}
	if (r <= 0)
		return r;
	r = work_on(c, deadline_ms);
	return r < 0 ? r : 1;
}

int
compact_step(struct store *s, uint64_t now_us, uint64_t deadline_ms)
{
	struct compactor *c = &s->compactor;
	int r = 1;

	c->bookmarks = s->cfg.bookmarks;
	while (r > 0 && ds_clock_monotonic_ms() < deadline_ms)
		r = step(s, now_us, deadline_ms);
	if (r < 0) {
		uint64_t day = c->day;

		compact_close(c);
		c->done = DS_MAX(day, c->done); /* tried again after the next change of day */
	}
	return r;
}

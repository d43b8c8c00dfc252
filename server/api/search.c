/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * search - runs queries over segments, newest first (or oldest first for followers).
 *
 * Called on the API's pool threads and on the follower's; a searcher belongs to one thread and owns
 * a batch to decode into, and the names of hosts.
 */
#include "server/api/search.h"

#include "lib/clock.h"
#include "lib/tls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS_MAX    (1u << 20)
#define HOSTS_FEW    1000u
#define HOSTS_AGE_MS 1000u /* names are at most so old, where hosts are many */

struct host {
	uint32_t number;
	char id[37];
	char *name;
	struct query_host view; /* of the two above */
};

struct searcher {
	const struct store_backend *backend;
	struct reader *reader;
	struct ds_batch *batch;
	struct host *hosts; /* by number */
	size_t hosts_len, hosts_cap;
	uint64_t hosts_ms;     /* when they were read or seen to be as they were; 0: never */
	uint64_t hosts_change; /* newest change of anything then */
	uint32_t *wanted;      /* hosts a query can match */
	size_t wanted_cap;
};

/* One run. */
struct run {
	struct searcher *s;
	const struct search *what;
	struct search_result *result;
	struct query_matcher *matcher;
	uint64_t bytes;
};

struct searcher *
searcher_new(const struct store_backend *backend, struct reader *reader)
{
	struct searcher *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->backend = backend;
	s->reader = reader;
	s->batch = ds_batch_new();
	if (s->batch == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

static void
forget_hosts(struct searcher *s)
{
	for (size_t i = 0; i < s->hosts_len; i++)
		free(s->hosts[i].name);
	s->hosts_len = 0;
}

void
searcher_free(struct searcher *s)
{
	if (s == NULL)
		return;
	forget_hosts(s);
	free(s->hosts);
	free(s->wanted);
	ds_batch_free(s->batch);
	free(s);
}

/* ---- hosts */

static int
keep_host(const struct host_row *row, void *ctx)
{
	struct searcher *s = ctx;
	struct host *h;

	if (s->hosts_len == s->hosts_cap) {
		size_t cap = s->hosts_cap ? 2 * s->hosts_cap : 64;
		struct host *more = cap > HOSTS_MAX ? NULL : realloc(s->hosts, cap * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		s->hosts = more;
		s->hosts_cap = cap;
	}
	h = &s->hosts[s->hosts_len];
	h->number = row->number;
	ds_host_id_format(row->id, h->id);
	h->name = strdup(row->name ? row->name : "");
	if (h->name == NULL)
		return -ENOMEM;
	s->hosts_len++;
	return 0;
}

static int
compare_hosts(const void *a, const void *b)
{
	uint32_t x = ((const struct host *)a)->number, y = ((const struct host *)b)->number;

	return (x > y) - (x < y);
}

static int
refresh_hosts(struct searcher *s, uint64_t age_ms)
{
	uint64_t now = ds_clock_monotonic_ms(), newest = 0;
	bool same;
	int r;

	if (s->hosts_ms != 0 && now - s->hosts_ms < age_ms)
		return 0;
	same = s->backend->has_change(s->reader, "host", s->hosts_change, &newest) == 0 &&
	       s->hosts_ms != 0;
	s->hosts_change = newest;
	s->hosts_ms = now ? now : 1;
	if (same)
		return 0;
	s->hosts_ms = 0; /* until they are read */
	forget_hosts(s);
	r = s->backend->each_host(s->reader, keep_host, s);
	if (r < 0)
		return r;
	if (s->hosts_len > 0)
		qsort(s->hosts, s->hosts_len, sizeof(*s->hosts), compare_hosts);
	for (size_t i = 0; i < s->hosts_len; i++)
		s->hosts[i].view = (struct query_host){ s->hosts[i].name, s->hosts[i].id };
	s->hosts_ms = now ? now : 1;
	return 0;
}

static const struct host *
look_up(const struct searcher *s, uint32_t number)
{
	struct host key = { .number = number };

	if (s->hosts_len == 0)
		return NULL;
	return bsearch(&key, s->hosts, s->hosts_len, sizeof(*s->hosts), compare_hosts);
}

const struct query_host *
searcher_host(struct searcher *s, uint32_t number)
{
	const struct host *h;

	if (refresh_hosts(s, HOSTS_AGE_MS) < 0)
		return NULL;
	h = look_up(s, number);
	/* One that enrolled a moment ago. */
	if (h == NULL && refresh_hosts(s, 0) == 0)
		h = look_up(s, number);
	return h != NULL ? &h->view : NULL;
}

static uint32_t
find_host(const struct searcher *s, const char *id_or_name)
{
	for (size_t i = 0; i < s->hosts_len; i++)
		if (strcmp(s->hosts[i].id, id_or_name) == 0)
			return s->hosts[i].number;
	for (size_t i = 0; i < s->hosts_len; i++)
		if (strcmp(s->hosts[i].name, id_or_name) == 0)
			return s->hosts[i].number;
	return 0;
}

uint32_t
searcher_find_host(struct searcher *s, const char *id_or_name)
{
	uint32_t number = refresh_hosts(s, HOSTS_AGE_MS) < 0 ? 0 : find_host(s, id_or_name);

	/* One that enrolled a moment ago. */
	if (number == 0 && refresh_hosts(s, 0) == 0)
		number = find_host(s, id_or_name);
	return number;
}

/* Fills filter->hosts when the query rules some out; false: it rules out all. */
static bool
choose_hosts(struct searcher *s, const struct query *q, struct segment_filter *filter)
{
	size_t n = 0;

	if (s->hosts_len > s->wanted_cap) {
		uint32_t *more = realloc(s->wanted, s->hosts_len * sizeof(*more));

		if (more == NULL)
			return true;
		s->wanted = more;
		s->wanted_cap = s->hosts_len;
	}
	for (size_t i = 0; i < s->hosts_len; i++)
		if (query_may_match_host(q, &s->hosts[i].view))
			s->wanted[n++] = s->hosts[i].number;
	if (n == s->hosts_len)
		return true;
	filter->hosts = s->wanted;
	filter->hosts_len = n;
	return n > 0;
}

/* ---- segments */

static int
stop(struct run *run, const char *why)
{
	run->result->stopped = why;
	return 1;
}

static bool
in_time(const struct search *w, uint64_t t)
{
	return t >= w->time_min_us && (w->time_max_us == 0 || t <= w->time_max_us);
}

static int
give(struct run *run, const struct segment_row *row, const struct query_host *host, size_t i)
{
	struct search_hit hit = { .host_id = host->id, .host_name = host->name };
	struct ds_event ev;
	int r = ds_batch_event(run->s->batch, i, &ev);

	if (r < 0)
		return r;
	hit.event = &ev;
	hit.received_us = row->received_us;
	run->result->found++;
	return run->what->call(run->what->ctx, &hit);
}

/* Events of a decoded segment that match: of the first `from` the newest first, or of the last
 * `from` the oldest first. */
static int
give_all(struct run *run, const struct segment_row *row, const struct query_host *host,
    const uint8_t *hits, size_t from)
{
	const struct search *w = run->what;
	struct ds_batch *b = run->s->batch;
	const uint64_t *times = ds_batch_times(b);
	size_t len = ds_batch_len(b);

	if (times == NULL)
		return -ENOMEM;
	for (size_t n = 0; n < from; n++) {
		size_t i = w->oldest_first ? len - from + n : from - 1 - n;
		int r;

		if (!hits[i] || !in_time(w, times[i]))
			continue;
		r = give(run, row, host, i);
		if (r != 0)
			return r;
		run->result->next.index = (uint32_t)(w->oldest_first ? len - 1 - i : i);
		if (run->result->found == w->limit)
			return stop(run, "limit");
	}
	run->result->next.index = 0;
	return 0;
}

/* 0: nothing in it, 1: hits are valid. */
static int
match_segment(struct run *run, const struct segment_row *row, const struct query_host *host,
    const uint8_t **ret_hits)
{
	struct ds_batch *b = run->s->batch;
	int r = ds_batch_open(b, row->packed, row->packed_size);

	if (r < 0)
		return r;
	r = query_matcher_open(run->matcher, b, host);
	if (r <= 0)
		return r;
	r = ds_batch_inflate(b);
	if (r < 0 || !query_matcher_inflated(run->matcher, b))
		return r;
	r = ds_batch_load(b);
	return r < 0 ? r : query_matcher_run(run->matcher, b, ret_hits);
}

static int
check_bounds(struct run *run, const struct segment_row *row)
{
	const struct search *w = run->what;

	if (run->bytes > 0 && w->bytes_max > 0 && run->bytes + row->packed_size > w->bytes_max)
		return stop(run, "bytes");
	if (run->bytes > 0 && w->deadline_ms > 0 && ds_clock_monotonic_ms() > w->deadline_ms)
		return stop(run, "time");
	if (w->is_cancelled != NULL && w->is_cancelled(w->ctx))
		return stop(run, "cancelled");
	run->bytes += row->packed_size;
	return 0;
}

static int
read_segment(const struct segment_row *row, const struct segment_position *at, void *ctx)
{
	static const struct query_host nobody = { "", "" };
	struct run *run = ctx;
	const struct search *w = run->what;
	const struct query_host *host;
	struct search_cursor *next = &run->result->next;
	bool resumed = at->day == w->after.at.day && at->number == w->after.at.number;
	const uint8_t *hits = NULL;
	size_t from;
	int r = check_bounds(run, row);

	if (r != 0)
		return r;
	if (w->skip_compacted && row->seq == 0) {
		*next = (struct search_cursor){ *at, 0 };
		return 0;
	}
	host = searcher_host(run->s, row->host);
	r = match_segment(run, row, host ? host : &nobody, &hits);
	if (r < 0 && r != -ENOMEM)
		run->result->damaged++;
	if (r == -ENOMEM)
		return r;
	*next = (struct search_cursor){ *at, 0 };
	if (r <= 0)
		return 0;
	from = ds_batch_len(run->s->batch);
	if (resumed)
		from = DS_MIN(from, w->after.index);
	next->index = (uint32_t)from;
	return give_all(run, row, host ? host : &nobody, hits, from);
}

static struct segment_filter
make_filter(const struct search *w)
{
	const struct query_hints *h = query_get_hints(w->query);
	struct segment_filter f = {
		.time_min_us = DS_MAX(w->time_min_us, h->time_min_us),
		.time_max_us = w->time_max_us,
		.kinds = h->kinds == UINT64_MAX ? 0 : h->kinds,
		.daemon_hashes = h->daemons_len ? h->daemons : NULL,
		.daemon_hashes_len = h->daemons_len,
		.strings = h->strings_len ? h->strings : NULL,
		.strings_len = h->strings_len,
		.newest_first = !w->oldest_first,
		.after_day = w->after.at.day,
		.after_number = w->after.at.number,
	};

	if (f.time_max_us == 0 || (h->time_max_us != 0 && h->time_max_us < f.time_max_us))
		f.time_max_us = h->time_max_us;
	/* A segment that was read in part comes once more. */
	if (w->after.index > 0)
		f.after_number += w->oldest_first ? UINT64_MAX : 1;
	return f;
}

int
searcher_run(struct searcher *s, const struct search *what, struct search_result *ret)
{
	struct run run = { .s = s, .what = what, .result = ret };
	struct segment_filter filter = make_filter(what);
	int r = refresh_hosts(s, s->hosts_len < HOSTS_FEW ? 0 : HOSTS_AGE_MS);

	*ret = (struct search_result){ .next = what->after };
	if (r < 0)
		return r;
	/* A follower does not come back for a host that was not known yet: each segment is asked.
	 */
	if (query_get_hints(what->query)->kinds == 0 ||
	    (!what->oldest_first && !choose_hosts(s, what->query, &filter))) {
		ret->complete = true;
		return 0;
	}
	run.matcher = query_matcher_new(what->query);
	if (run.matcher == NULL)
		return -ENOMEM;
	r = s->backend->each_segment(s->reader, &filter, read_segment, &run, &ret->stats);
	query_matcher_free(run.matcher);
	if (r < 0)
		return r;
	ret->complete = r == 0;
	return 0;
}

static int
keep_position(const struct segment_row *row, const struct segment_position *at, void *ctx)
{
	(void)row;
	*(struct segment_position *)ctx = *at;
	return 1;
}

int
searcher_newest(struct searcher *s, struct segment_position *ret)
{
	struct segment_filter filter = { .newest_first = true };
	struct scan_stats stats = { 0 };
	int r;

	*ret = (struct segment_position){ 0 };
	r = s->backend->each_segment(s->reader, &filter, keep_position, ret, &stats);
	return r < 0 ? r : 0;
}

/* ---- cursors */

void
search_cursor_format(const struct search_cursor *c, char *ret, size_t size)
{
	snprintf(
	    ret, size, "e1.%" PRIu64 ".%" PRIu64 ".%" PRIu32, c->at.day, c->at.number, c->index);
}

int
search_cursor_parse(const char *text, struct search_cursor *ret)
{
	struct search_cursor c;
	int end = 0;

	if (strlen(text) >= SEARCH_CURSOR_MAX ||
	    sscanf(text, "e1.%" SCNu64 ".%" SCNu64 ".%" SCNu32 "%n", &c.at.day, &c.at.number,
		&c.index, &end) != 3 ||
	    text[end] != '\0' || c.at.number >= INT64_MAX)
		return -EINVAL;
	*ret = c;
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * events - stored events as ECS documents, by pages or as a stream.
 *
 * On the pool's threads; owns nothing.
 */
#include "lib/clock.h"
#include "server/api/ecs.h"
#include "server/api/follow.h"
#include "server/api/routes.h"
#include "server/api/state.h"
#include "server/store/bookmark.h"
#include "server/store/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SEARCH_MS    8000u      /* of one page */
#define SEARCH_BYTES (2u << 30) /* packed, of one page */
#define ANSWER_STOP  (CALL_ANSWER_MAX / 2)
#define BUCKETS_MAX  500u
#define KEEP_MS \
	1000u /* that segments stay as they are for a search; longer for one that is made anew */
#define TRIES   3u /* of a search over segments that were merged meanwhile */
#define BUCKETS 60u
#define SPAN_US (UINT64_C(3600) * 1000000) /* of a histogram without since */

static int
write_hit(void *ctx, const struct search_hit *hit)
{
	struct call *c = ctx;
	struct ecs_context context = { hit->host_id, hit->host_name, hit->received_us };

	ecs_write(&c->json, hit->event, &context);
	return c->json.error;
}

static bool
is_cancelled(void *ctx)
{
	struct call *c = ctx;

	/* Events of a segment are at most 64 Ki; the page ends between segments. */
	return c->out->len > ANSWER_STOP || c->is_gone(c->request);
}

/* Whether what is shown follows the page before without repeating any of it. */
static bool
follows(struct call *c, const struct search_cursor *after)
{
	struct bookmarks *b = writer_bookmarks(c->cfg->writer);

	return after->at.day == 0 || bookmarks_has(b, &after->at, ds_clock_monotonic_ms());
}

static void
put_search(struct ds_json *j, const struct search_result *r)
{
	ds_json_key(j, "search");
	ds_json_object(j);
	ds_json_put_bool(j, "complete", r->complete);
	ds_json_put_string(j, "stopped", r->stopped);
	ds_json_put_uint(j, "segments", r->stats.segments);
	ds_json_put_uint(j, "excluded", r->stats.excluded);
	ds_json_put_uint(j, "read", r->stats.read);
	ds_json_put_uint(j, "bytes_read", r->stats.bytes_read);
	ds_json_put_uint(j, "damaged", r->damaged);
	ds_json_end(j);
}

static void
count_cancelled(struct call *c, int r, const struct search_result *result)
{
	if (r >= 0 && result->stopped != NULL && c->is_gone(c->request))
		api_search_cancelled(c->worker->api);
}

/* {"items":[... : 0 or -errno. */
static int
search_once(struct call *c, struct search *what, struct search_result *ret)
{
	what->deadline_ms = ds_clock_monotonic_ms() + SEARCH_MS;
	ds_buf_clear(c->out);
	ds_json_init(&c->json, c->out);
	ds_json_object(&c->json);
	ds_json_key(&c->json, "items");
	ds_json_array(&c->json);
	return searcher_run(c->worker->searcher, what, ret);
}

/* The same, with a bookmark where it ends.  Segments that were merged between what was read and the
 * bookmark would be read again: then all of it is, with merging held up for as long as it takes. */
static int
search_page(struct call *c, struct search *what, struct search_result *ret)
{
	struct bookmarks *b = writer_bookmarks(c->cfg->writer);
	struct segment_position before = what->after.at;
	uint64_t merges;
	int r;

	writer_keep_segments(c->cfg->writer, KEEP_MS);
	for (unsigned i = 0;; i++) {
		merges = b->merges;
		r = search_once(c, what, ret);
		if (r < 0 || ret->complete)
			return r;
		bookmarks_put(
		    b, before.day != 0 ? &before : NULL, &ret->next.at, ds_clock_monotonic_ms());
		if ((merges % 2 == 0 && b->merges == merges) || i + 1 == TRIES)
			return 0;
		before = ret->next.at;
		writer_keep_segments(c->cfg->writer, SEARCH_MS);
	}
}

static void
search(struct call *c, struct search *what)
{
	bool exact = follows(c, &what->after);
	struct search_result result;
	char cursor[SEARCH_CURSOR_MAX];
	int r;

	what->bytes_max = SEARCH_BYTES;
	what->call = write_hit;
	what->is_cancelled = is_cancelled;
	what->ctx = c;
	r = search_page(c, what, &result);
	count_cancelled(c, r, &result);
	if (r < 0) {
		call_error(c, r, "the search failed");
		return;
	}
	ds_json_end(&c->json);
	search_cursor_format(&result.next, cursor, sizeof(cursor));
	ds_json_put_string(&c->json, "next_cursor", result.complete ? NULL : cursor);
	ds_json_put_bool(&c->json, "exact", exact);
	put_search(&c->json, &result);
	ds_json_end(&c->json);
}

/* From now on, or from a time on. */
static void
follow(struct call *c, struct query *q, uint64_t since_us)
{
	struct follow_request *req = calloc(1, sizeof(*req));
	int r = req != NULL ? 0 : -ENOMEM;

	if (r == 0 && since_us == 0)
		r = searcher_newest(c->worker->searcher, &req->after);
	if (r < 0) {
		free(req);
		query_free(q);
		call_error(c, r, "cannot follow");
		return;
	}
	req->query = q;
	req->time_min_us = since_us;
	c->follow = req;
	c->type = "application/x-ndjson";
}

void
events_list(struct call *c)
{
	struct search what = { .limit = 100 };
	const char *cursor = c->get(c->request, "cursor"), *stream = c->get(c->request, "follow");
	struct query *q;

	if (!call_limit(c, 100, &what.limit) || !call_time(c, "since", &what.time_min_us) ||
	    !call_time(c, "until", &what.time_max_us))
		return;
	if (cursor != NULL && *cursor && search_cursor_parse(cursor, &what.after) < 0) {
		call_problem(c, 400, "parameter", "cursor: use next_cursor of the page before");
		return;
	}
	q = call_query(c, &query_events);
	if (q == NULL)
		return;
	if (stream != NULL && strcmp(stream, "1") == 0) {
		follow(c, q, what.time_min_us);
		return;
	}
	what.query = q;
	search(c, &what);
	query_free(q);
}

/* ---- how many when */

struct histogram {
	struct call *c;
	uint64_t since_us, until_us;
	unsigned len;
	uint64_t counts[BUCKETS_MAX];
};

static int
count_hit(void *ctx, const struct search_hit *hit)
{
	struct histogram *h = ctx;
	uint64_t t = hit->event->time_us;

	if (t < h->since_us || t > h->until_us)
		return 0;
	t = (uint64_t)((double)(t - h->since_us) / (double)(h->until_us - h->since_us + 1) *
		       h->len);
	h->counts[DS_MIN(t, h->len - 1)]++;
	return 0;
}

static bool
is_gone(void *ctx)
{
	struct histogram *h = ctx;

	return h->c->is_gone(h->c->request);
}

static void
put_histogram(struct histogram *h, const struct search_result *result)
{
	struct ds_json *j = &h->c->json;

	ds_json_object(j);
	ds_json_put_time(j, "since", h->since_us);
	ds_json_put_time(j, "until", h->until_us);
	ds_json_key(j, "buckets");
	ds_json_array(j);
	for (unsigned i = 0; i < h->len; i++)
		ds_json_uint(j, h->counts[i]);
	ds_json_end(j);
	put_search(j, result);
	ds_json_end(j);
}

/* Range and number of buckets; false and a problem. */
static bool
read_histogram(struct call *c, struct histogram *h)
{
	uint64_t now_us = ds_clock_wall_us();
	const char *text = c->get(c->request, "buckets");
	unsigned long n = text != NULL && *text ? strtoul(text, NULL, 10) : BUCKETS;

	*h = (struct histogram){ .c = c };
	if (!call_time(c, "since", &h->since_us) || !call_time(c, "until", &h->until_us))
		return false;
	if (h->until_us == 0)
		h->until_us = now_us;
	if (h->since_us == 0)
		h->since_us = h->until_us > SPAN_US ? h->until_us - SPAN_US : 0;
	if (n < 1 || n > BUCKETS_MAX || h->since_us >= h->until_us) {
		call_problem(c, 400, "parameter",
		    "expected since before until, and buckets from 1 to %u", BUCKETS_MAX);
		return false;
	}
	h->len = (unsigned)n;
	return true;
}

/* As bounded as a search; what it could not read it says. */
void
events_histogram(struct call *c)
{
	struct search what = { .limit = UINT32_MAX, .bytes_max = SEARCH_BYTES };
	struct search_result result;
	struct histogram h;
	struct query *q;
	int r;

	if (!read_histogram(c, &h))
		return;
	q = call_query(c, &query_events);
	if (q == NULL)
		return;
	what.query = q;
	what.time_min_us = h.since_us;
	what.time_max_us = h.until_us;
	what.deadline_ms = ds_clock_monotonic_ms() + SEARCH_MS / 2;
	what.call = count_hit;
	what.is_cancelled = is_gone;
	what.ctx = &h;
	r = searcher_run(c->worker->searcher, &what, &result);
	count_cancelled(c, r, &result);
	query_free(q);
	if (r < 0)
		call_error(c, r, "the search failed");
	else
		put_histogram(&h, &result);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream - see stream.h; a topic is a row of the table. */
#include "server/api/stream.h"

#include "server/api/call.h"
#include "server/api/follow.h"
#include "server/api/routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LEN 256u /* a power of two: documents kept for those who are a little behind */
#define TURN_LEN  200u /* changes looked at in one go */

/* The document of a change is what the resource's own endpoint shows; NULL: its id only. */
static const struct {
	const char *name;
	void (*show)(struct call *c);
} topics[] = {
	{ "alert", alerts_show },
	{ "reaction", reactions_show },
	{ "host", hosts_show },
	{ "job", NULL },
};

/* A change; its text is written when somebody first wants it. */
struct cached {
	uint64_t seq;
	unsigned topic;
	char *id;   /* NULL: nobody knows this topic any more */
	char *text; /* NULL: not yet */
	size_t len;
};

struct stream {
	struct call_worker worker;
	struct ds_buf document;
	struct cached cache[CACHE_LEN];
	uint64_t oldest, newest; /* of the store's changes, when they were last read */
	uint64_t cached;         /* what came behind it is in the cache */
};

static void
forget(struct cached *c)
{
	free(c->id);
	free(c->text);
	*c = (struct cached){ 0 };
}

struct stream *
stream_new(const struct api_config *cfg, struct reader *reader, struct searcher *searcher)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->worker = (struct call_worker){ .cfg = cfg, .reader = reader, .searcher = searcher };
	ds_buf_init(&s->document, 4u << 20);
	return s;
}

void
stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < CACHE_LEN; i++)
		forget(&s->cache[i]);
	ds_buf_done(&s->document);
	free(s);
}

unsigned
stream_topic(const char *name, size_t len)
{
	for (unsigned i = 0; i < DS_LEN(topics); i++)
		if (strlen(topics[i].name) == len && strncmp(topics[i].name, name, len) == 0)
			return 1u << i;
	return 0;
}

/* The change as one SSE message.  0, or -ENOMEM. */
static int
render(struct stream *s, struct cached *change)
{
	struct call c = { .worker = &s->worker,
		.cfg = s->worker.cfg,
		.out = &s->document,
		.status = 200,
		.id = change->id };
	int n;

	if (change->text != NULL)
		return 0;
	ds_buf_clear(&s->document);
	ds_json_init(&c.json, c.out);
	if (topics[change->topic].show != NULL)
		topics[change->topic].show(&c);
	/* What is gone again, or cannot be read now, is still told by its id. */
	if (s->document.len == 0 || c.status != 200 || ds_json_done(&c.json) < 0) {
		ds_buf_clear(&s->document);
		ds_json_init(&c.json, c.out);
		ds_json_object(&c.json);
		ds_json_put_string(&c.json, "id", change->id);
		ds_json_end(&c.json);
	}
	n = asprintf(&change->text, "id: %llu\nevent: %s\ndata: %.*s\n\n",
	    (unsigned long long)change->seq, topics[change->topic].name, (int)s->document.len,
	    (const char *)s->document.data);
	if (n < 0) {
		change->text = NULL;
		return -ENOMEM;
	}
	change->len = (size_t)n;
	return 0;
}

/* In place of what was there; 0, or -ENOMEM. */
static int
name(struct cached *c, const struct change_row *row)
{
	unsigned bit = stream_topic(row->topic, strlen(row->topic));

	forget(c);
	c->seq = row->seq;
	if (bit == 0)
		return 0;
	c->topic = (unsigned)__builtin_ctz(bit);
	c->id = strdup(row->id);
	return c->id != NULL ? 0 : -ENOMEM;
}

/* Those up to the newest that was known when this began: the place of one more is that of one which
 * the cache still has to have. */
static int
take_new(const struct change_row *row, void *ctx)
{
	struct stream *s = ctx;

	return row->seq > s->newest ? 1 : name(&s->cache[row->seq % CACHE_LEN], row);
}

int
stream_refresh(struct stream *s)
{
	const struct store_backend *b = s->worker.cfg->backend;
	uint64_t before = s->newest;
	int r = b->change_span(s->worker.reader, &s->oldest, &s->newest);

	if (r < 0)
		return r;
	/* At first, and after more than the cache can have, those behind it read the store. */
	if (before == 0 || s->newest - before > CACHE_LEN)
		s->cached = before = s->newest;
	r = b->each_change(s->worker.reader, before, CACHE_LEN, take_new, s);
	s->cached = r < 0                   ? s->newest
		    : s->newest > CACHE_LEN ? DS_MAX(s->cached, s->newest - CACHE_LEN)
					    : s->cached;
	return r < 0 ? r : 0;
}

struct turn {
	struct stream *stream;
	unsigned topics;
	uint64_t *after;
	struct ds_buf *out;
	size_t size;
};

/* 1: that is enough. */
static int
give(struct turn *t, struct cached *c)
{
	int r = 0;

	if (t->out->len >= t->size)
		return 1;
	if (c->id != NULL && (t->topics & 1u << c->topic) != 0) {
		r = render(t->stream, c);
		if (r == 0)
			r = ds_buf_put(t->out, c->text, c->len);
	}
	if (r == 0)
		*t->after = c->seq;
	return r;
}

/* For somebody who is farther behind than the cache goes. */
static int
give_row(const struct change_row *row, void *ctx)
{
	struct turn *t = ctx;
	struct cached c = { 0 };
	int r = row->seq > t->stream->newest ? 1 : name(&c, row);

	if (r == 0)
		r = give(t, &c);
	forget(&c);
	return r;
}

static int
give_cached(struct turn *t)
{
	struct stream *s = t->stream;

	for (uint64_t seq = *t->after + 1; seq <= s->newest; seq++) {
		struct cached *c = &s->cache[seq % CACHE_LEN];
		int r = c->seq == seq ? give(t, c) : 0;

		if (r != 0)
			return r;
	}
	*t->after = s->newest;
	return 0;
}

int
stream_read(struct stream *s, unsigned wanted, uint64_t *after, struct ds_buf *out, size_t size)
{
	static const char reset[] = "event: reset\ndata: {}\n\n";
	struct turn t = { s, wanted, after, out, size };
	int r;

	if (*after == STREAM_NOW || *after > s->newest ||
	    (s->oldest > 0 && *after + 1 < s->oldest)) {
		r = *after != STREAM_NOW ? ds_buf_put(out, reset, sizeof(reset) - 1) : 0;
		*after = s->newest;
		return r;
	}
	if (*after >= s->cached)
		return give_cached(&t);
	r = s->worker.cfg->backend->each_change(s->worker.reader, *after, TURN_LEN, give_row, &t);
	return r < 0 ? r : *after < s->newest;
}

/* ---- the route, on the pool's threads */

/* ?topics=alert,reaction; false: a problem was written. */
static bool
read_topics(struct call *c, unsigned *ret)
{
	const char *text = c->get(c->request, "topics");

	*ret = (1u << DS_LEN(topics)) - 1;
	if (text == NULL || *text == '\0')
		return true;
	for (*ret = 0; *text;) {
		size_t len = strcspn(text, ",");
		unsigned bit = stream_topic(text, len);

		if (bit == 0) {
			call_problem(c, 400, "parameter",
			    "topics: expected some of alert,reaction,host,job");
			return false;
		}
		*ret |= bit;
		text += len + (text[len] != '\0');
	}
	return true;
}

void
stream_follow(struct call *c)
{
	const char *last = c->header(c->request, "Last-Event-ID");
	struct follow_request *req;
	uint64_t oldest, newest;
	unsigned wanted;
	char *end;
	int r;

	if (!read_topics(c, &wanted))
		return;
	req = calloc(1, sizeof(*req));
	r = req != NULL ? c->cfg->backend->change_span(c->worker->reader, &oldest, &newest)
			: -ENOMEM;
	if (r < 0) {
		free(req);
		call_error(c, r, "cannot follow");
		return;
	}
	req->topics = wanted;
	req->change = last != NULL ? strtoull(last, &end, 10) : newest;
	if (last != NULL && (*end != '\0' || end == last))
		req->change = UINT64_MAX - 1; /* not ours: told to read everything anew */
	c->follow = req;
	c->type = "text/event-stream";
}

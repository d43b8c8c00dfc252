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

struct cached {
	uint64_t seq;
	char *text;
	size_t len;
};

struct stream {
	struct call_worker worker;
	struct ds_buf document;
	struct cached cache[CACHE_LEN];
};

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
		free(s->cache[i].text);
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

/* The change as one SSE message, in the cache.  NULL: no memory. */
static const struct cached *
render(struct stream *s, const struct change_row *row, unsigned topic)
{
	struct cached *slot = &s->cache[row->seq % CACHE_LEN];
	struct call c = { .worker = &s->worker,
		.cfg = s->worker.cfg,
		.out = &s->document,
		.status = 200,
		.id = row->id };
	char *text;
	int n;

	if (slot->text != NULL && slot->seq == row->seq)
		return slot;
	ds_buf_clear(&s->document);
	ds_json_init(&c.json, c.out);
	if (topics[topic].show != NULL)
		topics[topic].show(&c);
	/* What is gone again, or cannot be read now, is still told by its id. */
	if (s->document.len == 0 || c.status != 200 || ds_json_done(&c.json) < 0) {
		ds_buf_clear(&s->document);
		ds_json_init(&c.json, c.out);
		ds_json_object(&c.json);
		ds_json_put_string(&c.json, "id", row->id);
		ds_json_end(&c.json);
	}
	n = asprintf(&text, "id: %llu\nevent: %s\ndata: %.*s\n\n", (unsigned long long)row->seq,
	    topics[topic].name, (int)s->document.len, (const char *)s->document.data);
	if (n < 0)
		return NULL;
	free(slot->text);
	*slot = (struct cached){ row->seq, text, (size_t)n };
	return slot;
}

struct turn {
	struct stream *stream;
	unsigned topics;
	uint64_t *after;
	struct ds_buf *out;
	size_t size;
	unsigned len;
};

static int
take(const struct change_row *row, void *ctx)
{
	struct turn *t = ctx;
	unsigned bit = stream_topic(row->topic, strlen(row->topic));
	const struct cached *c;
	int r;

	if (t->out->len >= t->size)
		return 1;
	t->len++;
	if ((bit & t->topics) != 0) {
		c = render(t->stream, row, (unsigned)__builtin_ctz(bit));
		r = c != NULL ? ds_buf_put(t->out, c->text, c->len) : -ENOMEM;
		if (r < 0)
			return r;
	}
	*t->after = row->seq;
	return 0;
}

int
stream_read(struct stream *s, unsigned wanted, uint64_t *after, struct ds_buf *out, size_t size)
{
	static const char reset[] = "event: reset\ndata: {}\n\n";
	const struct store_backend *b = s->worker.cfg->backend;
	struct turn t = { s, wanted, after, out, size, 0 };
	uint64_t oldest, newest;
	int r = b->change_span(s->worker.reader, &oldest, &newest);

	if (r < 0)
		return r;
	if (*after == STREAM_NOW || *after > newest || (oldest > 0 && *after + 1 < oldest)) {
		r = *after != STREAM_NOW ? ds_buf_put(out, reset, sizeof(reset) - 1) : 0;
		*after = newest;
		return r;
	}
	if (*after == newest)
		return 0;
	r = b->each_change(s->worker.reader, *after, TURN_LEN, take, &t);
	return r < 0 ? r : r == 1 || t.len == TURN_LEN;
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

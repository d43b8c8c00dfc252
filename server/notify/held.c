/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * held - messages that waited for the end of quiet hours, or of an hour that was full, become a
 * digest; and those for the own addresses of hosts one for each address: on the notify thread.
 */
#include "lib/clock.h"
#include "server/notify/impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX   10000u /* told in one digest */
#define OWNERS_MAX 1000u  /* digests of one round; of whom there are more, nobody is told apart */

struct gathering {
	struct channel *channel;
	json_t *digest;
	json_t *owners; /* address -> digest */
	uint64_t last, now_us;
	unsigned len;
};

static json_t *
digest_for(struct gathering *g, const char *owner)
{
	json_t *digest = json_object_get(g->owners, owner);

	if (*owner == '\0')
		return g->digest;
	if (digest != NULL || json_object_size(g->owners) >= OWNERS_MAX)
		return digest;
	digest = message_digest();
	if (digest == NULL || json_object_set_new(g->owners, owner, digest) < 0)
		return NULL;
	json_object_set_new(digest, "alert_email", json_string(owner));
	return digest;
}

static int
gather(const struct message_row *row, void *ctx)
{
	struct gathering *g = ctx;
	json_t *doc = json_loads(row->body, 0, NULL),
	       *digest = digest_for(g, message_text(doc, "alert_email"));

	if (doc != NULL && digest != NULL)
		message_digest_add(digest, doc);
	json_decref(doc);
	g->last = row->number;
	g->len++;
	return 0;
}

static int
put_digest(
    const struct store_backend *backend, struct store *store, struct gathering *g, json_t *digest)
{
	json_int_t total = json_integer_value(json_object_get(digest, "total"));
	struct message_row row = { .channel = g->channel->name,
		.event = "digest",
		.alert_id = "",
		.status = "waiting",
		.count = (uint64_t)total,
		.created_us = g->now_us,
		.due_us = g->now_us,
		.error = "" };
	char *body;
	int r;

	if (total == 0)
		return 0;
	r = message_digest_end(
	    digest, "These came in quiet hours, or faster than this channel is to be told.");
	if (r < 0)
		return r;
	row.severity = message_text(digest, "severity");
	row.body = body = json_dumps(digest, JSON_COMPACT);
	r = body != NULL ? backend->messages->put(store, &row) : -ENOMEM;
	free(body);
	return r;
}

static int
write_digests(const struct store_backend *backend, struct store *store, void *ctx)
{
	struct gathering *g = ctx;
	json_t *digest;
	const char *owner;
	int r = put_digest(backend, store, g, g->digest);

	json_object_foreach(g->owners, owner, digest) if (r == 0) r =
	    put_digest(backend, store, g, digest);
	return r < 0 ? r : backend->messages->told(store, g->channel->name, g->last);
}

static int
tell(struct notify *n, struct channel *c, uint64_t now_us)
{
	struct message_filter f = { .channel = c->name, .status = "held", .limit = HELD_MAX };
	struct gathering g = {
		.channel = c, .digest = message_digest(), .owners = json_object(), .now_us = now_us
	};
	int r = g.digest != NULL && g.owners != NULL ? 0 : -ENOMEM;

	if (r == 0)
		r = n->cfg.backend->messages->each(n->reader, &f, gather, &g);
	if (r == 0 && g.len > 0)
		r = writer_run(n->cfg.writer, n->replies, write_digests, &g);
	if (r == 0) {
		c->has_held = g.len == HELD_MAX;
		c->digest.told_us = c->has_held ? 0 : now_us; /* the rest need not wait */
	}
	json_decref(g.digest);
	json_decref(g.owners);
	return r < 0 ? r : 0;
}

int
held_tell(struct notify *n, uint64_t now_us)
{
	for (size_t i = 0; i < n->channels_len; i++) {
		struct channel *c = &n->channels[i];
		int r;

		if (!route_digest_due(c->cfg, &c->digest, now_us) || !c->has_held)
			continue;
		r = tell(n, c, now_us);
		if (r < 0)
			return r;
	}
	return 0;
}

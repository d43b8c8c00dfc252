/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peers - what the rest of the fleet is known to do, and what is told to it. */
#include "server/detect/starter.h"
#include "server/detect/tier.h"
#include "server/detect/turn.h"

#include <stdlib.h>
#include <string.h>

static bool
send_news(struct detect *d, const struct daemon_profile *of, const struct knowledge_news *what)
{
	struct ds_mailbox *to = d->profiles.cfg.fleet_mail;
	struct knowledge_news *news;

	if (to == NULL)
		return true;
	news = malloc(sizeof(*news));
	if (news == NULL) {
		d->news_refused++;
		return false;
	}
	*news = *what;
	news->news.sort = NEWS_FACT;
	news->class_fact = knowledge_fact(of->class, 0, "", 0);
	news->host = of->host->number;
	if (ds_mailbox_put(to, &news->news.mail) < 0) {
		d->news_refused++;
		free(news);
		return false;
	}
	return true;
}

static struct knowledge_news
news_of(
    const struct daemon_profile *of, uint8_t kind, const void *key, size_t key_size, bool learnt)
{
	return (struct knowledge_news){ .fact = knowledge_fact(of->class, kind, key, key_size),
		.learnt = learnt,
		.general = kind != 0 && key_size > 0 && key_is_general(kind, *(const uint8_t *)key),
		.behaviour = kind != 0 ? attack_behaviour(kind, key, key_size) : 0 };
}

bool
detect_send_news(struct detect *d, const struct daemon_profile *of, uint8_t kind, const void *key,
    size_t key_size, bool learnt)
{
	const struct knowledge_news news = news_of(of, kind, key, key_size, learnt);

	return send_news(d, of, &news);
}

/* Only a learnt daemon's habits count for others: what a young one does is merely seen.  On a
 * honeypot what people and jobs do is worth knowing from the first minute. */
void
turn_news(struct turn *t, struct behaviour *b)
{
	const struct daemon_profile *d = b->daemon;
	bool learnt = b->learnt && d->ready;
	struct knowledge_news news = news_of(d, b->kind, b->key, b->key_size, learnt);

	news.fresh = d->ready || !daemon_is_judged(d);
	if (send_news(t->detect, d, &news))
		b->shared = learnt;
}

static const struct fleet_knowledge *
knowledge_of(struct turn *t)
{
	struct ds_snapshot *from = t->detect->profiles.cfg.fleet;

	if (!t->fleet_asked && from != NULL)
		t->fleet = ds_snapshot_acquire(from);
	t->fleet_asked = true;
	return t->fleet != NULL ? ds_version_value(t->fleet) : NULL;
}

struct prevalence
turn_peers(struct turn *t, const struct daemon_profile *d, uint8_t kind, const struct key *key,
    bool own_seen)
{
	struct prevalence p = fleet_knowledge_get(
	    knowledge_of(t), knowledge_fact(d->class, key_kind(kind), key->data, key->size));

	if (own_seen && p.seen > 0)
		p.seen--;
	return p;
}

struct fleet_peers
turn_compared(struct turn *t, const struct daemon_profile *d, uint8_t kind, const struct key *key,
    bool own_seen)
{
	return fleet_knowledge_peers(knowledge_of(t), t->from->host,
	    knowledge_fact(d->class, 0, "", 0),
	    knowledge_fact(d->class, key_kind(kind), key->data, key->size), own_seen);
}

struct fleet_cover
turn_cover(struct turn *t, const struct daemon_profile *d)
{
	return fleet_knowledge_cover(knowledge_of(t), t->from->host,
	    knowledge_fact(d->class, 0, "", 0),
	    knowledge_fact(d->class, 0, KNOWLEDGE_READY, strlen(KNOWLEDGE_READY)));
}

uint32_t
turn_peers_of(struct turn *t, const struct daemon_profile *d)
{
	const struct key class = { 0 };

	return turn_compared(t, d, 0, &class, true).of;
}

/* One host could be somebody's: two that are independent of each other are needed.  What a starter
 * model knows counts as hosts do. */
bool
turn_is_common(struct turn *t, const struct sighting *s)
{
	uint32_t hosts = turn_peers(t, s->daemon, s->kind, &s->key, false).learnt;

	if (s->daemon->stand.starter != NULL)
		hosts += starter_hosts(s->daemon->stand.starter, s->kind, s->key.data, s->key.size);
	return hosts >= TIER_HOSTS_MIN;
}

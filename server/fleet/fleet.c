/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/fleet/fleet.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/map.h"
#include "server/detect/key.h"
#include "server/fleet/allow.h"
#include "server/fleet/influence.h"
#include "server/fleet/logins.h"
#include "server/fleet/regroup.h"
#include "server/fleet/rulebook.h"
#include "server/fleet/silence.h"
#include "server/fleet/waves.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAIL_MAX   (1u << 18)
#define ROUND_MS   1000
#define ALLOWED_MS 30000
#define REVIEWS_MS 600000
#define GROUPS_MS  60000
#define DAY_US     (86400 * DS_US_PER_S)

struct fleet {
	struct fleet_config cfg;
	struct ds_snapshot *snapshot;
	struct ds_mailbox *mail;
	struct knowledge *knowledge;
	struct groups *groups;
	struct honeypots honeypots;
	struct influence *influence; /* of this day */
	uint64_t influence_day;
	uint64_t grouped_ms; /* when it was looked who is alike */
	struct silence *silence;
	struct decoys *decoys;
	struct logins *logins;
	struct waves *waves;
	struct ds_snapshot *allowed, *rules, *reviews;
	uint64_t allowed_ms; /* when it was read */
	uint64_t reviews_ms; /* likewise; 0: somebody said something */
	bool rules_due;      /* somebody changed them */
	bool changed;        /* knowledge, since it was published */
	int (*each)(void *arg, fleet_heard call, void *ctx);
	void *each_arg;
	pthread_t thread;
	bool running;
	atomic_bool stop;
};

/* ---- what was learnt before */

struct loading {
	struct fleet *fleet;
	struct ds_map *classes; /* (host, daemon) -> class, of daemons that are ready */
	struct ds_map *days;    /* host -> uint64_t, since it enrolled */
	struct influence *influence;
};

struct named {
	uint8_t data[4 + DS_DAEMON_MAX + 1];
	size_t size;
};

static void
name_of(struct named *ret, uint32_t host, const char *daemon)
{
	size_t len = strnlen(daemon, DS_DAEMON_MAX);

	memcpy(ret->data, &host, 4);
	memcpy(ret->data + 4, daemon, len);
	ret->size = 4 + len;
}

static void
learn(struct fleet *f, struct influence *i, const struct knowledge_news *n, uint64_t share)
{
	uint64_t group = groups_of(f->groups, n->host);
	bool learnt;

	decoys_fact(f->decoys, n, honeypots_has(&f->honeypots, n->host), ds_clock_wall_us());
	if (honeypots_has(&f->honeypots, n->host))
		return; /* it is nobody's peer */
	learnt = influence_believes(i, f->knowledge, n, share);
	if (knowledge_add_grouped(
		f->knowledge, n->general ? n->class_fact : 0, n->fact, group, n->host, learnt) == 1)
		f->changed = true;
}

static int
load_host(const struct host_row *row, void *ctx)
{
	struct loading *l = ctx;
	uint64_t now_us = ds_clock_wall_us(), *days = malloc(sizeof(*days));

	if (days == NULL)
		return -ENOMEM;
	*days = now_us > row->enrolled_us ? (now_us - row->enrolled_us) / DAY_US + 1 : 1;
	if (ds_map_put(l->days, &row->number, sizeof(row->number), days, NULL) < 0)
		free(days);
	return 0;
}

/* What a host may have taught a class since it enrolled. */
static uint64_t
share_of(const struct loading *l, uint32_t host)
{
	const uint64_t *days = ds_map_get(l->days, &host, sizeof(host));

	return INFLUENCE_MAX * (days != NULL ? *days : 1);
}

static int
load_daemon(const struct daemon_row *row, void *ctx)
{
	struct loading *l = ctx;
	struct knowledge_news n = { .host = row->host, .learnt = true };
	char class[CLASS_MAX], *copy;
	struct named name;
	void *old = NULL;

	key_class(row->name, row->image != NULL ? row->image : "", class, sizeof(class));
	n.fact = n.class_fact = knowledge_fact(class, 0, "", 0);
	learn(l->fleet, l->influence, &n, 0);
	if (row->state == NULL || strcmp(row->state, "ready") != 0)
		return 0;
	n.fact = knowledge_fact(class, 0, KNOWLEDGE_READY, strlen(KNOWLEDGE_READY));
	learn(l->fleet, l->influence, &n, share_of(l, row->host));
	copy = strdup(class);
	name_of(&name, row->host, row->name);
	if (copy == NULL || ds_map_put(l->classes, name.data, name.size, copy, &old) < 0) {
		free(copy);
		return -ENOMEM;
	}
	free(old);
	return 0;
}

static int
load_profile(const struct profile_row *row, void *ctx)
{
	struct loading *l = ctx;
	struct knowledge_news n = { .host = row->host, .learnt = row->learnt };
	char class[CLASS_MAX];
	const char *known;
	struct named name;

	name_of(&name, row->host, row->daemon);
	known = ds_map_get(l->classes, name.data, name.size);
	logins_load(l->fleet->logins, row);
	if (known == NULL) {
		key_class(row->daemon, "", class, sizeof(class));
		known = class;
		n.learnt = false; /* a young daemon teaches nobody */
	}
	n.fact = knowledge_fact(known, row->kind, row->key, row->key_size);
	n.class_fact = knowledge_fact(known, 0, "", 0);
	n.general = row->key_size > 0 && key_is_general(row->kind, row->key[0]);
	n.behaviour = attack_behaviour(row->kind, row->key, row->key_size);
	learn(l->fleet, l->influence, &n, share_of(l, row->host));
	return 0;
}

static int
load(struct fleet *f)
{
	struct loading l = { f, ds_map_new(1u << 20), ds_map_new(1u << 20), influence_new() };
	const struct store_backend *b = f->cfg.backend;
	struct reader *reader = NULL;
	int r = l.classes != NULL && l.days != NULL && l.influence != NULL ? 0 : -ENOMEM;

	if (r == 0)
		r = b->reader_open(f->cfg.store, &reader);
	if (r == 0)
		r = b->each_host(reader, load_host, &l);
	decoys_forget_habits(f->decoys); /* as of who is ordinary now */
	if (r == 0)
		r = b->each_daemon(reader, 0, load_daemon, &l);
	if (r == 0)
		r = b->each_profile(reader, 0, NULL, load_profile, &l);
	if (reader != NULL)
		b->reader_close(reader);
	ds_map_free(l.classes, free);
	ds_map_free(l.days, free);
	influence_free(l.influence);
	return r;
}

static int
publish(struct fleet *f)
{
	struct fleet_knowledge *k = knowledge_publish(f->knowledge, f->groups);
	int r;

	if (k == NULL)
		return -ENOMEM;
	r = ds_snapshot_publish(f->snapshot, k);
	if (r < 0)
		fleet_knowledge_free(k);
	else
		f->changed = false;
	return r;
}

/* ---- the thread */

struct forget_news {
	struct news news; /* first: NEWS_FORGET */
	uint32_t host;
	char daemon[DS_DAEMON_MAX + 1];
};

static int
reload_profile(const struct profile_row *row, void *ctx)
{
	logins_load(ctx, row);
	return 0;
}

static void
reload(struct fleet *f, const struct forget_news *n)
{
	struct reader *reader = NULL;
	int r = f->cfg.backend->reader_open(f->cfg.store, &reader);

	if (r == 0)
		r = f->cfg.backend->each_profile(
		    reader, n->host, n->daemon, reload_profile, f->logins);
	if (reader != NULL)
		f->cfg.backend->reader_close(reader);
	if (r < 0)
		ds_log(WARN, "cannot read what people decided, later then", "host=%u why=\"%s\"",
		    n->host, strerror(-r));
}

static void
take_login(struct fleet *f, const struct login_news *n)
{
	logins_take(f->logins, n, honeypots_has(&f->honeypots, n->event.host));
}

static void
take_told(struct fleet *f, const struct told_news *n)
{
	if (honeypots_has(&f->honeypots, n->host)) {
		decoys_told(f->decoys, n);
		return;
	}
	waves_take(f->waves, n, knowledge_get(f->knowledge, n->class_fact).seen);
}

/* At once when somebody said something, else now and then: labels change, time passes. */
static void
refresh_allowed(struct fleet *f, uint64_t now_ms)
{
	int r;

	if (f->allowed_ms != 0 && now_ms - f->allowed_ms < ALLOWED_MS)
		return;
	f->allowed_ms = now_ms;
	r = allow_refresh(&f->cfg, f->allowed, ds_clock_wall_us());
	if (r == 0 && f->rules_due)
		r = rulebook_refresh(&f->cfg, f->rules);
	f->rules_due = r < 0;
	if (r < 0)
		ds_log(WARN, "cannot read what is expected, keeping what was", "why=\"%s\"",
		    strerror(-r));
}

/* Alarms that nobody has looked at come now and then; verdicts are read at once. */
static void
refresh_reviews(struct fleet *f, uint64_t now_ms)
{
	int r;

	if (f->reviews_ms != 0 && now_ms - f->reviews_ms < REVIEWS_MS)
		return;
	f->reviews_ms = now_ms;
	r = reviews_refresh(&f->cfg, f->reviews);
	if (r < 0)
		ds_log(WARN, "cannot read what people said of alarms, keeping what was",
		    "why=\"%s\"", strerror(-r));
}

/* Who is alike changes slowly.  What a host did before counts in its new group, too. */
static void
refresh_groups(struct fleet *f, uint64_t now_ms)
{
	int r;

	if (now_ms - f->grouped_ms < GROUPS_MS)
		return;
	f->grouped_ms = now_ms;
	r = regroup(&f->cfg, f->groups, &f->honeypots);
	if (r > 0)
		r = load(f);
	if (r < 0)
		ds_log(WARN, "cannot see which hosts are alike, later then", "why=\"%s\"",
		    strerror(-r));
}

/* Each day of the server's clock has its shares. */
static void
learn_news(struct fleet *f, const struct knowledge_news *n)
{
	uint64_t day = ds_clock_wall_us() / DAY_US;
	struct influence *fresh = day != f->influence_day ? influence_new() : NULL;

	if (fresh != NULL) {
		influence_free(f->influence);
		f->influence = fresh;
		f->influence_day = day;
	}
	learn(f, f->influence, n, INFLUENCE_MAX);
}

static void
take_news(struct fleet *f, struct news *n)
{
	switch (n->sort) {
	case NEWS_FACT:
		learn_news(f, DS_CONTAINER(n, struct knowledge_news, news));
		break;
	case NEWS_LOGIN:
		take_login(f, DS_CONTAINER(n, struct login_news, news));
		break;
	case NEWS_FORGET:
		reload(f, DS_CONTAINER(n, struct forget_news, news));
		f->allowed_ms = f->reviews_ms = 0;
		f->rules_due = true;
		break;
	case NEWS_CLOSED:
		logins_renew(f->logins);
		break;
	case NEWS_TOLD:
		take_told(f, DS_CONTAINER(n, struct told_news, news));
		break;
	}
}

void
fleet_forget(struct fleet *f, uint32_t host, const char *daemon)
{
	struct forget_news *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return;
	n->news.sort = NEWS_FORGET;
	n->host = host;
	snprintf(n->daemon, sizeof(n->daemon), "%s", daemon);
	if (ds_mailbox_put(f->mail, &n->news.mail) < 0)
		free(n);
}

void
fleet_login_closed(struct fleet *f)
{
	struct news *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return;
	n->sort = NEWS_CLOSED;
	if (ds_mailbox_put(f->mail, &n->mail) < 0)
		free(n);
}

static void
take_mail(struct fleet *f, struct ds_mail *m)
{
	while (m != NULL) {
		struct ds_mail *next = m->next;
		struct news *n = DS_CONTAINER(m, struct news, mail);

		take_news(f, n);
		free(n);
		m = next;
	}
}

static int
hear(uint32_t host, uint64_t last_frame_us, const char *peer, void *ctx)
{
	struct fleet *f = ctx;

	decoys_own(f->decoys, peer);
	return silence_heard(host, last_frame_us, f->silence);
}

static void
heard(struct fleet *f)
{
	uint64_t now_ms = ds_clock_monotonic_ms();

	if (f->each == NULL)
		return;
	silence_begin(f->silence, now_ms);
	(void)f->each(f->each_arg, hear, f);
	silence_judge(f->silence, f->cfg.silent_after_us / 1000);
}

static void *
run(void *arg)
{
	struct fleet *f = arg;
	uint64_t round_ms = ds_clock_monotonic_ms();

	while (!atomic_load(&f->stop)) {
		uint64_t now_ms = ds_clock_monotonic_ms();
		int left = now_ms - round_ms < ROUND_MS ? (int)(ROUND_MS - (now_ms - round_ms)) : 0;

		take_mail(f, ds_mailbox_wait(f->mail, left));
		refresh_allowed(f, now_ms);
		refresh_reviews(f, now_ms);
		refresh_groups(f, now_ms);
		if (ds_clock_monotonic_ms() - round_ms < ROUND_MS)
			continue;
		round_ms = ds_clock_monotonic_ms();
		if (f->changed && publish(f) < 0)
			ds_log(WARN, "no memory for what the fleet knows, keeping what was",
			    "facts=%zu", knowledge_len(f->knowledge));
		logins_tick(f->logins, ds_clock_wall_us());
		heard(f);
		decoys_tick(f->decoys, ds_clock_wall_us(), false);
	}
	decoys_tick(f->decoys, ds_clock_wall_us(), true);
	return NULL;
}

struct fleet *
fleet_new(const struct fleet_config *cfg, char *ret_why, size_t why_size)
{
	struct fleet *f = calloc(1, sizeof(*f));
	int r = -ENOMEM;

	if (f == NULL)
		goto fail;
	f->cfg = *cfg;
	f->snapshot = ds_snapshot_new(fleet_knowledge_free);
	f->mail = ds_mailbox_new(MAIL_MAX);
	f->knowledge = knowledge_new();
	f->groups = groups_new();
	f->influence = influence_new();
	f->silence = silence_new(cfg);
	f->decoys = decoys_new(&f->cfg);
	r = f->decoys != NULL ? decoys_load(f->decoys) : -ENOMEM;
	if (r < 0)
		goto fail;
	r = -ENOMEM;
	f->logins = logins_new(&f->cfg, f->decoys);
	f->waves = waves_new(&f->cfg);
	f->allowed = allow_snapshot();
	f->rules = rulebook_snapshot();
	f->reviews = reviews_snapshot();
	if (f->snapshot == NULL || f->mail == NULL || f->knowledge == NULL || f->groups == NULL ||
	    f->influence == NULL || f->silence == NULL || f->logins == NULL || f->waves == NULL ||
	    f->allowed == NULL || f->rules == NULL || f->reviews == NULL)
		goto fail;
	r = regroup(&f->cfg, f->groups, &f->honeypots);
	if (r >= 0)
		r = load(f);
	if (r == 0)
		r = publish(f);
	if (r == 0)
		r = allow_refresh(&f->cfg, f->allowed, ds_clock_wall_us());
	if (r == 0)
		r = rulebook_refresh(&f->cfg, f->rules);
	if (r < 0)
		goto fail;
	decoys_tick(f->decoys, ds_clock_wall_us(), false);
	return f;
fail:
	snprintf(ret_why, why_size, "cannot read what was learnt: %s", strerror(-r));
	fleet_free(f);
	return NULL;
}

int
fleet_start(struct fleet *f, int (*each)(void *arg, fleet_heard call, void *ctx), void *arg)
{
	int r;

	f->each = each;
	f->each_arg = arg;
	r = silence_load(f->silence, ds_clock_monotonic_ms());
	if (r < 0)
		return r;
	r = pthread_create(&f->thread, NULL, run, f);
	if (r != 0)
		return -r;
	f->running = true;
	return 0;
}

void
fleet_stop(struct fleet *f)
{
	if (f == NULL || !f->running)
		return;
	atomic_store(&f->stop, true);
	/* Any mail ends the wait; without memory for it the round does, within a second. */
	fleet_forget(f, 0, "");
	pthread_join(f->thread, NULL);
	f->running = false;
}

void
fleet_free(struct fleet *f)
{
	if (f == NULL)
		return;
	if (f->mail != NULL && f->knowledge != NULL)
		take_mail(f, ds_mailbox_take(f->mail));
	ds_mailbox_free(f->mail);
	ds_snapshot_free(f->snapshot);
	knowledge_free(f->knowledge);
	groups_free(f->groups);
	influence_free(f->influence);
	silence_free(f->silence);
	logins_free(f->logins);
	decoys_free(f->decoys);
	waves_free(f->waves);
	ds_snapshot_free(f->allowed);
	ds_snapshot_free(f->rules);
	ds_snapshot_free(f->reviews);
	free(f);
}

const struct fleet_config *
fleet_config(const struct fleet *f)
{
	return &f->cfg;
}

struct ds_snapshot *
fleet_knowledge(struct fleet *f)
{
	return f->snapshot;
}

struct ds_mailbox *
fleet_mailbox(struct fleet *f)
{
	return f->mail;
}

struct ds_snapshot *
fleet_allowances(struct fleet *f)
{
	return f->allowed;
}

struct ds_snapshot *
fleet_rules(struct fleet *f)
{
	return f->rules;
}

struct ds_snapshot *
fleet_reviews(struct fleet *f)
{
	return f->reviews;
}

struct ds_snapshot *
fleet_attacks(struct fleet *f)
{
	return decoys_known(f->decoys);
}

struct ds_snapshot *
fleet_logins(struct fleet *f)
{
	return logins_told(f->logins);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keep - what is learnt comes back from the store, and goes there again when it is due. */
#include "lib/map.h"
#include "server/detect/feedback.h"
#include "server/detect/login_told.h"
#include "server/detect/ready.h"
#include "server/detect/sequence.h"
#include "server/detect/turn.h"
#include "server/detect/version.h"
#include "server/store/model_state.h"
#include "server/store/profile_versions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_A_SECOND    200u /* of daemons whose counts only have grown */
#define DUE_MIN_US       (5 * 1000000ull)
#define MODELS_DUE_US    (300 * 1000000ull)
#define BEHAVIOUR_DUE_US (300 * 1000000ull)
#define DAY_US           (24 * 3600 * 1000000ull)
#define WATCHED_MAX_US   (30 * DAY_US) /* a clock that jumps by more counts for so much */

static struct ds_str
text(const char *s)
{
	return s != NULL ? (struct ds_str){ s, (uint32_t)strlen(s) } : (struct ds_str){ NULL, 0 };
}

int
detect_restore_daemon(struct detect *d, const struct daemon_row *row)
{
	const char *texts[DAEMON_TEXTS] = { row->role, row->unit, row->instance, row->exe,
		row->package, row->package_version, row->container, row->container_name,
		row->image };
	struct host_profile *h = profiles_host(&d->profiles, row->host);
	struct daemon_profile *p;
	char path[KEY_MAX];

	if (h == NULL)
		return -ENOMEM;
	p = profiles_daemon(&d->profiles, h, row->name, strlen(row->name), row->first_seen_us);
	if (p == NULL)
		return ds_map_len(h->daemons) >= PROFILE_DAEMONS_MAX ? 0 : -ENOMEM;
	for (int i = 0; i < DAEMON_TEXTS; i++)
		daemon_set_text(p, (enum daemon_text)i, text(texts[i]));
	key_class(p->name, daemon_text(p, TEXT_IMAGE), p->class, sizeof(p->class));
	daemon_add_own(p, path, key_path(text(row->exe), path, sizeof(path)));
	memcpy(p->sha256, row->sha256, sizeof(p->sha256));
	p->inode = row->inode;
	p->device = row->device;
	p->pid = row->pid;
	p->first_us = row->first_seen_us;
	p->last_us = row->last_seen_us;
	p->events = p->stored_events = row->events;
	p->stored_us = 1;
	p->gone = row->gone;
	p->declared = daemon_text(p, TEXT_EXE)[0] != '\0' || daemon_text(p, TEXT_ROLE)[0] != '\0';
	p->ready = row->state != NULL && strcmp(row->state, "ready") == 0;
	stand_assign(d->profiles.cfg.starters, p);
	if (row->last_seen_us > h->clock_us)
		h->clock_us = row->last_seen_us;
	return 0;
}

int
detect_restore_version(struct detect *d, const struct profile_version_row *row)
{
	struct host_profile *h = profiles_host(&d->profiles, row->host);
	struct daemon_profile *p =
	    h != NULL ? ds_map_get(h->daemons, row->daemon, strlen(row->daemon)) : NULL;

	if (p != NULL)
		version_restore(p, row);
	return h != NULL ? 0 : -ENOMEM;
}

int
detect_restore_profile(struct detect *d, const struct profile_row *row)
{
	struct profiles *p = &d->profiles;
	struct host_profile *h = profiles_host(p, row->host);
	struct daemon_profile *daemon;
	struct behaviour *b;
	struct key key;

	if (h == NULL)
		return -ENOMEM;
	daemon = profiles_daemon(p, h, row->daemon, strlen(row->daemon), row->first_us);
	if (daemon == NULL || key_family(row->kind) < 0 || row->key_size == 0 ||
	    row->key_size > KEY_MAX)
		return 0; /* of a future version, or no room: not needed */
	key.size = row->key_size;
	memcpy(key.data, row->key, row->key_size);
	b = profiles_find(p, daemon, row->kind, &key);
	if (b != NULL)
		return 0;
	b = profiles_add(p, daemon, row->kind, &key, row->first_us, row->learnt);
	if (b == NULL)
		return 0;
	b->told = !row->learnt && !row->waits;
	b->waits = row->waits;
	b->version = (uint16_t)row->version;
	b->days = (uint8_t)row->days;
	b->day = (uint32_t)(row->last_us / DAY_US);
	b->stored_count = row->count; /* so that counting does not mark it */
	profiles_count(p, b, row->first_us, row->count, false);
	if (row->last_us > row->first_us)
		profiles_count(p, b, row->last_us, 0, false);
	return 0;
}

static bool
is_due(const struct profiles *p, const struct daemon_profile *d, uint64_t now_us, uint64_t due_us)
{
	unsigned percent;

	if (d->events == d->stored_events && d->ready)
		return false;
	if (now_us < d->stored_us + DUE_MIN_US)
		return false;
	percent = (unsigned)(daemon_coverage(p, d, host_now(d->host, now_us)) * 100);
	return now_us >= d->stored_us + due_us || (!d->ready && percent != d->told_percent);
}

/* A daemon that has become ready: what it does counts for its peers from now on.  What the fleet's
 * mailbox has no room for is told at the next tick. */
static void
share(struct detect *detect, struct daemon_profile *d)
{
	if (!d->ready || d->shared)
		return;
	for (struct behaviour *b = d->behaviours; b != NULL; b = b->next) {
		if (!b->learnt || b->shared)
			continue;
		if (!detect_send_news(detect, d, b->kind, b->key, b->key_size, true))
			return;
		b->shared = true;
	}
	d->shared = detect_send_news(detect, d, 0, KNOWLEDGE_READY, strlen(KNOWLEDGE_READY), true);
}

static void
tick_daemon(struct profiles *p, struct daemon_profile *d, uint64_t now_us, uint64_t due_us)
{
	bool was = d->ready, due = is_due(p, d, now_us, due_us);
	uint64_t host_us = host_now(d->host, now_us);

	if (daemon_refresh(p, d, host_us) == was && !due)
		return;
	d->told_percent = (unsigned)(daemon_coverage(p, d, host_us) * 100);
	profiles_mark_daemon(p, d);
	for (struct behaviour *b = d->behaviours; b != NULL; b = b->next)
		if (b->count != b->stored_count && now_us >= b->stored_us + BEHAVIOUR_DUE_US)
			profiles_mark_behaviour(p, b);
}

struct tick {
	struct detect *detect;
	struct profiles *profiles;
	uint64_t now_us, due_us;
	uint64_t watched_us; /* hosts were, since the last tick */
	const struct feedback *feedback;
	struct reviews reviews;
};

/* How much longer a host was watched, by its own clock: a backlog of days counts as days. */
static uint64_t
watched_since(struct host_profile *h, uint64_t now_us)
{
	uint64_t at = host_now(h, now_us), before = h->counted_us;

	at -= DS_MIN(at, h->blind_us);
	if (at > before)
		h->counted_us = at;
	return before > 0 && at > before ? DS_MIN(at - before, WATCHED_MAX_US) : 0;
}

static int
tick_host(const void *key, size_t len, void *value, void *ctx)
{
	struct tick *t = ctx;
	struct host_profile *h = value;

	struct reviews said = feedback_of_host(t->feedback, h->number);

	(void)key;
	(void)len;
	t->reviews.right += said.right;
	t->reviews.wrong += said.wrong;
	t->reviews.open += said.open;
	/* Nothing was heard for long: nothing has changed since. */
	if (t->now_us > h->received_us + 2 * PROFILE_QUIET_MAX_US + t->due_us)
		return 0;
	t->watched_us += watched_since(h, t->now_us);
	for (struct daemon_profile *d = h->first; d != NULL; d = d->next) {
		tick_daemon(t->profiles, d, t->now_us, t->due_us);
		share(t->detect, d);
	}
	return 0;
}

/* Each daemon's when it has changed, the worker's now and then, from some time after the start. */
static int
save_models(struct detect *d, uint64_t now_us, struct verdict *v)
{
	int r = sequence_save_due(d->sequence, now_us, v);

	if (d->saved_us == 0 || d->saved_us > now_us)
		d->saved_us = now_us;
	if (r < 0 || now_us < d->saved_us + MODELS_DUE_US)
		return r;
	d->saved_us = now_us;
	r = evidence_save(d->evidence, v);
	return r < 0 ? r : sequence_save(d->sequence, v);
}

int
detect_restore_state(struct detect *d, const struct model_state_row *row)
{
	struct host_profile *h = NULL;
	int r;

	if (row->host != 0 && strcmp(row->name, MODEL_STATE_STOPPED) == 0) {
		h = profiles_host(&d->profiles, row->host);
		if (h != NULL)
			h->stopped = row->size == 1 && *(const uint8_t *)row->data != 0;
		return h != NULL ? 0 : -ENOMEM;
	}
	r = sequence_restore(d, row->host, row->name, row->data, row->size);
	return r < 0 || row->host != 0
		   ? r
		   : evidence_restore(d->evidence, row->name, row->data, row->size);
}

int
detect_tick(struct detect *d, uint64_t now_us, struct verdict *ret)
{
	uint64_t due_us = d->profiles.daemons_len * 1000000ull / ROWS_A_SECOND;
	struct tick t = { .detect = d,
		.profiles = &d->profiles,
		.now_us = now_us,
		.due_us = due_us > DUE_MIN_US ? due_us : DUE_MIN_US };
	struct ds_version *said =
	    d->profiles.cfg.feedback != NULL ? ds_snapshot_acquire(d->profiles.cfg.feedback) : NULL;
	int r;

	*ret = (struct verdict){ 0 };
	t.feedback = said != NULL ? ds_version_value(said) : NULL;
	(void)ds_map_each(d->profiles.hosts, tick_host, &t);
	evidence_set_feedback(d->evidence, t.feedback, &t.reviews);
	ds_version_release(said);
	evidence_tick(d->evidence, now_us, t.watched_us);
	r = login_told_take(d, ret);
	if (r == 0)
		r = sequence_tick(d, now_us, ret);
	if (r == 0)
		r = save_models(d, now_us, ret);
	if (r == 0)
		r = verdict_rows(&d->profiles, ret, now_us);
	if (r < 0)
		verdict_done(ret);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/react_impl.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAIL_MAX  65536u
#define ROUND_MS  1000u
#define SENT_MAX  65536u
#define ASKED_MAX 16u /* mail that may wait: more, and nobody waits for what comes of it */

static struct ds_log_rate rate;

/* ---- mail, from any thread */

static struct react_mail *
mail_new(enum react_mail_kind kind, uint32_t host, const void *data, size_t size)
{
	struct react_mail *m = malloc(sizeof(*m) + size);

	if (m == NULL)
		return NULL;
	*m = (struct react_mail){ .kind = kind, .host = host, .size = size };
	m->data = (uint8_t *)(m + 1);
	if (size > 0)
		memcpy(m->data, data, size);
	return m;
}

static void
mail_free(struct react_mail *m)
{
	if (m == NULL || m->is_part)
		return;
	free(m->finding.json);
	plugin_job_free(m->job);
	policy_free(m->settings.policy);
	free(m);
}

/* Takes the mail.  What is lost is found again by the sweep, but for findings, which are counted.
 */
static bool
post(struct react *r, struct react_mail *m)
{
	static struct ds_log_rate lost;

	if (m != NULL && ds_mailbox_put(r->mailbox, &m->mail) == 0)
		return true;
	mail_free(m);
	r->dropped++;
	r->rescan = true;
	if (ds_log_pass(&lost, 5))
		ds_log(ERROR, "reacting falls behind, something is left out", "%s", "");
	return false;
}

static void
tell(struct react *r, enum react_mail_kind kind, uint32_t host, const void *data, size_t size)
{
	(void)post(r, mail_new(kind, host, data, size)); /* counted */
}

/* Takes the mail; how many answers are worth waiting for: none when there is much to do. */
static unsigned
ask(struct react *r, struct react_mail *m, uint64_t with)
{
	bool is_idle = ds_mailbox_len(r->mailbox) < ASKED_MAX;

	if (m != NULL)
		m->with = with;
	return post(r, m) && with > 0 && is_idle;
}

unsigned
react_finding(struct react *r, uint32_t host, const struct finding *f, uint64_t with)
{
	struct react_mail *m = mail_new(REACT_MAIL_FINDING, host, NULL, 0);

	if (m != NULL) {
		m->finding = *f;
		m->finding.json = f->json != NULL ? strdup(f->json) : NULL;
	}
	return ask(r, m, with);
}

unsigned
react_event(struct react *r, uint32_t host, const void *data, size_t size, uint64_t with)
{
	return ask(r, mail_new(REACT_MAIL_EVENT, host, data, size), with);
}

void
react_session(struct react *r, uint32_t host)
{
	tell(r, REACT_MAIL_SESSION, host, NULL, 0);
}

void
react_result(struct react *r, uint32_t host, const void *data, size_t size)
{
	if (size <= DS_RESULT_MAX)
		tell(r, REACT_MAIL_RESULT, host, data, size);
}

void
react_sent(struct react *r, uint32_t host, const void *data, size_t size)
{
	struct react_mail *m;
	struct ds_envelope e;
	struct ds_order order;

	/* Our own bytes: they decode. */
	if (ds_envelope_get(data, size, &e) < 0 || ds_order_get(&e, &order) < 0)
		return;
	m = mail_new(REACT_MAIL_SENT, host, NULL, 0);
	if (m != NULL)
		memcpy(m->order, order.id, sizeof(m->order));
	(void)post(r, m); /* counted */
}

void
react_kick(struct react *r, uint32_t host)
{
	tell(r, REACT_MAIL_KICK, host, NULL, 0);
}

void
react_changed(struct react *r)
{
	tell(r, REACT_MAIL_CHANGED, 0, NULL, 0);
}

void
react_reset_breaker(struct react *r)
{
	tell(r, REACT_MAIL_RESET, 0, NULL, 0);
}

static void
publish_policy(struct react *r, struct react_settings *settings)
{
	if (settings->policy != NULL && ds_snapshot_publish(r->policy, settings->policy) < 0)
		policy_free(settings->policy);
	settings->policy = NULL;
}

void
react_configure(struct react *r, struct react_settings *settings)
{
	struct react_mail *m = mail_new(REACT_MAIL_SETTINGS, 0, NULL, 0);

	r->order_ttl_us = settings->order_ttl_us;
	r->approval_ttl_us = settings->approval_ttl_us;
	r->bulk_max = settings->bulk_max;
	publish_policy(r, settings);
	if (m != NULL)
		m->settings = *settings;
	(void)post(r, m); /* counted */
}

uint32_t
react_bulk_max(const struct react *r)
{
	return r->bulk_max;
}

struct issuer
react_issuer(const struct react *r)
{
	return (struct issuer){ .key = r->cfg.key,
		.order_ttl_us = r->order_ttl_us,
		.approval_ttl_us = r->approval_ttl_us };
}

bool
react_spares(struct react *r, const char *address, char *ret_why, size_t size)
{
	struct ds_version *policy = react_policy(r), *spared = ds_snapshot_acquire(r->spared);
	const char *name = spared != NULL ? spared_find(ds_version_value(spared), address) : NULL;
	bool listed = policy == NULL || policy_spares(ds_version_value(policy), address);

	if (name != NULL)
		snprintf(ret_why, size,
		    "%.60s is never blocked: it is the host %.100s ([react] never_block_labels)",
		    address, name);
	else if (listed)
		snprintf(ret_why, size,
		    "%.60s is never blocked ([react] never_block), or is no address", address);
	if (policy != NULL)
		ds_version_release(policy);
	if (spared != NULL)
		ds_version_release(spared);
	return listed || name != NULL;
}

struct ds_version *
react_policy(struct react *r)
{
	return ds_snapshot_acquire(r->policy);
}

void
react_get_stats(const struct react *r, struct react_stats *ret)
{
	*ret = (struct react_stats){ .findings = r->findings,
		.reactions = r->reactions,
		.stopped = r->stopped,
		.sent = r->sent_n,
		.results = r->results,
		.dropped = r->dropped,
		.resting = r->resting,
		.is_paused = r->paused };
}

static bool
is_passing(int result)
{
	return result == -EAGAIN || result == -ENOSPC || result == -EIO || result == -EBUSY ||
	       result == -ENOMEM;
}

static void
take_written(struct react *r, struct react_mail *m)
{
	struct react_write *w = m->write;

	if (is_passing(w->result)) {
		react_write_later(w);
		return;
	}
	react_write_settle(r, w);
	outbox_written(r, w);
	if (w->result < 0 && w->result != -ENOENT && w->result != -ECANCELED &&
	    ds_log_pass(&rate, 5))
		ds_log(WARN, "what became of a reaction could not be recorded", "why=\"%s\"",
		    strerror(-w->result));
	if (w->host > 0)
		outbox_kick(r, w->host);
	for (size_t i = 0; w->host == 0 && i < w->size / sizeof(struct issue_plan); i++)
		outbox_kick(r, w->body->plans[i].host);
	react_write_free(w);
}

/* ---- the thread */

static int
read_mode(const struct mode_row *row, void *ctx)
{
	int r = modes_put(ctx, row);

	if (r < 0)
		ds_log(WARN, "a mode cannot be used, leaving it out", "mode=\"%s\" why=\"%s\"",
		    row->mode, strerror(-r));
	return 0;
}

static int
load(struct react *r)
{
	const struct store_backend *b = r->cfg.backend;
	struct modes *modes = modes_new();
	char text[512] = "";
	int q = modes != NULL ? b->reactions->each_mode(r->reader, read_mode, modes) : -ENOMEM;

	if (q == 0)
		q = b->setting_get(r->reader, REACT_PAUSED_SETTING, text, sizeof(text));
	if (q == -ENOENT)
		q = 0;
	if (q < 0) {
		modes_free(modes);
		return q;
	}
	modes_free(r->modes);
	r->modes = modes;
	r->is_paused = text[0] != '\0';
	r->paused = r->is_paused;
	hosts_forget(r->hosts);
	return 0;
}

static void
take_changed(struct react *r, struct react_mail *m)
{
	int q = load(r);

	(void)m;
	atomic_store(&r->rescan, true); /* what is held is so with the next round */
	if (q < 0)
		ds_log(ERROR, "changed modes cannot be read, the old ones stay", "why=\"%s\"",
		    strerror(-q));
}

static void
take_finding(struct react *r, struct react_mail *m)
{
	r->findings++;
	respond(r, m->host, &m->finding);
}

static void
take_session(struct react *r, struct react_mail *m)
{
	spare_session(r, m->host);
	outbox_send(r, m->host, true);
}

static void
take_kick(struct react *r, struct react_mail *m)
{
	outbox_kick(r, m->host);
	r->here_due = true;
}

static void
take_sent(struct react *r, struct react_mail *m)
{
	outbox_sent(r, m);
}

static void
take_reset(struct react *r, struct react_mail *m)
{
	(void)m;
	breaker_reset(r->breaker);
	rest_end(r);
}

static void
take_settings(struct react *r, struct react_mail *m)
{
	breaker_set_limits(r->breaker, &m->settings.breaker);
	r->held = m->settings.held;
	r->plugins = m->settings.plugins;
	memcpy(r->spared_labels, m->settings.spared_labels, sizeof(r->spared_labels));
}

static void
take_plugin(struct react *r, struct react_mail *m)
{
	here_done(r, m->job);
}

static void
take_stop(struct react *r, struct react_mail *m)
{
	(void)m;
	r->stop = true;
}

static void
take_event(struct react *r, struct react_mail *m)
{
	prevent_events(r, m->host, m->data, m->size);
}

static void (*const takers[REACT_MAIL_KINDS])(struct react *r, struct react_mail *m) = {
	[REACT_MAIL_FINDING] = take_finding,
	[REACT_MAIL_EVENT] = take_event,
	[REACT_MAIL_SESSION] = take_session,
	[REACT_MAIL_RESULT] = outbox_result,
	[REACT_MAIL_SENT] = take_sent,
	[REACT_MAIL_KICK] = take_kick,
	[REACT_MAIL_CHANGED] = take_changed,
	[REACT_MAIL_RESET] = take_reset,
	[REACT_MAIL_WRITTEN] = take_written,
	[REACT_MAIL_SETTINGS] = take_settings,
	[REACT_MAIL_PLUGIN] = take_plugin,
	[REACT_MAIL_STOP] = take_stop,
};

static void
take_all(struct react *r, struct ds_mail *mail)
{
	for (struct ds_mail *next; mail != NULL; mail = next) {
		struct react_mail *m = DS_CONTAINER(mail, struct react_mail, mail);
		bool is_part = m->is_part; /* then the taker owns what it is part of */

		next = mail->next;
		r->with = is_part ? 0 : m->with;
		takers[m->kind](r, m);
		if (r->with > 0)
			react_write_answer(r);
		r->with = 0;
		if (!is_part)
			mail_free(m);
	}
}

static void *
react_main(void *arg)
{
	struct react *r = arg;
	uint64_t round_ms = ds_clock_monotonic_ms();

	outbox_sweep(r, round_ms); /* what a server before us left */
	while (!r->stop) {
		uint64_t now_ms = ds_clock_monotonic_ms();

		take_all(r,
		    ds_mailbox_wait(r->mailbox,
			now_ms - round_ms < ROUND_MS ? (int)(ROUND_MS - (now_ms - round_ms)) : 0));
		outbox_turn(r);
		here_turn(r);
		now_ms = ds_clock_monotonic_ms();
		if (now_ms - round_ms < ROUND_MS)
			continue;
		round_ms = now_ms;
		react_write_retry(r);
		spare_round(r, now_ms);
		outbox_sweep(r, now_ms);
		rest_round(r, now_ms);
		r->resting = breaker_resting(r->breaker, now_ms);
	}
	return NULL;
}

/* On the runner's thread. */
static void
plugin_ended(struct plugin_job *job, void *ctx)
{
	struct react_mail *m = mail_new(REACT_MAIL_PLUGIN, job->host, NULL, 0);

	if (m == NULL)
		plugin_job_free(job); /* the next server finds it begun */
	else
		m->job = job;
	if (m != NULL)
		(void)post(ctx, m); /* counted */
}

static int
make_parts(struct react *r, struct react_settings *settings)
{
	int q = r->cfg.backend->reader_open(r->cfg.store, &r->reader);

	if (q < 0)
		return q;
	r->mailbox = ds_mailbox_new(MAIL_MAX);
	r->policy = ds_snapshot_new(policy_free);
	r->spared = ds_snapshot_new(spared_free);
	r->hosts = hosts_new(r->cfg.backend, r->reader);
	r->breaker = breaker_new(&settings->breaker);
	r->sent = ds_map_new(SENT_MAX);
	r->kicked = ds_map_new(SENT_MAX);
	if (!r->mailbox || !r->policy || !r->spared || !r->hosts || !r->breaker || !r->sent ||
	    !r->kicked)
		return -ENOMEM;
	r->held = settings->held;
	r->order_ttl_us = settings->order_ttl_us;
	r->approval_ttl_us = settings->approval_ttl_us;
	r->bulk_max = settings->bulk_max;
	publish_policy(r, settings);
	r->plugins = settings->plugins;
	memcpy(r->spared_labels, settings->spared_labels, sizeof(r->spared_labels));
	q = here_init(r, plugin_ended);
	if (q == 0)
		q = spare_init(r);
	if (q == 0)
		q = rest_init(r);
	return q < 0 ? q : load(r);
}

struct react *
react_new(
    const struct react_config *cfg, struct react_settings *settings, char *ret_why, size_t size)
{
	struct react *r = calloc(1, sizeof(*r));
	int q = -ENOMEM;

	if (r != NULL) {
		r->cfg = *cfg;
		q = make_parts(r, settings);
	}
	if (q == 0)
		return r;
	snprintf(ret_why, size, "cannot read how to react: %s", strerror(-q));
	policy_free(settings->policy);
	settings->policy = NULL;
	react_free(r);
	return NULL;
}

int
react_start(struct react *r, const struct react_sessions *sessions)
{
	int q;

	r->sessions = *sessions;
	q = pthread_create(&r->thread, NULL, react_main, r);
	r->is_running = q == 0;
	return -q;
}

void
react_stop(struct react *r)
{
	struct react_mail stop = { .kind = REACT_MAIL_STOP, .is_part = true };

	if (r == NULL || !r->is_running)
		return;
	while (ds_mailbox_put(r->mailbox, &stop.mail) < 0)
		sched_yield(); /* full: it is being emptied */
	pthread_join(r->thread, NULL);
	r->is_running = false;
}

static void
drop_mail(struct react *r)
{
	struct ds_mail *mail = ds_mailbox_take(r->mailbox);

	for (struct ds_mail *next; mail != NULL; mail = next) {
		struct react_mail *m = DS_CONTAINER(mail, struct react_mail, mail);

		next = mail->next;
		if (m->kind == REACT_MAIL_WRITTEN)
			react_write_free(m->write);
		else
			mail_free(m);
	}
}

void
react_free(struct react *r)
{
	if (r == NULL)
		return;
	plugin_runner_free(r->runner);
	if (r->mailbox != NULL)
		drop_mail(r);
	for (struct react_write *w = r->retry, *next; w != NULL; w = next) {
		next = w->next;
		react_write_free(w);
	}
	ds_mailbox_free(r->mailbox);
	ds_snapshot_free(r->policy);
	ds_snapshot_free(r->spared);
	hosts_free(r->hosts);
	modes_free(r->modes);
	breaker_free(r->breaker);
	rest_done(r);
	ds_map_free(r->sent, NULL);
	ds_map_free(r->kicked, NULL);
	ds_map_free(r->here_busy, NULL);
	ds_map_free(r->held_now, NULL);
	ds_map_free(r->profiles, NULL);
	ds_map_free(r->spare_told, free);
	if (r->reader != NULL)
		r->cfg.backend->reader_close(r->reader);
	free(r);
}

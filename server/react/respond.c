/* SPDX-License-Identifier: GPL-2.0-or-later */
/* respond - from a finding that is on disk to reactions that are to be: rules, mode, pause,
 * breaker. */
#include "lib/clock.h"
#include "lib/log.h"
#include "server/detect/alerts.h"
#include "server/react/react_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ds_log_rate rate;

/* What one finding leads to. */
struct response {
	struct react *react;
	const struct react_host *host;
	const struct finding *finding;
	struct react_args args;
	enum react_mode mode;
	uint64_t now_ms;
	bool is_killed; /* before its first instruction: there is no process to do anything to */
	/* while a ban is spread */
	const struct policy_answer *answer;
	struct react_write *chunk;
	size_t chunk_len;
};

static void
aim(const struct response *s, const struct policy_answer *a, struct react_args *ret)
{
	react_args_for(a->kind, &s->args, s->finding->daemon, ret);
	react_args_reach(a->kind, a->reach, s->finding->daemon, ret);
}

static void
fill_plan(const struct response *s, const struct react_host *host, const struct policy_answer *a,
    enum react_mode mode, struct issue_plan *p)
{
	const struct finding *f = s->finding;

	*p = (struct issue_plan){
		.host = host->number,
		.kind = a->kind,
		.order_mode = mode == REACT_PREVENT ? DS_ORDER_PREVENT : DS_ORDER_ACTIVE,
		.is_dry_run = mode == REACT_MONITOR || s->react->is_paused || a->refused[0],
		.ttl_us = a->ttl_us,
		.ttl_max_us = a->ttl_max_us,
		.ttl_factor = a->ttl_factor,
	};
	memcpy(p->host_id, host->id, sizeof(p->host_id));
	aim(s, a, &p->args);
	if (a->kind->need == REACT_NEEDS_DATA)
		memcpy(p->args.data, a->plugin, sizeof(p->args.data));
	snprintf(p->daemon, sizeof(p->daemon), "%s", f->daemon);
	snprintf(p->alert_id, sizeof(p->alert_id), "%s", f->alert_id);
	snprintf(p->rule, sizeof(p->rule), "%s", a->rule);
	snprintf(p->reason, sizeof(p->reason), "%s", f->title);
	snprintf(p->by, sizeof(p->by), "policy");
	if (a->refused[0])
		snprintf(p->note, sizeof(p->note), "%s", a->refused);
	else if (s->react->is_paused)
		snprintf(p->note, sizeof(p->note), "automation is paused");
}

/* ---- a ban that is spread */

static void
post_chunk(struct response *s)
{
	struct react_write *w = s->chunk;

	if (w == NULL)
		return;
	w->size = s->chunk_len * sizeof(w->body->plans[0]);
	s->chunk = NULL;
	s->chunk_len = 0;
	react_write_post(w);
}

static int
spread_to(const struct react_host *host, void *ctx)
{
	struct response *s = ctx;
	enum react_mode mode;

	if (!host->is_approved || host->number == s->host->number)
		return 0;
	if (s->answer->scope == REACT_GROUP && !react_labels_meet(host->labels, s->host->labels))
		return 0;
	mode = modes_of(s->react->modes, host->number, host->labels, s->finding->daemon);
	if (mode == REACT_MONITOR)
		return 0;
	if (s->chunk == NULL)
		s->chunk = react_write_new(
		    s->react, react_write_plans, REACT_CHUNK * sizeof(struct issue_plan));
	if (s->chunk == NULL)
		return -ENOMEM;
	fill_plan(s, host, s->answer, mode, &s->chunk->body->plans[s->chunk_len++]);
	s->react->reactions++;
	if (s->chunk_len == REACT_CHUNK)
		post_chunk(s);
	return 0;
}

static void
spread(struct response *s, const struct policy_answer *a)
{
	/* The cache may be read again meanwhile: keep what is compared with. */
	struct react_host host = *s->host;

	s->answer = a;
	s->host = &host;
	if (hosts_each(s->react->hosts, s->now_ms, spread_to, s) < 0)
		ds_log(ERROR, "no memory, a ban was not spread to all hosts", "alert=%s",
		    s->finding->alert_id);
	post_chunk(s);
}

/* ---- the breaker */

static unsigned
count_hosts(void *ctx, const char *daemon)
{
	struct react *r = ctx;

	return hosts_with(r->hosts, daemon, ds_clock_monotonic_ms());
}

static int
run_alert(struct react_write *w, const struct store_backend *b, struct store *store)
{
	int r = alerts_raise_once(b, store, w->host, &w->finding, ds_clock_wall_us());

	return r < 0 ? r : 0;
}

/* What was too much, and where nothing is done now. */
static void
say_stopped(const struct response *s, enum breaker_answer why, struct finding *f)
{
	const struct breaker_limits *l = breaker_limits(s->react->breaker);
	const char *daemon = s->finding->daemon, *host = s->host->name;
	char rest[32], where[260], limit[160];

	switch (why) {
	case BREAKER_OK:
	case BREAKER_FULL:
		snprintf(where, sizeof(where), "everywhere");
		snprintf(limit, sizeof(limit), "there was no room to count how many");
		break;
	case BREAKER_DAEMON:
		snprintf(where, sizeof(where), "on %.100s of %.100s", daemon, host);
		snprintf(limit, sizeof(limit), "more than %u a minute ([react] daemon_max)",
		    l->daemon_max);
		break;
	case BREAKER_HOST:
		snprintf(where, sizeof(where), "on %.100s", host);
		snprintf(
		    limit, sizeof(limit), "more than %u a minute ([react] host_max)", l->host_max);
		break;
	case BREAKER_FLEET:
		snprintf(where, sizeof(where), "on %.100s in the whole fleet", daemon);
		snprintf(limit, sizeof(limit),
		    "on more than %u %% of the hosts that have it, within ten minutes ([react] "
		    "share_max)",
		    l->share_max);
		break;
	}
	ds_clock_format(f->time_us + l->rest_ms * 1000, rest, sizeof(rest));
	snprintf(f->title, sizeof(f->title), "automatic reactions %s %.160s",
	    s->mode == REACT_MONITOR ? "would have stopped" : "stopped", where);
	snprintf(f->reason, sizeof(f->reason),
	    "Too many reactions were due: %s. Automation rests %s until %.8s UTC: what is found is told, and "
	    "nothing is done%s. That is an attack that goes on, or a rule that is wrong. "
	    "`daemonsec-ctl reactions resume` ends the rest before its time.",
	    limit, where, rest + 11, s->mode == REACT_MONITOR ? " or recorded" : "");
}

/* Automation that stopped itself is told like any other blindness. */
static void
tell_stopped(struct response *s, enum breaker_answer why)
{
	struct react_write *w = react_write_new(s->react, run_alert, 0);
	bool is_dry = s->mode == REACT_MONITOR;
	struct finding *f;

	if (w == NULL) {
		ds_log(ERROR, "no memory to tell that automation stopped itself", "host=\"%s\"",
		    s->host->name);
		return;
	}
	w->host = s->host->number;
	f = &w->finding;
	*f = (struct finding){ .kind = "blind",
		.severity = is_dry ? "low" : "high",
		.score = is_dry ? 20 : 85,
		.count = 1,
		.time_us = ds_clock_wall_us() };
	snprintf(f->id, sizeof(f->id), "fnd_breaker_%u_%llu", s->host->number,
	    (unsigned long long)f->time_us);
	snprintf(f->group, sizeof(f->group), "breaker:%d:%d:%u:%.100s", (int)why, is_dry,
	    why == BREAKER_FLEET ? 0 : s->host->number,
	    why == BREAKER_HOST ? "" : s->finding->daemon);
	snprintf(f->daemon, sizeof(f->daemon), "%s", s->finding->daemon);
	say_stopped(s, why, f);
	ds_log(WARN, "automation stopped itself", "title=\"%s\"", f->title);
	f->json = strdup("{\"explanation\":[{\"feature\":\"reactions a minute\",\"baseline\":"
			 "\"the limits of [react]\",\"observed\":\"more\",\"weight\":1}]}");
	react_write_post(w);
}

static bool
breaker_lets(struct response *s, const struct policy_answer *a)
{
	char what[REACT_TARGET_MAX + 40] = "", target[REACT_TARGET_MAX];
	struct react *r = s->react;
	struct react_args args;
	enum breaker_answer answer;
	bool first;

	if (!a->kind->is_repeatable) {
		aim(s, a, &args);
		react_target(a->kind, &args, target);
		snprintf(what, sizeof(what), "%s %s", a->kind->name, target);
	}
	answer = breaker_take(r->breaker, s->now_ms, s->host->number, s->finding->daemon, what,
	    count_hosts, r, &first);
	if (answer == BREAKER_OK)
		return true;
	r->stopped++;
	if (first)
		tell_stopped(s, answer);
	return false;
}

/* ---- a finding */

static void
do_answer(struct response *s, struct policy_answer *a)
{
	struct react_write *w;
	bool is_spread;

	if ((s->is_killed && a->kind->need == REACT_NEEDS_PROCESS) || !breaker_lets(s, a))
		return;
	w = react_write_new(s->react, react_write_plans, sizeof(w->body->plans[0]));
	if (w == NULL)
		return;
	if (a->kind->need == REACT_NEEDS_ADDRESS && !a->refused[0])
		(void)react_spares(s->react, s->args.address, a->refused, sizeof(a->refused));
	fill_plan(s, s->host, a, s->mode, w->body->plans);
	s->react->reactions++;
	is_spread = !w->body->plans[0].is_dry_run && a->scope != REACT_HOST;
	react_write_post(w); /* the writer's from here on */
	if (is_spread)
		spread(s, a);
}

void
respond(struct react *r, uint32_t host, const struct finding *f)
{
	struct response s = { .react = r, .finding = f, .now_ms = ds_clock_monotonic_ms() };
	struct policy_answer answers[POLICY_ANSWERS_MAX];
	struct policy_subject subject = { f->kind, f->severity, f->daemon, NULL, &s.args };
	struct ds_version *v;
	size_t n;

	if (host == 0 || !f->alert_id[0] || f->closes || f->notice)
		return;
	s.host = hosts_get(r->hosts, host, s.now_ms);
	v = react_policy(r);
	if (s.host == NULL || v == NULL) {
		r->dropped++;
		if (ds_log_pass(&rate, 5))
			ds_log(ERROR, "nothing is known of a host, so nothing is done about it",
			    "host=%u", host);
	} else {
		react_args_of_document(f->json, &s.args);
		s.is_killed = s.args.pid > 0 && prevent_links(r, host, &s.args, f->alert_id);
		subject.labels = s.host->labels;
		s.mode = modes_of(r->modes, host, s.host->labels, f->daemon);
		n = policy_ask(ds_version_value(v), &subject, answers);
		for (size_t i = 0; i < n; i++)
			do_answer(&s, &answers[i]);
	}
	if (v != NULL)
		ds_version_release(v);
}

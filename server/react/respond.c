/* SPDX-License-Identifier: GPL-2.0-or-later */
/* respond - from a finding that is on disk to reactions that are to be: rules, mode, pause,
 * breaker. */
#include "lib/clock.h"
#include "lib/log.h"
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
		rest_tell(r, s->host, s->finding->daemon, s->mode, answer);
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reactions_simulate - what the rules in use would have done about the alerts of the last days. */
#include "lib/clock.h"
#include "server/api/reactions.h"
#include "server/react/react.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SINCE_US   (UINT64_C(30) * 86400 * 1000000)
#define ALERTS_MAX 100000u
#define ITEMS_MAX  1000u
#define TOTALS_MAX 256u

struct total {
	char rule[POLICY_NAME_MAX];
	const struct react_kind *kind;
	uint64_t would, wrongly, refused;
};

struct simulation {
	struct call *c;
	const struct policy *policy;
	uint64_t since_us, alerts, would;
	unsigned items;
	struct total totals[TOTALS_MAX];
	size_t totals_len;
	struct { /* labels of the host looked at last */
		uint32_t number;
		char labels[512];
	} host;
};

static int
see_labels(const struct host_row *row, void *ctx)
{
	struct simulation *s = ctx;

	if (row->number != s->host.number)
		return 0;
	snprintf(s->host.labels, sizeof(s->host.labels), "%s", row->labels);
	return 1;
}

static const char *
labels_of(struct simulation *s, uint32_t host)
{
	const struct api_config *cfg = s->c->cfg;

	if (s->host.number == host)
		return s->host.labels;
	s->host.number = host;
	s->host.labels[0] = '\0';
	if (cfg->backend->each_host(s->c->worker->reader, see_labels, s) < 0)
		s->host.number = 0;
	return s->host.labels;
}

/* What a person said about the alert; "" nothing. */
static void
verdict_of(const struct alert_row *row, char ret[40])
{
	json_t *doc = row->verdict != NULL ? json_loads(row->verdict, 0, NULL) : NULL;
	const char *text = json_string_value(json_object_get(doc, "verdict"));

	snprintf(ret, 40, "%s", text != NULL ? text : "");
	json_decref(doc);
}

static struct total *
total_of(struct simulation *s, const struct policy_answer *a)
{
	for (size_t i = 0; i < s->totals_len; i++)
		if (s->totals[i].kind == a->kind && strcmp(s->totals[i].rule, a->rule) == 0)
			return &s->totals[i];
	if (s->totals_len == TOTALS_MAX)
		return &s->totals[TOTALS_MAX - 1];
	s->totals[s->totals_len].kind = a->kind;
	memcpy(s->totals[s->totals_len].rule, a->rule, sizeof(a->rule));
	return &s->totals[s->totals_len++];
}

static void
put_item(struct simulation *s, const struct alert_row *row, const struct policy_answer *a,
    const struct react_args *known, const char *verdict)
{
	struct ds_json *j = &s->c->json;
	char target[REACT_TARGET_MAX];
	struct react_args args;

	if (s->items++ >= ITEMS_MAX)
		return;
	react_args_for(a->kind, known, row->daemon, &args);
	react_args_reach(a->kind, a->reach, row->daemon, &args);
	react_target(a->kind, &args, target);
	ds_json_object(j);
	ds_json_put_string(j, "alert_id", row->id);
	ds_json_put_string(j, "title", row->title);
	call_put_host(s->c, "host", row->host);
	ds_json_put_string(j, "daemon", row->daemon);
	ds_json_put_time(j, "time", row->first_us);
	ds_json_put_string(j, "rule", a->rule);
	ds_json_put_string(j, "kind", a->kind->name);
	ds_json_put_string(j, "target", target);
	ds_json_put_uint(j, "ttl_seconds", a->ttl_us / DS_US_PER_S);
	ds_json_put_string(j, "refused", a->refused[0] ? a->refused : NULL);
	ds_json_put_string(j, "verdict", verdict[0] ? verdict : NULL);
	ds_json_end(j);
}

static int
simulate_alert(const struct alert_row *row, void *ctx)
{
	struct policy_answer answers[POLICY_ANSWERS_MAX];
	struct simulation *s = ctx;
	struct react_args args;
	const struct policy_subject subject = { row->kind, row->severity, row->daemon,
		labels_of(s, row->host), &args };
	char verdict[40];
	bool wrong;
	size_t n;

	if (row->last_us < s->since_us)
		return 0;
	s->alerts++;
	react_args_of_document(row->json, &args);
	n = policy_ask(s->policy, &subject, answers);
	verdict_of(row, verdict);
	wrong = verdict[0] && strcmp(verdict, "true_positive") != 0;
	for (size_t i = 0; i < n; i++) {
		struct total *t = total_of(s, &answers[i]);

		t->would += !answers[i].refused[0];
		t->refused += answers[i].refused[0] != '\0';
		t->wrongly += !answers[i].refused[0] && wrong;
		s->would += !answers[i].refused[0];
		put_item(s, row, &answers[i], &args, verdict);
	}
	return 0;
}

static void
put_totals(struct simulation *s)
{
	struct ds_json *j = &s->c->json;

	ds_json_key(j, "totals");
	ds_json_array(j);
	for (size_t i = 0; i < s->totals_len; i++) {
		ds_json_object(j);
		ds_json_put_string(j, "rule", s->totals[i].rule);
		ds_json_put_string(j, "kind", s->totals[i].kind->name);
		ds_json_put_uint(j, "would", s->totals[i].would);
		ds_json_put_uint(j, "wrongly", s->totals[i].wrongly);
		ds_json_put_uint(j, "refused", s->totals[i].refused);
		ds_json_end(j);
	}
	ds_json_end(j);
}

void
reactions_simulate(struct call *c)
{
	struct simulation *s;
	struct ds_version *v;
	int r;

	if (!reactions_possible(c))
		return;
	s = calloc(1, sizeof(*s));
	v = react_policy(c->cfg->react);
	r = s != NULL && v != NULL ? 0 : -ENOMEM;
	if (r == 0) {
		s->c = c;
		s->policy = ds_version_value(v);
		if (!call_time(c, "since", &s->since_us))
			goto done;
		if (s->since_us == 0)
			s->since_us = ds_clock_wall_us() - SINCE_US;
		ds_json_object(&c->json);
		ds_json_put_time(&c->json, "since", s->since_us);
		ds_json_key(&c->json, "items");
		ds_json_array(&c->json);
		r = c->cfg->backend->each_alert(
		    c->worker->reader, NULL, NULL, ALERTS_MAX, simulate_alert, s);
		ds_json_end(&c->json);
	}
	if (r < 0) {
		call_error(c, r, "cannot read the alerts");
		goto done;
	}
	put_totals(s);
	ds_json_put_uint(&c->json, "alerts", s->alerts);
	ds_json_put_uint(&c->json, "would", s->would);
	ds_json_put_uint(
	    &c->json, "items_left_out", s->items > ITEMS_MAX ? s->items - ITEMS_MAX : 0);
	ds_json_end(&c->json);
done:
	if (v != NULL)
		ds_version_release(v);
	free(s);
}

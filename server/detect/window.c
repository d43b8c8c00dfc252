/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/window.h"

#include "lib/map.h"
#include "server/detect/explain.h"
#include "server/detect/key.h"
#include "server/detect/version.h"
#include "server/model/exact.h"
#include "server/model/rates.h"
#include "server/model/set.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHOWN       3u /* features of an explanation */
#define RATES_LEAST 4  /* spreads: less is never news, however even a daemon was before */

static const struct evidence_model dense = { "window-dbscan", EVIDENCE_LEVEL, "window_outlier",
	"has a minute unlike all that were learnt", 0 };
static const struct evidence_model centers = { "window-kmeans", EVIDENCE_LEVEL, "window_outlier",
	"has a quarter of an hour unlike those that were learnt", 0 };
static const struct evidence_model pace = { "window-change", EVIDENCE_CHANGE, "window_outlier",
	"changes its pace in a way it never did", 0 };

static const struct evidence_model season = { "rates", EVIDENCE_CHANGE, "rate_burst",
	"does much more or less than at this hour", RATES_LEAST };

/* Of a daemon: what came before, as the model of this set scales it. */
struct watched {
	uint64_t set;
	struct change_state state;
	struct rates rates;
};

struct watch {
	struct windows *windows;
	struct ds_map *watched; /* host and name */
};

struct watch *
watch_new(void)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->windows = windows_new(WINDOWS_LAG);
	w->watched = ds_map_new(WINDOWS_TRACKS_MAX);
	if (w->windows != NULL && w->watched != NULL)
		return w;
	watch_free(w);
	return NULL;
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	windows_free(w->windows);
	ds_map_free(w->watched, free);
	free(w);
}

void
watch_forget(struct watch *w, uint32_t host)
{
	windows_forget(w->windows, host);
}

/* ---- explanation */

struct view {
	const struct set_entry *entry;
	const struct window_fit *fit;
	const struct fit_score *score;
	const struct window_closed *closed;
	const double *vector;
	const struct change_state *state; /* of a change; NULL: of a level */
};

static double
human(size_t feature, double value)
{
	return window_features[feature].is_log ? DS_MAX(0, exact_exp(value) - 1) : value;
}

/* How much a feature adds to what is unusual. */
static double
share_of(const struct view *v, size_t f)
{
	double d;

	if (v->state != NULL)
		return v->score->votes >> f & 1 ? v->state->lags[0][f] * v->state->lags[0][f] : 0;
	d = v->score->row[f] - window_fit_nearest(v->fit, v->score)[f];
	return d * d;
}

static void
when(uint64_t minute, char *ret, size_t size)
{
	time_t t = (time_t)(minute * 60);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(ret, size, "%Y-%m-%dT%H:%MZ", &tm);
}

static void
show_feature(const struct view *v, size_t f, double total, struct evidence_feature *ret)
{
	double middle = v->fit->scale.middle[f], spread = v->fit->scale.spread[f];
	char low[EXPLAIN_NUMBER], high[EXPLAIN_NUMBER], seen[EXPLAIN_NUMBER];

	snprintf(ret->feature, sizeof(ret->feature), "%s", window_features[f].name);
	snprintf(ret->baseline, sizeof(ret->baseline), "usually %s to %s%s",
	    explain_number(human(f, middle - 2 * spread), low),
	    explain_number(human(f, middle + 2 * spread), high),
	    v->closed->is_long ? " a minute, over 15 minutes" : " a minute");
	explain_number(human(f, v->vector[f]), seen);
	if (v->state != NULL)
		snprintf(ret->observed, sizeof(ret->observed),
		    "%s, after changes that none of %u models knows", seen, v->fit->change.models);
	else
		snprintf(ret->observed, sizeof(ret->observed), "%s", seen);
	ret->weight = total > 0 ? share_of(v, f) / total : 0;
}

/* Which model says so, what is nearest to it, and what would make it normal. */
static void
show_model(const struct view *v, struct evidence_feature *ret)
{
	char from[32], to[32], near[96] = "", score[EXPLAIN_NUMBER];

	when(v->entry->data_from_us / WINDOW_US, from, sizeof(from));
	when(v->entry->data_to_us / WINDOW_US, to, sizeof(to));
	if (!v->fit->is_long && v->state == NULL && v->fit->ref[v->score->nearest].index > 0) {
		const struct fit_ref *ref = &v->fit->ref[v->score->nearest];
		char at[32];

		when(ref->index, at, sizeof(at));
		snprintf(near, sizeof(near), "; nearest: %s %s", at,
		    ref->host == v->closed->host ? "here" : "on another host");
	}
	snprintf(ret->feature, sizeof(ret->feature), "distance from what is normal");
	snprintf(ret->baseline, sizeof(ret->baseline),
	    "%.60s, version %llu: %u windows of %s, %s to %s", v->entry->model.class,
	    (unsigned long long)v->entry->version, v->fit->windows,
	    v->fit->host > 0 ? "this host" : "the fleet", from, to);
	snprintf(ret->observed, sizeof(ret->observed),
	    "%s; about 1 in %.0f is as far%s; normal again when a verdict says benign_expected and it "
	    "is trained anew",
	    explain_number(v->state != NULL ? v->score->moved : v->score->level, score),
	    1 / (v->state != NULL ? v->score->moved_p : v->score->level_p), near);
	ret->weight = 0;
}

static size_t
explain(const void *ctx, struct evidence_feature *ret, size_t max)
{
	const struct view *v = ctx;
	double total = 0;
	uint64_t shown = 0;
	size_t len = 0;

	for (size_t f = 0; f < WINDOW_DIM; f++)
		total += share_of(v, f);
	for (; len < SHOWN && len + 1 < max; len++) {
		size_t best = 0;

		for (size_t f = 1; f < WINDOW_DIM; f++)
			if (!(shown >> f & 1) &&
			    (shown >> best & 1 || share_of(v, f) > share_of(v, best)))
				best = f;
		if (!(share_of(v, best) > 0) || shown >> best & 1)
			break;
		shown |= UINT64_C(1) << best;
		show_feature(v, best, total, &ret[len]);
	}
	if (len < max)
		show_model(v, &ret[len++]);
	return len;
}

/* ---- scoring */

/* One batch's closed windows. */
struct round {
	struct turn *turn;
	struct ds_version *models; /* acquired when first needed */
	bool asked;
	int error;
};

static const struct model_set *
models_of(struct round *r)
{
	struct ds_snapshot *from = r->turn->detect->profiles.cfg.models;

	if (!r->asked && from != NULL)
		r->models = ds_snapshot_acquire(from);
	r->asked = true;
	return r->models != NULL ? ds_version_value(r->models) : NULL;
}

static struct watched *
watched_of(struct watch *w, const struct window_closed *c)
{
	char key[4 + DS_DAEMON_MAX + 1];
	size_t len = strlen(c->daemon);
	struct watched *x;

	memcpy(key, &c->host, 4);
	memcpy(key + 4, c->daemon, len);
	x = ds_map_get(w->watched, key, 4 + len);
	if (x != NULL)
		return x;
	x = calloc(1, sizeof(*x));
	if (x != NULL && ds_map_put(w->watched, key, 4 + len, x, NULL) < 0) {
		free(x);
		return NULL; /* no room: neither changes nor rates are judged */
	}
	return x;
}

static struct evidence
evidence_of(const struct turn *t, const struct daemon_profile *d,
    const struct evidence_model *model, const struct window_closed *c)
{
	return (struct evidence){ .model = model,
		.host = t->from->host,
		.host_name = t->from->host_name,
		.daemon = d->name,
		.class = d->class,
		/* With what else was seen in that minute. */
		.time_us = (c->window->index + c->window->minutes - 1) * WINDOW_US };
}

static int
hand_in(struct round *r, const struct daemon_profile *d, const struct evidence_model *model,
    const struct view *v)
{
	struct turn *t = r->turn;
	struct evidence e = evidence_of(t, d, model, v->closed);
	double p;

	e.score = v->state != NULL ? v->score->moved : v->score->level;
	e.p = v->state != NULL ? v->score->moved_p : v->score->level_p;
	e.peers_of = turn_peers_of(t, d);
	e.explain = explain;
	e.ctx = v;
	return evidence_add(t->detect->evidence, &e, t->verdict, &p);
}

static void
judge(struct round *r, const struct daemon_profile *d, const struct set_entry *entry,
    struct change_state *state, const struct window_closed *c)
{
	const struct window_fit *fit = window_model_fit(&entry->model, c->host, c->is_long);
	double vector[WINDOW_DIM];
	struct fit_score score;
	struct view v = { entry, fit, &score, c, vector, NULL };

	if (fit == NULL)
		return;
	window_vector(c->window, vector);
	window_fit_score(fit, state, vector, &score);
	r->error = hand_in(r, d, c->is_long ? &centers : &dense, &v);
	if (r->error == 0 && state != NULL && score.moved_p < 1) {
		v.state = state;
		r->error = hand_in(r, d, &pace, &v);
	}
}

/* ---- rates */

struct pace_view {
	const struct rates_score *score;
	double observed;
};

static size_t
explain_rates(const void *ctx, struct evidence_feature *ret, size_t max)
{
	const struct pace_view *v = ctx;
	const struct rates_score *s = v->score;
	char low[EXPLAIN_NUMBER], high[EXPLAIN_NUMBER], seen[EXPLAIN_NUMBER];

	if (max == 0)
		return 0;
	snprintf(ret->feature, sizeof(ret->feature), "events a minute");
	snprintf(ret->baseline, sizeof(ret->baseline), "usually %s to %s at this hour of the week",
	    explain_number(DS_MAX(0, exact_exp(s->expected - 2 * s->spread) - 1), low),
	    explain_number(exact_exp(s->expected + 2 * s->spread) - 1, high));
	snprintf(ret->observed, sizeof(ret->observed), "%s%s", explain_number(v->observed, seen),
	    s->silence > 1                ? ", silent for longer than ever before"
	    : DS_MAX(s->up, s->down) > 20 ? ", and has been so for a while"
					  : "");
	ret->weight = 1;
	return 1;
}

/* In the minutes after an explained change of version. */
static bool
is_warm(const struct daemon_profile *d, const struct window_closed *c)
{
	return version_is_warm(d, c->window->index * WINDOW_US);
}

static void
judge_rates(struct round *r, const struct daemon_profile *d, struct rates *rates,
    const struct window_closed *c)
{
	struct evidence e = evidence_of(r->turn, d, &season, c);
	struct rates_score score;
	struct pace_view v = { &score, c->window->events };
	double p;

	rates->floor = 0.5; /* of log counts: half as many again is nothing */
	rates_see(rates, c->window->index * (WINDOW_US / 1000000), exact_log1p(c->window->events),
	    true, &score);
	if (!score.judged || is_warm(d, c))
		return;
	e.score = rates_total(&score);
	e.peers_of = turn_peers_of(r->turn, d);
	e.explain = explain_rates;
	e.ctx = &v;
	r->error = evidence_add(r->turn->detect->evidence, &e, r->turn->verdict, &p);
}

static void
take_window(const struct window_closed *c, void *ctx)
{
	struct round *r = ctx;
	const struct model_set *set = models_of(r);
	const struct set_entry *entry = NULL;
	const struct daemon_profile *d;
	struct watched *x;

	if (r->error < 0)
		return;
	d = ds_map_get(r->turn->host->daemons, c->daemon, strlen(c->daemon));
	if (d == NULL || d->gone || !daemon_is_judged(d))
		return;
	x = watched_of(r->turn->detect->watch, c);
	/* What comes after a blind window is compared with nothing. */
	if (x != NULL && !c->is_long &&
	    (c->window->blind || c->window->first || set == NULL || x->set != set->number)) {
		x->state = (struct change_state){ .seen = 0 };
		x->set = set != NULL ? set->number : 0;
	}
	if (c->window->blind)
		return;
	if (x != NULL && !c->is_long)
		judge_rates(r, d, &x->rates, c);
	if (set != NULL)
		entry = model_set_find(set, d->class);
	if (entry != NULL && r->error == 0 && !is_warm(d, c))
		judge(r, d, entry, x != NULL && !c->is_long ? &x->state : NULL, c);
}

int
watch_batch(struct turn *t)
{
	struct round r = { .turn = t };
	bool bulk = t->from->lane == DS_LANE_BULK;
	int e = windows_feed(t->detect->watch->windows, t->from->host, bulk, t->batch,
	    t->from->received_us, take_window, &r);

	ds_version_release(r.models);
	return e < 0 ? e : r.error;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rest - automation that stopped itself is told by an alert, which is closed when it goes on.
 *
 * On the react thread, called by respond (it stopped) and react (time, the breaker's reset).  Owns
 * react->rests: alerts that are open, by their group.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/map.h"
#include "server/detect/alerts.h"
#include "server/react/react_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESTS_MAX 4096u  /* of more, the alerts are closed when the server starts again */
#define LOOK_MAX  10000u /* alerts of before, looked through for those of the breaker */
#define PREFIX    "breaker:"

struct rest {
	uint32_t host; /* the alert's */
	uint64_t until_ms;
	char group[sizeof(((struct finding *)0)->group)];
};

static void
remember(struct react *r, const char *group, uint32_t host, uint64_t until_ms)
{
	struct rest *rest = calloc(1, sizeof(*rest));
	void *old = NULL;

	if (rest != NULL) {
		rest->host = host;
		rest->until_ms = until_ms;
		snprintf(rest->group, sizeof(rest->group), "%s", group);
		if (ds_map_put(r->rests, rest->group, strlen(rest->group), rest, &old) < 0)
			old = rest;
	}
	free(old);
}

/* ---- told */

static int
run_raise(struct react_write *w, const struct store_backend *b, struct store *store)
{
	int r = alerts_raise_once(b, store, w->host, &w->finding, ds_clock_wall_us());

	return r < 0 ? r : 0;
}

/* What was too much, and where nothing is done now. */
static void
say_stopped(const struct breaker_limits *l, const struct react_host *host, enum react_mode mode,
    enum breaker_answer why, struct finding *f)
{
	char rest[32], where[260], limit[160];

	switch (why) {
	case BREAKER_OK:
	case BREAKER_FULL:
		snprintf(where, sizeof(where), "everywhere");
		snprintf(limit, sizeof(limit), "there was no room to count how many");
		break;
	case BREAKER_DAEMON:
		snprintf(where, sizeof(where), "on %.100s of %.100s", f->daemon, host->name);
		snprintf(limit, sizeof(limit), "more than %u a minute ([react] daemon_max)",
		    l->daemon_max);
		break;
	case BREAKER_HOST:
		snprintf(where, sizeof(where), "on %.100s", host->name);
		snprintf(
		    limit, sizeof(limit), "more than %u a minute ([react] host_max)", l->host_max);
		break;
	case BREAKER_FLEET:
		snprintf(where, sizeof(where), "on %.100s in the whole fleet", f->daemon);
		snprintf(limit, sizeof(limit),
		    "on more than %u %% of the hosts that have it, within ten minutes ([react] "
		    "share_max)",
		    l->share_max);
		break;
	}
	ds_clock_format(f->time_us + l->rest_ms * 1000, rest, sizeof(rest));
	snprintf(f->title, sizeof(f->title), "automatic reactions %s %.160s",
	    mode == REACT_MONITOR ? "would have stopped" : "stopped", where);
	snprintf(f->reason, sizeof(f->reason),
	    "Too many reactions were due: %s. Automation rests %s until %.8s UTC: what is found is told, and "
	    "nothing is done%s. That is an attack that goes on, or a rule that is wrong. "
	    "`daemonsec-ctl reactions resume` ends the rest before its time.",
	    limit, where, rest + 11, mode == REACT_MONITOR ? " or recorded" : "");
}

void
rest_tell(struct react *r, const struct react_host *host, const char *daemon, enum react_mode mode,
    enum breaker_answer why)
{
	const struct breaker_limits *limits = breaker_limits(r->breaker);
	struct react_write *w = react_write_new(r, run_raise, 0);
	bool is_dry = mode == REACT_MONITOR;
	struct finding *f;

	if (w == NULL) {
		ds_log(ERROR, "no memory to tell that automation stopped itself", "host=\"%s\"",
		    host->name);
		return;
	}
	w->host = host->number;
	f = &w->finding;
	*f = (struct finding){ .kind = "blind",
		.severity = is_dry ? "low" : "high",
		.score = is_dry ? 20 : 85,
		.count = 1,
		.time_us = ds_clock_wall_us() };
	snprintf(f->id, sizeof(f->id), "fnd_breaker_%u_%llu", host->number,
	    (unsigned long long)f->time_us);
	snprintf(f->group, sizeof(f->group), PREFIX "%d:%d:%u:%.100s", (int)why, is_dry,
	    why == BREAKER_FLEET ? 0 : host->number, why == BREAKER_HOST ? "" : daemon);
	snprintf(f->daemon, sizeof(f->daemon), "%s", daemon);
	say_stopped(limits, host, mode, why, f);
	ds_log(WARN, "automation stopped itself", "title=\"%s\"", f->title);
	f->json = strdup("{\"explanation\":[{\"feature\":\"reactions a minute\",\"baseline\":"
			 "\"the limits of [react]\",\"observed\":\"more\",\"weight\":1}]}");
	remember(r, f->group, w->host, ds_clock_monotonic_ms() + limits->rest_ms);
	react_write_post(w);
}

/* ---- closed */

static int
run_close(struct react_write *w, const struct store_backend *b, struct store *store)
{
	int r = alerts_close_group(
	    b, store, w->host, w->finding.group, w->finding.reason, ds_clock_wall_us());

	return r < 0 ? r : 0;
}

struct due {
	uint64_t now_ms;
	struct rest *found;
};

static int
find_due(const void *key, size_t len, void *value, void *ctx)
{
	struct rest *rest = value;
	struct due *due = ctx;

	(void)key;
	(void)len;
	if (rest->until_ms > due->now_ms)
		return 0;
	due->found = rest;
	return 1;
}

/* Of those whose time is over by then. */
static void
close_due(struct react *r, uint64_t now_ms, const char *note)
{
	for (struct due due = { now_ms, NULL }; ds_map_each(r->rests, find_due, &due) == 1;) {
		struct react_write *w = react_write_new(r, run_close, 0);

		if (w == NULL)
			return; /* in the next round */
		w->host = due.found->host;
		snprintf(w->finding.group, sizeof(w->finding.group), "%s", due.found->group);
		snprintf(w->finding.reason, sizeof(w->finding.reason), "%s", note);
		react_write_post(w);
		free(ds_map_remove(r->rests, due.found->group, strlen(due.found->group)));
	}
}

void
rest_round(struct react *r, uint64_t now_ms)
{
	close_due(r, now_ms, "Automation goes on: its rest is over.");
}

void
rest_end(struct react *r)
{
	close_due(r, UINT64_MAX, "Automation goes on: a person ended its rest.");
}

/* ---- the thread's begin and end */

static int
see_left_over(const struct alert_row *row, void *ctx)
{
	if (strncmp(row->key, PREFIX, sizeof(PREFIX) - 1) == 0)
		remember(ctx, row->key, row->host, 0);
	return 0;
}

int
rest_init(struct react *r)
{
	static const char *const statuses[] = { "open", "acknowledged" };
	int q = 0;

	r->rests = ds_map_new(RESTS_MAX);
	if (r->rests == NULL)
		return -ENOMEM;
	/* A breaker begins anew with the server: of those of before the rest is over. */
	for (size_t i = 0; q == 0 && i < DS_LEN(statuses); i++)
		q = r->cfg.backend->each_alert(
		    r->reader, statuses[i], NULL, LOOK_MAX, see_left_over, r);
	return q < 0 ? q : 0;
}

void
rest_done(struct react *r)
{
	ds_map_free(r->rests, free);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alerts_summary - all open alerts at a glance: how many, by what cause, on which hosts, of which
 * daemons, and when they came.
 *
 * On the pool's threads; each has a board of its own.
 */
#include "lib/clock.h"
#include "server/api/board.h"
#include "server/api/call.h"
#include "server/api/routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAEMONS_MAX 20u
#define HOSTS_MAX   1000u
#define BUCKETS     56u
#define HOUR_US     (UINT64_C(3600) * 1000000)

struct summary {
	uint64_t since_us, until_us;
	uint64_t open[BOARD_RANKS], buckets[BUCKETS][BOARD_RANKS];
	struct board_list causes, daemons, hosts;
};

static void
see_alert(const struct board_alert *a, void *ctx)
{
	struct summary *s = ctx;

	if (a->first_us >= s->since_us && a->first_us < s->until_us)
		s->buckets[(a->first_us - s->since_us) * BUCKETS / (s->until_us - s->since_us)]
			  [a->rank]++;
	s->open[a->rank] += a->is_open;
}

/* ---- the answer */

static int
put_name(const struct alert_row *row, void *ctx)
{
	struct ds_json *j = ctx;

	ds_json_put_string(j, "alert", row->id);
	ds_json_put_string(j, "title", row->title);
	ds_json_put_string(j, "daemon", row->daemon);
	return 0;
}

static void
put_group(struct call *c, const struct board_group *g, bool with_alert)
{
	struct alert_row gone = { .id = g->worst->id, .title = "", .daemon = "" };
	struct ds_json *j = &c->json;

	ds_json_object(j);
	ds_json_put_string(j, "severity", board_ranks[g->worst->rank]);
	ds_json_put_int(j, "score", g->score);
	ds_json_put_uint(j, "alerts", g->alerts);
	ds_json_put_uint(j, "hosts", g->hosts);
	ds_json_put_time(j, "last_seen", g->last_us);
	call_put_host(c, "host", g->worst->host);
	if (with_alert && c->cfg->backend->alert_get(c->worker->reader, gone.id, put_name, j) != 1)
		(void)put_name(&gone, j);
	ds_json_end(j);
}

static void
put_groups(struct call *c, const char *key, const struct board_list *l, size_t max, bool alerts)
{
	ds_json_key(&c->json, key);
	ds_json_array(&c->json);
	for (size_t i = 0; i < l->len && i < max; i++)
		put_group(c, l->groups[i], alerts);
	ds_json_end(&c->json);
}

static uint64_t
serious_hosts(const struct summary *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->hosts.len; i++)
		n += s->hosts.groups[i]->worst->rank > 0;
	return n;
}

static void
put_summary(struct call *c, const struct summary *s, unsigned causes_max)
{
	struct ds_json *j = &c->json;

	ds_json_object(j);
	ds_json_key(j, "open");
	ds_json_object(j);
	for (int i = 0; i < BOARD_RANKS; i++)
		ds_json_put_uint(j, board_ranks[i], s->open[i]);
	ds_json_end(j);
	ds_json_put_uint(j, "hosts_in_need", serious_hosts(s));
	ds_json_put_uint(j, "causes_total", s->causes.len);
	put_groups(c, "causes", &s->causes, causes_max, true);
	put_groups(c, "daemons", &s->daemons, DAEMONS_MAX, true);
	put_groups(c, "hosts", &s->hosts, HOSTS_MAX, false);
	ds_json_put_time(j, "since", s->since_us);
	ds_json_put_time(j, "until", s->until_us);
	for (int i = 0; i < BOARD_RANKS; i++) {
		char key[32];

		snprintf(key, sizeof(key), "came_%s", board_ranks[i]);
		ds_json_key(j, key);
		ds_json_array(j);
		for (size_t k = 0; k < BUCKETS; k++)
			ds_json_uint(j, s->buckets[k][i]);
		ds_json_end(j);
	}
	ds_json_end(j);
}

static bool
read_hours(struct call *c, unsigned *ret)
{
	const char *text = c->get(c->request, "hours");
	char *end;
	unsigned long v;

	*ret = 24;
	if (text == NULL)
		return true;
	v = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && v >= 1 && v <= BOARD_HOURS_MAX) {
		*ret = (unsigned)v;
		return true;
	}
	call_problem(c, 400, "parameter", "hours: expected a number from 1 to %u, not \"%s\"",
	    BOARD_HOURS_MAX, text);
	return false;
}

/* The thread's board as of now; NULL after a problem. */
static struct board *
take_board(struct call *c, uint64_t now_us)
{
	struct call_worker *w = c->worker;
	int r;

	if (w->board == NULL)
		w->board = board_new(c->cfg->backend, w->reader);
	r = w->board != NULL ? board_refresh(w->board, now_us) : -ENOMEM;
	if (r == 0)
		return w->board;
	call_error(c, r, "cannot sum the alerts up");
	return NULL;
}

void
alerts_summary(struct call *c)
{
	struct summary s = { .until_us = ds_clock_wall_us() };
	unsigned hours, causes_max;
	struct board *b;
	int r;

	if (!read_hours(c, &hours) || !call_limit(c, 20, &causes_max))
		return;
	b = take_board(c, s.until_us);
	if (b == NULL)
		return;
	s.since_us = s.until_us - hours * HOUR_US;
	board_count(b, see_alert, &s);
	r = board_arrange(b, BOARD_CAUSES, &s.causes);
	if (r == 0)
		r = board_arrange(b, BOARD_DAEMONS, &s.daemons);
	if (r == 0)
		r = board_arrange(b, BOARD_HOSTS, &s.hosts);
	if (r < 0)
		call_error(c, r, "cannot sum the alerts up");
	else
		put_summary(c, &s, causes_max);
	free(s.causes.groups);
	free(s.daemons.groups);
	free(s.hosts.groups);
}

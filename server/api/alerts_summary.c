/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alerts_summary - all open alerts at a glance: how many, by what cause, on which hosts, of which
 * daemons, and when they came.  One read of the alerts without their documents.
 *
 * On the pool's threads; owns nothing between calls.
 */
#include "lib/clock.h"
#include "lib/map.h"
#include "server/api/call.h"
#include "server/api/cause.h"
#include "server/api/routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX  20000u  /* of each sort; what comes after is counted, not shown */
#define PAIRS_MAX   200000u /* of a group and a host */
#define DAEMONS_MAX 20u
#define HOSTS_MAX   1000u
#define BUCKETS     56u
#define HOURS_MAX   720u
#define HOUR_US     (UINT64_C(3600) * 1000000)
#define RANKS       4

static const char *const ranks[RANKS] = { "low", "medium", "high", "critical" };

/* Alerts that belong together; the worst of them stands for all. */
struct group {
	char id[64], daemon[DS_DAEMON_MAX + 1];
	char *title;
	uint32_t host;
	int rank, score;
	uint64_t alerts, hosts, last_us;
};

struct sort_of_group {
	struct ds_map *by_key; /* owns the groups */
	struct group **list;   /* the worst first, once counting is over */
	size_t len;
};

struct summary {
	uint64_t since_us, until_us;
	unsigned causes_max;
	struct sort_of_group causes, daemons, hosts;
	struct ds_map *pairs; /* keys only */
	uint64_t open[RANKS], buckets[BUCKETS][RANKS];
};

static int
rank_of(const char *severity)
{
	for (int i = 0; i < RANKS; i++)
		if (strcmp(ranks[i], severity) == 0)
			return i;
	return 0;
}

static void
free_group(void *value)
{
	struct group *g = value;

	free(g->title);
	free(g);
}

/* The group of this key, made when it is new.  1 and *ret, 0 when there are too many, -ENOMEM. */
static int
find_group(struct sort_of_group *s, const void *key, size_t len, struct group **ret)
{
	int r;

	*ret = ds_map_get(s->by_key, key, len);
	if (*ret != NULL)
		return 1;
	*ret = calloc(1, sizeof(**ret));
	if (*ret == NULL)
		return -ENOMEM;
	(*ret)->rank = -1;
	r = ds_map_put(s->by_key, key, len, *ret, NULL);
	if (r < 0)
		free(*ret);
	return r == -ENOSPC ? 0 : r < 0 ? r : 1;
}

static int
is_worse(int rank, uint64_t last_us, const struct group *g)
{
	return rank != g->rank ? rank > g->rank : last_us > g->last_us;
}

/* Whether the group has not been seen on this host before: 1, 0, -ENOMEM. */
static int
is_first_on_host(struct summary *s, struct group *g, uint32_t host)
{
	struct {
		const struct group *g;
		uint64_t host;
	} pair = { g, host };
	int r;

	if (ds_map_get(s->pairs, &pair, sizeof(pair)) != NULL)
		return 0;
	r = ds_map_put(s->pairs, &pair, sizeof(pair), g, NULL);
	return r == -ENOSPC ? 0 : r < 0 ? r : 1;
}

static int
add_to(struct summary *s, struct sort_of_group *sort, const void *key, size_t len,
    const struct alert_row *row)
{
	struct group *g;
	int rank = rank_of(row->severity), r = find_group(sort, key, len, &g);

	if (r <= 0)
		return r;
	if (is_worse(rank, row->last_us, g)) {
		char *title = strdup(row->title);

		if (title == NULL)
			return -ENOMEM;
		free(g->title);
		g->title = title;
		g->rank = rank;
		g->host = row->host;
		snprintf(g->id, sizeof(g->id), "%s", row->id);
		snprintf(g->daemon, sizeof(g->daemon), "%s", row->daemon);
	}
	r = is_first_on_host(s, g, row->host);
	if (r < 0)
		return r;
	g->hosts += (unsigned)r;
	g->alerts++;
	if (row->score > g->score)
		g->score = row->score;
	if (row->last_us > g->last_us)
		g->last_us = row->last_us;
	return 0;
}

static int
see_alert(const struct alert_row *row, void *ctx)
{
	struct summary *s = ctx;
	char key[CAUSE_SIZE];
	int rank = rank_of(row->severity), r;

	if (row->first_us >= s->since_us && row->first_us < s->until_us)
		s->buckets[(row->first_us - s->since_us) * BUCKETS / (s->until_us - s->since_us)]
			  [rank]++;
	if (strcmp(row->status, "open") != 0)
		return 0;
	s->open[rank]++;
	r = add_to(s, &s->causes, key, cause_of(row, key), row);
	if (r == 0 && *row->daemon)
		r = add_to(s, &s->daemons, row->daemon, strlen(row->daemon), row);
	if (r == 0)
		r = add_to(s, &s->hosts, &row->host, sizeof(row->host), row);
	return r;
}

/* ---- the worst first */

static int
collect(const void *key, size_t len, void *value, void *ctx)
{
	struct sort_of_group *s = ctx;

	(void)key;
	(void)len;
	s->list[s->len++] = value;
	return 0;
}

static int
by_weight(const void *a, const void *b)
{
	const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;

	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	if (x->last_us != y->last_us)
		return x->last_us > y->last_us ? -1 : 1;
	return strcmp(y->id, x->id);
}

static int
arrange(struct sort_of_group *s)
{
	size_t len = ds_map_len(s->by_key);

	if (len == 0)
		return 0;
	s->list = calloc(len, sizeof(*s->list));
	if (s->list == NULL)
		return -ENOMEM;
	ds_map_each(s->by_key, collect, s);
	qsort(s->list, s->len, sizeof(*s->list), by_weight);
	return 0;
}

/* ---- the answer */

static void
put_group(struct call *c, const struct group *g, bool with_alert)
{
	struct ds_json *j = &c->json;

	ds_json_object(j);
	ds_json_put_string(j, "severity", ranks[g->rank]);
	ds_json_put_int(j, "score", g->score);
	ds_json_put_uint(j, "alerts", g->alerts);
	ds_json_put_uint(j, "hosts", g->hosts);
	ds_json_put_time(j, "last_seen", g->last_us);
	call_put_host(c, "host", g->host);
	if (with_alert) {
		ds_json_put_string(j, "alert", g->id);
		ds_json_put_string(j, "title", g->title);
		ds_json_put_string(j, "daemon", g->daemon);
	}
	ds_json_end(j);
}

static void
put_groups(struct call *c, const char *key, const struct sort_of_group *s, size_t max, bool alerts)
{
	ds_json_key(&c->json, key);
	ds_json_array(&c->json);
	for (size_t i = 0; i < s->len && i < max; i++)
		put_group(c, s->list[i], alerts);
	ds_json_end(&c->json);
}

static uint64_t
serious_hosts(const struct summary *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->hosts.len; i++)
		n += s->hosts.list[i]->rank > 0;
	return n;
}

static void
put_summary(struct call *c, const struct summary *s)
{
	struct ds_json *j = &c->json;

	ds_json_object(j);
	ds_json_key(j, "open");
	ds_json_object(j);
	for (int i = 0; i < RANKS; i++)
		ds_json_put_uint(j, ranks[i], s->open[i]);
	ds_json_end(j);
	ds_json_put_uint(j, "hosts_in_need", serious_hosts(s));
	ds_json_put_uint(j, "causes_total", s->causes.len);
	put_groups(c, "causes", &s->causes, s->causes_max, true);
	put_groups(c, "daemons", &s->daemons, DAEMONS_MAX, true);
	put_groups(c, "hosts", &s->hosts, HOSTS_MAX, false);
	ds_json_put_time(j, "since", s->since_us);
	ds_json_put_time(j, "until", s->until_us);
	for (int i = 0; i < RANKS; i++) {
		char key[32];

		snprintf(key, sizeof(key), "came_%s", ranks[i]);
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
	if (*text >= '0' && *text <= '9' && *end == '\0' && v >= 1 && v <= HOURS_MAX) {
		*ret = (unsigned)v;
		return true;
	}
	call_problem(c, 400, "parameter", "hours: expected a number from 1 to %u, not \"%s\"",
	    HOURS_MAX, text);
	return false;
}

static int
prepare(struct summary *s)
{
	struct sort_of_group *sorts[] = { &s->causes, &s->daemons, &s->hosts };

	for (size_t i = 0; i < DS_LEN(sorts); i++)
		if ((sorts[i]->by_key = ds_map_new(GROUPS_MAX)) == NULL)
			return -ENOMEM;
	s->pairs = ds_map_new(PAIRS_MAX);
	return s->pairs != NULL ? 0 : -ENOMEM;
}

static void
summary_free(struct summary *s)
{
	struct sort_of_group *sorts[] = { &s->causes, &s->daemons, &s->hosts };

	for (size_t i = 0; i < DS_LEN(sorts); i++) {
		ds_map_free(sorts[i]->by_key, free_group);
		free(sorts[i]->list);
	}
	ds_map_free(s->pairs, NULL);
	free(s);
}

void
alerts_summary(struct call *c)
{
	struct summary *s;
	unsigned hours, causes_max;
	int r;

	if (!read_hours(c, &hours) || !call_limit(c, 20, &causes_max))
		return;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		call_error(c, -ENOMEM, "cannot sum the alerts up");
		return;
	}
	s->causes_max = causes_max;
	s->until_us = ds_clock_wall_us();
	s->since_us = s->until_us - hours * HOUR_US;
	r = prepare(s);
	if (r == 0)
		r = c->cfg->backend->each_alert_brief(c->worker->reader, s->since_us, see_alert, s);
	if (r == 0)
		r = arrange(&s->causes);
	if (r == 0)
		r = arrange(&s->daemons);
	if (r == 0)
		r = arrange(&s->hosts);
	if (r < 0)
		call_error(c, r, "cannot sum the alerts up");
	else
		put_summary(c, s);
	summary_free(s);
}

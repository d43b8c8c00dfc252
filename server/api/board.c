/* SPDX-License-Identifier: GPL-2.0-or-later */
/* board - see the header. */
#include "server/api/board.h"

#include "lib/map.h"
#include "server/api/cause.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALERTS_MAX  (1u << 19) /* what is beyond is not shown */
#define PAIRS_MAX   (3 * ALERTS_MAX)
#define CHANGES_MAX 2000u /* more of them: to read all is quicker */
#define HOUR_US     (UINT64_C(3600) * 1000000)

const char *const board_ranks[BOARD_RANKS] = { "low", "medium", "high", "critical" };

struct board {
	const struct store_backend *backend;
	struct reader *reader;
	struct ds_map *alerts;    /* id -> struct board_alert, owned */
	struct ds_map *groups[3]; /* by enum board_sort, owned */
	struct ds_map *pairs;     /* group and host -> how many of its alerts are there */
	bool is_filled;
	uint64_t seq;       /* of the newest change that was taken over */
	uint64_t pruned_us; /* when those that are long gone were left out */
	uint64_t turn;
};

static int
board_prepare(struct board *b)
{
	b->alerts = ds_map_new(ALERTS_MAX);
	b->pairs = ds_map_new(PAIRS_MAX);
	for (size_t i = 0; i < DS_LEN(b->groups); i++)
		if ((b->groups[i] = ds_map_new(ALERTS_MAX)) == NULL)
			return -ENOMEM;
	return b->alerts != NULL && b->pairs != NULL ? 0 : -ENOMEM;
}

static void
board_clear(struct board *b)
{
	ds_map_free(b->alerts, free);
	ds_map_free(b->pairs, NULL);
	for (size_t i = 0; i < DS_LEN(b->groups); i++)
		ds_map_free(b->groups[i], free);
	*b = (struct board){ .backend = b->backend, .reader = b->reader, .turn = b->turn };
}

struct board *
board_new(const struct store_backend *backend, struct reader *reader)
{
	struct board *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->backend = backend;
	b->reader = reader;
	return b;
}

void
board_free(struct board *b)
{
	if (b != NULL)
		board_clear(b);
	free(b);
}

/* ---- groups */

struct pair {
	const struct board_group *group;
	uint64_t host;
};

/* Adds to (or takes from) how many alerts of the group its host has. */
static int
count_on_host(struct board *b, struct board_group *g, uint32_t host, int by)
{
	struct pair pair = { g, host };
	uintptr_t n = (uintptr_t)ds_map_get(b->pairs, &pair, sizeof(pair));
	int r;

	if (by < 0 && n <= 1) {
		(void)ds_map_remove(b->pairs, &pair, sizeof(pair));
		g->hosts -= n;
		return 0;
	}
	r = ds_map_put(b->pairs, &pair, sizeof(pair), (void *)(by < 0 ? n - 1 : n + 1), NULL);
	if (r == 0 && n == 0)
		g->hosts++;
	return r;
}

static int
find_group(struct board *b, unsigned sort, const void *key, size_t len, struct board_group **ret)
{
	struct board_group *g = ds_map_get(b->groups[sort], key, len);
	int r;

	*ret = g;
	if (g != NULL)
		return 0;
	g = calloc(1, sizeof(*g) + len);
	if (g == NULL)
		return -ENOMEM;
	g->sort = sort;
	g->key_len = len;
	memcpy(g->key, key, len);
	r = ds_map_put(b->groups[sort], key, len, g, NULL);
	if (r < 0)
		free(g);
	else
		*ret = g;
	return r;
}

static int
join_group(struct board *b, struct board_alert *a, unsigned sort, const void *key, size_t len)
{
	struct board_group *g;
	int r = find_group(b, sort, key, len, &g);

	if (r < 0)
		return r;
	g->members++;
	a->groups[sort] = g;
	return count_on_host(b, g, a->host, 1);
}

static void
leave_groups(struct board *b, struct board_alert *a)
{
	for (size_t i = 0; i < DS_LEN(a->groups); i++) {
		struct board_group *g = a->groups[i];

		a->groups[i] = NULL;
		if (g == NULL)
			continue;
		(void)count_on_host(b, g, a->host, -1); /* to take away needs no memory */
		if (--g->members == 0)
			free(ds_map_remove(b->groups[g->sort], g->key, g->key_len));
	}
}

/* ---- alerts */

static uint8_t
rank_of(const char *severity)
{
	for (uint8_t i = 0; i < BOARD_RANKS; i++)
		if (strcmp(board_ranks[i], severity) == 0)
			return i;
	return 0;
}

static void
forget(struct board *b, const char *id)
{
	struct board_alert *a = ds_map_remove(b->alerts, id, strlen(id));

	if (a != NULL)
		leave_groups(b, a);
	free(a);
}

static int
join_groups(struct board *b, struct board_alert *a, const struct alert_row *row)
{
	char cause[CAUSE_SIZE];
	int r = join_group(b, a, BOARD_CAUSES, cause, cause_of(row, cause));

	if (r == 0 && *row->daemon)
		r = join_group(b, a, BOARD_DAEMONS, row->daemon, strlen(row->daemon));
	if (r == 0)
		r = join_group(b, a, BOARD_HOSTS, &row->host, sizeof(row->host));
	return r;
}

static int
find_alert(struct board *b, const char *id, struct board_alert **ret)
{
	struct board_alert *a = ds_map_get(b->alerts, id, strlen(id));
	int r;

	*ret = a;
	if (a != NULL)
		return 0;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	snprintf(a->id, sizeof(a->id), "%s", id);
	r = ds_map_put(b->alerts, id, strlen(id), a, NULL);
	if (r < 0)
		free(a);
	else
		*ret = a;
	return r;
}

/* As it is now; also for the store's callbacks. */
static int
take_over(const struct alert_row *row, void *ctx)
{
	struct board *b = ctx;
	struct board_alert *a;
	int r = strlen(row->id) < BOARD_ID_SIZE ? find_alert(b, row->id, &a) : -ENOSPC;

	if (r < 0)
		return r == -ENOSPC ? 0 : r;
	leave_groups(b, a);
	a->first_us = row->first_us;
	a->last_us = row->last_us;
	a->host = row->host;
	a->score = row->score;
	a->rank = rank_of(row->severity);
	a->is_open = strcmp(row->status, "open") == 0;
	r = a->is_open ? join_groups(b, a, row) : 0;
	return r == -ENOSPC ? 0 : r;
}

/* ---- keeping up */

static int
fill(struct board *b, uint64_t now_us)
{
	uint64_t since = now_us - BOARD_HOURS_MAX * HOUR_US, oldest, newest;
	int r;

	board_clear(b);
	r = board_prepare(b);
	/* What changes while it is read comes again. */
	if (r == 0)
		r = b->backend->change_span(b->reader, &oldest, &newest);
	if (r == 0)
		r = b->backend->each_alert_brief(b->reader, since, take_over, b);
	if (r < 0) {
		board_clear(b);
		return r;
	}
	b->seq = newest;
	b->pruned_us = now_us;
	b->is_filled = true;
	return 0;
}

struct changes {
	size_t len, alerts;
	uint64_t seq;
	char ids[CHANGES_MAX][BOARD_ID_SIZE];
};

static int
see_change(const struct change_row *row, void *ctx)
{
	struct changes *c = ctx;

	c->seq = row->seq;
	c->len++;
	if (strcmp(row->topic, "alert") == 0)
		snprintf(c->ids[c->alerts++], BOARD_ID_SIZE, "%s", row->id);
	return 0;
}

static int
read_again(struct board *b, const char *id)
{
	int r = b->backend->alert_get(b->reader, id, take_over, b);

	if (r == 0)
		forget(b, id);
	return r < 0 ? r : 0;
}

/* 1: taken over; 0: there were too many, or some are not known any more; -errno. */
static int
catch_up(struct board *b)
{
	struct changes *c;
	uint64_t oldest, newest;
	int r = b->backend->change_span(b->reader, &oldest, &newest);

	if (r < 0 || newest == b->seq)
		return r < 0 ? r : 1;
	if (newest < b->seq || oldest > b->seq + 1)
		return 0;
	c = malloc(sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->len = c->alerts = 0;
	c->seq = b->seq;
	r = b->backend->each_change(b->reader, b->seq, CHANGES_MAX, see_change, c);
	for (size_t i = 0; i < c->alerts && r == 0 && c->len < CHANGES_MAX; i++)
		if (i + 1 == c->alerts || strcmp(c->ids[i], c->ids[i + 1]) != 0)
			r = read_again(b, c->ids[i]);
	b->seq = c->seq;
	r = r < 0 ? r : c->len < CHANGES_MAX;
	free(c);
	return r;
}

struct old {
	struct board *b;
	uint64_t before_us;
	char (*ids)[BOARD_ID_SIZE];
	size_t len;
};

static int
see_old(const void *key, size_t len, void *value, void *ctx)
{
	const struct board_alert *a = value;
	struct old *o = ctx;

	(void)key;
	(void)len;
	if (!a->is_open && a->first_us < o->before_us)
		memcpy(o->ids[o->len++], a->id, BOARD_ID_SIZE);
	return 0;
}

static int
prune(struct board *b, uint64_t now_us)
{
	struct old o = { .b = b, .before_us = now_us - BOARD_HOURS_MAX * HOUR_US };

	if (now_us - b->pruned_us < HOUR_US)
		return 0;
	b->pruned_us = now_us;
	o.ids = calloc(ds_map_len(b->alerts) + 1, sizeof(*o.ids));
	if (o.ids == NULL)
		return -ENOMEM;
	(void)ds_map_each(b->alerts, see_old, &o); /* 0 always */
	for (size_t i = 0; i < o.len; i++)
		forget(b, o.ids[i]);
	free(o.ids);
	return 0;
}

int
board_refresh(struct board *b, uint64_t now_us)
{
	int r = b->is_filled ? catch_up(b) : 0;

	if (r == 0)
		return fill(b, now_us);
	if (r > 0)
		r = prune(b, now_us);
	if (r < 0)
		b->is_filled = false; /* it is not known how far that went */
	return r;
}

/* ---- counting */

static bool
is_worse(const struct board_alert *a, const struct board_alert *than)
{
	return a->rank != than->rank         ? a->rank > than->rank
	       : a->last_us != than->last_us ? a->last_us > than->last_us
					     : strcmp(a->id, than->id) > 0;
}

static void
add_to_group(struct board_group *g, const struct board_alert *a, uint64_t turn)
{
	if (g->turn != turn) {
		g->turn = turn;
		g->worst = a;
		g->score = a->score;
		g->alerts = g->last_us = 0;
	}
	g->alerts++;
	if (is_worse(a, g->worst))
		g->worst = a;
	g->score = DS_MAX(g->score, a->score);
	g->last_us = DS_MAX(g->last_us, a->last_us);
}

struct count {
	struct board *b;
	void (*each)(const struct board_alert *a, void *ctx);
	void *ctx;
};

static int
count_alert(const void *key, size_t len, void *value, void *ctx)
{
	const struct board_alert *a = value;
	struct count *c = ctx;

	(void)key;
	(void)len;
	for (size_t i = 0; i < DS_LEN(a->groups); i++)
		if (a->groups[i] != NULL)
			add_to_group(a->groups[i], a, c->b->turn);
	if (c->each != NULL)
		c->each(a, c->ctx);
	return 0;
}

void
board_count(struct board *b, void (*each)(const struct board_alert *a, void *ctx), void *ctx)
{
	struct count c = { b, each, ctx };

	b->turn++;
	(void)ds_map_each(b->alerts, count_alert, &c); /* 0 always */
}

static int
collect(const void *key, size_t len, void *value, void *ctx)
{
	struct board_list *l = ctx;

	(void)key;
	(void)len;
	l->groups[l->len++] = value;
	return 0;
}

static int
by_weight(const void *a, const void *b)
{
	const struct board_group *x = *(struct board_group *const *)a,
				 *y = *(struct board_group *const *)b;

	if (x->worst->rank != y->worst->rank)
		return x->worst->rank > y->worst->rank ? -1 : 1;
	if (x->last_us != y->last_us)
		return x->last_us > y->last_us ? -1 : 1;
	return strcmp(y->worst->id, x->worst->id);
}

int
board_arrange(struct board *b, enum board_sort sort, struct board_list *ret)
{
	size_t len = ds_map_len(b->groups[sort]);

	*ret = (struct board_list){ 0 };
	if (len == 0)
		return 0;
	ret->groups = calloc(len, sizeof(struct board_group *));
	if (ret->groups == NULL)
		return -ENOMEM;
	(void)ds_map_each(b->groups[sort], collect, ret); /* 0 always */
	qsort(ret->groups, ret->len, sizeof(struct board_group *), by_weight);
	return 0;
}

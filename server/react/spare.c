/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spare - who is a load balancer or a health check, and that every host is told.
 *
 * A ban is checked here before it is ordered, and on the host as the last thing before it takes
 * effect: the order may be of before the label.  So each host has the whole list, signed, and keeps
 * it while this server is away.  It is sent when it changes, once a day, and to a host that was
 * away when it changed.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/map.h"
#include "server/detect/key.h"
#include "server/react/react_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_MAX (1u << 20)
#define STEP     256u /* hosts told in a round */
#define DAY_US   (UINT64_C(86400) * 1000000)

/* What a host was told last. */
struct told {
	uint64_t hash; /* of the list and the day */
	uint64_t ms;   /* when */
	bool is_answered;
};

struct telling {
	struct react *react;
	uint64_t now_ms;
	const char *list;
	uint64_t hash;
	unsigned posted;
};

static uint64_t
hash_of(const char *list, uint64_t now_us)
{
	return key_hash(now_us / DAY_US, list, strlen(list));
}

static struct told *
told_of(struct react *r, uint32_t host)
{
	struct told *t = ds_map_get(r->spare_told, &host, sizeof(host));

	if (t != NULL)
		return t;
	t = calloc(1, sizeof(*t));
	if (t != NULL && ds_map_put(r->spare_told, &host, sizeof(host), t, NULL) == 0)
		return t;
	free(t);
	return NULL;
}

/* ---- what a server before us knew */

/* The newest comes first. */
static int
see_told(const struct reaction_row *row, void *ctx)
{
	struct react *r = ctx;
	struct react_args args;
	struct told *t;

	if (strcmp(row->status, "verified") != 0 ||
	    ds_map_get(r->spare_told, &row->host, sizeof(row->host)) != NULL ||
	    react_args_get(row->args, &args) < 0)
		return 0;
	t = told_of(r, row->host);
	if (t == NULL)
		return -ENOMEM;
	*t = (struct told){ hash_of(args.list, row->created_us), 0, true };
	return 0;
}

int
spare_init(struct react *r)
{
	const struct store_backend *b = r->cfg.backend;
	uint64_t now_us = ds_clock_wall_us();
	const struct reaction_filter f = { .kind = DS_ORDER_SPARE,
		.since_us = now_us - now_us % DAY_US };
	char *text = malloc(SPARED_TEXT_MAX);
	struct spared *spared = NULL;
	int q;

	r->spare_told = ds_map_new(TOLD_MAX);
	if (text == NULL || r->spare_told == NULL) {
		free(text);
		return -ENOMEM;
	}
	q = b->setting_get(r->reader, SPARE_SETTING, text, SPARED_TEXT_MAX);
	r->is_sparing = q == 0;
	if (q == 0)
		spared = spared_parse(text);
	if (spared != NULL && ds_snapshot_publish(r->spared, spared) < 0)
		spared_free(spared);
	if (q == 0)
		r->spare_hash = key_hash(0, text, strlen(text));
	free(text);
	if (q == 0)
		q = b->reactions->each(r->reader, &f, see_told, r);
	return q == -ENOENT ? 0 : q;
}

/* ---- keeping */

static int
run_keep(struct react_write *w, const struct store_backend *b, struct store *store)
{
	const struct setting_row row = { SPARE_SETTING, (const char *)w->body->data };

	return b->setting_put(store, &row);
}

/* A write of the text goes with no host, and its size is not one of plans. */
static void
keep(struct react *r, const struct spared *s)
{
	struct react_write *w = react_write_new(r, run_keep, SPARED_TEXT_MAX);
	uint64_t hash;

	if (w == NULL)
		return;
	w->size = 0;
	spared_format(s, (char *)w->body->data);
	hash = key_hash(0, w->body->data, strlen((char *)w->body->data));
	if (hash == r->spare_hash && r->is_sparing) {
		react_write_free(w);
		return;
	}
	r->spare_hash = hash;
	r->is_sparing = true;
	react_write_post(w);
}

/* ---- telling */

static int
run_plan(struct react_write *w, const struct store_backend *b, struct store *store)
{
	int r = issue_reaction(b, store, &w->issuer, &w->body->plans[0], ds_clock_wall_us());

	return r < 0 ? r : 0;
}

static bool
post(struct telling *t, const struct react_host *host)
{
	struct react_write *w = react_write_new(t->react, run_plan, sizeof(struct issue_plan));
	struct issue_plan *p;

	if (w == NULL)
		return false;
	p = w->body->plans;
	*p = (struct issue_plan){ .host = host->number,
		.kind = react_kind_find(DS_ORDER_SPARE),
		.order_mode = DS_ORDER_ACTIVE,
		.ttl_factor = 1 };
	memcpy(p->host_id, host->id, sizeof(p->host_id));
	snprintf(p->args.list, sizeof(p->args.list), "%s", t->list);
	snprintf(p->rule, sizeof(p->rule), "never_block_labels");
	snprintf(p->by, sizeof(p->by), "policy");
	snprintf(p->reason, sizeof(p->reason), "who must never be blocked");
	react_write_post(w);
	return true;
}

static int
tell_host(const struct react_host *host, void *ctx)
{
	struct telling *t = ctx;
	struct told *told;

	if (!host->is_approved)
		return 0;
	told = told_of(t->react, host->number);
	if (told == NULL || told->hash == t->hash)
		return 0;
	/* Who was never told anything has nothing to forget. */
	if (t->list[0] != '\0' || told->hash != 0) {
		if (!post(t, host))
			return 0;
		t->posted++;
	}
	*told = (struct told){ t->hash, t->now_ms, t->list[0] == '\0' && told->hash == 0 };
	return t->posted == STEP;
}

static void
tell_all(struct react *r, const char *list, uint64_t now_ms)
{
	struct telling t = { .react = r,
		.now_ms = now_ms,
		.list = list,
		.hash = hash_of(list, ds_clock_wall_us()) };

	if (t.hash == r->spare_done)
		return;
	if (hosts_each(r->hosts, now_ms, tell_host, &t) == 0)
		r->spare_done = t.hash; /* until it changes, or a host comes back */
}

void
spare_session(struct react *r, uint32_t host)
{
	const struct told *t = ds_map_get(r->spare_told, &host, sizeof(host));

	if (!r->is_sparing)
		return;
	/* An order that may still be open comes through by itself. */
	if (t != NULL &&
	    (t->is_answered || ds_clock_monotonic_ms() - t->ms < r->order_ttl_us / 1000))
		return;
	free(ds_map_remove(r->spare_told, &host, sizeof(host)));
	r->spare_done = 0;
}

void
spare_result(struct react *r, uint32_t host)
{
	struct told *t = ds_map_get(r->spare_told, &host, sizeof(host));

	if (t != NULL)
		t->is_answered = true;
}

void
spare_round(struct react *r, uint64_t now_ms)
{
	static struct ds_log_rate rate;
	struct ds_version *before;
	struct spared *s;
	char list[SPARED_LIST_MAX];
	size_t left;

	if (r->spared_labels[0] == '\0' && !r->is_sparing)
		return;
	before = ds_snapshot_acquire(r->spared);
	s = spared_new(r->hosts, r->spared_labels, &r->sessions.peers,
	    before != NULL ? ds_version_value(before) : NULL, now_ms);
	if (before != NULL)
		ds_version_release(before);
	if (s == NULL)
		return; /* the list of before stays */
	left = spared_list(s, list);
	if (left > 0 && ds_log_pass(&rate, 1))
		ds_log(WARN, "there are more addresses to spare than a host is told", "left=%zu",
		    left);
	keep(r, s);
	tell_all(r, list, now_ms);
	if (ds_snapshot_publish(r->spared, s) < 0)
		spared_free(s);
}

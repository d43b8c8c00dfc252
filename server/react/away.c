/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * away - what a host is told in advance of what its daemons start, for when this server is away.
 *
 * Of a daemon that is held: the programs that it is known to start, and those that were told and
 * that nobody called normal.  The list is bounded; what does not fit is asked for.  An order like
 * any other, so it is signed, addressed, and its counter is its version.
 */
#include "lib/clock.h"
#include "lib/map.h"
#include "server/detect/key.h"
#include "server/react/react_impl.h"

#include <stdio.h>
#include <string.h>

#define PROFILES_MAX (1u << 17)
#define DAY_US       (UINT64_C(86400) * 1000000)

struct list {
	char text[sizeof(((struct react_args *)0)->list)];
	size_t len;
	bool forbids; /* this round puts those that must not start */
	struct react *react;
	const struct react_host *host;
	const char *daemon;
};

/* A line; patterns of temporary names would let anybody pass. */
static void
put(struct list *l, char sign, const uint8_t *key, size_t size)
{
	if (size < 3 || key[1] != '/' || memchr(key, '*', size) != NULL ||
	    memchr(key, '\n', size) != NULL || memchr(key, '\0', size) != NULL ||
	    l->len + size + 2 > sizeof(l->text))
		return;
	l->text[l->len++] = sign;
	memcpy(l->text + l->len, key + 1, size - 1);
	l->len += size - 1;
	l->text[l->len++] = '\n';
	l->text[l->len] = '\0';
}

static int
see_behaviour(const struct profile_row *row, void *ctx)
{
	struct list *l = ctx;
	bool is_normal;
	bool is_child = row->key_size > 0 && (row->key[0] == KEY_CHILD || row->key[0] == KEY_SELF ||
						 row->key[0] == KEY_CONTROL);

	if (row->kind != DS_EVENT_EXEC || row->waits)
		return 0;
	is_normal = row->learnt || prevent_is_expected(l->react, l->host, l->daemon, row->kind,
				       row->key, row->key_size);
	if (l->forbids && !is_normal)
		put(l, '-', row->key, row->key_size);
	else if (!l->forbids && is_normal && is_child)
		put(l, '+', row->key, row->key_size);
	return 0;
}

static void
post(struct react *r, const struct react_host *host, const char *daemon, const struct list *l)
{
	struct react_write *w = react_write_new(r, react_write_plans, sizeof(struct issue_plan));
	struct issue_plan *p;

	if (w == NULL)
		return;
	p = w->body->plans;
	*p = (struct issue_plan){ .host = host->number,
		.kind = react_kind_find(DS_ORDER_PROFILE),
		.order_mode = DS_ORDER_PREVENT,
		.ttl_factor = 1 };
	memcpy(p->host_id, host->id, sizeof(p->host_id));
	memcpy(p->args.list, l->text, sizeof(p->args.list));
	snprintf(p->args.unit, sizeof(p->args.unit), "%s", daemon);
	snprintf(p->daemon, sizeof(p->daemon), "%s", daemon);
	snprintf(p->rule, sizeof(p->rule), "prevent");
	snprintf(p->by, sizeof(p->by), "policy");
	snprintf(p->reason, sizeof(p->reason), "for when the server is away");
	react_write_post(w);
}

void
away_send(struct react *r, const struct react_host *host, const char *daemon)
{
	const struct store_backend *b = r->cfg.backend;
	struct list l = { .forbids = true, .react = r, .host = host, .daemon = daemon };
	char key[320];
	int n = snprintf(key, sizeof(key), "%u/%s", host->number, daemon);
	void *hash;

	/* What must not start comes first: it has to fit. */
	if (b->each_profile(r->reader, host->number, daemon, see_behaviour, &l) < 0)
		return;
	l.forbids = false;
	if (b->each_profile(r->reader, host->number, daemon, see_behaviour, &l) < 0 || l.len == 0)
		return;
	/* Once a day in any case: an order may have died on its way. */
	hash = (void *)(uintptr_t)(key_hash(ds_clock_wall_us() / DAY_US, l.text, l.len) | 1);
	if (r->profiles == NULL)
		r->profiles = ds_map_new(PROFILES_MAX);
	if (r->profiles == NULL || ds_map_get(r->profiles, key, (size_t)n) == hash ||
	    ds_map_put(r->profiles, key, (size_t)n, hash, NULL) < 0)
		return; /* they have it, or there is no room to remember that */
	post(r, host, daemon, &l);
}

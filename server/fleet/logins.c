/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/fleet/logins.h"

#include "lib/log.h"
#include "server/detect/key.h"
#include "server/detect/login_say.h"
#include "server/detect/login_told.h"
#include "server/fleet/raise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_US (10 * 1000000ull)

struct logins {
	const struct fleet_config *cfg;
	struct decoys *decoys;
	struct login_model *model;
	uint64_t ticked_us;
	uint64_t lost; /* for lack of memory */
	struct ds_snapshot *told;
	struct login_facts facts; /* as published, or newer */
	uint64_t published;       /* number */
	uint64_t request;         /* of the login that is taken (attack_request()), or 0 */
};

/* Sources that came to a decoy lately: the model itself remembers none over a restart. */
static void
restore_hostile(struct logins *l)
{
	size_t len;
	const struct attack *all = attacks_list(decoys_attacks(l->decoys), ATTACK_SOURCE, &len);

	for (size_t i = 0; i < len; i++)
		login_model_hostile(l->model, all[i].address, all[i].time_us);
}

struct logins *
logins_new(const struct fleet_config *cfg, struct decoys *decoys)
{
	struct logins *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->cfg = cfg;
	l->decoys = decoys;
	l->model = login_model_new(cfg->logins);
	l->told = ds_snapshot_new(free);
	if (l->model != NULL && l->told != NULL) {
		restore_hostile(l);
		return l;
	}
	logins_free(l);
	return NULL;
}

void
logins_free(struct logins *l)
{
	if (l == NULL)
		return;
	login_model_free(l->model);
	ds_snapshot_free(l->told);
	free(l);
}

void
logins_load(struct logins *l, const struct profile_row *row)
{
	char user[LOGIN_NAME_MAX + 1], network[64];

	if (row->kind == DS_EVENT_LOGIN && row->learnt &&
	    login_key_read(row->key, row->key_size, user, network))
		login_model_known(l->model, user, network, row->count, row->first_us, row->last_us);
}

/* For the fusion, with the next tick. */
static void
note(struct logins *l, const struct login_found *found, const struct finding *f)
{
	struct login_fact *to = &l->facts.at[++l->facts.newest % LOGIN_TOLD_MAX];

	*to = (struct login_fact){ .number = l->facts.newest,
		.host = found->host,
		.time_us = found->time_us,
		.success = !found->of_source && found->what != LOGIN_BURST };
	snprintf(to->daemon, sizeof(to->daemon), "%.255s", found->daemon);
	snprintf(to->group, sizeof(to->group), "%s", f->group);
	snprintf(to->feature, sizeof(to->feature), "%s", login_feature(found->what));
	snprintf(to->observed, sizeof(to->observed), "%.199s", f->title);
}

static void
publish(struct logins *l)
{
	struct login_facts *copy = l->published < l->facts.newest ? malloc(sizeof(*copy)) : NULL;

	if (copy == NULL)
		return;
	*copy = l->facts;
	if (ds_snapshot_publish(l->told, copy) < 0)
		free(copy); /* with the next tick */
	else
		l->published = l->facts.newest;
}

static void
tell(const struct login_found *found, void *ctx)
{
	struct logins *l = ctx;
	struct finding finding;

	if (login_say(found, &finding) < 0)
		l->lost++;
	else {
		decoys_say(l->decoys, found, l->request, &finding);
		note(l, found, &finding);
		raise_finding(l->cfg, found->host, found->host_name, &finding);
	}
}

static void
keep(struct logins *l, const struct login_event *ev, uint64_t count)
{
	struct profile_row row = { .host = ev->host,
		.daemon = ev->daemon,
		.kind = DS_EVENT_LOGIN,
		.count = count,
		.first_us = ev->time_us,
		.last_us = ev->time_us,
		.learnt = true };
	char network[64];
	struct key key;

	login_network(ev->address, ev->address_size, network, sizeof(network));
	login_key(ev->user, network, &key);
	row.key = key.data;
	row.key_size = key.size;
	raise_profile(l->cfg, &row);
}

void
logins_take(struct logins *l, const struct login_news *news, bool is_honeypot)
{
	struct login_event ev = news->event;
	int r;

	if (is_honeypot)
		ev.decoy = true;

	/* The texts are the news' own. */
	ev.host_name = news->host_name;
	ev.daemon = news->daemon;
	ev.user = news->user;
	ev.method = news->method;
	ev.wanted = news->wanted;
	l->request = news->request;
	r = login_model_take(l->model, &ev, tell, l);
	l->request = 0;
	if (r < 0)
		l->lost++;
	else if (r > 0)
		keep(l, &ev, (uint64_t)r);
	if (ev.decoy && login_model_is_hostile(l->model, ev.address, ev.address_size, ev.time_us)) {
		ev.decoy = news->event.decoy;
		decoys_came(l->decoys, &ev, news->request, is_honeypot);
	}
}

void
logins_renew(struct logins *l)
{
	login_model_renew(l->model);
}

void
logins_tick(struct logins *l, uint64_t now_us)
{
	publish(l);
	if (now_us < l->ticked_us + TICK_US)
		return;
	l->ticked_us = now_us;
	login_model_tick(l->model, now_us, tell, l);
	if (l->lost > 0)
		ds_log(WARN, "no memory for logins", "lost=%llu", (unsigned long long)l->lost);
	l->lost = 0;
}

struct ds_snapshot *
logins_told(struct logins *l)
{
	return l->told;
}

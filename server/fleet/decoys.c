/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/fleet/decoys.h"

#include "lib/cidr.h"
#include "lib/log.h"
#include "server/fleet/raise.h"
#include "server/fleet/regroup.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME    "attacks"
#define ROW_MAX (8u << 20) /* more than all that can be known */
#define SAVE_US (10 * UINT64_C(1000000))

/* A honeypot on which somebody is. */
struct attacked {
	uint32_t host;
	uint64_t until_us;
	char name[64];
};

struct decoys {
	const struct fleet_config *cfg;
	struct attacks *attacks;
	struct ds_snapshot *known;
	struct attacked attacked[HONEYPOTS_MAX];
	size_t attacked_len;
	bool changed, unsaved;
	uint64_t saved_us;
};

struct decoys *
decoys_new(const struct fleet_config *cfg)
{
	struct decoys *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->cfg = cfg;
	d->attacks = attacks_new();
	d->known = ds_snapshot_new(attacks_free);
	if (d->attacks != NULL && d->known != NULL)
		return d;
	decoys_free(d);
	return NULL;
}

void
decoys_free(struct decoys *d)
{
	if (d == NULL)
		return;
	attacks_free(d->attacks);
	ds_snapshot_free(d->known);
	free(d);
}

/* ---- the store */

static int
load_row(const struct model_state_row *row, void *ctx)
{
	struct decoys *d = ctx;
	struct ds_buf data;
	int r;

	if (strcmp(row->name, NAME) != 0)
		return 0;
	ds_buf_view(&data, row->data, row->size);
	r = attacks_unpack(d->attacks, &data);
	if (r < 0)
		ds_log(WARN, "what decoys taught cannot be read, learning it again", "why=\"%s\"",
		    strerror(-r));
	d->changed = r == 0;
	return 0;
}

int
decoys_load(struct decoys *d)
{
	const struct store_backend *b = d->cfg->backend;
	struct reader *reader = NULL;
	int r = b->reader_open(d->cfg->store, &reader);

	if (r == 0)
		r = b->model_state->each(reader, 0, MODEL_STATE_FLEET, load_row, d);
	if (reader != NULL)
		b->reader_close(reader);
	return r;
}

static void
save(struct decoys *d)
{
	struct ds_buf data;

	ds_buf_init(&data, ROW_MAX);
	if (attacks_pack(d->attacks, &data) == 0 && raise_state(d->cfg, NAME, &data))
		d->unsaved = false;
	ds_buf_done(&data);
}

void
decoys_tick(struct decoys *d, uint64_t now_us, bool last)
{
	struct attacks *copy = d->changed ? attacks_copy(d->attacks) : NULL;

	if (copy != NULL && ds_snapshot_publish(d->known, copy) < 0)
		attacks_free(copy); /* with the next tick */
	else if (copy != NULL)
		d->changed = false;
	if (!d->unsaved || (!last && now_us < d->saved_us + SAVE_US))
		return;
	d->saved_us = now_us;
	save(d);
}

static void
note(struct decoys *d, bool is_news)
{
	d->changed |= is_news;
	d->unsaved |= is_news;
}

/* ---- addresses */

/* Somebody's who is never blocked. */
static bool
is_spared(const struct decoys *d, const uint8_t *address, unsigned size)
{
	char text[INET6_ADDRSTRLEN];

	return d->cfg->spares == NULL ||
	       inet_ntop(size == 4 ? AF_INET : AF_INET6, address, text, sizeof(text)) == NULL ||
	       d->cfg->spares(text, d->cfg->spares_ctx);
}

/* The honeypot's own place among those that are attacked, or the one that is over first. */
static struct attacked *
attacked_of(struct decoys *d, uint32_t host)
{
	struct attacked *oldest = &d->attacked[0];

	for (size_t i = 0; i < d->attacked_len; i++) {
		if (d->attacked[i].host == host)
			return &d->attacked[i];
		if (d->attacked[i].until_us < oldest->until_us)
			oldest = &d->attacked[i];
	}
	return d->attacked_len < HONEYPOTS_MAX ? &d->attacked[d->attacked_len++] : oldest;
}

static void
begin_attack(struct decoys *d, uint32_t host, const char *name, uint64_t time_us)
{
	struct attacked *a = attacked_of(d, host);

	*a = (struct attacked){ .host = host, .until_us = time_us + DECOYS_ATTACK_US };
	snprintf(a->name, sizeof(a->name), "%.63s", name);
}

/* Addresses in what a visitor said: where he would send who does what he says. */
static void
take_named(struct decoys *d, const char *said, struct attack a)
{
	size_t len = said != NULL ? strlen(said) : 0, at = 0;
	uint8_t address[4];

	for (unsigned i = 0; i < ATTACK_NAMED_ONCE && attack_next_named(said, len, &at, address);
	     i++) {
		a.id = attack_source(address, sizeof(address), a.address);
		if (a.id != 0 && !is_spared(d, address, sizeof(address)))
			note(d, attacks_add(d->attacks, ATTACK_NAMED, &a));
	}
}

void
decoys_came(struct decoys *d, const struct login_event *ev, uint64_t request, bool is_honeypot)
{
	struct attack a = { .time_us = ev->time_us, .host = ev->host };

	a.id = attack_source(ev->address, ev->address_size, a.address);
	if (a.id == 0 || is_spared(d, ev->address, ev->address_size))
		return;
	snprintf(a.host_name, sizeof(a.host_name), "%.63s", ev->host_name);
	if (ev->decoy)
		snprintf(a.decoy, sizeof(a.decoy), "%.23s", ev->method);
	note(d, attacks_add(d->attacks, ATTACK_SOURCE, &a));
	a.id = request;
	note(d, attacks_add(d->attacks, ATTACK_REQUEST, &a));
	if (ev->decoy)
		take_named(d, ev->wanted, a);
	if (is_honeypot && ev->success)
		begin_attack(d, ev->host, ev->host_name, ev->time_us);
}

void
decoys_own(struct decoys *d, const char *peer)
{
	const char *end = strrchr(peer, ':');
	struct ds_cidr at;
	uint8_t address[16];
	size_t len = end != NULL ? (size_t)(end - peer) : strlen(peer);

	if (len > 2 && peer[0] == '[') {
		peer++;
		len -= 2;
	}
	if (ds_cidr_parse(peer, len, &at) < 0)
		return;
	note(d, attacks_remove(d->attacks, ATTACK_SOURCE, attack_source(at.address, 16, address)));
	note(d, attacks_remove(d->attacks, ATTACK_NAMED, attack_source(at.address, 16, address)));
}

/* ---- behaviours */

static void
learn(struct decoys *d, uint64_t behaviour, uint32_t host, const char *name, uint64_t time_us)
{
	struct attack a = { .id = behaviour, .time_us = time_us, .host = host };

	snprintf(a.host_name, sizeof(a.host_name), "%.63s", name);
	note(d, attacks_add(d->attacks, ATTACK_BEHAVIOUR, &a));
}

void
decoys_fact(struct decoys *d, const struct knowledge_news *n, bool is_honeypot, uint64_t now_us)
{
	if (!is_honeypot) {
		if (n->learnt)
			note(d, attacks_habit(d->attacks, n->behaviour));
		return;
	}
	for (size_t i = 0; n->fresh && i < d->attacked_len; i++)
		if (d->attacked[i].host == n->host && now_us < d->attacked[i].until_us)
			learn(d, n->behaviour, n->host, d->attacked[i].name, now_us);
}

void
decoys_told(struct decoys *d, const struct told_news *n)
{
	begin_attack(d, n->host, n->host_name, n->time_us);
	learn(d, n->behaviour, n->host, n->host_name, n->time_us);
}

void
decoys_forget_habits(struct decoys *d)
{
	attacks_forget_habits(d->attacks);
}

/* ---- what is said */

static void
add_said(struct finding *f, const struct attack *a, enum attack_sort sort, uint64_t time_us)
{
	char said[ATTACK_SAID_MAX];
	size_t len = strlen(f->reason);

	if (a == NULL)
		return;
	attack_say(a, sort, time_us, said, sizeof(said));
	snprintf(f->reason + len, sizeof(f->reason) - len, "; %s", said);
	f->score = attack_raise(f->score);
}

void
decoys_say(
    const struct decoys *d, const struct login_found *found, uint64_t request, struct finding *f)
{
	uint8_t raw[16], address[16];
	unsigned size = inet_pton(AF_INET, found->source, raw) == 1    ? 4
			: inet_pton(AF_INET6, found->source, raw) == 1 ? 16
								       : 0;
	uint64_t source = size > 0 ? attack_source(raw, size, address) : 0;

	/* Of its visits themselves that is no news. */
	if (found->what == LOGIN_DECOY)
		return;
	add_said(f, attacks_find(d->attacks, ATTACK_SOURCE, source, found->time_us), ATTACK_SOURCE,
	    found->time_us);
	add_said(f, attacks_find(d->attacks, ATTACK_REQUEST, request, found->time_us),
	    ATTACK_REQUEST, found->time_us);
}

struct ds_snapshot *
decoys_known(struct decoys *d)
{
	return d->known;
}

const struct attacks *
decoys_attacks(const struct decoys *d)
{
	return d->attacks;
}

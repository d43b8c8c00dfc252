/* SPDX-License-Identifier: GPL-2.0-or-later */
/* turn_attack - what is strange already weighs more when decoys know it. */
#include "server/detect/turn.h"
#include "server/detect/visitors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VISIT_US                                                                        \
	(60 * UINT64_C(1000000)) /* so long what a daemon does may be a visitor's doing \
				  */

static const struct attacks *
attacks_of(struct turn *t)
{
	struct ds_snapshot *from = t->detect->profiles.cfg.attacks;

	if (!t->attacks_asked && from != NULL)
		t->attacks = ds_snapshot_acquire(from);
	t->attacks_asked = true;
	return t->attacks != NULL ? ds_version_value(t->attacks) : NULL;
}

/* Where it connects or sends to. */
static uint64_t
destination(const struct sighting *s)
{
	struct ds_str to;
	uint8_t address[16];

	if (s->event == NULL || (s->kind != DS_EVENT_CONNECT && s->kind != DS_EVENT_SEND))
		return 0;
	to = DS_EVENT_STR(s->event, DS_STR_DADDR);
	return attack_source((const uint8_t *)to.ptr, to.len, address);
}

const struct attack *
turn_attack(struct turn *t, const struct sighting *s, enum attack_sort *ret_sort)
{
	const struct attacks *all = attacks_of(t);
	const struct attack *found;

	if (all == NULL)
		return NULL;
	*ret_sort = ATTACK_SOURCE;
	found = attacks_find(all, ATTACK_SOURCE, destination(s), s->time_us);
	if (found != NULL)
		return found;
	*ret_sort = ATTACK_BEHAVIOUR;
	found = attacks_find(all, ATTACK_BEHAVIOUR,
	    attack_behaviour(key_kind(s->kind), s->key.data, s->key.size), s->time_us);
	/* A honeypot is no witness of itself. */
	return found != NULL && found->host != t->from->host ? found : NULL;
}

int
turn_visit(struct turn *t, const struct sighting *s)
{
	const struct attacks *all = attacks_of(t);
	const uint32_t *sources;
	struct ds_str from;
	uint8_t address[16];
	uint64_t id;

	if (s->flags & DS_FLAG_INITIAL)
		return 0;
	sources = ds_batch_strs(t->batch, DS_STR_SADDR);
	if (sources == NULL)
		return -ENOMEM;
	from = ds_batch_string(t->batch, sources[s->index]);
	visitors_note(&s->daemon->host->visitors, (const uint8_t *)from.ptr, from.len, s->time_us);
	/* A repeat has the address of the first of its network. */
	if (all == NULL || (s->flags & DS_FLAG_REPEAT))
		return 0;
	id = attack_source((const uint8_t *)from.ptr, from.len, address);
	if (attacks_find(all, ATTACK_SOURCE, id, s->time_us) == NULL)
		return 0;
	s->daemon->visitor = id;
	s->daemon->visited_us = s->time_us;
	return 0;
}

/* Who is known and connected to the daemon just before. */
static const struct attack *
visitor_of(struct turn *t, const struct sighting *s)
{
	const struct daemon_profile *d = s->daemon;

	if (d == NULL || s->time_us < d->visited_us || s->time_us >= d->visited_us + VISIT_US)
		return NULL;
	return attacks_find(attacks_of(t), ATTACK_SOURCE, d->visitor, s->time_us);
}

static void
raise_by(struct turn *t, const struct sighting *s, size_t first, const struct attack *a,
    enum attack_sort sort, const char *then)
{
	char said[ATTACK_SAID_MAX];

	if (a == NULL)
		return;
	attack_say(a, sort, s->time_us, said, sizeof(said));
	for (size_t i = first; i < t->verdict->findings_len; i++) {
		struct finding *f = &t->verdict->findings[i];
		size_t len = strlen(f->reason);

		if (f->notice)
			continue;
		f->score = attack_raise(f->score);
		snprintf(f->reason + len, sizeof(f->reason) - len, "; %s%s", said, then);
	}
}

void
turn_raise_attack(struct turn *t, const struct sighting *s, size_t first)
{
	enum attack_sort sort = ATTACK_SOURCE;
	const struct attack *a = turn_attack(t, s, &sort);

	/* What is known by itself makes it graver; that somebody named its destination, or is
	 * there, only weighs. */
	for (size_t i = first; a != NULL && i < t->verdict->findings_len; i++)
		if (!t->verdict->findings[i].notice &&
		    strcmp(t->verdict->findings[i].severity, "medium") == 0)
			t->verdict->findings[i].severity = "high";
	raise_by(t, s, first, a, sort, "");
	if (a == NULL)
		raise_by(t, s, first,
		    attacks_find(attacks_of(t), ATTACK_NAMED, destination(s), s->time_us),
		    ATTACK_NAMED, "");
	raise_by(t, s, first, visitor_of(t, s), ATTACK_SOURCE, ", and connected to it just before");
}

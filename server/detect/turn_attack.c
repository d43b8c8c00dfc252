/* SPDX-License-Identifier: GPL-2.0-or-later */
/* turn_attack - what is strange already weighs more when decoys know it. */
#include "server/detect/turn.h"

#include <stdio.h>
#include <string.h>

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

void
turn_raise_attack(struct turn *t, const struct sighting *s, size_t first)
{
	char said[ATTACK_SAID_MAX];
	enum attack_sort sort;
	const struct attack *a = turn_attack(t, s, &sort);

	if (a == NULL)
		return;
	attack_say(a, sort, s->time_us, said, sizeof(said));
	for (size_t i = first; i < t->verdict->findings_len; i++) {
		struct finding *f = &t->verdict->findings[i];
		size_t len = strlen(f->reason);

		if (f->notice)
			continue;
		f->score = attack_raise(f->score);
		if (strcmp(f->severity, "medium") == 0)
			f->severity = "high";
		snprintf(f->reason + len, sizeof(f->reason) - len, "; %s", said);
	}
}

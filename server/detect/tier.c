/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/tier.h"

#include "server/detect/allowance.h"
#include "server/detect/lineage.h"

#include <string.h>

#define DAY_US (24 * 3600 * 1000000ull)

static bool
is_tainted(struct turn *t, const struct daemon_profile *d, uint64_t time_us)
{
	return (d->told_us != 0 && time_us < d->told_us + TIER_TAINT_US) ||
	       allowances_is_tainted(turn_allowances(t), d->host->number, d->name);
}

bool
tier_is_of_finding(struct turn *t, const struct sighting *s)
{
	const struct daemon_profile *d = s->daemon;
	uint64_t ppid = s->event != NULL ? s->event->num[DS_NUM_PPID] : 0;

	return d->told_us != 0 && s->time_us < d->told_us + LINEAGE_US &&
	       lineage_find(d, t->pids[s->index], ppid, s->time_us) != 0;
}

bool
tier_is_apart(struct turn *t, const struct sighting *s)
{
	return tier_is_of_finding(t, s) ||
	       (s->daemon->ready && is_tainted(t, s->daemon, s->time_us));
}

enum novelty
tier_of(struct turn *t, const struct sighting *s, enum novelty is)
{
	struct daemon_profile *d = s->daemon;
	uint32_t day = (uint32_t)(s->time_us / DAY_US);

	if (is != NOVEL_LEARN || !daemon_is_judged(d))
		return is;
	if (tier_is_apart(t, s))
		return NOVEL_WAIT;
	if (!d->ready)
		return NOVEL_LEARN;
	if (d->learn_day != day) {
		d->learn_day = day;
		d->learnt_today = 0;
	}
	return d->learnt_today++ < TIER_DAY_MAX ? NOVEL_LEARN : NOVEL_WAIT;
}

void
tier_count(struct behaviour *b, uint64_t time_us)
{
	uint32_t day = (uint32_t)(time_us / DAY_US);

	/* Only forwards: a clock that goes back and forth adds nothing. */
	if (day <= b->day)
		return;
	b->day = day;
	if (b->days < UINT8_MAX)
		b->days++;
}

bool
tier_is_over(struct turn *t, const struct behaviour *b, uint64_t time_us)
{
	return time_us >= b->first_us + TIER_AGE_US && !is_tainted(t, b->daemon, time_us);
}

bool
tier_is_confirmed(const struct behaviour *b, struct prevalence peers)
{
	return b->days >= TIER_DAYS_MIN || peers.learnt >= TIER_HOSTS_MIN;
}

void
tier_wait(struct turn *t, struct sighting *s)
{
	struct behaviour *b = s->behaviour;

	if (!tier_is_over(t, b, s->time_us))
		return;
	s->key.size = b->key_size;
	memcpy(s->key.data, b->key, b->key_size);
	if (!tier_is_confirmed(b, turn_peers(t, s->daemon, s->kind, &s->key, true)))
		return;
	profiles_accept(&t->detect->profiles, b);
	turn_news(t, b);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/tier.h"

#define DAY_US (24 * 3600 * 1000000ull)

static bool
is_tainted(const struct daemon_profile *d, uint64_t time_us)
{
	return d->told_us != 0 && time_us < d->told_us + TIER_TAINT_US;
}

enum novelty
tier_of(struct daemon_profile *d, enum novelty is, uint64_t time_us)
{
	uint32_t day = (uint32_t)(time_us / DAY_US);

	if (is != NOVEL_LEARN || !d->ready || !daemon_is_judged(d))
		return is;
	if (is_tainted(d, time_us))
		return NOVEL_WAIT;
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
tier_is_over(const struct behaviour *b, uint64_t time_us)
{
	return time_us >= b->first_us + TIER_AGE_US && !is_tainted(b->daemon, time_us);
}

bool
tier_is_confirmed(const struct behaviour *b, struct prevalence peers)
{
	return b->days >= TIER_DAYS_MIN || peers.learnt >= TIER_HOSTS_MIN;
}

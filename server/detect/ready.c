/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ready - when a daemon has been learnt, and what is missing until then. */
#include "server/detect/ready.h"

#include <stdarg.h>
#include <stdio.h>

#define DAY_US (86400 * 1000000ull)

/* Families that a detector judges: only they hold up readiness.  Issue by issue more join. */
static const enum key_family judged[] = { KEY_PROCESS };

uint64_t
host_now(const struct host_profile *h, uint64_t server_us)
{
	uint64_t quiet = server_us > h->received_us ? server_us - h->received_us : 0;

	if (h->stopped)
		return h->clock_us;
	return h->clock_us + (quiet < PROFILE_QUIET_MAX_US ? quiet : PROFILE_QUIET_MAX_US);
}

uint64_t
daemon_watched_us(const struct daemon_profile *d, uint64_t host_us)
{
	uint64_t blind = d->host->blind_us - d->blind_at_first_us;
	uint64_t age = host_us > d->first_us ? host_us - d->first_us : 0;

	return age > blind ? age - blind : 0;
}

/* By observations and by intervals; -1 where there is not enough. */
static void
estimate(const struct profiles *p, const struct daemon_profile *d, enum key_family family,
    uint64_t host_us, double ret[2])
{
	const struct family_counts *f = &d->family[family];
	uint64_t intervals = daemon_watched_us(d, host_us) / p->interval_us;

	ret[0] = f->n >= PROFILE_OBSERVATIONS_MIN ? (double)f->n1 / (double)f->n : -1;
	ret[1] = intervals >= PROFILE_INTERVALS_MIN ? (double)f->q1 / (double)intervals : -1;
	if (ret[1] > 1)
		ret[1] = 1;
	/* What did not fit was not learnt: nothing is known about how much more there is. */
	if (f->refused > 0 && !d->ready)
		ret[0] = ret[1] = 1;
}

double
daemon_unseen(const struct profiles *p, const struct daemon_profile *d, enum key_family family,
    uint64_t host_us)
{
	double by[2];

	estimate(p, d, family, host_us, by);
	if (by[0] < 0 || by[1] < 0)
		return by[0] < 0 ? by[1] : by[0];
	return by[0] < by[1] ? by[0] : by[1];
}

double
daemon_coverage(const struct profiles *p, const struct daemon_profile *d, uint64_t host_us)
{
	double worst = 0;

	for (size_t i = 0; i < DS_LEN(judged); i++) {
		double unseen = daemon_unseen(p, d, judged[i], host_us);

		/* Too little to say; of a daemon that is ready it was said before. */
		if (unseen < 0 && !d->ready)
			return 0;
		if (unseen > worst)
			worst = unseen;
	}
	return 1 - worst;
}

bool
daemon_refresh(const struct profiles *p, struct daemon_profile *d, uint64_t host_us)
{
	if (d->ready)
		return true;
	if (daemon_watched_us(d, host_us) < p->cfg.learn_min_us ||
	    daemon_watched_us(d, host_us) < p->cfg.days_min * DAY_US)
		return false;
	for (size_t i = 0; i < DS_LEN(judged); i++) {
		double unseen = daemon_unseen(p, d, judged[i], host_us);

		if (unseen < 0 || unseen > p->cfg.unseen_max)
			return false;
	}
	d->ready = true;
	return true;
}

struct sentences {
	char *at;
	size_t len, size;
};

static void __attribute__((format(printf, 2, 3))) say(struct sentences *s, const char *format, ...)
{
	char text[200];
	va_list ap;
	int n;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	n = snprintf(s->at + s->len, s->size - s->len, "%s\"%s\"", s->len > 1 ? "," : "", text);
	if (n > 0 && (size_t)n < s->size - s->len - 1)
		s->len += (size_t)n;
}

static double
one_in(double share)
{
	return share > 0 ? 1 / share : 0;
}

static void
say_unseen(struct sentences *s, const struct profiles *p, const struct daemon_profile *d,
    enum key_family family, uint64_t host_us)
{
	static const char *const what[KEY_FAMILIES] = { "a program that it starts", "a peer",
		"a file", "a privilege" };
	uint64_t intervals = daemon_watched_us(d, host_us) / p->interval_us;
	double by[2];

	estimate(p, d, family, host_us, by);
	if (d->family[family].refused > 0)
		say(s, "does more different things than are kept (%u)", d->family[family].keys);
	else if (by[0] < 0 && by[1] < 0)
		say(s, "%llu of %u intervals of %.3g s were seen", (unsigned long long)intervals,
		    PROFILE_INTERVALS_MIN, (double)p->interval_us / 1e6);
	else if (by[0] >= 0 && (by[1] < 0 || by[0] <= by[1])) {
		if (by[0] > p->cfg.unseen_max)
			say(s, "1 in %.0f observations was new; needs 1 in %.0f", one_in(by[0]),
			    one_in(p->cfg.unseen_max));
	} else if (by[1] > p->cfg.unseen_max)
		say(s, "%s was seen once only in 1 of %.0f intervals of %.3g s; needs 1 in %.0f",
		    what[family], one_in(by[1]), (double)p->interval_us / 1e6,
		    one_in(p->cfg.unseen_max));
}

/* What is done once a day or a week was not seen yet. */
static void
say_cycles(struct sentences *s, const struct profiles *p, double watched_s)
{
	if (p->cfg.days_min >= 1 && watched_s < 86400)
		say(s, "its daily cycle has not been seen: %.3g of 24 hours", watched_s / 3600);
	if (p->cfg.days_min >= 7 && watched_s < 7 * 86400)
		say(s, "its weekly cycle has not been seen: %.3g of 7 days", watched_s / 86400);
}

void
daemon_blockers(const struct profiles *p, const struct daemon_profile *d, uint64_t host_us,
    char *ret, size_t size)
{
	struct sentences s = { ret, 1, size - 2 };
	double watched = (double)daemon_watched_us(d, host_us) / 1e6;
	double need = (double)p->cfg.learn_min_us / 1e6;

	ret[0] = '[';
	if (!d->ready && watched < need)
		say(&s, "has been watched for %.0f s of %.0f s", watched, need);
	if (!d->ready)
		say_cycles(&s, p, watched);
	for (size_t i = 0; !d->ready && i < DS_LEN(judged); i++)
		say_unseen(&s, p, d, judged[i], host_us);
	ret[s.len] = ']';
	ret[s.len + 1] = '\0';
}

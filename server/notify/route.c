/* SPDX-License-Identifier: GPL-2.0-or-later */
/* route - see route.h; called by notify.c. */
#include "server/notify/route.h"

#include "lib/daemon.h"

#include <fnmatch.h>
#include <string.h>
#include <time.h>

#define HOUR_US (UINT64_C(3600) * 1000000)

int
route_severity(const char *severity)
{
	static const char *const names[] = { "low", "medium", "high", "critical" };

	for (int i = 0; i < (int)DS_LEN(names); i++)
		if (strcmp(names[i], severity) == 0)
			return i;
	return 0;
}

/* An empty list is for all. */
static bool
in_list(const struct ds_conf_list *list, const char *text)
{
	for (size_t i = 0; i < list->len; i++)
		if (fnmatch(list->items[i], text, 0) == 0)
			return true;
	return list->len == 0;
}

static bool
any_label(const struct ds_conf_list *list, const char *labels)
{
	if (list->len == 0)
		return true;
	while (*labels) {
		size_t len;
		char one[128];

		labels += strspn(labels, ", ");
		len = strcspn(labels, ",");
		if (len > 0 && len < sizeof(one)) {
			memcpy(one, labels, len);
			one[len] = '\0';
			while (len > 0 && one[len - 1] == ' ')
				one[--len] = '\0';
			if (in_list(list, one))
				return true;
		}
		labels += strcspn(labels, ",");
	}
	return false;
}

bool
route_matches(const struct channel_config *cfg, const struct route_alert *a)
{
	return cfg->enabled && route_severity(a->severity) >= cfg->min_severity &&
	       in_list(&cfg->kinds, a->kind) &&
	       (cfg->daemons.len == 0 ||
		   ds_daemon_fits_any(cfg->daemons.items, cfg->daemons.len, a->daemon)) &&
	       any_label(&cfg->labels, a->labels);
}

static unsigned
tens(uint64_t count)
{
	unsigned n = 0;

	for (; count >= 10; count /= 10)
		n++;
	return n;
}

const char *
route_event(
    const struct channel_config *cfg, const struct route_alert *a, const struct route_told *told)
{
	bool closed = strcmp(a->status, "closed") == 0;

	if (told == NULL)
		return closed ? NULL : "new";
	if (closed)
		return cfg->closed && strcmp(told->event, "closed") != 0 ? "closed" : NULL;
	/* Somebody looks after it: only what is worse is news. */
	if (route_severity(a->severity) > route_severity(told->severity))
		return "worse";
	if (strcmp(a->status, "open") != 0)
		return NULL;
	return tens(a->count) > tens(told->count) ? "grown" : NULL;
}

bool
route_is_quiet(const struct channel_config *cfg, uint64_t now_us)
{
	time_t now_s = (time_t)(now_us / 1000000);
	unsigned minute, from, until;
	struct tm tm;

	if (!channel_quiet(cfg->quiet, &from, &until) || localtime_r(&now_s, &tm) == NULL)
		return false;
	minute = (unsigned)(tm.tm_hour * 60 + tm.tm_min);
	return from <= until ? minute >= from && minute < until : minute >= from || minute < until;
}

bool
route_digest_due(const struct channel_config *cfg, struct route_digest *d, uint64_t now_us)
{
	bool was_quiet = d->was_quiet;

	d->was_quiet = route_is_quiet(cfg, now_us);
	if (d->was_quiet)
		return false;
	/* A clock that went back is no reason to wait. */
	return was_quiet || now_us < d->told_us || now_us - d->told_us >= cfg->digest_ms * 1000;
}

bool
route_rate_take(struct route_rate *r, int64_t per_hour, uint64_t now_us)
{
	size_t share = (size_t)DS_MIN(DS_MAX(per_hour, 1), ROUTE_RATE_MAX);
	/* The message that is `share` messages back must be an hour old. */
	uint64_t oldest = r->sent_us[(r->at + ROUTE_RATE_MAX - share) % ROUTE_RATE_MAX];

	/* A clock that went back counts as an hour that passed. */
	if (oldest != 0 && oldest <= now_us && now_us - oldest < HOUR_US)
		return false;
	r->sent_us[r->at] = now_us;
	r->at = (r->at + 1) % ROUTE_RATE_MAX;
	return true;
}

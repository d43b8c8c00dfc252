/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route - what is told, to which channel, and whether now.
 *
 * Pure: no store, no clock of its own.  An alert is told when it is new, when it became worse, each
 * time its count reaches another power of ten, and (channels that want it) when it was closed.
 */
#ifndef SERVER_NOTIFY_ROUTE_H
#define SERVER_NOTIFY_ROUTE_H

#include "server/notify/channel.h"

#include <stdbool.h>

#define ROUTE_RATE_MAX 3600 /* messages an hour of a channel, at most */

/* An alert as routes see it. */
struct route_alert {
	const char *kind, *severity, *daemon, *status;
	const char *labels; /* of the host, comma-separated */
	uint64_t count;
};

/* What the channel told last about the alert. */
struct route_told {
	char event[16], severity[16];
	uint64_t count;
};

/* low 0, medium 1, high 2, critical 3; others 0. */
int route_severity(const char *severity);
/* Whether the channel is for this alert at all. */
bool route_matches(const struct channel_config *cfg, const struct route_alert *a);
/* "new", "grown", "worse", "closed", or NULL: nothing to tell.  told NULL: nothing was told yet. */
const char *route_event(
    const struct channel_config *cfg, const struct route_alert *a, const struct route_told *told);
/* Whether the channel keeps quiet at this time, by the clock of localtime_r(). */
bool route_is_quiet(const struct channel_config *cfg, uint64_t now_us);

/* When a channel's last digest was. */
struct route_digest {
	uint64_t told_us;
	bool was_quiet;
};

/* Whether what is held is to be told now: when quiet hours end, and then at most every digest_ms.
 */
bool route_digest_due(const struct channel_config *cfg, struct route_digest *d, uint64_t now_us);

/* When a channel's last messages were. */
struct route_rate {
	uint64_t sent_us[ROUTE_RATE_MAX];
	size_t at;
};

/* Counts a message, unless the hour's share is used up: false then. */
bool route_rate_take(struct route_rate *r, int64_t per_hour, uint64_t now_us);

#endif

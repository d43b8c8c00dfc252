/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siem_told - see siem_told.h; called by siem.c. */
#include "server/notify/siem_told.h"

#include "lib/map.h"
#include "server/notify/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_MAX 65536u

struct siem_told {
	struct ds_map *alerts; /* id -> struct told */
};

struct told {
	char status[16];
	int severity;
	unsigned tens;
	bool has_verdict;
};

struct siem_told *
siem_told_new(void)
{
	struct siem_told *t = calloc(1, sizeof(*t));

	if (t != NULL && (t->alerts = ds_map_new(TOLD_MAX)) != NULL)
		return t;
	free(t);
	return NULL;
}

void
siem_told_free(struct siem_told *t)
{
	if (t == NULL)
		return;
	ds_map_free(t->alerts, free);
	free(t);
}

void
siem_told_clear(struct siem_told *t)
{
	struct ds_map *empty = ds_map_new(TOLD_MAX);

	if (empty == NULL)
		return; /* at worst a change is not told again */
	ds_map_free(t->alerts, free);
	t->alerts = empty;
}

static const char *
difference(const struct told *before, const struct told *now)
{
	if (strcmp(before->status, now->status) != 0)
		return strcmp(now->status, "closed") == 0 ? "closed" : "changed";
	if (now->severity > before->severity)
		return "worse";
	if (now->tens > before->tens)
		return "grown";
	return now->has_verdict != before->has_verdict ? "changed" : NULL;
}

const char *
siem_told_event(struct siem_told *t, const struct alert_row *row, uint64_t since_us)
{
	struct told now = { .severity = route_severity(row->severity),
		.has_verdict = row->verdict != NULL && *row->verdict };
	struct told *before = ds_map_get(t->alerts, row->id, strlen(row->id));
	const char *event;

	snprintf(now.status, sizeof(now.status), "%s", row->status);
	for (uint64_t n = row->count; n >= 10; n /= 10)
		now.tens++;
	if (before != NULL) {
		event = difference(before, &now);
		*before = now;
		return event;
	}
	before = malloc(sizeof(*before));
	if (before != NULL) {
		*before = now;
		if (ds_map_put(t->alerts, row->id, strlen(row->id), before, NULL) < 0) {
			free(before);
			siem_told_clear(t);
		}
	}
	if (strcmp(row->status, "closed") == 0)
		return "closed";
	return row->created_us >= since_us ? "new" : "changed";
}

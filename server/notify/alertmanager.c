/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alertmanager - Prometheus Alertmanager, API v2: few labels (they are what it groups by), the rest
 * as annotations. */
#include "server/notify/json_body.h"
#include "server/notify/message.h"

#include "lib/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIRING_US (UINT64_C(24) * 3600 * 1000000) /* it ends by itself, should we be gone */
#define TEST_US   (UINT64_C(60) * 1000000)

static json_t *
labels_of(const struct channel_message *m, const char *severity)
{
	const json_t *alert = json_object_get(m->body, "alert");
	json_t *labels = json_pack("{s:s, s:s, s:s, s:s, s:s}", "alertname",
	    alert != NULL                   ? "DaemonSec"
	    : strcmp(m->event, "test") == 0 ? "DaemonSecTest"
					    : "DaemonSecDigest",
	    "severity", severity, "kind", message_text(alert, "kind"), "host",
	    message_text(m->body, "host"), "daemon",
	    message_text(json_object_get(alert, "daemon"), "name"));

	if (labels != NULL && alert != NULL)
		json_object_set_new(labels, "alert", json_string(message_text(alert, "id")));
	return labels;
}

/* The alert of this severity, which ends then. */
static json_t *
one(const struct channel_message *m, const char *severity, uint64_t end_us)
{
	const char *begin = message_text(json_object_get(m->body, "alert"), "first_seen");
	char now[32], end[32], link[512];

	message_link(m->body, m->link, link, sizeof(link));
	ds_clock_format(m->created_us, now, sizeof(now));
	ds_clock_format(end_us, end, sizeof(end));
	return json_pack("{s:o, s:{s:s, s:s}, s:s, s:s, s:s}", "labels", labels_of(m, severity),
	    "annotations", "summary", message_text(m->body, "title"), "description",
	    message_text(m->body, "reason"), "startsAt", *begin ? begin : now, "endsAt", end,
	    "generatorURL", link);
}

/* Alertmanager knows an alert by its labels: one that is closed, or of another severity now, ends
 * under those that it may have had before. */
static int
build(
    const struct channel_config *cfg, const struct channel_message *m, struct channel_request *ret)
{
	static const char *const severities[] = { "low", "medium", "high", "critical" };
	const char *severity = message_text(m->body, "severity");
	bool closed = strcmp(m->event, "closed") == 0, test = strcmp(m->event, "test") == 0;
	json_t *doc = json_array();
	size_t len = strlen(cfg->url);

	while (len > 0 && cfg->url[len - 1] == '/')
		len--;
	snprintf(ret->url, sizeof(ret->url), "%.*s/api/v2/alerts", (int)len, cfg->url);
	json_array_append_new(doc, one(m, severity,
				       m->created_us + (closed    ? 0
							   : test ? TEST_US
								  : FIRING_US)));
	for (size_t i = (size_t)cfg->min_severity; i < DS_LEN(severities); i++)
		if ((closed || strcmp(m->event, "worse") == 0) &&
		    strcmp(severities[i], severity) != 0)
			json_array_append_new(doc, one(m, severities[i], m->created_us));
	return json_body(ret, "application/json", doc);
}

const struct channel_kind channel_alertmanager = { "alertmanager", build, NULL };

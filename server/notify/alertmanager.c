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

static int
build(
    const struct channel_config *cfg, const struct channel_message *m, struct channel_request *ret)
{
	const json_t *alert = json_object_get(m->body, "alert");
	const char *begin = message_text(alert, "first_seen");
	bool closed = strcmp(m->event, "closed") == 0, test = strcmp(m->event, "test") == 0;
	char now[32], end[32], link[512];
	size_t len = strlen(cfg->url);
	json_t *labels, *doc;

	while (len > 0 && cfg->url[len - 1] == '/')
		len--;
	snprintf(ret->url, sizeof(ret->url), "%.*s/api/v2/alerts", (int)len, cfg->url);
	message_link(m->body, m->link, link, sizeof(link));
	ds_clock_format(m->created_us, now, sizeof(now));
	ds_clock_format(m->created_us + (closed    ? 0
					    : test ? TEST_US
						   : FIRING_US),
	    end, sizeof(end));
	labels = json_pack("{s:s, s:s, s:s, s:s, s:s}", "alertname",
	    alert != NULL ? "DaemonSec"
	    : test        ? "DaemonSecTest"
			  : "DaemonSecDigest",
	    "severity", message_text(m->body, "severity"), "kind", message_text(alert, "kind"),
	    "host", message_text(m->body, "host"), "daemon",
	    message_text(json_object_get(alert, "daemon"), "name"));
	if (labels != NULL && alert != NULL)
		json_object_set_new(labels, "alert", json_string(message_text(alert, "id")));
	doc = json_pack("[{s:o, s:{s:s, s:s}, s:s, s:s, s:s}]", "labels", labels, "annotations",
	    "summary", message_text(m->body, "title"), "description",
	    message_text(m->body, "reason"), "startsAt", *begin ? begin : now, "endsAt", end,
	    "generatorURL", link);
	return json_body(ret, "application/json", doc);
}

const struct channel_kind channel_alertmanager = { "alertmanager", build, NULL };

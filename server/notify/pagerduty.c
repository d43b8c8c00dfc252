/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pagerduty - Events API v2: an alert triggers, its end resolves; repeats are the same incident. */
#include "server/notify/json_body.h"
#include "server/notify/message.h"

#include "lib/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *
severity_of(const char *severity)
{
	return strcmp(severity, "critical") == 0 ? "critical"
	       : strcmp(severity, "high") == 0   ? "error"
	       : strcmp(severity, "medium") == 0 ? "warning"
						 : "info";
}

static int
build(
    const struct channel_config *cfg, const struct channel_message *m, struct channel_request *ret)
{
	const json_t *alert = json_object_get(m->body, "alert");
	const char *host = message_text(m->body, "host");
	char summary[1000], time[32], link[512];
	json_t *doc;

	snprintf(ret->url, sizeof(ret->url), "%s",
	    *cfg->url ? cfg->url : "https://events.pagerduty.com/v2/enqueue");
	message_subject(m->event, m->body, summary, sizeof(summary));
	message_link(m->body, m->link, link, sizeof(link));
	ds_clock_format(m->created_us, time, sizeof(time));
	doc = json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:O}}", "routing_key",
	    m->secret, "event_action", strcmp(m->event, "closed") == 0 ? "resolve" : "trigger",
	    "dedup_key", m->thread, "payload", "summary", summary, "source",
	    *host ? host : "daemonsec", "severity", severity_of(message_text(m->body, "severity")),
	    "timestamp", time, "class",
	    *message_text(alert, "kind") ? message_text(alert, "kind") : m->event, "custom_details",
	    m->body);
	if (doc != NULL && *link)
		json_object_set_new(
		    doc, "links", json_pack("[{s:s, s:s}]", "href", link, "text", "DaemonSec"));
	return json_body(ret, "application/json", doc);
}

const struct channel_kind channel_pagerduty = { "pagerduty", build, NULL };

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slack - an incoming webhook of Slack (or Mattermost), with Block Kit.
 *
 * Slack's form of markup needs & < > escaped; what comes from other machines is never a link.
 */
#include "server/notify/json_body.h"
#include "server/notify/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEADER_MAX  150 /* characters; Slack's limits */
#define SECTION_MAX 2900

static const char *
colour(const char *severity)
{
	static const struct {
		const char *severity, *colour;
	} table[] = { { "critical", "#b3261e" }, { "high", "#d9480f" }, { "medium", "#c99700" } };

	for (size_t i = 0; i < DS_LEN(table); i++)
		if (strcmp(table[i].severity, severity) == 0)
			return table[i].colour;
	return "#5f6b7a";
}

/* The reason and the lines, as one text of Slack's markup; NULL: no memory. */
static json_t *
section(const struct channel_message *m)
{
	struct ds_buf text;
	const json_t *line;
	json_t *block = NULL;
	size_t i;
	int r;

	ds_buf_init(&text, 64u << 10);
	r = message_escape(&text, message_text(m->body, "reason"), 1500);
	json_array_foreach(json_object_get(m->body, "lines"), i, line)
	{
		const char *name = json_string_value(json_array_get(line, 0)),
			   *value = json_string_value(json_array_get(line, 1));

		if (r < 0 || text.len > SECTION_MAX - 700)
			break;
		r = ds_buf_put(&text, "\n*", 2);
		if (r == 0)
			r = message_escape(&text, name ? name : "", 60);
		if (r == 0)
			r = ds_buf_put(&text, "*  ", 3);
		if (r == 0)
			r = message_escape(&text, value ? value : "", 300);
	}
	if (r == 0 && text.len <= SECTION_MAX)
		block = json_pack("{s:s, s:{s:s, s:b, s:s%}}", "type", "section", "text", "type",
		    "mrkdwn", "verbatim", 1, "text", (const char *)text.data, text.len);
	ds_buf_done(&text);
	return block;
}

/* Outside of blocks, too, text is markup: a title could call everybody, or lead somewhere. */
static json_t *
escaped(const char *text)
{
	struct ds_buf buf;
	json_t *ret = NULL;

	ds_buf_init(&buf, 8u << 10);
	if (message_escape(&buf, text, HEADER_MAX) == 0)
		ret = json_stringn((const char *)buf.data, buf.len);
	ds_buf_done(&buf);
	return ret;
}

static int
build(
    const struct channel_config *cfg, const struct channel_message *m, struct channel_request *ret)
{
	char subject[HEADER_MAX], link[512];
	json_t *body = section(m), *blocks;

	snprintf(ret->url, sizeof(ret->url), "%s", *m->secret ? m->secret : cfg->url);
	message_subject(m->event, m->body, subject, sizeof(subject));
	message_link(m->body, m->link, link, sizeof(link));
	if (body == NULL)
		return -ENOMEM;
	blocks = json_pack("[{s:s, s:{s:s, s:s}}, o]", "type", "header", "text", "type",
	    "plain_text", "text", subject, body);
	if (blocks != NULL && *link)
		json_array_append_new(
		    blocks, json_pack("{s:s, s:[{s:s, s:{s:s, s:s}, s:s}]}", "type", "actions",
				"elements", "type", "button", "text", "type", "plain_text", "text",
				"Open in DaemonSec", "url", link));
	return json_body(ret, "application/json",
	    json_pack("{s:o, s:b, s:b, s:[{s:s, s:o}]}", "text", escaped(subject), "unfurl_links",
		0, "unfurl_media", 0, "attachments", "color",
		colour(message_text(m->body, "severity")), "blocks", blocks));
}

const struct channel_kind channel_slack = { "slack", build, NULL };

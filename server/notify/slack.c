/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slack - an incoming webhook of Slack (or Mattermost), with Block Kit.
 *
 * Slack's form of markup needs & < > escaped; what comes from other machines is never a link.
 */
#include "server/notify/clean.h"
#include "server/notify/json_body.h"
#include "server/notify/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEADER_MAX  150 /* characters; Slack's limits */
#define SECTION_MAX 2900
#define REASON_MAX  1200u
/* Of a line: characters of its value, and bytes with all that is escaped. */
#define VALUE_MAX     300u
#define LINE_MAX_SIZE 700u

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

/* Escapes as much of the text as goes into so many bytes. */
static int
put_fitting(struct ds_buf *b, const char *text, size_t max, size_t room)
{
	for (size_t before = b->len; max > 0; max /= 2) {
		int r = message_escape(b, text, max);

		if (r < 0 || b->len - before <= room)
			return r;
		b->len = before;
	}
	return 0;
}

/* As code, in which nothing is markup; what would end it is another mark. */
static int
put_code(struct ds_buf *b, const char *text)
{
	char plain[1300];
	int r = ds_buf_put(b, "`", 1);

	snprintf(plain, sizeof(plain), "%.*s", clean_fit(text, sizeof(plain) - 1), text);
	for (char *p = plain; *p; p++)
		if (*p == '`')
			*p = '\'';
	if (r == 0)
		r = put_fitting(b, *plain ? plain : " ", VALUE_MAX, LINE_MAX_SIZE - 100);
	return r < 0 ? r : ds_buf_put(b, "`", 1);
}

/* The reason and the lines, as one text of Slack's markup, which is never longer than Slack takes:
 * it would refuse all of it; NULL: no memory. */
static json_t *
section(const struct channel_message *m)
{
	struct ds_buf text;
	const json_t *line;
	json_t *block = NULL;
	size_t i;
	int r;

	ds_buf_init(&text, 64u << 10);
	r = put_fitting(&text, message_text(m->body, "reason"), REASON_MAX, REASON_MAX);
	json_array_foreach(json_object_get(m->body, "lines"), i, line)
	{
		const char *name = json_string_value(json_array_get(line, 0)),
			   *value = json_string_value(json_array_get(line, 1));

		if (r < 0 || text.len > SECTION_MAX - LINE_MAX_SIZE)
			break;
		r = ds_buf_put(&text, "\n*", 2);
		if (r == 0)
			r = put_fitting(&text, name ? name : "", 60, 60);
		if (r == 0)
			r = ds_buf_put(&text, "*  ", 3);
		if (r == 0)
			r = put_code(&text, value ? value : "");
	}
	if (r == 0)
		block = json_pack("{s:s, s:{s:s, s:b, s:s%}}", "type", "section", "text", "type",
		    "mrkdwn", "verbatim", 1, "text", text.len > 0 ? (const char *)text.data : " ",
		    text.len > 0 ? text.len : 1);
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

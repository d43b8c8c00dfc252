/* SPDX-License-Identifier: GPL-2.0-or-later */
/* telegram - a bot of Telegram tells one chat, in its HTML, whose three escapes are easier to get
 * right than Markdown's. */
#include "server/notify/json_body.h"
#include "server/notify/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 3800u /* characters; Telegram takes 4096 after entities */

static int
tag(struct ds_buf *b, const char *open, const char *text, size_t max, const char *close)
{
	int r = ds_buf_put(b, open, strlen(open));

	if (r == 0)
		r = message_escape(b, text, max);
	return r < 0 ? r : ds_buf_put(b, close, strlen(close));
}

static int
write_text(struct ds_buf *b, const struct channel_message *m)
{
	char subject[300], link[512];
	const json_t *line;
	size_t i, tag_len;
	int r;

	message_subject(m->event, m->body, subject, sizeof(subject));
	message_link(m->body, m->link, link, sizeof(link));
	/* "[HIGH] nginx ...": what is not ours is code, of which Telegram makes no links, mentions
	 * and commands by itself. */
	tag_len = strcspn(subject, "]") + 1;
	r = tag(b, "<b>", subject, tag_len, "</b> ");
	if (r == 0)
		r = tag(
		    b, "<code>", subject + DS_MIN(tag_len + 1, strlen(subject)), 250, "</code>\n");
	if (r == 0)
		r = tag(b, "<code>", message_text(m->body, "reason"), 1200, "</code>\n");
	json_array_foreach(json_object_get(m->body, "lines"), i, line)
	{
		const char *name = json_string_value(json_array_get(line, 0)),
			   *value = json_string_value(json_array_get(line, 1));

		if (r < 0 || b->len > TEXT_MAX - 600)
			break;
		r = tag(b, "\n<i>", name ? name : "", 60, "</i>  ");
		if (r == 0)
			r = tag(b, "<code>", value ? value : "", 200, "</code>");
	}
	if (r == 0 && *link)
		r = tag(b, "\n\n<a href=\"", link, 500, "\">open in DaemonSec</a>");
	return r;
}

static int
build(
    const struct channel_config *cfg, const struct channel_message *m, struct channel_request *ret)
{
	struct ds_buf text;
	json_t *doc = NULL;
	int r;

	ds_buf_init(&text, 64u << 10);
	r = write_text(&text, m);
	if (r == 0)
		doc = json_pack("{s:s, s:s%, s:s, s:b}", "chat_id", cfg->to.items[0], "text",
		    (const char *)text.data, text.len, "parse_mode", "HTML",
		    "disable_web_page_preview", 1);
	ds_buf_done(&text);
	if (r < 0)
		return r;
	snprintf(ret->url, sizeof(ret->url), "%s/bot%s/sendMessage",
	    *cfg->url ? cfg->url : "https://api.telegram.org", m->secret);
	return json_body(ret, "application/json", doc);
}

static unsigned
retry_after(const char *body, size_t len)
{
	json_t *doc = json_loadb(body, len, 0, NULL);
	json_int_t s =
	    json_integer_value(json_object_get(json_object_get(doc, "parameters"), "retry_after"));

	json_decref(doc);
	return s > 0 && s < 86400 ? (unsigned)s : 0;
}

const struct channel_kind channel_telegram = { "telegram", build, retry_after };

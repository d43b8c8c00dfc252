/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * email - one message, text and HTML, by SMTP.
 *
 * RFC 5322 with RFC 2047 words in the subject and base64 bodies, so that nothing that another
 * machine says can become a header or a boundary.  Messages about one alert are one thread.
 */
#include "server/notify/channel.h"
#include "server/notify/message.h"

#include "lib/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BOUNDARY "=_daemonsec_part"
#define LINE     57u /* bytes that make a line of 76 in base64 */
#define WORD     39u /* bytes of an encoded word, so that one fits behind "Subject:" */

static int
put(struct ds_buf *b, const char *text)
{
	return ds_buf_put(b, text, strlen(text));
}

static int
base64(struct ds_buf *out, const uint8_t *in, size_t len)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16;
		char four[4];

		if (i + 1 < len)
			v |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < len)
			v |= in[i + 2];
		for (unsigned j = 0; j < 4; j++)
			four[j] = i + j <= len ? digits[v >> (18 - 6 * j) & 63] : '=';
		r = ds_buf_put(out, four, 4);
	}
	return r;
}

static int
base64_lines(struct ds_buf *out, const struct ds_buf *in)
{
	int r = 0;

	for (size_t at = 0; at < in->len && r == 0; at += LINE) {
		r = base64(out, in->data + at, DS_MIN(in->len - at, (size_t)LINE));
		if (r == 0)
			r = put(out, "\r\n");
	}
	return r;
}

/* "Subject: =?UTF-8?B?...?=", folded between characters. */
static int
put_subject(struct ds_buf *out, const char *text)
{
	size_t len = strlen(text);
	int r = put(out, "Subject:");

	for (size_t at = 0; at < len && r == 0;) {
		size_t n = DS_MIN(len - at, (size_t)WORD);

		while (n > 1 && at + n < len && ((unsigned char)text[at + n] & 0xc0) == 0x80)
			n--;
		r = put(out, at == 0 ? " =?UTF-8?B?" : "\r\n =?UTF-8?B?");
		if (r == 0)
			r = base64(out, (const uint8_t *)text + at, n);
		if (r == 0)
			r = put(out, "?=");
		at += n;
	}
	return r < 0 ? r : put(out, "\r\n");
}

/* The first message about an alert has the thread's id itself; a digest or a test is alone. */
static void
put_ids(const struct channel_message *m, const char *domain, char *ret, size_t size)
{
	bool first = strcmp(m->event, "new") == 0;
	bool alone = json_object_get(m->body, "alert") == NULL;

	if (first)
		snprintf(ret, size, "Message-ID: <%s.%s@%s>\r\n", m->thread, m->channel, domain);
	else if (alone)
		snprintf(ret, size, "Message-ID: <%llu.%s@%s>\r\n", (unsigned long long)m->number,
		    m->channel, domain);
	else
		snprintf(ret, size,
		    "Message-ID: <%llu.%s@%s>\r\nIn-Reply-To: <%s.%s@%s>\r\n"
		    "References: <%s.%s@%s>\r\n",
		    (unsigned long long)m->number, m->channel, domain, m->thread, m->channel,
		    domain, m->thread, m->channel, domain);
}

static int
put_headers(struct ds_buf *b, const struct channel_config *cfg, const struct channel_message *m,
    const struct channel_request *to)
{
	time_t seconds = (time_t)(m->created_us / 1000000);
	/* Ours is an address, or configuration would have been refused. */
	const char *domain = strrchr(cfg->from, '@') + 1;
	char subject[300], date[64], text[1200];
	struct tm tm;
	int r;

	message_subject(m->event, m->body, subject, sizeof(subject));
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	snprintf(text, sizeof(text), "From: DaemonSec <%s>\r\nDate: %s\r\n", cfg->from, date);
	r = put(b, text);
	for (unsigned i = 0; i < to->to_len && r == 0; i++) {
		snprintf(text, sizeof(text), "%s <%s>%s", i == 0 ? "To:" : "", to->to[i],
		    i + 1 < to->to_len ? ",\r\n" : "\r\n");
		r = put(b, text);
	}
	if (r == 0)
		r = put_subject(b, subject);
	put_ids(m, domain, text, sizeof(text));
	if (r == 0)
		r = put(b, text);
	return r < 0 ? r
		     : put(b, "Auto-Submitted: auto-generated\r\nList-Id: DaemonSec "
			      "<alerts.daemonsec>\r\nMIME-Version: 1.0\r\n"
			      "Content-Type: multipart/alternative; boundary=\"" BOUNDARY
			      "\"\r\n\r\n");
}

static int
html_row(struct ds_buf *b, const char *name, const char *value)
{
	int r =
	    put(b, "<tr><td style=\"color:#5f6b7a;padding:2px 16px 2px 0;vertical-align:top\">");

	if (r == 0)
		r = message_escape(b, name, 60);
	if (r == 0)
		r = put(b, "</td><td style=\"padding:2px 0;font-family:monospace\">");
	if (r == 0)
		r = message_escape(b, value, 1000);
	return r < 0 ? r : put(b, "</td></tr>\n");
}

static int
write_html(struct ds_buf *b, const struct channel_message *m, const char *link)
{
	char subject[300];
	const json_t *line;
	size_t i;
	int r;

	message_subject(m->event, m->body, subject, sizeof(subject));
	r = put(b, "<!doctype html><html><body style=\"font-family:sans-serif;font-size:15px\">"
		   "<h2 style=\"font-size:18px\">");
	if (r == 0)
		r = message_escape(b, subject, 300);
	if (r == 0)
		r = put(b, "</h2>\n<p>");
	if (r == 0)
		r = message_escape(b, message_text(m->body, "reason"), 2000);
	if (r == 0)
		r = put(b, "</p>\n<table style=\"border-collapse:collapse\">\n");
	json_array_foreach(json_object_get(m->body, "lines"), i, line)
	{
		const char *name = json_string_value(json_array_get(line, 0)),
			   *value = json_string_value(json_array_get(line, 1));

		if (r == 0)
			r = html_row(b, name ? name : "", value ? value : "");
	}
	if (r == 0)
		r = put(b, "</table>\n");
	if (r == 0 && *link) {
		r = put(b, "<p><a href=\"");
		if (r == 0)
			r = message_escape(b, link, 500);
		if (r == 0)
			r = put(b, "\">Open in DaemonSec</a></p>\n");
	}
	return r < 0 ? r : put(b, "</body></html>\n");
}

static int
put_part(struct ds_buf *b, const char *type, const struct ds_buf *text)
{
	char head[200];
	int r;

	snprintf(head, sizeof(head),
	    "--" BOUNDARY "\r\nContent-Type: %s; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n",
	    type);
	r = put(b, head);
	if (r == 0)
		r = base64_lines(b, text);
	return r < 0 ? r : put(b, "\r\n");
}

static int
put_parts(struct ds_buf *b, const struct channel_message *m)
{
	struct ds_buf text;
	char link[512];
	int r;

	message_link(m->body, m->link, link, sizeof(link));
	ds_buf_init(&text, CHANNEL_TEXT_MAX);
	r = message_plain(&text, m->event, m->body, link);
	if (r == 0)
		r = put_part(b, "text/plain", &text);
	ds_buf_clear(&text);
	if (r == 0)
		r = write_html(&text, m, link);
	if (r == 0)
		r = put_part(b, "text/html", &text);
	ds_buf_done(&text);
	return r < 0 ? r : put(b, "--" BOUNDARY "--\r\n");
}

static int
build(
    const struct channel_config *cfg, const struct channel_message *m, struct channel_request *ret)
{
	const char *own = message_text(m->body, "alert_email");
	int r;

	ret->is_mail = true;
	snprintf(ret->url, sizeof(ret->url), "%s", cfg->server);
	snprintf(ret->from, sizeof(ret->from), "%s", cfg->from);
	/* A host may name who else is told about it: in a mail of their own, so that an address
	 * that is refused keeps nobody else from being told. */
	if (*own)
		snprintf(ret->to[ret->to_len++], sizeof(ret->to[0]), "%s", own);
	for (size_t i = 0; !*own && i < cfg->to.len && ret->to_len < CHANNEL_TO_MAX; i++)
		snprintf(ret->to[ret->to_len++], sizeof(ret->to[0]), "%s", cfg->to.items[i]);
	if (ret->to_len == 0)
		return 1;
	r = put_headers(&ret->body, cfg, m, ret);
	return r < 0 ? r : put_parts(&ret->body, m);
}

const struct channel_kind channel_email = { "email", build, NULL };

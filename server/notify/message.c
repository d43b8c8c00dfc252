/* SPDX-License-Identifier: GPL-2.0-or-later */
/* message - see message.h. */
#include "server/notify/message.h"

#include "lib/clock.h"
#include "server/notify/clean.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
message_text(const json_t *doc, const char *key)
{
	const char *text = json_string_value(json_object_get(doc, key));

	return text != NULL ? text : "";
}

static void
add_line(json_t *lines, const char *name, const char *value)
{
	if (value != NULL && *value)
		json_array_append_new(
		    lines, json_pack("[o, o]", clean_string(name), clean_string(value)));
}

static void
add_explanation(json_t *lines, const json_t *doc)
{
	const json_t *e;
	size_t i;

	json_array_foreach(json_object_get(doc, "explanation"), i, e)
	{
		const char *observed = message_text(e, "observed"),
			   *baseline = message_text(e, "baseline");
		char text[400];

		if (i == 3)
			break;
		snprintf(text, sizeof(text), "%.*s (normal: %.*s)", clean_fit(observed, 180),
		    observed, clean_fit(baseline, 180), baseline);
		add_line(lines, message_text(e, "feature"), text);
	}
}

static void
add_threat(json_t *lines, const json_t *doc)
{
	const json_t *t;
	size_t i;

	json_array_foreach(json_object_get(doc, "threat"), i, t)
	{
		char text[200];

		snprintf(text, sizeof(text), "%.30s %.150s", message_text(t, "id"),
		    message_text(t, "name"));
		add_line(lines, "technique", text);
	}
}

static void
add_lines(json_t *doc, const struct alert_row *row, const char *host_name, const json_t *rest)
{
	json_t *lines = json_array();
	const json_t *process = json_object_get(rest, "process"),
		     *peers = json_object_get(rest, "peers");
	char text[200], time[32];

	add_line(lines, "host", host_name);
	add_line(lines, "daemon", row->daemon);
	add_line(lines, "command", message_text(process, "command_line"));
	add_line(lines, "user", message_text(process, "user"));
	add_explanation(lines, rest);
	if (json_integer_value(json_object_get(peers, "of")) > 0) {
		snprintf(text, sizeof(text), "%lld of %lld did the same",
		    (long long)json_integer_value(json_object_get(peers, "seen")),
		    (long long)json_integer_value(json_object_get(peers, "of")));
		add_line(lines, "peers", text);
	}
	add_threat(lines, rest);
	ds_clock_format(row->first_us, time, sizeof(time));
	add_line(lines, "first seen", time);
	if (row->count > 1) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)row->count);
		add_line(lines, "count", text);
	}
	json_object_set_new(doc, "lines", lines);
}

json_t *
message_of_alert(const char *event, const struct alert_row *row, const char *host_name)
{
	static const char *const kept[] = { "threat", "explanation", "peers", "process",
		"reactions", "source" };
	json_t *rest = json_loads(row->json != NULL ? row->json : "{}", 0, NULL), *alert, *doc;
	char first[32], last[32];

	ds_clock_format(row->first_us, first, sizeof(first));
	ds_clock_format(row->last_us, last, sizeof(last));
	/* Titles name what was run or opened: one file whose name is no UTF-8 must not end it all.
	 */
	alert = json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:{s:o}, s:{s:o}, s:I, s:s, s:s}",
	    "id", row->id, "kind", row->kind, "status", row->status, "severity", row->severity,
	    "score", row->score, "title", clean_string(row->title), "reason",
	    clean_string(row->reason), "host", "name", clean_string(host_name), "daemon", "name",
	    clean_string(row->daemon), "count", (json_int_t)row->count, "first_seen", first,
	    "last_seen", last);
	doc = alert == NULL
		  ? NULL
		  : json_pack("{s:s, s:o, s:o, s:s, s:o, s:o}", "event", event, "title",
			clean_string(row->title), "reason", clean_string(row->reason), "severity",
			row->severity, "host", clean_string(host_name), "alert", alert);
	for (size_t i = 0; doc != NULL && i < DS_LEN(kept); i++)
		if (json_object_get(rest, kept[i]) != NULL)
			json_object_set(alert, kept[i], json_object_get(rest, kept[i]));
	if (doc != NULL)
		add_lines(doc, row, host_name, rest);
	json_decref(rest);
	return doc;
}

/* ---- digest */

json_t *
message_digest(void)
{
	return json_pack("{s:s, s:s, s:[], s:{}, s:i}", "event", "digest", "severity", "low",
	    "items", "counts", "total", 0);
}

static int
rank(const char *severity)
{
	static const char *const names[] = { "low", "medium", "high", "critical" };

	for (int i = 0; i < (int)DS_LEN(names); i++)
		if (strcmp(names[i], severity) == 0)
			return i;
	return 0;
}

void
message_digest_add(json_t *digest, const json_t *doc)
{
	json_t *items = json_object_get(digest, "items"),
	       *counts = json_object_get(digest, "counts");
	const char *severity = message_text(doc, "severity");
	json_t *alert = json_object_get(doc, "alert");

	json_object_set_new(counts, severity,
	    json_integer(json_integer_value(json_object_get(counts, severity)) + 1));
	json_object_set_new(digest, "total",
	    json_integer(json_integer_value(json_object_get(digest, "total")) + 1));
	if (rank(severity) > rank(message_text(digest, "severity")))
		json_object_set_new(digest, "severity", json_string(severity));
	if (json_array_size(items) < MESSAGE_ITEMS_MAX)
		json_array_append_new(
		    items, json_pack("{s:s, s:s, s:s, s:s}", "title", message_text(doc, "title"),
			       "host", message_text(doc, "host"), "severity", severity, "alert",
			       message_text(alert, "id")));
}

int
message_digest_end(json_t *digest, const char *why)
{
	static const char *const order[] = { "critical", "high", "medium", "low" };
	json_t *lines = json_array(), *item;
	json_int_t total = json_integer_value(json_object_get(digest, "total"));
	char title[160], reason[300];
	size_t i;

	if (lines == NULL)
		return -ENOMEM;
	snprintf(title, sizeof(title), "%lld message%s in a digest", (long long)total,
	    total == 1 ? "" : "s");
	snprintf(reason, sizeof(reason), "%s", why);
	for (i = 0; i < DS_LEN(order); i++) {
		json_int_t n = json_integer_value(
		    json_object_get(json_object_get(digest, "counts"), order[i]));
		char text[32];

		snprintf(text, sizeof(text), "%lld", (long long)n);
		if (n > 0)
			add_line(lines, order[i], text);
	}
	json_array_foreach(json_object_get(digest, "items"), i, item)
	{
		const char *what = message_text(item, "title"), *host = message_text(item, "host");
		char text[400];

		snprintf(text, sizeof(text), "%.*s (%.*s)", clean_fit(what, 300), what,
		    clean_fit(host, 64), host);
		add_line(lines, message_text(item, "severity"), text);
	}
	if (total > (json_int_t)i) {
		char text[64];

		snprintf(text, sizeof(text), "%lld more", (long long)(total - (json_int_t)i));
		add_line(lines, "and", text);
	}
	json_object_set_new(digest, "title", json_string(title));
	json_object_set_new(digest, "reason", json_string(reason));
	return json_object_set_new(digest, "lines", lines) < 0 ? -ENOMEM : 0;
}

json_t *
message_test(const char *channel)
{
	char reason[200];

	snprintf(reason, sizeof(reason),
	    "Somebody asked DaemonSec to try the channel %s. Nothing happened.", channel);
	return json_pack("{s:s, s:s, s:s, s:s, s:[]}", "event", "test", "title",
	    "a test of this channel", "reason", reason, "severity", "low", "lines");
}

/* ---- texts */

/* One line: control characters become blanks. */
static void
one_line(const char *text, char *ret, size_t size)
{
	size_t len = (size_t)clean_fit(text, size - 1);

	for (size_t i = 0; i < len; i++)
		ret[i] = (unsigned char)text[i] < ' ' || text[i] == 127 ? ' ' : text[i];
	ret[len] = '\0';
}

void
message_subject(const char *event, const json_t *doc, char *ret, size_t size)
{
	const char *severity = message_text(doc, "severity"), *host = message_text(doc, "host"),
		   *title = message_text(doc, "title");
	char shout[16] = "", text[512];

	for (size_t i = 0; severity[i] && i + 1 < sizeof(shout); i++) {
		shout[i] = (char)toupper((unsigned char)severity[i]);
		shout[i + 1] = '\0';
	}
	if (strcmp(event, "closed") == 0)
		snprintf(shout, sizeof(shout), "CLOSED");
	if (strcmp(event, "test") == 0)
		snprintf(shout, sizeof(shout), "TEST");
	snprintf(text, sizeof(text), "[%s] %.*s%s%.*s", shout, clean_fit(title, 300), title,
	    *host ? " on " : "", clean_fit(host, 100), host);
	one_line(text, ret, size);
}

void
message_link(const json_t *doc, const char *base, char *ret, size_t size)
{
	const char *id = message_text(json_object_get(doc, "alert"), "id");
	size_t len = strlen(base);

	ret[0] = '\0';
	while (len > 0 && base[len - 1] == '/')
		len--;
	if (len > 0 && *id)
		snprintf(ret, size, "%.*s/alerts/%s", (int)len, base, id);
	else if (len > 0)
		snprintf(ret, size, "%.*s/", (int)len, base);
}

static int
put(struct ds_buf *out, const char *text)
{
	return ds_buf_put(out, text, strlen(text));
}

int
message_plain(struct ds_buf *out, const char *event, const json_t *doc, const char *link)
{
	char text[1200];
	const json_t *line;
	int r;
	size_t i;

	message_subject(event, doc, text, sizeof(text));
	r = put(out, text);
	one_line(message_text(doc, "reason"), text, sizeof(text));
	if (r == 0 && *text)
		r = put(out, "\n\n") < 0 ? -ENOBUFS : put(out, text);
	if (r == 0)
		r = put(out, "\n\n");
	json_array_foreach(json_object_get(doc, "lines"), i, line)
	{
		const char *name = json_string_value(json_array_get(line, 0)),
			   *value = json_string_value(json_array_get(line, 1));
		char whole[700];

		snprintf(whole, sizeof(whole), "  %-14.60s %.*s", name ? name : "",
		    value ? clean_fit(value, 600) : 0, value ? value : "");
		one_line(whole, text, sizeof(text));
		if (r == 0)
			r = put(out, text);
		if (r == 0)
			r = put(out, "\n");
	}
	if (r == 0 && *link)
		r = put(out, "\n") < 0 ? -ENOBUFS : put(out, link);
	return r < 0 ? r : put(out, "\n");
}

int
message_escape(struct ds_buf *out, const char *text, size_t max)
{
	int r = 0;

	for (size_t n = 0; *text && n < max && r == 0; n++) {
		unsigned char ch = (unsigned char)*text++;

		if (ch == '&')
			r = put(out, "&amp;");
		else if (ch == '<')
			r = put(out, "&lt;");
		else if (ch == '>')
			r = put(out, "&gt;");
		else if (ch == '"')
			r = put(out, "&quot;");
		else if ((ch < ' ' && ch != '\n') || ch == 127)
			r = put(out, "\xef\xbf\xbd");
		else
			r = ds_buf_put_u8(out, ch);
		/* A character is whole or not there. */
		while (r == 0 && ((unsigned char)*text & 0xc0) == 0x80)
			r = ds_buf_put_u8(out, (uint8_t)*text++);
	}
	return r;
}

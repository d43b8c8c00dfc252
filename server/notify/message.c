/* SPDX-License-Identifier: GPL-2.0-or-later */
/* message - see message.h. */
#include "server/notify/message.h"

#include "lib/clock.h"
#include "lib/utf8.h"
#include "server/notify/clean.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXPLAINED_MAX 3u /* features of an explanation that a message has */

const char *
message_text(const json_t *doc, const char *key)
{
	const char *text = json_string_value(json_object_get(doc, key));

	return text != NULL ? text : "";
}

void
message_add_line(json_t *lines, const char *name, const char *value)
{
	if (value != NULL && *value)
		json_array_append_new(
		    lines, json_pack("[o, o]", clean_string(name), clean_string(value)));
}

/* "2026-11-28 17:29:44 UTC": people read it. */
static void
format_time(uint64_t us, char *ret, size_t size)
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(ret, size, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

static void
add_explanation(json_t *lines, const json_t *doc)
{
	const json_t *e;
	size_t i;

	json_array_foreach(json_object_get(doc, "explanation"), i, e)
	{
		const char *observed = message_text(e, "observed"),
			   *baseline = message_text(e, "baseline"),
			   *name = message_text(e, "feature"), *part = strstr(name, ": ");
		char text[400];

		if (i == EXPLAINED_MAX)
			break;
		/* "child executable: seen before" stands below the child executable. */
		name = part != NULL ? part + 2 : name;
		if (strcmp(name, "peers") == 0)
			continue; /* has its own line */
		snprintf(text, sizeof(text), "%.*s (normal: %.*s)", clean_fit(observed, 180),
		    observed, clean_fit(baseline, 180), baseline);
		message_add_line(lines, name, text);
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
		message_add_line(lines, "technique", text);
	}
}

static void
add_lines(json_t *doc, const struct alert_row *row, const char *host_name, const json_t *rest)
{
	json_t *lines = json_array();
	const json_t *process = json_object_get(rest, "process"),
		     *peers = json_object_get(rest, "peers");
	char text[200], time[32];

	message_add_line(lines, "alert", row->id);
	message_add_line(lines, "host", host_name);
	message_add_line(lines, "daemon", row->daemon);
	message_add_line(lines, "command", message_text(process, "command_line"));
	message_add_line(lines, "user", message_text(process, "user"));
	add_explanation(lines, rest);
	if (json_integer_value(json_object_get(peers, "of")) > 0) {
		snprintf(text, sizeof(text), "%lld of %lld did the same",
		    (long long)json_integer_value(json_object_get(peers, "seen")),
		    (long long)json_integer_value(json_object_get(peers, "of")));
		message_add_line(lines, "peers", text);
	}
	add_threat(lines, rest);
	format_time(row->first_us, time, sizeof(time));
	message_add_line(lines, "first seen", time);
	if (row->count > 1) {
		format_time(row->last_us, time, sizeof(time));
		snprintf(text, sizeof(text), "%llu, last %s", (unsigned long long)row->count, time);
		message_add_line(lines, "times", text);
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

void
message_add_reaction(json_t *doc, const struct reaction_row *row)
{
	static const struct {
		const char *status, *text;
	} table[] = { { "dry_run", "would have been done (monitor)" }, { "pending", "under way" },
		{ "sent", "under way" }, { "applied", "done" }, { "verified", "done" },
		{ "expired", "over" } };
	const char *status = row->status;
	char text[500];
	int len;

	for (size_t i = 0; i < DS_LEN(table); i++)
		if (strcmp(table[i].status, row->status) == 0)
			status = table[i].text;
	/* "process:40111@1795889191389489": when it began tells nobody anything. */
	len = strncmp(row->target, "process:", 8) == 0 ? (int)strcspn(row->target, "@")
						       : clean_fit(row->target, 400);
	snprintf(text, sizeof(text), "%.32s of %.*s: %.40s", row->kind, DS_MIN(len, 400),
	    row->target, status);
	message_add_line(json_object_get(doc, "lines"), "reaction", text);
}

json_t *
message_test(const char *channel)
{
	char reason[200];

	snprintf(reason, sizeof(reason),
	    "Somebody asked DaemonSec to try the channel %s. Nothing else happened.", channel);
	return json_pack("{s:s, s:s, s:s, s:s, s:[]}", "event", "test", "title",
	    "a test of this channel", "reason", reason, "severity", "low", "lines");
}

/* ---- texts */

/* Bytes of the character at text; *ret_bad: it may not be shown. */
static size_t
look_at(const char *text, size_t left, bool *ret_bad)
{
	size_t bad, len = ds_utf8_len((const uint8_t *)text, left, &bad);

	*ret_bad = len == 0 || ds_utf8_is_control((const uint8_t *)text, len);
	return len > 0 ? len : bad;
}

/* One line: control characters become blanks. */
static void
one_line(const char *text, char *ret, size_t size)
{
	size_t len = (size_t)clean_fit(text, size - 1), n = 0;

	for (size_t i = 0; i < len;) {
		bool bad;
		size_t one = look_at(text + i, len - i, &bad);

		if (bad)
			ret[n++] = ' ';
		else
			memcpy(ret + n, text + i, one);
		n += bad ? 0 : one;
		i += one;
	}
	ret[n] = '\0';
}

/* What stands in front: the severity, and how this is news. */
static void
put_tag(const char *event, const json_t *doc, char *ret, size_t size)
{
	const char *severity = message_text(doc, "severity");
	json_int_t count =
	    json_integer_value(json_object_get(json_object_get(doc, "alert"), "count"));
	char shout[16] = "";

	for (size_t i = 0; severity[i] && i + 1 < sizeof(shout); i++)
		shout[i] = (char)toupper((unsigned char)severity[i]);
	if (strcmp(event, "closed") == 0)
		snprintf(ret, size, "CLOSED");
	else if (strcmp(event, "test") == 0)
		snprintf(ret, size, "TEST");
	else if (strcmp(event, "grown") == 0)
		snprintf(ret, size, "%s x%lld", shout, (long long)count);
	else
		snprintf(ret, size, "%s%s", strcmp(event, "worse") == 0 ? "NOW " : "", shout);
}

/* "the agent on web1 is silent", "deploy logged in to web1": the title has the host. */
static bool
says_where(const char *title, const char *host)
{
	static const char *const words[] = { " on ", " logged in to " };
	size_t len = strlen(host);

	for (size_t i = 0; i < DS_LEN(words); i++)
		for (const char *at = title; (at = strstr(at, words[i])) != NULL;) {
			at += strlen(words[i]);
			if (strncmp(at, host, len) == 0 && (at[len] == '\0' || at[len] == ' '))
				return true;
		}
	return false;
}

void
message_subject(const char *event, const json_t *doc, char *ret, size_t size)
{
	const char *host = message_text(doc, "host"), *title = message_text(doc, "title");
	char tag[48], text[512];

	put_tag(event, doc, tag, sizeof(tag));
	if (says_where(title, host))
		host = "";
	snprintf(text, sizeof(text), "[%s] %.*s%s%.*s", tag, clean_fit(title, 300), title,
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
		snprintf(ret, size, "%.*s/alerts", (int)len, base);
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

		snprintf(whole, sizeof(whole), "  %-18.60s %.*s", name ? name : "",
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

static int
put_escaped(struct ds_buf *out, const char *text, size_t len)
{
	static const struct {
		char from;
		const char *to;
	} table[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" } };

	for (size_t i = 0; len == 1 && i < DS_LEN(table); i++)
		if (*text == table[i].from)
			return put(out, table[i].to);
	return ds_buf_put(out, text, len);
}

int
message_escape(struct ds_buf *out, const char *text, size_t max)
{
	size_t left = strlen(text);
	int r = 0;

	for (size_t n = 0; left > 0 && n < max && r == 0; n++) {
		bool bad;
		size_t len = look_at(text, left, &bad);

		r = bad ? put(out, " ") : put_escaped(out, text, len);
		text += len;
		left -= len;
	}
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siem_form - see siem_form.h; called by siem.c. */
#include "server/notify/siem_form.h"

#include "lib/clock.h"
#include "lib/utf8.h"
#include "server/notify/route.h"
#include "server/notify/siem_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FACILITY 10u /* authpriv */

static int
put(struct ds_buf *out, const char *text)
{
	return ds_buf_put(out, text, strlen(text));
}

/* One line: what steers a terminal or turns text around becomes a blank; a backslash before each of
 * special, "": none. */
static int
put_plain(struct ds_buf *out, const char *text, const char *special)
{
	int r = 0;

	for (size_t left = strlen(text), len; left > 0 && r == 0; text += len, left -= len) {
		size_t bad, good = ds_utf8_len((const uint8_t *)text, left, &bad);

		len = good > 0 ? good : bad;
		if (good == 0 || ds_utf8_is_control((const uint8_t *)text, good)) {
			r = put(out, " ");
			continue;
		}
		if (strchr(special, *text) != NULL)
			r = put(out, "\\");
		if (r == 0)
			r = ds_buf_put(out, text, good);
	}
	return r;
}

static int
put_json(struct ds_buf *out, json_t *doc)
{
	char *text = doc != NULL ? json_dumps(doc, JSON_COMPACT) : NULL;
	int r = text != NULL ? put(out, text) : -ENOMEM;

	free(text);
	return r;
}

static int
write_ecs(struct ds_buf *out, const json_t *record)
{
	return put_json(out, (json_t *)(uintptr_t)record);
}

static int
write_ocsf(struct ds_buf *out, const json_t *record)
{
	json_t *doc = siem_ocsf(record);
	int r = put_json(out, doc);

	json_decref(doc);
	return r;
}

/* ---- RFC 5424 */

/* A sentence of one line. */
static int
write_sentence(struct ds_buf *out, const json_t *record)
{
	const char *parts[] = { siem_text(record, "message"), siem_text(record, "event.reason") };
	int r = 0;

	for (size_t i = 0; i < DS_LEN(parts) && r == 0; i++) {
		if (i > 0 && *parts[i])
			r = put(out, ": ");
		if (r == 0)
			r = put_plain(out, parts[i], "");
	}
	return r;
}

/* In a value, ", \ and ] are preceded by a backslash (6.3.3). */
static int
put_param(struct ds_buf *out, const char *name, const char *value)
{
	int r = *value ? put(out, " ") : 0;

	if (*value == '\0' || r < 0)
		return r;
	r = put(out, name);
	if (r == 0)
		r = put(out, "=\"");
	if (r == 0)
		r = put_plain(out, value, "\"\\]");
	return r < 0 ? r : put(out, "\"");
}

static const struct {
	const char *name, *path;
	bool is_number;
} params[] = {
	{ "id", "event.id", false },
	{ "event", "daemonsec.event", false },
	{ "kind", "event.action", false },
	{ "status", "daemonsec.status", false },
	{ "severity", "log.level", false },
	{ "score", "event.risk_score", true },
	{ "host", "host.name", false },
	{ "daemon", "service.name", false },
	{ "count", "daemonsec.count", true },
	{ "exe", "process.executable", false },
	{ "pid", "process.pid", true },
	{ "user", "user.name", false },
	{ "src", "source.ip", false },
	{ "target", "daemonsec.reaction.target", false },
	{ "subject", "daemonsec.audit.subject", false },
	{ "url", "event.reference", false },
};

/* The number is the one that IANA keeps for documentation, until there is one of our own. */
static int
put_data(struct ds_buf *out, const json_t *record)
{
	int r = put(out, "[daemonsec@32473");

	for (size_t i = 0; i < DS_LEN(params) && r == 0; i++) {
		char text[24] = "";
		json_int_t n = params[i].is_number ? siem_number(record, params[i].path) : 0;

		if (n != 0)
			snprintf(text, sizeof(text), "%lld", (long long)n);
		r = put_param(out, params[i].name,
		    params[i].is_number ? text : siem_text(record, params[i].path));
	}
	return r < 0 ? r : put(out, "]");
}

/* Printable ASCII, at most max bytes, hyphens for blanks; "-" when nothing is left. */
static void
put_name(char *ret, size_t size, const char *text, size_t max)
{
	size_t n = 0;

	for (; *text && n < max && n + 1 < size; text++)
		if (*text >= ' ' && *text < 127)
			ret[n++] = *text == ' ' ? '-' : *text;
	ret[n] = '\0';
	if (n == 0)
		snprintf(ret, size, "-");
}

int
siem_syslog(struct ds_buf *out, const struct siem_form *form, const json_t *record, int process_id)
{
	/* notice, warning, error, critical */
	static const unsigned levels[] = { 5, 4, 3, 2 };
	unsigned level = levels[route_severity(siem_text(record, "log.level")) & 3];
	char head[600], host[256], kind[33], time[33];
	int r;

	put_name(host, sizeof(host), siem_text(record, "observer.hostname"), 255);
	put_name(kind, sizeof(kind), siem_text(record, "event.action"), 32);
	put_name(time, sizeof(time), siem_text(record, "@timestamp"), 32);
	snprintf(head, sizeof(head), "<%u>1 %s %s daemonsec %d %s ", FACILITY * 8 + level, time,
	    host, process_id, kind);
	r = put(out, head);
	if (r == 0)
		r = form->has_data ? put_data(out, record) : put(out, "-");
	if (r == 0)
		r = put(out, " ");
	return r < 0 ? r : form->write(out, record);
}

/* ---- CEF: in the header | and \ are escaped, in the extension = and \. */

static const struct {
	const char *key, *path, *label;
	bool is_number;
} extensions[] = {
	{ "externalId", "event.id", NULL, false },
	{ "dvchost", "observer.hostname", NULL, false },
	{ "dhost", "host.name", NULL, false },
	{ "sproc", "process.executable", NULL, false },
	{ "spid", "process.pid", NULL, true },
	{ "suser", "user.name", NULL, false },
	{ "src", "source.ip", NULL, false },
	{ "spt", "source.port", NULL, true },
	{ "act", "event.action", NULL, false },
	{ "outcome", "event.outcome", NULL, false },
	{ "reason", "event.reason", NULL, false },
	{ "request", "event.reference", NULL, false },
	{ "cnt", "daemonsec.count", NULL, true },
	{ "cs1", "service.name", "Daemon", false },
	{ "cs2", "daemonsec.status", "Status", false },
	{ "cs3", "process.command_line", "CommandLine", false },
	{ "cs4", "daemonsec.reaction.target", "Target", false },
	{ "cs5", "daemonsec.event", "Event", false },
	{ "cn1", "event.risk_score", "Score", true },
};

static int
put_extension(struct ds_buf *out, const char *key, const char *label, const char *value)
{
	char text[64];
	int r;

	if (*value == '\0')
		return 0;
	snprintf(text, sizeof(text), label != NULL ? " %sLabel=%s %s=" : " %s%.0s%.0s=", key,
	    label != NULL ? label : "", key);
	r = put(out, text);
	return r < 0 ? r : put_plain(out, value, "=\\");
}

static int
write_cef(struct ds_buf *out, const json_t *record)
{
	static const char *const severities[] = { "3", "5", "8", "10" };
	char time[24];
	uint64_t us = 0;
	int r = put(out, "CEF:0|DaemonSec|daemonsec-server|" PACKAGE_VERSION "|");

	if (r == 0)
		r = put_plain(out, siem_text(record, "event.action"), "|\\");
	if (r == 0)
		r = put(out, "|") < 0 ? -ENOBUFS
				      : put_plain(out, siem_text(record, "message"), "|\\");
	if (r == 0)
		r = put(out, "|") < 0
			? -ENOBUFS
			: put(out, severities[route_severity(siem_text(record, "log.level")) & 3]);
	if (ds_clock_parse(siem_text(record, "@timestamp"), &us) < 0)
		us = 0;
	snprintf(time, sizeof(time), "|rt=%llu", (unsigned long long)(us / 1000));
	if (r == 0)
		r = put(out, time);
	for (size_t i = 0; i < DS_LEN(extensions) && r == 0; i++) {
		json_int_t n =
		    extensions[i].is_number ? siem_number(record, extensions[i].path) : 0;
		char text[24] = "";

		if (n != 0)
			snprintf(text, sizeof(text), "%lld", (long long)n);
		r = put_extension(out, extensions[i].key, extensions[i].label,
		    extensions[i].is_number ? text : siem_text(record, extensions[i].path));
	}
	return r;
}

const struct siem_form siem_forms[] = {
	{ "auto", NULL, false },
	{ "rfc5424", write_sentence, true },
	{ "cef", write_cef, false },
	{ "ecs", write_ecs, false },
	{ "ocsf", write_ocsf, false },
};

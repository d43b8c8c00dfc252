/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siem_record - see siem_record.h; called by siem.c and its tests. */
#include "server/notify/siem_record.h"

#include "lib/clock.h"
#include "server/notify/clean.h"
#include "server/notify/route.h"

#include <stdlib.h>
#include <string.h>

#define ECS_VERSION "8.11.0"
#define PATH_MAX_   64u /* bytes of a dotted path */

/* ---- paths */

static json_t *
at_path(const json_t *doc, const char *path)
{
	char part[PATH_MAX_];

	while (doc != NULL && *path) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(part))
			return NULL;
		memcpy(part, path, len);
		part[len] = '\0';
		doc = json_object_get(doc, part);
		path += len + (path[len] == '.');
	}
	return (json_t *)(uintptr_t)doc;
}

const char *
siem_text(const json_t *record, const char *path)
{
	const char *text = json_string_value(at_path(record, path));

	return text != NULL ? text : "";
}

json_int_t
siem_number(const json_t *record, const char *path)
{
	return json_integer_value(at_path(record, path));
}

/* Puts value (taken) at a dotted path, making the objects on the way. */
static void
put(json_t *doc, const char *path, json_t *value)
{
	char part[PATH_MAX_];
	size_t len;

	while ((len = strcspn(path, ".")) < strlen(path) && len < sizeof(part)) {
		json_t *next;

		memcpy(part, path, len);
		part[len] = '\0';
		next = json_object_get(doc, part);
		if (!json_is_object(next)) {
			next = json_object();
			if (json_object_set_new(doc, part, next) < 0)
				break;
		}
		doc = next;
		path += len + 1;
	}
	json_object_set_new(doc, path, value);
}

static void
put_text(json_t *doc, const char *path, const char *text)
{
	if (text != NULL && *text != '\0')
		put(doc, path, clean_string(text));
}

static void
put_time(json_t *doc, const char *path, uint64_t us)
{
	char text[32];

	ds_clock_format(us, text, sizeof(text));
	put_text(doc, path, text);
}

/* What every document has. */
static json_t *
begin(const struct siem_origin *from, const char *kind, const char *dataset, uint64_t time_us)
{
	json_t *doc = json_object();

	if (doc == NULL)
		return NULL;
	put_time(doc, "@timestamp", time_us);
	put_text(doc, "ecs.version", ECS_VERSION);
	put_text(doc, "event.kind", kind);
	put_text(doc, "event.module", "daemonsec");
	put_text(doc, "event.dataset", dataset);
	put_text(doc, "observer.vendor", "DaemonSec");
	put_text(doc, "observer.product", "daemonsec-server");
	put_text(doc, "observer.version", PACKAGE_VERSION);
	put_text(doc, "observer.hostname", from->observer);
	put_text(doc, "host.id", from->host_id);
	put_text(doc, "host.name", from->host_name);
	return doc;
}

static void
put_link(json_t *doc, const struct siem_origin *from, const char *page, const char *id)
{
	size_t len = strlen(from->link);
	char text[512];

	while (len > 0 && from->link[len - 1] == '/')
		len--;
	if (len == 0)
		return;
	snprintf(text, sizeof(text), "%.*s/%s/%s", (int)len, from->link, page, id);
	put_text(doc, "event.reference", text);
}

/* ---- alerts */

/* How ECS counts: 1 low to 4 critical. */
static json_int_t
severity_number(const char *severity)
{
	return route_severity(severity) + 1;
}

/* What of the detector's document has a field of its own in ECS. */
static const struct {
	const char *ours, *field;
} moved[] = {
	{ "process.pid", "process.pid" },
	{ "process.executable", "process.executable" },
	{ "process.command_line", "process.command_line" },
	{ "process.user", "user.name" },
	{ "user", "user.name" },
	{ "source.ip", "source.ip" },
	{ "source.port", "source.port" },
	{ "peers", "daemonsec.peers" },
	{ "explanation", "daemonsec.explanation" },
	{ "rules", "daemonsec.rules" },
	{ "process.parents", "daemonsec.process_parents" },
};

static void
put_threat(json_t *doc, const json_t *threats)
{
	json_t *ids = json_array(), *names = json_array(), *t;
	size_t i;

	json_array_foreach(threats, i, t)
	{
		json_array_append_new(ids, json_string(siem_text(t, "id")));
		json_array_append_new(names, json_string(siem_text(t, "name")));
	}
	if (json_array_size(ids) == 0) {
		json_decref(ids);
		json_decref(names);
		return;
	}
	put_text(doc, "threat.framework", "MITRE ATT&CK");
	put(doc, "threat.technique.id", ids);
	put(doc, "threat.technique.name", names);
}

json_t *
siem_record_alert(const struct siem_origin *from, const char *event, const struct alert_row *row)
{
	json_t *doc = begin(from, "alert", "daemonsec.alert", row->last_us);
	json_t *rest = json_loads(row->json != NULL ? row->json : "{}", 0, NULL), *value;

	for (size_t i = 0; doc != NULL && i < DS_LEN(moved); i++)
		if ((value = at_path(rest, moved[i].ours)) != NULL && !json_is_null(value))
			put(doc, moved[i].field, json_incref(value));
	if (doc != NULL) {
		put_threat(doc, json_object_get(rest, "threat"));
		put_text(doc, "message", row->title);
		put_text(doc, "event.id", row->id);
		put_text(doc, "event.action", row->kind);
		put_text(doc, "event.reason", row->reason);
		put(doc, "event.severity", json_integer(severity_number(row->severity)));
		put(doc, "event.risk_score", json_integer(row->score));
		put_time(doc, "event.created", row->created_us);
		put_time(doc, "event.start", row->first_us);
		put_time(doc, "event.end", row->last_us);
		put_text(doc, "rule.name", row->kind);
		put_text(doc, "service.name", row->daemon);
		put_text(doc, "log.level", row->severity);
		put_text(doc, "daemonsec.event", event);
		put_text(doc, "daemonsec.status", row->status);
		put(doc, "daemonsec.count", json_integer((json_int_t)row->count));
		if (row->verdict != NULL && (value = json_loads(row->verdict, 0, NULL)) != NULL)
			put(doc, "daemonsec.verdict", value);
		put_link(doc, from, "alerts", row->id);
	}
	json_decref(rest);
	return doc;
}

/* ---- reactions, audit, notices */

json_t *
siem_record_reaction(const struct siem_origin *from, const struct reaction_row *row)
{
	json_t *doc = begin(from, "event", "daemonsec.reaction", row->updated_us);
	char text[512];

	if (doc == NULL)
		return NULL;
	snprintf(text, sizeof(text), "%.32s of %.300s: %.32s", row->kind, row->target, row->status);
	put_text(doc, "message", text);
	put_text(doc, "event.id", row->id);
	put_text(doc, "event.action", row->kind);
	put_text(doc, "event.reason", row->reason);
	put_text(doc, "event.outcome",
	    strcmp(row->status, "failed") == 0 ? "failure"
	    : strcmp(row->status, "verified") == 0 || strcmp(row->status, "undone") == 0
		? "success"
		: "unknown");
	put_time(doc, "event.created", row->created_us);
	put_text(doc, "service.name", row->daemon);
	put_text(doc, "user.name", row->by);
	put_text(doc, "log.level", strcmp(row->status, "failed") == 0 ? "high" : "low");
	put_text(doc, "daemonsec.event", "reaction");
	put_text(doc, "daemonsec.status", row->status);
	put_text(doc, "daemonsec.reaction.kind", row->kind);
	put_text(doc, "daemonsec.reaction.mode", row->mode);
	put_text(doc, "daemonsec.reaction.target", row->target);
	put_text(doc, "daemonsec.reaction.alert", row->alert_id);
	if (row->expires_us != 0)
		put_time(doc, "daemonsec.reaction.expires", row->expires_us);
	put_link(doc, from, "reactions", row->id);
	return doc;
}

json_t *
siem_record_audit(const struct siem_origin *from, const struct audit_row *row)
{
	json_t *doc = begin(from, "event", "daemonsec.audit", row->time_us), *detail;
	char text[400], id[32];

	if (doc == NULL)
		return NULL;
	snprintf(
	    text, sizeof(text), "%.100s: %.100s %.160s", row->actor, row->action, row->subject);
	snprintf(id, sizeof(id), "audit-%llu", (unsigned long long)row->number);
	put_text(doc, "message", text);
	put_text(doc, "event.id", id);
	put_text(doc, "event.action", row->action);
	put_time(doc, "event.created", row->time_us);
	put_text(doc, "user.name", row->actor);
	put_text(doc, "log.level", "low");
	put_text(doc, "daemonsec.event", "audit");
	put_text(doc, "daemonsec.audit.subject", row->subject);
	detail = row->detail != NULL ? json_loads(row->detail, JSON_DECODE_ANY, NULL) : NULL;
	if (detail != NULL)
		put(doc, "daemonsec.audit.detail", detail);
	else
		put_text(doc, "daemonsec.audit.detail", row->detail);
	return doc;
}

json_t *
siem_record_notice(
    const struct siem_origin *from, const char *kind, const char *text, uint64_t now_us)
{
	json_t *doc = begin(from, "event", "daemonsec.notice", now_us);
	char id[48];

	if (doc == NULL)
		return NULL;
	snprintf(id, sizeof(id), "%.16s-%llu", kind, (unsigned long long)now_us);
	put_text(doc, "message", text);
	put_text(doc, "event.id", id);
	put_text(doc, "event.action", kind);
	put_time(doc, "event.created", now_us);
	put_text(doc, "log.level", "low");
	put_text(doc, "daemonsec.event", kind);
	return doc;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siem_ocsf - a record as an event of the Open Cybersecurity Schema Framework, version 1.3.0. */
#include "lib/clock.h"
#include "server/notify/route.h"
#include "server/notify/siem_form.h"
#include "server/notify/siem_record.h"

#include <string.h>

/* What a word of ours is called there. */
struct term {
	const char *ours;
	json_int_t id;
	const char *theirs;
};

#define OTHER 99

static const struct term finding_activities[] = {
	{ "new", 1, "Create" },
	{ "closed", 3, "Close" },
	{ "", 2, "Update" },
};

/* What a reaction does, by the tactics of D3FEND. */
static const struct term remediations[] = {
	{ "block_ip", 1, "Isolate" },
	{ "block_port", 1, "Isolate" },
	{ "cut", 1, "Isolate" },
	{ "isolate", 1, "Isolate" },
	{ "freeze", 1, "Isolate" },
	{ "hold", 1, "Isolate" },
	{ "kill", 2, "Evict" },
	{ "restore_file", 3, "Restore" },
	{ "restart", 3, "Restore" },
	{ "", OTHER, "Other" },
};

static const struct term others[] = { { "", OTHER, "Other" } };
static const struct term unknown[] = { { "", 0, "Unknown" } };

static const struct term finding_states[] = {
	{ "open", 1, "New" },
	{ "acknowledged", 2, "In Progress" },
	{ "closed", 4, "Resolved" },
	{ "", OTHER, NULL },
};

static const struct term outcomes[] = {
	{ "success", 1, "Success" },
	{ "failure", 2, "Failure" },
	{ "", 0, "Unknown" },
};

static const struct term *
term_of(const struct term *terms, const char *ours)
{
	while (*terms->ours && strcmp(terms->ours, ours) != 0)
		terms++;
	return terms;
}

static json_int_t
milliseconds(const json_t *record, const char *path)
{
	uint64_t us = 0;

	return ds_clock_parse(siem_text(record, path), &us) < 0 ? 0 : (json_int_t)(us / 1000);
}

static void
put_text(json_t *doc, const char *key, const char *text)
{
	if (*text)
		json_object_set_new(doc, key, json_string(text));
}

static void
put_finding(json_t *doc, const json_t *record)
{
	json_t *info = json_object(), *attacks = json_array();
	const json_t *technique = json_object_get(json_object_get(record, "threat"), "technique");
	const json_t *id;
	size_t i;

	put_text(info, "uid", siem_text(record, "event.id"));
	put_text(info, "title", siem_text(record, "message"));
	put_text(info, "desc", siem_text(record, "event.reason"));
	put_text(info, "src_url", siem_text(record, "event.reference"));
	json_object_set_new(
	    info, "first_seen_time", json_integer(milliseconds(record, "event.start")));
	json_object_set_new(
	    info, "last_seen_time", json_integer(milliseconds(record, "event.end")));
	json_object_set_new(info, "analytic",
	    json_pack("{s:s, s:i, s:s}", "name", siem_text(record, "rule.name"), "type_id", 2,
		"type", "Behavioral"));
	json_array_foreach(json_object_get(technique, "id"), i, id)
	{
		const char *name =
		    json_string_value(json_array_get(json_object_get(technique, "name"), i));

		json_array_append_new(attacks, json_pack("{s:{s:s?, s:s?}}", "technique", "uid",
						   json_string_value(id), "name", name));
	}
	json_object_set_new(info, "attacks", attacks);
	json_object_set_new(doc, "finding_info", info);
	json_object_set_new(
	    doc, "risk_score", json_integer(siem_number(record, "event.risk_score")));
	json_object_set_new(doc, "count", json_integer(siem_number(record, "daemonsec.count")));
	json_object_set_new(doc, "is_alert", json_true());
}

static void
put_evidence(json_t *doc, const json_t *record)
{
	json_t *process = json_object(), *evidence = json_object();
	const char *exe = siem_text(record, "process.executable");

	if (siem_number(record, "process.pid") != 0)
		json_object_set_new(
		    process, "pid", json_integer(siem_number(record, "process.pid")));
	put_text(process, "cmd_line", siem_text(record, "process.command_line"));
	if (*exe)
		json_object_set_new(process, "file",
		    json_pack("{s:s, s:s, s:i}", "path", exe, "name",
			strrchr(exe, '/') != NULL ? strrchr(exe, '/') + 1 : exe, "type_id", 1));
	if (json_object_size(process) > 0)
		json_object_set(evidence, "process", process);
	if (*siem_text(record, "source.ip"))
		json_object_set_new(evidence, "src_endpoint",
		    json_pack("{s:s}", "ip", siem_text(record, "source.ip")));
	if (json_object_size(evidence) > 0)
		json_object_set_new(doc, "evidences", json_pack("[O]", evidence));
	json_decref(evidence);
	json_decref(process);
}

/* It wants to be told where a call came from; the log has who it was. */
static void
put_call(json_t *doc, const json_t *record)
{
	json_object_set_new(
	    doc, "api", json_pack("{s:s}", "operation", siem_text(record, "event.action")));
	json_object_set_new(
	    doc, "src_endpoint", json_pack("{s:s}", "svc_name", "daemonsec-server"));
}

static void
put_remediation(json_t *doc, const json_t *record)
{
	put_text(doc, "command_uid", siem_text(record, "event.id"));
}

/* By data set: the class, its category, what it calls what happened and what came of it. */
static const struct class
{
	const char *dataset;
	json_int_t class_uid, category_uid;
	const char *class_name;
	const struct term *activities, *states;
	const char *activity, *state; /* the fields that these are read from */
	void (*put)(json_t *doc, const json_t *record);
} classes[] = {
	{ "daemonsec.alert", 2004, 2, "Detection Finding", finding_activities, finding_states,
	    "daemonsec.event", "daemonsec.status", put_finding },
	{ "daemonsec.reaction", 7001, 7, "Remediation Activity", remediations, outcomes,
	    "event.action", "event.outcome", put_remediation },
	{ "daemonsec.audit", 6003, 6, "API Activity", others, unknown, "event.action", "",
	    put_call },
	{ "", 0, 0, "Base Event", others, unknown, "event.action", "", NULL },
};

static json_t *
begin(const json_t *record, const struct class *class)
{
	static const int severities[] = { 2, 3, 4, 5 };
	const struct term *did = term_of(class->activities, siem_text(record, class->activity));

	return json_pack("{s:I, s:s, s:I, s:I, s:s, s:I, s:I, s:i, s:s, s:{s:s, s:s, s:[s], "
			 "s:{s:s, s:s, s:s}}}",
	    "class_uid", class->class_uid, "class_name", class->class_name, "category_uid",
	    class->category_uid, "activity_id", did->id, "activity_name",
	    did->id == OTHER ? siem_text(record, class->activity) : did->theirs, "type_uid",
	    class->class_uid * 100 + did->id, "time", milliseconds(record, "@timestamp"),
	    "severity_id", severities[route_severity(siem_text(record, "log.level")) & 3],
	    "message", siem_text(record, "message"), "metadata", "version", "1.3.0", "uid",
	    siem_text(record, "event.id"), "profiles", "host", "product", "name",
	    "daemonsec-server", "vendor_name", "DaemonSec", "version", PACKAGE_VERSION);
}

/* Its number, and its word there; a word that it does not have, as it is. */
static void
put_state(json_t *doc, const json_t *record, const struct class *class)
{
	const char *ours = siem_text(record, class->state);
	const struct term *state = term_of(class->states, ours);

	json_object_set_new(doc, "status_id", json_integer(state->id));
	put_text(doc, "status", state->theirs != NULL ? state->theirs : ours);
	put_text(doc, "status_code", siem_text(record, "daemonsec.status"));
}

json_t *
siem_ocsf(const json_t *record)
{
	const char *dataset = siem_text(record, "event.dataset"), *user;
	const struct class *class = classes;
	json_t *doc;

	while (*class->dataset && strcmp(class->dataset, dataset) != 0)
		class ++;
	doc = begin(record, class);
	if (doc == NULL)
		return NULL;
	if (*siem_text(record, "host.name"))
		json_object_set_new(doc, "device",
		    json_pack("{s:s, s:s, s:i}", "hostname", siem_text(record, "host.name"), "uid",
			siem_text(record, "host.id"), "type_id", 1));
	user = siem_text(record, "user.name");
	if (*user)
		json_object_set_new(doc, "actor", json_pack("{s:{s:s}}", "user", "name", user));
	put_state(doc, record, class);
	if (class->put != NULL)
		class->put(doc, record);
	put_evidence(doc, record);
	/* What OCSF has no place for. */
	json_object_set(doc, "unmapped", json_object_get(record, "daemonsec"));
	return doc;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siem_ocsf - a record as an event of the Open Cybersecurity Schema Framework, version 1.3.0. */
#include "lib/clock.h"
#include "server/notify/route.h"
#include "server/notify/siem_form.h"
#include "server/notify/siem_record.h"

#include <string.h>

/* By data set: the class, its category, and what it calls what happened. */
static const struct {
	const char *dataset;
	json_int_t class_uid, category_uid;
	const char *class_name;
} classes[] = {
	{ "daemonsec.alert", 2004, 2, "Detection Finding" },
	{ "daemonsec.reaction", 7001, 7, "Remediation Activity" },
	{ "daemonsec.audit", 6003, 6, "API Activity" },
	{ "", 0, 0, "Base Event" },
};

/* Activities of a finding: 1 create, 2 update, 3 close; of the others: 99 other. */
static json_int_t
activity(const json_t *record, json_int_t class_uid)
{
	const char *event = siem_text(record, "daemonsec.event");

	if (class_uid != 2004)
		return class_uid == 0 ? 0 : 99;
	return strcmp(event, "new") == 0 ? 1 : strcmp(event, "closed") == 0 ? 3 : 2;
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

static json_t *
begin(const json_t *record, json_int_t class_uid, json_int_t category_uid, const char *name)
{
	static const int severities[] = { 2, 3, 4, 5 };
	json_int_t did = activity(record, class_uid);

	return json_pack(
	    "{s:I, s:s, s:I, s:I, s:I, s:I, s:i, s:s, s:{s:s, s:s, s:{s:s, s:s, s:s}}}",
	    "class_uid", class_uid, "class_name", name, "category_uid", category_uid, "activity_id",
	    did, "type_uid", class_uid * 100 + did, "time", milliseconds(record, "@timestamp"),
	    "severity_id", severities[route_severity(siem_text(record, "log.level")) & 3],
	    "message", siem_text(record, "message"), "metadata", "version", "1.3.0", "uid",
	    siem_text(record, "event.id"), "product", "name", "daemonsec-server", "vendor_name",
	    "DaemonSec", "version", PACKAGE_VERSION);
}

json_t *
siem_ocsf(const json_t *record)
{
	const char *dataset = siem_text(record, "event.dataset");
	size_t i = 0;
	json_t *doc;

	while (*classes[i].dataset && strcmp(classes[i].dataset, dataset) != 0)
		i++;
	doc = begin(record, classes[i].class_uid, classes[i].category_uid, classes[i].class_name);
	if (doc == NULL)
		return NULL;
	if (*siem_text(record, "host.name"))
		json_object_set_new(doc, "device",
		    json_pack("{s:s, s:s, s:i}", "hostname", siem_text(record, "host.name"), "uid",
			siem_text(record, "host.id"), "type_id", 1));
	if (*siem_text(record, "user.name"))
		json_object_set_new(doc, "actor",
		    json_pack("{s:{s:s}}", "user", "name", siem_text(record, "user.name")));
	put_text(doc, "status", siem_text(record, "daemonsec.status"));
	if (classes[i].class_uid == 2004)
		put_finding(doc, record);
	put_evidence(doc, record);
	/* What OCSF has no place for. */
	json_object_set(doc, "unmapped", json_object_get(record, "daemonsec"));
	return doc;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/record.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *
parse(const char *was)
{
	json_t *doc = json_loads(was, 0, NULL);

	if (json_is_object(doc))
		return doc;
	json_decref(doc);
	return json_object();
}

static void
put_text(json_t *doc, const char *key, const char *text)
{
	/* What is no UTF-8 is left out: jansson takes nothing else. */
	if (*text)
		json_object_set_new(doc, key, json_string(text));
}

/* Takes the document. */
static void
write(char ret[RECORD_MAX], json_t *doc)
{
	size_t len = json_dumpb(doc, ret, RECORD_MAX - 1, JSON_COMPACT);

	if (len == 0 || len >= RECORD_MAX) {
		json_object_del(doc, "evidence");
		json_object_set_new(doc, "evidence_left_out", json_true());
		len = json_dumpb(doc, ret, RECORD_MAX - 1, JSON_COMPACT);
	}
	if (len == 0 || len >= RECORD_MAX)
		len = (size_t)snprintf(ret, RECORD_MAX, "{}");
	ret[len] = '\0';
	json_decref(doc);
}

void
record_note(char ret[RECORD_MAX], const char *note, bool waits_for_approval)
{
	json_t *doc = json_object();

	put_text(doc, "note", note);
	if (waits_for_approval)
		json_object_set_new(doc, "needs_approval", json_true());
	write(ret, doc);
}

bool
record_waits_for_approval(const char *record)
{
	json_t *doc = parse(record);
	bool waits = json_is_true(json_object_get(doc, "needs_approval"));

	json_decref(doc);
	return waits;
}

void
record_undo(char ret[RECORD_MAX], const char *was, const char *who, const char *text)
{
	json_t *doc = parse(was);

	json_object_del(doc, "needs_approval");
	put_text(doc, "undo_by", who);
	put_text(doc, "text", text);
	write(ret, doc);
}

bool
record_undo_is_asked(const char *record)
{
	json_t *doc = parse(record);
	bool asked = json_is_string(json_object_get(doc, "undo_by"));

	json_decref(doc);
	return asked;
}

void
record_undo_failed(char ret[RECORD_MAX], const char *was)
{
	json_t *doc = parse(was);

	json_object_del(doc, "undo_by");
	write(ret, doc);
}

void
record_result(char ret[RECORD_MAX], const char *was, const struct ds_result *result)
{
	json_t *doc = parse(was), *evidence;

	put_text(doc, "outcome", ds_outcome_name(result->outcome));
	put_text(doc, "text", result->text);
	json_object_set_new(doc, "verified", json_boolean(result->is_verified));
	if (result->error > 0)
		json_object_set_new(doc, "errno", json_integer(result->error));
	if (result->took_us > 0 && result->took_us < (uint64_t)1 << 53)
		json_object_set_new(doc, "took_us", json_integer((json_int_t)result->took_us));
	evidence = result->evidence_size > 0
		       ? json_loadb(result->evidence, result->evidence_size, 0, NULL)
		       : NULL;
	if (json_is_object(evidence))
		json_object_set(doc, "evidence", evidence);
	json_decref(evidence);
	write(ret, doc);
}

bool
record_signed_anew(char ret[RECORD_MAX], const char *was)
{
	json_t *doc = parse(was);
	bool first = !json_is_true(json_object_get(doc, "signed_anew"));

	json_object_set_new(doc, "signed_anew", json_true());
	write(ret, doc);
	return first;
}

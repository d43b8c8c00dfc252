/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/alerts.h"

#include "server/detect/grow.h"
#include "server/detect/key.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDINGS_MAX 1000u      /* rows kept an alert */
#define DOCUMENT_MAX (4u << 20) /* bytes */

/* An alert read from the store, with texts of its own. */
struct held_alert {
	struct alert_row row;
	bool found;
};

static void
held_done(struct held_alert *h)
{
	const char **texts[] = { &h->row.id, &h->row.key, &h->row.daemon, &h->row.kind,
		&h->row.status, &h->row.severity, &h->row.title, &h->row.reason, &h->row.json,
		&h->row.verdict, &h->row.assignee };

	for (size_t i = 0; h->found && i < DS_LEN(texts); i++) {
		union {
			const char *borrowed;
			char *owned;
		} text = { *texts[i] };

		free(text.owned);
	}
	*h = (struct held_alert){ 0 };
}

static int
hold(const struct alert_row *row, void *ctx)
{
	struct held_alert *h = ctx;
	const char **texts[] = { &h->row.id, &h->row.key, &h->row.daemon, &h->row.kind,
		&h->row.status, &h->row.severity, &h->row.title, &h->row.reason, &h->row.json,
		&h->row.verdict, &h->row.assignee };
	bool lost = false;

	h->row = *row;
	h->found = true;
	for (size_t i = 0; i < DS_LEN(texts); i++) {
		if (*texts[i] == NULL)
			continue;
		*texts[i] = strdup(*texts[i]);
		lost |= *texts[i] == NULL;
	}
	return lost ? -ENOMEM : 1;
}

/* 1 and the alert of the group that is not closed, 0, -errno. */
static int
find_open(const struct store_backend *backend, struct store *store, const char *key,
    struct held_alert *ret)
{
	int r;

	*ret = (struct held_alert){ 0 };
	r = backend->alert_by_key(store, key, hold, ret);
	if (r < 0) {
		held_done(ret);
		return r;
	}
	return ret->found;
}

/* alr_ and a ULID whose random part comes from the finding: the same finding, the same id. */
static void
make_id(const struct finding *f, uint64_t now_us, char ret[40])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint64_t ms = now_us / 1000, rest[2] = { key_hash(11, f->id, strlen(f->id)),
		key_hash(12, f->id, strlen(f->id)) };
	char *at = ret + 4;

	memcpy(ret, "alr_", 4);
	for (int shift = 45; shift >= 0; shift -= 5)
		*at++ = digits[ms >> shift & 31];
	for (int i = 0; i < 16; i++)
		*at++ = digits[rest[i / 8] >> (5 * (i % 8)) & 31];
	*at = '\0';
}

static int
begin_alert(const struct store_backend *backend, struct store *store, uint32_t host,
    const struct finding *f, uint64_t now_us, char id[40])
{
	struct alert_row row = {
		.key = f->group,
		.host = host,
		.daemon = f->daemon,
		.kind = f->kind,
		.status = f->notice ? "acknowledged" : "open",
		.severity = f->severity,
		.title = f->title,
		.reason = f->reason,
		.score = (int)(f->score + 0.5),
		.created_us = now_us,
		.updated_us = now_us,
		.first_us = f->time_us,
		.last_us = f->time_us,
		.count = f->count,
		.json = f->json != NULL ? f->json : "{}",
	};

	make_id(f, now_us, id);
	row.id = id;
	return backend->alert_put(store, &row);
}

static int
rank(const char *severity)
{
	static const char *const ranks[] = { "low", "medium", "high", "critical" };

	for (size_t i = 0; severity != NULL && i < DS_LEN(ranks); i++)
		if (strcmp(ranks[i], severity) == 0)
			return (int)i;
	return -1;
}

/* The first score stays; how grave it is may become clear later. */
static int
grow_alert(const struct store_backend *backend, struct store *store, struct alert_row *row,
    const struct finding *f, uint64_t now_us)
{
	struct alert_row grown = *row;
	struct ds_buf json;
	int r;

	ds_buf_init(&json, DOCUMENT_MAX);
	r = grow_document(
	    row->json != NULL ? row->json : "{}", f->json != NULL ? f->json : "{}", &json);
	if (r == -ENOMEM)
		goto done;
	if (r > 0)
		grown.json = (const char *)json.data; /* else it stays as it is */
	grown.count += f->count;
	if (rank(f->severity) > rank(grown.severity))
		grown.severity = f->severity;
	grown.updated_us = now_us;
	if (f->time_us < grown.first_us)
		grown.first_us = f->time_us;
	if (f->time_us > grown.last_us)
		grown.last_us = f->time_us;
	r = backend->alert_put(store, &grown);
done:
	ds_buf_done(&json);
	return r;
}

static int
put_finding(const struct store_backend *backend, struct store *store, uint32_t host,
    const struct finding *f, const char *alert_id)
{
	const struct finding_row row = {
		.id = f->id,
		.alert_id = alert_id,
		.host = host,
		.daemon = f->daemon,
		.kind = f->kind,
		.json = f->json != NULL ? f->json : "{}",
		.time_us = f->time_us,
		.score = f->score,
	};

	return backend->finding_put(store, &row);
}

static int
apply_one(const struct store_backend *backend, struct store *store, uint32_t host,
    struct finding *f, uint64_t now_us, bool once)
{
	struct held_alert open;
	char id[40];
	int r;

	f->alert_id[0] = '\0'; /* a transaction before may have failed, or only half of it */
	r = find_open(backend, store, f->group, &open);
	if (r < 0)
		return r;
	if (open.found ? once : f->joins) {
		held_done(&open);
		return 0;
	}
	if (open.found)
		snprintf(id, sizeof(id), "%s", open.row.id);
	else
		make_id(f, now_us, id);
	/* Past that many an alert only counts: nothing that somebody can repeat grows.  A batch
	 * resent after a crash may then count twice, which nobody minds at such numbers. */
	r = open.found && open.row.count > FINDINGS_MAX ? 1
							: put_finding(backend, store, host, f, id);
	if (r == 1 && open.found)
		r = grow_alert(backend, store, &open.row, f, now_us);
	else if (r == 1)
		r = begin_alert(backend, store, host, f, now_us, id);
	else {
		held_done(&open);
		return r;
	}
	snprintf(f->alert_id, sizeof(f->alert_id), "%s", id);
	f->is_new_alert = !open.found;
	held_done(&open);
	return r < 0 ? r : 1;
}

int
alerts_raise_once(const struct store_backend *backend, struct store *store, uint32_t host,
    struct finding *finding, uint64_t now_us)
{
	return apply_one(backend, store, host, finding, now_us, true);
}

static bool
is_one_of(const char *s, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, s) == 0)
			return true;
	return false;
}

static bool
unhex(const char *hex, struct key *ret)
{
	size_t len = strlen(hex);

	if (len % 2 != 0 || len / 2 > KEY_MAX || len == 0)
		return false;
	for (ret->size = 0; ret->size < len / 2; ret->size++) {
		const char digits[3] = { hex[2 * ret->size], hex[2 * ret->size + 1], '\0' };
		char *end;

		ret->data[ret->size] = (uint8_t)strtoul(digits, &end, 16);
		if (*end != '\0')
			return false;
	}
	return true;
}

/* What the alert is about becomes part of what is normal. */
static int
learn(const struct store_backend *backend, struct store *store, const struct alert_row *row,
    bool expires, uint64_t now_us)
{
	json_t *doc = json_loads(row->json != NULL ? row->json : "{}", 0, NULL), *one;
	json_t *list = json_object_get(doc, "behaviours");
	size_t i;
	int r = 0, n = 0;

	json_array_foreach(list, i, one)
	{
		const char *hex = json_string_value(json_object_get(one, "key"));
		struct profile_row learnt = { .host = row->host,
			.daemon = row->daemon,
			.kind = (uint8_t)json_integer_value(json_object_get(one, "kind")),
			/* Accepted by a person: no singleton. */
			.count = row->count < 2 ? 2 : row->count,
			.first_us = row->first_us,
			.last_us = now_us,
			.learnt = true };
		struct key key;

		if (hex == NULL || !unhex(hex, &key) || r < 0 ||
		    (expires && learnt.kind != DS_EVENT_LOGIN))
			continue;
		learnt.key = key.data;
		learnt.key_size = key.size;
		r = backend->profile_put(store, &learnt);
		n++;
	}
	json_decref(doc);
	return r < 0 ? r : n > 0;
}

static char *
verdict_document(const struct alert_change *change, uint64_t now_us)
{
	json_t *doc = json_pack("{s:s, s:s?, s:s?, s:I}", "verdict", change->verdict, "by",
	    change->by, "note", change->note, "time_us", (json_int_t)now_us);
	char *text = doc != NULL ? json_dumps(doc, JSON_COMPACT) : NULL;

	json_decref(doc);
	return text;
}

/* A note goes into the document, so that one reads why it was closed, or who has it and why. */
static char *
noted_document(const char *was, const struct alert_change *change, uint64_t now_us)
{
	json_t *doc = json_loads(was != NULL ? was : "{}", 0, NULL);
	json_t *notes = json_object_get(doc, "notes");
	char *text;

	if (notes == NULL && json_object_set_new(doc, "notes", json_array()) == 0)
		notes = json_object_get(doc, "notes");
	if (json_array_size(notes) < ALERTS_LIST_MAX)
		json_array_append_new(
		    notes, json_pack("{s:s?, s:s?, s:s?, s:s*, s:I}", "by", change->by, "status",
			       change->status, "note", change->note, "assignee", change->assignee,
			       "time_us", (json_int_t)now_us));
	/* Numbers as they were said: findings are compared with what is there. */
	text = json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(doc);
	return text;
}

static bool
is_accepted(const struct alert_change *change)
{
	return change->verdict != NULL && strcmp(change->verdict, "true_positive") != 0;
}

static int
change_row(const struct store_backend *backend, struct store *store, const struct alert_row *was,
    const struct alert_change *change, uint64_t now_us)
{
	struct alert_row row = *was;
	char *verdict = NULL, *json = NULL;
	int r = -ENOMEM;

	row.updated_us = now_us;
	if (change->status != NULL)
		row.status = change->status;
	else if (is_accepted(change))
		row.status = "closed"; /* what is normal needs nobody's attention any more */
	if (change->verdict != NULL) {
		verdict = verdict_document(change, now_us);
		if (verdict == NULL)
			goto fail;
		row.verdict = verdict;
	}
	if (change->assignee != NULL)
		row.assignee = change->assignee;
	if (change->note != NULL || change->assignee != NULL) {
		json = noted_document(was->json, change, now_us);
		if (json == NULL)
			goto fail;
		row.json = json;
	}
	r = backend->alert_put(store, &row);
	if (r >= 0 && is_accepted(change))
		r = learn(backend, store, &row, change->expires, now_us);
fail:
	free(verdict);
	free(json);
	return r;
}

int
alerts_change(const struct store_backend *backend, struct store *store, const struct alert_row *row,
    const struct alert_change *change, uint64_t now_us)
{
	static const char *const statuses[] = { "open", "acknowledged", "closed", NULL };
	static const char *const verdicts[] = { "true_positive", "false_positive",
		"benign_expected", NULL };
	struct held_alert open;
	int r;

	if ((change->status != NULL && !is_one_of(change->status, statuses)) ||
	    (change->verdict != NULL && !is_one_of(change->verdict, verdicts)))
		return -EINVAL;
	r = find_open(backend, store, row->key, &open);
	if (r < 0)
		return r;
	/* A closed alert does not grow: what the reader had is what there is. */
	if (open.found && strcmp(open.row.id, row->id) == 0)
		row = &open.row;
	r = change_row(backend, store, row, change, now_us);
	held_done(&open);
	return r;
}

int
alerts_close_group(const struct store_backend *backend, struct store *store, uint32_t host,
    const char *group, const char *note, uint64_t now_us)
{
	const struct alert_change change = { .status = "closed", .by = "server", .note = note };
	struct held_alert open;
	int r;

	r = find_open(backend, store, group, &open);
	if (r <= 0)
		return r;
	r = open.row.host == host ? change_row(backend, store, &open.row, &change, now_us) : 0;
	if (r == 0)
		r = 1;
	held_done(&open);
	return r;
}

int
alerts_apply(const struct store_backend *backend, struct store *store, uint32_t host,
    struct finding *findings, size_t len, uint64_t now_us)
{
	int n = 0;

	for (size_t i = 0; i < len; i++) {
		struct finding *f = &findings[i];
		int r;

		if (f->closes)
			r = alerts_close_group(backend, store, host, f->group, f->reason, now_us);
		else
			r = apply_one(backend, store, host, f, now_us, false);
		if (r < 0)
			return r;
		n += r;
	}
	return n;
}

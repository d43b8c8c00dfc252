/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alerts - alerts in the shape of the contract, and what people say about them.
 *
 * On the pool's threads; owns nothing.  The detector keeps explanation, peers, process and threat
 * as one JSON object with each alert; its members become members of ours.
 */
#include "server/detect/alerts.h"

#include "lib/clock.h"
#include "server/api/access.h"
#include "server/api/alerts.h"
#include "server/api/caller.h"
#include "server/api/expect.h"
#include "server/api/reactions.h"
#include "server/api/state.h"
#include "server/fleet/fleet.h"
#include "server/react/react.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_MAX 2000u /* bytes */

/* Members that an alert always has, for those that its detector did not write. */
static const struct {
	const char *key, *fallback;
} document_members[] = {
	{ "threat", "[]" },
	{ "explanation", "[]" },
	{ "peers", "{\"seen\":0,\"of\":0}" },
	{ "process", "null" },
};

static bool
is_ours(const char *key)
{
	static const char *const ours[] = { "id", "created", "updated", "status", "severity",
		"score", "kind", "title", "reason", "host", "daemon", "count", "first_seen",
		"last_seen", "verdict", "reactions", "assignee" };

	for (size_t i = 0; i < DS_LEN(ours); i++)
		if (strcmp(ours[i], key) == 0)
			return true;
	return false;
}

static void
put_document(struct ds_json *j, const char *text)
{
	json_t *doc = text != NULL && *text ? json_loads(text, 0, NULL) : NULL, *value;
	const char *key;

	for (size_t i = 0; i < DS_LEN(document_members); i++) {
		key = document_members[i].key;
		if (json_object_get(doc, key) != NULL)
			continue;
		ds_json_key(j, key);
		ds_json_raw(j, document_members[i].fallback, strlen(document_members[i].fallback));
	}
	json_object_foreach(doc, key, value)
	{
		char *raw = is_ours(key) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		if (raw == NULL)
			continue;
		ds_json_key(j, key);
		ds_json_raw(j, raw, strlen(raw));
		free(raw);
	}
	json_decref(doc);
}

static void
put_verdict(struct ds_json *j, const char *text)
{
	json_t *v = text != NULL && *text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	ds_json_key(j, "verdict");
	if (v != NULL)
		ds_json_raw(j, text, strlen(text));
	else
		ds_json_null(j);
	json_decref(v);
}

struct daemon_id {
	const char *name;
	uint64_t number;
};

static int
see_daemon(const struct daemon_row *row, void *ctx)
{
	struct daemon_id *d = ctx;

	if (strcmp(row->name, d->name) != 0)
		return 0;
	d->number = row->number;
	return 1;
}

static void
put_daemon(struct call *c, uint32_t host, const char *name)
{
	struct daemon_id d = { name, 0 };
	char id[32];
	int r = name != NULL && *name
		    ? c->cfg->backend->each_daemon(c->worker->reader, host, see_daemon, &d)
		    : 0;

	ds_json_key(&c->json, "daemon");
	ds_json_object(&c->json);
	snprintf(id, sizeof(id), "dmn_%llu", (unsigned long long)d.number);
	ds_json_put_string(&c->json, "id", r == 1 ? id : NULL);
	ds_json_put_string(&c->json, "name", name);
	ds_json_end(&c->json);
}

void
alerts_put(struct call *c, const struct alert_row *row)
{
	struct ds_json *j = &c->json;

	ds_json_object(j);
	ds_json_put_string(j, "id", row->id);
	ds_json_put_time(j, "created", row->created_us);
	ds_json_put_time(j, "updated", row->updated_us);
	ds_json_put_string(j, "status", row->status);
	ds_json_put_string(j, "severity", row->severity);
	ds_json_put_int(j, "score", row->score);
	ds_json_put_string(j, "kind", row->kind);
	ds_json_put_string(j, "title", row->title);
	ds_json_put_string(j, "reason", row->reason);
	call_put_host(c, "host", row->host);
	put_daemon(c, row->host, row->daemon);
	ds_json_put_uint(j, "count", row->count);
	ds_json_put_time(j, "first_seen", row->first_us);
	ds_json_put_time(j, "last_seen", row->last_us);
	put_document(j, row->json);
	reactions_put_of_alert(c, row->id);
	put_verdict(j, row->verdict);
	ds_json_put_string(
	    j, "assignee", row->assignee != NULL && *row->assignee ? row->assignee : NULL);
	ds_json_end(j);
}

static int
show_alert(const struct alert_row *row, void *ctx)
{
	alerts_put(ctx, row);
	return 0;
}

static void
show(struct call *c)
{
	int r = c->cfg->backend->alert_get(c->worker->reader, c->id, show_alert, c);

	if (r < 0)
		call_error(c, r, "cannot read the alert");
	else if (c->out->len == 0)
		call_problem(c, 404, "not-found", "there is no alert \"%s\"", c->id);
}

void
alerts_show(struct call *c)
{
	show(c);
}

/* ---- changing */

struct change {
	struct call *c;
	struct alert_change what;
	bool found, of_login;
	int result;
	/* kept by the callback: the row is the reader's only during the call */
	uint32_t host;
	char daemon[DS_DAEMON_MAX + 1];
	const struct store_backend *backend;
	struct store *store;
	struct undo_list undo;       /* what was done because of it, when that was wrong */
	const struct expect *expect; /* what a verdict makes expected; NULL: nothing */
};

static int
change_row(const struct alert_row *row, void *ctx)
{
	struct change *ch = ctx;

	ch->found = true;
	ch->host = row->host;
	ch->of_login = strcmp(row->kind, "login") == 0;
	snprintf(ch->daemon, sizeof(ch->daemon), "%s", row->daemon ? row->daemon : "");
	ch->result = alerts_change(ch->backend, ch->store, row, &ch->what, ds_clock_wall_us());
	return 0;
}

/* On the writer's thread, while the pool thread that owns the reader waits for it. */
static int
change_alert(const struct store_backend *backend, struct store *store, void *ctx)
{
	struct change *ch = ctx;
	int r;

	ch->backend = backend;
	ch->store = store;
	r = backend->alert_get(ch->c->worker->reader, ch->c->id, change_row, ch);
	if (r < 0)
		return r;
	if (!ch->found || ch->result < 0)
		return ch->found ? ch->result : -ENOENT;
	r = undo_run(backend, store, &ch->undo);
	if (r == 0 && ch->expect != NULL)
		r = expect_store(backend, store, ch->expect, ch->what.verdict, ch->what.by,
		    ch->what.note, ds_clock_wall_us());
	if (r == 0)
		r = undo_restarts(backend, store, &ch->undo);
	return r < 0 ? r : ch->result;
}

/* A wrong alert: what was done because of it is taken back in the same step. */
static bool
collect_undo(struct call *c, const char *verdict, struct undo_list *ret)
{
	int r;

	*ret = (struct undo_list){ .who = c->caller->name };
	if (verdict == NULL || strcmp(verdict, "true_positive") == 0 || c->cfg->react == NULL)
		return true;
	ret->by = react_issuer(c->cfg->react);
	r = undo_collect_alert(c, c->id, ret);
	if (r < 0)
		call_error(c, r, "cannot read what was done because of it");
	return r >= 0;
}

static void
tell_changed(struct call *c, const struct change *ch)
{
	if (ch->result == 1 && c->cfg->ingest != NULL)
		ingest_forget(c->cfg->ingest, ch->host, ch->daemon);
	if ((ch->result == 1 || ch->expect != NULL || ch->what.verdict != NULL) &&
	    c->cfg->fleet != NULL)
		fleet_forget(c->cfg->fleet, ch->host, ch->daemon);
	if (ch->of_login && c->cfg->fleet != NULL && ch->what.status != NULL &&
	    strcmp(ch->what.status, "closed") == 0)
		fleet_login_closed(c->cfg->fleet);
	if (c->cfg->react != NULL)
		undo_kick(c, &ch->undo);
}

static void
change(struct call *c, const struct alert_change *what, const struct expect *expect)
{
	struct change *ch;
	const char *note;
	int r;

	if (!call_text(c, "note", NULL, NOTE_MAX, &note))
		return;
	ch = calloc(1, sizeof(*ch));
	if (ch == NULL) {
		call_error(c, -ENOMEM, "the alert was not changed");
		return;
	}
	ch->c = c;
	ch->what = *what;
	ch->what.by = c->caller->name;
	ch->what.note = note;
	ch->what.expires = expect != NULL && expect->expires_us != 0;
	ch->expect = expect;
	if (collect_undo(c, what->verdict, &ch->undo)) {
		r = call_write(c, change_alert, ch);
		if (r == -ENOENT) {
			call_problem(c, 404, "not-found", "there is no alert \"%s\"", c->id);
		} else if (r < 0) {
			call_error(c, r, "the alert was not changed");
		} else {
			tell_changed(c, ch);
			show(c);
		}
	}
	undo_list_done(&ch->undo);
	free(ch);
}

void
alerts_ack(struct call *c)
{
	change(c, &(struct alert_change){ .status = "acknowledged" }, NULL);
}

void
alerts_close(struct call *c)
{
	change(c, &(struct alert_change){ .status = "closed" }, NULL);
}

void
alerts_note(struct call *c)
{
	const char *note;

	if (!call_text(c, "note", "", NOTE_MAX, &note))
		return;
	if (*note == '\0')
		call_problem(c, 400, "body", "note: expected a text");
	else
		change(c, &(struct alert_change){ 0 }, NULL);
}

/* {"assignee": NAME}, or null: nobody. */
void
alerts_assign(struct call *c)
{
	struct access_user user;
	const char *name;

	if (!call_text(c, "assignee", "", CALLER_NAME_MAX, &name))
		return;
	if (json_object_get(c->body, "assignee") == NULL)
		call_problem(c, 400, "body", "assignee: expected a name, or null for nobody");
	else if (*name != '\0' &&
		 (!access_user(api_access(c->worker->api), name, &user) || user.disabled))
		call_problem(c, 409, "conflict", "there is no user \"%s\" who could sign in", name);
	else
		change(c, &(struct alert_change){ .assignee = name }, NULL);
}

static int
list_assignee(const struct user_row *row, void *ctx)
{
	struct call *c = ctx;

	if (row->disabled || !call_page_has(c, row->name))
		return 0;
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "name", row->name);
	ds_json_put_string(&c->json, "role", row->role);
	ds_json_end(&c->json);
	return 0;
}

/* Names alone: who may assign need not see all there is about people. */
void
alerts_assignees(struct call *c)
{
	int r;

	if (!call_begin_page(c))
		return;
	r = c->cfg->backend->access->each_user(c->worker->reader, list_assignee, c);
	if (r < 0)
		call_error(c, r, "cannot read the users");
	else
		call_end_page(c);
}

/* Accepted: expected from now on, at the scope asked for. */
static void
accept(struct call *c, const char *verdict)
{
	struct expect *e = calloc(1, sizeof(*e));

	if (e == NULL)
		call_error(c, -ENOMEM, "the alert was not changed");
	else if (expect_read(c, e) && expect_load(c, e)) {
		if (e->preview)
			expect_preview(c, e);
		else if (!e->has_behaviours && strcmp(e->scope, "host") != 0)
			call_problem(c, 409, "conflict",
			    "the alert is not about a behaviour that could be expected elsewhere");
		else
			change(c, &(struct alert_change){ .verdict = verdict },
			    e->has_behaviours ? e : NULL);
	}
	free(e);
}

void
alerts_verdict(struct call *c)
{
	const char *v;

	if (!call_text(c, "verdict", "", 40, &v))
		return;
	if (strcmp(v, "true_positive") == 0)
		change(c, &(struct alert_change){ .verdict = v }, NULL);
	else if (strcmp(v, "false_positive") == 0 || strcmp(v, "benign_expected") == 0)
		accept(c, v);
	else
		call_problem(c, 400, "body",
		    "verdict: expected true_positive, false_positive or benign_expected");
}

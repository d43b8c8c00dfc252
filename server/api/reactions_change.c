/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reactions_change - taking back, approving, and stopping all automation at once. */
#include "lib/clock.h"
#include "server/api/caller.h"
#include "server/api/reactions.h"
#include "server/react/react.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
reactions_possible(struct call *c)
{
	if (c->cfg->react == NULL)
		call_problem(c, 503, "busy", "nothing reacts here");
	return c->cfg->react != NULL;
}

/* ---- taking back */

#define UNDO_FEW 8u /* more want a session's password again */

static int
collect(const struct reaction_row *row, void *ctx)
{
	struct undo_list *list = ctx;
	void *grown;

	if (strcmp(row->status, "pending") != 0 && strcmp(row->status, "sent") != 0 &&
	    strcmp(row->status, "applied") != 0 && strcmp(row->status, "verified") != 0)
		return 0;
	if (list->len == REACTIONS_UNDO_MAX)
		return -E2BIG;
	if ((list->len & (list->len - 1)) == 0) { /* a power of two: full */
		grown = realloc(list->items, DS_MAX(1, list->len * 2) * sizeof(*list->items));
		if (grown == NULL)
			return -ENOMEM;
		list->items = grown;
	}
	list->items[list->len].result = 0;
	snprintf(list->items[list->len].id, sizeof(list->items->id), "%s", row->id);
	list->items[list->len++].host = row->host;
	return 0;
}

/* What nobody asked for is not taken back by the heap, nor is what is done once and for all. */
static int
collect_lasting(const struct reaction_row *row, void *ctx)
{
	const struct react_kind *kind = react_kind_find(row->kind);
	bool is_waiting = strcmp(row->status, "pending") == 0;

	if (kind != NULL && (kind->is_ours || !(kind->is_lasting || kind->is_here || is_waiting)))
		return 0;
	return collect(row, ctx);
}

int
undo_collect(struct call *c, const struct reaction_filter *f, struct undo_list *ret)
{
	/* Of one incident, or one kind, people are told also what cannot be undone. */
	bool is_named = f->alert_id != NULL || f->kind != NULL;

	return c->cfg->backend->reactions->each(
	    c->worker->reader, f, is_named ? collect : collect_lasting, ret);
}

static bool
is_program_of(const char *exe, const char *daemon)
{
	const char *slash = strrchr(exe, '/');

	return slash != NULL && strcmp(slash + 1, daemon) == 0;
}

/* Whether what was killed was the daemon itself, as the order says, or as its host found. */
static bool
was_the_daemon(const struct reaction_row *row, const char *daemon)
{
	json_t *doc = json_loads(row->result, 0, NULL);
	const char *exe =
	    json_string_value(json_object_get(json_object_get(doc, "evidence"), "exe"));
	struct react_args killed;
	bool was = exe != NULL && is_program_of(exe, daemon);

	if (exe == NULL && react_args_get(row->args, &killed) == 0)
		was = is_program_of(killed.exe, daemon);
	json_decref(doc);
	return was;
}

/* A process that was killed: its daemon lost it. */
static int
see_kill(const struct reaction_row *row, void *ctx)
{
	struct issue_plan *p = ctx;
	const struct react_args none = { 0 };

	if (p->kind != NULL || strcmp(row->kind, "kill") != 0 ||
	    (strcmp(row->status, "verified") != 0 && strcmp(row->status, "applied") != 0))
		return 0;
	p->host = row->host;
	snprintf(p->daemon, sizeof(p->daemon), "%s", row->daemon);
	snprintf(p->alert_id, sizeof(p->alert_id), "%s", row->alert_id);
	react_args_for(react_kind_find("restart"), &none, p->daemon, &p->args);
	/* A daemon without a unit is restarted by its command line, but not for a child of it. */
	if (!p->args.unit[0] && was_the_daemon(row, p->daemon))
		snprintf(p->args.unit, sizeof(p->args.unit), "%s", p->daemon);
	if (p->args.unit[0])
		p->kind = react_kind_find("restart");
	return 0;
}

static int
copy_host_id(const struct host_row *row, void *ctx)
{
	struct issue_plan *p = ctx;

	if (row->number != p->host)
		return 0;
	memcpy(p->host_id, row->id, sizeof(p->host_id));
	return 1;
}

int
undo_collect_alert(struct call *c, const char *alert_id, struct undo_list *ret)
{
	const struct reaction_filter f = { .alert_id = alert_id };
	const struct store_backend *b = c->cfg->backend;
	struct issue_plan *p = &ret->restart;
	int r = undo_collect(c, &f, ret);

	if (r == 0)
		r = b->reactions->each(c->worker->reader, &f, see_kill, p);
	if (r == 0 && p->kind != NULL)
		r = b->each_host(c->worker->reader, copy_host_id, p);
	p->order_mode = DS_ORDER_OPERATOR;
	p->ttl_factor = 1;
	snprintf(p->by, sizeof(p->by), "%s", ret->who);
	snprintf(p->reason, sizeof(p->reason), "a wrong alert had one of its processes killed");
	return r < 0 ? r : 0;
}

int
undo_restarts(const struct store_backend *backend, struct store *store, struct undo_list *list)
{
	int r;

	if (list->restart.kind == NULL)
		return 0;
	r = issue_reaction(backend, store, &list->by, &list->restart, ds_clock_wall_us());
	return r < 0 ? r : 0;
}

void
undo_list_done(struct undo_list *list)
{
	free(list->items);
	list->items = NULL;
	list->len = 0;
}

int
undo_run(const struct store_backend *backend, struct store *store, struct undo_list *list)
{
	for (size_t i = 0; i < list->len; i++) {
		int r = issue_undo(backend, store, &list->by, list->items[i].id, list->who,
		    ds_clock_wall_us(), &list->items[i].host);

		if (r < 0 && r != -ENOENT && r != -EALREADY && r != -EOPNOTSUPP)
			return r;
		list->items[i].result = r;
	}
	return 0;
}

static int
run_undo(const struct store_backend *backend, struct store *store, void *ctx)
{
	return undo_run(backend, store, ctx);
}

void
undo_kick(struct call *c, const struct undo_list *list)
{
	uint32_t last = 0;

	if (list->restart.kind != NULL)
		react_kick(c->cfg->react, list->restart.host);
	for (size_t i = 0; i < list->len; i++) {
		if (list->items[i].result <= 0 || list->items[i].host == last)
			continue;
		last = list->items[i].host;
		react_kick(c->cfg->react, last);
	}
}

static const char *
said(int result)
{
	return result == 1             ? "ordered"
	       : result == 0           ? "withdrawn"
	       : result == -EALREADY   ? "nothing to undo"
	       : result == -EOPNOTSUPP ? "cannot be undone"
				       : "not found";
}

void
reactions_undo(struct call *c)
{
	struct undo_list list = { .who = c->caller->name };
	struct reaction_row row = { .id = c->id, .status = "sent" };
	int r;

	if (!reactions_possible(c))
		return;
	list.by = react_issuer(c->cfg->react);
	r = collect(&row, &list);
	if (r == 0)
		r = call_write(c, run_undo, &list);
	if (r == 0)
		r = list.items[0].result;
	undo_kick(c, &list);
	undo_list_done(&list);
	if (r == -ENOENT)
		call_problem(c, 404, "not-found", "there is no reaction \"%s\"", c->id);
	else if (r == -EALREADY || r == -EOPNOTSUPP)
		call_problem(c, 409, "conflict",
		    r == -EALREADY ? "there is nothing to take back: it is over, or was never done"
				   : "what this did has no inverse");
	else if (r < 0)
		call_error(c, r, "the reaction was not taken back");
	else
		reactions_show_id(c, c->id);
}

static int
newest_first(const void *a, const void *b)
{
	return strcmp(((const struct undo_item *)b)->id, ((const struct undo_item *)a)->id);
}

static bool
read_ids(struct call *c, struct undo_list *list)
{
	json_t *ids = json_object_get(c->body, "ids"), *one;
	size_t i;
	int r = 0;

	json_array_foreach(ids, i, one)
	{
		struct reaction_row row = { .id = json_string_value(one), .status = "sent" };

		if (row.id == NULL) {
			call_problem(c, 400, "body", "ids: expected a list of ids");
			return false;
		}
		r = r == 0 ? collect(&row, list) : r;
	}
	if (r < 0)
		call_error(c, r, "too many ids");
	else if (list->len > 1)
		qsort(list->items, list->len, sizeof(*list->items), newest_first);
	return r == 0;
}

/* What is to be undone: {"ids":[...]}, or all that fit {"alert":A}, {"host":H}, {"kind":K}, or
 * {"all":true}. */
static bool
read_undo(struct call *c, struct undo_list *list)
{
	struct reaction_filter f = { .alert_id = NULL };
	const char *host;
	bool all;
	int r;

	if (json_is_array(json_object_get(c->body, "ids")))
		return read_ids(c, list);
	if (!call_text(c, "alert", NULL, 64, &f.alert_id) ||
	    !call_text(c, "host", NULL, 256, &host) || !call_text(c, "kind", NULL, 32, &f.kind) ||
	    !call_flag(c, "all", false, &all))
		return false;
	if (f.kind != NULL && react_kind_find(f.kind) == NULL) {
		call_problem(c, 400, "body", "kind: there is no reaction \"%s\"", f.kind);
		return false;
	}
	if (f.alert_id == NULL && host == NULL && f.kind == NULL && !all) {
		call_problem(c, 400, "body", "expected ids, alert, host, kind or all");
		return false;
	}
	if (host != NULL) {
		f.host = searcher_find_host(c->worker->searcher, host);
		if (f.host == 0) {
			call_problem(c, 404, "not-found", "there is no host \"%s\"", host);
			return false;
		}
	}
	r = undo_collect(c, &f, list); /* the newest first: in reverse order */
	if (r < 0)
		call_error(c, r, "cannot read the reactions");
	/* Who mistypes an alert would think that nothing is in effect; one that retention took away
	 * has nothing either. */
	else if (list->len == 0 && f.alert_id != NULL)
		return reactions_alert(c, f.alert_id);
	return r >= 0;
}

/* By their number, whichever words named them. */
static bool
may_undo(struct call *c, const struct undo_list *list)
{
	bool may = list->len <= UNDO_FEW || caller_is_confirmed(c->caller, ds_clock_wall_us());

	if (!may)
		call_problem(c, 403, "confirm",
		    "this would take back %zu reactions: give your password again: POST "
		    "session/confirm",
		    list->len);
	return may;
}

void
reactions_undo_many(struct call *c)
{
	struct undo_list list = { .who = c->caller->name };
	uint64_t undone = 0, failed = 0;
	int r;

	if (!reactions_possible(c))
		return;
	list.by = react_issuer(c->cfg->react);
	if (!read_undo(c, &list) || !may_undo(c, &list)) {
		undo_list_done(&list);
		return;
	}
	r = call_write(c, run_undo, &list);
	if (r < 0) {
		call_error(c, r, "nothing was taken back");
		undo_list_done(&list);
		return;
	}
	undo_kick(c, &list);
	ds_json_object(&c->json);
	ds_json_key(&c->json, "items");
	ds_json_array(&c->json);
	for (size_t i = 0; i < list.len; i++) {
		undone += list.items[i].result >= 0;
		failed += list.items[i].result < 0;
		ds_json_object(&c->json);
		ds_json_put_string(&c->json, "id", list.items[i].id);
		ds_json_put_string(&c->json, "result", said(list.items[i].result));
		ds_json_end(&c->json);
	}
	ds_json_end(&c->json);
	ds_json_put_uint(&c->json, "undone", undone);
	ds_json_put_uint(&c->json, "failed", failed);
	ds_json_end(&c->json);
	undo_list_done(&list);
}

/* ---- approving */

struct approval {
	struct call *c;
	struct issuer by;
	uint32_t host;
	uint8_t host_id[DS_HOST_ID_SIZE];
};

static int
see_reaction(const struct reaction_row *row, void *ctx)
{
	((struct approval *)ctx)->host = row->host;
	return 0;
}

static int
see_host(const struct host_row *row, void *ctx)
{
	struct approval *a = ctx;

	if (row->number != a->host)
		return 0;
	memcpy(a->host_id, row->id, sizeof(a->host_id));
	return 1;
}

static int
run_approval(const struct store_backend *backend, struct store *store, void *ctx)
{
	struct approval *a = ctx;
	const struct approver who = { a->c->caller->name, a->c->caller->principal };

	return issue_approval(
	    backend, store, &a->by, a->c->id, &who, a->host_id, ds_clock_wall_us());
}

void
reactions_approve(struct call *c)
{
	const struct store_backend *b = c->cfg->backend;
	struct approval a = { .c = c };
	int r;

	if (!reactions_possible(c))
		return;
	a.by = react_issuer(c->cfg->react);
	r = b->reactions->get(c->worker->reader, c->id, see_reaction, &a);
	if (r > 0)
		r = b->each_host(c->worker->reader, see_host, &a);
	r = r == 0 ? -ENOENT : r;
	if (r > 0)
		r = call_write(c, run_approval, &a);
	if (r == -ENOENT)
		call_problem(c, 404, "not-found", "there is no reaction \"%s\"", c->id);
	else if (r == -EALREADY)
		call_problem(c, 409, "conflict", "this reaction does not wait for approval");
	else if (r == -EPERM)
		call_problem(c, 403, "second-operator",
		    "who asked for it cannot approve it, by no token: that takes a second operator, "
		    "another user");
	else if (r < 0)
		call_error(c, r, "the reaction was not approved");
	if (r < 0)
		return;
	react_kick(c->cfg->react, a.host);
	reactions_show_id(c, c->id);
}

/* ---- all automation */

static int
put_setting(const struct store_backend *backend, struct store *store, void *ctx)
{
	return backend->setting_put(store, ctx);
}

static void
set_paused(struct call *c, bool paused)
{
	struct setting_row row = { .key = REACT_PAUSED_SETTING, .value = "" };
	int r = -ENOMEM;
	json_t *doc;
	char *text;

	if (!reactions_possible(c))
		return;
	doc = json_pack(
	    "{s:s, s:I}", "by", c->caller->name, "since_us", (json_int_t)ds_clock_wall_us());
	text = json_dumps(doc, JSON_COMPACT);
	json_decref(doc);
	if (text != NULL) {
		row.value = paused ? text : "";
		c->subject = paused ? "pause" : "resume";
		r = call_write(c, put_setting, &row);
	}
	free(text);
	if (r < 0) {
		call_error(c, r, "nothing was changed");
		return;
	}
	react_changed(c->cfg->react);
	if (!paused)
		react_reset_breaker(c->cfg->react);
	ds_json_object(&c->json);
	ds_json_put_bool(&c->json, "paused", paused);
	ds_json_end(&c->json);
}

void
reactions_pause(struct call *c)
{
	set_paused(c, true);
}

void
reactions_resume(struct call *c)
{
	set_paused(c, false);
}

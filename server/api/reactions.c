/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reactions - what was done about alerts, and doing it by hand.
 *
 * On the pool's threads; owns nothing.  An operator's order is made in a transaction of this
 * request; the react thread sends it.
 */
#include "server/api/reactions.h"

#include "lib/cidr.h"
#include "lib/clock.h"
#include "lib/tls.h"
#include "server/api/asks.h"
#include "server/api/caller.h"
#include "server/api/daemons.h"
#include "server/config.h"
#include "server/react/own.h"
#include "server/react/react.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TTL_US      (UINT64_C(600) * 1000000)
#define REASON_MAX  200u
#define HOSTS_MAX   1000u /* of one order */
#define PID_AGE_US  (UINT64_C(24) * 3600 * 1000000)
#define SCANNED_MAX 50000u

static void
put_raw(struct ds_json *j, const char *key, const char *json)
{
	ds_json_key(j, key);
	ds_json_raw(j, json, strlen(json));
}

void
reactions_put(struct call *c, const struct reaction_row *row)
{
	struct ds_json *j = &c->json;

	ds_json_object(j);
	ds_json_put_string(j, "id", row->id);
	ds_json_put_string(j, "kind", row->kind);
	ds_json_put_string(j, "mode", row->mode);
	ds_json_put_string(j, "status", row->status);
	ds_json_put_string(j, "target", row->target);
	call_put_host(c, "host", row->host);
	ds_json_put_string(j, "daemon", row->daemon);
	ds_json_put_string(j, "alert_id", row->alert_id[0] ? row->alert_id : NULL);
	ds_json_put_string(j, "rule", row->rule[0] ? row->rule : NULL);
	ds_json_put_string(j, "reason", row->reason);
	ds_json_put_string(j, "by", row->by);
	ds_json_put_string(j, "approved_by", row->approved_by[0] ? row->approved_by : NULL);
	ds_json_put_time(j, "created", row->created_us);
	ds_json_put_time(j, "updated", row->updated_us);
	if (row->sent_us > 0)
		ds_json_put_time(j, "sent", row->sent_us);
	if (row->applied_us > 0)
		ds_json_put_time(j, "applied", row->applied_us);
	ds_json_key(j, "expires");
	if (row->expires_us > 0)
		ds_json_time(j, row->expires_us);
	else
		ds_json_null(j);
	put_raw(j, "args", row->args);
	put_raw(j, "result", row->result);
	ds_json_end(j);
}

static int
put_brief(const struct reaction_row *row, void *ctx)
{
	struct ds_json *j = ctx;

	ds_json_object(j);
	ds_json_put_string(j, "id", row->id);
	ds_json_put_string(j, "kind", row->kind);
	ds_json_put_string(j, "mode", row->mode);
	ds_json_put_string(j, "status", row->status);
	ds_json_put_string(j, "target", row->target);
	ds_json_put_string(j, "by", row->by);
	ds_json_put_time(j, "created", row->created_us);
	ds_json_key(j, "expires");
	if (row->expires_us > 0)
		ds_json_time(j, row->expires_us);
	else
		ds_json_null(j);
	ds_json_end(j);
	return 0;
}

void
reactions_put_of_alert(struct call *c, const char *alert_id)
{
	const struct reaction_filter f = { .alert_id = alert_id, .limit = 100 };

	ds_json_key(&c->json, "reactions");
	ds_json_array(&c->json);
	/* An alert is worth telling without them. */
	(void)c->cfg->backend->reactions->each(c->worker->reader, &f, put_brief, &c->json);
	ds_json_end(&c->json);
}

/* ---- list */

struct listing {
	struct call *c;
	unsigned left, scanned;
	char last[REACTION_ID_SIZE];
	bool more;
};

static int
list_reaction(const struct reaction_row *row, void *ctx)
{
	struct listing *l = ctx;

	if (l->left == 0 || l->scanned++ == SCANNED_MAX) {
		l->more = true;
		return 1;
	}
	l->left--;
	snprintf(l->last, sizeof(l->last), "%s", row->id);
	reactions_put(l->c, row);
	return 0;
}

static bool
read_status(struct call *c, const char **ret)
{
	static const char *const known[] = { "dry_run", "pending", "sent", "applied", "verified",
		"failed", "expired", "undone" };

	*ret = c->get(c->request, "status");
	if (*ret == NULL || **ret == '\0' || strcmp(*ret, "all") == 0) {
		*ret = NULL;
		return true;
	}
	for (size_t i = 0; i < DS_LEN(known); i++)
		if (strcmp(*ret, known[i]) == 0)
			return true;
	call_problem(c, 400, "parameter", "status: there is no status \"%s\"", *ret);
	return false;
}

/* ?host= by id or name; 0 when absent, false and a problem when there is none. */
static bool
read_host(struct call *c, uint32_t *ret)
{
	const char *text = c->get(c->request, "host");

	*ret = 0;
	if (text == NULL || *text == '\0')
		return true;
	*ret = searcher_find_host(c->worker->searcher, text);
	if (*ret > 0)
		return true;
	call_problem(c, 404, "not-found", "there is no host \"%s\"", text);
	return false;
}

static bool
is_kind(struct call *c, const char *name)
{
	if (name == NULL || react_kind_find(name) != NULL)
		return true;
	call_problem(c, 400, "parameter", "kind: there is no reaction \"%s\"", name);
	return false;
}

void
reactions_list(struct call *c)
{
	struct listing l = { .c = c };
	struct reaction_filter f = { 0 };
	int r;

	if (!call_limit(c, 100, &l.left) || !call_time(c, "since", &f.since_us) ||
	    !call_id_cursor(c, "rct_", &f.before_id) || !read_status(c, &f.status) ||
	    !read_host(c, &f.host))
		return;
	f.alert_id = c->get(c->request, "alert");
	f.kind = c->get(c->request, "kind");
	if (f.kind != NULL && !f.kind[0])
		f.kind = NULL;
	if (!is_kind(c, f.kind))
		return;
	if (f.alert_id != NULL && !f.alert_id[0])
		f.alert_id = NULL;
	call_begin_items(c);
	r = c->cfg->backend->reactions->each(c->worker->reader, &f, list_reaction, &l);
	if (r < 0)
		call_error(c, r, "cannot read the reactions");
	else
		call_end_items(c, l.more ? l.last : NULL);
}

static int
show_reaction(const struct reaction_row *row, void *ctx)
{
	reactions_put(ctx, row);
	return 0;
}

void
reactions_show_id(struct call *c, const char *id)
{
	int r = c->cfg->backend->reactions->get(c->worker->reader, id, show_reaction, c);

	if (r < 0)
		call_error(c, r, "cannot read the reaction");
	else if (r == 0)
		call_problem(c, 404, "not-found", "there is no reaction \"%s\"", id);
}

void
reactions_show(struct call *c)
{
	reactions_show_id(c, c->id);
}

/* ---- doing something */

static int
see_alert(const struct alert_row *row, void *ctx)
{
	(void)row;
	(void)ctx;
	return 0;
}

bool
reactions_alert(struct call *c, const char *id)
{
	int r = c->cfg->backend->alert_get(c->worker->reader, id, see_alert, NULL);

	if (r < 0)
		call_error(c, r, "cannot read the alert");
	else if (r == 0)
		call_problem(c, 404, "not-found", "there is no alert \"%s\"", id);
	return r > 0;
}

struct application {
	struct call *c;
	struct issuer by;
	struct issue_plan *plans; /* one a host */
	size_t len;
};

static int
run_application(const struct store_backend *backend, struct store *store, void *ctx)
{
	struct application *a = ctx;
	int r = 0;

	for (size_t i = 0; i < a->len && r >= 0; i++)
		r = issue_reaction(backend, store, &a->by, &a->plans[i], ds_clock_wall_us());
	return r < 0 ? r : 0;
}

/* For whom something is blocked. */
static bool
read_reach(
    struct call *c, const struct react_kind *kind, const char *daemon, struct react_args *args)
{
	static const char *const names[] = { [DS_REACH_HOST] = "host",
		[DS_REACH_DAEMON] = "daemon",
		[DS_REACH_DAEMON_ONLY] = "daemon_only" };
	const char *text;

	if (!call_text(c, "reach", "host", 16, &text))
		return false;
	for (unsigned i = 0; i < DS_LEN(names); i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		if (i != DS_REACH_HOST && daemon[0] == '\0') {
			call_problem(c, 400, "body", "reach: which daemon?");
			return false;
		}
		react_args_reach(kind, i, daemon, args);
		return true;
	}
	call_problem(c, 400, "body", "reach: expected host, daemon or daemon_only");
	return false;
}

static bool
read_args(struct call *c, struct react_args *ret)
{
	const struct {
		const char *key;
		char *at;
		size_t size;
	} texts[] = {
		{ "address", ret->address, sizeof(ret->address) },
		{ "path", ret->path, sizeof(ret->path) },
		{ "unit", ret->unit, sizeof(ret->unit) },
		{ "data", ret->data, sizeof(ret->data) },
		{ "executable", ret->exe, sizeof(ret->exe) },
	};
	int64_t pid, port, start;
	const char *protocol, *text;

	*ret = (struct react_args){ 0 };
	for (size_t i = 0; i < DS_LEN(texts); i++) {
		if (!call_text(c, texts[i].key, "", texts[i].size - 1, &text))
			return false;
		snprintf(texts[i].at, texts[i].size, "%s", text);
	}
	react_address_plain(ret->address, sizeof(ret->address));
	if (!call_integer(c, "pid", 0, 2, INT32_MAX, &pid) ||
	    !call_integer(c, "start_us", 0, 1, INT64_MAX, &start) ||
	    !call_integer(c, "port", 0, 1, 65535, &port) ||
	    !call_text(c, "protocol", "", 4, &protocol))
		return false;
	if (*protocol && strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0) {
		call_problem(c, 400, "body", "protocol: expected tcp or udp");
		return false;
	}
	ret->pid = (uint32_t)pid;
	ret->start_us = (uint64_t)start;
	ret->port = (uint32_t)port;
	ret->protocol = *protocol == 't' ? 6 : *protocol == 'u' ? 17 : 0;
	return true;
}

static int
see_process(void *ctx, const struct search_hit *hit)
{
	struct react_args *args = ctx;
	struct ds_str exe = DS_EVENT_STR(hit->event, DS_STR_EXE);

	args->start_us = hit->event->num[DS_NUM_START];
	if (exe.len < sizeof(args->exe))
		snprintf(
		    args->exe, sizeof(args->exe), "%.*s", (int)exe.len, exe.len ? exe.ptr : "");
	return 1;
}

/* Which process has the pid, as the host last told; else whichever had it when the order was
 * given, as the host sees it. */
static void
find_process(struct call *c, uint32_t host, struct react_args *args)
{
	const struct query_host *h = searcher_host(c->worker->searcher, host);
	struct search what = { .limit = 1, .call = see_process, .ctx = args };
	struct search_result result;
	struct query_error error;
	struct query *q;
	char text[200];

	if (args->pid == 0 || args->start_us > 0 || h == NULL)
		return;
	snprintf(text, sizeof(text),
	    "host.id:%s and process.pid:%u and (event.action:exec or event.action:daemon)", h->id,
	    args->pid);
	q = query_parse(&query_events, text, strlen(text), ds_clock_wall_us(), &error);
	if (q == NULL)
		return;
	what.query = q;
	what.time_min_us = ds_clock_wall_us() - PID_AGE_US;
	what.deadline_ms = ds_clock_monotonic_ms() + 5000;
	if (searcher_run(c->worker->searcher, &what, &result) < 0)
		args->start_us = 0;
	query_free(q);
}

/* What is the same for every host; false and a problem. */
static bool
read_plan(struct call *c, struct issue_plan *p)
{
	const char *kind, *reason, *daemon, *alert;
	char why[300];
	uint64_t ttl_us;
	struct ds_cidr cidr;

	*p = (struct issue_plan){ .order_mode = DS_ORDER_OPERATOR, .ttl_factor = 1 };
	if (!call_text(c, "kind", "", 40, &kind) ||
	    !call_text(c, "reason", "", REASON_MAX, &reason) ||
	    !call_text(c, "daemon", "", sizeof(p->daemon) - 1, &daemon) ||
	    !call_text(c, "alert", "", sizeof(p->alert_id) - 1, &alert) ||
	    !call_ttl(c, "ttl", TTL_US, &ttl_us) || !read_args(c, &p->args) ||
	    !daemons_name(c, 0, daemon, p->daemon) || (alert[0] && !reactions_alert(c, alert)))
		return false;
	p->kind = react_kind_find(kind);
	if (p->kind == NULL || p->kind->is_ours) {
		call_problem(c, 400, "body", "kind: there is no reaction \"%s\"", kind);
		return false;
	}
	if (!read_reach(c, p->kind, p->daemon, &p->args))
		return false;
	if (p->args.address[0] &&
	    ds_cidr_parse(p->args.address, strlen(p->args.address), &cidr) < 0) {
		call_problem(c, 400, "body", "address: \"%.60s\" is no address", p->args.address);
		return false;
	}
	if (p->args.address[0] && react_spares(c->cfg->react, p->args.address, why, sizeof(why))) {
		call_problem(c, 409, "never-block", "%s", why);
		return false;
	}
	if (p->args.address[0] && react_is_own(p->args.address, why, sizeof(why))) {
		call_problem(c, 400, "body", "address: %s", why);
		return false;
	}
	p->ttl_us = p->ttl_max_us = p->kind->is_lasting ? ttl_us : 0;
	snprintf(p->reason, sizeof(p->reason), "%s", reason);
	snprintf(p->alert_id, sizeof(p->alert_id), "%s", alert);
	snprintf(p->by, sizeof(p->by), "%s", c->caller->name);
	snprintf(p->principal, sizeof(p->principal), "%s", c->caller->principal);
	return true;
}

struct choice {
	struct application *a;
	const struct issue_plan *plan;
	const json_t *hosts; /* ids or names; NULL: by label */
	const char *label;
	unsigned named;
};

static bool
is_chosen(const struct choice *ch, const struct host_row *row)
{
	char id[37];
	json_t *one;
	size_t i;

	if (ch->hosts == NULL)
		return policy_label_in(row->labels, &ch->label, 1);
	ds_host_id_format(row->id, id);
	json_array_foreach((json_t *)(uintptr_t)ch->hosts, i, one)
	{
		const char *text = json_string_value(one);

		if (text != NULL && (strcmp(text, id) == 0 || strcmp(text, row->name) == 0))
			return true;
	}
	return false;
}

static int
choose_host(const struct host_row *row, void *ctx)
{
	struct choice *ch = ctx;
	struct issue_plan *p;

	if (row->status != HOST_APPROVED || !is_chosen(ch, row))
		return 0;
	if (ch->a->len == HOSTS_MAX)
		return -E2BIG;
	p = realloc(ch->a->plans, (ch->a->len + 1) * sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	ch->a->plans = p;
	p += ch->a->len++;
	*p = *ch->plan;
	p->host = row->number;
	memcpy(p->host_id, row->id, sizeof(p->host_id));
	asks_put(ch->a->c, row, &p->args);
	return 0;
}

/* "host", "hosts" or "label"; false and a problem. */
static bool
choose_hosts(struct call *c, struct application *a, const struct issue_plan *plan)
{
	json_t *hosts = json_object_get(c->body, "hosts"), *one = json_object_get(c->body, "host");
	struct choice ch = { .a = a, .plan = plan };
	json_t *list;
	int r;

	if (!call_text(c, "label", NULL, 120, &ch.label))
		return false;
	if (!json_is_string(one) + (ch.label == NULL) + !json_is_array(hosts) != 2) {
		call_problem(c, 400, "body", "expected one of host, hosts and label");
		return false;
	}
	list = json_is_string(one) ? json_pack("[O]", one) : json_incref(hosts);
	ch.hosts = ch.label != NULL ? NULL : list;
	r = c->cfg->backend->each_host(c->worker->reader, choose_host, &ch);
	if (r == 0 && (a->len == 0 || (ch.hosts != NULL && a->len < json_array_size(ch.hosts))))
		r = -ENOENT;
	json_decref(list);
	if (r == -E2BIG)
		call_problem(c, 400, "body", "at most %u hosts at a time", HOSTS_MAX);
	else if (r == -ENOENT)
		call_problem(c, 404, "not-found", "there is no such approved host, or not each");
	else if (r < 0)
		call_error(c, r, "cannot read the hosts");
	c->subject = ch.label != NULL      ? ch.label
		     : json_is_string(one) ? json_string_value(one)
					   : "several hosts";
	return r == 0;
}

static bool
are_complete(struct call *c, struct application *a)
{
	uint32_t max = react_bulk_max(c->cfg->react);
	char why[120];

	for (size_t i = 0; i < a->len; i++) {
		struct issue_plan *p = &a->plans[i];

		find_process(c, p->host, &p->args);
		if (!react_args_suffice(p->kind, &p->args, a->len == 1, why, sizeof(why))) {
			call_problem(c, 400, "body", "%s", why);
			return false;
		}
		p->needs_approval = p->kind->is_destructive || a->len > max;
	}
	return true;
}

static void
answer(struct call *c, const struct application *a)
{
	for (size_t i = 0; i < a->len; i++)
		react_kick(c->cfg->react, a->plans[i].host);
	c->status = a->plans[0].needs_approval ? 202 : 201;
	if (a->len == 1) {
		reactions_show_id(c, a->plans[0].id);
		return;
	}
	call_begin_items(c);
	for (size_t i = 0; i < a->len; i++)
		reactions_show_id(c, a->plans[i].id);
	call_end_items(c, NULL);
}

void
reactions_apply(struct call *c)
{
	struct application a = { .c = c };
	struct issue_plan *plan;
	int r;

	if (!reactions_possible(c))
		return;
	a.by = react_issuer(c->cfg->react);
	plan = malloc(sizeof(*plan));
	if (plan == NULL) {
		call_error(c, -ENOMEM, "no order was made");
		return;
	}
	if (read_plan(c, plan) && choose_hosts(c, &a, plan) && are_complete(c, &a)) {
		r = call_write(c, run_application, &a);
		if (r < 0)
			call_error(c, r, "no order was made");
		else
			answer(c, &a);
	}
	free(a.plans);
	free(plan);
}

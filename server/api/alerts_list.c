/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alerts_list - alerts by what is asked for, the newest first.
 *
 * On the pool's threads; owns nothing.
 */
#include "server/api/alerts.h"
#include "server/api/cause.h"
#include "server/api/query_list.h"
#include "server/api/routes.h"

#include <stdio.h>
#include <string.h>

#define SCANNED_MAX 20000u /* alerts looked at for one page */

struct asked {
	struct call *c;
	const struct alert_row *row;
	const struct query_host *host;
};

static bool
give_text(struct query_datum *ret, const char *text)
{
	if (text == NULL || *text == '\0')
		return false;
	ret->text = (struct ds_str){ text, (uint32_t)strlen(text) };
	return true;
}

static bool
give_number(struct query_datum *ret, uint64_t v)
{
	*ret = (struct query_datum){ .is_number = true, .number = v };
	return true;
}

static bool
get_field(void *ctx, const char *field, struct query_datum *ret)
{
	const struct asked *a = ctx;
	const struct alert_row *row = a->row;
	const struct {
		const char *name, *text;
	} texts[] = {
		{ "id", row->id },
		{ "title", row->title },
		{ "reason", row->reason },
		{ "kind", row->kind },
		{ "severity", row->severity },
		{ "status", row->status },
		{ "host.name", a->host ? a->host->name : NULL },
		{ "host.id", a->host ? a->host->id : NULL },
		{ "service.name", row->daemon },
		{ "assignee", row->assignee },
	};
	const struct {
		const char *name;
		uint64_t v;
	} numbers[] = {
		{ "score", row->score < 0 ? 0 : (uint64_t)row->score },
		{ "count", row->count },
		{ "created", row->created_us },
		{ "updated", row->updated_us },
		{ "first_seen", row->first_us },
		{ "last_seen", row->last_us },
	};
	static const char *const verdicts[] = { "true_positive", "false_positive",
		"benign_expected" };

	for (size_t i = 0; i < DS_LEN(texts); i++)
		if (strcmp(texts[i].name, field) == 0)
			return give_text(ret, texts[i].text);
	for (size_t i = 0; i < DS_LEN(numbers); i++)
		if (strcmp(numbers[i].name, field) == 0)
			return give_number(ret, numbers[i].v);
	for (size_t i = 0; row->verdict != NULL && i < DS_LEN(verdicts); i++)
		if (strcmp(field, "verdict") == 0 && strstr(row->verdict, verdicts[i]) != NULL)
			return give_text(ret, verdicts[i]);
	return false;
}

struct listing {
	struct call *c;
	const struct query *query;
	uint64_t since_us, until_us;
	unsigned left, scanned;
	char last[64];                            /* id of the last one looked at */
	char cause[CAUSE_SIZE];                   /* only of this one; "": of any */
	char kind[64], daemon[DS_DAEMON_MAX + 1]; /* of that cause */
	bool more;
};

static bool
is_of_cause(const struct listing *l, const struct alert_row *row)
{
	char cause[CAUSE_SIZE];

	if (l->cause[0] == '\0')
		return true;
	cause_of(row, cause);
	return strcmp(cause, l->cause) == 0;
}

static int
see_cause(const struct alert_row *row, void *ctx)
{
	struct listing *l = ctx;

	cause_of(row, l->cause);
	snprintf(l->kind, sizeof(l->kind), "%s", row->kind);
	snprintf(l->daemon, sizeof(l->daemon), "%s", row->daemon);
	return 0;
}

/* ?cause=, the id of an alert that has it; false and a problem when there is no such alert. */
static bool
read_cause(struct call *c, struct listing *l)
{
	const char *id = c->get(c->request, "cause");
	int r;

	if (id == NULL || *id == '\0')
		return true;
	r = c->cfg->backend->alert_get(c->worker->reader, id, see_cause, l);
	if (r == 0)
		call_problem(c, 404, "not-found", "there is no alert \"%s\"", id);
	else if (r < 0)
		call_error(c, r, "cannot read the alert");
	return r > 0;
}

static int
list_alert(const struct alert_row *row, void *ctx)
{
	struct listing *l = ctx;
	struct asked asked = { l->c, row, NULL };

	if (l->left == 0 || l->scanned++ == SCANNED_MAX) {
		l->more = true;
		return 1;
	}
	snprintf(l->last, sizeof(l->last), "%s", row->id);
	if (row->last_us < l->since_us || (l->until_us != 0 && row->first_us > l->until_us))
		return 0;
	if (!is_of_cause(l, row))
		return 0;
	asked.host = searcher_host(l->c->worker->searcher, row->host);
	if (!query_match(l->query, get_field, &asked))
		return 0;
	l->left--;
	alerts_put(l->c, row);
	return 0;
}

/* One of the description's; NULL: any. */
static const char *
status_of(const struct call *c)
{
	const char *status = c->get(c->request, "status");

	return status == NULL || *status == '\0' || strcmp(status, "all") == 0 ? NULL : status;
}

/* What the store can leave out; list_alert() decides. */
static void
narrow(const struct listing *l, const char *status, struct query_list *to)
{
	size_t skip = strlen(l->kind) + strlen(l->daemon) + 2; /* kind|daemon|title */

	query_list_init(to, l->query);
	if (status != NULL)
		query_list_is(to, "status", status);
	if (l->since_us > 0)
		query_list_within(to, "last_seen", l->since_us, INT64_MAX);
	if (l->until_us > 0)
		query_list_within(to, "first_seen", 0, l->until_us);
	if (l->cause[0] == '\0')
		return;
	query_list_is(to, "kind", l->kind);
	query_list_is(to, "service.name", l->daemon);
	if (strlen(l->cause) > skip)
		query_list_begins(to, "title", l->cause + skip, strlen(l->cause) - skip);
}

void
alerts_list(struct call *c)
{
	struct listing l = { .c = c };
	const char *before;
	struct query_list what;
	struct query *q;
	int r;

	if (!call_limit(c, 100, &l.left) || !call_time(c, "since", &l.since_us) ||
	    !call_time(c, "until", &l.until_us) || !call_id_cursor(c, "alr_", &before) ||
	    !read_cause(c, &l))
		return;
	q = call_query(c, &query_alerts);
	if (q == NULL)
		return;
	l.query = q;
	narrow(&l, status_of(c), &what);
	what.filter.before_id = before;
	call_begin_items(c);
	r = c->cfg->backend->lists->alerts(c->worker->reader, &what.filter, list_alert, &l);
	query_free(q);
	if (r < 0)
		call_error(c, r, "cannot read the alerts");
	else
		call_end_items(c, l.more ? l.last : NULL);
}

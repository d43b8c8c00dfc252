/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hosts - hosts, and what an operator decides about them.
 *
 * On the pool's threads; owns nothing.
 */
#include "lib/clock.h"
#include "lib/tls.h"
#include "server/api/query_list.h"
#include "server/api/routes.h"
#include "server/api/state.h"
#include "server/notify/channel.h"
#include "server/react/react.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 500u /* bytes */
#define EMAIL_MAX  254u

static const char *const status_names[] = { "pending", "approved", "revoked" };

static void
put_labels(struct ds_json *j, const char *labels)
{
	ds_json_key(j, "labels");
	ds_json_array(j);
	while (labels != NULL && *labels) {
		size_t len = strcspn(labels, ",");

		if (len > 0)
			ds_json_bytes(j, labels, len);
		labels += len + (labels[len] == ',');
		labels += strspn(labels, " ");
	}
	ds_json_end(j);
}

static void
put_session(struct ds_json *j, const struct session_info *s)
{
	ds_json_key(j, "session");
	ds_json_object(j);
	ds_json_put_string(j, "peer", s->peer);
	ds_json_put_time(j, "since", s->connected_us);
	ds_json_put_double(j, "lag_seconds", (double)s->lag_us / 1e6);
	ds_json_put_double(j, "clock_skew_seconds", (double)s->clock_skew_us / 1e6);
	ds_json_put_uint(j, "events", s->events);
	ds_json_put_uint(j, "batches", s->batches);
	ds_json_put_uint(j, "bytes", s->bytes_in);
	ds_json_put_uint(j, "duplicates", s->duplicates);
	ds_json_put_uint(j, "gaps", s->gaps);
	ds_json_put_uint(j, "lost", s->lost);
	ds_json_end(j);
}

static void
put_host(struct call *c, const struct host_row *row)
{
	struct ds_json *j = &c->json;
	struct session_info info = { 0 };
	bool connected = api_session(c->cfg, row->number, &info);
	char id[37];

	ds_host_id_format(row->id, id);
	ds_json_object(j);
	ds_json_put_string(j, "id", id);
	ds_json_put_string(j, "name", row->name);
	ds_json_put_string(j, "status", status_names[(unsigned)row->status % 3]);
	ds_json_put_bool(j, "connected", connected);
	ds_json_put_time(j, "last_seen", connected ? info.last_frame_us : row->last_seen_us);
	ds_json_put_time(j, "enrolled", row->enrolled_us);
	put_labels(j, row->labels);
	ds_json_put_bool(j, "ephemeral", row->is_ephemeral);
	ds_json_put_string(j, "alert_email", row->alert_email[0] ? row->alert_email : NULL);
	ds_json_put_string(j, "os", row->os);
	ds_json_put_string(j, "kernel", row->kernel);
	ds_json_put_string(j, "architecture", row->arch);
	ds_json_put_string(j, "machine_id", row->machine_id);
	ds_json_put_string(j, "boot_id", row->boot_id);
	ds_json_put_string(j, "agent_version", row->agent_version);
	ds_json_put_string(j, "sensors", row->sensors);
	ds_json_key(j, "certificate");
	ds_json_object(j);
	ds_json_put_string(j, "serial", row->cert_serial);
	ds_json_put_time(j, "expires", row->cert_not_after_us);
	ds_json_end(j);
	if (row->copy_of != 0)
		call_put_host(c, "copy_of", row->copy_of);
	if (connected)
		put_session(j, &info);
	ds_json_end(j);
}

/* ---- list */

struct listing {
	struct call *c;
	struct query *query;
	unsigned left;
	uint32_t last; /* number of the last one shown */
	bool more;
};

static bool
get_field(void *ctx, const char *field, struct query_datum *ret)
{
	return query_datum_from(ctx, field, ret);
}

static bool
is_wanted(struct listing *l, const struct host_row *row)
{
	struct session_info info;
	bool connected = !query_is_empty(l->query) && api_session(l->c->cfg, row->number, &info);
	char id[37];
	struct query_text_of texts[] = {
		{ "host.name", row->name },
		{ "host.id", id },
		{ "status", status_names[(unsigned)row->status % 3] },
		{ "connected", connected ? "yes" : "no" },
		{ "labels", row->labels },
		{ "agent.version", row->agent_version },
		{ "os", row->os },
		{ NULL, NULL },
	};

	ds_host_id_format(row->id, id);
	return query_match(l->query, get_field, texts);
}

static int
list_host(const struct host_row *row, void *ctx)
{
	struct listing *l = ctx;

	/* Those of last month's pipelines are for who asks for them. */
	if (row->is_ephemeral && row->status == HOST_REVOKED && query_is_empty(l->query))
		return 0;
	if (!is_wanted(l, row))
		return 0;
	if (l->left == 0) {
		l->more = true;
		return 1;
	}
	l->left--;
	l->last = row->number;
	put_host(l->c, row);
	return 0;
}

void
hosts_list(struct call *c)
{
	struct listing l = { .c = c };
	struct query_list what;
	char cursor[24];
	uint64_t after;
	int r;

	if (!call_limit(c, CALL_LIMIT_MAX, &l.left) || !call_number_cursor(c, &after))
		return;
	l.query = call_query(c, &query_hosts);
	if (l.query == NULL)
		return;
	call_begin_items(c);
	query_list_init(&what, l.query);
	what.filter.after = DS_MIN(after, UINT32_MAX);
	r = c->cfg->backend->lists->hosts(c->worker->reader, &what.filter, list_host, &l);
	query_free(l.query);
	if (r < 0) {
		call_error(c, r, "cannot read the hosts");
		return;
	}
	snprintf(cursor, sizeof(cursor), "%u", l.last);
	call_end_items(c, l.more ? cursor : NULL);
}

/* ---- one */

static int
see_host(const struct host_row *row, void *ctx)
{
	memcpy(ctx, row->id, DS_HOST_ID_SIZE);
	return 1;
}

/* The id of the host that the path names by id or name; false and a problem. */
static bool
find_host(struct call *c, uint8_t ret_id[DS_HOST_ID_SIZE])
{
	uint32_t number = searcher_find_host(c->worker->searcher, c->id);
	int r = number == 0 ? 0
			    : c->cfg->backend->each_host_after(
				  c->worker->reader, number - 1, see_host, ret_id);

	if (r == 0)
		call_problem(c, 404, "not-found", "there is no host \"%s\"", c->id);
	else if (r < 0)
		call_error(c, r, "cannot read the hosts");
	return r == 1;
}

static int
show_host(const struct host_row *row, void *ctx)
{
	put_host(ctx, row);
	return 0;
}

static void
show(struct call *c, const uint8_t id[DS_HOST_ID_SIZE])
{
	int r = c->cfg->backend->host_get(c->worker->reader, id, show_host, c);

	if (r <= 0 && c->out->len == 0)
		call_error(c, r < 0 ? r : -ENOENT, "cannot read the host");
}

void
hosts_show(struct call *c)
{
	uint8_t id[DS_HOST_ID_SIZE];

	if (find_host(c, id))
		show(c, id);
}

/* ---- changes */

struct decision {
	uint8_t id[DS_HOST_ID_SIZE];
	int status;         /* -1: as it is */
	const char *labels; /* NULL: as they are */
	const char *email;  /* likewise */
};

static int
decide(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct decision *d = ctx;

	int r = d->email != NULL ? backend->host_email(store, d->id, d->email)
				 : backend->host_decide(store, d->id, d->status, d->labels);

	/* What is open about one that comes and goes has ended with it. */
	return r < 0 || d->status != HOST_REVOKED
		   ? r
		   : backend->identity->tidy(store, 0, 0, ds_clock_wall_us());
}

static void
apply(struct call *c, int status, const char *labels, const char *email)
{
	struct decision d = { .status = status, .labels = labels, .email = email };
	int r;

	if (!find_host(c, d.id))
		return;
	r = call_write(c, decide, &d);
	if (r < 0) {
		call_error(c, r, "the host was not changed");
		return;
	}
	if (c->cfg->ingest != NULL)
		ingest_host_changed(c->cfg->ingest, d.id);
	if (c->cfg->react != NULL)
		react_changed(c->cfg->react);
	show(c, d.id);
}

void
hosts_approve(struct call *c)
{
	apply(c, HOST_APPROVED, NULL, NULL);
}

void
hosts_revoke(struct call *c)
{
	apply(c, HOST_REVOKED, NULL, NULL);
}

void
hosts_label(struct call *c)
{
	const char *labels;

	if (!call_text(c, "labels", NULL, LABELS_MAX, &labels))
		return;
	if (labels == NULL)
		call_problem(c, 400, "body", "expected {\"labels\": \"web,frankfurt\"}");
	else
		apply(c, -1, labels, NULL);
}

/* Who else is told of the host's alerts, by channels of mail. */
void
hosts_email(struct call *c)
{
	const char *email;

	if (!call_text(c, "email", NULL, EMAIL_MAX, &email))
		return;
	if (email == NULL || (*email && strcmp(email, "-") != 0 && !channel_is_address(email)))
		call_problem(c, 400, "body",
		    "email: expected an address, \"-\" (nobody) or \"\" (who the agent says)");
	else
		apply(c, -1, NULL, email);
}

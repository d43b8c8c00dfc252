/* SPDX-License-Identifier: GPL-2.0-or-later */
/* siem_batch - see siem_batch.h; called by siem.c. */
#include "server/notify/siem_batch.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/map.h"
#include "server/notify/host_names.h"
#include "server/notify/route.h"
#include "server/notify/siem_form.h"
#include "server/notify/siem_record.h"
#include "server/notify/siem_told.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHANGES_MAX 500u
#define AUDIT_MAX   500u
#define RECORD_MAX  (256u << 10) /* bytes; explanations are bounded far below */

struct siem_batch {
	struct notify_config cfg;
	const struct channel_config *channel;
	const struct siem_form *form;
	struct reader *reader;
	struct host_names *hosts;
	struct siem_told *told;
	struct ds_buf out;
	char observer[256];
	bool alerts, reactions, audit;
};

/* A batch under way. */
struct sending {
	struct siem_batch *b;
	struct siem_place *place;
	uint64_t since_us; /* what is older was told before */
	siem_put put;
	void *ctx;
	char *why;
	size_t why_size;
	struct ds_map *seen; /* each once in a batch, as it is now */
	unsigned changes, audits;
};

static bool
wants(const struct channel_config *cfg, const char *what)
{
	for (size_t i = 0; i < cfg->content.len; i++)
		if (strcmp(cfg->content.items[i], what) == 0)
			return true;
	return false;
}

struct siem_batch *
siem_batch_new(
    const struct notify_config *cfg, const struct channel_config *channel, struct reader *reader)
{
	struct siem_batch *b = calloc(1, sizeof(*b));
	bool is_syslog = *channel->path == '\0';

	if (b == NULL)
		return NULL;
	b->cfg = *cfg;
	b->channel = channel;
	b->reader = reader;
	/* rfc5424 for syslog, ecs for files */
	b->form = &siem_forms[channel->form != 0 ? channel->form : is_syslog ? 1 : 3];
	b->alerts = wants(channel, "alerts");
	b->reactions = wants(channel, "reactions");
	b->audit = wants(channel, "audit");
	ds_buf_init(&b->out, RECORD_MAX);
	if (gethostname(b->observer, sizeof(b->observer) - 1) < 0)
		snprintf(b->observer, sizeof(b->observer), "localhost");
	b->hosts = host_names_new(cfg->backend, reader);
	b->told = siem_told_new();
	if (b->hosts != NULL && b->told != NULL)
		return b;
	siem_batch_free(b);
	return NULL;
}

void
siem_batch_free(struct siem_batch *b)
{
	if (b == NULL)
		return;
	siem_told_free(b->told);
	host_names_free(b->hosts);
	ds_buf_done(&b->out);
	free(b);
}

void
siem_batch_forget(struct siem_batch *b)
{
	siem_told_clear(b->told);
}

static struct siem_origin
origin(struct siem_batch *b, uint32_t host)
{
	const struct host_name *name = host_names_get(b->hosts, host);

	return (struct siem_origin){ name->id, name->name, b->observer, b->cfg.link };
}

/* Takes the record. */
static int
send(struct sending *s, json_t *record)
{
	struct siem_batch *b = s->b;
	int r = record != NULL ? 0 : -ENOMEM;

	ds_buf_clear(&b->out);
	if (r == 0)
		r = *b->channel->path ? b->form->write(&b->out, record)
				      : siem_syslog(&b->out, b->form, record, (int)getpid());
	json_decref(record);
	if (r == -ENOBUFS) {
		ds_log(WARN, "a record is too long for a receiver and was left out", NULL);
		return 0;
	}
	if (r == 0)
		r = s->put(s->ctx, b->out.data, b->out.len, s->why, s->why_size);
	if (r == 0)
		s->place->sent++;
	return r;
}

static int
send_alert(const struct alert_row *row, void *ctx)
{
	struct sending *s = ctx;
	struct siem_batch *b = s->b;
	const struct host_name *host = host_names_get(b->hosts, row->host);
	const struct route_alert a = { row->kind, row->severity, row->daemon, row->status,
		host->labels, row->count };
	struct siem_origin from = origin(b, row->host);
	const char *event;

	if (!route_matches(b->channel, &a))
		return 0;
	event = siem_told_event(b->told, row, s->since_us);
	return event != NULL ? send(s, siem_record_alert(&from, event, row)) : 0;
}

static int
send_reaction(const struct reaction_row *row, void *ctx)
{
	struct sending *s = ctx;
	struct siem_origin from = origin(s->b, row->host);

	return send(s, siem_record_reaction(&from, row));
}

/* ---- by the table of changes */

static int
see_change(const struct change_row *row, void *ctx)
{
	struct sending *s = ctx;
	const struct store_backend *backend = s->b->cfg.backend;
	int r = 0;

	s->changes++;
	s->place->change = row->seq;
	if (strcmp(row->topic, "host") == 0)
		r = host_names_read(s->b->hosts);
	if (ds_map_get(s->seen, row->id, strlen(row->id)) != NULL)
		return r;
	if (strcmp(row->topic, "alert") == 0 && s->b->alerts)
		r = backend->alert_get(s->b->reader, row->id, send_alert, s);
	else if (strcmp(row->topic, "reaction") == 0 && s->b->reactions)
		r = backend->reactions->get(s->b->reader, row->id, send_reaction, s);
	return r < 0 ? r : ds_map_put(s->seen, row->id, strlen(row->id), s, NULL);
}

static int
see_audit(const struct audit_row *row, void *ctx)
{
	struct sending *s = ctx;
	struct siem_origin from = origin(s->b, 0);

	s->audits++;
	s->place->audit = row->number;
	return send(s, siem_record_audit(&from, row));
}

/* ---- when the table does not reach back far enough */

static int
see_old_alert(const struct alert_row *row, void *ctx)
{
	struct sending *s = ctx;

	return row->updated_us >= s->since_us ? send_alert(row, ctx) : 0;
}

static int
see_old_reaction(const struct reaction_row *row, void *ctx)
{
	struct sending *s = ctx;

	return row->updated_us >= s->since_us ? send_reaction(row, ctx) : 0;
}

static int
catch_up(struct sending *s, uint64_t newest)
{
	const struct store_backend *backend = s->b->cfg.backend;
	struct reaction_filter all = { .limit = INT32_MAX };
	struct siem_origin from = origin(s->b, 0);
	char since[32], text[160];
	int r;

	ds_clock_format(s->since_us, since, sizeof(since));
	snprintf(text, sizeof(text),
	    "more changed than is kept in order; what changed since %s follows as it is now",
	    since);
	r = send(s, siem_record_notice(&from, "gap", text, ds_clock_wall_us()));
	if (r == 0 && s->b->alerts)
		r = backend->each_alert(s->b->reader, NULL, NULL, INT32_MAX, see_old_alert, s);
	if (r == 0 && s->b->reactions)
		r = backend->reactions->each(s->b->reader, &all, see_old_reaction, s);
	s->place->change = newest;
	return r;
}

/* ---- a batch */

static int
run(struct sending *s)
{
	const struct store_backend *backend = s->b->cfg.backend;
	uint64_t oldest, newest;
	int r = backend->change_span(s->b->reader, &oldest, &newest);

	if (r == 0 && newest < s->place->change)
		s->place->change = newest; /* the store is an older one */
	if (r == 0 && oldest > s->place->change + 1)
		r = catch_up(s, newest);
	else if (r == 0)
		r = backend->each_change(
		    s->b->reader, s->place->change, CHANGES_MAX, see_change, s);
	if (r == 0 && s->b->audit)
		r = backend->access->each_audit(
		    s->b->reader, false, s->place->audit, AUDIT_MAX, see_audit, s);
	return r;
}

int
siem_batch_send(struct siem_batch *b, struct siem_place *place, siem_put put, void *ctx, char *why,
    size_t why_size)
{
	struct sending s = { .b = b,
		.place = place,
		.since_us = place->time_us,
		.put = put,
		.ctx = ctx,
		.why = why,
		.why_size = why_size,
		.seen = ds_map_new(CHANGES_MAX + 1) };
	int r = s.seen != NULL ? run(&s) : -ENOMEM;

	ds_map_free(s.seen, NULL);
	return r < 0 ? r : s.changes == CHANGES_MAX || s.audits == AUDIT_MAX;
}

int
siem_batch_test(
    struct siem_batch *b, const char *channel, siem_put put, void *ctx, char *why, size_t why_size)
{
	struct siem_place nowhere = { 0 };
	struct sending s = {
		.b = b, .place = &nowhere, .put = put, .ctx = ctx, .why = why, .why_size = why_size
	};
	struct siem_origin from = origin(b, 0);
	char text[160];

	snprintf(text, sizeof(text),
	    "Somebody asked DaemonSec to try the channel %s. Nothing happened.", channel);
	return send(&s, siem_record_notice(&from, "test", text, ds_clock_wall_us()));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * here - reactions that the server does itself, by its plugins.
 *
 * The store says what is to be done: pending, it is to be begun, which is committed first; sent, it
 * is begun, and is done again when a server died over it (the plugin knows it by its order); in
 * effect, it is to be taken back when somebody asked for that or its life is over.
 */
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/map.h"
#include "server/react/held.h"
#include "server/react/react_impl.h"
#include "server/react/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BUSY_MAX 4096u

static struct ds_log_rate rate;

/* What became of a job, on its way into the store. */
struct outcome {
	char status[12]; /* "": as it is */
	struct ds_result result;
	bool forgets_undo;
};

static bool
is_in_effect(const char *status)
{
	return strcmp(status, "verified") == 0 || strcmp(status, "applied") == 0;
}

/* ---- into the store */

static int
run_begin(struct react_write *w, const struct store_backend *b, struct store *store)
{
	struct held_reaction h;
	int r = held_reaction_get(b, store, w->id, &h);

	if (r > 0 && strcmp(h.row.status, "pending") == 0 &&
	    !record_waits_for_approval(h.row.result)) {
		h.row.status = "sent";
		h.row.sent_us = h.row.updated_us = ds_clock_wall_us();
		r = b->reactions->put(store, &h.row);
	}
	held_reaction_done(&h);
	return r < 0 ? r : 0;
}

static int
run_outcome(struct react_write *w, const struct store_backend *b, struct store *store)
{
	const struct outcome *o = (const void *)w->body;
	struct held_reaction h;
	char record[RECORD_MAX];
	int r = held_reaction_get(b, store, w->id, &h);

	if (r > 0) {
		record_result(record, h.row.result, &o->result);
		if (o->forgets_undo)
			record_undo_failed(record, record);
		h.row.result = record;
		h.row.updated_us = ds_clock_wall_us();
		if (o->status[0] != '\0')
			h.row.status = o->status;
		if (h.row.applied_us == 0 && is_in_effect(h.row.status))
			h.row.applied_us = h.row.updated_us;
		r = b->reactions->put(store, &h.row);
	}
	held_reaction_done(&h);
	return r < 0 ? r : 0;
}

/* ---- jobs */

void
here_done(struct react *r, struct plugin_job *job)
{
	struct react_write *w = react_write_new(r, run_outcome, sizeof(struct outcome));
	struct outcome *o;

	if (w == NULL) {
		here_settled(r, job->id); /* and is looked at again */
		return;
	}
	w->host = job->host;
	memcpy(w->id, job->id, sizeof(w->id));
	o = (void *)w->body;
	*o = (struct outcome){ .forgets_undo = job->is_undo && job->outcome == PLUGIN_FAILED };
	o->result.took_us = job->took_us;
	o->result.is_verified = job->outcome == PLUGIN_DONE;
	o->result.outcome = job->outcome == PLUGIN_FAILED    ? DS_OUTCOME_FAILED
			    : job->outcome == PLUGIN_NOTHING ? DS_OUTCOME_NOTHING
			    : job->is_undo                   ? DS_OUTCOME_UNDONE
							     : DS_OUTCOME_DONE;
	snprintf(o->result.text, sizeof(o->result.text), "%s", job->text);
	if (!job->is_undo)
		snprintf(o->status, sizeof(o->status), "%s",
		    job->outcome == PLUGIN_DONE ? "verified" : "failed");
	else if (job->is_expired || job->outcome != PLUGIN_FAILED)
		snprintf(
		    o->status, sizeof(o->status), "%s", job->is_expired ? "expired" : "undone");
	react_write_post(w);
}

static int
make_input(struct react *r, const struct reaction_row *row, struct plugin_job *job)
{
	const struct react_host *host = hosts_get(r->hosts, row->host, ds_clock_monotonic_ms());
	const char *argument = "";
	struct react_args args;
	struct ds_json j;

	if (react_args_get(row->args, &args) < 0 || !plugin_job_name(job, args.data, &argument))
		return -EINVAL;
	ds_json_init(&j, &job->input);
	ds_json_object(&j);
	ds_json_put_uint(&j, "version", 1);
	ds_json_put_string(&j, "action", job->is_undo ? "undo" : "apply");
	ds_json_put_string(&j, "order", row->id);
	const struct {
		const char *key, *text;
	} texts[] = { { "argument", argument }, { "reason", row->reason },
		{ "daemon", row->daemon }, { "host", host != NULL ? host->name : "" },
		{ "alert", row->alert_id }, { "rule", row->rule }, { "executable", args.exe },
		{ "path", args.path }, { "address", args.address } };
	for (size_t i = 0; i < DS_LEN(texts); i++)
		if (texts[i].text != NULL && texts[i].text[0] != '\0')
			ds_json_put_string(&j, texts[i].key, texts[i].text);
	if (args.pid != 0)
		ds_json_put_uint(&j, "pid", args.pid);
	if (row->expires_us != 0)
		ds_json_put_time(&j, "until", row->expires_us);
	ds_json_end(&j);
	return ds_json_done(&j) < 0 ? ds_json_done(&j) : ds_buf_put(&job->input, "\n", 1);
}

/* false: later, when there is room. */
static bool
start_job(struct react *r, const struct reaction_row *row, bool is_undo, bool is_expired)
{
	struct plugin_job *job = plugin_job_new();

	if (job == NULL)
		return false;
	snprintf(job->id, sizeof(job->id), "%s", row->id);
	job->host = row->host;
	job->settings = r->plugins;
	job->is_undo = is_undo;
	job->is_expired = is_expired;
	if (make_input(r, row, job) < 0) {
		job->outcome = PLUGIN_FAILED;
		snprintf(job->text, sizeof(job->text), "that is no name of a plugin");
		here_done(r, job);
		plugin_job_free(job);
		return true;
	}
	if (plugin_runner_post(r->runner, job) == 0)
		return true;
	plugin_job_free(job);
	return false;
}

/* ---- what is to be done */

static bool
post_begin(struct react *r, const struct reaction_row *row)
{
	struct react_write *w = react_write_new(r, run_begin, 0);

	if (w == NULL)
		return false;
	w->host = row->host;
	snprintf(w->id, sizeof(w->id), "%s", row->id);
	react_write_post(w);
	return true;
}

static int
look_at(const struct reaction_row *row, void *ctx)
{
	struct react *r = ctx;
	uint64_t now_us = ds_clock_wall_us();
	size_t len = strlen(row->id);
	bool undone = record_undo_is_asked(row->result),
	     is_over = row->expires_us > 0 && row->expires_us <= now_us, is_busy = false;

	if (ds_map_get(r->here_busy, row->id, len) != NULL)
		return 0;
	if (ds_map_put(r->here_busy, row->id, len, r, NULL) < 0)
		return 1; /* so many are under way: the next sweep goes on */
	if (strcmp(row->status, "pending") == 0)
		is_busy = !record_waits_for_approval(row->result) && post_begin(r, row);
	else if (strcmp(row->status, "sent") == 0)
		is_busy = start_job(r, row, false, false);
	else if (undone || is_over)
		is_busy = start_job(r, row, true, !undone);
	if (!is_busy)
		here_settled(r, row->id);
	return 0;
}

void
here_settled(struct react *r, const char *id)
{
	(void)ds_map_remove(
	    r->here_busy, id, strlen(id)); /* it may be another's: nothing to free */
}

void
here_turn(struct react *r)
{
	static const char *const open[] = { "pending", "sent", "applied", "verified" };
	int q = 0;

	if (!r->here_due)
		return;
	r->here_due = false;
	for (size_t i = 0; i < DS_LEN(open) && q >= 0; i++) {
		const struct reaction_filter f = { .status = open[i], .kind = "server_plugin" };

		q = r->cfg.backend->reactions->each(r->reader, &f, look_at, r);
	}
	if (q < 0 && ds_log_pass(&rate, 5))
		ds_log(ERROR, "what plugins are to do cannot be read", "why=\"%s\"", strerror(-q));
}

int
here_init(struct react *r, void (*done)(struct plugin_job *job, void *ctx))
{
	r->here_busy = ds_map_new(BUSY_MAX);
	r->runner = plugin_runner_new(done, r);
	return r->here_busy != NULL && r->runner != NULL ? 0 : -ENOMEM;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * models - versions of what windows of a daemon are like, the jobs that make them, and forgetting.
 *
 * On the pool's threads; owns nothing.  The trainer reads and makes models; what a person decides
 * about them is a transaction of the request, and the trainer is told.
 */
#include "lib/clock.h"
#include "lib/ulid.h"
#include "server/api/call.h"
#include "server/api/caller.h"
#include "server/api/meant.h"
#include "server/api/routes.h"
#include "server/detect/key.h"
#include "server/ingest/ingest.h"
#include "server/model/exact.h"
#include "server/model/fit.h"
#include "server/train/train.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAYS 7

static bool
has_trainer(struct call *c)
{
	if (c->cfg->train != NULL)
		return true;
	call_problem(c, 503, "unavailable", "this server has no trainer");
	return false;
}

/* ---- what a model is */

static void
put_row(struct ds_json *j, const struct model_row *row)
{
	ds_json_put_string(j, "id", row->id);
	ds_json_put_string(j, "daemon", row->daemon);
	ds_json_put_uint(j, "version", row->version);
	ds_json_put_string(j, "state", row->state);
	ds_json_put_time(j, "created", row->created_us);
	ds_json_put_time(j, "data_from", row->data_from_us);
	ds_json_put_time(j, "data_to", row->data_to_us);
	ds_json_put_uint(j, "windows", row->windows);
	ds_json_put_uint(j, "hosts", row->hosts);
	ds_json_put_double(j, "coverage", row->coverage);
	ds_json_put_uint(j, "size", row->size);
	ds_json_put_string(j, "checksum", row->checksum);
	ds_json_put_string(j, "chain", row->chain);
	ds_json_put_string(j, "job", row->job);
	ds_json_put_string(j, "note", row->note);
}

static int
list_model(const struct model_row *row, void *ctx)
{
	struct call *c = ctx;

	if (!call_page_has(c, row->id))
		return 0;
	ds_json_object(&c->json);
	put_row(&c->json, row);
	ds_json_end(&c->json);
	return 0;
}

void
models_list(struct call *c)
{
	const char *daemon = c->get(c->request, "daemon");
	char class[CLASS_MAX];
	int r;

	if (!call_begin_page(c))
		return;
	key_class(daemon != NULL ? daemon : "", "", class, sizeof(class));
	r = c->cfg->backend->models->each(
	    c->worker->reader, class[0] != '\0' ? class : NULL, list_model, c);
	if (r < 0)
		call_error(c, r, "cannot read the models");
	else
		call_end_page(c);
}

/* As people know the number. */
static double
human(size_t feature, double value)
{
	return window_features[feature].is_log ? exact_exp(value) - 1 : value;
}

static void
put_fit(struct ds_json *j, const struct window_fit *f)
{
	ds_json_object(j);
	ds_json_put_uint(j, "host", f->host);
	ds_json_put_string(j, "window", f->is_long ? "15m" : "1m");
	ds_json_put_uint(j, "windows", f->windows);
	ds_json_put_uint(j, "hosts", f->hosts);
	if (f->is_long) {
		ds_json_put_uint(j, "centers", f->centers.k);
	} else {
		ds_json_put_uint(j, "core_points", f->dense.len);
		ds_json_put_uint(j, "clusters", f->dense.clusters);
		ds_json_put_double(j, "eps", f->dense.eps);
		ds_json_put_uint(j, "change_models", f->change.models);
	}
	ds_json_key(j, "features");
	ds_json_array(j);
	for (size_t i = 0; i < WINDOW_DIM; i++) {
		double middle = f->scale.middle[i], spread = f->scale.spread[i];

		ds_json_object(j);
		ds_json_put_string(j, "name", window_features[i].name);
		ds_json_put_double(j, "middle", human(i, middle));
		ds_json_put_double(j, "low", DS_MAX(0, human(i, middle - 2 * spread)));
		ds_json_put_double(j, "high", human(i, middle + 2 * spread));
		ds_json_put_double(j, "position", middle);
		ds_json_put_double(j, "spread", spread);
		ds_json_end(j);
	}
	ds_json_end(j);
	ds_json_end(j);
}

static int
show_model(const struct model_row *row, void *ctx)
{
	struct call *c = ctx;
	struct ds_json *j = &c->json;
	struct window_model m;
	char why[160] = "";
	int r = window_model_get(row->bytes, row->size, &m, why, sizeof(why));

	if (r == -ENOMEM)
		return r;
	ds_json_object(j);
	put_row(j, row);
	if (r < 0) {
		ds_json_put_string(j, "damaged", why);
		ds_json_end(j);
		return 0;
	}
	ds_json_key(j, "fits");
	ds_json_array(j);
	for (size_t i = 0; i < m.len; i++)
		put_fit(j, &m.fits[i]);
	ds_json_end(j);
	ds_json_end(j);
	window_model_done(&m);
	return 0;
}

static void
show(struct call *c, const char *id, model_call call)
{
	int r = c->cfg->backend->models->get(c->worker->reader, id, call, c);

	if (r < 0)
		call_error(c, r, "cannot read the model");
	else if (r == 0)
		call_problem(c, 404, "not-found", "there is no model \"%s\"", id);
}

void
models_show(struct call *c)
{
	show(c, c->id, show_model);
}

/* ---- training */

static int
run_announce(const struct store_backend *backend, struct store *store, void *ctx)
{
	return backend->models->job_put(store, ctx);
}

static int
announce(const struct job_row *row, void *ctx)
{
	struct job_row copy = *row;

	return call_write(ctx, run_announce, &copy);
}

void
models_train(struct call *c)
{
	struct train_request request = { .days = DAYS };
	const char *daemon;
	struct meant meant;
	int64_t days;
	char id[MODEL_ID_SIZE];
	int r;

	if (!has_trainer(c) || !call_integer(c, "days", DAYS, 1, TRAIN_DAYS_MAX, &days) ||
	    !call_text(c, "daemon", "", sizeof(request.daemon) - 1, &daemon))
		return;
	request.days = (unsigned)days;
	if (*daemon) {
		r = meant_daemon(c, daemon, &meant);
		if (r < 0 || !meant.found) {
			if (r < 0)
				call_error(c, r, "cannot read the daemons");
			else
				meant_refuse(c, &meant, "daemon");
			return;
		}
		snprintf(request.daemon, sizeof(request.daemon), "%s", meant.name);
	}
	snprintf(request.by, sizeof(request.by), "%s", c->caller->name);
	r = train_begin(c->cfg->train, &request, id, announce, c);
	if (r == -EBUSY) {
		call_problem(c, 409, "conflict", "a job is running already; see jobs");
		return;
	}
	if (r < 0) {
		call_error(c, r, "cannot begin a job");
		return;
	}
	c->status = 202;
	c->subject = daemon;
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "job", id);
	ds_json_end(&c->json);
}

struct decision {
	const char *id, *by;
	struct forgotten_row stretch;
	struct model_row row;
};

static int
run_activate(const struct store_backend *backend, struct store *store, void *ctx)
{
	return backend->models->activate(store, ((const struct decision *)ctx)->id);
}

void
models_activate(struct call *c)
{
	struct decision change = { .id = c->id };
	int r;

	if (!has_trainer(c))
		return;
	r = call_write(c, run_activate, &change);
	if (r == -ENOENT) {
		call_problem(c, 404, "not-found", "there is no model \"%s\"", c->id);
		return;
	}
	if (r < 0) {
		call_error(c, r, "cannot make the model active");
		return;
	}
	train_reload(c->cfg->train);
	show(c, c->id, list_model);
}

/* ---- files */

static int
put_file(const struct model_row *row, void *ctx)
{
	struct call *c = ctx;
	size_t room = (row->size + 2) / 3 * 4 + 1;
	uint8_t *text = malloc(room);

	if (text == NULL)
		return -ENOMEM;
	EVP_EncodeBlock(text, row->bytes, (int)row->size);
	ds_json_object(&c->json);
	put_row(&c->json, row);
	ds_json_put_string(&c->json, "data", (const char *)text);
	ds_json_end(&c->json);
	free(text);
	return 0;
}

void
models_file(struct call *c)
{
	show(c, c->id, put_file);
}

static int
run_import(const struct store_backend *backend, struct store *store, void *ctx)
{
	struct model_row *row = &((struct decision *)ctx)->row;
	static const char digits[] = "0123456789abcdef";
	char before[80], both[160], chain[65] = "";
	uint8_t sum[32];
	int r = backend->models->last(store, row->daemon, &row->version, before, sizeof(before));

	if (r < 0)
		return r;
	row->version++;
	snprintf(both, sizeof(both), "%s%s", before, row->checksum);
	SHA256((const uint8_t *)both, strlen(both), sum);
	for (size_t i = 0; i < 32; i++) {
		chain[2 * i] = digits[sum[i] >> 4];
		chain[2 * i + 1] = digits[sum[i] & 15];
	}
	row->chain = chain;
	r = backend->models->put(store, row);
	row->chain = "";
	return r;
}

/* The model in a request's text, checked; its row without id, or a problem. */
static bool
read_file(struct call *c, struct window_model *m, uint8_t **ret_bytes, size_t *ret_size)
{
	const char *text;
	char why[160];
	size_t len;
	int n;

	if (!call_text(c, "data", NULL, CALL_BODY_MAX, &text))
		return false;
	len = text != NULL ? strlen(text) : 0;
	*ret_bytes = malloc(len / 4 * 3 + 4);
	if (*ret_bytes == NULL) {
		call_error(c, -ENOMEM, "cannot read the model");
		return false;
	}
	n = len > 0 && len % 4 == 0 ? EVP_DecodeBlock(*ret_bytes, (const uint8_t *)text, (int)len)
				    : -1;
	if (n < 0) {
		call_problem(c, 400, "body", "data: expected a model as base64");
		return false;
	}
	*ret_size = (size_t)n - (text[len - 1] == '=') - (text[len - 2] == '=');
	if (window_model_get(*ret_bytes, *ret_size, m, why, sizeof(why)) < 0) {
		call_problem(c, 400, "model", "%s; what runs stays", why);
		return false;
	}
	return true;
}

static void
import(struct call *c, const struct window_model *m, const uint8_t *bytes, size_t size)
{
	uint8_t sum[32], ulid[DS_ULID_SIZE];
	char id[MODEL_ID_SIZE], checksum[65];
	struct decision change = { .row = { .daemon = m->class,
				       .state = "retired",
				       .created_us = ds_clock_wall_us(),
				       .checksum = checksum,
				       .job = "",
				       .note = "imported",
				       .bytes = bytes,
				       .size = size } };
	int r = ds_ulid_make(change.row.created_us, ulid);

	SHA256(bytes, size, sum);
	for (int i = 0; i < 32; i++)
		snprintf(checksum + 2 * i, 3, "%02x", sum[i]);
	ds_ulid_format("mdl_", ulid, id, sizeof(id));
	change.row.id = id;
	for (size_t i = 0; i < m->len; i++)
		change.row.windows = DS_MAX(change.row.windows, m->fits[i].windows);
	change.row.hosts = m->len > 0 ? m->fits[0].hosts : 0;
	c->subject = id;
	if (r == 0)
		r = call_write(c, run_import, &change);
	if (r < 0)
		call_error(c, r, "cannot keep the model");
	else
		show(c, id, list_model);
}

void
models_import(struct call *c)
{
	struct window_model m = { .len = 0 };
	uint8_t *bytes = NULL;
	size_t size = 0;

	if (has_trainer(c) && read_file(c, &m, &bytes, &size))
		import(c, &m, bytes, size);
	window_model_done(&m);
	free(bytes);
}

/* ---- forgetting */

static int
run_forget(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct forgotten_row *row = &((const struct decision *)ctx)->stretch;
	int r = backend->models->forget(store, row);

	return r < 0 ? r : backend->models->forget_keys(store, row->host, row->from_us, row->to_us);
}

static bool
read_time(struct call *c, const char *key, uint64_t *ret)
{
	const char *text;

	if (!call_text(c, key, "", 64, &text))
		return false;
	if (ds_clock_parse(text, ret) == 0)
		return true;
	call_problem(c, 400, "body", "%s: expected a time as 2026-11-24T01:02:03Z", key);
	return false;
}

void
models_forget(struct call *c)
{
	struct train_request request = { .days = TRAIN_DAYS_MAX, .forget = true };
	struct decision change = { .id = NULL };
	struct forgotten_row *row = &change.stretch;
	const char *host;
	char id[MODEL_ID_SIZE];
	int r;

	if (!has_trainer(c) || !call_text(c, "host", "", 255, &host) ||
	    !read_time(c, "from", &row->from_us) || !read_time(c, "to", &row->to_us))
		return;
	row->host = searcher_find_host(c->worker->searcher, host);
	if (row->host == 0) {
		call_problem(c, 404, "not-found", "there is no host \"%s\"", host);
		return;
	}
	if (row->from_us >= row->to_us) {
		call_problem(c, 400, "body", "to: must be later than from");
		return;
	}
	row->at_us = ds_clock_wall_us();
	row->by = c->caller->name;
	c->subject = host;
	r = call_write(c, run_forget, &change);
	if (r < 0) {
		call_error(c, r, "cannot forget");
		return;
	}
	if (c->cfg->ingest != NULL)
		ingest_forget(c->cfg->ingest, row->host, NULL);
	snprintf(request.by, sizeof(request.by), "%s", c->caller->name);
	r = train_begin(c->cfg->train, &request, id, announce, c);
	if (r < 0) {
		call_problem(c, 409, "conflict",
		    "it is noted and will be left out from now on, but a job is running: forget again "
		    "when it is done, so that no version that saw it is left");
		return;
	}
	c->status = 202;
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "job", id);
	ds_json_end(&c->json);
}

/* ---- jobs */

static int
put_job(const struct job_row *row, void *ctx)
{
	struct call *c = ctx;
	struct ds_json *j = &c->json;

	if (!call_page_has(c, row->id))
		return 0;
	ds_json_object(j);
	ds_json_put_string(j, "id", row->id);
	ds_json_put_string(j, "kind", row->kind);
	ds_json_put_string(j, "state", row->state);
	ds_json_put_time(j, "created", row->created_us);
	ds_json_put_time(j, "updated", row->updated_us);
	ds_json_put_uint(j, "done", row->done);
	ds_json_put_uint(j, "total", row->total);
	ds_json_put_string(j, "message", row->message);
	ds_json_put_string(j, "by", row->by);
	ds_json_key(j, "result");
	ds_json_raw(j, row->result, strlen(row->result));
	ds_json_end(j);
	return 0;
}

void
jobs_list(struct call *c)
{
	int r;

	if (!call_begin_page(c))
		return;
	r = c->cfg->backend->models->each_job(c->worker->reader, put_job, c);
	if (r < 0)
		call_error(c, r, "cannot read the jobs");
	else
		call_end_page(c);
}

void
jobs_show(struct call *c)
{
	int r = c->cfg->backend->models->job_get(c->worker->reader, c->id, put_job, c);

	if (r < 0)
		call_error(c, r, "cannot read the job");
	else if (r == 0)
		call_problem(c, 404, "not-found", "there is no job \"%s\"", c->id);
}

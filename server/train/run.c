/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run - one job: windows, models, gate, and one transaction for all of it.
 */
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/ulid.h"
#include "server/train/train_impl.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSIONS_KEPT 8
#define REASONS_MAX   50u
#define RESULT_MAX    (64u << 10)
#define DAY_US        (86400 * DS_US_PER_S)
#define TELL_MS       500

struct job {
	struct train *train;
	const struct train_mail *mail;
	struct collection data;
	struct built *built;
	char (*ids)[MODEL_ID_SIZE];
	size_t built_len;
	struct ds_buf reasons; /* JSON strings, comma between */
	size_t reasons_len;
	uint64_t from_us, to_us, told_ms;
	struct job_row row;
	char result[RESULT_MAX];
};

/* ---- progress */

static int
put_job(const struct store_backend *backend, struct store *store, void *ctx)
{
	return backend->models->job_put(store, &((struct job *)ctx)->row);
}

static int
tell(struct job *j, const char *state, uint64_t done, const char *message)
{
	j->row.state = state;
	j->row.done = done;
	j->row.message = message;
	j->row.updated_us = ds_clock_wall_us();
	return train_write(j->train, put_job, j);
}

/* Reading is four fifths of the work. */
static void
progress(void *ctx, uint64_t done, uint64_t total)
{
	struct job *j = ctx;
	uint64_t now = ds_clock_monotonic_ms();

	if (now < j->told_ms + TELL_MS)
		return;
	j->told_ms = now;
	if (tell(j, "running", done * 80 / total, "reading what the daemons did") < 0)
		ds_log(WARN, "a job's progress cannot be told, going on", "job=%s", j->mail->id);
}

static void
add_reason(struct job *j, const char *why)
{
	struct ds_json json;

	if (j->reasons_len++ >= REASONS_MAX)
		return;
	if (j->reasons.len > 0 && ds_buf_put(&j->reasons, ",", 1) < 0)
		return;
	ds_json_init(&json, &j->reasons);
	ds_json_string(&json, why);
	if (ds_json_done(&json) < 0)
		j->reasons_len = REASONS_MAX;
}

/* ---- building */

struct stored {
	struct fit_row *rows;
	size_t len;
	int error;
};

static int
take_attack(const struct attack_row *row, void *ctx)
{
	struct stored *s = ctx;
	struct fit_row *grown, *to;
	struct ds_buf b;

	if (row->size != WINDOW_DIM * 4)
		return 0; /* of a version with other features */
	grown = realloc(s->rows, (s->len + 1) * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	s->rows = grown;
	to = &grown[s->len];
	*to = (struct fit_row){ row->host, (uint32_t)row->minute, true, { 0 } };
	ds_buf_view(&b, row->vector, row->size);
	for (size_t i = 0; i < WINDOW_DIM; i++) {
		uint32_t bits = 0;

		(void)!ds_buf_get_u32(&b, &bits); /* the size was checked */
		memcpy(&to->at[i], &bits, sizeof(bits));
	}
	s->len++;
	return 0;
}

static int
build_one(struct job *j, const struct class_rows *rows, const struct model_set *running)
{
	struct train *t = j->train;
	struct stored s = { .len = 0 };
	struct built *b = &j->built[j->built_len];
	char why[400] = "";
	/* What was made from what is forgotten is no measure. */
	const struct set_entry *old = running != NULL && !j->mail->request.forget
					  ? model_set_find(running, rows->name)
					  : NULL;
	int r = t->cfg.backend->models->each_attack(t->reader, rows->name, take_attack, &s);

	if (r == 0)
		r = build_class(rows, old, s.rows, s.len, b, why, sizeof(why));
	free(s.rows);
	if (r == -ENODATA) {
		add_reason(j, why);
		return 0;
	}
	if (r == 0) {
		if (b->refused) {
			snprintf(why, sizeof(why), "%.200s: %.180s", rows->name, b->note);
			add_reason(j, why);
		}
		j->built_len++;
	}
	return r;
}

static int
build_all(struct job *j)
{
	struct ds_version *v = ds_snapshot_acquire(j->train->models);
	int r = 0;

	j->built = calloc(j->data.len + 1, sizeof(*j->built));
	j->ids = calloc(j->data.len + 1, sizeof(*j->ids));
	if (j->built == NULL || j->ids == NULL)
		r = -ENOMEM;
	for (size_t i = 0; i < j->data.len && r == 0; i++) {
		if (atomic_load(&j->train->stop))
			r = -ECANCELED;
		else
			r = build_one(j, &j->data.classes[i], v ? ds_version_value(v) : NULL);
		if (r == 0 && ds_clock_monotonic_ms() > j->told_ms + TELL_MS) {
			j->told_ms = ds_clock_monotonic_ms();
			r = tell(j, "running", 80 + i * 19 / j->data.len, "making models");
		}
	}
	ds_version_release(v);
	return r;
}

/* ---- storing */

static void
to_hex(const uint8_t sum[32], char ret[65])
{
	for (int i = 0; i < 32; i++)
		snprintf(ret + 2 * i, 3, "%02x", sum[i]);
}

static int
put_model(struct job *j, const struct store_backend *backend, struct store *store, size_t i)
{
	const struct built *b = &j->built[i];
	char checksum[65], chain[65], both[130];
	uint8_t sum[32], id[DS_ULID_SIZE];
	struct model_row row = { .daemon = b->model.class,
		.state = b->refused ? "refused" : "retired" };
	int r = backend->models->last(store, row.daemon, &row.version, chain, sizeof(chain));

	if (r < 0 || (r = ds_ulid_make(ds_clock_wall_us(), id)) < 0)
		return r;
	if (j->mail->request.forget)
		r = backend->models->drop(store, row.daemon);
	SHA256(b->bytes.data, b->bytes.len, sum);
	to_hex(sum, checksum);
	snprintf(both, sizeof(both), "%s%s", chain, checksum);
	SHA256((const uint8_t *)both, strlen(both), sum);
	to_hex(sum, chain);
	ds_ulid_format("mdl_", id, j->ids[i], MODEL_ID_SIZE);
	row.id = j->ids[i];
	row.version++;
	row.created_us = ds_clock_wall_us();
	row.data_from_us = b->from_us;
	row.data_to_us = b->to_us;
	row.windows = b->windows;
	row.hosts = b->hosts;
	row.coverage = b->coverage;
	row.checksum = checksum;
	row.chain = chain;
	row.job = j->mail->id;
	row.note = b->note;
	row.bytes = b->bytes.data;
	row.size = b->bytes.len;
	r = r < 0 ? r : backend->models->put(store, &row);
	if (r == 0 && !b->refused)
		r = backend->models->activate(store, row.id);
	return r < 0 ? r : backend->models->prune(store, row.daemon, VERSIONS_KEPT);
}

static int
put_attacks(const struct class_rows *c, const struct store_backend *backend, struct store *store)
{
	int r = 0;

	for (size_t i = 0; i < c->attacks_len && r == 0; i++) {
		const struct fit_row *row = &c->attacks[i].row;
		uint8_t vector[WINDOW_DIM * 4];
		struct attack_row out = { c->name, c->attacks[i].alert_id, row->host, row->index,
			vector, sizeof(vector) };

		for (size_t k = 0; k < WINDOW_DIM; k++) {
			uint32_t bits;

			memcpy(&bits, &row->at[k], sizeof(bits));
			for (int n = 0; n < 4; n++)
				vector[4 * k + (size_t)n] = (uint8_t)(bits >> (24 - 8 * n));
		}
		r = backend->models->attack_put(store, &out);
	}
	return r;
}

/* What was made from what is forgotten goes, also where too little is left for a new one. */
static int
drop_forgotten(const struct job *j, const struct store_backend *backend, struct store *store)
{
	int r = 0;

	for (size_t i = 0; i < j->data.len && r == 0; i++) {
		bool again = false;

		for (size_t k = 0; k < j->built_len; k++)
			again |= strcmp(j->built[k].model.class, j->data.classes[i].name) == 0;
		if (!again)
			r = backend->models->drop(store, j->data.classes[i].name);
	}
	return r;
}

static int
put_all(const struct store_backend *backend, struct store *store, void *ctx)
{
	struct job *j = ctx;
	int r = j->mail->request.forget ? drop_forgotten(j, backend, store) : 0;

	for (size_t i = 0; i < j->built_len && r == 0; i++)
		r = put_model(j, backend, store, i);
	for (size_t i = 0; i < j->data.len && r == 0; i++)
		r = put_attacks(&j->data.classes[i], backend, store);
	return r == 0 ? backend->models->job_put(store, &j->row) : r;
}

/* ---- the whole */

static void
write_result(struct job *j, bool enough)
{
	struct ds_buf out;
	struct ds_json json;

	ds_buf_init(&out, RESULT_MAX - 1);
	ds_json_init(&json, &out);
	ds_json_object(&json);
	ds_json_put_uint(&json, "segments", j->data.segments);
	ds_json_put_uint(&json, "events", j->data.events);
	ds_json_put_uint(&json, "windows", j->data.rows);
	ds_json_put_bool(&json, "enough_data", enough);
	ds_json_put_uint(&json, "models", j->built_len);
	ds_json_key(&json, "reasons");
	ds_json_array(&json);
	if (j->reasons.len > 0)
		ds_json_raw(&json, j->reasons.data, j->reasons.len);
	ds_json_end(&json);
	ds_json_end(&json);
	if (ds_json_done(&json) == 0) {
		memcpy(j->result, out.data, out.len);
		j->result[out.len] = '\0';
	}
	ds_buf_done(&out);
}

static int
make(struct job *j)
{
	const struct collect_config cfg = { .backend = j->train->cfg.backend,
		.reader = j->train->reader,
		.from_us = j->from_us,
		.to_us = j->to_us,
		.only = j->mail->request.daemon,
		.stop = &j->train->stop,
		.progress = progress,
		.ctx = j };
	int r = tell(j, "running", 0, "reading what the daemons did");

	if (r == 0)
		r = collect(&cfg, &j->data);
	if (r == 0)
		r = build_all(j);
	if (r < 0)
		return r;
	if (j->data.len == 0)
		add_reason(j, j->mail->request.daemon[0] ? "there is no such daemon"
							 : "no daemon is known yet");
	write_result(j, j->built_len > 0);
	if (j->built_len == 0 && !j->mail->request.forget)
		return -ENODATA;
	j->row.state = "done";
	j->row.done = 100;
	j->row.message = "done";
	j->row.updated_us = ds_clock_wall_us();
	return train_write(j->train, put_all, j);
}

static void
finish(struct job *j, int result)
{
	const char *message =
	    result == -ENODATA ? "there is not enough data yet" : strerror(-result);

	if (result == 0) {
		result = train_publish(j->train);
		ds_log(INFO, "models were made", "job=%s models=%zu windows=%zu", j->mail->id,
		    j->built_len, j->data.rows);
	} else if (result == -ECANCELED) {
		if (tell(j, "interrupted", j->row.done,
			"the server was stopped; nothing was changed") == 0)
			return;
	} else if (tell(j, "failed", j->row.done, message) == 0) {
		ds_log(INFO, "no models were made", "job=%s why=\"%s\"", j->mail->id, message);
		return;
	}
	if (result < 0)
		ds_log(ERROR, "a job's end cannot be told", "job=%s why=\"%s\"", j->mail->id,
		    strerror(-result));
}

void
train_run(struct train *t, const struct train_mail *mail)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL) {
		ds_log(ERROR, "no memory for a job", "job=%s", mail->id);
		return;
	}
	j->train = t;
	j->mail = mail;
	j->to_us = ds_clock_wall_us();
	j->from_us = j->to_us - DS_MIN(mail->request.days, TRAIN_DAYS_MAX) * DAY_US;
	ds_buf_init(&j->reasons, RESULT_MAX / 2);
	snprintf(j->result, sizeof(j->result), "{}");
	j->row = (struct job_row){ .id = mail->id,
		.kind = mail->request.forget ? "forget" : "train",
		.created_us = mail->created_us,
		.total = 100,
		.result = j->result,
		.by = mail->request.by };
	finish(j, make(j));
	for (size_t i = 0; i < j->built_len; i++)
		built_done(&j->built[i]);
	collection_free(&j->data);
	ds_buf_done(&j->reasons);
	free(j->built);
	free(j->ids);
	free(j);
}

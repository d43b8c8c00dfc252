/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trainer over a real store: segments in, models out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "server/model/random.h"
#include "server/model/set.h"
#include "server/store/segment.h"
#include "server/store/writer.h"
#include "server/train/train.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MINUTE 60000000ull

struct fixture {
	char dir[64];
	struct store_config cfg;
	const struct store_backend *backend;
	struct writer *writer;
	struct train *train;
	struct reader *reader;
	uint64_t base_us;
	uint32_t hosts;
};

/* ---- writing what a test needs */

struct write {
	struct write_request request;
	struct ds_mail mail;
	struct ds_mailbox *done;
	int (*run)(const struct store_backend *b, struct store *s, void *ctx);
	void *ctx;
	int result;
};

static int
run_write(struct write_request *request, const struct store_backend *b, struct store *s)
{
	struct write *w = DS_CONTAINER(request, struct write, request);

	return w->run(b, s, w->ctx);
}

static void
write_done(struct write_request *request, int result)
{
	struct write *w = DS_CONTAINER(request, struct write, request);

	w->result = result;
	assert_int_equal(ds_mailbox_put(w->done, &w->mail), 0);
}

static void
write_now(
    struct fixture *f, int (*run)(const struct store_backend *, struct store *, void *), void *ctx)
{
	struct write w = {
		.request = { .run = run_write, .done = write_done }, .run = run, .ctx = ctx
	};

	w.done = ds_mailbox_new(4);
	assert_int_equal(writer_post(f->writer, &w.request), 0);
	assert_non_null(ds_mailbox_wait(w.done, 20000));
	assert_true(w.result >= 0);
	ds_mailbox_free(w.done);
}

struct segment {
	struct fixture *f;
	uint32_t host;
	uint64_t hour;
	uint64_t skip_from_us, skip_to_us; /* what this store never sees */
};

static int
put_segment(const struct store_backend *b, struct store *s, void *ctx)
{
	const struct segment *g = ctx;
	struct segment_row row = {
		.host = g->host, .lane = DS_LANE_BULK, .epoch = 1, .seq = g->hour + 1
	};
	struct segment_maker m;
	struct random dice;

	assert_int_equal(segment_maker_init(&m), 0);
	random_seed(&dice, g->host * 1000 + g->hour);
	for (uint64_t i = 0; i < 60 * 3; i++) {
		struct ds_event ev = { .time_us =
					   g->f->base_us + g->hour * 60 * MINUTE + i * MINUTE / 3,
			.kind = i % 3 ? DS_EVENT_FILE_WRITE : DS_EVENT_ACCEPT,
			.count = 1 + random_below(&dice, 5) };

		ev.daemon = (struct ds_str){ "nginx.service", 13 };
		if (i % 3)
			ds_event_set_str(&ev, DS_STR_PATH, "/var/log/access", 15);
		if (ev.time_us >= g->skip_from_us && ev.time_us < g->skip_to_us)
			continue;
		assert_int_equal(ds_batch_add(m.builder, &ev), 0);
		row.received_us = ev.time_us;
	}
	if (ds_batch_builder_len(m.builder) > 0) {
		assert_int_equal(segment_make(&m, 1, &row), 0);
		assert_int_equal(b->segment_put(s, &row), 1);
	}
	segment_maker_done(&m);
	return 0;
}

static const char *labels = ""; /* of hosts that are put */

static int
put_host(const struct store_backend *b, struct store *s, void *ctx)
{
	uint32_t *number = ctx;
	struct host_row host = { .id = { (uint8_t)(1 + *number) },
		.name = "web",
		.os = "",
		.kernel = "",
		.arch = "",
		.machine_id = "",
		.boot_id = "",
		.agent_version = "",
		.sensors = "",
		.labels = labels,
		.status = HOST_APPROVED,
		.cert_serial = "" };
	struct daemon_row daemon = { .name = "nginx.service",
		.role = "service",
		.unit = "",
		.instance = "",
		.exe = "/usr/sbin/nginx",
		.package = "",
		.package_version = "",
		.container = "",
		.container_name = "",
		.image = "",
		.state = "ready",
		.blockers = "[]" };
	int r = b->host_put(s, &host);

	daemon.host = host.number;
	*number = host.number;
	return r < 0 ? r : b->daemon_put(s, &daemon);
}

static void
fill_host(
    struct fixture *f, uint32_t number, unsigned hours, uint64_t skip_from_us, uint64_t skip_to_us)
{
	struct segment g = { .f = f, .skip_from_us = skip_from_us, .skip_to_us = skip_to_us };

	write_now(f, put_host, &number);
	g.host = number;
	for (g.hour = 0; g.hour < hours; g.hour++)
		write_now(f, put_segment, &g);
}

/* hosts x hours of the same behaviour, but for what the second host does not show in a stretch. */
static void
fill(struct fixture *f, unsigned hosts, unsigned hours, uint64_t skip_from_us, uint64_t skip_to_us)
{
	for (uint32_t i = 0; i < hosts; i++)
		fill_host(f, i, hours, i == 1 ? skip_from_us : 0, i == 1 ? skip_to_us : 0);
}

static struct fixture *
make(uint64_t base_us)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct train_config cfg;
	char why[200] = "";

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "%s/ds-train-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	f->base_us = base_us;
	f->backend = store_lookup("sqlite");
	f->cfg = (struct store_config){
		.dir = f->dir, .retention_us = 30 * 1440 * MINUTE, .max_bytes = 1u << 30
	};
	f->writer = writer_start(f->backend, &f->cfg, why, sizeof(why));
	if (f->writer == NULL)
		fail_msg("%s", why);
	cfg = (struct train_config){ .backend = f->backend, .store = &f->cfg, .writer = f->writer };
	f->train = train_new(&cfg, why, sizeof(why));
	if (f->train == NULL)
		fail_msg("%s", why);
	assert_int_equal(train_start(f->train), 0);
	assert_int_equal(f->backend->reader_open(&f->cfg, &f->reader), 0);
	return f;
}

static void
drop(struct fixture *f)
{
	train_stop(f->train);
	train_free(f->train);
	f->backend->reader_close(f->reader);
	writer_stop(f->writer);
	(void)tree_remove(f->dir);
	free(f);
}

/* ---- jobs */

struct seen_job {
	char state[32], message[128], result[4096];
};

static int
see_job(const struct job_row *row, void *ctx)
{
	struct seen_job *s = ctx;

	snprintf(s->state, sizeof(s->state), "%s", row->state);
	snprintf(s->message, sizeof(s->message), "%s", row->message);
	snprintf(s->result, sizeof(s->result), "%s", row->result);
	return 0;
}

/* Until it is no longer running, and its models are published. */
static struct seen_job
wait_job(struct fixture *f, const char *id)
{
	struct seen_job s = { .state = "" };

	for (int i = 0; i < 3000; i++) {
		(void)f->backend->models->job_get(f->reader, id, see_job, &s);
		if (s.state[0] != '\0' && strcmp(s.state, "running") != 0)
			return s;
		(void)poll(NULL, 0, 10);
	}
	fail_msg("the job does not end");
	return s;
}

static struct seen_job
run_job(struct fixture *f, bool forget)
{
	struct train_request request = { .days = 7, .by = "test", .forget = forget };
	char id[MODEL_ID_SIZE];

	for (int i = 0; train_begin(f->train, &request, id, NULL, NULL) == -EBUSY; i++) {
		assert_true(i < 1000);
		(void)poll(NULL, 0, 10);
	}
	return wait_job(f, id);
}

struct seen_model {
	size_t len, size;
	uint64_t version;
	char id[MODEL_ID_SIZE], checksum[80], chain[80], state[16];
	uint8_t *bytes;
};

static int
see_model(const struct model_row *row, void *ctx)
{
	struct seen_model *s = ctx;

	s->len++;
	s->version = row->version;
	snprintf(s->id, sizeof(s->id), "%s", row->id);
	snprintf(s->checksum, sizeof(s->checksum), "%s", row->checksum);
	snprintf(s->chain, sizeof(s->chain), "%s", row->chain);
	if (row->bytes != NULL) {
		free(s->bytes);
		s->bytes = malloc(row->size);
		memcpy(s->bytes, row->bytes, row->size);
		s->size = row->size;
	}
	return 0;
}

static struct seen_model
active(struct fixture *f)
{
	struct seen_model s = { .len = 0 };

	assert_int_equal(f->backend->models->each_active(f->reader, see_model, &s), 0);
	return s;
}

/* ---- tests */

static uint64_t
yesterday(void)
{
	return (ds_clock_wall_us() / MINUTE - 1440) * MINUTE;
}

static void
without_enough_data_a_job_fails_and_says_what_is_missing(void **state)
{
	struct fixture *f = make(yesterday());
	struct seen_job job;

	(void)state;
	job = run_job(f, false);
	assert_string_equal(job.state, "failed");
	assert_non_null(strstr(job.result, "no daemon is known yet"));
	fill(f, 1, 1, 0, 0);
	job = run_job(f, false);
	assert_string_equal(job.state, "failed");
	assert_non_null(strstr(job.result, "\"enough_data\":false"));
	assert_non_null(strstr(job.result, "minutes watched"));
	assert_int_equal(active(f).len, 0);
	drop(f);
}

static void
a_job_makes_models_that_are_versioned_chained_and_published(void **state)
{
	struct fixture *f = make(yesterday());
	struct seen_model first, second;
	struct ds_version *v = NULL;
	struct seen_job job;

	(void)state;
	fill(f, 2, 6, 0, 0);
	job = run_job(f, false);
	assert_string_equal(job.state, "done");
	first = active(f);
	assert_int_equal(first.len, 1);
	assert_int_equal(first.version, 1);
	job = run_job(f, false);
	assert_string_equal(job.state, "done");
	second = active(f);
	assert_int_equal(second.len, 1);
	assert_int_equal(second.version, 2);
	assert_string_equal(first.checksum, second.checksum); /* the same data: the same bits */
	assert_string_not_equal(first.chain, second.chain);
	for (int i = 0; i < 500; i++) {
		const struct model_set *set;

		v = ds_snapshot_acquire(train_models(f->train));
		set = ds_version_value(v);
		if (set->len == 1 && set->entries[0].version == 2)
			break;
		ds_version_release(v);
		v = NULL;
		(void)poll(NULL, 0, 10);
	}
	assert_non_null(v);
	assert_non_null(model_set_find(ds_version_value(v), "nginx"));
	ds_version_release(v);
	free(first.bytes);
	free(second.bytes);
	drop(f);
}

struct stretch {
	uint32_t host;
	uint64_t from_us, to_us;
};

static int
put_forgotten(const struct store_backend *b, struct store *s, void *ctx)
{
	const struct stretch *t = ctx;
	const struct forgotten_row row = { t->host, t->from_us, t->to_us, 1, "test" };

	return b->models->forget(s, &row);
}

static void
what_was_forgotten_leaves_the_model_that_never_saw_it(void **state)
{
	uint64_t base = yesterday();
	struct stretch gone = { 2, base + 100 * MINUTE, base + 250 * MINUTE };
	struct fixture *f = make(base), *g = make(base);
	struct seen_model with, without, never;

	(void)state;
	fill(f, 2, 6, 0, 0);
	fill(g, 2, 6, gone.from_us, gone.to_us);
	assert_string_equal(run_job(f, false).state, "done");
	with = active(f);
	write_now(f, put_forgotten, &gone);
	assert_string_equal(run_job(f, true).state, "done");
	without = active(f);
	assert_string_equal(run_job(g, false).state, "done");
	never = active(g);
	assert_string_not_equal(with.checksum, without.checksum);
	assert_string_equal(without.checksum, never.checksum);
	assert_int_equal(without.size, never.size);
	assert_memory_equal(without.bytes, never.bytes, never.size);
	/* No version that saw it is left. */
	assert_int_equal(f->backend->models->get(f->reader, with.id, see_model, &with), 0);
	free(with.bytes);
	free(without.bytes);
	free(never.bytes);
	drop(f);
	drop(g);
}

static void
there_is_one_job_at_a_time(void **state)
{
	struct fixture *f = make(yesterday());
	struct train_request request = { .days = 7, .by = "test" };
	char id[MODEL_ID_SIZE], other[MODEL_ID_SIZE];

	(void)state;
	fill(f, 2, 6, 0, 0);
	assert_int_equal(train_begin(f->train, &request, id, NULL, NULL), 0);
	assert_int_equal(train_begin(f->train, &request, other, NULL, NULL), -EBUSY);
	assert_string_equal(wait_job(f, id).state, "done");
	drop(f);
}

/* After the job was looked at so many times. */
static void
interrupt_after(unsigned looks)
{
	struct fixture *f = make(yesterday());
	struct train_request request = { .days = 7, .by = "test" };
	struct seen_job job = { .state = "" };
	char id[MODEL_ID_SIZE];
	struct seen_model made;

	fill(f, 1, 6, 0, 0);
	assert_int_equal(train_begin(f->train, &request, id, NULL, NULL), 0);
	while (looks-- > 0)
		(void)f->backend->models->job_get(f->reader, id, see_job, &job);
	train_stop(f->train);
	(void)f->backend->models->job_get(f->reader, id, see_job, &job);
	made = active(f);
	/* All of it or nothing, and it says which. */
	assert_int_equal(made.len, strcmp(job.state, "done") == 0);
	assert_string_not_equal(job.state, "running");
	free(made.bytes);
	drop(f);
}

static void
a_job_that_is_interrupted_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned looks = 0; looks < 20000; looks = looks * 5 + 1)
		interrupt_after(looks);
}

static void
one_host_alone_makes_a_model(void **state)
{
	struct fixture *f = make(yesterday());
	struct seen_model made;

	(void)state;
	fill(f, 1, 6, 0, 0);
	assert_string_equal(run_job(f, false).state, "done");
	made = active(f);
	assert_int_equal(made.len, 1);
	free(made.bytes);
	drop(f);
}

static int
put_damaged(const struct store_backend *b, struct store *s, void *ctx)
{
	const struct model_row row = { .id = "mdl_damaged",
		.daemon = "cron",
		.state = "active",
		.version = 1,
		.checksum = "",
		.chain = "",
		.job = "",
		.note = "",
		.bytes = "no model at all",
		.size = 15 };

	(void)ctx;
	return b->models->put(s, &row);
}

/* The server starts with what can be read of what it kept. */
static void
a_damaged_model_in_the_store_is_left_out_and_the_others_run(void **state)
{
	struct fixture *f = make(yesterday());
	struct train_config cfg;
	const struct model_set *set;
	struct ds_version *v;
	char why[200] = "";

	(void)state;
	fill(f, 2, 6, 0, 0);
	assert_string_equal(run_job(f, false).state, "done");
	write_now(f, put_damaged, NULL);
	train_stop(f->train);
	train_free(f->train);
	cfg = (struct train_config){ .backend = f->backend, .store = &f->cfg, .writer = f->writer };
	f->train = train_new(&cfg, why, sizeof(why));
	assert_non_null(f->train);
	v = ds_snapshot_acquire(train_models(f->train));
	assert_non_null(v);
	set = ds_version_value(v);
	assert_non_null(model_set_find(set, "nginx"));
	assert_null(model_set_find(set, "cron"));
	ds_version_release(v);
	assert_int_equal(train_start(f->train), 0);
	drop(f);
}

static void
a_host_that_is_a_honeypot_teaches_nobody(void **state)
{
	uint64_t base_us = yesterday();
	struct fixture *without = make(base_us), *with = make(base_us);
	struct seen_model a, b;

	(void)state;
	fill(without, 2, 4, 0, 0);
	fill(with, 2, 4, 0, 0);
	labels = "web, honeypot";
	fill_host(with, 2, 4, 0, 0);
	labels = "";
	assert_string_equal(run_job(without, false).state, "done");
	assert_string_equal(run_job(with, false).state, "done");
	a = active(without);
	b = active(with);
	assert_int_equal(a.len, 1);
	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.bytes, b.bytes, a.size);
	free(a.bytes);
	free(b.bytes);
	drop(without);
	drop(with);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_enough_data_a_job_fails_and_says_what_is_missing),
		cmocka_unit_test(a_job_makes_models_that_are_versioned_chained_and_published),
		cmocka_unit_test(what_was_forgotten_leaves_the_model_that_never_saw_it),
		cmocka_unit_test(a_host_that_is_a_honeypot_teaches_nobody),
		cmocka_unit_test(one_host_alone_makes_a_model),
		cmocka_unit_test(a_damaged_model_in_the_store_is_left_out_and_the_others_run),
		cmocka_unit_test(there_is_one_job_at_a_time),
		cmocka_unit_test(a_job_that_is_interrupted_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ingest/ingest.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/order.h"
#include "server/ingest/trust.h"
#include "server/ingest/worker.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_BYTES_MAX (256u << 10) /* waiting to be written to one agent */
#define IDLE_MIN_MS   90000u

/* All are prepared before any runs: a session may be for any of them. */
static int
start_workers(struct ingest *in, char *ret_why, size_t why_size)
{
	int r = 0;

	for (unsigned i = 0; i < in->cfg.workers && r == 0; i++) {
		int fd = listener_open(in->cfg.listen, in->port, &in->port, ret_why, why_size);

		if (fd < 0)
			return fd;
		r = worker_prepare(&in->workers[i], in, i, fd, ret_why, why_size);
		if (r == 0)
			in->workers_len++;
	}
	for (unsigned i = 0; i < in->workers_len && r == 0; i++) {
		r = worker_run(&in->workers[i]);
		if (r < 0)
			snprintf(ret_why, why_size, "no thread: %s", strerror(-r));
	}
	return r;
}

static struct pki *
open_pki(const struct ingest_config *cfg, char *ret_why, size_t why_size)
{
	char dir[4096];
	int n = snprintf(dir, sizeof(dir), "%s/pki", cfg->state_dir);

	if (n < 0 || (size_t)n >= sizeof(dir)) {
		snprintf(ret_why, why_size, "the state directory's name is too long");
		return NULL;
	}
	return pki_open(
	    dir, cfg->hostnames, cfg->hostnames_len, ds_clock_wall_us(), ret_why, why_size);
}

struct ingest *
ingest_start(const struct ingest_config *cfg, char *ret_why, size_t why_size)
{
	struct ingest *in = calloc(1, sizeof(*in));

	snprintf(ret_why, why_size, "no memory");
	if (!in)
		return NULL;
	in->cfg = *cfg;
	in->cfg.workers = DS_MAX(1u, DS_MIN(cfg->workers, (unsigned)WORKERS_MAX));
	in->limits = ds_conn_default_limits;
	in->limits.out_max = OUT_BYTES_MAX;
	in->limits.idle_ms =
	    DS_MAX(IDLE_MIN_MS, (uint32_t)DS_MIN(cfg->silent_after_us / 1000, 3600000u));
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		in->workers[i].listen_fd = -1;
	in->authority = ds_snapshot_new(free);
	if (in->authority)
		in->pki = open_pki(cfg, ret_why, why_size);
	if (!in->pki || trust_publish(in, in->pki) < 0 ||
	    start_workers(in, ret_why, why_size) < 0) {
		ingest_stop(in);
		return NULL;
	}
	return in;
}

/* A request that only tells when the writer has come to it. */
struct barrier {
	struct write_request request; /* first */
	sem_t reached;
};

static int
run_barrier(struct write_request *request, const struct store_backend *b, struct store *store)
{
	(void)request;
	(void)b;
	(void)store;
	return 0;
}

static void
reach_barrier(struct write_request *request, int result)
{
	(void)result;
	sem_post(&DS_CONTAINER(request, struct barrier, request)->reached);
}

/* Everything that workers posted has come back. */
static void
wait_for_writer(struct writer *writer)
{
	struct barrier barrier = { .request = { .run = run_barrier, .done = reach_barrier } };

	(void)sem_init(&barrier.reached, 0, 0);
	while (writer_post(writer, &barrier.request) < 0)
		sched_yield(); /* full: it is being emptied */
	while (sem_wait(&barrier.reached) < 0)
		;
	sem_destroy(&barrier.reached);
}

void
ingest_stop(struct ingest *in)
{
	if (!in)
		return;
	for (unsigned i = 0; i < in->workers_len; i++)
		worker_join(&in->workers[i]);
	wait_for_writer(in->cfg.writer);
	for (unsigned i = 0; i < in->workers_len; i++)
		worker_end(&in->workers[i]);
	pki_free(in->pki);
	ds_snapshot_free(in->authority);
	free(in);
}

static void
tell_all(struct ingest *in, const struct worker_mail *what)
{
	for (unsigned i = 0; i < in->workers_len; i++) {
		struct worker_mail *m = malloc(sizeof(*m));

		if (!m)
			return;
		*m = *what;
		m->is_owned = true;
		if (worker_tell(&in->workers[i], m) < 0) {
			ds_log(ERROR, "a worker does not take its mail", "worker=%u", i);
			free(m);
		}
	}
}

void
ingest_reconfigure(struct ingest *in, const struct detect_config *detect)
{
	struct worker_mail m = { .kind = MAIL_DETECT, .detect = *detect };

	tell_all(in, &m);
}

void
ingest_host_changed(struct ingest *in, const uint8_t id[DS_HOST_ID_SIZE])
{
	struct worker_mail m = { .kind = MAIL_HOST };

	memcpy(m.host_id, id, sizeof(m.host_id));
	tell_all(in, &m);
}

void
ingest_forget(struct ingest *in, uint32_t host, const char *daemon)
{
	struct worker_mail m = { .kind = MAIL_FORGET, .host = host };

	snprintf(m.daemon, sizeof(m.daemon), "%s", daemon ? daemon : "");
	tell_all(in, &m);
}

int
ingest_send_order(struct ingest *in, uint32_t host, const void *data, size_t size)
{
	struct worker_mail *m;
	int r;

	if (size > DS_ORDER_MAX)
		return -EFBIG;
	m = malloc(sizeof(*m) + size);
	if (!m)
		return -ENOMEM;
	*m = (struct worker_mail){
		.kind = MAIL_ORDER, .is_owned = true, .host = host, .size = size
	};
	m->data = (uint8_t *)(m + 1);
	memcpy(m->data, data, size);
	r = worker_tell(worker_of(in, host), m);
	if (r < 0)
		free(m);
	return r;
}

int
ingest_authority(const struct ingest *in, struct reader *r, struct authority_state *ret)
{
	struct ds_version *v = ds_snapshot_acquire(in->authority);

	if (!v)
		return -ENOENT;
	memcpy(ret, ds_version_value(v), sizeof(*ret));
	ds_version_release(v);
	return trust_count(in->cfg.backend, r, ret);
}

int
ingest_rotate(struct ingest *in, bool is_forced)
{
	struct worker_mail *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	*m = (struct worker_mail){ .kind = MAIL_ROTATE, .is_owned = true, .is_forced = is_forced };
	r = worker_tell(&in->workers[0], m);
	if (r < 0)
		free(m);
	return r;
}

uint16_t
ingest_port(const struct ingest *in)
{
	return in->port;
}

const char *
ingest_ca_file(const struct ingest *in)
{
	return pki_ca_file(in->pki);
}

int
ingest_each_session(
    struct ingest *in, int (*call)(const struct session_info *s, void *ctx), void *ctx)
{
	int r = 0;

	for (unsigned i = 0; i < in->workers_len && r == 0; i++) {
		struct ds_version *v = ds_snapshot_acquire(in->workers[i].published);
		const struct session_list *list = v ? ds_version_value(v) : NULL;

		for (size_t j = 0; list && j < list->len && r == 0; j++)
			r = call(&list->items[j], ctx);
		if (v)
			ds_version_release(v);
	}
	return r;
}

bool
ingest_session(struct ingest *in, uint32_t host, struct session_info *ret)
{
	struct ds_version *v = ds_snapshot_acquire(worker_of(in, host)->published);
	const struct session_list *list = v ? ds_version_value(v) : NULL;
	size_t low = 0, high = list ? list->len : 0;
	bool found;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (list->items[mid].host < host)
			low = mid + 1;
		else
			high = mid;
	}
	found = list && low < list->len && list->items[low].host == host;
	if (found)
		*ret = list->items[low];
	if (v)
		ds_version_release(v);
	return found;
}

static uint64_t
count_sessions(struct ingest *in)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < in->workers_len; i++) {
		struct ds_version *v = ds_snapshot_acquire(in->workers[i].published);

		if (!v)
			continue;
		n += ((const struct session_list *)ds_version_value(v))->len;
		ds_version_release(v);
	}
	return n;
}

void
ingest_get_detection(struct ingest *in, struct detect_state *ret)
{
	*ret = (struct detect_state){ 0 };
	for (unsigned i = 0; i < in->workers_len; i++) {
		struct ds_version *v = ds_snapshot_acquire(in->workers[i].published);

		if (!v)
			continue;
		detect_state_add(
		    ret, &((const struct session_list *)ds_version_value(v))->detection);
		ds_version_release(v);
	}
}

void
ingest_get_stats(struct ingest *in, struct ingest_stats *ret)
{
	*ret = (struct ingest_stats){
		.accepted = in->accepted,
		.refused = in->refused,
		.handshakes_failed = in->handshakes_failed,
		.sessions = count_sessions(in),
		.batches = in->batches,
		.events = in->events,
		.bytes_in = in->bytes_in,
		.bad_frames = in->bad_frames,
		.duplicates = in->duplicates,
		.gaps = in->gaps,
		.enrolled = in->enrolled,
		.paused = in->paused,
		.retried = in->retried,
		.copies = in->copies,
	};
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deliver - a batch's way to disk: checked, decoded once, scored, handed to the writer, acked when
 * it is committed.
 *
 * On the worker's thread, but for run() and done(), which the writer calls.  A batch that was
 * scored is never scored again: when it could not be stored (disk full) it is kept and tried again,
 * in order, with nothing overtaking it, while sessions are paused; the agents' spools hold the
 * rest. run() refuses a batch whose predecessor is not on disk, so that a cursor never skips one.
 */
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "server/ingest/scoring.h"
#include "server/ingest/worker.h"
#include "server/store/bloom.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct delivery {
	struct write_request request; /* first */
	struct worker_mail back;
	struct delivery *next; /* of the worker's retry list */
	struct worker *worker;
	struct host_state *host; /* NULL: a tick's verdict, without a segment */
	struct segment_row row;
	uint64_t previous_seq; /* must be on disk before this one */
	struct verdict verdict;
	struct batch_origin origin;
	struct ds_buf told; /* events that others wait for */
	int result;
	size_t size;
	uint8_t bytes[]; /* packed, daemons, bloom */
};

static struct ds_log_rate rate;

static void
delivery_free(struct delivery *d)
{
	d->worker->flying_size -= d->size;
	if (d->host)
		d->host->flying--;
	verdict_done(&d->verdict);
	ds_buf_done(&d->told);
	free(d);
}

/* How many answers come. */
static unsigned
tell_others(const struct delivery *d)
{
	const struct ingest_config *cfg = &d->worker->ingest->cfg;
	const struct ingest_news news = {
		.from = &d->origin,
		.findings = d->verdict.findings,
		.findings_len = d->verdict.findings_len,
		.events = d->told.data,
		.events_size = d->told.len,
	};

	if (!cfg->on_stored || (news.findings_len == 0 && news.events_size == 0))
		return 0;
	return cfg->on_stored(&news, cfg->stored_ctx);
}

static void
done(struct write_request *request, int result)
{
	static struct ds_log_rate lost;
	struct delivery *d = DS_CONTAINER(request, struct delivery, request);

	d->result = result;
	if (worker_tell(d->worker, &d->back) < 0 && ds_log_pass(&lost, 5))
		ds_log(ERROR, "a worker does not take its mail", "worker=%u", d->worker->index);
}

static int
is_next(const struct delivery *d, const struct store_backend *b, struct store *store)
{
	struct ds_cursor c;
	int r = b->cursor_get(store, d->row.host, d->row.lane, &c);

	if (r < 0)
		return r;
	if (c.epoch != d->row.epoch)
		return d->previous_seq == 0 ? 0 : -EILSEQ;
	return c.seq >= d->previous_seq ? 0 : -EILSEQ;
}

static int
store_verdict(struct delivery *d, const struct store_backend *b, struct store *store)
{
	int r = scoring_store(b, store, &d->origin, &d->verdict);

	d->request.asked = r == 0 ? tell_others(d) : 0;
	return r;
}

static int
run_batch(struct write_request *request, const struct store_backend *b, struct store *store)
{
	struct delivery *d = DS_CONTAINER(request, struct delivery, request);
	int r = is_next(d, b, store);

	if (r == 0)
		r = b->segment_put(store, &d->row);
	return r > 0 ? store_verdict(d, b, store) : r;
}

static int
run_tick(struct write_request *request, const struct store_backend *b, struct store *store)
{
	struct delivery *d = DS_CONTAINER(request, struct delivery, request);

	return store_verdict(d, b, store);
}

static struct delivery *
delivery_new(struct worker *w, struct host_state *h, size_t bytes)
{
	struct delivery *d = malloc(sizeof(*d) + bytes);

	if (!d)
		return NULL;
	*d = (struct delivery){
		.request = { .run = h ? run_batch : run_tick, .done = done },
		.back = { .kind = MAIL_DELIVERED, .delivery = d },
		.worker = w,
		.host = h,
		.size = sizeof(*d) + bytes,
	};
	w->flying_size += d->size;
	if (h)
		h->flying++;
	return d;
}

static void
keep_for_retry(struct worker *w, struct delivery *d)
{
	static const struct timeval later = { .tv_sec = RETRY_MS / 1000 };

	d->next = NULL;
	if (w->retry_tail)
		w->retry_tail->next = d;
	else
		w->retry_head = d;
	w->retry_tail = d;
	if (!event_pending(w->on_retry, EV_TIMEOUT, NULL))
		event_add(w->on_retry, &later);
}

static void
send_off(struct worker *w, struct delivery *d)
{
	if (w->retry_head || writer_post(w->ingest->cfg.writer, &d->request) < 0)
		keep_for_retry(w, d);
}

void
deliver_retry(struct worker *w)
{
	struct delivery *d = w->retry_head, *next;

	w->retry_head = w->retry_tail = NULL;
	for (; d; d = next) {
		next = d->next;
		w->ingest->retried++;
		send_off(w, d);
	}
}

static void
pause_if_full(struct session *s)
{
	struct worker *w = s->worker;

	if (w->flying_size < FLYING_MAX && s->host->flying < FLYING_HOST_MAX)
		return;
	w->over = w->over || w->flying_size >= FLYING_MAX;
	session_pause(s);
}

static void
resume_all(struct worker *w)
{
	w->over = false;
	for (struct session *s = w->sessions; s; s = s->next)
		session_resume(s);
}

static void
mark_ack(struct worker *w, struct host_state *h, unsigned lane)
{
	bool is_listed = false;

	h->ack_due[lane] = true;
	for (size_t i = 0; i < w->ack_hosts_len && !is_listed; i++)
		is_listed = w->ack_hosts[i] == h;
	if (is_listed)
		return;
	if (w->ack_hosts_len == DS_LEN(w->ack_hosts))
		deliver_acks(w);
	w->ack_hosts[w->ack_hosts_len++] = h;
}

void
deliver_acks(struct worker *w)
{
	for (size_t i = 0; i < w->ack_hosts_len; i++) {
		struct host_state *h = w->ack_hosts[i];

		for (unsigned lane = 0; lane < DS_LANES; lane++)
			if (h->ack_due[lane] && h->session)
				session_ack(h->session, lane);
	}
	w->ack_hosts_len = 0;
}

void
deliver_done(struct worker *w, struct delivery *d)
{
	struct host_state *h = d->host;

	if (d->result < 0) {
		if (d->result != -EILSEQ && ds_log_pass(&rate, 3))
			ds_log(WARN, "a batch could not be stored, it is kept and tried again",
			    "host=%u why=\"%s\"", d->row.host, strerror(-d->result));
		keep_for_retry(w, d);
		return;
	}
	if (h) {
		h->committed[d->row.lane] = (struct ds_cursor){ d->row.epoch, d->row.seq };
		mark_ack(w, h, d->row.lane);
	}
	delivery_free(d);
	if (h && h->session && h->session->paused && !w->over && h->flying < FLYING_HOST_MAX / 2)
		session_resume(h->session);
	if (w->over && w->flying_size < FLYING_MAX / 2)
		resume_all(w);
}

/* Already scored: 1; 0 when it is new. */
static int
check_cursor(struct session *s, const struct ds_batch_frame *m)
{
	struct host_state *h = s->host;
	struct ds_cursor *received;

	if (m->lane >= DS_LANES || m->epoch != s->epoch || m->seq == 0)
		return -EBADMSG;
	received = &h->received[m->lane];
	if (m->seq <= received->seq) {
		s->info.duplicates++;
		s->worker->ingest->duplicates++;
		if (m->seq <= h->committed[m->lane].seq)
			mark_ack(s->worker, h, m->lane);
		return 1;
	}
	if (m->seq > received->seq + 1) {
		uint64_t lost = (m->seq - received->seq - 1) % DS_SEQ_SKIP;

		s->info.gaps += lost;
		s->worker->ingest->gaps += lost;
		if (lost > 0 && ds_log_pass(&rate, 3))
			ds_log(WARN, "batches are missing, the agent's spool was full",
			    "host=\"%s\" lane=%u count=%llu", h->name, m->lane,
			    (unsigned long long)lost);
	}
	return 0;
}

static void
count_batch(struct session *s, const struct ds_batch_frame *m)
{
	const struct ds_batch_header *h = ds_batch_header(s->worker->batch);
	struct ingest *in = s->worker->ingest;
	uint64_t now = ds_clock_wall_us();

	s->info.batches++;
	s->info.events += h->len;
	s->info.last_event_us = DS_MAX(s->info.last_event_us, h->time_max_us);
	s->info.lag_us = now > h->time_max_us ? now - h->time_max_us : 0;
	in->batches++;
	in->events += h->len;
	in->bytes_in += m->size;
}

/* What the agent itself says that it lost. */
static void
count_lost(struct session *s, struct ds_batch *b)
{
	const uint8_t *kinds = ds_batch_kinds(b);
	const uint64_t *lost;

	if (!(ds_batch_header(b)->kinds & 1ull << DS_EVENT_GAP))
		return;
	lost = ds_batch_nums(b, DS_NUM_LOST);
	for (size_t i = 0; lost && kinds && i < ds_batch_len(b); i++)
		if (kinds[i] == DS_EVENT_GAP)
			s->info.lost += lost[i];
}

/* Keeps the events that others wait for, to tell them once they are on disk. */
static void
keep_told(struct delivery *d, struct ds_batch *b, uint64_t kinds)
{
	const uint8_t *kind = ds_batch_kinds(b);
	struct ds_event ev;

	ds_buf_init(&d->told, INGEST_TOLD_MAX);
	if (!(ds_batch_header(b)->kinds & kinds))
		return;
	for (size_t i = 0; i < ds_batch_len(b); i++) {
		if (!(kinds >> (kind[i] & 63) & 1) || ds_batch_event(b, i, &ev) < 0)
			continue;
		if (ds_ipc_put_event(&d->told, &ev) < 0 && ds_log_pass(&rate, 3))
			ds_log(WARN, "too much to tell of a batch, leaving some out", "host=%u",
			    d->row.host);
	}
}

/* Packed bytes, set of daemons and filter, one behind the other in the delivery. */
static struct delivery *
make_delivery(struct session *s, const struct ds_batch_frame *m)
{
	struct worker *w = s->worker;
	struct delivery *d;
	size_t daemons_size;
	int r;

	ds_buf_clear(&w->out);
	r = bloom_daemons(w->batch, &w->out);
	daemons_size = w->out.len;
	if (r == 0)
		r = bloom_build(w->batch, &w->out);
	d = r == 0 ? delivery_new(w, s->host, m->size + w->out.len) : NULL;
	if (!d)
		return NULL;
	memcpy(d->bytes, m->packed, m->size);
	if (w->out.len > 0)
		memcpy(d->bytes + m->size, w->out.data, w->out.len);
	d->row.packed = d->bytes;
	d->row.packed_size = m->size;
	d->row.daemons = d->bytes + m->size;
	d->row.daemons_size = daemons_size;
	d->row.bloom = d->row.daemons + daemons_size;
	d->row.bloom_size = w->out.len - daemons_size;
	return d;
}

static void
describe(struct delivery *d, const struct ds_batch_frame *m, const struct ds_batch_header *header)
{
	const struct host_state *h = d->host;

	d->row.host = h->number;
	d->row.received_us = ds_clock_wall_us();
	d->row.time_min_us = header->time_min_us;
	d->row.time_max_us = header->time_max_us;
	d->row.len = header->len;
	d->request.events = header->len;
	d->row.kinds = header->kinds;
	d->row.lane = m->lane;
	d->row.epoch = m->epoch;
	d->row.seq = m->seq;
	d->previous_seq = h->received[m->lane].seq;
	d->origin = (struct batch_origin){
		.host = h->number,
		.host_name = h->name,
		.is_ephemeral = h->is_ephemeral,
		.lane = m->lane,
		.epoch = m->epoch,
		.seq = m->seq,
		.received_us = d->row.received_us,
		.enrolled_us = h->enrolled_us,
	};
}

int
deliver_batch(struct session *s, const void *payload, size_t size)
{
	struct worker *w = s->worker;
	struct ds_batch_frame m;
	struct delivery *d;
	int r = ds_batch_frame_get(payload, size, &m);

	if (r == 0)
		r = check_cursor(s, &m);
	if (r != 0) {
		deliver_acks(w);
		return r < 0 ? r : 0;
	}
	r = ds_batch_decode(w->batch, m.packed, m.size);
	if (r < 0)
		return r;
	d = make_delivery(s, &m);
	if (!d)
		return -ENOMEM;
	describe(d, &m, ds_batch_header(w->batch));
	keep_told(d, w->batch, w->ingest->cfg.told_kinds);
	count_batch(s, &m);
	count_lost(s, w->batch);
	r = detect_batch(w->detect, &d->origin, w->batch, &d->verdict);
	if (r < 0) {
		delivery_free(d);
		return r;
	}
	s->host->received[m.lane].seq = m.seq;
	send_off(w, d);
	pause_if_full(s);
	return 0;
}

void
deliver_tick(struct worker *w)
{
	struct delivery *d;
	struct verdict v = { 0 };

	if (detect_tick(w->detect, ds_clock_wall_us(), &v) < 0)
		return;
	if (v.findings_len + v.profiles_len + v.daemons_len + v.versions_len + v.states_len == 0) {
		verdict_done(&v);
		return;
	}
	d = delivery_new(w, NULL, 0);
	if (!d) {
		verdict_done(&v);
		return;
	}
	d->verdict = v;
	d->origin = (struct batch_origin){
		.host_name = "", .received_us = ds_clock_wall_us(), .shard = w->index
	};
	send_off(w, d);
}

void
deliver_drop_all(struct worker *w)
{
	struct delivery *d = w->retry_head, *next;

	for (; d; d = next) {
		next = d->next;
		delivery_free(d);
	}
	w->retry_head = w->retry_tail = NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * agent - the protocol of one simulated agent: enrol, hello, batches of two lanes, acks, pings,
 * and coming back with full jitter.
 *
 * Called by fleet.c and by the loop, on the simulator's only thread.  Owns the agent's connection
 * and outboxes.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "sim/feed.h"
#include "sim/stream.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKOFF_BASE_MS 1000u
#define BACKOFF_MAX_MS  30000u
#define PACK_LEVEL      6

static const struct ds_conn_limits limits = {
	.handshake_ms = 60000, /* many at once on one core */
	.idle_ms = 300000,
	.stuck_ms = 120000,
	.frame_ms = 60000,
	.frame_max = 256u << 10,
	.out_max = DS_FRAME_PAYLOAD_MAX + (64u << 10),
};

void
agent_identity_path(const struct agent *a, char *ret, size_t size)
{
	snprintf(ret, size, "%s/%05u.pem", a->fleet->cfg.state_dir, a->number);
}

static void
hello_fill(const struct agent *a, struct ds_hello *m)
{
	*m = (struct ds_hello){ .version_min = DS_WIRE_VERSION, .version_max = DS_WIRE_VERSION };
	m->epoch = a->epoch;
	m->now_us = ds_clock_wall_us();
	m->boot_time_us = m->now_us - 86400 * DS_US_PER_S;
	snprintf(m->agent_version, sizeof(m->agent_version), "%s", PACKAGE_VERSION);
	snprintf(m->hostname, sizeof(m->hostname), "sim-%05u", a->number);
	snprintf(m->os, sizeof(m->os), "Debian GNU/Linux 12 (bookworm)");
	snprintf(m->kernel, sizeof(m->kernel), "6.1.0-sim-amd64");
	snprintf(m->arch, sizeof(m->arch), "x86_64");
	snprintf(m->machine_id, sizeof(m->machine_id), "%016llx%08x",
	    (unsigned long long)a->fleet->cfg.seed, a->number);
	snprintf(m->boot_id, sizeof(m->boot_id), "%08x-sim", a->number);
	snprintf(m->sensors, sizeof(m->sensors), "simulated");
	snprintf(m->labels, sizeof(m->labels), "sim");
}

/* ---- waiting and giving up */

/* Full jitter: anything up to a bound that doubles. */
static void
retry_later(struct agent *a, uint64_t at_least_ms)
{
	uint64_t bound = BACKOFF_BASE_MS << DS_MIN(a->failures, 5u);

	bound = DS_MIN(bound, (uint64_t)BACKOFF_MAX_MS);
	a->failures++;
	a->retry_ms =
	    ds_clock_monotonic_ms() + at_least_ms + sim_below(&a->fleet->random, (uint32_t)bound);
}

static void
on_closed(struct ds_conn *c, const struct ds_conn_end *end, void *ctx)
{
	struct agent *a = ctx;
	static struct ds_log_rate rate;
	bool was_enrolled;

	if (a->state == AGENT_ONLINE) {
		a->fleet->online--;
		a->fleet->stats.disconnects++;
	} else if (end->error != 0) {
		a->fleet->stats.failures++;
	}
	if (end->error != 0 && !a->fleet->is_draining && ds_log_pass(&rate, 5))
		ds_log(WARN, "connection lost", "agent=%u reason=\"%s\"", a->number, end->text);
	ds_conn_free(c);
	a->conn = NULL;
	if (a->state == AGENT_STOPPED)
		return;
	was_enrolled = a->state == AGENT_ENROLLING && a->has_identity;
	a->state = AGENT_IDLE;
	if (was_enrolled)
		agent_start(a);
	else if (a->retry_ms <= ds_clock_monotonic_ms())
		retry_later(a, 0);
}

/* ---- sending */

static int
letter_send(struct agent *a, unsigned lane, struct letter *l)
{
	struct ds_batch_frame frame = { (uint8_t)lane, a->epoch, l->seq, l->parcel->bytes,
		l->parcel->size };
	struct fleet_stats *stats = &a->fleet->stats;
	struct ds_buf b;
	int r;

	ds_buf_init(&b, DS_FRAME_PAYLOAD_MAX);
	r = ds_batch_frame_put(&b, &frame);
	if (r == 0)
		r = ds_conn_send(a->conn, DS_FRAME_BATCH, DS_FRAME_CRITICAL, b.data, b.len);
	ds_buf_done(&b);
	if (r < 0)
		return r;
	if (l->sent_us != 0)
		stats->resent_batches++;
	l->sent_us = ds_clock_boot_us();
	stats->sent_batches++;
	stats->sent_events += l->parcel->events;
	stats->sent_bytes += l->parcel->size;
	return 0;
}

void
agent_pump(struct agent *a)
{
	if (a->state != AGENT_ONLINE)
		return;
	for (unsigned lane = 0; lane < DS_LANES; lane++) {
		struct letter *l;

		while ((l = outbox_next(&a->lane[lane])) != NULL) {
			if (letter_send(a, lane, l) < 0)
				return; /* drained() or the next connection goes on */
			outbox_sent(&a->lane[lane]);
		}
	}
}

int
agent_pack(struct agent *a, unsigned lane, struct ds_batch_builder *b)
{
	struct parcel *p;
	struct ds_buf packed;
	int r;

	if (ds_batch_builder_len(b) == 0)
		return 0;
	ds_buf_init(&packed, DS_BATCH_PACKED_MAX + (1u << 20));
	r = ds_batch_pack(b, PACK_LEVEL, &packed);
	ds_batch_builder_clear(b);
	if (r < 0) {
		ds_buf_done(&packed);
		return r;
	}
	p = parcel_new(&packed, a->fleet->scratch);
	ds_buf_done(&packed);
	if (p == NULL)
		return -ENOMEM;
	r = outbox_push(&a->lane[lane], p);
	if (r < 0)
		parcel_free(p);
	return r;
}

/* ---- receiving */

static void
latency_count(struct fleet_stats *stats, uint64_t us)
{
	unsigned log2 = us == 0 ? 0 : 63u - (unsigned)__builtin_clzll(us);
	unsigned eighth = log2 < 3 ? 0 : (unsigned)(us >> (log2 - 3)) & 7;

	stats->latency[DS_MIN(log2 * 8 + eighth, LATENCY_BUCKETS - 1)]++;
}

/* Everything of the lane up to seq is committed. */
static int
lane_acked(struct agent *a, unsigned lane, uint64_t seq)
{
	struct fleet_stats *stats = &a->fleet->stats;
	struct letter *l;
	int r;

	while ((l = outbox_acked(&a->lane[lane], seq)) != NULL) {
		r = tally_add(&a->acked, &l->parcel->tally);
		if (r < 0)
			return r;
		if (l->sent_us != 0)
			latency_count(stats, ds_clock_boot_us() - l->sent_us);
		stats->acked_batches++;
		stats->acked_events += l->parcel->events;
		outbox_pop(&a->lane[lane]);
	}
	return 0;
}

static int
refill(struct agent *a)
{
	const struct feed *feed = a->fleet->cfg.feed;
	int r = 0;

	if (feed->refill != NULL && !a->fleet->is_draining)
		r = feed->refill(a);
	if (r == 0)
		agent_pump(a);
	return r;
}

/* The server has more of this epoch than we know of: a run before ended without saving. */
static int
epoch_renew(struct agent *a)
{
	ds_log(WARN, "the server knows later batches than the state directory, beginning anew",
	    "agent=%u", a->number);
	a->epoch = ds_clock_wall_us();
	for (unsigned lane = 0; lane < DS_LANES; lane++)
		a->lane[lane].last_seq = 0;
	return -ESTALE;
}

static int
on_welcome(struct agent *a, const struct ds_frame *f)
{
	const struct feed *feed = a->fleet->cfg.feed;
	struct ds_welcome m;
	int r = ds_welcome_get(f->payload, f->size, &m);

	for (unsigned lane = 0; r == 0 && lane < DS_LANES; lane++) {
		if (m.cursor[lane].epoch == a->epoch && m.cursor[lane].seq > a->lane[lane].last_seq)
			return epoch_renew(a);
		if (m.cursor[lane].epoch == a->epoch)
			r = lane_acked(a, lane, m.cursor[lane].seq);
		outbox_rewind(&a->lane[lane]);
	}
	if (r < 0)
		return r;
	a->state = AGENT_ONLINE;
	a->failures = 0;
	a->ping_every_ms = m.ping_s * 1000;
	a->ping_ms =
	    m.ping_s ? ds_clock_monotonic_ms() + sim_below(&a->fleet->random, m.ping_s * 1000) : 0;
	a->fleet->online++;
	a->fleet->stats.connects++;
	if (!a->is_prepared && feed->begin != NULL)
		r = feed->begin(a);
	a->is_prepared = true;
	return r < 0 ? r : refill(a);
}

static int
on_ack(struct agent *a, const struct ds_frame *f)
{
	struct ds_ack m;
	int r = ds_ack_get(f->payload, f->size, &m);

	if (r < 0 || m.epoch != a->epoch)
		return r < 0 ? r : -EBADMSG;
	r = lane_acked(a, m.lane, m.seq);
	return r < 0 ? r : refill(a);
}

static int
on_error(struct agent *a, const struct ds_frame *f)
{
	static struct ds_log_rate rate;
	struct ds_error m;
	int r = ds_error_get(f->payload, f->size, &m);

	if (r < 0)
		return r;
	a->fleet->stats.errors[DS_MIN(m.code, (uint32_t)DS_LEN(a->fleet->stats.errors) - 1)]++;
	if (ds_log_pass(&rate, 5))
		ds_log(WARN, "the server refused", "agent=%u code=%u text=\"%s\"", a->number,
		    m.code, m.text);
	if (m.code == DS_WIRE_REVOKED || m.code == DS_WIRE_TOKEN_UNKNOWN ||
	    m.code == DS_WIRE_TOKEN_USED || m.code == DS_WIRE_TOKEN_EXPIRED) {
		if (a->state == AGENT_ONLINE)
			a->fleet->online--;
		a->fleet->stopped += a->state != AGENT_STOPPED;
		a->state = AGENT_STOPPED;
		return 0;
	}
	retry_later(a, m.retry_after_s * 1000ull);
	return 0;
}

static int
on_certificate(struct agent *a, const struct ds_frame *f)
{
	struct ds_certificate m;
	char path[600];
	int r = ds_certificate_get(f->payload, f->size, &m);

	if (r < 0 || a->key == NULL)
		return r < 0 ? r : -EPROTO;
	agent_identity_path(a, path, sizeof(path));
	if (access(a->fleet->ca_file, R_OK) < 0)
		r = ds_tls_save_cert(a->fleet->ca_file, m.ca, m.ca_size, NULL, 0);
	if (r == 0)
		r = ds_tls_save_identity(path, a->key, m.cert, m.cert_size, NULL, 0);
	if (r < 0)
		return r;
	memcpy(a->host_id, m.host_id, sizeof(a->host_id));
	a->has_identity = true;
	a->fleet->stats.enrolled++;
	a->failures = 0;
	a->retry_ms = 0;
	ds_tls_key_free(a->key);
	a->key = NULL;
	ds_conn_finish(a->conn);
	return 0;
}

static int
on_frame(struct ds_conn *c, const struct ds_frame *f, void *ctx)
{
	struct agent *a = ctx;

	switch (f->type) {
	case DS_FRAME_WELCOME:
		return a->state == AGENT_CONNECTING ? on_welcome(a, f) : -EPROTO;
	case DS_FRAME_ACK:
		return a->state == AGENT_ONLINE ? on_ack(a, f) : -EPROTO;
	case DS_FRAME_CERTIFICATE:
		return a->state == AGENT_ENROLLING ? on_certificate(a, f) : -EPROTO;
	case DS_FRAME_ERROR:
		return on_error(a, f);
	case DS_FRAME_PING:
		return ds_conn_send(c, DS_FRAME_PONG, 0, f->payload, f->size);
	default:
		return f->type > DS_FRAME_RESULT && f->flags & DS_FRAME_CRITICAL ? -EPROTO : 0;
	}
}

/* ---- connecting */

static int
enrol_send(struct agent *a)
{
	struct ds_enrol m = { 0 };
	struct ds_buf b;
	unsigned char *csr;
	int r;

	a->key = a->key != NULL ? a->key : ds_tls_key_new();
	csr = a->key != NULL ? ds_tls_request(a->key, &m.csr_size) : NULL;
	if (csr == NULL)
		return -ENOMEM;
	m.csr = csr;
	snprintf(m.token_id, sizeof(m.token_id), "%s", a->fleet->token.id);
	memcpy(m.secret, a->fleet->token.secret, sizeof(m.secret));
	hello_fill(a, &m.facts);
	ds_buf_init(&b, 64u << 10);
	r = ds_enrol_put(&b, &m);
	if (r == 0)
		r = ds_conn_send(a->conn, DS_FRAME_ENROL, DS_FRAME_CRITICAL, b.data, b.len);
	ds_buf_done(&b);
	OPENSSL_free(csr);
	return r;
}

static int
hello_send(struct agent *a)
{
	struct ds_hello m;
	struct ds_buf b;
	int r;

	hello_fill(a, &m);
	ds_buf_init(&b, 64u << 10);
	r = ds_hello_put(&b, &m);
	if (r == 0)
		r = ds_conn_send(a->conn, DS_FRAME_HELLO, DS_FRAME_CRITICAL, b.data, b.len);
	ds_buf_done(&b);
	return r;
}

static int
on_ready(struct ds_conn *c, void *ctx)
{
	struct agent *a = ctx;

	(void)c;
	return a->state == AGENT_ENROLLING ? enrol_send(a) : hello_send(a);
}

static void
on_drained(struct ds_conn *c, void *ctx)
{
	(void)c;
	agent_pump(ctx);
}

static const struct ds_conn_ops ops = { on_ready, on_frame, on_drained, on_closed };

static int
socket_open(const struct fleet *f)
{
	int fd = socket(f->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&f->address, f->address_len) < 0 &&
	    errno != EINPROGRESS) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* The context of an enrolled agent; the connection keeps what it needs of it. */
static struct ds_tls *
identity_open(const struct agent *a)
{
	static struct ds_log_rate rate;
	char path[600], why[256];
	struct ds_tls *tls;

	agent_identity_path(a, path, sizeof(path));
	tls = ds_tls_client_new(path, path, a->fleet->ca_file, NULL, why, sizeof(why));
	if (tls == NULL && ds_log_pass(&rate, 5))
		ds_log(ERROR, "identity unusable", "file=\"%s\" reason=\"%s\"", path, why);
	return tls;
}

static int
conn_open(struct agent *a, struct ds_tls *tls)
{
	int fd = socket_open(a->fleet);

	if (fd < 0)
		return fd;
	a->conn = ds_conn_new(a->fleet->base, tls, false, fd, &ops, &limits, a);
	return a->conn != NULL ? 0 : -ENOMEM;
}

void
agent_start(struct agent *a)
{
	struct ds_tls *tls = a->has_identity ? identity_open(a) : a->fleet->enrol_tls;
	int r = tls != NULL ? conn_open(a, tls) : -ENOKEY;

	if (a->has_identity)
		ds_tls_free(tls);
	if (r < 0) {
		a->fleet->stats.failures++;
		retry_later(a, 0);
		return;
	}
	a->state = a->has_identity ? AGENT_CONNECTING : AGENT_ENROLLING;
}

bool
agent_waits(const struct agent *a)
{
	return a->lane[DS_LANE_URGENT].len + a->lane[DS_LANE_BULK].len > 0;
}

void
agent_visit(struct agent *a, uint64_t now_ms)
{
	const struct feed *feed = a->fleet->cfg.feed;
	bool is_needed = !a->fleet->is_draining || agent_waits(a);

	if (a->state == AGENT_IDLE && now_ms >= a->retry_ms && is_needed)
		agent_start(a);
	if (a->state != AGENT_ONLINE)
		return;
	if (a->ping_ms != 0 && now_ms >= a->ping_ms) {
		/* The link may be full: then it is heard of anyway. */
		if (ds_conn_send(a->conn, DS_FRAME_PING, 0, "sim", 3) == 0)
			a->ping_ms = now_ms + a->ping_every_ms;
	}
	if (feed->visit != NULL && !a->fleet->is_draining && feed->visit(a) < 0)
		ds_log(ERROR, "cannot make events", "agent=%u", a->number);
	agent_pump(a);
}

void
agent_done(struct agent *a)
{
	if (a->is_prepared && a->fleet->cfg.feed->end != NULL)
		a->fleet->cfg.feed->end(a);
	ds_conn_free(a->conn);
	ds_tls_key_free(a->key);
	for (unsigned lane = 0; lane < DS_LANES; lane++)
		outbox_done(&a->lane[lane]);
	tally_done(&a->acked);
}

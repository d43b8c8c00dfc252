/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * enrol - certificates for agents: the first one for a token, later ones for the one they have.
 *
 * On the worker's thread, but for run_*() and done(), which the writer calls.  The certificate is
 * made first and handed out only when its row, and the use of the token, are committed.  An agent
 * that asks again with the same key (it crashed before it had the answer) gets the same identity
 * and does not use the token up again.
 */
#include "server/ingest/enrol.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPIES_MAX 64u /* of one host, that wait for approval */

struct enrolment {
	struct write_request request; /* first */
	struct worker_mail back;
	struct worker *worker;
	struct session *session;              /* NULL when it is gone */
	bool is_renewal, is_known, is_silent; /* silent: nobody waits for the result */
	uint32_t
	    copy_of; /* a machine that shows this host's certificate wants its own; 0: not so */
	char token_id[64], peer[64], labels[1024];
	uint8_t secret_hash[32];
	struct pki_cert cert;
	uint8_t issuer[DS_PIN_SIZE]; /* of cert */
	struct ds_hello facts;
	struct host_row row; /* texts point into facts and cert */
	int result;
};

static struct ds_log_rate rate;

static void
fill_row(struct enrolment *e, const uint8_t id[DS_HOST_ID_SIZE])
{
	uint64_t now = ds_clock_wall_us();

	e->row = (struct host_row){
		.name = e->facts.hostname,
		.os = e->facts.os,
		.kernel = e->facts.kernel,
		.arch = e->facts.arch,
		.machine_id = e->facts.machine_id,
		.boot_id = e->facts.boot_id,
		.agent_version = e->facts.agent_version,
		.sensors = e->facts.sensors,
		.labels = e->facts.labels,
		.agent_email = e->facts.hostname[0] ? e->facts.alert_email : NULL,
		.status = HOST_APPROVED,
		.enrolled_us = now,
		.last_seen_us = now,
		.cert_serial = e->cert.info.serial,
		.cert_not_after_us = e->cert.info.not_after_us,
	};
	memcpy(e->row.id, id, sizeof(e->row.id));
	memcpy(e->row.pin, e->cert.info.pin, sizeof(e->row.pin));
}

static void
enrolment_free(struct enrolment *e)
{
	pki_cert_done(&e->cert);
	explicit_bzero(e->secret_hash, sizeof(e->secret_hash));
	free(e);
}

static void
done(struct write_request *request, int result)
{
	struct enrolment *e = DS_CONTAINER(request, struct enrolment, request);

	e->result = result;
	if (e->is_silent || worker_tell(e->worker, &e->back) < 0)
		enrolment_free(e);
}

static int
put(struct enrolment *e, const struct store_backend *b, struct store *store)
{
	int r = b->host_put(store, &e->row);

	return r < 0 ? r : b->identity->issued(store, e->row.id, e->issuer);
}

static int
update(struct enrolment *e, const struct store_backend *b, struct store *store)
{
	int r = b->host_update(store, &e->row);

	return r < 0 || e->cert.der == NULL ? r : b->identity->issued(store, e->row.id, e->issuer);
}

static bool
has_label(const char *labels, const char *label, size_t len)
{
	while (*labels) {
		size_t n;

		labels += strspn(labels, ", ");
		n = strcspn(labels, ",");
		while (n > 0 && labels[n - 1] == ' ')
			n--;
		if (n == len && memcmp(labels, label, len) == 0)
			return true;
		labels += strcspn(labels, ",");
	}
	return false;
}

/* Those of `more` that are not there yet; what does not fit is left out. */
static void
add_labels(char *labels, size_t size, const char *more)
{
	for (size_t len; *more; more += strcspn(more, ",")) {
		size_t used = strlen(labels);

		more += strspn(more, ", ");
		len = strcspn(more, ",");
		while (len > 0 && more[len - 1] == ' ')
			len--;
		if (len > 0 && !has_label(labels, more, len) && used + len + 2 <= size)
			snprintf(labels + used, size - used, "%s%.*s", used > 0 ? "," : "",
			    (int)len, more);
	}
}

static int
run_enrol(struct write_request *request, const struct store_backend *b, struct store *store)
{
	struct enrolment *e = DS_CONTAINER(request, struct enrolment, request);
	struct token_row token = { 0 };
	int r, q;

	r = b->token_use(store, e->token_id, e->secret_hash, e->peer, ds_clock_wall_us(), &token);
	/* The secret was right, the host enrolled before: this is the same enrolment again. */
	if (e->is_known && (r == -EEXIST || r == -ETIME || r == 0))
		return update(e, b, store);
	if (r < 0)
		return r;
	if (token.require_approval)
		e->row.status = HOST_PENDING;
	q = b->identity->token_label(store, e->token_id, e->labels, sizeof(e->labels));
	if (q < 0)
		return q;
	add_labels(e->labels, sizeof(e->labels), e->facts.labels);
	e->row.labels = e->labels;
	r = put(e, b, store);
	return r < 0 || !token.is_ephemeral ? r : b->identity->mark_ephemeral(store, e->row.id);
}

/* A copy's identity of its own: somebody has to approve it. */
static int
run_copy(struct write_request *request, const struct store_backend *b, struct store *store)
{
	struct enrolment *e = DS_CONTAINER(request, struct enrolment, request);
	int r;

	if (e->is_known)
		return update(e, b, store);
	r = put(e, b, store);
	return r < 0 ? r : b->identity->mark_copy(store, e->row.id, e->copy_of, COPIES_MAX);
}

static int
run_update(struct write_request *request, const struct store_backend *b, struct store *store)
{
	struct enrolment *e = DS_CONTAINER(request, struct enrolment, request);
	size_t trusts = sizeof(e->facts.trusts);
	int r = update(e, b, store);

	while (trusts > 0 && e->facts.trusts[trusts - 1] == 0)
		trusts--;
	trusts = (trusts + DS_PIN_SIZE - 1) / DS_PIN_SIZE * DS_PIN_SIZE;
	if (r == 0 && (trusts > 0 || e->facts.generation != 0))
		r = b->identity->tell(
		    store, e->row.id, e->facts.generation, e->facts.trusts, trusts);
	return r;
}

static struct enrolment *
enrolment_new(struct session *s)
{
	struct enrolment *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->worker = s->worker;
	e->session = s;
	memcpy(e->peer, s->info.peer, sizeof(e->peer));
	e->request.done = done;
	memcpy(e->issuer, pki_pin(s->worker->pki), sizeof(e->issuer));
	e->back = (struct worker_mail){ .kind = MAIL_ENROLLED, .enrolment = e };
	return e;
}

void
enrol_forget(struct enrolment *e)
{
	e->session = NULL;
}

struct similar {
	const uint8_t *pin;
	uint8_t id[DS_HOST_ID_SIZE];
	bool is_known;
	const char *hostname;
};

static int
compare_host(const struct host_row *row, void *ctx)
{
	struct similar *similar = ctx;

	if (memcmp(row->pin, similar->pin, sizeof(row->pin)) == 0) {
		similar->is_known = true;
		memcpy(similar->id, row->id, sizeof(similar->id));
	} else if (row->status != HOST_REVOKED && !row->is_ephemeral && ds_log_pass(&rate, 10)) {
		ds_log(WARN,
		    "a machine enrols that is enrolled already; was its agent installed anew, or is it a copy?",
		    "host=\"%s\" other=\"%s\" machine=\"%s\"", similar->hostname, row->name,
		    row->machine_id);
	}
	return 0;
}

/* The identity of the key, or a new one. */
static int
choose_id(
    struct session *s, struct enrolment *e, const struct ds_enrol *m, uint8_t ret[DS_HOST_ID_SIZE])
{
	uint8_t pin[DS_PIN_SIZE];
	struct similar similar = { .pin = pin, .hostname = e->facts.hostname };
	int r = pki_request_pin(m->csr, m->csr_size, pin);

	if (r == 0)
		r = s->worker->ingest->cfg.backend->each_host_like(
		    s->worker->reader, pin, m->facts.machine_id, compare_host, &similar);
	if (r < 0)
		return r;
	/* A copy has to come with a key of its own. */
	if (r == 0 && e->copy_of != 0 && similar.is_known &&
	    memcmp(similar.id, s->info.host_id, sizeof(similar.id)) == 0)
		r = -EKEYREJECTED;
	e->is_known = similar.is_known;
	if (!similar.is_known)
		r = ds_random(similar.id, sizeof(similar.id));
	/* A random UUID says so (RFC 9562). */
	similar.id[6] = (uint8_t)((similar.id[6] & 0x0f) | 0x40);
	similar.id[8] = (uint8_t)((similar.id[8] & 0x3f) | 0x80);
	memcpy(ret, similar.id, sizeof(similar.id));
	return r;
}

static int
read_status(const struct host_row *row, void *ctx)
{
	*(int *)ctx = row->status;
	return 0;
}

/* Whoever shows the certificate of a host that is not let in gets nothing for it. */
static bool
is_approved(struct session *s)
{
	int status = HOST_REVOKED;

	return s->worker->ingest->cfg.backend->host_get(
		   s->worker->reader, s->info.host_id, read_status, &status) == 1 &&
	       status == HOST_APPROVED;
}

static int
post(struct session *s, struct enrolment *e)
{
	int r = writer_post(s->worker->ingest->cfg.writer, &e->request);

	if (r < 0) {
		enrolment_free(e);
		session_fail(s, DS_WIRE_BUSY, 5, "the server is busy");
		return 0;
	}
	s->enrolment = e;
	return 0;
}

static int
refuse_csr(struct session *s, struct enrolment *e, int r)
{
	enrolment_free(e);
	if (r == -EBADMSG || r == -EKEYREJECTED)
		session_fail(s, DS_WIRE_CSR, 3600, "the certificate request is not acceptable");
	else
		session_fail(s, DS_WIRE_INTERNAL, 5, "no certificate could be made");
	return 0;
}

int
enrol_request(struct session *s, const void *payload, size_t size)
{
	uint8_t id[DS_HOST_ID_SIZE];
	struct enrolment *e;
	struct ds_enrol m;
	int r = ds_enrol_get(payload, size, &m);

	if (r < 0 || s->enrolment)
		return r < 0 ? r : -EPROTO;
	/* Who shows a certificate is a copy that was told so, or will be; it needs no token. */
	if (s->state == SESSION_HELLO && !is_approved(s)) {
		session_fail(s, DS_WIRE_REVOKED, 3600, "this host is not let in");
		return 0;
	}
	e = enrolment_new(s);
	if (!e)
		return -ENOMEM;
	e->facts = m.facts;
	memcpy(e->token_id, m.token_id, sizeof(e->token_id));
	SHA256(m.secret, sizeof(m.secret), e->secret_hash);
	explicit_bzero(m.secret, sizeof(m.secret));
	if (s->state == SESSION_HELLO)
		e->copy_of = s->number;
	r = choose_id(s, e, &m, id);
	if (r == 0)
		r = pki_issue(s->worker->pki, m.csr, m.csr_size, id, ds_clock_wall_us(), &e->cert);
	if (r < 0)
		return refuse_csr(s, e, r);
	fill_row(e, id);
	e->request.run = run_enrol;
	if (e->copy_of != 0) {
		e->row.status = HOST_PENDING;
		e->request.run = run_copy;
	}
	return post(s, e);
}

int
enrol_renew(struct session *s, const void *payload, size_t size)
{
	struct enrolment *e;
	struct ds_renew m;
	int r = ds_renew_get(payload, size, &m);

	if (r < 0 || s->enrolment)
		return r < 0 ? r : -EPROTO;
	e = enrolment_new(s);
	if (!e)
		return -ENOMEM;
	r = pki_issue(
	    s->worker->pki, m.csr, m.csr_size, s->info.host_id, ds_clock_wall_us(), &e->cert);
	if (r < 0)
		return refuse_csr(s, e, r);
	e->is_renewal = true;
	fill_row(e, s->info.host_id);
	e->request.run = run_update;
	return post(s, e);
}

static int
send_certificate(struct enrolment *e)
{
	struct worker *w = e->worker;
	struct ds_certificate m = {
		.cert = e->cert.der,
		.cert_size = e->cert.size,
		.renew_after_us = e->cert.renew_after_us,
	};
	int r;

	memcpy(m.host_id, e->row.id, sizeof(m.host_id));
	m.ca = pki_ca_der(w->pki, &m.ca_size);
	ds_buf_clear(&w->out);
	r = ds_certificate_put(&w->out, &m);
	return r < 0 ? r : session_send(e->session, DS_FRAME_CERTIFICATE, 0);
}

/* What the agent (and the log) is told. */
static const struct refusal {
	int result;
	unsigned code;
	uint32_t retry_after_s;
	const char *text;
} refusals[] = {
	{ -ENOENT, DS_WIRE_TOKEN_UNKNOWN, 3600, "this token is not known" },
	{ -EACCES, DS_WIRE_TOKEN_UNKNOWN, 3600, "this token is not known" },
	{ -EEXIST, DS_WIRE_TOKEN_USED, 3600, "this token is used up" },
	{ -ETIME, DS_WIRE_TOKEN_EXPIRED, 3600, "this token is not valid any more" },
	{ -EPERM, DS_WIRE_TOKEN_ADDRESS, 3600, "this token is not for this address" },
	{ -EDQUOT, DS_WIRE_BUSY, 300, "too many machines with this identity wait for approval" },
	{ -ENOSPC, DS_WIRE_DISK_FULL, 10, "the server's disk is full" },
	{ 0, DS_WIRE_INTERNAL, 10, "the server could not store it" },
};

static const struct refusal *
refusal_of(int result)
{
	const struct refusal *r = refusals;

	while (r->result != 0 && r->result != result)
		r++;
	return r;
}

static void
say_enrolled(const struct enrolment *e)
{
	char id[37];

	ds_host_id_format(e->row.id, id);
	if (e->copy_of != 0)
		ds_log(INFO, "a copy of a host asked for an identity of its own, which waits",
		    "host=%s name=\"%s\" copy_of=%u", id, e->row.name, e->copy_of);
	else if (e->is_renewal)
		ds_log(INFO, "a host renewed its certificate", "host=%s", id);
	else
		ds_log(INFO, "a host enrolled", "host=%s name=\"%s\" token=\"%s\"%s", id,
		    e->row.name, e->token_id,
		    e->row.status == HOST_PENDING ? " waits for approval" : "");
}

void
enrol_done(struct worker *w, struct enrolment *e)
{
	if (e->session)
		e->session->enrolment = NULL;
	if (e->result == 0) {
		say_enrolled(e);
		w->ingest->enrolled++;
	} else if (ds_log_pass(&rate, 10)) {
		ds_log(WARN, "an enrolment was refused", "token=\"%s\" peer=%s why=\"%s\"",
		    e->token_id, e->session ? e->session->info.peer : "gone",
		    refusal_of(e->result)->text);
	}
	if (e->session && e->result < 0)
		session_fail(e->session, refusal_of(e->result)->code,
		    refusal_of(e->result)->retry_after_s, refusal_of(e->result)->text);
	else if (e->session && send_certificate(e) < 0)
		session_fail(e->session, DS_WIRE_INTERNAL, 5, "the certificate could not be sent");
	enrolment_free(e);
}

void
enrol_update_host(struct session *s, const struct ds_hello *hello)
{
	struct enrolment *e = enrolment_new(s);

	if (!e)
		return;
	e->session = NULL;
	e->is_silent = true;
	e->request.run = run_update;
	if (hello)
		e->facts = *hello;
	fill_row(e, s->info.host_id);
	if (writer_post(s->worker->ingest->cfg.writer, &e->request) < 0)
		enrolment_free(e); /* the next hello tells it again */
}

void
enrol_told_trusts(struct session *s, const uint8_t pins[DS_TRUSTS_MAX * DS_PIN_SIZE])
{
	struct ds_hello told = { 0 };

	memcpy(told.trusts, pins, sizeof(told.trusts));
	enrol_update_host(s, &told);
}

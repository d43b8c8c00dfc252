/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/enrol.h"
#include "agent/uplink/backoff.h"
#include "agent/uplink/dial.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <event2/event.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PENDING_S 15u /* between two questions whether somebody has approved us */

static const struct ds_conn_limits limits = {
	.handshake_ms = 10000,
	.idle_ms = 30000,
	.stuck_ms = 30000,
	.frame_ms = 30000,
	.frame_max = 64u << 10,
	.out_max = 64u << 10,
};

struct enrol {
	struct event_base *base;
	struct enrol_config cfg;
	void (*facts)(struct ds_hello *ret, void *ctx);
	void (*done)(void *ctx);
	void *ctx;
	struct event *timer; /* of the next attempt */
	struct dial *dial;
	struct ds_conn *conn;
	struct ds_tls *tls; /* of this attempt: its pin is the token's */
	struct ds_token token;
	struct backoff backoff;
	char bad_id[64];       /* of the token that does not work, "" for none */
	uint64_t bad_until_ms; /* not before, with that token; monotonic */
	char status[256];
	char logged[256]; /* the same thing is said once */
};

static void
say(struct enrol *e, bool is_error, const char *status, const char *advice)
{
	snprintf(e->status, sizeof(e->status), "%s", status);
	if (strcmp(e->status, e->logged) == 0)
		return;
	memcpy(e->logged, e->status, sizeof(e->logged));
	if (is_error)
		ds_log(ERROR, "this host is not enrolled", "reason=\"%s\" advice=\"%s\"", status,
		    advice);
	else
		ds_log(INFO, "this host is not enrolled yet", "reason=\"%s\"", status);
}

static void
end_attempt(struct enrol *e)
{
	dial_cancel(e->dial);
	ds_conn_free(e->conn);
	ds_tls_free(e->tls);
	explicit_bzero(&e->token, sizeof(e->token));
	e->dial = NULL;
	e->conn = NULL;
	e->tls = NULL;
}

static void
set_timer(struct enrol *e, uint32_t ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	if (event_add(e->timer, &tv) < 0)
		ds_log(ERROR, "enrolment stops until the next start", "error=%s", strerror(ENOMEM));
}

/* asked_s: 0 for the usual back-off. */
static void
try_later(struct enrol *e, uint32_t asked_s)
{
	uint32_t ms = backoff_next_ms(&e->backoff, asked_s);

	end_attempt(e);
	set_timer(e, ms);
}

/* Only a person can help.  Another token is tried as soon as it is there, the same one much later.
 */
static void
wait_for_person(struct enrol *e, uint32_t asked_s)
{
	uint32_t ms = backoff_next_ms(&e->backoff, DS_MAX(asked_s, e->cfg.slow_s));

	memcpy(e->bad_id, e->token.id, sizeof(e->bad_id));
	e->bad_until_ms = ds_clock_monotonic_ms() + ms;
	end_attempt(e);
	set_timer(e, DS_MIN(ms, e->cfg.look_ms));
}

/* ---- the server's answer */

struct refusal {
	uint32_t code;
	const char *status, *advice;
};

static const struct refusal refusals[] = {
	{ DS_WIRE_TOKEN_UNKNOWN, "the server does not know the enrolment token",
	    "make one with daemonsec-ctl tokens create" },
	{ DS_WIRE_TOKEN_USED, "the enrolment token was used before",
	    "make another with daemonsec-ctl tokens create, or one with --uses" },
	{ DS_WIRE_TOKEN_EXPIRED, "the enrolment token has expired or was revoked",
	    "make another with daemonsec-ctl tokens create" },
	{ DS_WIRE_TOKEN_ADDRESS, "the enrolment token may not be used from this address",
	    "make one with the right --cidr" },
	{ DS_WIRE_REVOKED, "the server has revoked this host",
	    "daemonsec-ctl hosts approve takes it back" },
};

static void
take_error(struct enrol *e, const struct ds_frame *f)
{
	struct ds_error m;
	char text[300];

	if (ds_error_get(f->payload, f->size, &m) < 0) {
		say(e, true, "the server's answer cannot be read", "are both of the same release?");
		wait_for_person(e, 0);
		return;
	}
	if (m.code == DS_WIRE_PENDING) {
		say(e, false, "waiting for approval: daemonsec-ctl hosts approve", "");
		try_later(e, m.retry_after_s ? m.retry_after_s : PENDING_S);
		return;
	}
	for (size_t i = 0; i < DS_LEN(refusals); i++)
		if (refusals[i].code == m.code) {
			say(e, true, refusals[i].status, refusals[i].advice);
			wait_for_person(e, m.retry_after_s);
			return;
		}
	snprintf(text, sizeof(text), "the server said: %s", m.text);
	say(e, false, text, "");
	try_later(e, m.retry_after_s);
}

static void
take_certificate(struct enrol *e, const struct ds_frame *f)
{
	struct ds_certificate m;
	char why[256], id[37];
	int r = ds_certificate_get(f->payload, f->size, &m);

	snprintf(why, sizeof(why), "the server's answer cannot be read");
	if (r == 0 && e->cfg.address[0] == '\0') {
		r = identity_save_address(e->cfg.identity, e->token.address);
		snprintf(why, sizeof(why), "cannot keep the server's address: %s", strerror(-r));
	}
	if (r == 0)
		r = identity_save(e->cfg.identity, &m, e->token.pin, false, why, sizeof(why));
	if (r < 0) {
		say(e, true, why, "the agent tries again");
		try_later(e, 0);
		return;
	}
	identity_forget_token(e->cfg.identity);
	ds_host_id_format(m.host_id, id);
	ds_log(INFO, "this host is enrolled", "host=%s", id);
	end_attempt(e);
	e->done(e->ctx);
}

static int
on_frame(struct ds_conn *c, const struct ds_frame *f, void *ctx)
{
	struct enrol *e = ctx;

	(void)c;
	/* Both end the connection: nothing may look at the frame afterwards. */
	if (f->type == DS_FRAME_CERTIFICATE)
		take_certificate(e, f);
	else if (f->type == DS_FRAME_ERROR)
		take_error(e, f);
	else if (f->flags & DS_FRAME_CRITICAL)
		return -EPROTONOSUPPORT;
	return 0;
}

static void
on_closed(struct ds_conn *c, const struct ds_conn_end *end, void *ctx)
{
	struct enrol *e = ctx;
	char text[300];

	(void)c;
	snprintf(text, sizeof(text), "no answer from the server: %s", end->text);
	say(e, false, text, "");
	try_later(e, 0);
}

static int
on_ready(struct ds_conn *c, void *ctx)
{
	(void)c;
	(void)ctx;
	return 0; /* dial saw it */
}

static const struct ds_conn_ops ops = { on_ready, on_frame, NULL, on_closed };

/* ---- the question */

static int
send_question(struct enrol *e, char *ret_why, size_t why_size)
{
	struct ds_enrol m = { 0 };
	struct ds_buf b;
	unsigned char *csr = identity_request(e->cfg.identity, &m.csr_size, ret_why, why_size);
	int r;

	if (csr == NULL)
		return -ENOKEY;
	snprintf(m.token_id, sizeof(m.token_id), "%s", e->token.id);
	memcpy(m.secret, e->token.secret, sizeof(m.secret));
	m.csr = csr;
	e->facts(&m.facts, e->ctx);
	ds_buf_init(&b, 64u << 10);
	r = ds_enrol_put(&b, &m);
	if (r == 0)
		r = ds_conn_send(e->conn, DS_FRAME_ENROL, DS_FRAME_CRITICAL, b.data, b.len);
	if (r < 0)
		snprintf(ret_why, why_size, "cannot ask the server: %s", strerror(-r));
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	ds_buf_done(&b);
	explicit_bzero(&m, sizeof(m));
	OPENSSL_free(csr);
	return r;
}

static void
on_dialled(struct ds_conn *conn, const char *why, void *ctx)
{
	struct enrol *e = ctx;
	char text[450];
	int r;

	e->dial = NULL;
	e->conn = conn;
	if (conn == NULL) {
		snprintf(text, sizeof(text), "cannot reach the server: %s", why);
		say(e, false, text, "");
		try_later(e, 0);
		return;
	}
	r = ds_conn_attach(conn, e->base, &ops, e);
	snprintf(text, sizeof(text), "out of memory");
	if (r == 0)
		r = send_question(e, text, sizeof(text));
	if (r < 0) {
		say(e, true, text, "the agent tries again");
		try_later(e, 0);
		return;
	}
	backoff_reset(&e->backoff);
}

static bool
load_token(struct enrol *e)
{
	const struct identity *id = e->cfg.identity;
	int r = identity_take_token(id, e->cfg.token_file, geteuid(), getegid());

	if (r < 0 && r != -ENOENT && r != -EACCES)
		ds_log(WARN, "cannot take over the enrolment token", "file=%s error=%s",
		    e->cfg.token_file, strerror(-r));
	r = identity_token(id, &e->token);
	if (r == 0)
		return true;
	if (r == -EINVAL)
		say(e, true, "the token file does not hold an enrolment token",
		    "copy the whole line that daemonsec-ctl tokens create prints");
	else
		say(e, true, "there is no certificate and no enrolment token",
		    "put the token where [server] token_file says and restart the agent");
	return false;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct enrol *e = arg;
	char why[256];

	(void)fd;
	(void)what;
	if (!load_token(e) ||
	    (strcmp(e->token.id, e->bad_id) == 0 && ds_clock_monotonic_ms() < e->bad_until_ms)) {
		end_attempt(e);
		set_timer(e, e->cfg.look_ms);
		return;
	}
	e->tls = ds_tls_client_new(NULL, NULL, NULL, e->token.pin, why, sizeof(why));
	if (e->tls != NULL)
		e->dial = dial_start(e->base, e->cfg.address[0] ? e->cfg.address : e->token.address,
		    e->tls, &limits, on_dialled, e);
	if (e->dial == NULL) {
		say(e, true, "out of memory", "the agent tries again");
		try_later(e, 0);
	}
}

struct enrol *
enrol_start(struct event_base *base, const struct enrol_config *cfg,
    void (*facts)(struct ds_hello *ret, void *ctx), void (*done)(void *ctx), void *ctx)
{
	struct enrol *e = calloc(1, sizeof(*e));
	const struct timeval now = { 0 };

	if (e == NULL)
		return NULL;
	*e = (struct enrol){ .base = base, .cfg = *cfg, .facts = facts, .done = done, .ctx = ctx };
	e->backoff = (struct backoff){ .min_ms = cfg->retry_min_ms, .max_ms = cfg->retry_max_ms };
	snprintf(e->status, sizeof(e->status), "enrolling");
	e->timer = event_new(base, -1, 0, on_timer, e);
	if (e->timer == NULL || event_add(e->timer, &now) < 0) {
		enrol_free(e);
		return NULL;
	}
	return e;
}

void
enrol_free(struct enrol *e)
{
	if (e == NULL)
		return;
	end_attempt(e);
	if (e->timer != NULL)
		event_free(e->timer);
	free(e);
}

const char *
enrol_status(const struct enrol *e)
{
	return e->status;
}

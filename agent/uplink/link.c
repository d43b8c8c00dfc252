/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/link.h"
#include "agent/uplink/dial.h"
#include "agent/uplink/enrol.h"
#include "agent/uplink/link_impl.h"
#include "lib/clock.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GREETING_S 15u    /* WELCOME must have come */
#define STEADY_MS  10000u /* a session this long was no failure: the back-off starts anew */

static const struct ds_conn_limits limits = {
	.handshake_ms = 10000,
	.idle_ms = 90000,
	.stuck_ms = 30000,
	.frame_ms = 30000,
	.frame_max = 1u << 20, /* orders, certificates */
	.out_max = 8u << 20,   /* two windows and what is being added */
};

static void start_attempt(struct link *l);

void
link_set_timer(struct link *l, uint32_t ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	if (event_add(l->timer, &tv) < 0)
		ds_log(ERROR, "cannot set a timer", "error=%s", strerror(ENOMEM));
}

static void
end_session(struct link *l)
{
	if (l->conn != NULL) {
		l->status.bytes_in += ds_conn_bytes_in(l->conn);
		l->status.bytes_out += ds_conn_bytes_out(l->conn);
	}
	dial_cancel(l->dial);
	ds_conn_free(l->conn);
	ds_tls_free(l->tls);
	l->dial = NULL;
	l->conn = NULL;
	l->tls = NULL;
	if (l->renewing)
		l->renew_asked_ms = 0; /* the answer will not come: the next session asks */
	l->renewing = false;
	l->ping_us = 0;
	l->status.is_up = false;
	l->status.up_since_us = 0;
	l->status.peer[0] = '\0';
	for (unsigned i = 0; i < DS_LANES; i++)
		window_reset(&l->lanes[i], 0);
}

static bool
has_token(const struct link *l)
{
	return access(l->identity.token_file, F_OK) == 0 ||
	       (l->token_file[0] != '\0' && access(l->token_file, R_OK) == 0);
}

/* The session, or the attempt, is over: says why and comes back later. */
void
link_fail(struct link *l, const char *what, const char *why)
{
	char text[sizeof(l->status.text)];
	uint32_t ms;

	if (l->state == LINK_UP && ds_clock_monotonic_ms() - l->up_ms >= STEADY_MS)
		backoff_reset(&l->backoff);
	/* With a new token there is something to try at once, whatever the server asked for. */
	ms = backoff_next_ms(&l->backoff, l->unwanted && has_token(l) ? 0 : l->asked_s);
	snprintf(text, sizeof(text), "%.60s: %.180s", what, why);
	/* Once for each reason; while it stays the same, status has it. */
	if (strcmp(text, l->said) != 0 && ds_log_pass(&l->log_rate, LINK_LOG_BURST))
		ds_log(WARN, what, "reason=\"%s\" retry_ms=%u", why, ms);
	else
		ds_log(DEBUG, what, "reason=\"%s\" retry_ms=%u", why, ms);
	memcpy(l->said, text, sizeof(l->said));
	memcpy(l->status.text, text, sizeof(l->status.text));
	end_session(l);
	l->asked_s = 0;
	l->state = LINK_WAITING;
	link_set_timer(l, ms);
}

/* ---- attempts */

static void
on_dialled(struct ds_conn *conn, const char *why, void *ctx)
{
	struct link *l = ctx;
	int r;

	l->dial = NULL;
	l->conn = conn;
	if (conn == NULL) {
		/* Somebody else, or our server made anew: only a token can tell. */
		l->unwanted = l->unwanted || strstr(why, "certificate: ") != NULL;
		link_fail(l, "cannot reach the server", why);
		return;
	}
	l->state = LINK_GREETING;
	r = ds_conn_attach(conn, l->base, &link_session_ops, l);
	if (r == 0)
		r = l->is_copy ? link_session_ask(l) : link_session_greet(l);
	if (r < 0)
		link_fail(l, "cannot greet the server", strerror(-r));
	else
		link_set_timer(l, GREETING_S * 1000);
}

static void
on_facts(struct ds_hello *ret, void *ctx)
{
	struct link *l = ctx;

	l->ops->hello(ret, l->ctx);
}

static void
on_enrolled(void *ctx)
{
	struct link *l = ctx;

	enrol_free(l->enrol);
	l->enrol = NULL;
	l->unwanted = l->is_copy = false;
	l->renew_after_us = 0; /* as the new certificate says */
	start_attempt(l);
}

static void
start_enrolment(struct link *l)
{
	const struct enrol_config cfg = { .identity = &l->identity,
		.address = l->address,
		.token_file = l->token_file,
		.retry_min_ms = l->cfg.retry_min_ms,
		.retry_max_ms = l->cfg.retry_max_ms,
		.slow_s = l->cfg.slow_s,
		.look_ms = l->cfg.look_ms };

	l->state = LINK_ENROLLING;
	l->enrol = enrol_start(l->base, &cfg, on_facts, on_enrolled, l);
	if (l->enrol == NULL)
		link_fail(l, "cannot enrol", strerror(ENOMEM));
}

/* A certificate that the server does not take, because it is over or the host was revoked, gives
 * way to a new token, which is kept until the server has said so or has taken the certificate.  Our
 * own clock has no say in it. */
static bool
needs_enrolment(struct link *l, struct ds_cert_info *ret)
{
	bool has = identity_load(&l->identity, ret);

	l->status.is_enrolled = has;
	if (!has)
		return true;
	memcpy(l->status.host_id, ret->host_id, DS_HOST_ID_SIZE);
	l->status.cert_not_after_us = ret->not_after_us;
	return l->unwanted && has_token(l);
}

static void
start_attempt(struct link *l)
{
	struct ds_cert_info info;
	char address[512], why[256];

	if (needs_enrolment(l, &info)) {
		start_enrolment(l);
		return;
	}
	if (l->renew_after_us == 0)
		l->renew_after_us =
		    info.not_before_us + (info.not_after_us - info.not_before_us) / 3 * 2;
	l->state = LINK_DIALLING;
	l->status.attempts++;
	if (l->address[0] != '\0')
		snprintf(address, sizeof(address), "%s", l->address);
	else
		identity_address(&l->identity, address, sizeof(address));
	l->tls = identity_tls(&l->identity, why, sizeof(why));
	if (l->tls == NULL) {
		link_fail(l, "cannot use the certificate", why);
		return;
	}
	l->dial = dial_start(l->base, address, l->tls, &limits, on_dialled, l);
	if (l->dial == NULL)
		link_fail(l, "cannot connect", strerror(ENOMEM));
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;

	(void)fd;
	(void)what;
	switch (l->state) {
	case LINK_WAITING:
		start_attempt(l);
		break;
	case LINK_GREETING:
		link_fail(l, "the server does not answer", "no WELCOME");
		break;
	case LINK_UP:
		link_session_tick(l);
		break;
	case LINK_ENROLLING:
	case LINK_DIALLING:
		break;
	}
}

struct link *
link_new(struct event_base *base, const struct link_config *cfg, const struct link_ops *link_ops,
    void *ctx)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->base = base;
	l->identity = *cfg->identity;
	l->cfg = (struct link_config){ .retry_min_ms = cfg->retry_min_ms ? cfg->retry_min_ms : 1000,
		.retry_max_ms = cfg->retry_max_ms ? cfg->retry_max_ms : 300000,
		.slow_s = cfg->slow_s ? cfg->slow_s : 300,
		.look_ms = cfg->look_ms ? cfg->look_ms : 15000 };
	l->ops = link_ops;
	l->ctx = ctx;
	l->backoff =
	    (struct backoff){ .min_ms = l->cfg.retry_min_ms, .max_ms = l->cfg.retry_max_ms };
	l->state = LINK_WAITING;
	snprintf(l->address, sizeof(l->address), "%s", cfg->address);
	snprintf(l->token_file, sizeof(l->token_file), "%s", cfg->token_file);
	snprintf(l->status.text, sizeof(l->status.text), "starting");
	l->timer = event_new(base, -1, 0, on_timer, l);
	if (l->timer == NULL || lineage_init(&l->lineage, l->identity.state_dir) < 0) {
		if (l->timer != NULL)
			event_free(l->timer);
		free(l);
		return NULL;
	}
	link_set_timer(l, 0);
	return l;
}

void
link_free(struct link *l)
{
	if (l == NULL)
		return;
	enrol_free(l->enrol);
	end_session(l);
	event_free(l->timer);
	free(l);
}

void
link_wake(struct link *l)
{
	link_session_pump(l);
}

/* A new session, or attempt, at once. */
static void
begin_again(struct link *l)
{
	enrol_free(l->enrol);
	l->enrol = NULL;
	end_session(l);
	backoff_reset(&l->backoff);
	l->state = LINK_WAITING;
	link_set_timer(l, 0);
}

void
link_set_address(struct link *l, const char *address)
{
	if (strcmp(l->address, address) == 0)
		return;
	snprintf(l->address, sizeof(l->address), "%s", address);
	begin_again(l);
}

void
link_greet_again(struct link *l)
{
	if (l->state == LINK_UP || l->state == LINK_GREETING)
		begin_again(l);
}

int
link_send_result(struct link *l, const void *data, size_t size)
{
	if (l->state != LINK_UP)
		return -ENOTCONN;
	return ds_conn_send(l->conn, DS_FRAME_RESULT, 0, data, size);
}

void
link_get_status(const struct link *l, struct link_status *ret)
{
	*ret = l->status;
	ret->unacked = l->lanes[DS_LANE_URGENT].len + l->lanes[DS_LANE_BULK].len;
	if (l->conn != NULL) {
		ret->bytes_in += ds_conn_bytes_in(l->conn);
		ret->bytes_out += ds_conn_bytes_out(l->conn);
	}
	if (l->enrol != NULL)
		snprintf(ret->text, sizeof(ret->text), "%s", enrol_status(l->enrol));
}

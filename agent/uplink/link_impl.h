/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_impl - the inside of link, for link.c (attempts, life) and link_session.c (frames) only. */
#ifndef AGENT_UPLINK_LINK_IMPL_H
#define AGENT_UPLINK_LINK_IMPL_H

#include "agent/uplink/backoff.h"
#include "agent/uplink/lineage.h"
#include "agent/uplink/link.h"
#include "agent/uplink/window.h"
#include "lib/conn.h"
#include "lib/log.h"

struct event;

#define LINK_LOG_BURST 5u /* lines a minute */

enum link_state {
	LINK_ENROLLING, /* no certificate: enrol works */
	LINK_WAITING,   /* the timer starts the next attempt */
	LINK_DIALLING,
	LINK_GREETING, /* HELLO is sent, WELCOME awaited */
	LINK_UP,
};

struct link {
	struct event_base *base;
	struct identity identity;
	char address[512], token_file[PATH_MAX];
	struct link_config cfg;
	const struct link_ops *ops;
	void *ctx;
	enum link_state state;
	struct event *timer; /* of the next attempt, of WELCOME, of the next ping */
	struct enrol *enrol;
	struct dial *dial;
	struct ds_conn *conn;
	struct ds_tls *tls;
	struct backoff backoff;
	struct window lanes[DS_LANES];
	uint32_t batch_max, ping_s, asked_s; /* asked_s: wait, the server said */
	uint64_t up_ms;                      /* monotonic */
	uint64_t welcome_now_us;             /* the server's wall clock at WELCOME */
	uint64_t welcome_boot_us;            /* our boot clock then */
	uint64_t ping_us;        /* boot clock, when the ping that has no answer yet was sent */
	uint64_t renew_after_us; /* of the server's wall clock; 0: not known */
	uint64_t renew_asked_ms; /* monotonic; 0: never */
	bool renewing;           /* RENEW is sent */
	bool unwanted;           /* the server did not take our certificate */
	bool is_copy;            /* another machine has our identity: we ask for our own */
	struct lineage lineage;
	char said[256]; /* the failure that was logged last */
	struct link_status status;
	struct ds_log_rate log_rate, frame_rate;
};

/* The session, or the attempt, is over: says why and comes back later. */
void link_fail(struct link *l, const char *what, const char *why);
void link_set_timer(struct link *l, uint32_t ms);

/* Handlers of the session's connection; ctx is the link. */
extern const struct ds_conn_ops link_session_ops;
DS_MUST_CHECK int link_session_greet(struct link *l);
/* Asks for an identity of our own, instead of a greeting. */
DS_MUST_CHECK int link_session_ask(struct link *l);
/* Sends what the windows allow. */
void link_session_pump(struct link *l);
/* Each ping_s while up. */
void link_session_tick(struct link *l);

#endif

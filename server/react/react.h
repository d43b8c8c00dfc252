/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * react - what is done about findings: policy, modes, breaker, and the outbox of signed orders.
 *
 * One thread with one mailbox.  What it decides about something that is just being stored comes
 * into the same transaction or a later one, never an earlier one, and into none when that fails; it
 * has orders committed before it sends them, and the store is its outbox, so that a server that was
 * killed goes on where it was.  Operators' orders are made in their own transaction (issue.h), then
 * react_kick() has them sent.
 *
 * In main: react_new, ingest_start, react_start; then react_stop, ingest_stop, react_free.
 */
#ifndef SERVER_REACT_REACT_H
#define SERVER_REACT_REACT_H

#include "lib/snapshot.h"
#include "server/detect/detect.h"
#include "server/react/breaker.h"
#include "server/react/issue.h"
#include "server/react/modes.h"
#include "server/react/plugin.h"
#include "server/react/spared.h"

#define REACT_PAUSED_SETTING "reactions_paused" /* JSON; "": not paused */
#define SPARE_SETTING        "react_spared"     /* see spared_format() */

struct react;
struct writer;

struct react_config {
	const struct store_backend *backend;
	const struct store_config *store; /* for a reader; borrowed until free */
	struct writer *writer;            /* borrowed until free */
	const struct ds_sign_key *key;    /* borrowed until free */
	struct ds_snapshot *fleet;        /* struct fleet_knowledge; may be NULL */
};

/* What [react] says; taken over at start and by SIGHUP. */
struct react_settings {
	struct policy *policy; /* taken */
	struct breaker_limits breaker;
	uint64_t order_ttl_us, approval_ttl_us;
	enum react_held held;
	uint32_t bulk_max;
	struct plugin_settings plugins;
	char spared_labels[512]; /* hosts whose addresses are never blocked */
};

/* Reads modes and the pause.  NULL and a sentence on failure. */
struct react *react_new(
    const struct react_config *cfg, struct react_settings *settings, char *ret_why, size_t size);
/* What the thread needs of the sessions: `send` hands an order's bytes to a host's, `peers` tells
 * where they come from. */
struct react_sessions {
	int (*send)(void *arg, uint32_t host, const void *data, size_t size);
	void *arg;
	struct spared_sessions peers;
};
/* Starts the thread. */
DS_MUST_CHECK int react_start(struct react *r, const struct react_sessions *sessions);
void react_stop(struct react *r);
void react_free(struct react *r);

/* ---- any thread */
/* SIGHUP; takes settings->policy in any case. */
void react_configure(struct react *r, struct react_settings *settings);
/* How many hosts one operator may reach with one order. */
uint32_t react_bulk_max(const struct react *r);
/* A finding, with its alert; copied.  It is on disk (`with` 0), or that transaction stores it. How
 * many answers that transaction should wait for. */
unsigned react_finding(struct react *r, uint32_t host, const struct finding *f, uint64_t with);
/* The same for events, as ds_ipc_put_event() wrote them. */
unsigned react_event(struct react *r, uint32_t host, const void *data, size_t size, uint64_t with);
/* The host has a session (again). */
void react_session(struct react *r, uint32_t host);
/* A RESULT frame of the host; copied. */
void react_result(struct react *r, uint32_t host, const void *data, size_t size);
/* An order's bytes were handed to the host's session. */
void react_sent(struct react *r, uint32_t host, const void *data, size_t size);
/* There are new orders for the host in the store. */
void react_kick(struct react *r, uint32_t host);
/* Modes, the pause, or hosts and their labels were changed in the store. */
void react_changed(struct react *r);
/* Automation goes on where the breaker stopped it. */
void react_reset_breaker(struct react *r);

/* How orders are made now, for who makes them in a transaction of their own. */
struct issuer react_issuer(const struct react *r);
/* Whether an address is never blocked: true and a sentence.  Any thread. */
bool react_spares(struct react *r, const char *address, char *ret_why, size_t size);
/* The policy in use: ds_version_value() is a struct policy; NULL: no memory. */
struct ds_version *react_policy(struct react *r);

struct react_stats {
	uint64_t findings;  /* looked at */
	uint64_t reactions; /* planned by the policy, dry runs too */
	uint64_t stopped;   /* by the breaker */
	uint64_t sent, results, dropped;
	uint64_t resting; /* breakers, as of the last round */
	bool is_paused;
};
void react_get_stats(const struct react *r, struct react_stats *ret);

#endif

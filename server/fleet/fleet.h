/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fleet - what several hosts do at once, and which of them say nothing.
 *
 * One thread: takes the workers' news from its mailbox, publishes what the fleet is known to do (at
 * start, then at most once a second), and looks once a second at who was last heard of when: an
 * agent that is silent too long becomes an alert (agent_silent), which closes by itself when it is
 * heard again.  Made by main before ingest, so that the first batch already finds the knowledge.
 */
#ifndef SERVER_FLEET_FLEET_H
#define SERVER_FLEET_FLEET_H

#include "lib/mailbox.h"
#include "lib/snapshot.h"
#include "server/store/store.h"

struct fleet;
struct writer;
struct finding;
struct login_policy;

struct fleet_config {
	const struct store_backend *backend;
	const struct store_config *store;  /* for a reader; borrowed until stop */
	struct writer *writer;             /* borrowed until stop */
	uint64_t silent_after_us;          /* [detect] silent_after */
	const struct login_policy *logins; /* borrowed until stop; may be NULL */
	/* A finding of the fleet's own is on disk; on the writer's thread, so it must only hand
	 * over.  Borrowed.  May be NULL. */
	void (*on_committed)(uint32_t host, const char *host_name, const struct finding *finding,
	    uint64_t now_us, void *ctx);
	void *committed_ctx;
	/* Whether an address is never blocked; NULL: none is any attacker's.  The fleet's thread.
	 */
	bool (*spares)(const char *address, void *ctx);
	void *spares_ctx;
};

/* For a connected host: last_frame_us is wall clock, us; peer: where it is, "192.0.2.1:4711". */
typedef int (*fleet_heard)(uint32_t host, uint64_t last_frame_us, const char *peer, void *ctx);

/* In main: fleet_new, ingest_start, fleet_start; then fleet_stop, ingest_stop, fleet_free. */

/* Reads what was learnt and publishes it.  NULL and a sentence on failure. */
struct fleet *fleet_new(const struct fleet_config *cfg, char *ret_why, size_t why_size);
void fleet_free(struct fleet *f);
/* Starts the thread; once a second it asks `each` who is connected (main gives a call of
 * ingest_each_session(); NULL: nobody is watched for silence).  0 or -errno. */
DS_MUST_CHECK int fleet_start(
    struct fleet *f, int (*each)(void *arg, fleet_heard call, void *ctx), void *arg);
/* Ends the thread; `each` is not called any more. */
void fleet_stop(struct fleet *f);
/* What people decided about a daemon of a host is read again.  Any thread. */
void fleet_forget(struct fleet *f, uint32_t host, const char *daemon);
/* Somebody closed an alert about logins: sources that go on are told anew.  Any thread. */
void fleet_login_closed(struct fleet *f);

/* A machine at this address shows the identity of a host that another one has: an alert.  Any
 * thread. */
void fleet_copied(struct fleet *f, uint32_t host, const char *host_name, const char *peer);

/* For the files of server/fleet. */
const struct fleet_config *fleet_config(const struct fleet *f);

/* For struct detect_config: fleet, fleet_mail, allowed, rules, feedback. All live until
 * fleet_free(). */
struct ds_snapshot *fleet_knowledge(struct fleet *f);
struct ds_mailbox *fleet_mailbox(struct fleet *f);
/* struct allowances. */
struct ds_snapshot *fleet_allowances(struct fleet *f);
/* struct rules. */
struct ds_snapshot *fleet_rules(struct fleet *f);
/* struct login_facts. */
struct ds_snapshot *fleet_logins(struct fleet *f);
/* struct attacks. */
struct ds_snapshot *fleet_attacks(struct fleet *f);
/* struct feedback. */
struct ds_snapshot *fleet_reviews(struct fleet *f);

#endif

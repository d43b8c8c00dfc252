/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fleet - many simulated agents on one loop: connects them at a rate, visits each once a second,
 * and counts what comes of it.
 *
 * agent.c is one agent's protocol; a feed (feed.h) says what it sends.  One thread.
 */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include "lib/conn.h"
#include "lib/tls.h"
#include "sim/outbox.h"

#include <sys/socket.h>

struct event;
struct event_base;
struct fleet;
struct feed;

enum agent_state {
	AGENT_IDLE,       /* waiting for its turn, or for retry_ms */
	AGENT_ENROLLING,  /* connected, or about to, without a certificate */
	AGENT_CONNECTING, /* until WELCOME */
	AGENT_ONLINE,
	AGENT_STOPPED, /* for good: the server said so */
};

struct agent {
	struct fleet *fleet;
	uint32_t number;
	enum agent_state state;
	bool has_started; /* its turn came */
	bool has_identity;
	bool is_prepared; /* its feed has been asked to prepare it */
	struct ds_conn *conn;
	struct ds_tls_key *key; /* while enrolling */
	uint8_t host_id[DS_HOST_ID_SIZE];
	uint64_t epoch;
	struct outbox lane[DS_LANES];
	uint64_t retry_ms; /* monotonic: not connected before */
	unsigned failures; /* in a row */
	uint64_t ping_ms;  /* monotonic: when the next ping is due; 0: never */
	uint32_t ping_every_ms;
	struct tally acked; /* committed by the server */
	void *feed;         /* the feed's own */
};

#define LATENCY_BUCKETS 256u /* 8 for each power of two, us */

struct fleet_stats {
	uint64_t enrolled, connects, disconnects, failures;
	uint64_t sent_batches, sent_events, sent_bytes, resent_batches;
	uint64_t acked_batches, acked_events;
	uint64_t errors[32];               /* by enum ds_wire_error */
	uint64_t latency[LATENCY_BUCKETS]; /* send to ack */
};

struct fleet_config {
	const char *server;     /* address:port; NULL: that of the token */
	const char *token_file; /* NULL: no enrolment */
	const char *state_dir;
	uint32_t agents;
	uint32_t first;    /* number of the first one */
	double ramp_per_s; /* new connections a second */
	uint64_t seed;
	uint64_t
	    duration_ms;   /* after all were online once, or gave up; 0: until the feed is done */
	uint64_t drain_ms; /* how long to wait for the last acks */
	const struct feed *feed;
	const void *feed_config;
	bool is_quiet; /* no progress on stderr */
};

struct fleet {
	struct fleet_config cfg;
	struct event_base *base;
	struct event *tick, *interrupt, *terminate;
	struct sockaddr_storage address;
	socklen_t address_len;
	struct ds_token token;
	struct ds_tls *enrol_tls; /* NULL without a token */
	char ca_file[512];
	struct agent *agents;
	uint32_t started, online, stopped, ticks;
	uint32_t settled;    /* the most that were online or stopped */
	uint64_t settled_ms; /* and since when */
	double start_credit;
	uint64_t random;
	bool is_draining;
	bool is_saved;                      /* the manifest could be written */
	uint64_t begin_ms, full_ms, end_ms; /* monotonic; full: all online the first time */
	uint64_t full_acked_events, end_acked_events;
	struct fleet_stats stats;
	struct ds_batch *scratch;
	struct ds_batch_builder *builder;
	void *feed; /* the feed's own */
};

/* Runs until the duration has passed or a signal came.  0, or -errno after a message. */
DS_MUST_CHECK int fleet_run(struct fleet *f, const struct fleet_config *cfg);
void fleet_done(struct fleet *f);

/* For agent.c and feeds. */
void agent_start(struct agent *a);                  /* connects or enrols when it is time */
void agent_visit(struct agent *a, uint64_t now_ms); /* once a second */
void agent_pump(struct agent *a);                   /* sends what can be sent */
bool agent_waits(const struct agent *a);            /* for acks */
void agent_done(struct agent *a);
void agent_identity_path(const struct agent *a, char *ret, size_t size);
/* Packs the fleet's builder into the agent's lane and clears it; nothing when it is empty. */
DS_MUST_CHECK int agent_pack(struct agent *a, unsigned lane, struct ds_batch_builder *b);

#endif

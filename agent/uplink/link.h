/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link - the session with the server: sends what the spool holds, tells it what was committed,
 * passes orders on and results back.
 *
 * On the uplink's only thread.  Enrols when there is no certificate, renews it in time, connects
 * again with full jitter.  Memory is bounded whatever the network does: a window of unconfirmed
 * batches a lane, everything else stays in the spool.  What main hands in as ops is the spool, the
 * guard and the facts: link knows none of them.
 */
#ifndef AGENT_UPLINK_LINK_H
#define AGENT_UPLINK_LINK_H

#include "agent/uplink/identity.h"
#include "lib/wire.h"

struct event_base;
struct link;

struct link_config {
	const struct identity *identity; /* borrowed */
	const char *address;             /* [server] address; "": the token's.  Copied */
	const char *token_file;          /* [server] token_file.  Copied */
	/* 0: the usual, 1 s, 5 min, 5 min and 15 s; shorter in tests.  See enrol.h. */
	uint32_t retry_min_ms, retry_max_ms, slow_s, look_ms;
};

struct link_batch {
	uint64_t seq;
	const void *packed; /* borrowed until the next op is called */
	size_t size;
};

struct link_ops {
	/* Of the spool: constant while the uplink runs. */
	uint64_t (*epoch)(void *ctx);
	/* The oldest batch of a lane whose sequence number is above `after`: 0, -ENOENT for none,
	 * -errno. */
	int (*peek)(uint8_t lane, uint64_t after, struct link_batch *ret, void *ctx);
	/* The server has committed all of a lane up to seq. */
	void (*ack)(uint8_t lane, uint64_t seq, void *ctx);
	/* Fills HELLO: facts_read() and what else is known. */
	void (*hello)(struct ds_hello *ret, void *ctx);
	/* An order for the guard, opaque; valid during the call.  May be NULL. */
	void (*order)(const void *data, size_t size, void *ctx);
};

/* NULL: no memory. */
struct link *link_new(
    struct event_base *base, const struct link_config *cfg, const struct link_ops *ops, void *ctx);
/* Closes at once; what the server has not confirmed stays in the spool. */
void link_free(struct link *l);
/* There is something new in the spool. */
void link_wake(struct link *l);
/* SIGHUP: another address.  Connects again when it differs. */
void link_set_address(struct link *l, const char *address);
/* SIGHUP: HELLO says something else by now; a session that is up begins anew. */
void link_greet_again(struct link *l);
/* A result of the guard: 0, or -EAGAIN or -ENOTCONN and the caller keeps it. */
DS_MUST_CHECK int link_send_result(struct link *l, const void *data, size_t size);

struct link_status {
	bool is_enrolled, is_up;
	uint8_t host_id[DS_HOST_ID_SIZE]; /* of the certificate */
	uint64_t up_since_us;             /* wall clock; 0: not up */
	uint64_t cert_not_after_us;
	uint64_t bytes_in, bytes_out, batches_sent, batches_acked, attempts, sessions, too_large;
	uint32_t rtt_us; /* of the last ping */
	size_t unacked;  /* batches */
	char peer[64];   /* address:port of the server, "" while not connected */
	char text[256];  /* a sentence: "connected", "cannot reach the server: ..." */
};
void link_get_status(const struct link *l, struct link_status *ret);

#endif

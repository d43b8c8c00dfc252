/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ingest - what agents connect to: N worker threads, each with a listener, its sessions and its
 * detector.
 *
 * Started and stopped by main.  The API asks for the sessions and tells about hosts that an
 * operator changed.  A host is pinned to the worker of its number; nothing of a session is shared
 * between threads.
 */
#ifndef SERVER_INGEST_INGEST_H
#define SERVER_INGEST_INGEST_H

#include "lib/wire.h"
#include "server/detect/detect.h"
#include "server/store/store.h"
#include "server/store/writer.h"

struct ingest;

/* What is on disk now: findings with their alerts, and the events of the kinds asked for. */
struct ingest_news {
	const struct batch_origin *from;
	const struct finding *findings; /* those without alert_id added nothing */
	size_t findings_len;
	const void *events; /* one behind the other, for ds_ipc_get_event() */
	size_t events_size;
};

struct ingest_config {
	const char *listen;    /* address:port, or [address]:port */
	const char *state_dir; /* of pki */
	unsigned workers;
	const char *const *hostnames; /* for the server's certificate */
	size_t hostnames_len;
	const struct store_backend *backend;
	const struct store_config *store; /* for readers; borrowed until stop */
	struct writer *writer;            /* borrowed until stop */
	struct detect_config detect;
	/* [detect] silent_after: pings are asked for often enough to tell. */
	uint64_t silent_after_us;
	/* Of orders; on the thread of the host's worker, so they must not block.  May be NULL.
	 * on_session: the host has a session (again), what waits for it can be sent. */
	void (*on_session)(uint32_t host, const uint8_t host_id[DS_HOST_ID_SIZE], void *ctx);
	/* A RESULT frame, not looked at; borrowed. */
	void (*on_result)(uint32_t host, const void *data, size_t size, void *ctx);
	/* An order was handed to the host's session; borrowed. */
	void (*on_sent)(uint32_t host, const void *data, size_t size, void *ctx);
	void *order_ctx;
	/* A machine showed the identity of another one that is (or was since) here.  On the thread
	 * of the host's worker; may be NULL. */
	void (*on_copy)(uint32_t host, const char *host_name, const char *peer, void *ctx);
	void *copy_ctx;
	/* Of a batch that had any, within the transaction that stores it; on the writer's thread,
	 * so it must only hand over.  Everything is borrowed.  How many answers come at once, see
	 * write_request: nothing else may come of it before it is committed.  May be NULL. */
	unsigned (*on_stored)(const struct ingest_news *news, void *ctx);
	void *stored_ctx;
	uint64_t told_kinds; /* bit k: events of kind k are told, at most INGEST_TOLD_MAX bytes */
};

#define INGEST_TOLD_MAX (1u << 20)

/* What is known of a session, as of at most a second ago. */
struct session_info {
	uint32_t host;
	uint8_t host_id[DS_HOST_ID_SIZE];
	char peer[64]; /* address:port */
	char agent_version[32];
	uint64_t connected_us, last_frame_us; /* wall clock */
	uint64_t last_event_us;               /* newest event time received */
	uint64_t lag_us;        /* arrival minus newest event time, of the last batch */
	uint64_t clock_skew_us; /* |agent's clock - ours| at hello */
	uint64_t bytes_in, bytes_out;
	uint64_t batches, events, duplicates;
	uint64_t gaps; /* batches that never came: dropped by a full spool */
	uint64_t lost; /* events and samples that the agent says it lost (gap events) */
};

/* Totals since the start, for /metrics and status. */
struct ingest_stats {
	uint64_t accepted, refused, handshakes_failed, sessions, batches, events, bytes_in,
	    bad_frames, duplicates, gaps, enrolled, paused, retried, copies;
};

/* The agents' authority and how far another one is with taking over from it, see pki.h. */
struct authority_state {
	int phase;                        /* enum pki_phase */
	uint8_t current[32], other[32];   /* pins; other: the one that comes or goes */
	uint64_t expires_us;              /* the current one */
	uint64_t hosts, trusting, issued; /* approved; that trust the one that comes; that have a
					     certificate of the current one */
};

/* NULL and a sentence on failure. */
struct ingest *ingest_start(const struct ingest_config *cfg, char *ret_why, size_t why_size);
/* Tells agents, closes every session, ends the threads. */
void ingest_stop(struct ingest *in);
/* SIGHUP: new detect configuration. */
void ingest_reconfigure(struct ingest *in, const struct detect_config *detect);
/* The certificate that agents must trust, PEM; its pin goes into tokens. */
const char *ingest_ca_file(const struct ingest *in);
/* Any thread: as of the last step that was taken, counted with the caller's reader.  -errno. */
DS_MUST_CHECK int ingest_authority(
    const struct ingest *in, struct reader *r, struct authority_state *ret);
/* Any thread: asks for the next step of the hand-over to another authority; is_forced: also while
 * hosts are missing.  -errno when it cannot even be asked for. */
DS_MUST_CHECK int ingest_rotate(struct ingest *in, bool is_forced);
/* The port that is listened on (for port 0 in tests). */
uint16_t ingest_port(const struct ingest *in);

/* Any thread.  Calls for each session until it returns other than 0, which is returned. */
int ingest_each_session(
    struct ingest *in, int (*call)(const struct session_info *s, void *ctx), void *ctx);
/* Any thread: the host's session, as of at most a second ago; false when there is none. */
bool ingest_session(struct ingest *in, uint32_t host, struct session_info *ret);
/* Any thread, after the change was committed: a host was approved, revoked or relabelled.  A
 * revoked one is cut at once. */
void ingest_host_changed(struct ingest *in, const uint8_t id[DS_HOST_ID_SIZE]);
/* Any thread, after the change was committed: what was learnt of a daemon (NULL: all of the host)
 * was changed; the worker forgets it and restores it from the store. */
void ingest_forget(struct ingest *in, uint32_t host, const char *daemon);
/* Any thread: hands an order's bytes to the host's session.  0: they are on their way, and lost
 * when there is no session (then on_session tells when to try again) or when the agent does not
 * read; a result says that they came through.  -EFBIG, -ENOMEM, -ENOSPC. */
DS_MUST_CHECK int ingest_send_order(
    struct ingest *in, uint32_t host, const void *data, size_t size);
void ingest_get_stats(struct ingest *in, struct ingest_stats *ret);
/* Of all workers, as of at most a second ago. */
void ingest_get_detection(struct ingest *in, struct detect_state *ret);

#endif

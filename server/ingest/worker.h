/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker - what the files of server/ingest share; nobody else includes it. */
#ifndef SERVER_INGEST_WORKER_H
#define SERVER_INGEST_WORKER_H

#include "lib/conn.h"
#include "lib/mailbox.h"
#include "lib/tls.h"
#include "server/ingest/ingest.h"
#include "server/ingest/pki.h"
#include "server/ingest/published.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>

#define WORKERS_MAX      64
#define MAILBOX_MAX      65536
#define PENDING_MAX      4096  /* connections that have not shown who they are, of all workers */
#define PENDING_MIN      256   /* of one worker, at least */
#define PENDING_EVICT_MS 1000  /* so old, they make room */
#define ENROL_MS         30000 /* a connection without certificate lasts no longer */
#define FLYING_MAX       (64u << 20) /* bytes of a worker on their way to disk */
#define FLYING_HOST_MAX  128         /* batches of one host on their way to disk */
#define HOSTS_MAX        (1u << 20)
#define RETRY_MS         1000
#define TICK_MS          1000

struct delivery;
struct enrolment;

/* What a worker knows of a host that was here since the start; it outlives sessions. */
struct host_state {
	uint32_t number;
	uint8_t id[DS_HOST_ID_SIZE];
	char *name;
	struct session *session;              /* NULL: not connected */
	struct ds_cursor received[DS_LANES];  /* scored and on its way to disk */
	struct ds_cursor committed[DS_LANES]; /* on disk */
	unsigned flying;                      /* deliveries on their way */
	bool ack_due[DS_LANES], is_ephemeral; /* it comes and goes */
	/* When; copy.c: the number that the agent left with its last session (0: none); a session
	 * that waits whether `session` still lives, or NULL; what that was asked. */
	uint64_t enrolled_us, generation;
	struct session *newcomer;
	uint8_t question[8];
};

/* What a connection may say next. */
enum session_state {
	SESSION_HANDSHAKE, /* nothing yet */
	SESSION_ENROLLING, /* has no certificate: ENROL only */
	SESSION_HELLO,     /* has one: HELLO first, or ENROL as a copy */
	SESSION_WAITING,   /* said it; whether an older session lives is being found out */
	SESSION_OPEN,      /* everything */
	SESSION_CLOSING,   /* was told an error; nothing is read any more */
};

struct session {
	struct session *next, *previous; /* of the worker's list */
	struct worker *worker;
	struct ds_conn *conn;
	enum session_state state;
	struct host_state *host;     /* when OPEN or WAITING */
	struct enrolment *enrolment; /* under way, or NULL */
	uint64_t epoch;              /* of the agent's spool */
	uint64_t start_ms;
	uint64_t waiting_ms;             /* when WAITING began, monotonic */
	struct ds_hello *hello;          /* while WAITING */
	uint64_t renew_after_us;         /* of its certificate */
	uint32_t number;                 /* of the host, from the certificate */
	bool paused, pending, is_of_old; /* of_old: its certificate is of the authority that goes */
	uint64_t address_key;            /* of the pending counters */
	struct session_info info;
};

/* What other threads tell a worker. */
enum worker_mail_kind {
	MAIL_ADOPT,     /* session: yours now */
	MAIL_DELIVERED, /* delivery: committed, or not */
	MAIL_ENROLLED,  /* enrolment: the same */
	MAIL_HOST,      /* host_id: changed by an operator */
	MAIL_FORGET,    /* host, daemon: what was learnt changed */
	MAIL_DETECT,    /* detect: new configuration */
	MAIL_ORDER,     /* host, data: for the agent */
	MAIL_TLS,       /* files of pki changed */
	MAIL_ROTATE,    /* is_forced: the authority's next step */
	MAIL_STOP,
};

struct worker_mail {
	struct ds_mail mail; /* first */
	enum worker_mail_kind kind;
	bool is_forced, is_owned; /* free() it after use; others are part of what they carry */
	struct session *session;
	struct delivery *delivery;
	struct enrolment *enrolment;
	uint8_t host_id[DS_HOST_ID_SIZE];
	uint32_t host;
	char daemon[DS_DAEMON_MAX + 1]; /* "": all */
	struct detect_config detect;
	size_t size;
	uint8_t *data; /* behind it, in the same piece of memory */
};

struct worker {
	struct ingest *ingest;
	unsigned index;
	pthread_t thread;
	struct event_base *base;
	struct ds_mailbox *mailbox;
	struct event *on_mail, *on_tick, *on_retry, *on_accept, *on_accept_later;
	int listen_fd;
	struct pki *pki; /* of its own */
	struct ds_tls *tls;
	struct reader *reader;
	struct detect *detect;
	struct ds_batch *batch; /* being read */
	struct ds_buf out;      /* a message being written */
	struct session *sessions;
	size_t sessions_len, pending_len;
	size_t pending_max;                /* half of them may come from one address */
	struct ds_map *pending;            /* address key -> how many, as a pointer */
	struct ds_map *hosts;              /* number -> struct host_state */
	struct host_state *ack_hosts[256]; /* with acks due after this round of mail */
	size_t ack_hosts_len;
	size_t flying_size;
	struct delivery *retry_head, *retry_tail; /* in order; nothing overtakes them */
	bool over;                                /* sessions were paused */
	bool is_running;
	struct ds_snapshot *published; /* struct session_list */
	unsigned ticks;
};

struct ingest {
	struct ingest_config cfg;
	struct pki *pki;               /* as of the start: where its files are */
	struct ds_snapshot *authority; /* struct authority_state without what is counted */
	struct ds_conn_limits limits;
	struct worker workers[WORKERS_MAX];
	unsigned workers_len;
	uint16_t port;
	atomic_uint_least64_t accepted, refused, handshakes_failed, batches, events, bytes_in,
	    bad_frames, duplicates, gaps, enrolled, paused, retried, copies;
};

/* worker.c */
int worker_prepare(struct worker *w, struct ingest *in, unsigned index, int listen_fd,
    char *ret_why, size_t why_size);
int worker_run(struct worker *w); /* its thread */
/* From outside: ends the thread.  Mail may still come, until worker_end(). */
void worker_join(struct worker *w);
void worker_end(struct worker *w);
/* Any thread; the worker frees `m` if is_owned.  What is refused (never, but for a stuck worker) is
 * counted by the mailbox. */
int worker_tell(struct worker *w, struct worker_mail *m);
struct worker *worker_of(struct ingest *in, uint32_t host);
void worker_tell_tls(struct ingest *in);
int worker_load_tls(struct worker *w, char *ret_why, size_t why_size);

/* listener.c */
int listener_open(
    const char *address, uint16_t port, uint16_t *ret_port, char *ret_why, size_t why_size);
int listener_start(struct worker *w);
void listener_stop(struct worker *w);
void listener_settled(struct session *s); /* it has shown who it is, or is gone */

/* session.c */
struct session *session_new(struct worker *w, int fd, uint64_t address_key);
void session_adopt(struct worker *w, struct session *s); /* comes from another worker */
void session_free(struct session *s);
/* One that no worker has: it was on its way when everything ended. */
void session_discard(struct session *s);
/* Tells the agent why and closes once that is written. */
void session_fail(struct session *s, unsigned code, uint32_t retry_after_s, const char *text);
void session_ack(struct session *s, unsigned lane);
void session_pause(struct session *s);
void session_resume(struct session *s);
/* Reads the host's row again: cuts it when it is revoked. */
void session_check_host(struct session *s);
/* Sends w->out, a message, as a frame. */
int session_send(struct session *s, uint8_t type, uint8_t flags);
/* An order's bytes to the agent, unread. */
void session_order(struct session *s, const void *data, size_t size);

/* host.c */
struct host_state *host_get(struct worker *w, const struct host_row *row);
void host_free(void *host);
int host_restore(struct worker *w, struct host_state *h);
int worker_restore_models(struct worker *w);

/* deliver.c: batches to the writer, and their acks. */
int deliver_batch(struct session *s, const void *payload, size_t size);
void deliver_done(struct worker *w, struct delivery *d);
void deliver_acks(struct worker *w);
void deliver_retry(struct worker *w);
void deliver_tick(struct worker *w);
void deliver_drop_all(struct worker *w); /* at the end */

#endif

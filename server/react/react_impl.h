/* SPDX-License-Identifier: GPL-2.0-or-later */
/* react_impl - what the files of the react thread share; nobody else includes it. */
#ifndef SERVER_REACT_REACT_IMPL_H
#define SERVER_REACT_REACT_IMPL_H

#include "lib/mailbox.h"
#include "server/react/hosts.h"
#include "server/react/plugin.h"
#include "server/react/react.h"
#include "server/store/writer.h"

#include <pthread.h>
#include <stdatomic.h>

#define REACT_CHUNK 128u /* reactions of one transaction */

struct ds_map;
struct react_write;

/* What the thread is told. */
enum react_mail_kind {
	REACT_MAIL_FINDING, /* host, finding */
	REACT_MAIL_EVENT,   /* host, data */
	REACT_MAIL_SESSION, /* host */
	REACT_MAIL_RESULT,  /* host, data */
	REACT_MAIL_SENT,    /* host, order */
	REACT_MAIL_KICK,    /* host */
	REACT_MAIL_CHANGED,
	REACT_MAIL_RESET,
	REACT_MAIL_WRITTEN, /* write: committed, or not */
	REACT_MAIL_SETTINGS,
	REACT_MAIL_PLUGIN, /* job: has ended */
	REACT_MAIL_STOP,
	REACT_MAIL_KINDS
};

struct react_mail {
	struct ds_mail mail; /* first */
	enum react_mail_kind kind;
	bool is_part; /* of a react_write: not freed by itself */
	uint32_t host;
	uint64_t with;          /* see write_request */
	struct finding finding; /* its json is owned */
	uint8_t order[DS_ORDER_ID_SIZE];
	struct react_write *write;
	struct plugin_job *job;
	struct react_settings settings;
	size_t size;
	uint8_t *data; /* behind it, in the same piece of memory */
};

/* One transaction of the thread's own. */
struct react_write {
	struct write_request request; /* first */
	struct react_mail back;
	struct react_write *next; /* of those tried again */
	struct react *react;
	int (*run)(struct react_write *w, const struct store_backend *b, struct store *store);
	int result;
	unsigned tries;
	uint32_t host; /* 0: see plans */
	uint8_t order[DS_ORDER_ID_SIZE];
	char id[REACTION_ID_SIZE]; /* of an order or reaction */
	struct finding finding;    /* an alert of ours */
	struct issuer issuer;
	size_t size; /* of data, or of plans */
	union {
		uint8_t data[DS_RESULT_MAX];
		struct issue_plan plans[REACT_CHUNK];
	} * body; /* NULL, or as large as needed */
};

struct react {
	struct react_config cfg;
	struct ds_mailbox *mailbox;
	struct ds_snapshot *policy;
	struct reader *reader;
	struct hosts *hosts;
	struct modes *modes;
	struct breaker *breaker;
	struct ds_map *rests; /* rest.c */
	enum react_held held;
	bool is_paused;
	struct react_sessions sessions;
	struct ds_snapshot *spared; /* struct spared */
	char spared_labels[512];
	bool is_sparing;                 /* hosts were told of somebody, or are to be */
	struct ds_map *spare_told;       /* host -> what it was told, see spare.c */
	uint64_t spare_hash, spare_done; /* of what is kept; of what all were told */
	pthread_t thread;
	bool is_running, stop;
	uint64_t with;             /* of the mail that is looked at */
	struct react_write *retry; /* could not be stored; tried again each round */
	size_t retry_len;
	/* processes that were answered about lately: their alerts come a moment later */
	struct {
		uint32_t host, pid;
		uint64_t start_us;
		char id[REACTION_ID_SIZE];
		bool is_killed;
	} answered[64];
	unsigned answered_at;
	/* here */
	struct plugin_settings plugins;
	struct plugin_runner *runner;
	struct ds_map *here_busy; /* reactions with a write or a job under way */
	bool here_due;            /* something may have to be begun */
	/* outbox */
	struct ds_map *sent;     /* order id -> when, ms, as a pointer */
	struct ds_map *held_now; /* host and daemon: there is a hold */
	struct ds_map *profiles; /* host and daemon: hash of the profile that was sent */
	size_t profiles_at;      /* whose turn it is */
	struct ds_map *kicked;   /* hosts with something to send, this turn */
	uint64_t sweep_ms, prune_ms;
	atomic_uint_least64_t order_ttl_us, approval_ttl_us;
	atomic_uint_least32_t bulk_max;
	atomic_uint_least64_t findings, reactions, stopped, sent_n, results, dropped, resting;
	atomic_bool paused, rescan;
};

/* write.c */
/* A write with `size` bytes of body; NULL: no memory. */
struct react_write *react_write_new(struct react *r,
    int (*run)(struct react_write *w, const struct store_backend *b, struct store *store),
    size_t size);
void react_write_free(struct react_write *w);
/* The `run` of a write whose body is plans, as many as its size says. */
int react_write_plans(struct react_write *w, const struct store_backend *b, struct store *store);
/* Takes it; what the writer has no room for is tried again. */
void react_write_post(struct react_write *w);
/* Tells the transaction that asked that it has all that comes of the mail that was looked at. */
void react_write_answer(struct react *r);
/* It could not be stored now: tried again each round, so often; takes it. */
void react_write_later(struct react_write *w);
void react_write_retry(struct react *r);
/* What the server does itself goes on from what is on disk now. */
void react_write_settle(struct react *r, const struct react_write *w);

/* respond.c: from a finding to plans. */
void respond(struct react *r, uint32_t host, const struct finding *f);

/* prevent.c */
void prevent_events(struct react *r, uint32_t host, const void *data, size_t size);
/* A finding about a process that was answered about: its alert goes into the answer's record.
 * Whether it was killed then. */
bool prevent_links(
    struct react *r, uint32_t host, const struct react_args *args, const char *alert_id);
void prevent_sweep(struct react *r, uint64_t now_ms);
/* Whether a person said that a behaviour of a daemon is normal. */
bool prevent_is_expected(struct react *r, const struct react_host *host, const char *daemon,
    uint8_t kind, const uint8_t *key, size_t key_size);
/* away.c: the profile of a daemon that is held, if it is another one than was sent. */
void away_send(struct react *r, const struct react_host *host, const char *daemon);

/* rebind.c: a guard that asks who it is. */
bool rebind_is_asked(const struct ds_result *result);
void rebind_answer(struct react *r, uint32_t host, const struct ds_result *result);
/* rest.c: automation stopped itself, and goes on. */
DS_MUST_CHECK int rest_init(struct react *r);
void rest_done(struct react *r);
void rest_tell(struct react *r, const struct react_host *host, const char *daemon,
    enum react_mode mode, enum breaker_answer why);
void rest_round(struct react *r, uint64_t now_ms);
void rest_end(struct react *r); /* of all, before their time */
/* spare.c: who is never blocked by a label of his, and that each host knows. */
DS_MUST_CHECK int spare_init(struct react *r);
void spare_round(struct react *r, uint64_t now_ms);
void spare_session(struct react *r, uint32_t host);
/* The host has answered. */
void spare_result(struct react *r, uint32_t host);

/* here.c: what the server does itself. */
DS_MUST_CHECK int here_init(struct react *r, void (*done)(struct plugin_job *job, void *ctx));
void here_turn(struct react *r);
void here_done(struct react *r, struct plugin_job *job); /* borrows */
/* What was under way for the reaction is over. */
void here_settled(struct react *r, const char *id);

/* outbox.c */
void outbox_kick(struct react *r, uint32_t host);
/* Sends what waits for the hosts kicked; all of it, whether sent before or not, with `again`. */
void outbox_send(struct react *r, uint32_t host, bool again);
void outbox_turn(struct react *r);
void outbox_sent(struct react *r, const struct react_mail *m);
/* A write of ours is committed, or failed for good. */
void outbox_written(struct react *r, const struct react_write *w);
void outbox_result(struct react *r, struct react_mail *m);
void outbox_sweep(struct react *r, uint64_t now_ms);

#endif

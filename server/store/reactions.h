/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reactions - what the store keeps of reactions, orders and modes: the sub-table of a backend.
 *
 * As in store.h: the first group on the writer's thread within its transaction, the second on any
 * thread with a reader of its own; texts given to `call` are valid during the call.
 */
#ifndef SERVER_STORE_REACTIONS_H
#define SERVER_STORE_REACTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct reader;

#define REACTION_ID_SIZE 32 /* rct_ or ord_, a ULID and a NUL */

struct reaction_row {
	const char *id;
	const char *kind; /* freeze, kill, block_ip, ... */
	uint32_t host;
	const char *daemon, *alert_id; /* "": none */
	const char *target;            /* what it is done to: "ip:192.0.2.1" */
	const char *args;              /* a JSON object */
	const char *mode;              /* dry_run, applied */
	const char *status; /* dry_run, pending, sent, applied, verified, failed, expired, undone */
	const char *rule;   /* of the policy; "": a person's */
	const char *reason, *by, *approved_by;
	const char *principal; /* who is behind `by`, see caller.h; "": not known, or a rule */
	uint64_t created_us, updated_us, sent_us, applied_us;
	uint64_t expires_us; /* of the effect; 0: it has no lifetime */
	const char *result;  /* a JSON object: read-back, evidence */
};

struct order_row {
	const char *id, *reaction_id;
	uint32_t host;
	bool undo;        /* takes the reaction back */
	uint64_t counter; /* grows with every order of the host */
	uint64_t created_us;
	uint64_t expires_us; /* not delivered after this */
	bool closed;         /* answered, or dead */
	const void *bytes;   /* signed, as they go out */
	size_t size;
};

struct mode_row {
	uint32_t host;              /* 0: all */
	const char *label, *daemon; /* "": all */
	const char *mode;           /* monitor, active, prevent; "": no longer said */
	const char *by;
	uint64_t set_us;
};

/* What a listing wants; everything is optional. */
struct reaction_filter {
	const char *alert_id, *status, *before_id, *kind;
	uint32_t host;
	uint64_t since_us; /* created */
	unsigned limit;
};

struct reaction_counts {
	uint64_t total, dry_run, waiting /* pending, sent */,
	    in_effect /* applied, verified, with a lifetime */, failed, expired, undone;
};

typedef int (*reaction_call)(const struct reaction_row *row, void *ctx);
typedef int (*order_call)(const struct order_row *row, void *ctx);
typedef int (*mode_call)(const struct mode_row *row, void *ctx);

struct store_reactions {
	/* ---- writer's thread */
	int (*put)(struct store *s, const struct reaction_row *row); /* by id */
	/* Within the transaction: 1 and the row, or 0. */
	int (*held)(struct store *s, const char *id, reaction_call call, void *ctx);
	/* How often this was done to the target on the host (0: any) since; those that wait or are
	 * in effect only, with `open`. */
	int (*times)(struct store *s, uint32_t host, const char *kind, const char *target,
	    uint64_t since_us, bool open, uint64_t now_us, uint64_t *ret);
	/* The latest time that automation did this to the target since, on any host, and nobody
	 * took back (mode "dry_run": would have done): 1 and the row, or 0. */
	int (*latest)(struct store *s, const char *kind, const char *target, const char *mode,
	    uint64_t since_us, reaction_call call, void *ctx);
	/* How often a person took it back since, on any host. */
	int (*taken_back)(struct store *s, const char *kind, const char *target, uint64_t since_us,
	    uint64_t *ret);
	int (*order_put)(struct store *s, const struct order_row *row); /* by id */
	int (*order_held)(struct store *s, const char *id, order_call call, void *ctx);
	int (*order_close)(struct store *s, const char *id);
	int (*last_counter)(struct store *s, uint32_t host, uint64_t *ret); /* 0: none */
	int (*mode_put)(struct store *s, const struct mode_row *row);
	/* Forgets what is closed and older, and its orders; at most `limit` rows: how many it was.
	 */
	int (*prune)(struct store *s, uint64_t before_us, unsigned limit);

	/* ---- any thread, one reader each */
	int (*each)(
	    struct reader *r, const struct reaction_filter *f, reaction_call call, void *ctx);
	int (*get)(struct reader *r, const char *id, reaction_call call, void *ctx); /* 1, 0 */
	int (*count)(struct reader *r, struct reaction_counts *ret);
	/* Orders that are not closed, of a host (0: of all), in the order of their counters. */
	int (*each_open)(struct reader *r, uint32_t host, order_call call, void *ctx);
	/* Reactions in effect whose life ended before; a thousand at most. */
	int (*each_over)(struct reader *r, uint64_t before_us, reaction_call call, void *ctx);
	int (*each_mode)(struct reader *r, mode_call call, void *ctx);
};

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order - what the server asks of an agent, and what came of it; schema/order.md is the contract.
 *
 * An order travels as an envelope: magic, key id, message, Ed25519 signature over all before it.
 * The server signs (lib/sign.h), the guard verifies; what is between only passes bytes on.  Nothing
 * here does I/O or cryptography.
 */
#ifndef LIB_ORDER_H
#define LIB_ORDER_H

#include "lib/buf.h"
#include "lib/sign.h"

#define DS_ORDER_MAX     (16u << 10) /* bytes of an envelope */
#define DS_RESULT_MAX    (64u << 10) /* bytes of a result */
#define DS_EVIDENCE_MAX  (32u << 10) /* bytes of its evidence */
#define DS_ORDER_ID_SIZE 16u
/* The guard remembers ids at least so long: an order that is valid for longer is refused. */
#define DS_ORDER_VALID_MAX_US (UINT64_C(24) * 3600 * 1000000)

/* What the order's author was allowed to do; the guard's breaker counts all but operators. */
enum ds_order_mode {
	DS_ORDER_OPERATOR = 1, /* a person asked for it */
	DS_ORDER_ACTIVE = 2,   /* policy, mode active */
	DS_ORDER_PREVENT = 3,  /* policy, mode prevent: also answers to what is held */
	DS_ORDER_DRY_RUN = 4,  /* check everything, say what would be done, do nothing */
};

/* Kinds that are not reactions; a reaction's kind is its name: kill freeze block_ip ... */
#define DS_ORDER_UNDO    "undo"    /* target: id of the order to undo */
#define DS_ORDER_ANSWER  "answer"  /* target: id of the question; answer */
#define DS_ORDER_PROFILE "profile" /* daemon; path: lines "+PROGRAM", "-PROGRAM" */
#define DS_ORDER_SPARE   "spare"   /* path: lines "ADDRESS NAME": never blocked; all of them */
#define DS_ORDER_KEY     "key"     /* key: orders are signed with it from now on */
#define DS_ORDER_REBIND  "rebind"  /* target: the question; host_id: who the host is from now on */

/* Of a block: for whom. */
enum ds_reach {
	DS_REACH_HOST,
	DS_REACH_DAEMON,      /* for the order's daemon only where the host can, else for all */
	DS_REACH_DAEMON_ONLY, /* or not at all */
};

enum ds_order_answer { DS_ANSWER_ALLOW = 1, DS_ANSWER_KILL = 2 };

struct ds_order {
	uint8_t host_id[16]; /* addressee, as given at enrolment */
	uint8_t id[DS_ORDER_ID_SIZE];
	char kind[24];
	uint64_t counter; /* of this addressee: grows with every order, never used twice */
	uint64_t not_before_us, expires_us; /* wall clock; when it may begin */
	uint64_t lifetime_ms; /* of its effect, from when it is applied; 0: the reaction's own */
	uint8_t mode;         /* enum ds_order_mode */
	char reason[256];     /* for people */
	char daemon[256];     /* the breaker counts by it; may be empty */

	/* Arguments: each kind reads its own and refuses an order that lacks them. */
	uint32_t pid;
	uint64_t start_us; /* of the process, as events say: a pid alone is never enough */
	char exe[1024];    /* program of the process; empty: not checked */
	char path[4096];
	char sha256[65];  /* of the file as it is to be, hex */
	char address[64]; /* address or network/prefix, as text */
	uint32_t port;
	uint8_t protocol; /* 6, 17; 0: both */
	char unit[256];
	uint8_t target[DS_ORDER_ID_SIZE];
	uint8_t answer; /* enum ds_order_answer */
	uint8_t key[DS_SIGN_PUBLIC_SIZE];
	char data[1024]; /* for plugins: their name, a NUL-free line */
	/* Who asked, if from this host or over the network: never cut off, never killed. */
	char session_address[64];
	uint32_t session_pid;
	uint8_t reach; /* enum ds_reach: of a block */
};

enum ds_outcome {
	DS_OUTCOME_DONE = 1,    /* applied, and read back */
	DS_OUTCOME_REFUSED = 2, /* nothing was done: text says which check */
	DS_OUTCOME_FAILED = 3,  /* tried; nothing is left behind, or text says what is */
	DS_OUTCOME_UNDONE =
	    4, /* the effect of `order` is gone: by order or at the end of its life */
	DS_OUTCOME_NOTHING = 5, /* what it was about is not there (any more): target gone */
	DS_OUTCOME_WOULD = 6,   /* dry run: would have been done */
	DS_OUTCOME_LOST =
	    7, /* the effect was taken away by somebody else; re-applied if text says */
};

struct ds_result {
	uint8_t order[DS_ORDER_ID_SIZE]; /* whose effect it is about */
	uint8_t by[DS_ORDER_ID_SIZE]; /* of UNDONE: the undo order; zero: lifetime or local hand */
	char kind[24];
	uint8_t outcome;        /* enum ds_outcome */
	uint32_t error;         /* errno, 0 for none */
	char text[512];         /* a sentence */
	uint8_t is_verified;    /* the effect, or its absence, was read back */
	uint64_t time_us;       /* the agent's wall clock */
	uint64_t took_us;       /* from the arrival of the order to the read-back */
	uint64_t until_us;      /* when the effect ends by itself; 0: it has no lasting effect */
	uint64_t counter_floor; /* orders with a counter up to this are refused */
	const char *evidence;   /* JSON; borrowed */
	size_t evidence_size;
};

/* A name to log and to look up, from 16 bytes: 32 hex digits and a NUL. */
void ds_order_id_format(const uint8_t id[DS_ORDER_ID_SIZE], char ret[33]);
DS_MUST_CHECK int ds_order_id_parse(const char *text, uint8_t ret[DS_ORDER_ID_SIZE]);

/* Appends magic, key id and message: what is to be signed; the caller appends the signature. */
DS_MUST_CHECK int ds_order_put(
    struct ds_buf *b, const uint8_t key_id[DS_SIGN_ID_SIZE], const struct ds_order *order);
/* The parts of an envelope, nothing decoded yet; pointers borrow.  -EBADMSG, -EFBIG. */
struct ds_envelope {
	const uint8_t *key_id; /* DS_SIGN_ID_SIZE bytes */
	const uint8_t *signed_data;
	size_t signed_size;
	const uint8_t *message;
	size_t message_size;
	const uint8_t *signature; /* DS_SIGN_SIZE bytes */
};
DS_MUST_CHECK int ds_envelope_get(const void *data, size_t size, struct ds_envelope *ret);
/* Reads the message of an envelope; call it after the signature is verified.  -EBADMSG. */
DS_MUST_CHECK int ds_order_get(const struct ds_envelope *e, struct ds_order *ret);

DS_MUST_CHECK int ds_result_put(struct ds_buf *b, const struct ds_result *m);
/* ret->evidence borrows. */
DS_MUST_CHECK int ds_result_get(const void *data, size_t size, struct ds_result *ret);
const char *ds_outcome_name(unsigned outcome);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attacks - what decoys taught about attackers: addresses that came to one, what they asked for and
 * which addresses they named there, and what was done on hosts that are decoys as a whole (label
 * honeypot).
 *
 * The fleet's thread owns the `struct attacks` that grows and publishes copies (lib/snapshot) for
 * the workers, which raise what is strange already when it is known from here.  What ordinary hosts
 * do as well is a habit, and never an attack.  Everything is bounded and ends by itself.
 */
#ifndef SERVER_DETECT_ATTACKS_H
#define SERVER_DETECT_ATTACKS_H

#include "lib/buf.h"

#include <stdbool.h>

#define ATTACK_SOURCES_MAX    16384u /* the longest unheard of goes first */
#define ATTACK_BEHAVIOURS_MAX 4096u
#define ATTACK_REQUESTS_MAX   4096u
#define ATTACK_NAMED_MAX      4096u
#define ATTACK_NAMED_ONCE     4u /* of one visitor's words */
#define ATTACK_DAY_US         (UINT64_C(86400) * 1000000)
#define ATTACK_SOURCE_US      (7 * ATTACK_DAY_US) /* after it came last */
#define ATTACK_BEHAVIOUR_US   (30 * ATTACK_DAY_US)
#define ATTACK_SAID_MAX       200u /* enough for any sentence of attack_say() */

enum attack_sort {
	ATTACK_SOURCE,
	ATTACK_BEHAVIOUR,
	ATTACK_REQUEST, /* a path of http */
	ATTACK_NAMED,   /* an address in a visitor's words: anybody may be named, so worth less */
	ATTACK_SORTS
};

struct attack {
	uint64_t id;         /* attack_source(), attack_behaviour() or attack_request() */
	uint64_t time_us;    /* when it was seen last */
	uint8_t address[16]; /* of a source, IPv4 as ::ffff:a.b.c.d */
	uint32_t host;       /* where */
	char host_name[64];
	char decoy[24]; /* which of the host's; "": the host is one */
};

struct attacks;

struct attacks *attacks_new(void); /* NULL: no memory */
void attacks_free(void *attacks);  /* for ds_snapshot_new() as well */
/* Without its habits, for those who ask only; NULL: no memory. */
struct attacks *attacks_copy(const struct attacks *a);

/* An IPv4 address, an IPv6 /64; 0: one that means another machine on each host, or none.  size: 4
 * or 16; ret: as in struct attack. */
uint64_t attack_source(const uint8_t *address, unsigned size, uint8_t ret[16]);
/* A program that is started, its arguments' shape, a place that is written to, a destination,
 * whoever does it; 0: of another sort. The same on every machine and in every run. */
uint64_t attack_behaviour(uint8_t kind, const uint8_t *key, size_t key_size);
/* The path of a request of http within a text ("GET /a?b HTTP/1.1", a line of a log), without what
 * it asks there; 0: it has none, or one that everybody asks for. */
uint64_t attack_request(const char *text, size_t len);
/* The next address of IPv4 within a text, from *at on, which moves behind it. */
bool attack_next_named(const char *text, size_t len, size_t *at, uint8_t ret[4]);

/* Whether there is something to publish; false: known already, or a habit. */
bool attacks_add(struct attacks *a, enum attack_sort sort, const struct attack *attack);
/* Whether it was there. */
bool attacks_remove(struct attacks *a, enum attack_sort sort, uint64_t id);
/* An ordinary host does this: whether that made an attack of it none. */
bool attacks_habit(struct attacks *a, uint64_t behaviour);
void attacks_forget_habits(struct attacks *a);
/* NULL: not known, or too long ago.  NULL `a`: nothing is known. */
const struct attack *attacks_find(
    const struct attacks *a, enum attack_sort sort, uint64_t id, uint64_t now_us);
/* All of them, by id. */
const struct attack *attacks_list(const struct attacks *a, enum attack_sort sort, size_t *ret_len);

/* For the store.  Unpacked into what is empty; -EBADMSG, -EPROTONOSUPPORT: nothing is changed. */
DS_MUST_CHECK int attacks_pack(const struct attacks *a, struct ds_buf *to);
DS_MUST_CHECK int attacks_unpack(struct attacks *a, struct ds_buf *from);

/* "10.1.2.3 came to the decoy ssh on host hp1 2 hours ago", and the like for the other sorts */
void attack_say(
    const struct attack *attack, enum attack_sort sort, uint64_t now_us, char *ret, size_t size);
/* A score with that beside it. */
double attack_raise(double score);

#endif

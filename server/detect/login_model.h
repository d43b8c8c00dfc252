/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * login_model - who logs in from where over the whole fleet, and who only tries to.
 *
 * Pure, one object, one thread (the fleet's).  Sources that guess are flagged, each once a day; a
 * success is judged by what is known of its account and network and by the failures of its source
 * and account anywhere.  Everything is bounded: the longest unheard of goes first.
 *
 * A network is what stays the same when people stay: the /24 of a private IPv4 address, the /16 of
 * a public one, the /48 of IPv6.
 */
#ifndef SERVER_DETECT_LOGIN_MODEL_H
#define SERVER_DETECT_LOGIN_MODEL_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOGIN_NAME_MAX 64u

struct login_event {
	uint32_t host;
	const char *host_name, *daemon, *user, *method; /* not NULL */
	uint8_t address[16];                            /* IPv4 in the first four bytes */
	uint8_t address_size;                           /* 4, 16; 0: local (su, sudo) */
	uint16_t port;                                  /* of the source; 0: not known */
	bool success;
	bool decoy;         /* at a decoy, or on a host that is one: nobody has business there */
	const char *wanted; /* there; "" : nothing yet; NULL: it is no decoy */
	uint64_t count, time_us;
};

enum login_finding {
	LOGIN_GUESSING,   /* one source tries passwords */
	LOGIN_SPRAYING,   /* one source tries accounts */
	LOGIN_TOGETHER,   /* many sources try one account */
	LOGIN_PROBING,    /* one of many sources that try accounts which nobody has */
	LOGIN_REFUSED_AT, /* from where nobody may come: country or network is on the list of denied
			   */
	LOGIN_AFTER,      /* a success after guessing */
	LOGIN_FROM,       /* a success from a network that is new for an account of few */
	LOGIN_FIRST,      /* an account that nobody used, from a network that nobody knows */
	LOGIN_BURST,      /* the fleet sees more failures than at this hour of other days */
	LOGIN_DECOY,      /* a source came to a decoy */
	LOGIN_FINDINGS
};

struct login_found {
	enum login_finding what;
	const char *severity; /* static */
	double score;
	uint32_t host;
	const char *host_name, *daemon, *user, *method, *wanted;
	char source[46];              /* the address as text; "" : none */
	uint64_t time_us, expires_us; /* until when the source counts as hostile; 0: it does not */
	uint64_t failures;            /* of the source, lately */
	unsigned users,
	    sources;     /* accounts that the source tried; sources that tried the account */
	uint64_t logins; /* successes of the account so far */
	char network[64];
	char country[3]; /* "" : not known */
	bool of_source;  /* about a hostile source, not about a success */
};

typedef void (*login_tell)(const struct login_found *found, void *ctx);

struct login_policy {
	/* The country of an address, two letters; may be NULL. */
	bool (*country)(void *ctx, const uint8_t *address, unsigned size, char ret[3]);
	void *country_ctx;
	/* Whether an address is always, or never, let alone; may be NULL. */
	bool (*allowed)(void *ctx, const uint8_t *address, unsigned size, const char *country);
	bool (*denied)(void *ctx, const uint8_t *address, unsigned size, const char *country);
	void *list_ctx;
};

struct login_model;

struct login_model *login_model_new(const struct login_policy *policy); /* policy may be NULL */
void login_model_free(struct login_model *m);
void login_model_set_policy(struct login_model *m, const struct login_policy *policy);
/* A success that is normal and should be kept: how often it was seen by now.  0: nothing to keep.
 * -ENOMEM: the event was not taken in. */
DS_MUST_CHECK int login_model_take(
    struct login_model *m, const struct login_event *ev, login_tell tell, void *ctx);
/* Somebody has dealt with what was told: who goes on is told anew. */
void login_model_renew(struct login_model *m);
/* Tells of sources that had time to show that they were somebody; once in a while. */
void login_model_tick(struct login_model *m, uint64_t now_us, login_tell tell, void *ctx);
/* A success that was normal before; count: so many. */
void login_model_known(struct login_model *m, const char *user, const char *network, uint64_t count,
    uint64_t first_us, uint64_t last_us);
/* Whether a source counts as hostile now. */
bool login_model_is_hostile(
    struct login_model *m, const uint8_t *address, unsigned size, uint64_t now_us);
/* A source was hostile when the server ran last; IPv4 as ::ffff:a.b.c.d. */
void login_model_hostile(struct login_model *m, const uint8_t address[16], uint64_t time_us);
/* The network of an address as text: "10.1.2.0/24", "local". */
void login_network(const uint8_t *address, unsigned size, char *ret, size_t ret_size);

#endif

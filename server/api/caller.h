/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * caller - who makes a request, and what they may do.
 *
 * What a route needs is one scope ("alerts:write"); tokens have scopes, users have a role, and a
 * role is a list of scopes (role_table, the one place).  Scopes of the subject "self" are about the
 * caller's own session and open to every caller.
 */
#ifndef SERVER_API_CALLER_H
#define SERVER_API_CALLER_H

#include "server/store/access.h"

#include <sys/types.h>

#define CALLER_NAME_MAX   64u
#define CALLER_LOCAL      ":local" /* no user has such a name */
#define CALLER_SCOPES_MAX 8u
#define CALLER_SCOPE_MAX  40u

struct role;

enum caller_kind {
	CALLER_NOBODY,
	CALLER_PEER,    /* of the unix socket: root or the server's own user */
	CALLER_TOKEN,   /* an API token */
	CALLER_SESSION, /* a person, signed in */
};

struct caller {
	enum caller_kind kind;
	pid_t pid;                  /* of a peer; 0: not known */
	char name[CALLER_NAME_MAX]; /* for the audit log */
	/* Who is behind it: the user, also by a token that the user made; CALLER_LOCAL for the unix
	 * socket and tokens made there; "": not known (a token of an older version). */
	char principal[CALLER_NAME_MAX];
	uint64_t made_us; /* a token: when */
	const char *role; /* static, or NULL: tokens */
	/* Of the user who made a token: it may no more than its maker may now.  NULL: no bound. */
	const struct role *bound;
	char scopes[CALLER_SCOPES_MAX][CALLER_SCOPE_MAX];
	unsigned scopes_len;
	bool must_change;                  /* only "self" until the one-time password is changed */
	uint64_t confirmed_us, expires_us; /* of a session */
	uint8_t session[ACCESS_HASH_SIZE];
};

struct role {
	const char *name, *help;
	const char *scopes[CALLER_SCOPES_MAX];
};

extern const struct role role_table[]; /* ends with a row without a name */

/* NULL: there is no such role. */
const struct role *role_find(const char *name);
/* The caller has a role's scopes. */
void caller_take_role(struct caller *c, const struct role *role);
/* Only a session can be somebody else's browser: its password was given a moment ago.  A token does
 * what it was made for, and who is root at the socket needs no password of ours. */
bool caller_is_confirmed(const struct caller *c, uint64_t now_us);
bool caller_may(const struct caller *c, const char *scope);
/* Whether `have` ("*", "*:read", "events:*", "events:read") allows `want`. */
bool scope_allows(const char *have, const char *want);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate - who makes a request, and whether they may: before its body is read, on a listener's
 * thread.
 *
 * Three ways in: a peer of the unix socket that is root or the server's own user, an API token, a
 * session's cookie.  A cookie is sent by browsers on their own, so what changes something needs the
 * session's X-CSRF-Token beside it, and an Origin, if there is one, must be this server's.
 */
#ifndef SERVER_API_GATE_H
#define SERVER_API_GATE_H

#include "server/api/auth.h"

struct access;
struct request;
struct route;

#define GATE_COOKIE "__Host-ds"

struct gate {
	struct auth *auth;
	struct access *access;
};

/* Whether somebody who was let in still would be. */
bool gate_still(const struct gate *g, const struct caller *caller, const char *scope);
/* Fills r->caller.  False: a problem was written. */
bool gate_check(const struct gate *g, struct request *r, const struct route *route, bool is_unix);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate - see gate.h; called by http.c. */
#include "server/api/gate.h"

#include "lib/clock.h"
#include "server/api/access.h"
#include "server/api/request.h"
#include "server/api/routes.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *
header(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

static bool
refuse(struct request *r, unsigned status, const char *type, const char *detail)
{
	request_problem(r, status, type, detail);
	return false;
}

static bool
is_own_origin(const struct request *r)
{
	const char *origin = header(r, "Origin"), *host = header(r, "Host");

	if (origin == NULL)
		return true;
	if (host == NULL)
		return false;
	if (strncasecmp(origin, "https://", 8) == 0)
		return strcasecmp(origin + 8, host) == 0;
	return strncasecmp(origin, "http://", 7) == 0 && strcasecmp(origin + 7, host) == 0;
}

/* A form or script of another site makes the browser send the cookie, but cannot know this. */
static bool
has_csrf(const struct request *r, const char *secret)
{
	const char *given = header(r, "X-CSRF-Token");
	char want[ACCESS_CSRF_TEXT];

	access_csrf(secret, want);
	return given != NULL && strlen(given) == sizeof(want) - 1 &&
	       CRYPTO_memcmp(given, want, sizeof(want) - 1) == 0;
}

static bool
is_peer(const struct request *r, struct caller *ret)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	pid_t pid;

	if (info == NULL || !auth_peer_is_admin(info->connect_fd, &pid))
		return false;
	*ret = (struct caller){ .kind = CALLER_PEER, .pid = pid };
	snprintf(ret->name, sizeof(ret->name), "local");
	snprintf(ret->principal, sizeof(ret->principal), "%s", CALLER_LOCAL);
	caller_take_role(ret, role_find("admin"));
	return true;
}

/* A token of somebody who may not sign in any more is nobody's; nor is it that of another who got
 * the name later. */
static bool
has_maker(const struct gate *g, struct caller *c)
{
	struct access_user maker;

	if (c->principal[0] == '\0' || strcmp(c->principal, CALLER_LOCAL) == 0)
		return true;
	if (!access_user(g->access, c->principal, &maker) || maker.disabled ||
	    maker.created_us > c->made_us)
		return false;
	c->bound = maker.role;
	return true;
}

static bool
has_token(const struct gate *g, const char *authorization, uint64_t now_us, struct caller *ret)
{
	struct caller c;

	if (auth_token(g->auth, authorization, now_us, &c) < 0 || !has_maker(g, &c))
		return false;
	*ret = c;
	return true;
}

static bool
identify(const struct gate *g, struct request *r, bool is_unix)
{
	const char *authorization = header(r, "Authorization"),
		   *cookie =
		       MHD_lookup_connection_value(r->connection, MHD_COOKIE_KIND, GATE_COOKIE);
	uint64_t now_us = ds_clock_wall_us();

	if (is_unix && is_peer(r, &r->caller))
		return true;
	if (authorization != NULL)
		return has_token(g, authorization, now_us, &r->caller) ||
		       refuse(r, 401, "token", "this API token is unknown, revoked or expired");
	if (cookie != NULL && access_session(g->access, cookie, now_us, &r->caller) == 0) {
		snprintf(r->cookie, sizeof(r->cookie), "%s", cookie);
		return true;
	}
	if (is_unix)
		return refuse(r, 403, "peer",
		    "only root and the server's own user may use this socket without a token");
	return refuse(r, 401, "token",
	    "sign in, or send an API token: Authorization: Bearer dsk_..., made by "
	    "\"daemonsec-ctl api-tokens create\"");
}

bool
gate_still(const struct gate *g, const struct caller *caller, const char *scope)
{
	uint64_t now_us = ds_clock_wall_us();
	struct caller now = *caller;

	if (caller->kind == CALLER_TOKEN &&
	    (!auth_has(g->auth, caller, now_us) || !has_maker(g, &now)))
		return false;
	if (caller->kind == CALLER_SESSION && access_again(g->access, caller, now_us, &now) < 0)
		return false;
	return caller_may(&now, scope);
}

bool
gate_check(const struct gate *g, struct request *r, const struct route *route, bool is_unix)
{
	bool writes = strcmp(route->method, "GET") != 0;

	if (writes && !is_own_origin(r))
		return refuse(r, 403, "origin", "the request comes from a page of another site");
	if (route->scope == NULL)
		return true;
	if (!identify(g, r, is_unix))
		return false;
	if (r->caller.kind == CALLER_SESSION && writes && !has_csrf(r, r->cookie))
		return refuse(r, 403, "csrf", "X-CSRF-Token is missing or not this session's");
	if (r->caller.must_change && !caller_may(&r->caller, route->scope))
		return refuse(r, 403, "password-change",
		    "choose a password of your own first: POST session/password");
	if (!caller_may(&r->caller, route->scope))
		return refuse(r, 403, "scope",
		    r->caller.kind == CALLER_TOKEN ? "this token does not have the scope for this"
						   : "your role does not allow this");
	return !route_wants_confirm(route) || caller_is_confirmed(&r->caller, ds_clock_wall_us()) ||
	       refuse(r, 403, "confirm", "give your password again: POST session/confirm");
}

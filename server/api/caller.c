/* SPDX-License-Identifier: GPL-2.0-or-later */
/* caller - roles and scopes; asked by http.c for every request. */
#include "server/api/caller.h"

#include "server/api/access.h"

#include <stdio.h>
#include <string.h>

const struct role role_table[] = {
	{ "viewer", "sees everything, changes nothing", { "*:read" } },
	{ "analyst", "judges alerts, trains models, announces deploys",
	    { "*:read", "alerts:write", "models:write", "deployments:write" } },
	{ "operator", "also reacts, and lets hosts in",
	    { "*:read", "alerts:write", "models:write", "deployments:write", "reactions:write",
		"hosts:write", "enrolment:write" } },
	{ "admin", "also users, tokens and settings", { "*" } },
	{ 0 },
};

const struct role *
role_find(const char *name)
{
	for (const struct role *r = role_table; r->name != NULL; r++)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

void
caller_take_role(struct caller *c, const struct role *role)
{
	c->role = role->name;
	c->scopes_len = 0;
	for (unsigned i = 0; i < CALLER_SCOPES_MAX && role->scopes[i] != NULL; i++)
		snprintf(c->scopes[c->scopes_len++], CALLER_SCOPE_MAX, "%s", role->scopes[i]);
}

/* "*" for either part of "events:read". */
bool
scope_allows(const char *have, const char *want)
{
	const char *have_verb = strchr(have, ':'), *want_verb = strchr(want, ':');
	size_t len;

	if (strcmp(have, "*") == 0)
		return true;
	if (have_verb == NULL || want_verb == NULL)
		return false;
	len = (size_t)(have_verb - have);
	if (!(len == 1 && *have == '*') &&
	    (len != (size_t)(want_verb - want) || strncmp(have, want, len) != 0))
		return false;
	/* Only who is allowed everything, or this by name, reads about tokens. */
	if (len == 1 && strncmp(want, "admin:", 6) == 0)
		return false;
	return strcmp(have_verb, ":*") == 0 || strcmp(have_verb, want_verb) == 0;
}

static bool
role_allows(const struct role *role, const char *scope)
{
	for (unsigned i = 0; i < CALLER_SCOPES_MAX && role->scopes[i] != NULL; i++)
		if (scope_allows(role->scopes[i], scope))
			return true;
	return false;
}

bool
caller_is_confirmed(const struct caller *c, uint64_t now_us)
{
	return c->kind != CALLER_SESSION || now_us < c->confirmed_us + ACCESS_CONFIRM_US;
}

bool
caller_may(const struct caller *c, const char *scope)
{
	if (c->kind != CALLER_NOBODY && strncmp(scope, "self:", 5) == 0)
		return true;
	if (c->must_change || (c->bound != NULL && !role_allows(c->bound, scope)))
		return false;
	for (unsigned i = 0; i < c->scopes_len; i++)
		if (scope_allows(c->scopes[i], scope))
			return true;
	return false;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/api/auth.h"
#include "server/api/described.h"
#include "server/api/routes.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
members_that_a_route_does_not_know_are_named(void **state)
{
	static const char api[] =
	    "{\"paths\":{\"/alerts/{id}/ack\":{\"post\":{\"requestBody\":{\"$ref\":\"#/parts/Note\"}}}},"
	    "\"parts\":{\"Note\":{\"content\":{\"application/json\":{\"schema\":{\"properties\":{\"note\":{}}}}}}}}";
	struct described *b = described_new(api, sizeof(api) - 1);
	char id[32], allow[64];
	bool known;
	const struct route *ack = route_find("POST", "/api/v1/alerts/x/ack", id, 32, &known, allow);
	const struct route *approve =
	    route_find("POST", "/api/v1/hosts/x/approve", id, 32, &known, allow);
	json_t *good = json_pack("{s:s}", "note", "x"), *bad = json_pack("{s:s}", "nota", "x");

	(void)state;
	assert_non_null(b);
	assert_null(described_stranger(b, ack, good));
	assert_string_equal(described_stranger(b, ack, bad), "nota");
	assert_string_equal(described_stranger(b, approve, good), "note");
	assert_null(described_new("{}", 2));
	assert_null(described_new("x", 1));
	json_decref(good);
	json_decref(bad);
	described_free(b);
}

static void
parameters_that_a_route_does_not_take_are_refused_with_a_reason(void **state)
{
	static const char api[] =
	    "{\"paths\":{\"/alerts\":{\"parameters\":[{\"$ref\":\"#/parts/limit\"}],\"get\":{\"parameters\":["
	    "{\"name\":\"status\",\"in\":\"query\",\"schema\":{\"enum\":[\"open\",\"closed\",\"all\"]}},"
	    "{\"name\":\"Last-Event-ID\",\"in\":\"header\",\"schema\":{}}]}}},"
	    "\"parts\":{\"limit\":{\"name\":\"limit\",\"in\":\"query\","
	    "\"schema\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000}}}}";
	static const struct {
		const char *name, *value, *why; /* NULL: it is taken */
	} cases[] = {
		{ "status", "open", NULL },
		{ "status", "", NULL },
		{ "status", "opened", "status: expected open, closed or all, not \"opened\"" },
		{ "stauts", "open", "unknown parameter \"stauts\"" },
		{ "Last-Event-ID", "1", "unknown parameter \"Last-Event-ID\"" },
		{ "limit", "1000", NULL },
		{ "limit", "0", "limit: expected a number from 1 to 1000, not \"0\"" },
		{ "limit", "1.5", "limit: expected a number from 1 to 1000, not \"1.5\"" },
		{ "limit", "", "limit: expected a number from 1 to 1000, not \"\"" },
		{ "limit", "99999999999999999999",
		    "limit: expected a number from 1 to 1000, not \"99999999999999999999\"" },
	};
	struct described *d = described_new(api, sizeof(api) - 1);
	char id[32], allow[64], why[DESCRIBED_WHY_MAX];
	bool known;
	const struct route *r = route_find("GET", "/api/v1/alerts", id, 32, &known, allow);

	(void)state;
	assert_non_null(d);
	for (size_t i = 0; i < DS_LEN(cases); i++) {
		bool takes = described_takes(d, r, cases[i].name, cases[i].value, why);

		assert_int_equal(takes, cases[i].why == NULL);
		if (!takes)
			assert_string_equal(why, cases[i].why);
	}
	described_free(d);
}

static const struct route *
find(const char *method, const char *url, char id[32])
{
	char allow[64];
	bool known;

	id[0] = '\0';
	return route_find(method, url, id, 32, &known, allow);
}

static void
a_path_and_a_method_find_a_row(void **state)
{
	char id[32];

	(void)state;
	assert_ptr_equal(find("GET", "/api/v1/status", id)->answer, status_show);
	assert_ptr_equal(find("HEAD", "/api/v1/status", id)->answer, status_show);
	assert_ptr_equal(find("GET", "/api/v1/hosts/web1", id)->answer, hosts_show);
	assert_string_equal(id, "web1");
	assert_ptr_equal(find("POST", "/api/v1/hosts/web1/revoke", id)->answer, hosts_revoke);
	assert_string_equal(id, "web1");
	assert_ptr_equal(find("GET", "/healthz", id)->answer, health_show);
}

static void
other_paths_find_none(void **state)
{
	static const char *const urls[] = { "", "/", "/api/v1", "/api/v1/", "/api/v1/hosts/",
		"/api/v1/hosts//revoke", "/api/v1/hosts/a/b", "/api/v1/hosts/a/revoke/",
		"/api/v1/healthz", "status", "/api/v2/status",
		"/api/v1/hosts/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	char id[32];

	(void)state;
	for (size_t i = 0; i < DS_LEN(urls); i++)
		assert_null(find("GET", urls[i], id));
}

static void
another_method_is_told_which_would_do(void **state)
{
	char id[32], allow[64];
	bool known;

	(void)state;
	assert_null(route_find("PUT", "/api/v1/enrolment-tokens", id, 32, &known, allow));
	assert_true(known);
	assert_string_equal(allow, "GET, HEAD, POST");
}

static void
every_route_that_is_not_open_has_a_scope_that_exists(void **state)
{
	(void)state;
	for (const struct route *r = route_table; r->method != NULL; r++) {
		if (r->scope == NULL)
			assert_true(r->path[0] == '/' || strcmp(r->path, "session") == 0 ||
				    strcmp(r->path, "hooks/deploy") == 0);
		else
			assert_true(auth_is_scope(r->scope));
		if (r->scope != NULL && strcmp(r->method, "GET") != 0)
			assert_non_null(strstr(r->scope, ":write"));
	}
}

/* /hosts/{id} of the description, whether below /api/v1 or at the root. */
static json_t *
described(json_t *doc, const struct route *r)
{
	char path[100], method[10];

	snprintf(path, sizeof(path), "%s%s", r->path[0] == '/' ? "" : "/", r->path);
	snprintf(method, sizeof(method), "%s", r->method);
	for (char *p = method; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return json_object_get(
	    json_object_get(json_object_get(json_object_get(doc, "paths"), path), method),
	    "operationId");
}

static bool
says_confirm(json_t *doc, const struct route *r)
{
	char path[100], method[10];

	snprintf(path, sizeof(path), "/%s", r->path);
	snprintf(method, sizeof(method), "%s", r->method);
	for (char *p = method; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return json_is_true(json_object_get(
	    json_object_get(json_object_get(json_object_get(doc, "paths"), path), method),
	    "x-confirm"));
}

static void
the_description_has_every_route_and_no_other(void **state)
{
	const char *top = getenv("top_srcdir");
	char file[4096];
	json_t *doc, *methods, *operation;
	const char *path, *method;
	size_t routes = 0, operations = 0;

	(void)state;
	snprintf(file, sizeof(file), "%s/schema/api.json", top ? top : ".");
	doc = json_load_file(file, JSON_REJECT_DUPLICATES, NULL);
	if (doc == NULL)
		skip();
	for (const struct route *r = route_table; r->method != NULL; r++, routes++) {
		if (described(doc, r) == NULL)
			fail_msg("%s %s is not in schema/api.yaml", r->method, r->path);
		if (says_confirm(doc, r) != route_wants_confirm(r))
			fail_msg("%s %s: x-confirm in schema/api.yaml", r->method, r->path);
	}
	json_object_foreach(json_object_get(doc, "paths"), path, methods)
	{
		json_object_foreach(methods, method, operation)
		{
			operations += json_object_get(operation, "operationId") != NULL;
		}
	}
	assert_int_equal(routes, operations);
	json_decref(doc);
}

/* What changes something and asks for no password: each is here because somebody thought so. */
static const char *const unconfirmed[] = {
	"POST hosts/{id}/approve", /* what is let in was sent with a token that was confirmed */
	"POST hosts/{id}/label",   /* words */
	"POST hosts/{id}/email",   /* one more who is told */
	"POST alerts/{id}/ack",    /* alerts: work of every minute, all of it can be taken back */
	"POST alerts/{id}/close", "POST alerts/{id}/assign", "POST alerts/{id}/note",
	"POST alerts/{id}/verdict", "POST expectations/{id}/undo", /* strange again */
	"POST deployments",                                        /* ends by itself */
	"POST deployments/{id}/end", "POST hooks/deploy",          /* signed */
	"POST reactions/{id}/undo", /* one, which is how a mistake ends */
	"POST reactions/undo",      /* a few; more ask, see reactions_change.c */
	"POST models/train",        /* a gate judges what comes of it */
	"POST channels/{id}/test", "POST messages/{id}/retry",
	"POST session",                           /* has the password */
	"DELETE session", "POST session/confirm", /* has the password */
	"POST session/password",                  /* has the password */
};

static bool
is_unconfirmed(const struct route *r)
{
	char text[120];

	snprintf(text, sizeof(text), "%s %s", r->method, r->path);
	for (size_t i = 0; i < DS_LEN(unconfirmed); i++)
		if (strcmp(unconfirmed[i], text) == 0)
			return true;
	return false;
}

static void
every_change_asks_for_the_password_or_somebody_thought_it_need_not(void **state)
{
	static const char *const far[] = { "POST /api/v1/reactions", "POST /api/v1/modes",
		"POST /api/v1/reactions/pause", "POST /api/v1/hosts/x/revoke",
		"POST /api/v1/models/forget", "POST /api/v1/models/x/activate",
		"POST /api/v1/models/import", "POST /api/v1/authority/rotate",
		"DELETE /api/v1/api-tokens/x", "POST /api/v1/api-tokens", "POST /api/v1/users",
		"DELETE /api/v1/users/x" };
	char id[32], method[10];

	(void)state;
	for (const struct route *r = route_table; r->method != NULL; r++) {
		bool reads = strcmp(r->method, "GET") == 0;

		if (reads ? route_wants_confirm(r) : route_wants_confirm(r) == is_unconfirmed(r))
			fail_msg(
			    "%s %s: is it a row of confirmed[] in routes.c, or of unconfirmed[] "
			    "here?",
			    r->method, r->path);
	}
	for (size_t i = 0; i < DS_LEN(far); i++) {
		size_t len = strcspn(far[i], " ");

		snprintf(method, sizeof(method), "%.*s", (int)len, far[i]);
		assert_true(route_wants_confirm(find(method, far[i] + len + 1, id)));
	}
}

/* 0, -EACCES: no such token, -EPERM: not this scope. */
static int
auth_check(struct auth *a, const char *header, const char *scope, uint64_t now_us)
{
	struct caller caller;
	int r = auth_token(a, header, now_us, &caller);

	return r < 0 ? r : caller_may(&caller, scope) ? 0 : -EPERM;
}

static void
tokens_open_what_their_scopes_say_and_until_their_time(void **state)
{
	char token[AUTH_TOKEN_TEXT], hash[65], header[100], setting[1000];
	struct auth *a = auth_new();

	(void)state;
	assert_int_equal(auth_make(token, hash), 0);
	snprintf(header, sizeof(header), "Bearer %s", token);
	assert_int_equal(auth_check(a, header, "events:read", 1), -EACCES);
	snprintf(setting, sizeof(setting),
	    "[{\"id\":\"x\",\"hash\":\"%s\",\"scopes\":[\"events:*\",\"*:read\"],"
	    "\"expires\":\"2026-01-01T00:00:00Z\"}]",
	    hash);
	assert_int_equal(auth_load(a, setting), 0);
	assert_int_equal(auth_check(a, header, "events:write", 1), 0);
	assert_int_equal(auth_check(a, header, "hosts:read", 1), 0);
	assert_int_equal(auth_check(a, header, "hosts:write", 1), -EPERM);
	assert_int_equal(auth_check(a, header, "admin:read", 1), -EPERM);
	assert_int_equal(auth_check(a, header, "hosts:read", UINT64_MAX), -EACCES);
	header[strlen(header) - 1] ^= 1;
	assert_int_equal(auth_check(a, header, "hosts:read", 1), -EACCES);
	assert_int_equal(auth_check(a, NULL, "hosts:read", 1), -EACCES);
	assert_int_equal(auth_check(a, "Bearer ", "hosts:read", 1), -EACCES);
	assert_int_equal(auth_load(a, "{broken"), -EBADMSG);
	auth_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_that_a_route_does_not_know_are_named),
		cmocka_unit_test(parameters_that_a_route_does_not_take_are_refused_with_a_reason),
		cmocka_unit_test(a_path_and_a_method_find_a_row),
		cmocka_unit_test(other_paths_find_none),
		cmocka_unit_test(another_method_is_told_which_would_do),
		cmocka_unit_test(every_route_that_is_not_open_has_a_scope_that_exists),
		cmocka_unit_test(the_description_has_every_route_and_no_other),
		cmocka_unit_test(
		    every_change_asks_for_the_password_or_somebody_thought_it_need_not),
		cmocka_unit_test(tokens_open_what_their_scopes_say_and_until_their_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

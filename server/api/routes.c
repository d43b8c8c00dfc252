/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * routes - the table of the API; called by http.c for each request, on its thread.
 *
 * A new endpoint is a function, a row here and a paragraph of schema/api.yaml.
 */
#include "server/api/routes.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "/api/v1/"

const struct route route_table[] = {
	{ "GET", "status", status_show, "status:read", "everything at a glance" },
	{ "GET", "hosts", hosts_list, "hosts:read", "hosts and their agents" },
	{ "GET", "hosts/{id}", hosts_show, "hosts:read", "one host" },
	{ "POST", "hosts/{id}/approve", hosts_approve, "hosts:write", "let a pending host in" },
	{ "POST", "hosts/{id}/revoke", hosts_revoke, "hosts:write", "cut a host off" },
	{ "POST", "hosts/{id}/label", hosts_label, "hosts:write", "set a host's labels" },
	{ "POST", "hosts/{id}/email", hosts_email, "hosts:write",
	    "who else is told of its alerts" },
	{ "GET", "daemons", daemons_list, "daemons:read", "daemons on hosts" },
	{ "GET", "daemons/{id}", daemons_show, "daemons:read", "one daemon" },
	{ "GET", "daemons/{id}/profile", daemons_profile, "daemons:read",
	    "what is normal for a daemon" },
	{ "GET", "daemons/{id}/departures", daemons_departures, "daemons:read",
	    "what a candidate does that the fleet never does" },
	{ "GET", "daemons/{id}/windows", daemons_windows, "daemons:read",
	    "a daemon's minutes as points, clusters and bands" },
	{ "GET", "daemons/{id}/versions", profile_versions_list, "daemons:read",
	    "how its profile went from version to version" },
	{ "POST", "daemons/{id}/rollback", profile_versions_rollback, "models:write",
	    "take its profile back to a version" },
	{ "GET", "alerts", alerts_list, "alerts:read", "alerts, newest first" },
	{ "GET", "alerts/assignees", alerts_assignees, "alerts:read", "who may look after one" },
	{ "GET", "alerts/summary", alerts_summary, "alerts:read", "all open alerts at a glance" },
	{ "GET", "alerts/{id}", alerts_show, "alerts:read", "one alert with its explanation" },
	{ "POST", "alerts/{id}/ack", alerts_ack, "alerts:write", "somebody looks after it" },
	{ "POST", "alerts/{id}/close", alerts_close, "alerts:write", "it is dealt with" },
	{ "POST", "alerts/{id}/assign", alerts_assign, "alerts:write", "who looks after it" },
	{ "POST", "alerts/{id}/note", alerts_note, "alerts:write", "what one should know of it" },
	{ "POST", "alerts/{id}/verdict", alerts_verdict, "alerts:write", "whether it was right" },
	{ "GET", "expectations", expectations_list, "alerts:read", "what verdicts made expected" },
	{ "POST", "expectations/{id}/undo", expectations_undo, "alerts:write",
	    "it is strange after all" },
	{ "GET", "rules", rules_list, "models:read", "rules below the models" },
	{ "POST", "rules", rules_import, "models:write", "keep rules, compiled" },
	{ "DELETE", "rules/{id}", rules_remove, "models:write", "forget one" },
	{ "GET", "deployments", deployments_list, "daemons:read", "changes that were declared" },
	{ "POST", "deployments", deployments_begin, "deployments:write",
	    "say that a daemon is about to change" },
	{ "POST", "deployments/{id}/end", deployments_end, "deployments:write", "it is done" },
	{ "POST", "hooks/deploy", hooks_deploy, NULL, "a forge tells of a change, signed" },
	{ "GET", "hooks", hooks_list, "settings:read",
	    "whose changes are taken, and by which secret" },
	{ "POST", "hooks/{id}/rotate", hooks_rotate, "admin:write",
	    "let another secret take over, told once" },
	{ "GET", "events", events_list, "events:read", "events, newest first; follow=1 streams" },
	{ "GET", "events/histogram", events_histogram, "events:read", "how many events when" },
	{ "GET", "reactions", reactions_list, "reactions:read", "reactions, newest first" },
	{ "POST", "reactions", reactions_apply, "reactions:write", "do something on a host" },
	{ "GET", "reactions/simulate", reactions_simulate, "reactions:read",
	    "what the rules would have done about the alerts there are" },
	{ "POST", "reactions/undo", reactions_undo_many, "reactions:write",
	    "take back several, of an alert, of a host, or all" },
	{ "POST", "reactions/pause", reactions_pause, "reactions:write", "stop all automation" },
	{ "POST", "reactions/resume", reactions_resume, "reactions:write", "let it go on" },
	{ "GET", "reactions/{id}", reactions_show, "reactions:read", "one reaction" },
	{ "POST", "reactions/{id}/undo", reactions_undo, "reactions:write", "take it back" },
	{ "POST", "reactions/{id}/approve", reactions_approve, "reactions:write",
	    "agree, as a second operator" },
	{ "GET", "models", models_list, "models:read", "versions of models" },
	{ "POST", "models/train", models_train, "models:write", "make new ones" },
	{ "POST", "models/import", models_import, "models:write", "take one from a file" },
	{ "POST", "models/forget", models_forget, "models:write",
	    "leave out a host's stretch of time" },
	{ "GET", "models/{id}", models_show, "models:read", "one, with what is normal by it" },
	{ "POST", "models/{id}/activate", models_activate, "models:write", "let it judge" },
	{ "GET", "models/{id}/file", models_file, "models:read", "its bytes" },
	{ "GET", "jobs", jobs_list, "models:read", "long work, newest first" },
	{ "GET", "jobs/{id}", jobs_show, "models:read", "one job and how far it is" },
	{ "GET", "modes", modes_list, "reactions:read", "how much automation may do, and where" },
	{ "POST", "modes", modes_set, "reactions:write", "say how much it may do" },
	{ "GET", "enrolment-tokens", tokens_list, "enrolment:read", "tokens that let hosts in" },
	{ "POST", "enrolment-tokens", tokens_create, "enrolment:write", "make one" },
	{ "POST", "enrolment-tokens/batch", tokens_create_many, "enrolment:write",
	    "make many at once, one for each host" },
	{ "DELETE", "enrolment-tokens/{id}", tokens_revoke, "enrolment:write", "revoke one" },
	{ "GET", "authority", authority_show, "enrolment:read",
	    "the authority that agents trust, and how far another is with taking over" },
	{ "POST", "authority/rotate", authority_rotate, "admin:write",
	    "let another one take over, step by step" },
	{ "GET", "api-tokens", api_tokens_list, "admin:read", "tokens of this API" },
	{ "POST", "api-tokens", api_tokens_create, "admin:write", "make one" },
	{ "DELETE", "api-tokens/{id}", api_tokens_revoke, "admin:write", "revoke one" },
	{ "GET", "channels", channels_list, "settings:read", "ways of telling people" },
	{ "POST", "channels/{id}/test", channels_test, "settings:write", "send a test by one" },
	{ "GET", "messages", messages_list, "alerts:read", "what people were told, newest first" },
	{ "POST", "messages/{id}/retry", messages_retry, "settings:write",
	    "try a dead letter again" },
	{ "GET", "stream", stream_follow, "alerts:read", "what changes, as Server-Sent Events" },
	{ "POST", "session", session_create, NULL, "sign in" },
	{ "GET", "session", session_show, "self:read", "who asks, and what they may do" },
	{ "DELETE", "session", session_delete, "self:write", "sign out" },
	{ "POST", "session/confirm", session_confirm, "self:write", "give the password again" },
	{ "POST", "session/password", session_password, "self:write", "choose another password" },
	{ "POST", "session/totp", session_totp, "self:write", "add or remove a second factor" },
	{ "GET", "users", users_list, "admin:read", "people who may sign in" },
	{ "POST", "users", users_create, "admin:write", "let somebody in" },
	{ "PATCH", "users/{id}", users_change, "admin:write", "another role, a new password" },
	{ "DELETE", "users/{id}", users_delete, "admin:write", "remove somebody" },
	{ "GET", "audit", audit_show, "admin:read", "who changed what" },
	{ "GET", "audit/verify", audit_verify, "admin:read", "whether that record is whole" },
	{ "GET", "settings", settings_show, "settings:read", "the server's options" },
	{ "GET", "openapi.json", openapi_show, "status:read", "this API, described" },
	{ "GET", "/healthz", health_show, NULL, "the process answers" },
	{ "GET", "/readyz", ready_show, NULL, "it can store and has room" },
	{ "GET", "/metrics", metrics_show, NULL, "for Prometheus" },
	{ NULL, NULL, NULL, NULL, NULL },
};

/* What acts on hosts, lets somebody in or keeps them out, or changes what is judged and by what. */
static const struct {
	const char *method, *path;
} confirmed[] = {
	{ "POST", "hosts/{id}/revoke" },
	{ "POST", "daemons/{id}/rollback" },
	{ "POST", "rules" },
	{ "DELETE", "rules/{id}" },
	{ "POST", "reactions" },
	{ "POST", "reactions/pause" },
	{ "POST", "reactions/resume" },
	{ "POST", "reactions/{id}/approve" },
	{ "POST", "modes" },
	{ "POST", "models/import" },
	{ "POST", "models/forget" },
	{ "POST", "models/{id}/activate" },
	{ "POST", "enrolment-tokens" },
	{ "POST", "enrolment-tokens/batch" },
	{ "DELETE", "enrolment-tokens/{id}" },
	{ "POST", "authority/rotate" },
	{ "POST", "hooks/{id}/rotate" },
	{ "POST", "api-tokens" },
	{ "DELETE", "api-tokens/{id}" },
	{ "POST", "session/totp" },
	{ "POST", "users" },
	{ "PATCH", "users/{id}" },
	{ "DELETE", "users/{id}" },
};

static bool
path_matches(const char *pattern, const char *url, char *ret_id, size_t size)
{
	const char *hole;
	size_t len;

	if (*pattern != '/') {
		if (strncmp(url, PREFIX, sizeof(PREFIX) - 1) != 0)
			return false;
		url += sizeof(PREFIX) - 1;
	}
	hole = strchr(pattern, '{');
	if (hole == NULL)
		return strcmp(pattern, url) == 0;
	if (strncmp(pattern, url, (size_t)(hole - pattern)) != 0)
		return false;
	url += hole - pattern;
	len = strcspn(url, "/");
	if (len == 0 || len >= size || strcmp(hole + sizeof("{id}") - 1, url + len) != 0)
		return false;
	snprintf(ret_id, size, "%.*s", (int)len, url);
	return true;
}

const struct route *
route_find(const char *method, const char *url, char *ret_id, size_t size, bool *ret_path_known,
    char ret_allow[64])
{
	size_t used = 0;

	*ret_path_known = false;
	ret_allow[0] = '\0';
	for (const struct route *r = route_table; r->method != NULL; r++) {
		if (!path_matches(r->path, url, ret_id, size))
			continue;
		if (strcmp(method, r->method) == 0 ||
		    (strcmp(method, "HEAD") == 0 && strcmp(r->method, "GET") == 0))
			return r;
		used += (size_t)snprintf(ret_allow + used, used < 64 ? 64 - used : 0, "%s%s%s",
		    used ? ", " : "", r->method, strcmp(r->method, "GET") == 0 ? ", HEAD" : "");
		used = DS_MIN(used, 63);
		*ret_path_known = true;
	}
	return NULL;
}

bool
route_is_ordered(const struct route *r)
{
	return strcmp(r->method, "GET") != 0 && r->answer != session_create &&
	       r->answer != session_confirm;
}

bool
route_wants_confirm(const struct route *r)
{
	for (size_t i = 0; i < DS_LEN(confirmed); i++)
		if (strcmp(r->method, confirmed[i].method) == 0 &&
		    strcmp(r->path, confirmed[i].path) == 0)
			return true;
	return false;
}

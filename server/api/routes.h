/* SPDX-License-Identifier: GPL-2.0-or-later */
/* routes - which function answers which method and path, and what scope a caller needs for it. */
#ifndef SERVER_API_ROUTES_H
#define SERVER_API_ROUTES_H

#include "server/api/call.h"

struct route {
	const char *method;
	const char
	    *path; /* below /api/v1/ unless it begins with '/'; {id} is one part of the path */
	void (*answer)(struct call *c);
	const char *scope; /* "hosts:read"; NULL: anybody */
	const char *help;
};

extern const struct route route_table[]; /* ends with a row without a method */

/* The row for a request, its {id} in ret_id (size bytes).  NULL: *ret_path_known tells whether
 * another method would do, and ret_allow (64 bytes) which. */
const struct route *route_find(const char *method, const char *url, char *ret_id, size_t size,
    bool *ret_path_known, char ret_allow[64]);
/* Whether requests of the route run one after another: those that change something, but for signing
 * in, which takes long and changes nothing that others change. */
bool route_is_ordered(const struct route *r);

/* Whether a person who signed in must have given the password in the last ACCESS_CONFIRM_US. */
bool route_wants_confirm(const struct route *r);

void status_show(struct call *c);
void hosts_list(struct call *c);
void hosts_show(struct call *c);
void hosts_approve(struct call *c);
void hosts_revoke(struct call *c);
void hosts_label(struct call *c);
void hosts_email(struct call *c);
void daemons_list(struct call *c);
void daemons_show(struct call *c);
void daemons_profile(struct call *c);
void daemons_departures(struct call *c);
void daemons_windows(struct call *c);
void profile_versions_list(struct call *c);
void profile_versions_rollback(struct call *c);
void alerts_list(struct call *c);
void alerts_show(struct call *c);
void alerts_summary(struct call *c);
void alerts_ack(struct call *c);
void alerts_close(struct call *c);
void alerts_assign(struct call *c);
void alerts_assignees(struct call *c);
void alerts_note(struct call *c);
void alerts_verdict(struct call *c);
void expectations_list(struct call *c);
void expectations_undo(struct call *c);
void deployments_list(struct call *c);
void deployments_begin(struct call *c);
void deployments_end(struct call *c);
void hooks_deploy(struct call *c);
void hooks_list(struct call *c);
void hooks_rotate(struct call *c);
void rules_list(struct call *c);
void rules_import(struct call *c);
void rules_remove(struct call *c);
void events_list(struct call *c);
void events_histogram(struct call *c);
void tokens_list(struct call *c);
void tokens_create(struct call *c);
void tokens_create_many(struct call *c);
void authority_show(struct call *c);
void authority_rotate(struct call *c);
void tokens_revoke(struct call *c);
void api_tokens_list(struct call *c);
void api_tokens_create(struct call *c);
void api_tokens_revoke(struct call *c);
void settings_show(struct call *c);
void reactions_list(struct call *c);
void reactions_show(struct call *c);
void reactions_apply(struct call *c);
void reactions_undo(struct call *c);
void reactions_undo_many(struct call *c);
void reactions_approve(struct call *c);
void reactions_pause(struct call *c);
void reactions_resume(struct call *c);
void reactions_simulate(struct call *c);
void models_list(struct call *c);
void models_show(struct call *c);
void models_train(struct call *c);
void models_activate(struct call *c);
void models_file(struct call *c);
void models_import(struct call *c);
void models_forget(struct call *c);
void jobs_list(struct call *c);
void jobs_show(struct call *c);
void modes_list(struct call *c);
void modes_set(struct call *c);
/* [{"name":...,"status":"ok|waiting|failing"}]: the items, for `status`. */
void channels_put_health(struct call *c);
void channels_list(struct call *c);
void channels_test(struct call *c);
void messages_list(struct call *c);
void messages_retry(struct call *c);
void stream_follow(struct call *c);
void session_create(struct call *c);
void session_show(struct call *c);
void session_delete(struct call *c);
void session_confirm(struct call *c);
void session_password(struct call *c);
void session_totp(struct call *c);
void users_list(struct call *c);
void users_create(struct call *c);
void users_change(struct call *c);
void users_delete(struct call *c);
void audit_show(struct call *c);
void audit_verify(struct call *c);
void openapi_show(struct call *c);
void health_show(struct call *c);
void ready_show(struct call *c);
void metrics_show(struct call *c);

#endif

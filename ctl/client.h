/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client - requests to the JSON API, over its unix socket or HTTP(S), with libcurl.
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include "ctl/ctl.h"

/* Makes the request and reads the answer.  body (borrowed) may be NULL.  0: *ret is the document,
 * the caller's. Otherwise an exit code, after a message on stderr. */
int client_request(
    struct ctl *c, const char *method, const char *path, const json_t *body, json_t **ret);
#define client_get(c, path, ret) client_request(c, "GET", path, NULL, ret)
/* Calls line for each line of a stream until the server ends it or line returns other than 0. */
int client_stream(struct ctl *c, const char *path,
    int (*line)(const char *text, size_t len, void *ctx), void *ctx);
/* path?a=x&b=y with escaped values; pairs of name and value, ended by NULL; a NULL value leaves the
 * pair out.  free(). */
char *client_path(const char *path, ...) __attribute__((sentinel));
/* collection/id[/action], the id escaped: it may be what somebody typed.  free(). */
char *client_path_of(const char *collection, const char *id, const char *action);
/* client_request of such a path. */
int client_call(struct ctl *c, const char *method, const char *collection, const char *id,
    const char *action, const json_t *body, json_t **ret);
/* The address in use, for messages. */
const char *client_server(struct ctl *c);
void client_free(struct client *client);

#endif

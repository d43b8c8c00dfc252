/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * auth - who may ask: peers of the unix socket by their uid, others by API tokens.
 *
 * A token is "dsk_" and 32 random bytes in hexadecimal; its SHA-256 is kept in the setting
 * "api_tokens", a JSON array, and in memory as an immutable snapshot.  Any thread.
 */
#ifndef SERVER_API_AUTH_H
#define SERVER_API_AUTH_H

#include "lib/compiler.h"
#include "server/api/caller.h"
#include "server/store/store.h"

#include <jansson.h>
#include <stdbool.h>

#define AUTH_SETTING     "api_tokens"
#define AUTH_SETTING_MAX (64u << 10) /* bytes */
#define AUTH_TOKENS_MAX  128u
#define AUTH_TOKEN_TEXT  69u /* bytes of "dsk_" + 64 digits and the NUL */
#define AUTH_NAME_MAX    80u

struct auth;

struct auth *auth_new(void);
void auth_free(struct auth *a);
/* Takes over the tokens of the setting's text ("" for none). */
DS_MUST_CHECK int auth_load(struct auth *a, const char *setting);
/* Reads the setting and loads it. */
DS_MUST_CHECK int auth_read(
    struct auth *a, const struct store_backend *backend, struct reader *reader);
/* Whether the peer of a connected unix socket is root or the server's own user, and its pid. */
bool auth_peer_is_admin(int fd, pid_t *ret_pid);
/* Whose token the value of an Authorization header is, not expired.  0, or -EACCES: no such token.
 */
DS_MUST_CHECK int auth_token(
    struct auth *a, const char *authorization, uint64_t now_us, struct caller *ret);
/* Whether the token of somebody who was let in is still there and not expired. */
bool auth_has(struct auth *a, const struct caller *caller, uint64_t now_us);
/* A fresh token and its hash as 64 hexadecimal digits. */
DS_MUST_CHECK int auth_make(char token[AUTH_TOKEN_TEXT], char hash[65]);
/* Whether the text is a scope: "*", "events:read", "events:*", "*:read". */
bool auth_is_scope(const char *text);

#endif

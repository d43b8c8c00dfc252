/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * auth - API tokens as a snapshot of hashes; asked on the HTTP threads, published by pool threads.
 */
#include "server/api/auth.h"

#include "lib/clock.h"
#include "lib/snapshot.h"
#include "lib/tls.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct token {
	char id[40], owner[CALLER_NAME_MAX];
	uint8_t hash[32];
	uint64_t made_us, expires_us; /* expires 0: never */
	char scopes[CALLER_SCOPES_MAX][CALLER_SCOPE_MAX];
	unsigned scopes_len;
};

struct tokens {
	size_t len;
	struct token items[AUTH_TOKENS_MAX];
};

struct auth {
	struct ds_snapshot *tokens;
};

struct auth *
auth_new(void)
{
	struct auth *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->tokens = ds_snapshot_new(free);
	if (a->tokens == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

void
auth_free(struct auth *a)
{
	if (a == NULL)
		return;
	ds_snapshot_free(a->tokens);
	free(a);
}

static void
to_hex(const uint8_t *in, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*ret++ = digits[in[i] >> 4];
		*ret++ = digits[in[i] & 15];
	}
	*ret = '\0';
}

static bool
from_hex(const char *text, uint8_t *ret, size_t len)
{
	for (size_t i = 0; i < len; i++, text += 2) {
		char two[3] = { text[0], text[0] ? text[1] : '\0', '\0' }, *end;

		ret[i] = (uint8_t)strtoul(two, &end, 16);
		if (end != two + 2)
			return false;
	}
	return *text == '\0';
}

/* One row of the setting; false: revoked or not well formed, and left out. */
static bool
read_token(json_t *row, struct token *ret)
{
	const char *hash = json_string_value(json_object_get(row, "hash"));
	const char *made = json_string_value(json_object_get(row, "created"));
	const char *expires = json_string_value(json_object_get(row, "expires"));
	const char *id = json_string_value(json_object_get(row, "id")),
		   *owner = json_string_value(json_object_get(row, "owner"));
	json_t *scopes = json_object_get(row, "scopes"), *scope;
	size_t i;

	*ret = (struct token){ 0 };
	if (hash == NULL || !from_hex(hash, ret->hash, sizeof(ret->hash)) ||
	    json_is_true(json_object_get(row, "revoked")))
		return false;
	if (made != NULL && ds_clock_parse(made, &ret->made_us) < 0)
		return false;
	if (expires != NULL && ds_clock_parse(expires, &ret->expires_us) < 0)
		return false;
	snprintf(ret->id, sizeof(ret->id), "%s", id != NULL ? id : "");
	snprintf(ret->owner, sizeof(ret->owner), "%s", owner != NULL ? owner : "");
	json_array_foreach(scopes, i, scope)
	{
		if (json_is_string(scope) && ret->scopes_len < CALLER_SCOPES_MAX)
			snprintf(ret->scopes[ret->scopes_len++], CALLER_SCOPE_MAX, "%s",
			    json_string_value(scope));
	}
	return true;
}

int
auth_load(struct auth *a, const char *setting)
{
	struct tokens *t = calloc(1, sizeof(*t));
	json_t *rows = json_loads(*setting ? setting : "[]", JSON_REJECT_DUPLICATES, NULL), *row;
	size_t i;
	int r = t != NULL && json_is_array(rows) ? 0 : -EBADMSG;

	json_array_foreach(rows, i, row)
	{
		if (r == 0 && t->len < AUTH_TOKENS_MAX && read_token(row, &t->items[t->len]))
			t->len++;
	}
	json_decref(rows);
	if (r == 0)
		r = ds_snapshot_publish(a->tokens, t);
	if (r < 0)
		free(t);
	return r;
}

int
auth_read(struct auth *a, const struct store_backend *backend, struct reader *reader)
{
	char *text = calloc(1, AUTH_SETTING_MAX);
	int r;

	if (text == NULL)
		return -ENOMEM;
	r = backend->setting_get(reader, AUTH_SETTING, text, AUTH_SETTING_MAX);
	if (r == -ENOENT)
		r = 0;
	if (r >= 0)
		r = auth_load(a, text);
	free(text);
	return r;
}

bool
auth_peer_is_admin(int fd, pid_t *ret_pid)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || len != sizeof(who))
		return false;
	*ret_pid = who.pid;
	return who.uid == 0 || who.uid == geteuid();
}

bool
auth_is_scope(const char *text)
{
	static const char *const subjects[] = { "*", "status", "hosts", "daemons", "alerts",
		"events", "reactions", "models", "deployments", "enrolment", "settings", "admin",
		"self" };
	const char *verb = strchr(text, ':');

	if (strcmp(text, "*") == 0)
		return true;
	if (verb == NULL ||
	    (strcmp(verb, ":read") != 0 && strcmp(verb, ":write") != 0 && strcmp(verb, ":*") != 0))
		return false;
	for (size_t i = 0; i < DS_LEN(subjects); i++)
		if (strlen(subjects[i]) == (size_t)(verb - text) &&
		    strncmp(subjects[i], text, (size_t)(verb - text)) == 0)
			return true;
	return false;
}

static void
name_of(const struct token *t, char ret[CALLER_NAME_MAX])
{
	snprintf(ret, CALLER_NAME_MAX, "token:%s", t->id);
}

static int
find_token(const struct tokens *t, const uint8_t hash[32], uint64_t now_us, struct caller *ret)
{
	const struct token *found = NULL;

	/* All of them, so that time tells nothing. */
	for (size_t i = 0; i < t->len; i++)
		if (CRYPTO_memcmp(t->items[i].hash, hash, 32) == 0)
			found = &t->items[i];
	if (found == NULL || (found->expires_us != 0 && now_us >= found->expires_us))
		return -EACCES;
	*ret = (struct caller){
		.kind = CALLER_TOKEN, .made_us = found->made_us, .scopes_len = found->scopes_len
	};
	name_of(found, ret->name);
	memcpy(ret->principal, found->owner, sizeof(ret->principal));
	memcpy(ret->scopes, found->scopes, sizeof(ret->scopes));
	return 0;
}

int
auth_token(struct auth *a, const char *authorization, uint64_t now_us, struct caller *ret)
{
	struct ds_version *v;
	uint8_t hash[32];
	int r;

	if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0)
		return -EACCES;
	authorization += 7;
	if (strlen(authorization) != AUTH_TOKEN_TEXT - 1)
		return -EACCES;
	SHA256((const unsigned char *)authorization, AUTH_TOKEN_TEXT - 1, hash);
	v = ds_snapshot_acquire(a->tokens);
	if (v == NULL)
		return -EACCES;
	r = find_token(ds_version_value(v), hash, now_us, ret);
	ds_version_release(v);
	return r;
}

bool
auth_has(struct auth *a, const struct caller *caller, uint64_t now_us)
{
	struct ds_version *v = ds_snapshot_acquire(a->tokens);
	const struct tokens *t = v != NULL ? ds_version_value(v) : NULL;
	char name[CALLER_NAME_MAX];
	bool found = false;

	for (size_t i = 0; t != NULL && i < t->len; i++) {
		name_of(&t->items[i], name);
		found |= strcmp(name, caller->name) == 0 &&
			 (t->items[i].expires_us == 0 || now_us < t->items[i].expires_us);
	}
	ds_version_release(v);
	return found;
}

int
auth_make(char token[AUTH_TOKEN_TEXT], char hash[65])
{
	uint8_t secret[32], digest[32];
	int r = ds_random(secret, sizeof(secret));

	if (r < 0)
		return r;
	memcpy(token, "dsk_", 4);
	to_hex(secret, sizeof(secret), token + 4);
	SHA256((const unsigned char *)token, AUTH_TOKEN_TEXT - 1, digest);
	to_hex(digest, sizeof(digest), hash);
	explicit_bzero(secret, sizeof(secret));
	return 0;
}

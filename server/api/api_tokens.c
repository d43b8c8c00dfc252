/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api_tokens - tokens of this API: list, make, revoke.
 *
 * On the first pool thread (writes run one after another), so that the setting they are kept in is
 * read, changed and written by one at a time.
 */
#include "lib/clock.h"
#include "lib/tls.h"
#include "server/api/auth.h"
#include "server/api/routes.h"
#include "server/api/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The array of rows; NULL and a problem. */
static json_t *
read_rows(struct call *c)
{
	json_t *rows = call_setting(c, AUTH_SETTING, AUTH_SETTING_MAX, json_array());

	if (rows == NULL)
		call_error(c, -EIO, "cannot read the tokens");
	return rows;
}

static int
store_rows(const struct store_backend *backend, struct store *store, void *ctx)
{
	struct setting_row row = { AUTH_SETTING, ctx };

	return backend->setting_put(store, &row);
}

/* Takes rows; false and a problem. */
static bool
write_rows(struct call *c, json_t *rows)
{
	char *text = json_dumps(rows, JSON_COMPACT);
	int r = text == NULL ? -ENOMEM : strlen(text) >= AUTH_SETTING_MAX ? -ENOBUFS : 0;

	json_decref(rows);
	if (r == 0)
		r = call_write(c, store_rows, text);
	if (r >= 0)
		r = auth_load(api_auth(c->worker->api), text);
	free(text);
	if (r == -ENOBUFS)
		call_problem(c, 409, "conflict", "too many tokens: revoke some");
	else if (r < 0)
		call_error(c, r, "the tokens were not changed");
	return r >= 0;
}

/* Everything but the hash, and what earlier versions kept of each: it said nothing. */
static void
put_members(struct ds_json *j, json_t *row)
{
	json_t *value;
	const char *key;

	json_object_foreach(row, key, value)
	{
		bool is_told = strcmp(key, "hash") != 0 && strcmp(key, "revoked") != 0;
		char *raw = is_told ? json_dumps(value, JSON_ENCODE_ANY) : NULL;

		if (raw == NULL)
			continue;
		ds_json_key(j, key);
		ds_json_raw(j, raw, strlen(raw));
		free(raw);
	}
}

void
api_tokens_list(struct call *c)
{
	json_t *rows = read_rows(c), *row;
	size_t i;

	if (rows == NULL)
		return;
	if (!call_begin_page(c)) {
		json_decref(rows);
		return;
	}
	json_array_foreach(rows, i, row)
	{
		const char *id = json_string_value(json_object_get(row, "id"));

		if (!call_page_has(c, id != NULL ? id : ""))
			continue;
		ds_json_object(&c->json);
		put_members(&c->json, row);
		ds_json_end(&c->json);
	}
	call_end_page(c);
	json_decref(rows);
}

/* "events:read,alerts:write" */
static json_t *
split_scopes(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t len = strcspn(text, ", ");

		if (len > 0)
			json_array_append_new(list, json_stringn(text, len));
		text += len + (text[len] != '\0');
	}
	return list;
}

/* ["events:read", ...], or the same in one text; NULL and a problem. */
static json_t *
read_scopes(struct call *c)
{
	json_t *scopes = json_object_get(c->body, "scopes"), *scope, *split;
	size_t i;

	if (scopes == NULL)
		return json_pack("[s]", "*:read");
	split = json_is_string(scopes) ? split_scopes(json_string_value(scopes)) : NULL;
	if (split != NULL)
		scopes = split;
	if (json_is_array(scopes) && json_array_size(scopes) > 0 && json_array_size(scopes) <= 8) {
		json_array_foreach(scopes, i, scope)
		{
			if (!json_is_string(scope) || !auth_is_scope(json_string_value(scope)))
				break;
		}
		if (i == json_array_size(scopes))
			return split != NULL ? split : json_incref(scopes);
	}
	json_decref(split);
	call_problem(c, 400, "body",
	    "scopes: expected an array such as [\"*:read\"], [\"events:read\",\"alerts:write\"] or "
	    "[\"*\"]");
	return NULL;
}

static json_t *
make_row(const char *name, const char *owner, json_t *scopes, uint64_t ttl_us, const char *hash)
{
	char created[32], expires[32], id[24];
	uint64_t now_us = ds_clock_wall_us();
	uint8_t random[8];
	json_t *row;

	if (ds_random(random, sizeof(random)) < 0)
		return NULL;
	snprintf(id, sizeof(id), "apt_%02x%02x%02x%02x%02x%02x%02x%02x", random[0], random[1],
	    random[2], random[3], random[4], random[5], random[6], random[7]);
	ds_clock_format(now_us, created, sizeof(created));
	ds_clock_format(now_us + ttl_us, expires, sizeof(expires));
	row = json_pack("{s:s, s:s, s:s, s:O, s:s, s:s}", "id", id, "name", name, "owner", owner,
	    "scopes", scopes, "created", created, "hash", hash);
	if (row != NULL && ttl_us > 0)
		json_object_set_new(row, "expires", json_string(expires));
	return row;
}

void
api_tokens_create(struct call *c)
{
	char token[AUTH_TOKEN_TEXT], hash[65];
	json_t *rows, *row = NULL, *scopes;
	const char *name;
	uint64_t ttl_us;

	if (!call_text(c, "name", "", AUTH_NAME_MAX, &name) || !call_ttl(c, "ttl", 0, &ttl_us))
		return;
	scopes = read_scopes(c);
	if (scopes == NULL)
		return;
	rows = read_rows(c);
	if (rows != NULL && json_array_size(rows) >= AUTH_TOKENS_MAX) {
		call_problem(c, 409, "conflict", "%u tokens exist: revoke some", AUTH_TOKENS_MAX);
	} else if (rows != NULL) {
		if (auth_make(token, hash) == 0)
			row = make_row(name, c->caller->principal, scopes, ttl_us, hash);
		if (row == NULL || json_array_append(rows, row) < 0)
			call_error(c, -ENOMEM, "no token was made");
		else if (write_rows(c, json_incref(rows))) {
			c->status = 201;
			ds_json_object(&c->json);
			put_members(&c->json, row);
			ds_json_put_string(&c->json, "token", token);
			ds_json_end(&c->json);
		}
		explicit_bzero(token, sizeof(token));
	}
	json_decref(row);
	json_decref(rows);
	json_decref(scopes);
}

/* A revoked token is forgotten. */
void
api_tokens_revoke(struct call *c)
{
	json_t *rows = read_rows(c), *row, *found = NULL;
	size_t i, at = 0;

	if (rows == NULL)
		return;
	json_array_foreach(rows, i, row)
	{
		const char *id = json_string_value(json_object_get(row, "id"));

		if (id != NULL && strcmp(id, c->id) == 0) {
			found = json_incref(row);
			at = i;
		}
	}
	if (found == NULL) {
		call_problem(c, 404, "not-found", "there is no token \"%s\"", c->id);
		json_decref(rows);
		return;
	}
	json_array_remove(rows, at);
	if (write_rows(c, rows)) {
		ds_json_object(&c->json);
		put_members(&c->json, found);
		ds_json_end(&c->json);
	}
	json_decref(found);
}

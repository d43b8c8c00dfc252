/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hook_secrets - see the header.  On the pool's threads; what changes one is on the first. */
#include "server/api/hook_secrets.h"

#include "lib/clock.h"
#include "lib/tls.h"
#include "server/api/caller.h"
#include "server/api/hook.h"
#include "server/api/hooks.h"
#include "server/api/routes.h"
#include "server/api/state.h"
#include "server/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_BYTES 32u
#define OVERLAP_US   (UINT64_C(3600) * 1000000)

static const char *const type_names[] = { "github", "gitlab" };

json_t *
hook_secrets_read(struct call *c)
{
	return call_setting(c, HOOK_SECRETS_SETTING, HOOK_SECRETS_MAX, json_object());
}

static uint64_t
time_of(const json_t *row, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(row, key));
}

size_t
hook_secrets_taken(const json_t *all, const char *name, const char *file, uint64_t now_us,
    const char *ret[HOOK_SECRETS_TAKEN])
{
	const json_t *row = json_object_get(all, name);
	const char *secret = json_string_value(json_object_get(row, "secret"));
	const char *previous = json_string_value(json_object_get(row, "previous"));
	size_t n = 0;

	if (secret != NULL)
		ret[n++] = secret;
	if (secret != NULL && now_us >= time_of(row, "until_us"))
		return n;
	if (previous == NULL)
		previous = file;
	if (*previous)
		ret[n++] = previous;
	return n;
}

int
hook_secrets_put(json_t *all, const char *name, const char *secret, const char *by, uint64_t now_us,
    uint64_t until_us)
{
	json_t *old = json_object_get(all, name);
	json_t *row = json_pack("{s:s, s:s, s:I, s:I}", "secret", secret, "by", by, "set_us",
	    (json_int_t)now_us, "until_us", (json_int_t)until_us);

	/* Without one it is the file's that goes on for a while. */
	if (row != NULL && old != NULL)
		json_object_set(row, "previous", json_object_get(old, "secret"));
	return row == NULL || json_object_set_new(all, name, row) < 0 ? -ENOMEM : 0;
}

static const struct ds_conf_named *
sections_of(const struct call *c)
{
	return &c->cfg->server->hooks;
}

static void
put_list(struct ds_json *j, const char *key, const struct ds_conf_list *list)
{
	ds_json_key(j, key);
	ds_json_array(j);
	for (size_t i = 0; i < list->len; i++)
		ds_json_string(j, list->items[i]);
	ds_json_end(j);
}

/* Everything but the secret. */
static void
put_hook(struct call *c, size_t i, const json_t *all)
{
	const struct ds_conf_named *sections = sections_of(c);
	const struct hook_config *cfg = sections->items[i].value;
	const json_t *row = json_object_get(all, sections->items[i].name);
	struct ds_json *j = &c->json;

	ds_json_put_string(j, "id", sections->items[i].name);
	ds_json_put_string(j, "type", type_names[cfg->type == HOOK_GITLAB]);
	put_list(j, "events", &cfg->events);
	put_list(j, "repositories", &cfg->repositories);
	put_list(j, "daemons", &cfg->daemons);
	ds_json_put_string(j, "secret_from",
	    row != NULL         ? "server"
	    : *cfg->secret_file ? "file"
				: "nowhere");
	if (row == NULL)
		return;
	ds_json_put_time(j, "secret_set", time_of(row, "set_us"));
	ds_json_put_string(j, "secret_set_by", json_string_value(json_object_get(row, "by")));
	if (time_of(row, "until_us") > ds_clock_wall_us())
		ds_json_put_time(j, "previous_until", time_of(row, "until_us"));
}

void
hooks_list(struct call *c)
{
	json_t *all = hook_secrets_read(c);

	if (all == NULL) {
		call_error(c, -EIO, "cannot read the hooks");
		return;
	}
	if (!call_begin_page(c)) {
		json_decref(all);
		return;
	}
	for (size_t i = 0; i < sections_of(c)->len; i++) {
		if (!call_page_has(c, sections_of(c)->items[i].name))
			continue;
		ds_json_object(&c->json);
		put_hook(c, i, all);
		ds_json_end(&c->json);
	}
	call_end_page(c);
	json_decref(all);
}

static int
make_secret(char ret[2 * SECRET_BYTES + 1])
{
	uint8_t bytes[SECRET_BYTES];
	int r = ds_random(bytes, sizeof(bytes));

	for (size_t i = 0; r == 0 && i < sizeof(bytes); i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	explicit_bzero(bytes, sizeof(bytes));
	return r;
}

static int
store_text(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct setting_row row = { HOOK_SECRETS_SETTING, ctx };

	return backend->setting_put(store, &row);
}

static int
write_all(struct call *c, const json_t *all)
{
	char *text = json_dumps(all, JSON_COMPACT);
	int r = text == NULL ? -ENOMEM : strlen(text) >= HOOK_SECRETS_MAX ? -ENOSPC : 0;

	if (r == 0)
		r = call_write(c, store_text, text);
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
	return r;
}

/* Another secret for a section: told in this answer only, and only where it was made here. */
static void
rotate(struct call *c, size_t i, const char *given, uint64_t overlap_us)
{
	char made[2 * SECRET_BYTES + 1] = "";
	json_t *all = hook_secrets_read(c);
	const struct hook_config *cfg = sections_of(c)->items[i].value;
	const char *name = sections_of(c)->items[i].name;
	uint64_t now_us = ds_clock_wall_us();
	int r = all == NULL ? -EIO : *given ? 0 : make_secret(made);

	/* A first one has none before it that would be taken for a while. */
	if (json_object_get(all, name) == NULL && !*cfg->secret_file)
		overlap_us = 0;
	if (r == 0)
		r = hook_secrets_put(all, name, *given ? given : made, c->caller->name, now_us,
		    now_us + overlap_us);
	if (r == 0)
		r = write_all(c, all);
	if (r < 0) {
		call_error(c, r, "the secret was not changed");
	} else {
		ds_json_object(&c->json);
		put_hook(c, i, all);
		if (*made)
			ds_json_put_string(&c->json, "secret", made);
		ds_json_end(&c->json);
	}
	explicit_bzero(made, sizeof(made));
	json_decref(all);
}

void
hooks_rotate(struct call *c)
{
	const struct ds_conf_named *sections = sections_of(c);
	const char *given;
	uint64_t overlap_us;
	bool at_once;

	if (!call_text(c, "secret", "", HOOK_SECRET_MAX - 1, &given) ||
	    !call_ttl(c, "overlap", OVERLAP_US, &overlap_us) ||
	    !call_flag(c, "at_once", false, &at_once))
		return;
	if (*given && strlen(given) < HOOK_SECRET_MIN) {
		call_problem(
		    c, 400, "body", "secret: needs %u characters at least", HOOK_SECRET_MIN);
		return;
	}
	for (size_t i = 0; i < sections->len; i++)
		if (strcmp(sections->items[i].name, c->id) == 0) {
			rotate(c, i, given, at_once ? 0 : overlap_us);
			return;
		}
	call_problem(c, 404, "not-found", "there is no section [hook.%s] in server.conf", c->id);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hooks - POST hooks/deploy: GitHub or GitLab tells of a change, and deployments begin or end.
 *
 * On the pool's thread that changes things, so that a copy of a delivery finds the first one
 * stored. A delivery is believed by its signature only; every section whose secret made it may take
 * it.
 */
#include "server/api/hooks.h"

#include "lib/clock.h"
#include "server/api/caller.h"
#include "server/api/hook.h"
#include "server/api/hook_secrets.h"
#include "server/api/routes.h"
#include "server/api/signin.h"
#include "server/api/state.h"
#include "server/config.h"
#include "server/detect/key.h"
#include "server/fleet/fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hooks {
	const struct ds_conf_named *sections;
	char (*secrets)[HOOK_SECRET_MAX];
};

void
hooks_free(struct hooks *h)
{
	if (h == NULL)
		return;
	if (h->secrets != NULL)
		explicit_bzero(h->secrets, h->sections->len * sizeof(*h->secrets));
	free(h->secrets);
	free(h);
}

struct hooks *
hooks_new(const struct ds_conf_named *sections, char *why, size_t size)
{
	struct hooks *h = calloc(1, sizeof(*h));

	snprintf(why, size, "no memory");
	if (h == NULL)
		return NULL;
	h->sections = sections;
	h->secrets = calloc(sections->len + 1, sizeof(*h->secrets));
	for (size_t i = 0; h->secrets != NULL && i < sections->len; i++) {
		const struct hook_config *cfg = sections->items[i].value;
		int r = *cfg->secret_file ? hook_secret_read(cfg->secret_file, h->secrets[i]) : 0;

		if (r == 0)
			continue;
		snprintf(why, size, "[hook.%s] secret_file %s: %s", sections->items[i].name,
		    cfg->secret_file,
		    r == -ENODATA ? "needs 16 characters at least" : strerror(-r));
		hooks_free(h);
		return NULL;
	}
	if (h->secrets == NULL) {
		hooks_free(h);
		return NULL;
	}
	return h;
}

/* ---- one delivery */

struct taking {
	struct call *c;
	const struct hook_config *cfg; /* of the section in hand */
	const char *section;
	struct hook_event event;
	struct delivery_row delivery;
	char by[64], note[400];
	uint64_t now_us;
	bool taken[DS_CONF_NAMED_MAX]; /* by section */
	uint64_t opened[HOOK_WINDOWS_MAX];
	size_t opened_len;
	unsigned settled, known;
};

static int
open_window(const struct store_backend *b, struct store *store, struct taking *t,
    const char *source, const char *daemon, const char *host, const char *label)
{
	char class[CLASS_MAX];
	struct deployment_row row = { .daemon = class,
		.label = label,
		.by = t->by,
		.note = t->note,
		.begun_us = t->now_us,
		.until_us = t->now_us + t->cfg->ttl_ms * 1000 };
	int r;

	if (host != NULL) {
		row.host = searcher_find_host(t->c->worker->searcher, host);
		/* A host that is not enrolled yet does not keep the others from being covered. */
		if (row.host == 0)
			return 0;
	}
	if (t->opened_len == HOOK_WINDOWS_MAX)
		return 0;
	key_class(daemon, "", class, sizeof(class));
	r = b->learning->deployment_put(store, &row);
	if (r >= 0)
		r = b->hooks->window_put(store, source, row.number);
	if (r >= 0)
		t->opened[t->opened_len++] = row.number;
	return r;
}

static int
open_windows(
    const struct store_backend *b, struct store *store, struct taking *t, const char *source)
{
	const struct hook_config *cfg = t->cfg;
	int r = 0;

	for (size_t d = 0; r >= 0 && d < cfg->daemons.len; d++) {
		const char *daemon = cfg->daemons.items[d];

		if (cfg->hosts.len + cfg->labels.len == 0)
			r = open_window(b, store, t, source, daemon, NULL, "");
		for (size_t i = 0; r >= 0 && i < cfg->hosts.len; i++)
			r = open_window(b, store, t, source, daemon, cfg->hosts.items[i], "");
		for (size_t i = 0; r >= 0 && i < cfg->labels.len; i++)
			r = open_window(b, store, t, source, daemon, NULL, cfg->labels.items[i]);
	}
	return r;
}

/* What a section makes of it. */
static int
take_section(const struct store_backend *b, struct store *store, struct taking *t)
{
	char source[HOOK_TEXT_MAX + 80];
	int r;

	snprintf(source, sizeof(source), "%.48s/%s", t->section, t->event.id);
	snprintf(t->by, sizeof(t->by), "hook %.48s", t->section);
	if (t->event.phase == HOOK_IS_DONE) {
		r = b->hooks->windows_settle(
		    store, source, t->now_us, t->now_us + t->cfg->settle_ms * 1000);
		t->settled += r > 0 ? (unsigned)r : 0;
		return r < 0 ? r : 0;
	}
	r = b->hooks->windows_open(store, source, t->now_us);
	if (r > 0)
		t->known++;
	return r == 0 ? open_windows(b, store, t, source) : r < 0 ? r : 0;
}

static int
take(const struct store_backend *b, struct store *store, void *ctx)
{
	struct taking *t = ctx;
	const struct ds_conf_named *sections = &t->c->cfg->server->hooks;
	int r = b->hooks->delivery_put(store, &t->delivery);

	t->opened_len = t->settled = t->known = 0;
	if (r <= 0)
		return r < 0 ? r : -EALREADY;
	for (size_t i = 0; r >= 0 && i < sections->len; i++) {
		t->section = sections->items[i].name;
		t->cfg = sections->items[i].value;
		if (t->taken[i])
			r = take_section(b, store, t);
	}
	return r < 0 ? r : 0;
}

/* Writes one line of the audit log, beside `run`; the body is too long and not ours. */
static int
write_down(struct taking *t, const char *subject,
    int (*run)(const struct store_backend *, struct store *, void *))
{
	struct call *c = t->c;
	json_t *body = c->body;
	int r;

	c->body = json_pack("{s:s, s:s, s:s, s:s, s:s}", "delivery",
	    t->delivery.delivery != NULL ? t->delivery.delivery : "", "event", t->event.name,
	    "repository", t->event.repository, "ref", t->event.ref, "from", c->peer);
	c->actor = "hook";
	c->subject = subject;
	r = call_write(c, run, t);
	json_decref(c->body);
	c->body = body;
	return r;
}

static int
nothing(const struct store_backend *b, struct store *store, void *ctx)
{
	(void)b;
	(void)store;
	(void)ctx;
	return 0;
}

/* Five refusals of an address are written down; then it waits, and longer each time.  What is
 * signed well is never kept waiting by them. */
static void
refuse(struct taking *t, unsigned status, const char *type, const char *text)
{
	struct call *c = t->c;
	struct throttle *throttle = &api_signin(c->worker->api)->throttle;
	uint64_t key = throttle_key(c->peer, ":hooks"), now_ms = ds_clock_monotonic_ms();
	uint64_t wait_ms = throttle_wait(throttle, key, now_ms);

	if (wait_ms > 0) {
		c->retry_after_s = (unsigned)(wait_ms / 1000 + 1);
		call_problem(c, 429, "too-many", "too many deliveries that were refused: wait %u s",
		    c->retry_after_s);
		return;
	}
	throttle_failed(throttle, &throttle_user, key, now_ms);
	/* The refusal is no less one when the disk is full. */
	(void)write_down(t, type, nothing);
	call_problem(c, status, type, "%s", text);
}

static void
answer(struct taking *t)
{
	const struct ds_conf_named *sections = &t->c->cfg->server->hooks;
	struct ds_json *j = &t->c->json;
	char id[32];

	ds_json_object(j);
	ds_json_put_string(j, "status",
	    t->opened_len > 0 ? "begun"
	    : t->settled > 0  ? "ended"
	    : t->known > 0    ? "known"
			      : "ignored");
	ds_json_put_string(j, "event", t->event.name[0] ? t->event.name : NULL);
	ds_json_key(j, "hooks");
	ds_json_array(j);
	for (size_t i = 0; i < sections->len; i++)
		if (t->taken[i])
			ds_json_string(j, sections->items[i].name);
	ds_json_end(j);
	ds_json_key(j, "deployments");
	ds_json_array(j);
	for (size_t i = 0; i < t->opened_len; i++) {
		snprintf(id, sizeof(id), "dpl_%llu", (unsigned long long)t->opened[i]);
		ds_json_string(j, id);
	}
	ds_json_end(j);
	ds_json_end(j);
}

/* Whether one of the secrets that are taken for a section made the signature. */
static bool
is_signed_for(const struct taking *t, size_t i, enum hook_type type, const struct hook_headers *h,
    const json_t *all, uint8_t ret_digest[HOOK_DIGEST_SIZE])
{
	const struct hooks *hooks = api_hooks(t->c->worker->api);
	const char *secrets[HOOK_SECRETS_TAKEN];
	size_t len = hook_secrets_taken(
	    all, hooks->sections->items[i].name, hooks->secrets[i], t->now_us, secrets);
	uint8_t digest[HOOK_DIGEST_SIZE];

	for (size_t n = 0; n < len; n++)
		if (hook_is_signed(type, secrets[n], h, t->c->raw, t->c->raw_size,
			t->now_us / 1000000, digest)) {
			memcpy(ret_digest, digest, sizeof(digest));
			return true;
		}
	return false;
}

/* Whether any section's secret made the signature; which want it is in t->taken. */
static bool
is_believed(struct taking *t, enum hook_type type, const struct hook_headers *h,
    uint8_t ret_digest[HOOK_DIGEST_SIZE])
{
	const struct hooks *hooks = api_hooks(t->c->worker->api);
	json_t *all = hook_secrets_read(t->c);
	bool believed = false;

	for (size_t i = 0; all != NULL && i < hooks->sections->len && i < DS_CONF_NAMED_MAX; i++) {
		const struct hook_config *cfg = hooks->sections->items[i].value;

		if (cfg->type != (int64_t)type || !is_signed_for(t, i, type, h, all, ret_digest))
			continue;
		believed = true;
		t->taken[i] = hook_wants(cfg, &t->event);
	}
	json_decref(all);
	return believed;
}

static const char *
one_of(struct call *c, const char *name, const char *other)
{
	const char *text = c->header(c->request, name);

	return text != NULL || other == NULL ? text : c->header(c->request, other);
}

void
hooks_deploy(struct call *c)
{
	struct taking t = { .c = c, .now_us = ds_clock_wall_us(), .event.name = "" };
	struct hook_headers h = {
		.event = one_of(c, "X-GitHub-Event", "X-Gitlab-Event"),
		.delivery = one_of(c, "X-GitHub-Delivery", "webhook-id"),
		.signature = one_of(c, "X-Hub-Signature-256", "webhook-signature"),
		.timestamp = one_of(c, "webhook-timestamp", NULL),
		.token = one_of(c, "X-Gitlab-Token", NULL),
	};
	uint8_t digest[HOOK_DIGEST_SIZE];
	enum hook_type type;
	int r;

	if (h.delivery == NULL)
		h.delivery = one_of(c, "X-Gitlab-Event-UUID", NULL);
	t.delivery = (struct delivery_row){ .digest = digest,
		.digest_size = sizeof(digest),
		.delivery = h.delivery,
		.seen_us = t.now_us };
	if (!hook_type_of(&h, &type)) {
		refuse(&t, 401, "unsigned",
		    "expected X-Hub-Signature-256 (GitHub), X-Gitlab-Token or webhook-signature (GitLab)");
		return;
	}
	t.delivery.forge = type == HOOK_GITHUB ? "github" : "gitlab";
	hook_read(type, h.event, c->body, &t.event);
	if (!is_believed(&t, type, &h, digest)) {
		refuse(&t, 403, "signature",
		    "no [hook.NAME] has the secret for this signature, its time is off, or it has no id");
		return;
	}
	snprintf(t.note, sizeof(t.note), "%s %s %s %.12s%s%s", t.event.name, t.event.repository,
	    t.event.ref, t.event.commit, t.event.actor[0] ? " by " : "", t.event.actor);
	r = write_down(&t, t.delivery.forge, take);
	if (r == -EALREADY)
		refuse(&t, 409, "replay", "this delivery was taken before");
	else if (r < 0)
		call_error(c, r, "the delivery was not taken");
	if (r < 0)
		return;
	if (c->cfg->fleet != NULL && t.opened_len + t.settled > 0)
		fleet_forget(c->cfg->fleet, 0, "");
	answer(&t);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/api/expect.h"

#include "lib/clock.h"
#include "lib/label.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_US        (UINT64_C(86400) * 1000000)
#define EXPIRES_US    (90 * DAY_US)
#define LOOK_BACK_US  (30 * DAY_US)
#define LABEL_MAX     120u
#define PREVIEW_NAMED 20u
#define PREVIEW_MAX   (256u << 10) /* bytes of their ids and titles */

bool
expect_read(struct call *c, struct expect *e)
{
	static const char *const scopes[] = { "host", "label", "daemon", "fleet" };
	const json_t *expires = json_object_get(c->body, "expires");
	bool known = false;

	*e = (struct expect){ .scope = "host" };
	if (!call_text(c, "scope", "host", 20, &e->scope) ||
	    !call_text(c, "label", "", LABEL_MAX, &e->label) ||
	    !call_flag(c, "preview", false, &e->preview))
		return false;
	if (json_is_string(expires) && strcmp(json_string_value(expires), "never") == 0) {
		e->expires_us = 0;
	} else {
		if (!call_ttl(c, "expires", EXPIRES_US, &e->expires_us))
			return false;
		e->expires_us += ds_clock_wall_us();
	}
	for (size_t i = 0; i < DS_LEN(scopes); i++)
		known |= strcmp(scopes[i], e->scope) == 0;
	if (!known)
		call_problem(c, 400, "body",
		    "scope: expected host, label, daemon or fleet, not \"%s\"", e->scope);
	else if (strcmp(e->scope, "label") == 0 && e->label[0] == '\0')
		call_problem(c, 400, "body", "label: which one? scope \"label\" needs it");
	else
		return true;
	return false;
}

static bool
unhex(const char *hex, struct key *ret)
{
	size_t len = hex != NULL ? strlen(hex) : 0;

	if (len == 0 || len % 2 != 0 || len / 2 > KEY_MAX)
		return false;
	for (ret->size = 0; ret->size < len / 2; ret->size++) {
		const char digits[3] = { hex[2 * ret->size], hex[2 * ret->size + 1], '\0' };
		char *end;

		ret->data[ret->size] = (uint8_t)strtoul(digits, &end, 16);
		if (*end != '\0')
			return false;
	}
	return true;
}

struct image {
	const char *daemon;
	char image[256];
};

static int
see_image(const struct daemon_row *row, void *ctx)
{
	struct image *i = ctx;

	if (strcmp(row->name, i->daemon) != 0)
		return 0;
	snprintf(i->image, sizeof(i->image), "%s", row->image != NULL ? row->image : "");
	return 1;
}

static void
find_class(struct call *c, uint32_t host, const char *daemon, char ret[CLASS_MAX])
{
	struct image i = { .daemon = daemon };

	if (strncmp(daemon, "container:", 10) == 0 &&
	    c->cfg->backend->each_daemon(c->worker->reader, host, see_image, &i) < 0)
		i.image[0] = '\0';
	key_class(daemon, i.image, ret, CLASS_MAX);
}

/* The behaviours of an alert's document: how many. */
static size_t
read_behaviours(const char *text, struct expect *e)
{
	json_t *doc = json_loads(text != NULL ? text : "{}", 0, NULL), *one;
	size_t i;

	e->len = 0;
	json_array_foreach(json_object_get(doc, "behaviours"), i, one)
	{
		struct key key;

		if (e->len == EXPECT_ITEMS_MAX ||
		    !unhex(json_string_value(json_object_get(one, "key")), &key))
			continue;
		e->items[e->len].kind = (uint8_t)json_integer_value(json_object_get(one, "kind"));
		e->items[e->len++].key = key;
	}
	json_decref(doc);
	return e->len;
}

static int
see_alert(const struct alert_row *row, void *ctx)
{
	struct expect *e = ctx;

	e->found = true;
	e->host = row->host;
	snprintf(e->alert_id, sizeof(e->alert_id), "%s", row->id);
	snprintf(e->daemon, sizeof(e->daemon), "%s", row->daemon != NULL ? row->daemon : "");
	e->has_behaviours = read_behaviours(row->json, e) > 0;
	return 0;
}

bool
expect_load(struct call *c, struct expect *e)
{
	int r = c->cfg->backend->alert_get(c->worker->reader, c->id, see_alert, e);

	if (r < 0)
		call_error(c, r, "cannot read the alert");
	else if (!e->found)
		call_problem(c, 404, "not-found", "there is no alert \"%s\"", c->id);
	else
		find_class(c, e->host, e->daemon, e->class);
	return r >= 0 && e->found;
}

/* ---- what it would have hidden */

struct preview {
	struct call *c;
	const struct expect *e;
	struct expect *other; /* the alert looked at */
	uint64_t since_us;
	unsigned hidden, attacks, named;
	struct ds_json list; /* of those that are named */
};

static bool
has_item(const struct expect *e, uint8_t kind, const struct key *key)
{
	for (size_t i = 0; i < e->len; i++)
		if (e->items[i].kind == kind && e->items[i].key.size == key->size &&
		    memcmp(e->items[i].key.data, key->data, key->size) == 0)
			return true;
	return false;
}

struct label_of {
	uint32_t number;
	const char *label;
	bool has;
};

static int
see_labels(const struct host_row *row, void *ctx)
{
	struct label_of *l = ctx;

	if (row->number != l->number)
		return 0;
	l->has = ds_label_has(row->labels, l->label);
	return 1;
}

static bool
has_label(struct call *c, uint32_t host, const char *label)
{
	struct label_of l = { host, label, false };

	return c->cfg->backend->each_host(c->worker->reader, see_labels, &l) == 1 && l.has;
}

static bool
covers(struct preview *p, const struct alert_row *row)
{
	const struct expect *e = p->e;
	char class[CLASS_MAX];

	if (read_behaviours(row->json, p->other) == 0)
		return false;
	for (size_t i = 0; i < p->other->len; i++)
		if (!has_item(e, p->other->items[i].kind, &p->other->items[i].key))
			return false;
	if (strcmp(e->scope, "fleet") == 0)
		return true;
	find_class(p->c, row->host, row->daemon != NULL ? row->daemon : "", class);
	if (strcmp(class, e->class) != 0)
		return false;
	if (strcmp(e->scope, "label") == 0)
		return has_label(p->c, row->host, e->label);
	return strcmp(e->scope, "daemon") == 0 || row->host == e->host;
}

static int
preview_alert(const struct alert_row *row, void *ctx)
{
	struct preview *p = ctx;
	bool attack = row->verdict != NULL && strstr(row->verdict, "true_positive") != NULL;

	if ((row->last_us < p->since_us && !attack) || !covers(p, row))
		return 0;
	p->hidden += row->last_us >= p->since_us;
	p->attacks += attack;
	if (p->named++ < PREVIEW_NAMED) {
		ds_json_object(&p->list);
		ds_json_put_string(&p->list, "id", row->id);
		ds_json_put_string(&p->list, "title", row->title);
		ds_json_put_bool(&p->list, "attack", attack);
		ds_json_end(&p->list);
	}
	return 0;
}

void
expect_preview(struct call *c, const struct expect *e)
{
	struct preview p = { .c = c,
		.e = e,
		.since_us = ds_clock_wall_us() - LOOK_BACK_US,
		.other = calloc(1, sizeof(*p.other)) };
	struct ds_buf list;
	int r = p.other != NULL ? 0 : -ENOMEM;

	ds_buf_init(&list, PREVIEW_MAX);
	ds_json_init(&p.list, &list);
	ds_json_array(&p.list);
	if (r == 0)
		r = c->cfg->backend->each_alert(
		    c->worker->reader, NULL, NULL, UINT32_MAX >> 1, preview_alert, &p);
	ds_json_end(&p.list);
	if (r >= 0)
		r = ds_json_done(&p.list);
	if (r < 0) {
		call_error(c, r, "cannot look at the alerts");
	} else {
		ds_json_object(&c->json);
		ds_json_put_bool(&c->json, "preview", true);
		ds_json_put_string(&c->json, "scope", e->scope);
		ds_json_put_uint(&c->json, "behaviours", e->len);
		ds_json_put_uint(&c->json, "would_have_hidden", p.hidden);
		ds_json_put_uint(&c->json, "of_days", 30);
		ds_json_put_uint(&c->json, "recorded_attacks", p.attacks);
		ds_json_key(&c->json, "alerts");
		ds_json_raw(&c->json, (const char *)list.data, list.len);
		ds_json_end(&c->json);
	}
	ds_buf_done(&list);
	free(p.other);
}

int
expect_store(const struct store_backend *backend, struct store *store, const struct expect *e,
    const char *verdict, const char *by, const char *note, uint64_t now_us)
{
	bool fleet = strcmp(e->scope, "fleet") == 0, host = strcmp(e->scope, "host") == 0;
	int r = 0;

	for (size_t i = 0; i < e->len && r >= 0; i++) {
		struct expectation_row row = { .scope = e->scope,
			.host = host ? e->host : 0,
			.label = strcmp(e->scope, "label") == 0 ? e->label : "",
			.class = fleet ? "" : e->class,
			.kind = e->items[i].kind,
			.key = e->items[i].key.data,
			.key_size = e->items[i].key.size,
			.alert_id = e->alert_id,
			.verdict = verdict,
			.by = by,
			.note = note != NULL ? note : "",
			.created_us = now_us,
			.expires_us = e->expires_us };

		r = backend->learning->expectation_put(store, &row);
	}
	return r < 0 ? r : 0;
}

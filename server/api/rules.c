/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules - the rules in use: ours, and those that were imported.
 *
 * On the pool's threads; owns nothing.  The fleet's thread gives them to the workers.
 */
#include "lib/clock.h"
#include "server/api/caller.h"
#include "server/api/routes.h"
#include "server/detect/rule.h"
#include "server/fleet/fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
put_rule(struct call *c, const struct rule *rule, const struct rule_row *row)
{
	struct ds_json *j = &c->json;

	if (!call_page_has(c, rule->id))
		return;
	ds_json_object(j);
	ds_json_put_string(j, "id", rule->id);
	ds_json_put_string(j, "title", rule->title);
	ds_json_put_string(j, "level", rule_level_name(rule->level));
	ds_json_key(j, "techniques");
	ds_json_array(j);
	for (size_t i = 0; i < DS_LEN(rule->technique); i++)
		if (rule->technique[i][0] != '\0')
			ds_json_string(j, rule->technique[i]);
	ds_json_end(j);
	ds_json_put_string(j, "source", row != NULL ? row->source : "built in");
	ds_json_put_string(j, "by", row != NULL ? row->by : NULL);
	if (row != NULL)
		ds_json_put_time(j, "created", row->created_us);
	ds_json_end(j);
}

static int
put_row(const struct rule_row *row, void *ctx)
{
	struct rules *one = rules_new();
	char why[200];

	if (one == NULL)
		return -ENOMEM;
	if (rules_add(one, row->json, why, sizeof(why)) == 0)
		put_rule(ctx, rules_get(one, 0), row);
	rules_free(one);
	return 0;
}

void
rules_list(struct call *c)
{
	struct rules *ours = rules_new();
	char why[200];
	int r = ours != NULL ? rules_add(ours, rules_builtin, why, sizeof(why)) : -ENOMEM;

	if (!call_begin_page(c)) {
		rules_free(ours);
		return;
	}
	for (size_t i = 0; r == 0 && i < rules_len(ours); i++)
		put_rule(c, rules_get(ours, i), NULL);
	if (r == 0)
		r = c->cfg->backend->learning->each_rule(c->worker->reader, put_row, c);
	rules_free(ours);
	if (r < 0)
		call_error(c, r, "cannot read the rules");
	else
		call_end_page(c);
}

struct importing {
	json_t *rules;
	const char *source, *by;
	uint64_t now_us;
};

static int
import(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct importing *im = ctx;
	json_t *one;
	size_t i;
	int r = 0;

	json_array_foreach(im->rules, i, one)
	{
		char *text = json_dumps(one, JSON_COMPACT);
		struct rule_row row = { .id = json_string_value(json_object_get(one, "id")),
			.title = json_string_value(json_object_get(one, "title")),
			.source = im->source,
			.json = text,
			.by = im->by,
			.created_us = im->now_us };

		r = text != NULL ? backend->learning->rule_put(store, &row) : -ENOMEM;
		free(text);
		if (r < 0)
			break;
	}
	return r < 0 ? r : 0;
}

/* Each by itself, so that what is wrong has a name. */
static bool
check(struct call *c, const json_t *list)
{
	struct rules *all = rules_new();
	json_t *one;
	size_t i;
	bool good = all != NULL;

	json_array_foreach(list, i, one)
	{
		char *text = json_dumps(one, JSON_COMPACT), why[200] = "no memory";

		if (good && (text == NULL || rules_add(all, text, why, sizeof(why)) < 0)) {
			const char *id = json_string_value(json_object_get(one, "id"));

			call_problem(
			    c, 400, "body", "rule \"%.80s\": %s", id != NULL ? id : "", why);
			good = false;
		}
		free(text);
	}
	rules_free(all);
	return good;
}

void
rules_import(struct call *c)
{
	struct importing im = { .rules = json_object_get(c->body, "rules"),
		.by = c->caller->name,
		.now_us = ds_clock_wall_us() };
	int r;

	if (!call_text(c, "source", "api", 200, &im.source))
		return;
	if (!json_is_array(im.rules) || json_array_size(im.rules) == 0 ||
	    json_array_size(im.rules) > RULES_MAX) {
		call_problem(c, 400, "body", "rules: expected 1 to %u of them", RULES_MAX);
		return;
	}
	if (!check(c, im.rules))
		return;
	r = call_write(c, import, &im);
	if (r < 0) {
		call_error(c, r, "the rules were not kept");
		return;
	}
	if (c->cfg->fleet != NULL)
		fleet_forget(c->cfg->fleet, 0, "");
	c->status = 201;
	ds_json_object(&c->json);
	ds_json_put_uint(&c->json, "imported", json_array_size(im.rules));
	ds_json_end(&c->json);
}

static int
drop(const struct store_backend *backend, struct store *store, void *ctx)
{
	int r = backend->learning->rule_delete(store, ctx);

	return r == 0 ? -ENOENT : r < 0 ? r : 0;
}

void
rules_remove(struct call *c)
{
	char id[RULE_ID_MAX];
	int r;

	snprintf(id, sizeof(id), "%s", c->id);
	r = call_write(c, drop, id);
	if (r == -ENOENT) {
		call_problem(c, 404, "not-found", "no rule \"%s\" was imported", c->id);
		return;
	}
	if (r < 0) {
		call_error(c, r, "the rule was not removed");
		return;
	}
	if (c->cfg->fleet != NULL)
		fleet_forget(c->cfg->fleet, 0, "");
	ds_json_object(&c->json);
	ds_json_put_string(&c->json, "id", c->id);
	ds_json_put_bool(&c->json, "removed", true);
	ds_json_end(&c->json);
}

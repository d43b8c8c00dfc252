/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/rule.h"

#include "lib/array.h"
#include "server/detect/refuse.h"
#include "server/detect/rule_match.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rules {
	struct rule *at;
	size_t len, cap;
	uint64_t kinds;
};

const char rules_builtin[] =
#include "server/detect/rules_builtin.inc"
    ;

static const char *const levels[] = { "informational", "low", "medium", "high", "critical" };

struct rules *
rules_new(void)
{
	return calloc(1, sizeof(struct rules));
}

static void
rule_done(struct rule *rule)
{
	for (size_t i = 0; i < rule->len; i++)
		rule_match_done(&rule->steps[i].match);
	free(rule->steps);
	*rule = (struct rule){ 0 };
}

void
rules_free(void *rules)
{
	struct rules *r = rules;

	if (r == NULL)
		return;
	for (size_t i = 0; i < r->len; i++)
		rule_done(&r->at[i]);
	free(r->at);
	free(r);
}

size_t
rules_len(const struct rules *r)
{
	return r->len;
}

uint64_t
rules_kinds(const struct rules *r)
{
	return r->kinds;
}

/* ---- reading */

static bool
read_text(const json_t *doc, const char *key, char *ret, size_t size)
{
	const char *text = json_string_value(json_object_get(doc, key));

	if (text == NULL || text[0] == '\0' || strlen(text) >= size)
		return false;
	memcpy(ret, text, strlen(text) + 1);
	return true;
}

static bool
read_kinds(const json_t *doc, uint64_t *ret)
{
	json_t *list = json_object_get(doc, "kinds"), *one;
	size_t i;

	*ret = 0;
	json_array_foreach(list, i, one)
	{
		const char *name = json_string_value(one);
		unsigned k = 0;

		while (
		    name != NULL && k < DS_EVENT_MAX &&
		    (ds_kind_table[k].symbol == NULL || strcmp(ds_kind_table[k].action, name) != 0))
			k++;
		if (name == NULL || k == DS_EVENT_MAX)
			return false;
		*ret |= UINT64_C(1) << k;
	}
	return *ret != 0;
}

/* One element of the program; *depth is how many answers are on the stack after it. */
static int
read_step(const json_t *doc, struct rule_step *ret, unsigned *depth, char *why, size_t size)
{
	const json_t *match = json_object_get(doc, "match");
	json_int_t n = 0;

	*ret = (struct rule_step){ .op = RULE_MATCH };
	if (match != NULL) {
		if (++*depth > RULE_DEPTH_MAX)
			return refuse(why, size, "too many open conditions");
		return rule_match_read(match, &ret->match, why, size);
	}
	if (json_object_get(doc, "and") != NULL || json_object_get(doc, "or") != NULL) {
		ret->op = json_object_get(doc, "and") != NULL ? RULE_AND : RULE_OR;
		n = json_integer_value(json_object_get(doc, ret->op == RULE_AND ? "and" : "or"));
	} else if (json_object_get(doc, "not") != NULL) {
		ret->op = RULE_NOT;
		n = 1;
	}
	if (n < 1 || n > *depth)
		return refuse(why, size, "program: a step does not fit what is before it");
	ret->count = (unsigned)n;
	*depth -= (unsigned)n - 1;
	return 0;
}

static int
read_program(const json_t *doc, struct rule *rule, char *why, size_t size)
{
	json_t *list = json_object_get(doc, "program"), *one;
	size_t len = json_array_size(list), i;
	unsigned depth = 0;
	int r = 0;

	if (len == 0 || len > RULE_STEPS_MAX)
		return refuse(why, size, "program: expected 1 to %u steps", RULE_STEPS_MAX);
	rule->steps = calloc(len, sizeof(*rule->steps));
	if (rule->steps == NULL)
		return -ENOMEM;
	json_array_foreach(list, i, one)
	{
		r = read_step(one, &rule->steps[i], &depth, why, size);
		rule->len = i + 1;
		if (r < 0)
			return r;
	}
	return depth == 1 ? 0 : refuse(why, size, "program: leaves %u answers", depth);
}

static int
read_rule(const json_t *doc, struct rule *rule, char *why, size_t size)
{
	char level[16] = "medium";
	json_t *one;
	size_t i, n = 0;

	*rule = (struct rule){ .level = RULE_MEDIUM };
	if (!read_text(doc, "id", rule->id, sizeof(rule->id)) ||
	    !read_text(doc, "title", rule->title, sizeof(rule->title)))
		return refuse(why, size, "id and title: expected short texts");
	(void)read_text(doc, "level", level, sizeof(level));
	for (i = 0; i < DS_LEN(levels) && strcmp(levels[i], level) != 0; i++)
		;
	if (i == DS_LEN(levels))
		return refuse(why, size, "level: \"%s\" is none", level);
	rule->level = (enum rule_level)i;
	json_array_foreach(json_object_get(doc, "techniques"), i, one)
	{
		const char *id = json_string_value(one);

		if (id != NULL && n < DS_LEN(rule->technique))
			snprintf(rule->technique[n++], sizeof(rule->technique[0]), "%.11s", id);
	}
	if (!read_kinds(doc, &rule->kinds))
		return refuse(why, size, "kinds: expected names of events");
	return read_program(doc, rule, why, size);
}

static int
add_one(struct rules *r, const json_t *doc, char *why, size_t size)
{
	struct rule rule, *grown;
	int result;

	if (r->len >= RULES_MAX)
		return refuse(why, size, "more than %u rules", RULES_MAX);
	grown = ds_array_grow(r->at, r->len, &r->cap, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	r->at = grown;
	result = read_rule(doc, &rule, why, size);
	if (result < 0) {
		rule_done(&rule);
		return result;
	}
	r->kinds |= rule.kinds;
	for (size_t i = 0; i < r->len; i++) {
		if (strcmp(r->at[i].id, rule.id) != 0)
			continue;
		rule_done(&r->at[i]); /* one of the same name takes its place */
		r->at[i] = rule;
		return 0;
	}
	r->at[r->len++] = rule;
	return 0;
}

const struct rule *
rules_get(const struct rules *r, size_t index)
{
	return index < r->len ? &r->at[index] : NULL;
}

const char *
rule_level_name(enum rule_level level)
{
	return levels[level];
}

int
rules_add(struct rules *r, const char *json, char *ret_why, size_t why_size)
{
	json_error_t error;
	json_t *doc = json_loads(json, 0, &error), *one;
	size_t before = r->len, i;
	int result = 0;

	snprintf(ret_why, why_size, "no memory");
	if (doc == NULL)
		return refuse(ret_why, why_size, "line %d: %s", error.line, error.text);
	if (!json_is_array(doc))
		result = add_one(r, doc, ret_why, why_size);
	json_array_foreach(doc, i, one)
	{
		if (result == 0)
			result = add_one(r, one, ret_why, why_size);
	}
	json_decref(doc);
	while (result < 0 && r->len > before)
		rule_done(&r->at[--r->len]);
	return result;
}

/* ---- asking */

static bool
fits(const struct rule *rule, struct rule_texts *texts)
{
	bool stack[RULE_DEPTH_MAX + 1];
	unsigned depth = 0;

	for (size_t i = 0; i < rule->len; i++) {
		const struct rule_step *s = &rule->steps[i];
		bool all = true, any = false;

		if (s->op == RULE_MATCH) {
			stack[depth++] = rule_match_fits(&s->match, texts);
			continue;
		}
		for (unsigned k = 1; k <= s->count; k++) {
			all &= stack[depth - k];
			any |= stack[depth - k];
		}
		depth -= s->count;
		stack[depth++] = s->op == RULE_AND ? all : s->op == RULE_OR ? any : !any;
	}
	return depth == 1 && stack[0];
}

const struct rule *
rules_match(const struct rules *r, const struct ds_event *ev, size_t *at)
{
	static _Thread_local struct rule_texts texts;

	if (*at == 0)
		rule_texts_begin(&texts, ev);
	while (*at < r->len) {
		const struct rule *rule = &r->at[(*at)++];

		if ((rule->kinds >> ev->kind & 1) && fits(rule, &texts))
			return rule;
	}
	return NULL;
}

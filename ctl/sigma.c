/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/sigma.h"

#include "lib/compiler.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_YAML
#include <yaml.h>

#define TEXT_MAX 2048u /* bytes of a value */

struct source {
	yaml_document_t doc;
	char *why;
	size_t size;
};

static const struct {
	const char *sigma, *ours;
} fields[] = {
	{ "Image", "Image" },
	{ "CommandLine", "CommandLine" },
	{ "ParentImage", "ParentImage" },
	{ "User", "User" },
	{ "TargetFilename", "TargetFilename" },
	{ "SourceIp", "SourceIp" },
	{ "DestinationIp", "DestinationIp" },
	{ "DestinationPort", "DestinationPort" },
};

static const struct {
	const char *category;
	const char *kinds; /* names of events, blanks between */
} categories[] = {
	{ "process_creation", "exec exec_memory exec_deleted" },
	{ "file_event", "write create rename chmod" },
	{ "file_change", "write create rename chmod chown" },
	{ "file_rename", "rename" },
	{ "file_delete", "unlink" },
	{ "file_access", "read" },
	{ "network_connection", "connect send" },
};

static json_t *
refuse(struct source *s, const char *what, const char *which)
{
	snprintf(s->why, s->size, "%s%s%.80s", what, which != NULL ? ": " : "",
	    which != NULL ? which : "");
	return NULL;
}

static const char *
scalar(const yaml_node_t *n)
{
	return n != NULL && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

static yaml_node_t *
member(struct source *s, yaml_node_t *map, const char *key)
{
	if (map == NULL || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		const char *name = scalar(yaml_document_get_node(&s->doc, p->key));

		if (name != NULL && strcmp(name, key) == 0)
			return yaml_document_get_node(&s->doc, p->value);
	}
	return NULL;
}

/* ---- a value: wildcards make it a pattern of the whole text */

struct comparison {
	const char *field, *op;
	bool all;
};

static bool
has_wildcard(const char *v)
{
	for (; *v != '\0'; v++) {
		if (*v == '\\' && v[1] != '\0')
			v++;
		else if (*v == '*' || *v == '?')
			return true;
	}
	return false;
}

/* Without the backslashes that protect * ? and themselves. */
static json_t *
plain_text(const char *v)
{
	char text[TEXT_MAX];
	size_t n = 0;

	for (; *v != '\0' && n < sizeof(text) - 1; v++) {
		if (*v == '\\' && (v[1] == '*' || v[1] == '?' || v[1] == '\\'))
			v++;
		text[n++] = *v;
	}
	return json_stringn(text, n);
}

static json_t *
pattern_text(const char *v, const char *op)
{
	bool open_front = strcmp(op, "contains") == 0 || strcmp(op, "endswith") == 0;
	bool open_back = strcmp(op, "contains") == 0 || strcmp(op, "startswith") == 0;

	return json_sprintf("%s%s%s", open_front ? "*" : "", v, open_back ? "*" : "");
}

static bool
put_values(
    struct source *s, const yaml_node_t *n, const struct comparison *c, bool pattern, json_t *to)
{
	const yaml_node_item_t *at = NULL, *top = NULL;
	bool list = n->type == YAML_SEQUENCE_NODE;

	if (list) {
		at = n->data.sequence.items.start;
		top = n->data.sequence.items.top;
	}
	do {
		const char *v =
		    scalar(list ? (at < top ? yaml_document_get_node(&s->doc, *at) : NULL) : n);

		if (v == NULL || strcasecmp(v, "null") == 0)
			return refuse(s, "a value that is no text", c->field) != NULL;
		if (strlen(v) >= TEXT_MAX)
			return refuse(s, "a value that is too long", c->field) != NULL;
		json_array_append_new(to, pattern                    ? pattern_text(v, c->op)
					  : strcmp(c->op, "re") == 0 ? json_string(v)
								     : plain_text(v));
	} while (list && ++at < top);
	return true;
}

static bool
any_wildcard(struct source *s, const yaml_node_t *n)
{
	if (n->type != YAML_SEQUENCE_NODE)
		return scalar(n) != NULL && has_wildcard(scalar(n));
	for (const yaml_node_item_t *at = n->data.sequence.items.start;
	     at < n->data.sequence.items.top; at++) {
		const char *v = scalar(yaml_document_get_node(&s->doc, *at));

		if (v != NULL && has_wildcard(v))
			return true;
	}
	return false;
}

static json_t *
match(struct source *s, yaml_node_t *values, const struct comparison *c)
{
	bool text = strcmp(c->op, "re") != 0 && strcmp(c->op, "cidr") != 0;
	bool pattern = text && any_wildcard(s, values);
	json_t *list = json_array(), *m;

	if (!put_values(s, values, c, pattern, list)) {
		json_decref(list);
		return NULL;
	}
	m = json_pack("{s:{s:s, s:s, s:o, s:b}}", "match", "field", c->field, "op",
	    pattern ? "equals" : c->op, "values", list, "all", c->all);
	return m;
}

/* ---- a field with its modifiers: "CommandLine|contains|all" */

static bool
read_comparison(struct source *s, const char *key, struct comparison *ret)
{
	static const char *const ops[] = { "contains", "startswith", "endswith", "re", "cidr" };
	char text[160], *at = text, *part;

	snprintf(text, sizeof(text), "%s", key);
	part = strsep(&at, "|");
	*ret = (struct comparison){ .field = part[0] == '\0' ? "*" : NULL, .op = "equals" };
	for (size_t i = 0; i < DS_LEN(fields); i++)
		if (strcmp(fields[i].sigma, part) == 0)
			ret->field = fields[i].ours;
	if (ret->field == NULL)
		return refuse(s, "a field that events do not have", key) != NULL;
	if (part[0] == '\0')
		ret->op = "contains";
	while ((part = strsep(&at, "|")) != NULL) {
		bool known = strcmp(part, "all") == 0;

		ret->all |= known;
		for (size_t i = 0; i < DS_LEN(ops); i++)
			if (strcmp(ops[i], part) == 0) {
				ret->op = ops[i];
				known = true;
			}
		if (!known)
			return refuse(s, "a modifier that is not supported", key) != NULL;
	}
	return true;
}

/* Every member of a map: appended, and joined by and. */
static bool
put_map(struct source *s, yaml_node_t *map, json_t *to)
{
	json_int_t n = 0;

	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		const char *key = scalar(yaml_document_get_node(&s->doc, p->key));
		yaml_node_t *values = yaml_document_get_node(&s->doc, p->value);
		struct comparison c;
		json_t *m;

		if (key == NULL || values == NULL || values->type == YAML_MAPPING_NODE ||
		    !read_comparison(s, key, &c))
			return false;
		m = match(s, values, &c);
		if (m == NULL)
			return false;
		json_array_append_new(to, m);
		n++;
	}
	if (n > 1)
		json_array_append_new(to, json_pack("{s:I}", "and", n));
	return n > 0 || refuse(s, "a selection without members", NULL) != NULL;
}

static bool
put_list(struct source *s, yaml_node_t *list, json_t *to)
{
	const struct comparison keywords = { "*", "contains", false };
	yaml_node_item_t *at = list->data.sequence.items.start,
			 *top = list->data.sequence.items.top;
	yaml_node_t *first = at < top ? yaml_document_get_node(&s->doc, *at) : NULL;
	json_int_t n = 0;
	json_t *m;

	if (first == NULL)
		return refuse(s, "a selection without members", NULL) != NULL;
	if (first->type == YAML_SCALAR_NODE) {
		m = match(s, list, &keywords);
		return m != NULL && json_array_append_new(to, m) == 0;
	}
	for (; at < top; at++, n++) {
		yaml_node_t *map = yaml_document_get_node(&s->doc, *at);

		if (map == NULL || map->type != YAML_MAPPING_NODE || !put_map(s, map, to))
			return false;
	}
	if (n > 1)
		json_array_append_new(to, json_pack("{s:I}", "or", n));
	return true;
}

static json_t *
selections(struct source *s, yaml_node_t *detection)
{
	json_t *all = json_object();

	for (yaml_node_pair_t *p = detection->data.mapping.pairs.start;
	     p < detection->data.mapping.pairs.top; p++) {
		const char *name = scalar(yaml_document_get_node(&s->doc, p->key));
		yaml_node_t *what = yaml_document_get_node(&s->doc, p->value);
		json_t *steps = json_array();
		bool good;

		if (name == NULL || strcmp(name, "condition") == 0) {
			json_decref(steps);
			continue;
		}
		good = what != NULL && strcmp(name, "timeframe") != 0 &&
		       (what->type == YAML_MAPPING_NODE       ? put_map(s, what, steps)
			   : what->type == YAML_SEQUENCE_NODE ? put_list(s, what, steps)
							      : false);
		json_object_set_new(all, name, steps);
		if (!good) {
			if (s->why[0] == '\0')
				(void)refuse(s, "a selection that is not supported", name);
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

/* ---- the rule around it */

static json_t *
kinds_of(struct source *s, yaml_node_t *root)
{
	yaml_node_t *from = member(s, root, "logsource");
	const char *product = scalar(member(s, from, "product"));
	const char *category = scalar(member(s, from, "category")), *names = NULL;
	json_t *list = json_array();

	if (product != NULL && strcmp(product, "linux") != 0)
		return json_decref(list), refuse(s, "not for Linux", product);
	for (size_t i = 0; category != NULL && i < DS_LEN(categories); i++)
		if (strcmp(categories[i].category, category) == 0)
			names = categories[i].kinds;
	if (names == NULL)
		return json_decref(list), refuse(s, "a log source that is not supported",
					      category != NULL ? category : "none");
	while (*names != '\0') {
		size_t len = strcspn(names, " ");

		json_array_append_new(list, json_stringn(names, len));
		names += len + (names[len] == ' ');
	}
	return list;
}

/* attack.t1059.004 -> T1059.004 */
static json_t *
techniques_of(struct source *s, yaml_node_t *root)
{
	yaml_node_t *tags = member(s, root, "tags");
	json_t *list = json_array();

	if (tags == NULL || tags->type != YAML_SEQUENCE_NODE)
		return list;
	for (yaml_node_item_t *at = tags->data.sequence.items.start;
	     at < tags->data.sequence.items.top; at++) {
		const char *tag = scalar(yaml_document_get_node(&s->doc, *at));

		if (tag != NULL && strncmp(tag, "attack.t", 8) == 0 &&
		    isdigit((unsigned char)tag[8]))
			json_array_append_new(list, json_sprintf("T%s", tag + 8));
	}
	return list;
}

/* The first of a list of conditions is the condition; more are refused. */
static const char *
condition_of(struct source *s, yaml_node_t *detection)
{
	yaml_node_t *n = member(s, detection, "condition");

	if (n != NULL && n->type == YAML_SEQUENCE_NODE &&
	    n->data.sequence.items.top - n->data.sequence.items.start == 1)
		n = yaml_document_get_node(&s->doc, *n->data.sequence.items.start);
	return scalar(n);
}

static json_t *
compile(struct source *s)
{
	yaml_node_t *root = yaml_document_get_root_node(&s->doc);
	yaml_node_t *detection = member(s, root, "detection");
	const char *title = scalar(member(s, root, "title")), *id = scalar(member(s, root, "id"));
	const char *level = scalar(member(s, root, "level")), *condition;
	json_t *kinds, *parts, *program;

	if (detection == NULL || detection->type != YAML_MAPPING_NODE || title == NULL)
		return refuse(s, "no rule: title and detection are missing", NULL);
	condition = condition_of(s, detection);
	if (condition == NULL)
		return refuse(s, "no condition, or several", NULL);
	kinds = kinds_of(s, root);
	if (kinds == NULL)
		return NULL;
	parts = selections(s, detection);
	program = parts != NULL ? sigma_condition(condition, parts, s->why, s->size) : NULL;
	json_decref(parts);
	if (program == NULL) {
		json_decref(kinds);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "id", id != NULL ? id : title, "title",
	    title, "level", level != NULL ? level : "medium", "techniques", techniques_of(s, root),
	    "kinds", kinds, "program", program);
}

json_t *
sigma_compile(const char *text, size_t len, char *ret_why, size_t size)
{
	struct source s = { .why = ret_why, .size = size };
	yaml_parser_t parser;
	json_t *rule = NULL;

	ret_why[0] = '\0';
	if (!yaml_parser_initialize(&parser))
		return refuse(&s, "no memory", NULL);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &s.doc)) {
		snprintf(ret_why, size, "line %zu: %s", parser.problem_mark.line + 1,
		    parser.problem != NULL ? parser.problem : "no YAML");
	} else {
		rule = compile(&s);
		yaml_document_delete(&s.doc);
	}
	yaml_parser_delete(&parser);
	if (rule == NULL && ret_why[0] == '\0')
		(void)refuse(&s, "not understood", NULL);
	return rule;
}
#else
json_t *
sigma_compile(const char *text, size_t len, char *ret_why, size_t size)
{
	(void)text;
	(void)len;
	snprintf(ret_why, size, "Sigma rules are not built in (libyaml)");
	return NULL;
}
#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf_waits - what of a configuration that was read again waits for the next start, and stays
 * until then as it runs. */
#include "lib/conf_value.h"

#include <stdio.h>
#include <string.h>

#define VALUE_MAX 4096
#define TITLE_MAX 128

struct waits {
	void (*call)(const char *name, void *ctx);
	void *ctx;
};

static bool
differs(const struct ds_conf_option *o, const void *a, const void *b)
{
	char was[VALUE_MAX], is[VALUE_MAX];

	ds_conf_format(o, a, was, sizeof(was));
	ds_conf_format(o, b, is, sizeof(is));
	return !o->reloadable && strcmp(was, is) != 0;
}

static const void *
value_of(const struct ds_conf_named *named, const char *name)
{
	for (size_t i = 0; i < named->len; i++)
		if (strcmp(named->items[i].name, name) == 0)
			return named->items[i].value;
	return NULL;
}

static void
say(const struct waits *w, const char *section, const char *name, const char *key)
{
	char text[TITLE_MAX];

	snprintf(text, sizeof(text), "%s%s%s%s", section, name, *key ? "." : "", key);
	w->call(text, w->ctx);
}

/* Sections of `named` that `others` has not, or, if compare, has otherwise. */
static void
each_section(const struct waits *w, const struct ds_conf_option *row,
    const struct ds_conf_named *named, const struct ds_conf_named *others, bool compare)
{
	for (size_t i = 0; i < named->len; i++) {
		const struct ds_conf_section *s = &named->items[i];
		const void *other = value_of(others, s->name);

		if (other == NULL && !row->reloadable)
			say(w, row->section, s->name, "");
		for (const struct ds_conf_option *o = row + 1;
		     compare && other != NULL && o->section != NULL &&
		     strcmp(o->section, row->section) == 0;
		     o++)
			if (differs(o, other, s->value))
				say(w, row->section, s->name, o->key);
	}
}

void
ds_conf_waits(const struct ds_conf_option *table, const void *running, const void *read,
    void (*call)(const char *name, void *ctx), void *ctx)
{
	const struct waits w = { call, ctx };

	for (const struct ds_conf_option *o = table; o->section != NULL; o++) {
		const void *was = (const char *)running + o->offset,
			   *is = (const char *)read + o->offset;

		if (o->type == DS_CONF_NAMED) {
			each_section(&w, o, is, was, true);
			each_section(&w, o, was, is, false);
		} else if (!conf_is_named(o) && differs(o, running, read)) {
			say(&w, o->section, "", o->key);
		}
	}
}

static size_t
value_size(enum ds_conf_type type)
{
	switch (type) {
	case DS_CONF_STRING:
		return sizeof(char *);
	case DS_CONF_LIST:
		return sizeof(struct ds_conf_list);
	case DS_CONF_NAMED:
		return sizeof(struct ds_conf_named);
	case DS_CONF_BOOL:
		return sizeof(bool);
	case DS_CONF_INT:
	case DS_CONF_ENUM:
	case DS_CONF_SIZE:
	case DS_CONF_DURATION:
		break;
	}
	return sizeof(uint64_t);
}

void
ds_conf_keep(const struct ds_conf_option *table, void *running, void *read)
{
	for (const struct ds_conf_option *o = table; o->section != NULL; o++) {
		char *was = (char *)running + o->offset, *is = (char *)read + o->offset;
		char value[DS_MAX(sizeof(struct ds_conf_named), sizeof(struct ds_conf_list))];
		size_t size = value_size(o->type);

		if (o->reloadable || (o->type != DS_CONF_NAMED && conf_is_named(o)))
			continue;
		memcpy(value, was, size);
		memcpy(was, is, size);
		memcpy(is, value, size);
	}
}

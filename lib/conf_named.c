/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf_named - sections that may be there many times, under names. */
#include "lib/conf_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool
conf_is_named(const struct ds_conf_option *row)
{
	size_t len = strlen(row->section);

	return len > 0 && row->section[len - 1] == '.';
}

const struct ds_conf_option *
conf_named_find(const struct ds_conf_option *table, const char *title)
{
	for (; table->section != NULL; table++)
		if (table->type == DS_CONF_NAMED &&
		    strncmp(title, table->section, strlen(table->section)) == 0)
			return table;
	return NULL;
}

static bool
is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return len > 0 && name[len] == '\0' && len < sizeof(((struct ds_conf_section *)0)->name);
}

static void
free_value(const struct ds_conf_option *row, void *value)
{
	const char *section = row->section;

	for (row++; row->section != NULL && strcmp(row->section, section) == 0; row++) {
		void *at = (char *)value + row->offset;

		if (row->type == DS_CONF_STRING)
			free(*(char **)at);
		else if (row->type == DS_CONF_LIST)
			conf_list_free(at);
	}
	free(value);
}

static void *
make_value(const struct ds_conf_option *row)
{
	const char *section = row->section;
	void *value = calloc(1, (size_t)row->min);

	if (value == NULL)
		return NULL;
	for (const struct ds_conf_option *o = row + 1;
	     o->section != NULL && strcmp(o->section, section) == 0; o++) {
		if (conf_value_set(o, value, o->fallback) == 0)
			continue;
		free_value(row, value);
		errno = ENOMEM;
		return NULL;
	}
	return value;
}

void *
conf_named_get(const struct ds_conf_option *row, struct ds_conf_named *named, const char *name)
{
	struct ds_conf_section *items;

	errno = EINVAL;
	if (!is_name(name))
		return NULL;
	for (size_t i = 0; i < named->len; i++)
		if (strcmp(named->items[i].name, name) == 0)
			return named->items[i].value;
	errno = E2BIG;
	if (named->len == DS_CONF_NAMED_MAX)
		return NULL;
	items = realloc(named->items, (named->len + 1) * sizeof(*items));
	if (items == NULL)
		return NULL;
	named->items = items;
	items += named->len;
	*items = (struct ds_conf_section){ .value = make_value(row) };
	if (items->value == NULL)
		return NULL;
	memcpy(items->name, name, strlen(name) + 1);
	named->len++;
	return items->value;
}

void
conf_named_free(const struct ds_conf_option *row, struct ds_conf_named *named)
{
	for (size_t i = 0; i < named->len; i++)
		free_value(row, named->items[i].value);
	free(named->items);
	*named = (struct ds_conf_named){ 0 };
}

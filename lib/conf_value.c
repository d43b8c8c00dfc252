/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_value - the values of options: text to value and back, for every type.
 */
#include "lib/conf_value.h"
#include "lib/conf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIST_MAX 1024u

/* A whole number and the rest of the text behind it. */
static int
parse_number(const char *text, int64_t *ret, const char **ret_rest)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (end == text || errno != 0)
		return -EINVAL;
	*ret = v;
	*ret_rest = end;
	return 0;
}

/* number * unit, where `units` holds pairs of a suffix and its factor. */
static int
parse_with_unit(const char *text, const struct conf_unit *units, uint64_t *ret)
{
	const char *rest;
	int64_t v;
	int r = parse_number(text, &v, &rest);

	if (r < 0 || v < 0)
		return -EINVAL;
	for (; units->suffix != NULL; units++) {
		if (strcasecmp(rest, units->suffix) != 0)
			continue;
		if (units->factor != 0 && (uint64_t)v > INT64_MAX / units->factor)
			return -EINVAL;
		*ret = (uint64_t)v * units->factor;
		return 0;
	}
	return -EINVAL;
}

static const struct conf_unit durations[] = { { "ms", 1 }, { "s", 1000 }, { "", 1000 },
	{ "m", 60000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 },
	{ NULL, 0 } };

static const struct conf_unit sizes[] = { { "", 1 }, { "K", 1u << 10 }, { "M", 1u << 20 },
	{ "G", 1u << 30 }, { "T", UINT64_C(1) << 40 }, { "KiB", 1u << 10 }, { "MiB", 1u << 20 },
	{ "GiB", 1u << 30 }, { "B", 1 }, { NULL, 0 } };

int
ds_conf_duration(const char *text, uint64_t *ret_ms)
{
	return parse_with_unit(text, durations, ret_ms);
}

int
ds_conf_size(const char *text, uint64_t *ret_bytes)
{
	return parse_with_unit(text, sizes, ret_bytes);
}

static int
parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "true", "yes", "on", "1" };
	static const char *const no[] = { "false", "no", "off", "0" };

	for (size_t i = 0; i < DS_LEN(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0) {
			*ret = true;
			return 0;
		}
		if (strcasecmp(text, no[i]) == 0) {
			*ret = false;
			return 0;
		}
	}
	return -EINVAL;
}

static int
parse_enum(const char *text, const char *values, int64_t *ret)
{
	size_t len = strlen(text);
	int64_t index = 0;

	for (const char *p = values; p != NULL; index++) {
		const char *bar = strchr(p, '|');
		size_t n = bar ? (size_t)(bar - p) : strlen(p);

		if (n == len && strncasecmp(p, text, n) == 0) {
			*ret = index;
			return 0;
		}
		p = bar ? bar + 1 : NULL;
	}
	return -EINVAL;
}

void
conf_list_free(struct ds_conf_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct ds_conf_list){ 0 };
}

static int
list_add(struct ds_conf_list *list, const char *text, size_t len)
{
	char **items;

	if (list->len >= LIST_MAX)
		return -EFBIG;
	items = realloc(list->items, (list->len + 1) * sizeof(*items));
	if (items == NULL)
		return -ENOMEM;
	list->items = items;
	items[list->len] = strndup(text, len);
	if (items[list->len] == NULL)
		return -ENOMEM;
	list->len++;
	return 0;
}

static int
parse_list(const char *text, struct ds_conf_list *ret)
{
	struct ds_conf_list list = { 0 };
	const char *p = text;

	while (*p != '\0') {
		size_t n, len;
		int r;

		p += strspn(p, ", \t");
		n = strcspn(p, ",");
		len = n;
		while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
			len--;
		r = len > 0 ? list_add(&list, p, len) : 0;
		if (r < 0) {
			conf_list_free(&list);
			return r;
		}
		p += n;
	}
	*ret = list;
	return 0;
}

static bool
in_range(const struct ds_conf_option *o, uint64_t v)
{
	return (o->min == 0 && o->max == 0) || ((int64_t)v >= o->min && v <= (uint64_t)o->max);
}

static int
set_number(const struct ds_conf_option *o, void *at, const char *text)
{
	uint64_t v = 0;
	const char *rest;
	int64_t i;
	int r;

	if (o->type == DS_CONF_INT) {
		r = parse_number(text, &i, &rest);
		if (r < 0 || *rest != '\0')
			return -EINVAL;
		if ((o->min != 0 || o->max != 0) && (i < o->min || i > o->max))
			return -ERANGE;
		*(int64_t *)at = i;
		return 0;
	}
	r = o->type == DS_CONF_SIZE ? ds_conf_size(text, &v) : ds_conf_duration(text, &v);
	if (r < 0)
		return r;
	if (!in_range(o, v))
		return -ERANGE;
	*(uint64_t *)at = v;
	return 0;
}

int
conf_value_set(const struct ds_conf_option *o, void *target, const char *text)
{
	void *at = (char *)target + o->offset;
	struct ds_conf_list list;
	char *copy;
	int r;

	switch (o->type) {
	case DS_CONF_STRING:
		copy = strdup(text);
		if (copy == NULL)
			return -ENOMEM;
		free(*(char **)at);
		*(char **)at = copy;
		return 0;
	case DS_CONF_LIST:
		r = parse_list(text, &list);
		if (r < 0)
			return r;
		conf_list_free(at);
		*(struct ds_conf_list *)at = list;
		return 0;
	case DS_CONF_BOOL:
		return parse_bool(text, at);
	case DS_CONF_ENUM:
		return parse_enum(text, o->values, at);
	case DS_CONF_INT:
	case DS_CONF_SIZE:
	case DS_CONF_DURATION:
		return set_number(o, at, text);
	case DS_CONF_NAMED:
		break;
	}
	return -EINVAL;
}

const char *
conf_type_expected(const struct ds_conf_option *o)
{
	switch (o->type) {
	case DS_CONF_STRING:
		return "a text";
	case DS_CONF_LIST:
		return "a list separated by commas";
	case DS_CONF_BOOL:
		return "true or false";
	case DS_CONF_ENUM:
		return o->values;
	case DS_CONF_INT:
		return "a whole number";
	case DS_CONF_SIZE:
		return "a size such as 256M or 20G";
	case DS_CONF_DURATION:
		return "a time such as 250ms, 10s, 5m, 1h or 30d";
	case DS_CONF_NAMED:
		break;
	}
	return "";
}

/* The largest unit that divides the value. */
static void
format_with_unit(uint64_t v, const struct conf_unit *units, char *ret, size_t size)
{
	const struct conf_unit *best = NULL;

	for (; units->suffix != NULL; units++)
		if (units->factor > 0 && v % units->factor == 0 &&
		    (best == NULL || units->factor > best->factor) && (v > 0 || best == NULL))
			best = units;
	snprintf(ret, size, "%" PRIu64 "%s", best ? v / best->factor : v, best ? best->suffix : "");
}

static void
format_list(const struct ds_conf_list *list, char *ret, size_t size)
{
	size_t n = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < list->len && n + 1 < size; i++)
		n += (size_t)snprintf(ret + n, size - n, "%s%s", i ? "," : "", list->items[i]);
}

static void
format_enum(int64_t index, const char *values, char *ret, size_t size)
{
	const char *p = values;

	while (index-- > 0 && p != NULL) {
		p = strchr(p, '|');
		p = p ? p + 1 : NULL;
	}
	snprintf(ret, size, "%.*s", p ? (int)strcspn(p, "|") : 0, p ? p : "");
}

void
ds_conf_format(const struct ds_conf_option *o, const void *target, char *ret, size_t size)
{
	const void *at = (const char *)target + o->offset;

	switch (o->type) {
	case DS_CONF_STRING:
		snprintf(ret, size, "%s", *(char *const *)at ? *(char *const *)at : "");
		break;
	case DS_CONF_LIST:
		format_list(at, ret, size);
		break;
	case DS_CONF_BOOL:
		snprintf(ret, size, "%s", *(const bool *)at ? "true" : "false");
		break;
	case DS_CONF_ENUM:
		format_enum(*(const int64_t *)at, o->values, ret, size);
		break;
	case DS_CONF_INT:
		snprintf(ret, size, "%" PRId64, *(const int64_t *)at);
		break;
	case DS_CONF_SIZE:
		format_with_unit(*(const uint64_t *)at, sizes, ret, size);
		break;
	case DS_CONF_DURATION:
		format_with_unit(*(const uint64_t *)at, durations, ret, size);
		break;
	case DS_CONF_NAMED:
		snprintf(ret, size, "%zu", ((const struct ds_conf_named *)at)->len);
		break;
	}
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * described - for each route, by its number in the table: the properties of its body and the
 * parameters of its query.
 *
 * What nobody reads is misspelt: to pass over it would be to do something else than was asked for,
 * as with ?stauts=open.
 */
#include "server/api/described.h"

#include "server/api/routes.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUTES_MAX 256u
#define DEPTH_MAX  8 /* references that lead to references */

struct described {
	json_t *api;                     /* owns what the others point to */
	const json_t *known[ROUTES_MAX]; /* NULL: the route knows no member */
	json_t *queries[ROUTES_MAX];     /* owned: name -> schema; NULL: it takes any */
	bool any[ROUTES_MAX];            /* bodies are others' (additionalProperties: true) */
};

/* "#/components/requestBodies/Note" -> what is there. */
static json_t *
resolve(json_t *api, json_t *v)
{
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		const char *ref = json_string_value(json_object_get(v, "$ref"));
		char name[80];

		if (ref == NULL)
			return v;
		v = api;
		for (ref += strspn(ref, "#/"); *ref; ref += strspn(ref, "/")) {
			size_t len = strcspn(ref, "/");

			snprintf(name, sizeof(name), "%.*s", (int)len, ref);
			v = json_object_get(v, name);
			ref += len;
		}
	}
	return NULL;
}

/* The route's path, in which its methods are. */
static json_t *
find_path(json_t *api, const struct route *r)
{
	char path[120];

	snprintf(path, sizeof(path), "%s%s", *r->path == '/' ? "" : "/", r->path);
	return json_object_get(json_object_get(api, "paths"), path);
}

static json_t *
find_operation(json_t *api, const struct route *r)
{
	char method[16] = "";

	for (size_t i = 0; r->method[i] && i + 1 < sizeof(method); i++)
		method[i] = (char)tolower((unsigned char)r->method[i]);
	return json_object_get(find_path(api, r), method);
}

/* The schema of the body that the route takes. */
static const json_t *
find_body(json_t *api, const struct route *r)
{
	json_t *v = resolve(api, json_object_get(find_operation(api, r), "requestBody"));

	v = json_object_get(json_object_get(v, "content"), "application/json");
	return resolve(api, json_object_get(v, "schema"));
}

static int
add_parameters(json_t *api, json_t *list, json_t *to)
{
	json_t *item;
	size_t i;
	int r = 0;

	json_array_foreach(list, i, item)
	{
		json_t *p = resolve(api, item);
		const char *in = json_string_value(json_object_get(p, "in"));

		if (in != NULL && strcmp(in, "query") == 0)
			r |= json_object_set(to, json_string_value(json_object_get(p, "name")),
			    json_object_get(p, "schema"));
	}
	return r;
}

/* Those of the path and those of the method.  NULL: no memory. */
static json_t *
find_query(json_t *api, const struct route *r)
{
	json_t *ret = json_object();

	if (add_parameters(api, json_object_get(find_path(api, r), "parameters"), ret) == 0 &&
	    add_parameters(api, json_object_get(find_operation(api, r), "parameters"), ret) == 0)
		return ret;
	json_decref(ret);
	return NULL;
}

struct described *
described_new(const char *openapi, size_t size)
{
	struct described *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->api = json_loadb(openapi, size, 0, NULL);
	if (!json_is_object(json_object_get(d->api, "paths"))) {
		described_free(d);
		return NULL;
	}
	for (size_t i = 0; route_table[i].method != NULL && i < ROUTES_MAX; i++) {
		const json_t *schema = find_body(d->api, &route_table[i]);

		d->known[i] = json_object_get(schema, "properties");
		d->any[i] = json_is_true(json_object_get(schema, "additionalProperties"));
		/* Forges have parameters of their own, too. */
		if (d->any[i])
			continue;
		d->queries[i] = find_query(d->api, &route_table[i]);
		if (d->queries[i] == NULL) {
			described_free(d);
			return NULL;
		}
	}
	return d;
}

void
described_free(struct described *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < ROUTES_MAX; i++)
		json_decref(d->queries[i]);
	json_decref(d->api);
	free(d);
}

const char *
described_stranger(const struct described *d, const struct route *route, json_t *body)
{
	size_t i = (size_t)(route - route_table);
	const char *name;
	json_t *value;

	if (d == NULL || i >= ROUTES_MAX || d->any[i])
		return NULL;
	json_object_foreach(body, name, value)
	{
		if (json_object_get(d->known[i], name) == NULL)
			return name;
	}
	return NULL;
}

/* ---- parameters */

static void
put_words(const json_t *words, char *text, size_t size)
{
	const json_t *word;
	size_t used = 0, i;

	*text = '\0';
	json_array_foreach(words, i, word)
	{
		if (used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
			    i == 0                            ? ""
			    : i + 1 == json_array_size(words) ? " or "
							      : ", ",
			    json_string_value(word));
	}
}

static bool
is_one_of(const json_t *words, const char *value)
{
	const json_t *word;
	size_t i;

	json_array_foreach(words, i, word)
	{
		if (strcmp(json_string_value(word), value) == 0)
			return true;
	}
	return false;
}

/* A number within the schema's bounds, of digits alone. */
static bool
is_within(const json_t *schema, const char *value, long long *ret_min, long long *ret_max)
{
	long long v;

	*ret_min = json_integer_value(json_object_get(schema, "minimum"));
	*ret_max = json_integer_value(json_object_get(schema, "maximum"));
	if (*value == '\0' || strspn(value, "0123456789") != strlen(value))
		return false;
	errno = 0;
	v = strtoll(value, NULL, 10);
	return errno == 0 && v >= *ret_min && v <= *ret_max;
}

/* ?status= is as if it were not there. */
static bool
fits(const json_t *schema, const char *name, const char *value, char why[DESCRIBED_WHY_MAX])
{
	const json_t *words = json_object_get(schema, "enum");
	const char *type = json_string_value(json_object_get(schema, "type"));
	char expected[160];
	long long min, max;

	if (words != NULL && *value != '\0' && !is_one_of(words, value)) {
		put_words(words, expected, sizeof(expected));
		snprintf(why, DESCRIBED_WHY_MAX, "%s: expected %s, not \"%.40s\"", name, expected,
		    value);
		return false;
	}
	if (type != NULL && strcmp(type, "integer") == 0 && !is_within(schema, value, &min, &max)) {
		snprintf(why, DESCRIBED_WHY_MAX,
		    "%s: expected a number from %lld to %lld, not \"%.40s\"", name, min, max,
		    value);
		return false;
	}
	return true;
}

bool
described_takes(const struct described *d, const struct route *route, const char *name,
    const char *value, char why[DESCRIBED_WHY_MAX])
{
	size_t i = (size_t)(route - route_table);
	const json_t *schema;

	if (d == NULL || i >= ROUTES_MAX || d->queries[i] == NULL)
		return true;
	schema = json_object_get(d->queries[i], name);
	if (schema != NULL)
		return fits(schema, name, value, why);
	snprintf(why, DESCRIBED_WHY_MAX, "unknown parameter \"%.40s\"", name);
	return false;
}

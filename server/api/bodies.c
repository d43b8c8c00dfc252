/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bodies - one object for each route, by its number in the table: the properties of its body.
 *
 * A member that nobody reads is a misspelt one: to pass over it would be to do something else than
 * was asked for.
 */
#include "server/api/bodies.h"

#include "server/api/routes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUTES_MAX 256u
#define DEPTH_MAX  8 /* references that lead to references */

struct bodies {
	json_t *api;                     /* owns what the others point to */
	const json_t *known[ROUTES_MAX]; /* NULL: the route knows no member */
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

/* The schema of what the route takes. */
static const json_t *
find_schema(json_t *api, const struct route *r)
{
	char path[120], method[16] = "";
	json_t *v;

	snprintf(path, sizeof(path), "%s%s", *r->path == '/' ? "" : "/", r->path);
	for (size_t i = 0; r->method[i] && i + 1 < sizeof(method); i++)
		method[i] = (char)tolower((unsigned char)r->method[i]);
	v = json_object_get(json_object_get(json_object_get(api, "paths"), path), method);
	v = resolve(api, json_object_get(v, "requestBody"));
	v = json_object_get(json_object_get(v, "content"), "application/json");
	return resolve(api, json_object_get(v, "schema"));
}

struct bodies *
bodies_new(const char *openapi, size_t size)
{
	struct bodies *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->api = json_loadb(openapi, size, 0, NULL);
	if (!json_is_object(json_object_get(b->api, "paths"))) {
		bodies_free(b);
		return NULL;
	}
	for (size_t i = 0; route_table[i].method != NULL && i < ROUTES_MAX; i++) {
		const json_t *schema = find_schema(b->api, &route_table[i]);

		b->known[i] = json_object_get(schema, "properties");
		b->any[i] = json_is_true(json_object_get(schema, "additionalProperties"));
	}
	return b;
}

void
bodies_free(struct bodies *b)
{
	if (b == NULL)
		return;
	json_decref(b->api);
	free(b);
}

const char *
bodies_stranger(const struct bodies *b, const struct route *route, json_t *body)
{
	size_t i = (size_t)(route - route_table);
	const char *name;
	json_t *value;

	if (b == NULL || i >= ROUTES_MAX || b->any[i])
		return NULL;
	json_object_foreach(body, name, value)
	{
		if (json_object_get(b->known[i], name) == NULL)
			return name;
	}
	return NULL;
}

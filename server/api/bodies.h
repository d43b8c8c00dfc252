/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bodies - which members the body of a request may have, as schema/api.yaml says: the description
 * that is served is the one that is held to.
 *
 * Made before the first request and only read then, by any thread.
 */
#ifndef SERVER_API_BODIES_H
#define SERVER_API_BODIES_H

#include "lib/compiler.h"

#include <jansson.h>
#include <stddef.h>

struct bodies;
struct route;

/* From the text of the description; NULL: no memory, or it is none. */
struct bodies *bodies_new(const char *openapi, size_t size);
void bodies_free(struct bodies *b);
/* The first member of `body` that the route does not know, or NULL. */
const char *bodies_stranger(const struct bodies *b, const struct route *route, json_t *body);

#endif

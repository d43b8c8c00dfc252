/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * described - which members the body of a request may have, and which parameters its query, as
 * schema/api.yaml says: the description that is served is the one that is held to.
 *
 * Made before the first request and only read then, by any thread.
 */
#ifndef SERVER_API_DESCRIBED_H
#define SERVER_API_DESCRIBED_H

#include "lib/compiler.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct described;
struct route;

#define DESCRIBED_WHY_MAX 300u /* bytes */

/* From the text of the description; NULL: no memory, or it is none. */
struct described *described_new(const char *openapi, size_t size);
void described_free(struct described *d);
/* The first member of `body` that the route does not know, or NULL. */
const char *described_stranger(const struct described *d, const struct route *route, json_t *body);
/* Whether the route takes a parameter of this name and value; false: and a sentence why not. */
bool described_takes(const struct described *d, const struct route *route, const char *name,
    const char *value, char ret_why[DESCRIBED_WHY_MAX]);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/fleet/influence.h"

#include "lib/log.h"
#include "lib/map.h"

#include <stdlib.h>
#include <string.h>

#define SHARES_MAX (1u << 20)

struct influence {
	struct ds_map *shares; /* (host, class) -> uint64_t, how much was taken */
};

struct influence *
influence_new(void)
{
	struct influence *i = calloc(1, sizeof(*i));

	if (i == NULL)
		return NULL;
	i->shares = ds_map_new(SHARES_MAX);
	if (i->shares != NULL)
		return i;
	free(i);
	return NULL;
}

void
influence_free(struct influence *i)
{
	if (i == NULL)
		return;
	ds_map_free(i->shares, free);
	free(i);
}

static uint64_t *
share_of(struct influence *i, uint32_t host, uint64_t class_fact)
{
	uint8_t key[12];
	uint64_t *s;

	memcpy(key, &host, 4);
	memcpy(key + 4, &class_fact, 8);
	s = ds_map_get(i->shares, key, sizeof(key));
	if (s != NULL)
		return s;
	s = calloc(1, sizeof(*s));
	if (s != NULL && ds_map_put(i->shares, key, sizeof(key), s, NULL) < 0) {
		free(s);
		return NULL;
	}
	return s;
}

bool
influence_take(
    struct influence *i, uint32_t host, uint64_t class_fact, uint64_t share, bool *ret_first)
{
	uint64_t *s = share_of(i, host, class_fact);

	*ret_first = false;
	if (s == NULL)
		return false;
	*ret_first = (*s)++ == share;
	return *s <= share;
}

bool
influence_believes(
    struct influence *i, const struct knowledge *k, const struct knowledge_news *n, uint64_t share)
{
	bool first, allowed;

	if (!n->learnt || n->fact == n->class_fact || knowledge_get(k, n->fact).learnt > 0)
		return n->learnt;
	allowed = influence_take(i, n->host, n->class_fact, share, &first);
	if (first)
		ds_log(WARN, "a host teaches its peers more than its share of a day, not believed",
		    "host=%u max=%u", n->host, INFLUENCE_MAX);
	return allowed;
}

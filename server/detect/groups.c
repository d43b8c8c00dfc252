/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/groups.h"

#include "lib/array.h"
#include "server/detect/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct group {
	uint64_t labels; /* hash */
	uint32_t leader, epoch;
	uint64_t traits[GROUPS_TRAITS_MAX]; /* sorted */
	size_t len;
};

struct groups {
	struct group *at; /* GROUPS_MAX */
	size_t len;
	struct grouped *hosts, *before; /* group: index + 1 meanwhile */
	size_t hosts_len, hosts_room, before_len, before_room;
	struct group now; /* the host that is looked at */
	bool open;
};

struct groups *
groups_new(void)
{
	struct groups *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->at = calloc(GROUPS_MAX, sizeof(*g->at));
	if (g->at != NULL)
		return g;
	free(g);
	return NULL;
}

void
groups_free(struct groups *g)
{
	if (g == NULL)
		return;
	free(g->at);
	free(g->hosts);
	free(g->before);
	free(g);
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static size_t
unique(uint64_t *at, size_t len)
{
	size_t kept = 0;

	if (len > 0)
		qsort(at, len, sizeof(*at), by_value);
	for (size_t i = 0; i < len; i++)
		if (kept == 0 || at[kept - 1] != at[i])
			at[kept++] = at[i];
	return kept;
}

/* At least half of what either has. */
static bool
is_alike(const struct group *a, const struct group *b)
{
	size_t i = 0, k = 0, both = 0;

	if (a->labels != b->labels)
		return false;
	while (i < a->len && k < b->len) {
		if (a->traits[i] == b->traits[k]) {
			both++;
			i++;
			k++;
		} else if (a->traits[i] < b->traits[k]) {
			i++;
		} else {
			k++;
		}
	}
	return 2 * both >= a->len + b->len - both;
}

/* Its own group when it is the leader, which others compare with as it is today. */
static size_t
find(struct groups *g, uint32_t host)
{
	for (size_t i = 0; i < g->len; i++)
		if (g->at[i].leader == host) {
			g->now.leader = host;
			g->now.epoch = g->at[i].epoch;
			g->at[i] = g->now;
			return i + 1;
		}
	for (size_t i = 0; i < g->len; i++)
		if (is_alike(&g->at[i], &g->now))
			return i + 1;
	if (g->len == GROUPS_MAX)
		return 0;
	g->now.leader = host;
	g->now.epoch = 0;
	g->at[g->len++] = g->now;
	return g->len;
}

static void
close_host(struct groups *g)
{
	struct grouped *last = g->hosts_len > 0 ? &g->hosts[g->hosts_len - 1] : NULL;

	if (!g->open || last == NULL)
		return;
	g->open = false;
	g->now.len = unique(g->now.traits, g->now.len);
	/* Of a host without daemons nothing can be said. */
	last->group = g->now.len > 0 ? find(g, last->host) : 0;
}

void
groups_begin(struct groups *g)
{
	struct grouped *spare = g->before;
	size_t room = g->before_room;

	g->before = g->hosts;
	g->before_len = g->hosts_len;
	g->before_room = g->hosts_room;
	g->hosts = spare;
	g->hosts_len = 0;
	g->hosts_room = room;
	g->open = false;
}

int
groups_host(struct groups *g, uint32_t host, const char *labels)
{
	struct grouped *grown;

	close_host(g);
	if (g->hosts_len == GROUPS_HOSTS_MAX)
		return 0;
	grown = ds_array_grow(g->hosts, g->hosts_len, &g->hosts_room, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	g->hosts = grown;
	g->hosts[g->hosts_len++] = (struct grouped){ host, 0 };
	g->now.labels = key_hash(41, labels, strlen(labels));
	g->now.len = 0;
	g->open = true;
	return 0;
}

void
groups_daemon(struct groups *g, const char *class, const char *version)
{
	uint64_t both[2] = { key_hash(42, class, strlen(class)),
		key_hash(43, version, strlen(version)) };

	if (!g->open || g->now.len + 2 > GROUPS_TRAITS_MAX)
		return;
	g->now.traits[g->now.len++] = both[0];
	g->now.traits[g->now.len++] = key_hash(44, both, sizeof(both));
}

static const struct grouped *
look_up(const struct grouped *at, size_t len, uint32_t host)
{
	size_t from = 0, to = len;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (at[middle].host == host)
			return &at[middle];
		if (at[middle].host < host)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

uint64_t
grouped_find(const struct grouped *at, size_t len, uint32_t host)
{
	const struct grouped *found = look_up(at, len, host);

	return found != NULL ? found->group : 0;
}

bool
groups_end(struct groups *g)
{
	bool changed = false;

	close_host(g);
	for (size_t i = 0; i < g->hosts_len; i++) {
		uint64_t was = grouped_find(g->before, g->before_len, g->hosts[i].host),
			 is = g->hosts[i].group;

		changed |= was != is;
		/* What it did must not count there any more. */
		if (was != is && was > 0)
			g->at[was - 1].epoch++;
	}
	return changed;
}

static uint64_t
identity(const struct groups *g, uint64_t index)
{
	return index > 0 ? (uint64_t)g->at[index - 1].epoch << 32 | g->at[index - 1].leader : 0;
}

uint64_t
groups_of(const struct groups *g, uint32_t host)
{
	return identity(g, grouped_find(g->hosts, g->hosts_len, host));
}

struct grouped *
groups_copy(const struct groups *g, size_t *ret_len)
{
	struct grouped *copy = malloc((g->hosts_len + 1) * sizeof(*copy));

	for (size_t i = 0; copy != NULL && i < g->hosts_len; i++)
		copy[i] = (struct grouped){ g->hosts[i].host, identity(g, g->hosts[i].group) };
	*ret_len = g->hosts_len;
	return copy;
}

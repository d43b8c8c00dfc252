/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/knowledge.h"

#include "lib/map.h"
#include "server/detect/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fact {
	uint64_t id; /* 0: empty */
	struct prevalence hosts;
	uint32_t first; /* host where it was learnt first */
};

/* Linear probing over facts, a power of two of them; nothing is ever removed. */
struct fleet_knowledge {
	struct grouped *grouped;
	size_t grouped_len, cap;
	struct fact facts[];
};

struct knowledge {
	struct fact *facts;
	size_t cap, len;
	/* (fact, host) that were counted: hash -> learnt or only seen */
	uint64_t *pairs; /* bit 0: learnt; 0: empty */
	size_t pairs_cap, pairs_len;
	uint64_t refused;
};

#define CAP_MIN 1024u

uint64_t
knowledge_fact(const char *class, uint8_t kind, const void *key, size_t key_size)
{
	uint64_t part[2] = { ds_hash(class, strlen(class)), ds_hash(key, key_size) ^ kind };
	uint64_t h = ds_hash(part, sizeof(part));

	return h != 0 ? h : 1;
}

struct knowledge *
knowledge_new(void)
{
	struct knowledge *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->cap = k->pairs_cap = CAP_MIN;
	k->facts = calloc(k->cap, sizeof(*k->facts));
	k->pairs = calloc(k->pairs_cap, sizeof(*k->pairs));
	if (k->facts == NULL || k->pairs == NULL) {
		knowledge_free(k);
		return NULL;
	}
	return k;
}

void
knowledge_free(struct knowledge *k)
{
	if (k == NULL)
		return;
	free(k->facts);
	free(k->pairs);
	free(k);
}

static size_t
find_fact(const struct fact *facts, size_t cap, uint64_t id)
{
	size_t i = id & (cap - 1);

	while (facts[i].id != 0 && facts[i].id != id)
		i = (i + 1) & (cap - 1);
	return i;
}

static size_t
find_pair(const uint64_t *pairs, size_t cap, uint64_t pair)
{
	size_t i = (pair >> 1) & (cap - 1);

	while (pairs[i] != 0 && (pairs[i] | 1) != pair)
		i = (i + 1) & (cap - 1);
	return i;
}

static int
grow_facts(struct knowledge *k)
{
	struct fact *bigger;

	if (k->len * 4 < k->cap * 3)
		return 0;
	if (k->len >= KNOWLEDGE_FACTS_MAX)
		return -ENOSPC;
	bigger = calloc(k->cap * 2, sizeof(*bigger));
	if (bigger == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < k->cap; i++)
		if (k->facts[i].id != 0)
			bigger[find_fact(bigger, k->cap * 2, k->facts[i].id)] = k->facts[i];
	free(k->facts);
	k->facts = bigger;
	k->cap *= 2;
	return 0;
}

static int
grow_pairs(struct knowledge *k)
{
	uint64_t *bigger;

	if (k->pairs_len * 4 < k->pairs_cap * 3)
		return 0;
	if (k->pairs_len >= KNOWLEDGE_HOSTS_MAX)
		return -ENOSPC;
	bigger = calloc(k->pairs_cap * 2, sizeof(*bigger));
	if (bigger == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < k->pairs_cap; i++)
		if (k->pairs[i] != 0)
			bigger[find_pair(bigger, k->pairs_cap * 2, k->pairs[i] | 1)] = k->pairs[i];
	free(k->pairs);
	k->pairs = bigger;
	k->pairs_cap *= 2;
	return 0;
}

int
knowledge_add(struct knowledge *k, uint64_t fact, uint32_t host, bool learnt)
{
	uint64_t part[2] = { fact, host };
	uint64_t pair = ds_hash(part, sizeof(part)) | 1;
	struct fact *f;
	size_t p;
	int r;

	r = grow_facts(k);
	if (r == 0)
		r = grow_pairs(k);
	if (r < 0) {
		k->refused++;
		return r;
	}
	p = find_pair(k->pairs, k->pairs_cap, pair);
	if (k->pairs[p] != 0 && ((k->pairs[p] & 1) || !learnt))
		return 0;
	f = &k->facts[find_fact(k->facts, k->cap, fact)];
	if (f->id == 0) {
		f->id = fact;
		k->len++;
	}
	if (k->pairs[p] == 0) {
		k->pairs_len++;
		f->hosts.seen++;
	}
	if (learnt && f->hosts.learnt++ == 0)
		f->first = host;
	k->pairs[p] = learnt ? pair : pair & ~UINT64_C(1);
	if (k->pairs[p] == 0) /* the one hash that would look like nothing */
		k->pairs[p] = 1;
	return 1;
}

/* A group's facts are facts of their own. */
static uint64_t
fact_in(uint64_t fact, uint64_t group)
{
	const uint64_t part[2] = { fact, group };
	uint64_t id = ds_hash(part, sizeof(part));

	return id != 0 ? id : 1;
}

/*
 * What a class is measured by are facts of their own.  Of each host: behaviours learnt there
 * (learnt), and those that no other host knows (seen).  Of the class: behaviours of all hosts
 * (learnt), and the sum of the hosts' shares that no other knows (seen), in parts of SHARE_ONE.
 */
#define COVER     UINT64_C(0xc07e5)
#define SHARE_ONE 2048u

static struct fact *
make_fact(struct knowledge *k, uint64_t id)
{
	struct fact *f;

	if (grow_facts(k) < 0)
		return NULL;
	f = &k->facts[find_fact(k->facts, k->cap, id)];
	k->len += f->id == 0;
	f->id = id;
	return f;
}

static uint32_t
own_share(struct prevalence p)
{
	return p.learnt > 0 ? (uint32_t)((uint64_t)p.seen * SHARE_ONE / p.learnt) : 0;
}

/* So many more behaviours of the class are known on the host, and on this host alone. */
static int
cover_host(struct knowledge *k, uint64_t class_fact, uint32_t host, int more, int alone)
{
	uint64_t id = fact_in(class_fact, COVER);
	struct fact *of = make_fact(k, fact_in(id, host)), *all;
	uint32_t before, after;

	if (of == NULL)
		return -ENOSPC;
	before = own_share(of->hosts);
	of->hosts.learnt += (uint32_t)more;
	of->hosts.seen += (uint32_t)alone;
	after = own_share(of->hosts);
	all = make_fact(k, id);
	if (all == NULL)
		return -ENOSPC;
	all->hosts.learnt += (uint32_t)more;
	all->hosts.seen += after - before;
	return 0;
}

static int
add_covered(struct knowledge *k, uint64_t class_fact, uint64_t fact, uint32_t host, bool learnt)
{
	uint32_t before = knowledge_get(k, fact).learnt, after;
	int r = knowledge_add(k, fact, host, learnt), in = 0;
	const struct fact *f = &k->facts[find_fact(k->facts, k->cap, fact)];
	uint32_t first = f->first;

	after = f->hosts.learnt;
	if (class_fact != 0 && after > before)
		in = cover_host(k, class_fact, host, 1, after == 1);
	if (class_fact != 0 && after > before && after == 2 && in == 0)
		in = cover_host(k, class_fact, first, 0, -1);
	return in < 0 ? in : r;
}

int
knowledge_add_grouped(struct knowledge *k, uint64_t class_fact, uint64_t fact, uint64_t group,
    uint32_t host, bool learnt)
{
	uint64_t class_in = class_fact != 0 ? fact_in(class_fact, group) : 0;
	int r = add_covered(k, class_fact, fact, host, learnt), in = 0;

	if (r >= 0 && group != 0)
		in = add_covered(k, class_in, fact_in(fact, group), host, learnt);
	return in < 0 ? in : r | in;
}

struct prevalence
knowledge_get(const struct knowledge *k, uint64_t fact)
{
	return k->facts[find_fact(k->facts, k->cap, fact)].hosts;
}

size_t
knowledge_len(const struct knowledge *k)
{
	return k->len;
}

uint64_t
knowledge_refused(const struct knowledge *k)
{
	return k->refused;
}

struct fleet_knowledge *
knowledge_publish(const struct knowledge *k, const struct groups *groups)
{
	struct fleet_knowledge *f = malloc(sizeof(*f) + k->cap * sizeof(f->facts[0]));

	if (f == NULL)
		return NULL;
	f->cap = k->cap;
	f->grouped = groups != NULL ? groups_copy(groups, &f->grouped_len) : NULL;
	if (f->grouped == NULL)
		f->grouped_len = 0;
	memcpy(f->facts, k->facts, k->cap * sizeof(f->facts[0]));
	return f;
}

void
fleet_knowledge_free(void *f)
{
	if (f != NULL)
		free(((struct fleet_knowledge *)f)->grouped);
	free(f);
}

struct prevalence
fleet_knowledge_get(const struct fleet_knowledge *f, uint64_t fact)
{
	if (f == NULL)
		return (struct prevalence){ 0 };
	return f->facts[find_fact(f->facts, f->cap, fact)].hosts;
}

static struct fleet_peers
peers_among(const struct fleet_knowledge *f, uint64_t class_fact, uint64_t fact, bool own_seen)
{
	struct prevalence with = fleet_knowledge_get(f, class_fact);
	struct prevalence p = fleet_knowledge_get(f, fact);
	struct fleet_peers ret = { .learnt = p.learnt,
		.seen = p.seen - (own_seen && p.seen > 0),
		.of = with.seen - (with.seen > 0) };

	/* This host's own may not be published yet: where it is learnt it was seen, and where it
	 * was seen the daemon is. */
	ret.seen = DS_MAX(ret.seen, ret.learnt);
	ret.of = DS_MAX(ret.of, ret.seen);
	return ret;
}

struct fleet_peers
fleet_knowledge_peers(const struct fleet_knowledge *f, uint32_t host, uint64_t class_fact,
    uint64_t fact, bool own_seen)
{
	uint64_t group = f != NULL ? grouped_find(f->grouped, f->grouped_len, host) : 0;
	struct fleet_peers ret = { 0 };

	if (group != 0)
		ret = peers_among(f, fact_in(class_fact, group), fact_in(fact, group), own_seen);
	ret.is_group = group != 0 && ret.of >= GROUPS_PEERS_MIN;
	return ret.is_group ? ret : peers_among(f, class_fact, fact, own_seen);
}

/*
 * Good and Turing: the share of behaviours that only one host knows, of all (behaviour, host); each
 * host's share counts alike, so that one that is unlike all others speaks for one host, however
 * much it does.  One more than were seen, so that few are never all there is.
 */
static struct fleet_cover
cover_among(const struct fleet_knowledge *f, uint64_t class_fact, uint64_t ready_fact)
{
	uint32_t hosts = fleet_knowledge_get(f, ready_fact).learnt;
	struct prevalence cover = fleet_knowledge_get(f, fact_in(class_fact, COVER));
	double samples = DS_MAX(hosts, cover.learnt), alone = (double)cover.seen / SHARE_ONE;

	if (hosts == 0)
		return (struct fleet_cover){ .unseen = 1 };
	return (struct fleet_cover){ .hosts = hosts,
		.unseen = DS_MIN(1.0, (alone / hosts * samples + 1) / (samples + 1)) };
}

struct fleet_cover
fleet_knowledge_cover(
    const struct fleet_knowledge *f, uint32_t host, uint64_t class_fact, uint64_t ready_fact)
{
	uint64_t group = f != NULL ? grouped_find(f->grouped, f->grouped_len, host) : 0;
	struct fleet_cover ret = { 0 };

	if (group != 0)
		ret = cover_among(f, fact_in(class_fact, group), fact_in(ready_fact, group));
	ret.is_group = ret.hosts >= GROUPS_PEERS_MIN;
	return ret.is_group ? ret : cover_among(f, class_fact, ready_fact);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * knowledge - what the daemons of the whole fleet are known to do, counted by hosts and not by
 * events.
 *
 * The fleet thread owns the `struct knowledge` that grows, and publishes immutable copies of its
 * counts (struct fleet_knowledge, lib/snapshot) for the workers.  Workers tell what is new by
 * mail.  Daemons of different hosts are the same by class: the name without what is particular to a
 * host or an instance (key.h).
 */
#ifndef SERVER_DETECT_KNOWLEDGE_H
#define SERVER_DETECT_KNOWLEDGE_H

#include "lib/mailbox.h"

#include <stdbool.h>

#define KNOWLEDGE_FACTS_MAX (1u << 22) /* (class, kind, key) */
#define KNOWLEDGE_HOSTS_MAX (1u << 24) /* (fact, host) */

/* How many hosts. */
struct prevalence {
	uint32_t learnt; /* where it is part of what is normal */
	uint32_t seen;   /* where it was seen at all */
};

/* What comes by the fleet's mail; each begins with a struct news. */
enum news_sort { NEWS_FACT, NEWS_LOGIN, NEWS_FORGET, NEWS_TOLD, NEWS_CLOSED };

struct news {
	struct ds_mail mail; /* first */
	enum news_sort sort;
};

/* A host's news, from a worker to the fleet thread: NEWS_FACT. */
struct knowledge_news {
	struct news news; /* first */
	uint64_t fact;    /* knowledge_fact() */
	uint64_t class_fact;
	uint32_t host;
	bool learnt;
	bool general;       /* part of what a class is measured by (key_is_general) */
	bool fresh;         /* done just now, by a daemon of which that is worth knowing */
	uint64_t behaviour; /* attack_behaviour(); 0: none that an attack is known by */
};

/* A behaviour was told on a host for the first time: NEWS_TOLD. */
struct told_news {
	struct news news; /* first */
	uint64_t fact;    /* knowledge_fact() */
	uint64_t class_fact;
	uint64_t behaviour; /* attack_behaviour() */
	uint32_t host;
	uint64_t time_us;
	const char *severity; /* static */
	char host_name[64], class[64], daemon[64], title[160];
};

/* The identity of a behaviour over the fleet; kind 0 and no key: the class itself is on the host.
 * Keyed once a process (ds_hash): not for disk. */
uint64_t knowledge_fact(const char *class, uint8_t kind, const void *key, size_t key_size);
/* Of kind 0: the class is learnt on the host. */
#define KNOWLEDGE_READY "ready"

/* ---- the fleet thread's own */
struct knowledge;
struct knowledge *knowledge_new(void);
void knowledge_free(struct knowledge *k);
/* Counts a host for a fact, once however often it is told.  1 when that changed a count, 0,
 * -ENOSPC (counted), -ENOMEM. */
DS_MUST_CHECK int knowledge_add(struct knowledge *k, uint64_t fact, uint32_t host, bool learnt);
/* The same for the host's group (groups.h; 0: none) as well.  class_fact: the class that is
 * measured by it; 0: none. */
DS_MUST_CHECK int knowledge_add_grouped(struct knowledge *k, uint64_t class_fact, uint64_t fact,
    uint64_t group, uint32_t host, bool learnt);
struct prevalence knowledge_get(const struct knowledge *k, uint64_t fact);
size_t knowledge_len(const struct knowledge *k);
uint64_t knowledge_refused(const struct knowledge *k);

/* ---- published */
struct fleet_knowledge;
struct groups;
/* An immutable copy of the counts, and of who is in which group (NULL: none); NULL when there is no
 * memory. */
struct fleet_knowledge *knowledge_publish(const struct knowledge *k, const struct groups *groups);
void fleet_knowledge_free(void *f); /* for ds_snapshot_new() */
/* NULL `f`: nothing is known. */
struct prevalence fleet_knowledge_get(const struct fleet_knowledge *f, uint64_t fact);

/* What other hosts with the class are known for. */
struct fleet_peers {
	uint32_t learnt, seen, of;
	bool is_group; /* within the host's group; else it is too small and all are asked */
};
/* own_seen: this host's own is counted already. */
struct fleet_peers fleet_knowledge_peers(const struct fleet_knowledge *f, uint32_t host,
    uint64_t class_fact, uint64_t fact, bool own_seen);

/* How well the hosts where the class is learnt cover what another host of the class would do.  Each
 * host is a sample: unseen is Good and Turing's share of what only one of them does, of all that
 * they do, or of the hosts where they do next to nothing; one unlike the others counts as one. */
struct fleet_cover {
	uint32_t hosts;
	double unseen; /* 1: nothing is known */
	bool is_group;
};
struct fleet_cover fleet_knowledge_cover(
    const struct fleet_knowledge *f, uint32_t host, uint64_t class_fact, uint64_t ready_fact);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * turn - one batch under detection: what detectors see and how they speak.
 *
 * On the worker's thread.  A detector is a row of detector_table: which kinds it looks at, whether
 * something never seen before is strange, and what it says about it.
 */
#ifndef SERVER_DETECT_TURN_H
#define SERVER_DETECT_TURN_H

#include "server/detect/evidence.h"
#include "server/detect/knowledge.h"
#include "server/detect/profile.h"

struct detect {
	struct profiles profiles;
	uint64_t turn; /* batches so far */
	struct memo *memo;
	struct ds_event scratch; /* only the fields of one key, empty in between */
	uint64_t news_refused;   /* the fleet's mailbox was full */
	struct evidence_pool *evidence;
};

/* A behaviour, or an event that is none, seen in the batch. */
struct sighting {
	size_t index; /* of the event */
	uint64_t time_us, count;
	uint8_t kind, flags;
	struct daemon_profile *daemon; /* NULL: the event names none */
	struct behaviour *behaviour;   /* NULL: new, or there was no room for it */
	const struct ds_event *event;
	struct key key;
};

struct turn {
	struct detect *detect;
	const struct batch_origin *from;
	struct ds_batch *batch;
	struct verdict *verdict;
	struct host_profile *host;
	uint64_t clock_before_us; /* the host's, before this batch */
	uint64_t initial_us;      /* when what was there already counts as seen */
	struct ds_version *fleet; /* acquired when first asked for */
	bool fleet_asked;
	struct ds_event event;           /* the current one, whole; filled when needed */
	struct daemon_profile **daemons; /* by dictionary index: NULL unknown, NO_DAEMON refused */
	size_t flood;                    /* finding + 1 of what had no room in the profile */
};

struct detector {
	const char *name;
	uint64_t kinds; /* bits */
	/* Of a ready daemon, for a behaviour it never showed: false: it becomes part of what is
	 * normal.  NULL: the detector looks at every event of its kinds. */
	bool (*is_strange)(struct turn *t, const struct sighting *s);
	/* Says so: for a strange behaviour, each time it is seen until somebody accepts it. */
	int (*tell)(struct turn *t, const struct sighting *s);
};

extern const struct detector detect_new_child, detect_blind;

/* A new finding, with id, time, group and daemon filled in; NULL when there is no memory.  `what`
 * tells findings of one event apart. */
struct finding *verdict_finding(
    struct turn *t, const struct sighting *s, const char *kind, uint64_t group, const char *what);
/* Rows of everything marked in the profiles. */
DS_MUST_CHECK int verdict_rows(struct profiles *p, struct verdict *v, uint64_t server_us);
/* How many hosts, this one left out. */
struct prevalence turn_peers(struct turn *t, const struct daemon_profile *d, uint8_t kind,
    const struct key *key, bool own_seen);
/* Tells the fleet; what does not fit into its mailbox is counted. */
void turn_news(struct turn *t, const struct daemon_profile *d, uint8_t kind, const struct key *key,
    bool learnt);

#endif

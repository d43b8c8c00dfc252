/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * turn - one batch under detection: what detectors see and how they speak.
 *
 * On the worker's thread.  A detector is a row of detector_table: which kinds it looks at, whether
 * something never seen before is strange, and what it says about it.
 */
#ifndef SERVER_DETECT_TURN_H
#define SERVER_DETECT_TURN_H

#include "server/detect/attacks.h"
#include "server/detect/evidence.h"
#include "server/detect/knowledge.h"
#include "server/detect/profile.h"

#define PLUGINS_MAX 64u

struct detect {
	struct profiles profiles;
	uint64_t turn; /* batches so far */
	struct memo *memo;
	struct ds_event scratch; /* only the fields of one key, empty in between */
	uint64_t news_refused;   /* the fleet's mailbox was full */
	struct evidence_pool *evidence;
	struct sequence *sequence;
	uint64_t saved_us; /* when the worker's models were last given out for storing */
	struct watch *watch;
	uint64_t logins_seen; /* number of the newest fact that was taken */
	/* Processes of this server's plugins, the oldest makes room. */
	struct of_plugin {
		uint32_t host;
		uint64_t pid, time_us;
	} plugins[PLUGINS_MAX];
	unsigned plugins_len;
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
	struct ds_version *allowed; /* likewise */
	bool allowed_asked;
	struct ds_version *rules; /* likewise */
	bool rules_asked;
	struct ds_version *attacks; /* likewise */
	bool attacks_asked;
	struct ds_event event;           /* the current one, whole; filled when needed */
	const uint64_t *pids;            /* of the batch's events */
	struct daemon_profile **daemons; /* by dictionary index: NULL unknown, NO_DAEMON refused */
	size_t flood;                    /* finding + 1 of what had no room in the profile */
};

/* What a behaviour is that a daemon never showed. */
enum novelty {
	NOVEL_LEARN, /* part of what is normal from now on */
	NOVEL_WAIT,  /* kept apart: learnt when other days or hosts show it (tier.h) */
	NOVEL_TELL,  /* a finding each time, until a person accepts it */
};

struct detector {
	const char *name;
	uint64_t kinds; /* bits */
	/* For a behaviour that the daemon never showed; the event is loaded.  ready: the daemon is
	 * learnt.  NULL: the detector looks at every event of its kinds. */
	enum novelty (*judge)(struct turn *t, const struct sighting *s, bool ready);
	/* Says so: for a strange behaviour, each time it is seen until somebody accepts it. */
	int (*tell)(struct turn *t, const struct sighting *s);
};

extern const struct detector detect_new_child, detect_blind, detect_new_file,
    detect_new_destination, detect_new_listener, detect_privilege, detect_integrity, detect_login;

/* A new finding, with id, time, group and daemon filled in; NULL when there is no memory.  `what`
 * tells findings of one event apart. */
struct finding *verdict_finding(
    struct turn *t, const struct sighting *s, const char *kind, uint64_t group, const char *what);
/* The finding's group: of this kind and root. */
void verdict_group(struct turn *t, struct finding *f, const char *kind, uint64_t group);
/* Rows of everything marked in the profiles. */
DS_MUST_CHECK int verdict_rows(struct profiles *p, struct verdict *v, uint64_t server_us);
/* A daemon that is forgotten. */
DS_MUST_CHECK int verdict_retire(struct verdict *v, const struct daemon_profile *d);
/* What a model learnt, to be stored under a name. */
DS_MUST_CHECK int verdict_put_state(
    struct verdict *v, uint32_t host, const char *name, const struct ds_buf *data);
/* How many hosts, this one left out. */
struct prevalence turn_peers(struct turn *t, const struct daemon_profile *d, uint8_t kind,
    const struct key *key, bool own_seen);
/* The same for people: among hosts like this one, as far as there are enough. */
struct fleet_peers turn_compared(struct turn *t, const struct daemon_profile *d, uint8_t kind,
    const struct key *key, bool own_seen);
/* How much of the daemon's class the hosts know where it is learnt. */
struct fleet_cover turn_cover(struct turn *t, const struct daemon_profile *d);
uint32_t turn_peers_of(struct turn *t, const struct daemon_profile *d);
/* Whether enough other hosts are known to do it: normal here as well. */
bool turn_is_common(struct turn *t, const struct sighting *s);
/* The start of a program: whether it is of a plugin of this server is remembered. */
void turn_note_plugin(struct turn *t, const struct sighting *s);
/* Somebody said that it is in order, or it is of a plugin. */
bool turn_is_expected(struct turn *t, const struct sighting *s);
/* What decoys know of it: its destination, or the same on a honeypot; NULL: nothing. */
const struct attack *turn_attack(
    struct turn *t, const struct sighting *s, enum attack_sort *ret_sort);
/* A connection that a daemon accepted: remembered as a visit, and what is told of the daemon within
 * a minute of one from an attacker's address names him.  -ENOMEM. */
DS_MUST_CHECK int turn_visit(struct turn *t, const struct sighting *s);
/* Raises the findings from `first` on and says why. */
void turn_raise_attack(struct turn *t, const struct sighting *s, size_t first);
/* A finding of the detector; part of a notice when a deployment was declared, and told to the fleet
 * when it is new. */
DS_MUST_CHECK int turn_tell(struct turn *t, struct sighting *s, const struct detector *by);
/* What people said is in order; NULL: nothing. */
const struct allowances *turn_allowances(struct turn *t);
/* Tells the fleet of a behaviour; what does not fit into its mailbox is counted and told again by
 * detect_tick(). */
void turn_news(struct turn *t, struct behaviour *b);
/* False: no room, counted. */
bool detect_send_news(struct detect *d, const struct daemon_profile *of, uint8_t kind,
    const void *key, size_t key_size, bool learnt);

#endif

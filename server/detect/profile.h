/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profile - what is normal for the daemons of a worker's hosts: keys with counts, and how much of
 * what they do has been seen.
 *
 * On the worker's thread; owned by detect.c.  Everything is bounded: daemons a host, keys a daemon
 * and family; what does not fit is counted and not kept.
 *
 * Time is the host's own, as its events tell it, never ahead of the server's; while a host is
 * connected and says nothing it goes on with the server's (first-seen behaviour would have come at
 * once).  Blind intervals (gaps, a stopped agent) do not count as watched.
 *
 * Coverage is 1 - the unseen mass, by Good and Turing: n1 / n, the share of observations that were
 * the only one of their key.  A daemon that does almost nothing would never have enough of them, so
 * the same is asked of intervals: q1 / intervals, keys that were seen in one interval only.  The
 * smaller of the two that have enough data holds.
 */
#ifndef SERVER_DETECT_PROFILE_H
#define SERVER_DETECT_PROFILE_H

#include "server/detect/detect.h"
#include "server/detect/key.h"
#include "server/detect/stand.h"
#include "server/detect/version_state.h"
#include "server/store/rows.h"

#define PROFILE_DAEMONS_MAX      1024u /* a host; a forged flood of names ends here */
#define PROFILE_OBSERVATIONS_MIN 20u   /* before n1 / n is believed */
#define PROFILE_INTERVALS_MIN    6u    /* before q1 / intervals is */
#define PROFILE_INTERVAL_MAX_US  (10 * 1000000ull)
#define PROFILE_OWN_MAX          4u /* executables that are the daemon itself: now and before upgrades */
#define PROFILE_LINEAGES_MAX     32u
#define PROFILE_START_US         (30 * 1000000ull) /* a start takes at most so long */
#define PROFILE_QUIET_MAX_US     (45 * 1000000ull) /* a connected host may be quiet so long */

struct daemon_profile;
struct daemon_models;

struct behaviour {
	struct behaviour *next;  /* of the daemon */
	struct behaviour *dirty; /* next in profiles.dirty */
	struct daemon_profile *daemon;
	uint64_t count, first_us, last_us;
	uint64_t stored_count; /* as the store has it; 0: not yet */
	uint64_t stored_us;    /* when it was given out for storing, server's clock */
	uint64_t turn;         /* the batch in which it was last found new, and ... */
	size_t finding;        /* ... its finding there */
	uint32_t interval;     /* in which it was first seen */
	bool learnt;
	bool waits;       /* neither learnt nor told: kept apart (tier.h) */
	bool shared;      /* the fleet knows that it is learnt here */
	uint8_t days;     /* on which it was seen, counted while it waits */
	uint16_t version; /* of the daemon, when it was first seen (version.h); 0: unknown */
	uint32_t day;     /* the last of them, since the epoch */
	bool told;        /* has been a finding before */
	bool once;        /* seen in one interval only */
	bool is_dirty;
	struct behaviour *block_next; /* of the daemon's block (sequence_state.h) */
	float block_weight;           /* how much of it in the block; 0: not there */
	uint32_t symbol;              /* as a step; 0: not asked for yet */
	uint16_t key_size;
	/* From here on what it is looked up by: one after the other. */
	uint32_t serial;
	uint8_t kind;
	uint8_t key[];
};

struct family_counts {
	uint64_t n, n1; /* observations, keys observed once */
	uint64_t q1;    /* keys seen in one interval only */
	uint32_t keys;
	uint64_t refused; /* new keys that did not fit */
};

/* Texts of a daemon's identity, as its DAEMON event declares them. */
enum daemon_text {
	TEXT_ROLE,
	TEXT_UNIT,
	TEXT_INSTANCE,
	TEXT_EXE,
	TEXT_PACKAGE,
	TEXT_VERSION,
	TEXT_CONTAINER,
	TEXT_CONTAINER_NAME,
	TEXT_IMAGE,
	DAEMON_TEXTS
};

struct lineage {
	uint32_t pid;
	uint64_t root; /* hash of the first unknown program's key */
	uint64_t time_us;
};

struct lineages {
	struct lineage of[PROFILE_LINEAGES_MAX];
	uint64_t roots[16], root_us[16]; /* alerts' roots of the last hour */
	uint8_t at;
};

struct daemon_profile {
	struct daemon_profile *next; /* of the host */
	struct daemon_profile *dirty;
	struct host_profile *host;
	uint32_t serial; /* part of the keys of its behaviours */
	char name[DS_DAEMON_MAX + 1], class[CLASS_MAX];
	char *text[DAEMON_TEXTS]; /* NULL: empty */
	uint64_t own[PROFILE_OWN_MAX];
	uint8_t sha256[32];
	uint64_t inode, device;
	uint64_t first_us, last_us, blind_at_first_us;
	uint64_t events, stored_events, stored_us;
	struct version version;
	uint64_t start_until_us;      /* the service manager has just started something of it */
	uint64_t visitor, visited_us; /* turn_visit() */
	uint64_t told_us; /* the newest finding: what comes with it is not learnt at once */
	uint32_t learn_day, learnt_today; /* new behaviours learnt on that day, since it is ready */
	uint64_t began_us, up_us; /* when it was there last, and how long altogether before */
	uint32_t ends, uid, pid;  /* how often it went away; of its main process */
	struct behaviour *behaviours;
	struct daemon_models *models; /* sequence.h; NULL: not yet */
	struct standing stand;        /* while it is not learnt */
	struct family_counts family[KEY_FAMILIES];
	struct family_counts shapes; /* of arguments: no family, so that they crowd out nothing */
	struct lineages *lineages;   /* NULL: nothing strange was told yet */
	bool declared, gone, ready, is_dirty;
	bool adopted;          /* a sibling's profile */
	bool shared;           /* the fleet knows all that is learnt */
	unsigned told_percent; /* coverage as last stored */
};

struct host_profile {
	uint32_t number;
	struct ds_map *daemons; /* by name */
	struct daemon_profile *first;
	uint64_t clock_us;       /* newest time of its events */
	uint64_t received_us;    /* server's, of the newest batch */
	uint64_t blind_us;       /* altogether */
	uint64_t counted_us;     /* its clock without what was blind, as far as that was watched */
	uint64_t refused;        /* daemons that did not fit */
	uint64_t crowded_us;     /* when room was made last, the server's clock */
	bool stopped;            /* its agent said so (blind.c) */
	struct changes *changes; /* of files, lately (changed_by.h); NULL: none */
	struct visitors *visitors; /* who connected to it lately; NULL: nobody */
	uint64_t *ports; /* bits: where daemons of this host are known to listen; NULL: nowhere */
	/* files whose changes were alerts of their own lately (integrity.c), and since when */
	uint64_t changed_paths[4], changed_from_us;
	uint32_t changed_len;
};

struct profiles {
	struct detect_config cfg;
	uint64_t interval_us;
	struct ds_map *hosts;      /* u32 */
	struct ds_map *behaviours; /* serial, kind, key */
	struct daemon_profile *dirty_daemons;
	struct behaviour *dirty_behaviours;
	uint32_t serial;
	size_t daemons_len;
};

DS_MUST_CHECK int profiles_init(struct profiles *p, const struct detect_config *cfg);
void profiles_done(struct profiles *p);
void profiles_configure(struct profiles *p, const struct detect_config *cfg);

/* Made when new; NULL when there is no memory (host) or no room either (daemon: counted). */
struct host_profile *profiles_host(struct profiles *p, uint32_t number);
struct daemon_profile *profiles_daemon(
    struct profiles *p, struct host_profile *h, const char *name, size_t len, uint64_t time_us);
void profiles_forget(struct profiles *p, struct host_profile *h, const char *name);
struct behaviour *profiles_find(
    const struct profiles *p, const struct daemon_profile *d, uint8_t kind, const struct key *key);
/* NULL: no room (counted) or no memory. */
struct behaviour *profiles_add(struct profiles *p, struct daemon_profile *d, uint8_t kind,
    const struct key *key, uint64_t time_us, bool learnt);
/* Happened `count` times; initial: it was there when the agent started, as good as seen twice. */
void profiles_count(
    struct profiles *p, struct behaviour *b, uint64_t time_us, uint64_t count, bool initial);
/* A behaviour that waited is normal from now on. */
void profiles_accept(struct profiles *p, struct behaviour *b);
/* To be stored with the next verdict. */
void profiles_mark_daemon(struct profiles *p, struct daemon_profile *d);
void profiles_mark_behaviour(struct profiles *p, struct behaviour *b);

void daemon_set_text(struct daemon_profile *d, enum daemon_text which, struct ds_str value);
const char *daemon_text(const struct daemon_profile *d, enum daemon_text which);
/* Whether the canonical path is the daemon's own program, now or before an upgrade. */
bool daemon_is_own(const struct daemon_profile *d, const void *path, size_t len);
void daemon_add_own(struct daemon_profile *d, const void *path, size_t len);
/* Service, container or process; people and jobs start what they like. */
bool daemon_is_judged(const struct daemon_profile *d);
void daemon_ended(struct daemon_profile *d, uint64_t time_us); /* it has no process any more */
/* Comes and goes, as what a timer starts: each time may bring what the times before did not. */
bool daemon_is_episodic(const struct daemon_profile *d, uint64_t time_us);
bool daemon_is_job(const struct daemon_profile *d);
bool daemon_is_package(const struct daemon_profile *d); /* installs software */
/* Whether some daemon of the host is known to listen on the port. */
bool host_listens(const struct host_profile *h, uint64_t port);

#endif

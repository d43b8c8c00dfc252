/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * changed_by - who changed which file of a host lately, so that a change that somebody finds later
 * (INTEGRITY) can be laid at a door.
 *
 * Two rings a host, made when first needed.  Only files that people and packages put there: below
 * /etc, /usr, /opt, /srv and the like.
 */
#ifndef SERVER_DETECT_CHANGED_BY_H
#define SERVER_DETECT_CHANGED_BY_H

#include "server/detect/profile.h"

#define CHANGES_MAX 128u
#define CHANGE_US   (600 * 1000000ull) /* how long a change is remembered */

struct change {
	uint64_t path; /* hash; 0: empty */
	uint64_t time_us;
	char class[64];
	char exe[64];
	bool by_package; /* an installation */
	bool by_people;  /* a session, a job or an installation */
	bool usual;      /* a daemon that is known to write there */
};

/* An event of the daemon wrote, made, renamed or removed a file.  usual: as it is known to. */
void changed_note(
    struct daemon_profile *d, const struct ds_event *ev, uint64_t time_us, bool usual);
/* The newest change of the path within CHANGE_US, or NULL. */
const struct change *changed_find(
    const struct host_profile *h, struct ds_str path, uint64_t time_us);
/* Whether changes by people are seen on this host at all. */
bool changed_sees_people(const struct host_profile *h);

#endif

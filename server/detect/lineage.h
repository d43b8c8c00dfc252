/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lineage - which alert a finding belongs to: that of the strange program below which it happened.
 *
 * Kept with the daemon (profile.h), bounded: some processes that were told, and the roots of the
 * alerts of the last hour.
 */
#ifndef SERVER_DETECT_LINEAGE_H
#define SERVER_DETECT_LINEAGE_H

#include "server/detect/turn.h"

#define LINEAGE_US (3600 * 1000000ull)
#define LINEAGE_MANY                                                                              \
	1               /* root of findings beyond as many alerts as a daemon may have in an hour \
			 */
#define LINEAGE_FLOOD 2 /* root of behaviours that had no room in the profile */

/* The root under which a process, or its parent, was told within the last hour; 0: none. */
uint64_t lineage_find(
    const struct daemon_profile *d, uint64_t pid, uint64_t ppid, uint64_t time_us);
void lineage_remember(struct daemon_profile *d, uint64_t pid, uint64_t root, uint64_t time_us);
/* A daemon has so many alerts an hour; what is more goes into one. */
uint64_t lineage_bounded(struct daemon_profile *d, uint64_t root, uint64_t time_us);
/* Counts a sighting for what this batch has told already of the behaviour: true when it did. */
bool lineage_joins(struct turn *t, const struct sighting *s);
/* The finding just made is what the behaviour was told with. */
void lineage_told(struct turn *t, const struct sighting *s);

#endif

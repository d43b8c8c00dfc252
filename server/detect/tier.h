/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tier - learning that cannot be rushed: what is new is learnt, kept apart for days, or told.
 *
 * What waits becomes normal when a day has passed since it was first seen and at least two other
 * hosts are known to do it, or when it was seen on three different days.  While an alert of
 * a daemon is open, and for a day after its newest finding, nothing new of it is learnt at once,
 * and nothing that waits is accepted; of one that still learns this goes for what the processes of
 * the finding do.  So many new behaviours a day are learnt of a daemon that is
 * ready; more of them wait.
 */
#ifndef SERVER_DETECT_TIER_H
#define SERVER_DETECT_TIER_H

#include "server/detect/turn.h"

#define TIER_HOSTS_MIN 2u
#define TIER_DAYS_MIN  3u
#define TIER_AGE_US    (24 * 3600 * 1000000ull)
#define TIER_TAINT_US  (24 * 3600 * 1000000ull)
#define TIER_DAY_MAX   64u /* new behaviours learnt at once a daemon and day */

/* What becomes of a new behaviour of the daemon, by what its detector says of it. */
enum novelty tier_of(struct turn *t, const struct sighting *s, enum novelty is);
/* Counts the days on which something that waits was seen. */
void tier_count(struct behaviour *b, uint64_t time_us);
/* Whether it has waited long enough to be asked about. */
bool tier_is_over(struct turn *t, const struct behaviour *b, uint64_t time_us);
/* What waits becomes normal when it has been seen often and widely enough. */
void tier_wait(struct turn *t, struct sighting *s);
/* A process of the daemon belongs to what was told within the hour. */
bool tier_is_of_finding(struct turn *t, const struct sighting *s);
/* Nothing new is learnt at once: it is of a finding, or the daemon told something lately. */
bool tier_is_apart(struct turn *t, const struct sighting *s);
/* Whether days or other hosts speak for it. */
bool tier_is_confirmed(const struct behaviour *b, struct prevalence peers);

#endif

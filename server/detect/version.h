/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * version - a daemon that comes as another executable, package version or image goes on from its
 * parent's profile.
 *
 * What it learns from then on carries the number of its version (struct behaviour), so that going
 * back is to drop what came later (server/store/profile_versions.h, which also says what is kept
 * and can be read).  When the change is explained - the package database has another version, the
 * container another image, a deployment was declared, or two other hosts run the same file and had
 * it explained - the daemon warms up for VERSION_WARM_US: what the change explains is learnt and
 * not told (a program that the package brought or that is named like the daemon; what the daemon
 * itself listens on or reads; what otherwise would wait; an unusual order, mixture or pace of what
 * is known), and one quiet notice over all hosts says that there is a new version.  What it does
 * not explain - shells, interpreters, programs from elsewhere, strange ports, privileges - is told
 * as always and ends the warm-up.  A change that nothing explains warms up nothing, and neither
 * does a return to a version that ran before.
 */
#ifndef SERVER_DETECT_VERSION_H
#define SERVER_DETECT_VERSION_H

#include "server/detect/turn.h"

struct profile_version_row;

#define VERSION_WARM_US (600 * 1000000ull) /* or learning_min, where that is longer */

/* A DAEMON event of a service, container or process, before its texts are taken over: begins a
 * version when it is another, or the first.  -ENOMEM. */
DS_MUST_CHECK int version_declare(struct turn *t, const struct sighting *s);
/* It goes on from another daemon's profile, as its first version. */
void version_adopt(const struct turn *t, struct daemon_profile *d,
    const struct daemon_profile *from, uint64_t time_us);
/* The daemon's texts are those of its version. */
void version_take(struct daemon_profile *d);
/* Whether the daemon warms up: nothing strange was told since its version began. */
bool version_is_warm(const struct daemon_profile *d, uint64_t time_us);
/* What becomes of a new behaviour, by what its detector says: what the change explains is learnt.
 */
enum novelty version_weigh(struct turn *t, const struct sighting *s, enum novelty is);
/* A new behaviour is told. */
void version_told(struct turn *t, const struct sighting *s);
/* The row's members but for the daemon's texts. */
void version_fill(const struct daemon_profile *d, struct profile_version_row *ret);
void version_restore(struct daemon_profile *d, const struct profile_version_row *row);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profile_versions - what the store keeps of how the profile of a daemon went from one version of
 * the daemon to the next.
 *
 * A daemon that comes with another executable, package version or image forks its profile
 * (server/detect/version.h): the new version begins with all that its parent knew.  A behaviour
 * carries the number of the version that learnt it (profile_row.version), so a version's profile
 * is what was learnt by it and by those before it, and going back is to drop what came later.
 * What runs now is the version with the highest number.  Who gates a rollout reads here, for each
 * host: since when it runs what, what explains the change, until when it warms up, how much was
 * new and explained by it, and how much was told.
 */
#ifndef SERVER_STORE_PROFILE_VERSIONS_H
#define SERVER_STORE_PROFILE_VERSIONS_H

#include <stdint.h>

struct store;
struct reader;

#define PROFILE_VERSIONS_MAX 8u /* kept a daemon; the oldest become part of the next */

struct profile_version_row {
	uint32_t host;
	const char *daemon;      /* its name on the host */
	uint32_t number, parent; /* from 1; parent 0: none */
	/* What explains that it is another: first (there was none before), package, image,
	 * deployment, peers; known: it is what ran before the parent; rollback: a person went back;
	 * sibling: the first, gone on from a daemon of another name; unexplained. */
	const char *reason;
	const char *exe, *package, *package_version, *image;
	uint8_t sha256[32];
	uint64_t begun_us;      /* by the host's clock */
	uint64_t warm_until_us; /* what the change explains is not told until then; 0: nothing is */
	uint64_t inherited;     /* learnt behaviours that it began with */
	uint64_t explained;     /* new ones, learnt because the change explains them */
	uint64_t told;          /* new ones that it does not explain, told while it warmed up */
};

typedef int (*profile_version_call)(const struct profile_version_row *row, void *ctx);

struct store_profile_versions {
	/* ---- writer's thread */
	/* By (host, daemon, number); only the newest PROFILE_VERSIONS_MAX stay. */
	int (*put)(struct store *s, const struct profile_version_row *row);
	/* Drops the behaviours that were first seen after a version. */
	int (*drop_after)(struct store *s, uint32_t host, const char *daemon, uint32_t number);

	/* ---- any thread, one reader each; by host, daemon and number */
	int (*each)(struct reader *r, uint32_t host /* 0: all */,
	    const char *daemon /* NULL: all */, profile_version_call call, void *ctx);
};

#endif

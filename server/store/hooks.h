/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hooks - what forges told of changes: deliveries that were taken, so that a copy of one is not,
 * and which deployments a change opened.  A topic of the store with a table of functions of its
 * own.
 */
#ifndef SERVER_STORE_HOOKS_H
#define SERVER_STORE_HOOKS_H

#include <stddef.h>
#include <stdint.h>

#define HOOKS_DELIVERIES_MAX 20000u /* remembered of each forge */

struct store;

struct delivery_row {
	const char *forge;
	const uint8_t *digest; /* of what was signed */
	size_t digest_size;
	const char *delivery; /* the id that it came under */
	uint64_t seen_us;
};

/* All on the writer's thread. */
struct store_hooks {
	/* 1; 0 when the digest or the id is known. */
	int (*delivery_put)(struct store *s, const struct delivery_row *row);
	/* The deployment belongs to the change `source`. */
	int (*window_put)(struct store *s, const char *source, uint64_t deployment);
	/* How many deployments of the change are open. */
	int (*windows_open)(struct store *s, const char *source, uint64_t now_us);
	/* Those end at until_us at the latest: how many they were. */
	int (*windows_settle)(
	    struct store *s, const char *source, uint64_t now_us, uint64_t until_us);
};

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * binding - whose orders this host takes: the server's key, the host's own id, and which orders are
 * too old.
 *
 * Kept in guard_dir, root's own.  The key comes out of the enrolment token that root put there,
 * before the uplink gets the token; the host id is the first that the uplink says after that, and
 * never changes without another token.  The guard's only thread.
 */
#ifndef AGENT_GUARD_BINDING_H
#define AGENT_GUARD_BINDING_H

#include "lib/order.h"

struct binding {
	uint8_t key[DS_SIGN_PUBLIC_SIZE]; /* all zero: none, no orders are taken */
	uint8_t key_id[DS_SIGN_ID_SIZE];
	uint8_t host_id[16];    /* all zero: not known yet */
	uint8_t token_sum[32];  /* of the token that the key is from */
	uint64_t counter_floor; /* orders with a counter up to this are refused */
	uint64_t newest_us;     /* not-before of the newest order taken: time is not before that */
};

/* Makes guard_dir (0700, root) when it is not there.  -EPERM: it is not root's alone. */
DS_MUST_CHECK int binding_open(const char *guard_dir);
const struct binding *binding_get(void);
/* Whether there is a key. */
bool binding_is_bound(void);
/* Looks at the token file: true when a new key was pinned.  A file that is not root's alone is
 * ignored. */
bool binding_look(const char *token_file);
/* The uplink says who we are: 0, -EPERM when that was told before and differs. */
DS_MUST_CHECK int binding_set_host(const uint8_t host_id[16]);
/* Another identity, by an order; what was counted for the old one does not count for it. */
DS_MUST_CHECK int binding_rebind(const uint8_t host_id[16]);
/* Another key, by an order signed with the old one.  0 or -errno; on failure the old one stays. */
DS_MUST_CHECK int binding_set_key(const uint8_t key[DS_SIGN_PUBLIC_SIZE]);
/* Both only grow. On disk when it returns 0. */
DS_MUST_CHECK int binding_advance(uint64_t counter_floor, uint64_t newest_us);

#endif

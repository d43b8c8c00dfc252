/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * throttle - makes those wait who fail to sign in again and again.
 *
 * A fixed table of counters by a hash: of an address and a user, who has few failures free and then
 * waits up to a quarter of an hour, and of an address alone, which has more (people share one, also
 * behind a proxy) and waits a minute at most, for those who try one password with many names.  Each
 * failure more doubles the wait.  An address of IPv6 is its network of 64 bits, which is what one
 * host has.  A newcomer takes the place of whoever has been quiet longest among four.  Any thread:
 * counters are atomic, and a lost race costs one failure's count.
 */
#ifndef SERVER_API_THROTTLE_H
#define SERVER_API_THROTTLE_H

#include <stdatomic.h>
#include <stdint.h>

#define THROTTLE_SLOTS 1024u /* a power of two */

struct throttle_bound {
	uint32_t free;   /* failures */
	uint64_t max_ms; /* of a wait */
};

extern const struct throttle_bound throttle_user, throttle_address;

struct throttle {
	struct throttle_slot {
		_Atomic uint64_t key, seen_ms, until_ms;
		_Atomic uint32_t failures;
	} slots[THROTTLE_SLOTS];
};

/* Of a client's address as text; user NULL: of the address alone. */
uint64_t throttle_key(const char *address, const char *user);
/* How long `key` has to wait, ms; 0: it may try. */
uint64_t throttle_wait(const struct throttle *t, uint64_t key, uint64_t now_ms);
void throttle_failed(
    struct throttle *t, const struct throttle_bound *b, uint64_t key, uint64_t now_ms);
void throttle_passed(struct throttle *t, uint64_t key);

#endif

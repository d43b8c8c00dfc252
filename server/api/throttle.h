/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * throttle - makes those wait who fail to sign in again and again.
 *
 * A fixed table of counters by the hash of (address, user); a newcomer takes the place of whoever
 * has been quiet longest among four.  Five failures are free; each one more doubles the wait, up to
 * a quarter of an hour.  Any thread: counters are atomic, and a lost race costs one failure's
 * count.
 */
#ifndef SERVER_API_THROTTLE_H
#define SERVER_API_THROTTLE_H

#include <stdatomic.h>
#include <stdint.h>

#define THROTTLE_SLOTS  1024u /* a power of two */
#define THROTTLE_FREE   5u
#define THROTTLE_MAX_MS (15u * 60 * 1000)

struct throttle {
	struct throttle_slot {
		_Atomic uint64_t key, seen_ms, until_ms;
		_Atomic uint32_t failures;
	} slots[THROTTLE_SLOTS];
};

/* How long `key` has to wait, ms; 0: it may try. */
uint64_t throttle_wait(const struct throttle *t, uint64_t key, uint64_t now_ms);
void throttle_failed(struct throttle *t, uint64_t key, uint64_t now_ms);
void throttle_passed(struct throttle *t, uint64_t key);

#endif

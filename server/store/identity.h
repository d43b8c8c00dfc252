/* SPDX-License-Identifier: GPL-2.0-or-later */
/* identity - who hosts are to us: the lineage of their state, what is a copy of what, whom they
 * trust. */
#ifndef SERVER_STORE_IDENTITY_H
#define SERVER_STORE_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

struct store;
struct reader;

#define TRUSTS_MAX 96u /* bytes: SHA-256 of the keys of up to three authorities */

struct store_identity {
	/* ---- writer's thread; all by the host's id */
	/* generation 0 and size 0: as they are. */
	int (*tell)(struct store *s, const uint8_t id[16], uint64_t generation,
	    const uint8_t *trusts, size_t size);
	/* It came with the identity of that host, and waits for one of its own: 0, or -EDQUOT when
	 * `max` of these wait already. */
	int (*mark_copy)(struct store *s, const uint8_t id[16], uint32_t copy_of, unsigned max);
	/* Which authority made its newest certificate. */
	int (*issued)(struct store *s, const uint8_t id[16], const uint8_t issuer[32]);
	/* The label of a token, which becomes that of the hosts that it lets in: 0 or -errno. */
	int (*token_label)(struct store *s, const char *token_id, char *ret, size_t size);
	/* It comes and goes. */
	int (*mark_ephemeral)(struct store *s, const uint8_t id[16]);
	/* Of hosts that come and go: those not heard since idle_us are revoked, what is open about
	 * those that are revoked is closed, and those not heard since forget_us are forgotten, with
	 * their tokens. */
	int (*tidy)(struct store *s, uint64_t idle_us, uint64_t forget_us, uint64_t now_us);
	/* Whether the guard of an approved copy may be told to take orders as `host` instead of as
	 * `from`, one of those it was copied from: 1, and remembered; 0: no, or just now. */
	int (*rebind)(struct store *s, uint32_t host, const uint8_t from[16], uint64_t now_us);
	/* ---- any thread, one reader each */
	/* Of hosts that are approved: how many there are, how many trust that authority, how many
	 * have their newest certificate of it. */
	int (*count)(struct reader *r, const uint8_t authority[32], uint64_t *ret_hosts,
	    uint64_t *ret_trusting, uint64_t *ret_issued);
};

#endif

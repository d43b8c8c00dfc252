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
	/* ---- any thread, one reader each */
	/* Of hosts that are approved: how many there are, how many trust that authority, how many
	 * have their newest certificate of it. */
	int (*count)(struct reader *r, const uint8_t authority[32], uint64_t *ret_hosts,
	    uint64_t *ret_trusting, uint64_t *ret_issued);
};

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decoys - what decoys and honeypots teach (detect/attacks.h), on the fleet's thread: kept in the
 * store, published for the workers.
 */
#ifndef SERVER_FLEET_DECOYS_H
#define SERVER_FLEET_DECOYS_H

#include "server/detect/attacks.h"
#include "server/detect/login.h"
#include "server/fleet/fleet.h"

#define DECOYS_ATTACK_US                                                         \
	(3600 * UINT64_C(1000000)) /* so long a honeypot shows what attackers do \
				    */

struct login_found;
struct finding;
struct decoys;

/* cfg: borrowed; NULL: no memory. */
struct decoys *decoys_new(const struct fleet_config *cfg);
void decoys_free(struct decoys *d);
/* What was known before; what cannot be read is logged and learnt anew.  -errno: no store. */
DS_MUST_CHECK int decoys_load(struct decoys *d);

/* A stranger came to a decoy, or to a host that is one; of these a success begins an attack.
 * request: attack_request(), or 0. */
void decoys_came(
    struct decoys *d, const struct login_event *ev, uint64_t request, bool is_honeypot);
/* What a daemon does, and what was told of one. */
void decoys_fact(
    struct decoys *d, const struct knowledge_news *n, bool is_honeypot, uint64_t now_us);
void decoys_told(struct decoys *d, const struct told_news *n);
/* A host of the fleet is at this address ("192.0.2.1:4711"): no attacker's. */
void decoys_own(struct decoys *d, const char *peer);
/* Who is an ordinary host has changed: all is told anew. */
void decoys_forget_habits(struct decoys *d);
/* Says of a login what is known of its source, and of what it asked for (0: nothing). */
void decoys_say(
    const struct decoys *d, const struct login_found *found, uint64_t request, struct finding *f);
/* Publishes, and stores what changed; `last`: at the end. */
void decoys_tick(struct decoys *d, uint64_t now_us, bool last);
/* struct attacks; lives until decoys_free(). */
struct ds_snapshot *decoys_known(struct decoys *d);
const struct attacks *decoys_attacks(const struct decoys *d);

#endif

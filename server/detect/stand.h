/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stand - what stands in for a daemon that is not learnt yet: what other hosts have learnt of its
 * class, or a starter model; whichever is surer.
 *
 * Confidence is how likely the next thing that it does is one that they know: what they say of
 * themselves (1 - unseen mass), as so many observations as they are hosts (a starter model:
 * STARTER_HOSTS), and how many of the behaviours that were seen here they knew before.  What hosts
 * know is what two of them do (tier.h).
 */
#ifndef SERVER_DETECT_STAND_H
#define SERVER_DETECT_STAND_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STAND_SURE      0.8 /* less confidence, and nothing stands in for learning */
#define STAND_HOSTS_MAX 20u /* hosts that the fleet's word is worth at most */

struct starter;
struct starters;
struct behaviour;
struct daemon_profile;
struct ds_json;
struct turn;

/* Of a daemon that is not learnt, in its profile. */
struct standing {
	const struct starter *starter;        /* borrowed; NULL: none */
	uint32_t starter_seen, starter_known; /* behaviours here; of them in the model */
	uint32_t hosts;                       /* others where its class is learnt */
	bool is_group;                        /* of the host's group; else of the fleet */
	double unseen;                        /* by those */
	uint32_t seen, known;                 /* behaviours here; of them known to those */
};

/* Once its program or role is known; its behaviours are counted again. */
void stand_assign(const struct starters *all, struct daemon_profile *d);
/* One more behaviour of it. */
void stand_count(struct daemon_profile *d, const struct behaviour *b);
/* Asks what the fleet knows now. */
void stand_ask(struct turn *t, struct daemon_profile *d);
/* A behaviour is new to the daemon and was learnt: did the fleet know it? */
void stand_learn(struct turn *t, const struct behaviour *b);
/* 0: nothing stands in. */
double stand_confidence(const struct daemon_profile *d);
/* Whether what is known of its class is known of it: it is learnt, or like the hosts that did. */
bool stand_is_known(const struct daemon_profile *d);
/* Whether it is judged while it is not learnt. */
bool stand_protects(const struct daemon_profile *d, uint8_t kind);
/* "nginx from Debian 12 (nginx 1.22.1-9)", "3 hosts of its group"; "" when nothing does. */
void stand_name(const struct daemon_profile *d, char *ret, size_t size);
/* " (learning: starter model of nginx from Debian 12 ..., confidence 93 %)", or "" when the daemon
 * is learnt or nothing stands in. */
void stand_caveat(const struct daemon_profile *d, char *ret, size_t size);
/* Likewise a member "starter" or "fleet" of the open object.  pseudo_hosts: of the starter model,
 * that show the behaviour. */
void stand_put(struct ds_json *j, const struct daemon_profile *d, uint32_t pseudo_hosts);

#endif

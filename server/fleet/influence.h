/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * influence - how much one host may teach a class of daemons in a day.
 *
 * What a host knows first counts against its share: INFLUENCE_MAX behaviours a class and day that
 * no other host was known to have learnt.  What is beyond it counts as seen, not as learnt, so that
 * it makes nothing common.  Together with the two hosts that must have learnt a behaviour before it
 * is common, somebody with two hosts can make twice that many behaviours a day common, and it is
 * logged. Days are those of the server's clock; what is read from the store may be as many shares
 * as there were days since the host enrolled. On the fleet's thread; bounded.
 */
#ifndef SERVER_FLEET_INFLUENCE_H
#define SERVER_FLEET_INFLUENCE_H

#include "server/detect/knowledge.h"

#define INFLUENCE_MAX 256u

struct influence;

struct influence *influence_new(void);
void influence_free(struct influence *i);
/* Whether news that a host has learnt something are believed within its share; told in the log when
 * they are not. */
bool influence_believes(
    struct influence *i, const struct knowledge *k, const struct knowledge_news *n, uint64_t share);
/* One more behaviour that only this host has learnt.  False: its share is used up (*ret_first: just
 * now), or there is no room. */
bool influence_take(
    struct influence *i, uint32_t host, uint64_t class_fact, uint64_t share, bool *ret_first);

#endif

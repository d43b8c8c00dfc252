/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * logins - the login model on the fleet's thread: what was learnt comes from the store, what is
 * normal goes there, what is not becomes an alert.
 */
#ifndef SERVER_FLEET_LOGINS_H
#define SERVER_FLEET_LOGINS_H

#include "server/fleet/decoys.h"

struct logins;

/* Borrowed; NULL: no memory.  Who came to a decoy before counts as hostile still. */
struct logins *logins_new(const struct fleet_config *cfg, struct decoys *decoys);
void logins_free(struct logins *l);
/* A row of a profile; those of other kinds are none of its business. */
void logins_load(struct logins *l, const struct profile_row *row);
/* is_honeypot: of a host that is a decoy as a whole. */
void logins_take(struct logins *l, const struct login_news *news, bool is_honeypot);
/* An alert about logins was closed. */
void logins_renew(struct logins *l);
void logins_tick(struct logins *l, uint64_t now_us);
/* struct login_facts; lives until logins_free(). */
struct ds_snapshot *logins_told(struct logins *l);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* allow - expectations and deployments, from the store to the workers; ends those that are over. */
#ifndef SERVER_FLEET_ALLOW_H
#define SERVER_FLEET_ALLOW_H

#include "lib/snapshot.h"
#include "server/fleet/fleet.h"

/* Where they are published; NULL: no memory. */
struct ds_snapshot *allow_snapshot(void);
/* Reads them and publishes (struct allowances).  0 or -errno: what was published stays. */
DS_MUST_CHECK int allow_refresh(
    const struct fleet_config *cfg, struct ds_snapshot *to, uint64_t now_us);

/* What people said of alarms, struct feedback (reviews.c). */
struct ds_snapshot *reviews_snapshot(void); /* NULL: no memory */
/* Reads all of it anew and publishes it. */
DS_MUST_CHECK int reviews_refresh(const struct fleet_config *cfg, struct ds_snapshot *to);

/* How many behaviours workers are told to expect, and deployments.  Any thread. */
void allow_len(struct ds_snapshot *from, size_t *ret_expected, size_t *ret_deployed);

#endif

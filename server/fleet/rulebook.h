/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rulebook - our rules and those that were imported, from the store to the workers. */
#ifndef SERVER_FLEET_RULEBOOK_H
#define SERVER_FLEET_RULEBOOK_H

#include "lib/snapshot.h"
#include "server/fleet/fleet.h"

/* Where they are published; NULL: no memory. */
struct ds_snapshot *rulebook_snapshot(void);
/* Reads them and publishes (struct rules).  0 or -errno: what was published stays. */
DS_MUST_CHECK int rulebook_refresh(const struct fleet_config *cfg, struct ds_snapshot *to);

#endif

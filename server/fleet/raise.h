/* SPDX-License-Identifier: GPL-2.0-or-later */
/* raise - findings of the fleet's thread on their way to the store, and who is told once they are
 * there. */
#ifndef SERVER_FLEET_RAISE_H
#define SERVER_FLEET_RAISE_H

#include "lib/buf.h"
#include "server/detect/detect.h"
#include "server/fleet/fleet.h"

/* Takes the finding (its json).  Counted and logged when it cannot be stored. */
void raise_finding(const struct fleet_config *cfg, uint32_t host, const char *host_name,
    const struct finding *finding);
/* Stores what the fleet's thread learnt, under a name that stays; false: not now. */
bool raise_state(const struct fleet_config *cfg, const char *name, const struct ds_buf *data);
/* Stores a row of a profile; its texts are copied. */
void raise_profile(const struct fleet_config *cfg, const struct profile_row *row);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * regroup - looks at the stored hosts and daemons and says which are alike (detect/groups.h), and
 * which are decoys as a whole (label honeypot).
 */
#ifndef SERVER_FLEET_REGROUP_H
#define SERVER_FLEET_REGROUP_H

#include "server/detect/groups.h"
#include "server/fleet/fleet.h"

#define HONEYPOTS_MAX 1024u /* more are ordinary hosts */

struct honeypots {
	uint32_t host[HONEYPOTS_MAX]; /* ascending */
	size_t len;
};

bool honeypots_has(const struct honeypots *h, uint32_t host);

/* 1 when some host changed its group, 0, -errno: the groups stay as they were or are partly known.
 */
DS_MUST_CHECK int regroup(
    const struct fleet_config *cfg, struct groups *groups, struct honeypots *honeypots);

#endif

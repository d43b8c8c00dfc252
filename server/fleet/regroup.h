/* SPDX-License-Identifier: GPL-2.0-or-later */
/* regroup - looks at the stored hosts and daemons and says which are alike (detect/groups.h). */
#ifndef SERVER_FLEET_REGROUP_H
#define SERVER_FLEET_REGROUP_H

#include "server/detect/groups.h"
#include "server/fleet/fleet.h"

/* 1 when some host changed its group, 0, -errno: the groups stay as they were or are partly known.
 */
DS_MUST_CHECK int regroup(const struct fleet_config *cfg, struct groups *groups);

#endif

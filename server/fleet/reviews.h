/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reviews - reads what people said of the fusion's alarms, for the workers (detect/feedback.h). */
#ifndef SERVER_FLEET_REVIEWS_H
#define SERVER_FLEET_REVIEWS_H

#include "server/fleet/fleet.h"

struct ds_snapshot *reviews_snapshot(void); /* NULL: no memory */
/* Reads all of it anew and publishes it. */
DS_MUST_CHECK int reviews_refresh(const struct fleet_config *cfg, struct ds_snapshot *to);

#endif

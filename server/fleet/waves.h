/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * waves - the same strange thing on several hosts at once: a worm, or a supply chain.
 *
 * Told by workers are findings of behaviours; when as many hosts of the daemon's class as
 * max(3, 5 %) told the same within ten minutes, that is an alert of its own (fleet_wave), which
 * goes on to grow.  What is expected or deployed is not told and so is no wave.
 */
#ifndef SERVER_FLEET_WAVES_H
#define SERVER_FLEET_WAVES_H

#include "server/detect/knowledge.h"
#include "server/fleet/fleet.h"

struct waves;

struct waves *waves_new(const struct fleet_config *cfg); /* cfg: borrowed; NULL: no memory */
void waves_free(struct waves *w);
/* group: how many hosts have the class. */
void waves_take(struct waves *w, const struct told_news *news, uint32_t group);

#endif

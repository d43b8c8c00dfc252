/* SPDX-License-Identifier: GPL-2.0-or-later */
/* modules - what the guard's loop drives beside the sensors: daemons, identity, resource, repeats.
 */
#ifndef AGENT_GUARD_MODULES_H
#define AGENT_GUARD_MODULES_H

#include "agent/config.h"

#include <stdbool.h>
#include <stdint.h>

DS_MUST_CHECK int modules_init(const struct agent_config *config);
void modules_done(void);
void modules_reload(const struct agent_config *config);
void modules_set_scope(bool machine);
/* Once the sensors run and everything that runs was decided about. */
void modules_sensing(bool fallback);
/* About once a second. */
void modules_tick(uint64_t now_ms);
/* A slice of work that can wait; in how many ms there is more. */
uint64_t modules_work(uint64_t now_ms);
void modules_flush_repeats(void);

#endif

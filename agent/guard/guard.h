/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard - the guard's loop: sensors, decisions, the queue to the uplink, and the uplink itself.
 */
#ifndef AGENT_GUARD_GUARD_H
#define AGENT_GUARD_GUARD_H

#include "agent/config.h"

/* Runs until SIGTERM or SIGINT.  Takes what is in config on a reload.  0 or -errno. */
DS_MUST_CHECK int guard_run(const char *file, struct agent_config *config);
/* The agent is being removed and does not run: ends every effect of its orders that would last.  0;
 * -EBUSY: it runs, or an effect is still there; -errno. */
DS_MUST_CHECK int guard_release(const struct agent_config *config);

#endif

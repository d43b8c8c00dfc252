/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watched - the daemons that the configuration names, and the engines that are asked about
 * containers of which no file tells.
 */
#ifndef AGENT_GUARD_WATCHED_H
#define AGENT_GUARD_WATCHED_H

#include "agent/config.h"

/* Also after a reload.  0 or -ENOMEM. */
DS_MUST_CHECK int watched_configure(const struct agent_config *config);
void watched_done(void);
/* Once a second: a container may have a name now. */
void watched_tick(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watched - the daemons that the configuration names, and the engines that are asked about
 * containers of which no file tells.
 *
 * Called by modules.
 */
#include "agent/guard/watched.h"

#include "agent/guard/daemon.h"
#include "agent/guard/decide.h"
#include "agent/guard/engine.h"
#include "agent/guard/identity.h"

int
watched_configure(const struct agent_config *config)
{
	engine_configure(&config->engine_sockets);
	return daemon_init(&config->monitor_daemons);
}

void
watched_done(void)
{
	engine_done();
	daemon_done();
}

/* What runs in a container that has a name now is of another daemon than a moment ago. */
void
watched_tick(void)
{
	if (identity_take_name())
		decide_all();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * modules - what the guard's loop drives beside the sensors: daemons, identity, resource, repeats.
 *
 * Called by guard; owns nothing itself.
 */
#include "agent/guard/modules.h"
#include "agent/guard/attribute.h"
#include "agent/guard/identity.h"
#include "agent/guard/integrity.h"
#include "agent/guard/listeners.h"
#include "agent/guard/probe.h"
#include "agent/guard/repeat.h"
#include "agent/guard/resource.h"
#include "agent/guard/sensors/fold.h"
#include "agent/guard/watched.h"
#include "lib/clock.h"
#include "lib/log.h"

#define REPEATS_MAX   8192u
#define REPEATS_BYTES (1u << 20)

static const struct repeat_counts counts = { .get = probe_repeat_get,
	.add = probe_repeat_add,
	.remove = probe_repeat_remove,
	.each = probe_repeat_each };

int
modules_init(const struct agent_config *config)
{
	int r = watched_configure(config);

	if (r == 0)
		r = resource_init();
	resource_set_interval(config->resource_interval_ms);
	if (r == 0)
		r = repeat_init(&counts, REPEATS_MAX, REPEATS_BYTES);
	if (r == 0)
		r = attribute_init();
	if (r == 0)
		r = integrity_start(config);
	identity_init();
	identity_set_listener(integrity_daemon);
	fold_init(config->repeat_interval_ms);
	(void)listeners_adopt(); /* without it they are found when they start something */
	return r;
}

void
modules_done(void)
{
	attribute_done();
	repeat_done();
	fold_done();
	resource_done();
	identity_done();
	integrity_stop();
	watched_done();
}

void
modules_reload(const struct agent_config *config)
{
	if (watched_configure(config) < 0)
		ds_log(ERROR, "cannot take over the list of daemons", "error=\"no memory\"");
	resource_set_interval(config->resource_interval_ms);
	fold_init(config->repeat_interval_ms);
	integrity_configure(config);
	(void)listeners_adopt();
}

void
modules_sensing(bool fallback)
{
	if (!fallback)
		(void)listeners_tell(); /* the fallback for connections tells them by itself */
}

void
modules_set_scope(bool machine)
{
	probe_set_scope(machine);
}

void
modules_tick(uint64_t now_ms)
{
	watched_tick();
	resource_tick(now_ms);
	repeat_flush_recent(ds_clock_wall_us());
}

uint64_t
modules_work(uint64_t now_ms)
{
	return identity_tick(now_ms);
}

void
modules_flush_repeats(void)
{
	repeat_flush(ds_clock_wall_us());
}

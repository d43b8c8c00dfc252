/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/reacting.h"

#include "server/ingest/ingest.h"

#include <stdio.h>
#include <string.h>

struct react_settings
reacting_settings(const struct server_config *cfg)
{
	struct react_settings s = {
		.policy = policy_new(&cfg->react_rules, &cfg->react_never_block),
		.breaker = { (unsigned)cfg->react_daemon_max, (unsigned)cfg->react_host_max,
		    (unsigned)cfg->react_share_max, cfg->react_rest_ms },
		.order_ttl_us = cfg->react_order_ttl_ms * 1000,
		.approval_ttl_us = cfg->react_approval_ttl_ms * 1000,
		.held = (enum react_held)cfg->react_held,
		.bulk_max = (uint32_t)cfg->react_bulk_max,
		.plugins = { .timeout_ms = cfg->plugin_timeout_ms,
		    .memory_max = cfg->plugin_memory },
	};

	snprintf(s.plugins.dir, sizeof(s.plugins.dir), "%s", cfg->plugin_dir);
	snprintf(s.plugins.user, sizeof(s.plugins.user), "%s", cfg->plugin_user);
	snprintf(s.plugins.python, sizeof(s.plugins.python), "%s", cfg->plugin_python);
	snprintf(s.spared_labels, sizeof(s.spared_labels), "%s", cfg->react_never_block_labels);
	return s;
}

static bool
peer_of(void *arg, uint32_t host, char *ret, size_t size)
{
	struct session_info info;

	if (!ingest_session(arg, host, &info))
		return false;
	snprintf(ret, size, "%s", info.peer);
	return true;
}

static int
send_order(void *arg, uint32_t host, const void *data, size_t size)
{
	return ingest_send_order(arg, host, data, size);
}

struct react_sessions
reacting_sessions(struct ingest *ingest)
{
	return (struct react_sessions){ send_order, ingest, { peer_of, ingest } };
}

bool
reacting_spares(const char *address, void *react)
{
	struct react *r = *(struct react **)react;
	char why[256];

	return r == NULL || react_spares(r, address, why, sizeof(why));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* integrity_start - the vault and the watch over files, as the configuration wants them. */
#include "agent/guard/integrity.h"
#include "agent/guard/order.h"
#include "agent/guard/vault.h"
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void
open_vault(const struct agent_config *config)
{
	char guard_dir[4000], dir[4096];
	int r = order_dir(config, guard_dir, sizeof(guard_dir));

	if (!config->integrity || config->vault_max == 0)
		return;
	if (r == 0) {
		(void)mkdir(guard_dir, 0700); /* who owns it is looked at next */
		(void)snprintf(dir, sizeof(dir), "%s/vault", guard_dir);
		r = vault_open(dir, config->vault_max);
	}
	if (r < 0)
		ds_log(WARN, "files cannot be put back: no vault", "dir=\"%s\" error=\"%s\"",
		    guard_dir, strerror(-r));
}

int
integrity_start(const struct agent_config *config)
{
	open_vault(config);
	return integrity_init(config);
}

void
integrity_stop(void)
{
	integrity_done();
	vault_close();
}

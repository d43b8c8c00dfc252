/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * release - ends what the agent's orders did to this host, when the agent goes for good.
 *
 * Called by main instead of guard_run().  An agent that only stops leaves effects in place: the
 * kernel and the next run end them in time.  After a removal nobody would.
 */
#include "agent/guard/daemon.h"
#include "agent/guard/emit.h"
#include "agent/guard/guard.h"
#include "agent/guard/heartbeat.h"
#include "agent/guard/order.h"
#include "agent/guard/reactions/nft.h"
#include "lib/log.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define QUEUE_BYTES_MAX (256u << 10) /* what is told goes to nobody */

static int
end_all(const struct agent_config *config)
{
	size_t left = 0;
	int r = order_release(config, &left);

	if (r < 0) {
		ds_log(ERROR, "the ledger cannot be read", "error=\"%s\"", strerror(-r));
		return r;
	}
	ds_log(INFO, "effects of orders ended", "ended=%d left=%zu", r, left);
	r = nft_destroy(); /* also what no ledger knows of any more */
	if (r < 0 && r != -ENOENT && r != -EOPNOTSUPP && r != -EPERM) {
		ds_log(ERROR, "the table " NFT_TABLE " stays", "error=\"%s\"", strerror(-r));
		return r;
	}
	return left > 0 ? -EBUSY : 0;
}

int
guard_release(const struct agent_config *config)
{
	struct stat st;
	int r;

	if (stat(config->state_dir, &st) < 0)
		return errno == ENOENT ? 0 : -errno; /* it never ran */
	r = heartbeat_open(config->state_dir);
	if (r < 0) {
		ds_log(ERROR,
		    r == -EBUSY ? "the agent runs: stop it first"
				: "cannot use the state directory",
		    "path=\"%s\" error=\"%s\"", config->state_dir, strerror(-r));
		return r;
	}
	r = emit_init(QUEUE_BYTES_MAX);
	if (r == 0)
		r = daemon_init(&config->monitor_daemons); /* whose networks have rules of ours */
	if (r == 0)
		r = end_all(config);
	daemon_done();
	emit_done();
	heartbeat_close();
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order - takes signed orders, checks them, has them carried out, and answers.
 *
 * Called by guard and supervise on the guard's only thread.  Orders that come together are checked
 * together, written to the ledger with one sync, and only then carried out.  Whatever the uplink
 * sends, nothing happens without a valid signature.
 */
#ifndef AGENT_GUARD_ORDER_H
#define AGENT_GUARD_ORDER_H

#include "agent/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens guard_dir and the ledger, finishes what was begun before a crash, ends what is over.  0 or
 * -errno: then no orders are taken, and order_status() says why. */
DS_MUST_CHECK int order_init(const struct agent_config *config);
void order_done(void);
/* The agent is being removed: ends every effect that would otherwise last, without order_init().
 * *ret_left: those that could not be ended.  How many were, or -errno. */
DS_MUST_CHECK int order_release(const struct agent_config *config, size_t *ret_left);
/* The configuration has changed: what it does not allow any more is undone. */
void order_reload(void);
/* Bytes of the uplink.  0, also for orders that are refused; -EBADMSG when it sends so many that
 * are not orders that it should be ended. */
DS_MUST_CHECK int order_take(const void *data, size_t size);
/* Carries out what was taken. */
void order_run(void);
/* Each turn of the loop: what was done beside it may be done by now. */
void order_turn(void);
/* The uplink says who we are; -EBADMSG. */
DS_MUST_CHECK int order_host(const void *data, size_t size);
/* About once a second. */
void order_tick(void);
/* Looks for a token with a key: before the uplink, which wipes it. */
void order_look(void);
/* For status: "orders: ..." */
const char *order_status(void);
/* guard_dir of a configuration. */
DS_MUST_CHECK int order_dir(const struct agent_config *config, char *ret, size_t size);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger - the effects of orders on this host, on disk before they happen.
 *
 * One file an effect in guard_dir/ledger/, named by the order's id, replaced whole and synced: a
 * guard that is killed, and a host that loses power, know afterwards what was begun, what it did
 * and how to take it back.  Entries of effects that are over stay as tombstones (id and result, for
 * orders that come again) until they are forgotten.  The guard's only thread.
 */
#ifndef AGENT_GUARD_LEDGER_H
#define AGENT_GUARD_LEDGER_H

#include "lib/buf.h"
#include "lib/order.h"

#define LEDGER_MAX 32768u /* entries; more is refused, never forgotten early */

enum ledger_state {
	LEDGER_INTENT = 1, /* on disk before the effect: after a crash it may be there or not */
	LEDGER_ACTIVE = 2, /* the effect is there */
	LEDGER_OVER = 3,   /* no effect (any more); kept for replays */
};

struct ledger_entry {
	struct ds_order order;
	enum ledger_state state;
	uint64_t until_us; /* wall clock: undone then; 0: when ordered */
	uint64_t
	    until_boot_us; /* the same on this boot's clock, which no one steps; 0: another boot */
	uint8_t *inverse;
	size_t inverse_size;
	uint8_t *result; /* last one, packed (ds_result_put) */
	size_t result_size;
};

/* Reads what is there; damaged entries are moved aside and counted. 0 or -errno. */
DS_MUST_CHECK int ledger_open(const char *guard_dir);
void ledger_close(void);
/* On disk when it returns 0.  -ENOSPC and others: nothing may happen then. */
DS_MUST_CHECK int ledger_write(const struct ledger_entry *entry);
/* NULL: not known.  Valid until the next write or forget. */
const struct ledger_entry *ledger_find(const uint8_t id[DS_ORDER_ID_SIZE]);
/* Calls for each until it returns other than 0, which is returned. */
int ledger_each(int (*call)(const struct ledger_entry *entry, void *ctx), void *ctx);
/* Removes entries that are over and whose orders have expired; ret_floor grows to the highest
 * counter among them. */
void ledger_forget(uint64_t now_us, uint64_t *ret_floor);
size_t ledger_active(void);

#endif

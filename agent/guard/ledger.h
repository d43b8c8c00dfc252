/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger - the effects of orders on this host, on disk before they happen.
 *
 * guard_dir/ledger is a journal: records with a checksum, appended and synced together, so that
 * many orders cost one write.  A guard that is killed, and a host that loses power, know afterwards
 * what was begun and how to take it back.  Effects that are over stay, without what undo needs,
 * until their order has expired: an order that comes again is answered with the result of the
 * first.
 */
#ifndef AGENT_GUARD_LEDGER_H
#define AGENT_GUARD_LEDGER_H

#include "lib/buf.h"
#include "lib/order.h"

#define LEDGER_MAX 32768u /* entries; more is refused, never forgotten early */

enum ledger_state {
	LEDGER_INTENT = 1,  /* the effect may be there or not */
	LEDGER_ACTIVE = 2,  /* the effect is there */
	LEDGER_UNDOING = 3, /* the same as INTENT, for its end */
	LEDGER_OVER = 4,    /* no effect (any more); kept for replays */
};

/* Owned by the ledger; changed through it only. */
struct ledger_entry {
	uint8_t id[DS_ORDER_ID_SIZE];
	char kind[24];
	enum ledger_state state;
	uint64_t counter, expires_us; /* of the order */
	uint64_t until_us;            /* wall clock: the effect ends then; 0: when ordered */
	uint64_t until_boot_us;       /* the same on the clock of this boot; 0: of another boot */
	uint8_t *order;               /* envelope without signature, see ledger_order() */
	uint8_t *inverse;
	uint8_t
	    *result; /* the last one, packed; of INTENT what is told if nothing comes after it */
	uint32_t order_size, inverse_size, result_size;
	/* Of an undo that failed: how often, and when it is tried again; not kept. */
	unsigned failures;
	uint64_t again_ms;
	unsigned put_back; /* by its reaction's keep, how often; not kept */
};

/* Reads what is there: 0 or -errno.  What is damaged is set aside as ledger.damaged, and counted.
 */
DS_MUST_CHECK int ledger_open(const char *guard_dir, unsigned *ret_damaged);
void ledger_close(void);
/* A new entry, for the next sync; inverse and result may be NULL.  -EEXIST, -ENOSPC, -ENOMEM. */
DS_MUST_CHECK int ledger_add(const struct ds_order *order, enum ledger_state state,
    uint64_t until_us, const struct ds_buf *inverse, const struct ds_buf *result,
    struct ledger_entry **ret);
/* Another state, another result (NULL: the old one stays), for the next sync. */
DS_MUST_CHECK int ledger_change(
    struct ledger_entry *e, enum ledger_state state, const struct ds_buf *result);
/* On disk when it returns 0; nothing may happen before that.  After a failure the journal on disk
 * is as it was: who added something since drops it. */
DS_MUST_CHECK int ledger_sync(void);
/* Writes a long journal anew and makes room in it, while nobody waits for a record. */
void ledger_tidy(void);
/* NULL: not known. */
struct ledger_entry *ledger_find(const uint8_t id[DS_ORDER_ID_SIZE]);
/* Removes an entry that never reached the disk. */
void ledger_drop(struct ledger_entry *e);
DS_MUST_CHECK int ledger_order(const struct ledger_entry *e, struct ds_order *ret);
/* Calls for each until it returns other than 0, which is returned.  Nothing may be added or dropped
 * meanwhile. */
int ledger_each(int (*call)(struct ledger_entry *entry, void *ctx), void *ctx);
/* Removes what is over and whose order has expired; *ret_floor grows to the highest counter of it.
 * How many. */
size_t ledger_forget(uint64_t now_us, uint64_t *ret_floor);
size_t ledger_len(void);
size_t ledger_active(void);

#endif

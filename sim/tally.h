/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tally - how many events of which daemon and kind, with a checksum that does not depend on their
 * order: what was sent is compared by it with what was stored.
 */
#ifndef SIM_TALLY_H
#define SIM_TALLY_H

#include "lib/batch.h"
#include "lib/event.h"

#define SIM_TALLY_ROWS_MAX 4096u /* daemons times kinds of one host */

struct tally_row {
	char daemon[DS_DAEMON_MAX + 1];
	uint8_t kind;
	uint64_t events;
	uint64_t count;    /* with repeats */
	uint64_t checksum; /* sum of the events' hashes */
};

struct tally {
	struct tally_row *rows;
	size_t len, cap;
	size_t last; /* row used last: the next event is often of the same */
};

void tally_done(struct tally *t);
/* -ENOMEM, -ENOSPC. */
DS_MUST_CHECK int tally_add_event(struct tally *t, const struct ds_event *ev);
DS_MUST_CHECK int tally_add_row(struct tally *t, const struct tally_row *row);
DS_MUST_CHECK int tally_add(struct tally *t, const struct tally *other);
/* Every event of a packed batch; `scratch` is used for reading. */
DS_MUST_CHECK int tally_add_batch(
    struct tally *t, struct ds_batch *scratch, const void *packed, size_t size);
uint64_t tally_events(const struct tally *t);
/* The row of that daemon and kind, or NULL. */
const struct tally_row *tally_find(const struct tally *t, const char *daemon, uint8_t kind);

#endif

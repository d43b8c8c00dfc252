/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lineage - a random number for each session, and those of the sessions before, on disk.
 *
 * By them the server tells this machine from one that was made of its disk image: only one of the
 * two can know the number of the last session.  A number is on disk before it is told, and is told
 * until a session with it was opened.
 */
#ifndef AGENT_UPLINK_LINEAGE_H
#define AGENT_UPLINK_LINEAGE_H

#include "lib/wire.h"

#include <limits.h>
#include <stdbool.h>

struct lineage {
	char file[PATH_MAX];
	uint64_t numbers[DS_GENERATIONS + 1]; /* newest first; 0: none */
	bool is_open;                         /* the newest opened no session yet */
};

DS_MUST_CHECK int lineage_init(struct lineage *l, const char *state_dir);
/* Fills generation and before; without generation when the disk does not take a new one. */
void lineage_tell(struct lineage *l, struct ds_hello *ret);
/* A session was opened. */
void lineage_confirm(struct lineage *l);

#endif

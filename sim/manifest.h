/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest - what the hosts of a state directory have sent and the server has acknowledged, kept
 * over runs: sequence numbers for the next run, tallies for `verify`.
 *
 * The file is text, one record a line, separated by tabs:
 *   host NUMBER UUID EPOCH SEQ-URGENT SEQ-BULK UNACKED
 *   row  NUMBER DAEMON KIND EVENTS COUNT CHECKSUM
 */
#ifndef SIM_MANIFEST_H
#define SIM_MANIFEST_H

#include "lib/wire.h"
#include "sim/tally.h"

struct manifest_host {
	uint32_t number;
	uint8_t id[DS_HOST_ID_SIZE];
	uint64_t epoch;
	uint64_t last_seq[DS_LANES];
	uint64_t unacked; /* events sent whose fate is not known */
	struct tally acked;
};

struct manifest {
	struct manifest_host *hosts;
	size_t len;
};

void manifest_done(struct manifest *m);
/* An empty one when there is no file.  -EBADMSG, -errno. */
DS_MUST_CHECK int manifest_load(const char *state_dir, struct manifest *ret);
DS_MUST_CHECK int manifest_save(const char *state_dir, const struct manifest *m);
/* The host's entry, made when it is not there; NULL when there is no memory. */
struct manifest_host *manifest_host_get(struct manifest *m, uint32_t number);

#endif

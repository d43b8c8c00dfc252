/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recording - packed batches from a server's state directory, or from any file that holds some (an
 * agent's spool): one after the other.
 */
#ifndef SIM_RECORDING_H
#define SIM_RECORDING_H

#include "lib/batch.h"

struct recording;

struct recorded {
	uint32_t host; /* number in the recording; 0 for files */
	uint8_t lane;
	const uint8_t *packed; /* valid until the next call */
	size_t size;
	struct ds_batch_header header;
};

/* NULL after a message. */
struct recording *recording_open(const char *path);
void recording_close(struct recording *r);
/* 1 and *ret, or 0 at the end, or -errno. */
DS_MUST_CHECK int recording_next(struct recording *r, struct recorded *ret);
void recording_rewind(struct recording *r);
/* Calls for each host of a state directory. */
DS_MUST_CHECK int recording_each_host(struct recording *r,
    int (*call)(uint32_t number, const uint8_t *id, const char *name, void *ctx), void *ctx);

#endif

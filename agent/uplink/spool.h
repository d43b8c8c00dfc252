/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool - keeps packed batches on disk until the server has committed them.
 *
 * Called by batcher (append) and link (peek, ack), on the uplink's only thread.  Owns the files
 * under its directory and nothing else.  A file holds records of one lane, in order; what is
 * confirmed goes by whole files.  Bounded: past max_size the oldest bulk file goes first, urgent
 * files last, counted.  When the disk refuses, up to SPOOL_MEMORY_MAX bytes wait in memory, in
 * order, and are written when it takes them again.  After kill -9 or power loss at any point the
 * files are read again: a torn tail is cut, a damaged record is counted and skipped.
 */
#ifndef AGENT_UPLINK_SPOOL_H
#define AGENT_UPLINK_SPOOL_H

#include "lib/wire.h"

#include <stdbool.h>

#define SPOOL_MEMORY_MAX (2u << 20) /* bytes waiting in memory while the disk refuses */

struct spool;

/* Where a lane stands in the guard's stream: all of its events of messages up to `number` are
 * stored, and `part` events of message number + 1. */
struct spool_mark {
	uint64_t number;
	uint32_t part;
};

struct spool_batch {
	uint64_t seq;
	const void *packed; /* borrowed until the next call */
	size_t size;
};

struct spool_stats {
	uint64_t bytes;          /* on disk */
	uint64_t memory_bytes;   /* waiting for the disk */
	uint64_t batches;        /* not confirmed */
	uint64_t dropped_events; /* in all, since the start: past max_size, or no room in memory */
	uint64_t dropped_batches;
	uint64_t damaged; /* records that recovery could not read */
	uint64_t sync_errors;
	int last_error; /* of the disk, 0 while it works */
};

/* Opens or makes the spool in `dir` (made when it is not there), reads what a former run left.
 * -errno.  *ret_why: a sentence. */
DS_MUST_CHECK int spool_open(
    struct spool **ret, const char *dir, uint64_t max_size, char *ret_why, size_t why_size);
/* Syncs and closes. */
void spool_close(struct spool *s);
void spool_set_max(struct spool *s, uint64_t max_size);

/* us of the wall clock when this spool was made. */
uint64_t spool_epoch(const struct spool *s);
/* The mark of the newest record of a lane, for the guard's numbers. */
struct spool_mark spool_mark(const struct spool *s, enum ds_lane lane);

/* Keeps a packed batch; it has a sequence number from now on.  Fails only without memory (-ENOMEM)
 * or for a batch that is none (-EINVAL): a disk that refuses is counted and told by stats. */
DS_MUST_CHECK int spool_append(
    struct spool *s, enum ds_lane lane, const void *packed, size_t size, struct spool_mark mark);
/* The oldest batch of the lane with a sequence number above `after`.  -ENOENT: none. */
DS_MUST_CHECK int spool_peek(
    struct spool *s, enum ds_lane lane, uint64_t after, struct spool_batch *ret);
/* The server has committed the lane up to seq. */
void spool_ack(struct spool *s, enum ds_lane lane, uint64_t seq);
/* To be called some 5 times a second: syncs what was written, retries what the disk refused. */
void spool_tick(struct spool *s);
/* Events dropped since the last call: to be told as a gap. */
uint64_t spool_take_dropped(struct spool *s);
void spool_get_stats(const struct spool *s, struct spool_stats *ret);

#endif

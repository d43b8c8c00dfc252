/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool - keeps packed batches on disk until the server has committed them.
 *
 * Append-only files for each lane; a record is a header with two checksums and a packed batch, so
 * that after a crash at any point what is whole is found again and what is torn or damaged is
 * passed over and told.  Bounded: the oldest bulk file goes first, urgent ones last.  When the disk
 * refuses, records wait in a bounded piece of memory, in order, and are written once it takes them.
 *
 * Used by batcher (append), link (peek, ack) and main (sync) on the uplink's only thread.  Owns the
 * files in its directory and nothing else; knows no event loop.
 */
#ifndef AGENT_UPLINK_SPOOL_H
#define AGENT_UPLINK_SPOOL_H

#include "lib/batch.h"
#include "lib/compiler.h"
#include "lib/wire.h"

#define SPOOL_MEMORY_MAX (1u << 20) /* bytes that wait in memory while the disk refuses */
#define SPOOL_NOTES_MAX  8192u      /* bytes */

struct spool;

/* Where a lane stands in the guard's stream: all of its events of messages up to `number` are here,
 * and those among the first `part` events of message number + 1. */
struct spool_mark {
	uint64_t number;
	uint32_t part;
};

struct spool_config {
	const char *dir; /* made when it is not there; copied */
	uint64_t max_size;
	/* There is something new to peek at.  May be NULL. */
	void (*wake)(void *ctx);
	/* Events were lost: dropped from a full spool, or on damaged pages.  May be NULL. */
	void (*lost)(const char *source, uint64_t events, const char *message, void *ctx);
	void *ctx;
};

/* What comes with a record, for those who wrote its events, and is found again after a crash. */
struct spool_origin {
	uint32_t events;
	/* By lane: all events up to this mark are in this record or before it. */
	struct spool_mark marks[DS_LANES];
	/* Where the readers of logs stood: all events up to there are in this record or before it.
	 */
	const void *notes;
	size_t notes_size;
};

struct spool_record {
	uint64_t seq;
	uint32_t events;
	const void *packed; /* borrowed until the next call of any function here */
	size_t size;
};

/* Finds what is there.  0; -EBUSY when another process has it; -errno with a sentence. */
DS_MUST_CHECK int spool_open(
    const struct spool_config *cfg, struct spool **ret, char *ret_why, size_t why_size);
/* Writes what waits in memory if it can, syncs, closes. */
void spool_free(struct spool *s);
void spool_set_max_size(struct spool *s, uint64_t max_size);

/* Constant while open.  Sequence numbers of a lane grow within it, with holes where batches were
 * dropped and after a power loss. */
uint64_t spool_epoch(const struct spool *s);

/* Appends a packed batch; it survives kill -9 when this returns and spool_waits() is 0 for its
 * lane, and power loss after the next spool_sync().  -EFBIG; -ENOSPC: disk and memory are full, try
 * again after spool_retry() or spool_ack(). */
DS_MUST_CHECK int spool_append(struct spool *s, uint8_t lane, const void *packed, size_t size,
    const struct spool_origin *origin);
/* The oldest batch of a lane with a sequence number above `after` that is not acknowledged: 0,
 * -ENOENT, -errno. Going on in order is cheap. */
DS_MUST_CHECK int spool_peek(
    struct spool *s, uint8_t lane, uint64_t after, struct spool_record *ret);
/* The server has committed everything of a lane up to seq; other epochs are ignored. */
void spool_ack(struct spool *s, uint8_t lane, uint64_t epoch, uint64_t seq);

/* Whether there are writes that a power loss would take. */
bool spool_is_dirty(const struct spool *s);
/* fdatasync of what was written; 0 or -errno (it stays dirty). */
int spool_sync(struct spool *s);
/* Tries to write what waits in memory.  true: nothing waits any more. */
bool spool_retry(struct spool *s);
/* Records that wait in memory. */
size_t spool_waits(const struct spool *s);
/* Of the records that wait in memory, the guard's message before the first of them, by lane;
 * UINT64_MAX when none waits. */
uint64_t spool_unsafe_after(const struct spool *s, uint8_t lane);

/* As found at open, or of the last record that is on disk or acknowledged. */
struct spool_mark spool_mark(const struct spool *s, uint8_t lane);
const void *spool_notes(const struct spool *s, size_t *ret_size);
/* Nothing is pending that came before these notes and marks: keep them with the next
 * spool_save(). */
void spool_set_notes(struct spool *s, const void *notes, size_t size);
void spool_set_mark(struct spool *s, uint8_t lane, struct spool_mark mark);
/* Writes the cursor file when something in it changed; 0 or -errno. */
int spool_save(struct spool *s);

struct spool_status {
	uint64_t bytes;        /* on disk */
	uint64_t memory;       /* waiting in memory */
	uint64_t dropped;      /* events dropped because the spool was full */
	uint64_t damaged;      /* places where the files were damaged */
	uint64_t write_errors; /* refused writes */
	int last_error;        /* of the last write, 0 when it went well */
};
void spool_get_status(const struct spool *s, struct spool_status *ret);

/* What the server has not confirmed; reads headers: not for every event. */
struct spool_backlog {
	uint64_t records[DS_LANES];
	uint64_t oldest_us; /* when the oldest of them was written; 0 for none */
};
void spool_get_backlog(const struct spool *s, struct spool_backlog *ret);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spool_impl - the spool's insides, for spool.c (writes), spool_read.c (reads) and spool_open.c
 * (recovers). */
#ifndef AGENT_UPLINK_SPOOL_IMPL_H
#define AGENT_UPLINK_SPOOL_IMPL_H

#include "agent/uplink/spool_file.h"

#include <limits.h>
#include <sys/queue.h>

/* After a power loss, numbers go on so far above the last one known: those that it took may have
 * been sent and committed, and must not be given out again. */
#define SPOOL_SEQ_SKIP DS_SEQ_SKIP
#define SPOOL_BOOT_ID  36u /* characters of the kernel's boot id */

struct spool_file {
	STAILQ_ENTRY(spool_file) next;
	uint64_t first_seq, last_seq; /* 0: no record yet; first_seq is in the name */
	uint64_t bytes;               /* up to the end of the last whole record */
	uint64_t events, records;
	uint8_t lane;
	bool is_damaged; /* told already */
};
STAILQ_HEAD(spool_files, spool_file);

/* A record that the disk refused. */
struct spool_memory {
	STAILQ_ENTRY(spool_memory) next;
	struct spool_header header;
	uint8_t body[]; /* batch and notes */
};
STAILQ_HEAD(spool_memories, spool_memory);

struct spool_reader {
	struct spool_file *file; /* NULL: none open */
	struct spool_walk walk;
	uint64_t after, at;     /* what comes after this number is at or behind this offset */
	uint64_t after_2, at_2; /* the same one record further on */
};

struct spool_lane {
	struct spool_files files;   /* oldest first */
	struct spool_file *current; /* the last of them while it is written to */
	int fd;                     /* of current */
	bool is_dirty;
	uint64_t next_seq, acked;
	struct spool_reader reader;
	size_t waits; /* records in memory */
};

struct spool {
	char dir[PATH_MAX - 64];
	struct spool_config cfg;
	int dir_fd;
	bool dir_is_dirty;
	uint64_t epoch;
	uint64_t bytes, file_max;
	struct spool_lane lanes[DS_LANES];
	struct spool_memories memory; /* of both lanes, in order */
	size_t memory_bytes;
	struct spool_mark marks[DS_LANES];
	uint8_t notes[SPOOL_NOTES_MAX];
	size_t notes_size;
	char boot_id[SPOOL_BOOT_ID]; /* of now; zeros when it cannot be read */
	bool is_same_boot;           /* as when the cursor was written: no page was lost */
	bool cursor_is_stale;        /* something in it changed */
	struct ds_buf body;          /* of the record last peeked at */
	uint64_t dropped, damaged, write_errors;
	int last_error;
};

void spool_file_name(const struct spool_file *f, char *ret, size_t size);
void spool_reader_close(struct spool_reader *r);
/* Closes what is written to; the next append makes a new file. */
void spool_lane_close(struct spool *s, struct spool_lane *l);
/* The later of two marks. */
struct spool_mark spool_later(struct spool_mark a, struct spool_mark b);
/* Tells of loss, and counts. */
void spool_tell_lost(struct spool *s, const char *source, uint64_t events, const char *message);
/* Reads what is in the directory; spool_open.c. */
DS_MUST_CHECK int spool_recover(struct spool *s);
/* Reads the cursor file if it is there and whole. */
void spool_load(struct spool *s);

#endif

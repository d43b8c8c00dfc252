/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spool_state - what spool.c (use) and spool_open.c (recovery) share; not for others. */
#ifndef AGENT_UPLINK_SPOOL_STATE_H
#define AGENT_UPLINK_SPOOL_STATE_H

#include "agent/uplink/spool_file.h"

#define FILE_MIN (64u << 10)
#define FILE_MAX (4u << 20)

/* A batch that the disk did not take yet. */
struct waiting {
	TAILQ_ENTRY(waiting) link;
	uint64_t seq;
	struct spool_mark mark;
	uint32_t events, size;
	uint8_t packed[];
};

TAILQ_HEAD(waiting_list, waiting);

struct lane {
	struct spool_files files;    /* oldest first; the last one is written to */
	struct waiting_list waiting; /* oldest first; all newer than what is in files */
	int fd;                      /* of the last file, -1 */
	bool dirty;                  /* written since the last sync */
	uint64_t next_seq, acked;
	uint64_t batches; /* not confirmed */
	struct spool_mark mark;
	/* where peek stands: the record behind `offset` of `reading` is the first with seq >
	 * read_seq */
	struct spool_file *reading;
	int read_fd;
	uint64_t offset, read_seq;
	uint8_t *packed; /* what peek handed out */
	size_t packed_cap;
};

struct spool {
	int dir_fd;
	uint64_t epoch, max_size;
	struct lane lanes[DS_LANES];
	struct spool_stats stats;
	uint64_t untold; /* dropped events that nobody was told of */
};

struct spool_file *spool_newest(const struct lane *l);
void spool_note_error(struct spool *s, int r);
void spool_remove_file(struct spool *s, struct lane *l, struct spool_file *f);
/* Begins the file that the lane's next batch goes to. */
DS_MUST_CHECK int spool_start_file(struct spool *s, enum ds_lane lane);

#endif

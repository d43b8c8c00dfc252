/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool_file - the records of one file of the spool: what they look like, and finding them again.
 *
 * For spool.c and its parts only.  A record is a header of SPOOL_HEADER bytes, the packed batch and
 * the notes.  The header has a checksum of its own, so that its sizes can be believed when the rest
 * is damaged.
 */
#ifndef AGENT_UPLINK_SPOOL_FILE_H
#define AGENT_UPLINK_SPOOL_FILE_H

#include "agent/uplink/spool.h"

#include <sys/types.h>

#define SPOOL_HEADER 80u /* bytes */

struct spool_header {
	uint32_t crc; /* of batch and notes */
	uint32_t size, notes_size, events;
	uint64_t epoch, seq;
	struct spool_mark marks[DS_LANES];
	uint64_t time_us; /* when it was written */
	uint8_t lane;
};

/* What a walk through a file knows; zero it, then set fd, end, lane and epoch. */
struct spool_walk {
	int fd;
	uint64_t end;    /* bytes to look at */
	uint64_t offset; /* of the record last found */
	uint64_t next;   /* where the next one is looked for */
	uint64_t seq;    /* of the record last found: the next must be larger */
	uint64_t epoch;  /* records of others are damage; 0: the first one decides */
	uint8_t lane;
	unsigned damaged; /* places passed over that were not whole records */
	bool is_torn;     /* the end is a record that was never written whole */
};

static inline size_t
spool_header_whole(const struct spool_header *h)
{
	return (size_t)SPOOL_HEADER + h->size + h->notes_size;
}

void spool_header_put(const struct spool_header *h, uint8_t ret[SPOOL_HEADER]);
/* 0 or -EBADMSG. */
DS_MUST_CHECK int spool_header_get(const uint8_t data[SPOOL_HEADER], struct spool_header *ret);
/* Finds the next header from w->next on: 1, 0 at the end, -errno of reading.  Passes over what is
 * damaged; goes forward with every call. */
DS_MUST_CHECK int spool_walk_header(struct spool_walk *w, struct spool_header *ret);
/* Reads batch and notes of the record just found into `body` (cleared first) and checks them: 0,
 * -EBADMSG, -errno. */
DS_MUST_CHECK int spool_walk_body(
    const struct spool_walk *w, const struct spool_header *h, struct ds_buf *body);
/* pread until size or the end: bytes read or -errno. */
DS_MUST_CHECK ssize_t spool_pread(int fd, void *ret, size_t size, uint64_t offset);

#endif

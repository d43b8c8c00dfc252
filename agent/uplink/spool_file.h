/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool_file - one file of the spool: a header, then records, each with its checksum.
 *
 * Only spool.c uses this.  Name: <lane>-<first sequence number, 20 digits>.spool.  Everything is
 * big-endian.  The header repeats the lane's mark, so that it survives the files before it.
 */
#ifndef AGENT_UPLINK_SPOOL_FILE_H
#define AGENT_UPLINK_SPOOL_FILE_H

#include "agent/uplink/spool.h"

#include <sys/queue.h>

#define SPOOL_FILE_HEADER   44u
#define SPOOL_RECORD_HEADER 44u

struct spool_file {
	TAILQ_ENTRY(spool_file) link;
	char name[48];
	enum ds_lane lane;
	uint64_t epoch;
	uint64_t first_seq;     /* of the first record it has or will have */
	uint64_t last_seq;      /* first_seq - 1 while empty */
	struct spool_mark mark; /* of the newest record, or before the first */
	uint64_t size;          /* bytes of whole, good records and the header */
	uint64_t events;
	uint64_t damaged; /* records skipped by recovery */
};

TAILQ_HEAD(spool_files, spool_file);

struct spool_record {
	uint64_t seq;
	struct spool_mark mark;
	uint32_t events;
	uint32_t size; /* bytes of the packed batch */
	uint64_t at;   /* offset of the packed batch in the file */
};

void spool_file_name(enum ds_lane lane, uint64_t first_seq, char ret[48]);
/* The lane and first sequence number of a name; false: not one of ours. */
bool spool_file_parse_name(const char *name, enum ds_lane *ret_lane, uint64_t *ret_first);
/* Writes a new file's header through `fd`. */
DS_MUST_CHECK int spool_file_begin(int fd, struct spool_file *f);
/* Appends one record at f->size; on failure the file is cut back and f is unchanged. */
DS_MUST_CHECK int spool_file_append(int fd, struct spool_file *f, uint64_t seq,
    struct spool_mark mark, uint32_t events, const void *packed, uint32_t size);
/* Reads a file of a former run: f->name is set; fills the rest.  Cuts a torn tail.  -EBADMSG: the
 * header is no good. */
DS_MUST_CHECK int spool_file_recover(int fd, struct spool_file *f);
/* The record at `offset`, without its batch: 1, 0 at the end, -errno. */
DS_MUST_CHECK int spool_file_next(
    int fd, const struct spool_file *f, uint64_t offset, struct spool_record *ret);
/* Checks bytes as a whole file would be, for the fuzzer: records found. */
unsigned spool_file_check(const void *data, size_t size);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow - reads the lines of one log file, each once: over rotation by renaming, copytruncate,
 * truncation and restarts.
 *
 * Called by logs when inotify or its timer says so.  A place in a file is its inode, an offset and
 * the hash of its first bytes; what was rotated away since is looked for beside the file by that
 * hash, read to its end, and then the new file from its beginning.  The old file counts as current
 * until the new one has its first bytes: the writer has switched then.
 */
#ifndef AGENT_UPLINK_LOGS_FOLLOW_H
#define AGENT_UPLINK_LOGS_FOLLOW_H

#include "lib/buf.h"

#include <stdbool.h>

#define FOLLOW_HEAD  256u   /* bytes that the hash is of, at most */
#define FOLLOW_LINE  16384u /* longer lines are cut */
#define FOLLOW_PATH  1024u
#define FOLLOW_EARLY 16u

struct follow {
	char path[FOLLOW_PATH];
	int fd;                  /* of the file being read; -1: none yet */
	int early[FOLLOW_EARLY]; /* opened by init, while we might: the file and what was rotated
				    last; until what has the name is being read */
	unsigned early_len;
	bool is_skipping; /* inside a line that was too long */
	uint64_t inode, offset;
	uint32_t head_size; /* bytes that head_hash is of */
	uint64_t head_hash;
};

struct follow_ops {
	void (*line)(const char *text, size_t len, void *ctx);
	/* Lines may have been lost: what the place was in is gone. */
	void (*lost)(const char *why, void *ctx);
	void *ctx;
};

/* Opens what is there, to be used where later it may not be read.  -ENAMETOOLONG. */
DS_MUST_CHECK int follow_init(struct follow *f, const char *path);
/* Then either: at the end of what is there now (what was written before we came is not news), */
DS_MUST_CHECK int follow_begin(struct follow *f);
/* or on where an earlier run was. */
void follow_take_place(struct follow *f, const struct follow *place);
/* A place with its path, as bytes; get fills those members only.  -EBADMSG. */
DS_MUST_CHECK int follow_get(struct ds_buf *b, struct follow *ret);
DS_MUST_CHECK int follow_put(const struct follow *f, struct ds_buf *b);
/* Reads what is new, at most about `budget` bytes: 1 when there is more, 0, -errno (-EACCES: the
 * file is there and may not be read). */
DS_MUST_CHECK int follow_read(struct follow *f, size_t budget, const struct follow_ops *ops);
/* Whether what has the file's name now may be read, or is not there. */
bool follow_is_readable(const struct follow *f);
void follow_done(struct follow *f);

#endif

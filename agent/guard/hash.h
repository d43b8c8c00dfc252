/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hash - SHA-256 of files, in slices, remembered by what stat(2) says about the file.
 *
 * Called by identity, on the guard's only thread.
 */
#ifndef AGENT_GUARD_HASH_H
#define AGENT_GUARD_HASH_H

#include "lib/compiler.h"

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_SIZE     32u
#define HASH_FILE_MAX (1ull << 30) /* bytes; bigger files are not hashed */

struct stat;

/* What must be the same for a file to be the same. */
struct hash_key {
	uint64_t device, inode, size;
	int64_t mtime_ns, ctime_ns;
};

struct hash_job {
	int fd; /* -1: none */
	struct hash_key key;
	struct sha256_ctx ctx;
	uint64_t done;
	bool fresh; /* set after hash_begin(): read it, whatever is remembered; two writes
		       can be so close together that stat(2) says the same of both */
};

void hash_key_of(const struct stat *st, struct hash_key *ret);
bool hash_key_equal(const struct hash_key *a, const struct hash_key *b);
/* Takes the fd of a regular file.  0; -EFBIG, -EINVAL (no regular file), -errno: the fd is closed.
 */
DS_MUST_CHECK int hash_begin(struct hash_job *job, int fd);
/* Reads up to budget bytes.  1: done, ret is filled and the fd closed; 0: more to do; -EAGAIN: the
 * file changed meanwhile, -errno: in both cases the fd is closed. */
DS_MUST_CHECK int hash_step(struct hash_job *job, size_t budget, uint8_t ret[HASH_SIZE]);
void hash_abort(struct hash_job *job);
/* Whether it is remembered what a file has that stat(2) says this of. */
bool hash_knows(const struct stat *st);
/* Forgets all that is remembered. */
void hash_forget(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vault - copies of files by the hash of their contents, and which states a path has had.
 *
 * vault/objects has what watched files contained while all was well, vault/evidence what they
 * contained otherwise; vault/paths has up to eight states of each path with owner, mode, times,
 * attributes.  Everything is written beside, synced and renamed.  Bounded: evidence takes at most a
 * quarter and its oldest goes; objects that no path refers to go when room is needed; then what is
 * new is refused and counted.  Root's alone; the guard's only thread.
 */
#ifndef AGENT_GUARD_VAULT_H
#define AGENT_GUARD_VAULT_H

#include "agent/guard/vault_meta.h"

#define VAULT_FILE_MAX (128ull << 20) /* bytes; bigger files are not kept */

enum vault_kind { VAULT_OBJECT, VAULT_EVIDENCE };

struct vault_history {
	size_t len;
	struct file_meta version[VAULT_VERSIONS_MAX]; /* the latest first */
};

/* dir: made when it is not there, refused (-EPERM) when it is not root's alone.  0 or -errno. */
DS_MUST_CHECK int vault_open(const char *dir, uint64_t max_bytes);
void vault_close(void);
bool vault_is_open(void);
/* Copies what fd reads from its beginning; ret_sha256 is the hash of what was copied, which is what
 * is kept.  Deduplicated.  0; -EFBIG, -ENOSPC (full, or the disk is), -errno. */
DS_MUST_CHECK int vault_put(int fd, enum vault_kind kind, uint8_t ret_sha256[HASH_SIZE]);
bool vault_has(const uint8_t sha256[HASH_SIZE]);
/* Evidence becomes an object: 0, also when it is one; -ENOENT. */
DS_MUST_CHECK int vault_promote(const uint8_t sha256[HASH_SIZE]);
/* For reading; an fd or -ENOENT, -errno. */
DS_MUST_CHECK int vault_get(const uint8_t sha256[HASH_SIZE]);
/* Another state of a path becomes the latest.  0 or -errno. */
DS_MUST_CHECK int vault_remember(const char *path, const struct file_meta *m);
/* What is known of a path; free() it.  0, -ENOENT, -EBADMSG (damaged: as if nothing was known). */
DS_MUST_CHECK int vault_history(const char *path, struct vault_history **ret);
/* Bytes kept; how many copies were refused. */
uint64_t vault_size(void);
uint64_t vault_refused(void);

#endif

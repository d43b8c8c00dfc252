/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vault_meta - one state of a file with all that has to come back with its contents, as bytes.
 *
 * Pure: no I/O but file_meta_read().  Called by vault and restore_file.
 */
#ifndef AGENT_GUARD_VAULT_META_H
#define AGENT_GUARD_VAULT_META_H

#include "agent/guard/file_state.h"
#include "lib/buf.h"

#define VAULT_META_MAX     (FILE_XATTRS_MAX + FILE_LINK_MAX + 256u)
#define VAULT_VERSIONS_MAX 8u
#define VAULT_HISTORY_MAX  (VAULT_VERSIONS_MAX * VAULT_META_MAX + 8192u)

struct file_meta {
	enum file_type type;
	bool trusted; /* found at first, explained, or not touched for long */
	bool hashed;
	uint32_t mode, uid, gid, links, flags;
	uint64_t size;
	int64_t atime_ns, mtime_ns;
	uint64_t seen_us; /* wall clock */
	uint8_t sha256[HASH_SIZE];
	char target[FILE_LINK_MAX]; /* of a link */
	uint16_t xattrs_len;
	uint8_t xattrs[FILE_XATTRS_MAX]; /* as file_xattrs() has them */
};

/* All but sha256 and trusted, of what fd (O_PATH) is open on; fd < 0: absent.  0 or -errno. */
DS_MUST_CHECK int file_meta_read(int path_fd, struct file_meta *ret);
/* The state to compare with: without what only the kernel knows (inode). */
void file_meta_state(const struct file_meta *m, struct file_state *ret);
DS_MUST_CHECK int file_meta_put(struct ds_buf *b, const struct file_meta *m);
/* -EBADMSG. */
DS_MUST_CHECK int file_meta_get(struct ds_buf *b, struct file_meta *ret);
/* Calls for each name and value until it returns other than 0, which is returned; -EBADMSG. */
int file_meta_each_xattr(const struct file_meta *m,
    int (*call)(void *ctx, const char *name, const void *value, size_t size), void *ctx);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file_state - what a path is now: kind, contents, owner, mode, links, extended attributes.
 *
 * Called by integrity, vault and restore_file, on the guard's only thread.
 */
#ifndef AGENT_GUARD_FILE_STATE_H
#define AGENT_GUARD_FILE_STATE_H

#include "agent/guard/hash.h"

#include <sys/types.h>

#define FILE_XATTRS_MAX (8u << 10) /* bytes of extended attributes, names and values */
#define FILE_LINK_MAX   4096u

enum file_type { FILE_UNKNOWN, FILE_ABSENT, FILE_REGULAR, FILE_LINK, FILE_DIRECTORY, FILE_OTHER };

/* What differs between two states, as bits. */
enum file_change {
	FILE_CHANGED_TYPE = 1 << 0,
	FILE_CHANGED_CONTENT = 1 << 1,
	FILE_CHANGED_MODE = 1 << 2,
	FILE_CHANGED_OWNER = 1 << 3,
	FILE_CHANGED_LINKS = 1 << 4, /* another name of the same file appeared, or went */
	FILE_CHANGED_XATTRS = 1 << 5,
	FILE_CHANGED_FLAGS = 1 << 6, /* immutable or append-only */
};

struct file_state {
	enum file_type type;
	bool hashed; /* of regular files; of links it is the hash of where they lead to */
	uint32_t mode, uid, gid, links;
	uint32_t flags;  /* FS_IMMUTABLE_FL, FS_APPEND_FL */
	uint64_t xattrs; /* a hash of the names and values that matter */
	struct hash_key key;
	uint8_t sha256[HASH_SIZE];
};

/* Opens the path itself, not what a link leads to, below root_fd (AT_FDCWD: our own root); never
 * waits for a fifo or a device.  An O_PATH fd or -errno. */
DS_MUST_CHECK int file_open_path(int root_fd, const char *path);
/* For reading, from such an fd.  A regular file's fd, or -EINVAL, -errno. */
DS_MUST_CHECK int file_reopen(int path_fd);
/* All but the contents.  path_fd < 0: absent. 0 or -errno. */
DS_MUST_CHECK int file_state_read(int path_fd, struct file_state *ret);
/* All at once: for small files and for callers that must know. -EAGAIN: it changes meanwhile. */
DS_MUST_CHECK int file_state_whole(const char *path, struct file_state *ret);
/* FILE_CHANGED_*. */
unsigned file_state_compare(const struct file_state *before, const struct file_state *now);
/* "contents, mode": for people. */
void file_change_text(unsigned change, char *ret, size_t size);
/* Names and values, each with a u16 length before it, sorted as the kernel lists them; the length
 * or -errno. */
ssize_t file_xattrs(int fd, uint8_t *ret, size_t size);
/* Whether an extended attribute is one that says what a file may do. */
bool file_xattr_matters(const char *name);

#endif

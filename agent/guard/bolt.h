/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bolt - single values out of a bolt database, which is where containerd keeps what it knows.
 *
 * Who writes it holds a lock all the time, so it is read without one, as a reader of its own would:
 * a state of the database stays whole while it is the newest.  Nothing is mapped and nothing is
 * allocated: a few small reads at bounded depth, whatever is in the file.
 */
#ifndef AGENT_GUARD_BOLT_H
#define AGENT_GUARD_BOLT_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOLT_KEY_MAX 512u

struct bolt {
	int fd;
	uint32_t page_size;
	uint64_t root; /* number of the page with the outermost keys */
	uint64_t txid; /* of the newest state when it was opened */
};

/* 0, -errno, -EBADMSG.  A symbolic link is none. */
DS_MUST_CHECK int bolt_open(const char *path, struct bolt *ret);
void bolt_close(struct bolt *b);
/* The value that a path of keys leads to; its size, -ENOENT, -ENAMETOOLONG, -EBADMSG.  To be
 * believed once bolt_is_current() says so. */
DS_MUST_CHECK int bolt_get(
    const struct bolt *b, const char *const *keys, size_t len, void *ret, size_t size);
/* Whether all that was read so far was of one state. */
bool bolt_is_current(const struct bolt *b);

#endif

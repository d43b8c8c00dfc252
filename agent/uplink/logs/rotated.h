/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rotated - the files that a log is in: what has its name, and what was rotated away beside it.
 *
 * Called by follow.  A file is known again by the hash of its first bytes.
 */
#ifndef AGENT_UPLINK_LOGS_ROTATED_H
#define AGENT_UPLINK_LOGS_ROTATED_H

#include "agent/uplink/logs/follow.h"

#include <sys/stat.h>
#include <sys/types.h>

/* pread() over EINTR: bytes or -errno. */
ssize_t rotated_read_at(int fd, void *ret, size_t size, uint64_t offset);
/* Lets the hash grow with what was read of f->fd. */
void rotated_learn_head(struct follow *f);
/* Whether the file begins as the place's does; yes while nothing is known of it. */
bool rotated_head_is_same(const struct follow *f, int fd);
/* Is this the file that the place is in?  By its first bytes and its length; a copy counts. */
bool rotated_holds_place(const struct follow *f, int fd, const struct stat *st);
/* What has the name now: an fd or -errno. */
int rotated_open_named(const struct follow *f);
/* What the place is in, beside what has the name: the file itself, else its longest copy.  An fd or
 * -ENOENT. */
int rotated_find(const struct follow *f, uint64_t *ret_inode);
/* What was written next after the file that is being read, when that does not have the name any
 * more and the other has something in it: an fd, -ENOENT or -errno.  missed: between them was one
 * that may not be read.  What was opened early and has served is closed. */
int rotated_next(struct follow *f, bool *ret_missed);
/* Keeps what there is now, for when it may no longer be opened. */
void rotated_open_early(struct follow *f);

#endif

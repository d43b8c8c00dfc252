/* SPDX-License-Identifier: GPL-2.0-or-later */
/* logs_impl - what logs.c (lines and events) and logs_files.c (which files) share. */
#ifndef AGENT_UPLINK_LOGS_LOGS_IMPL_H
#define AGENT_UPLINK_LOGS_LOGS_IMPL_H

#include "agent/uplink/logs/filter.h"
#include "agent/uplink/logs/follow.h"
#include "agent/uplink/logs/logs.h"

#define LOGS_FILES_MAX 32u
#define LOGS_INODES    16u
#define LOGS_LEFT      128u

struct event;
struct journal;

struct watched {
	struct follow follow;
	int wd, wd_before;            /* of the file and the one before it; -1 for none */
	bool is_refused;              /* told that it may not be read */
	bool is_found;                /* by a pattern of names */
	uint64_t inodes[LOGS_INODES]; /* that it had last: rotated, they are no logs of their own */
};

/* Where we were in a file that had to make room for another one. */
struct left {
	uint64_t inode, offset, head_hash;
	uint32_t head_size;
	bool is_skipping;
};

struct logs {
	struct watched files[LOGS_FILES_MAX];
	size_t len;
	bool has_patterns, is_full; /* names that may come later; told that there are too many */
	unsigned polls;             /* since the patterns were looked at */
	struct left left[LOGS_LEFT];
	size_t left_len; /* ever */
	int inotify;
	struct journal *journal;
	bool wants_journal;
	struct event *readable, *poll, *again, *journal_readable;
	const struct logs_ops *ops;
	void *ctx;
	const char *source;      /* of the line being read */
	struct filters *filters; /* NULL: none */
};

/* Those that were asked for, or the usual ones where there is no journal. */
void logs_add_files(struct logs *l, const struct agent_config *cfg);
/* Those of the filters: at the start, and then what has come since. */
void logs_find_files(struct logs *l);
bool logs_want_auto(const struct agent_config *cfg);
void logs_watch_file(struct logs *l, struct watched *w);
/* It could be read before it was rotated: as root it can be again. */
void logs_ask_for_restart(struct logs *l, struct watched *w);
/* After reading: the file that the name stands for now. */
void logs_keep_inode(struct watched *w);

#endif

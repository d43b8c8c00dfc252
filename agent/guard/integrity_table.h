/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity_table - the files that are watched, and the directories they are in.
 *
 * Bounded: so many files in all and so many a daemon; what does not fit is counted.  A file that
 * several daemons use (a library) is one entry.  For integrity and its parts.
 */
#ifndef AGENT_GUARD_INTEGRITY_TABLE_H
#define AGENT_GUARD_INTEGRITY_TABLE_H

#include "agent/guard/file_state.h"
#include "agent/guard/integrity_find.h"

#define INTEGRITY_FILES_MAX  4096u
#define INTEGRITY_DIRS_MAX   1024u
#define INTEGRITY_DAEMON_MAX 512u /* files of one daemon */
#define INTEGRITY_USERS_MAX \
	8u /* = INTEGRITY_USERS: daemons of one file that are told of a change */

enum file_phase {
	FILE_IDLE,    /* nothing to do until something is noticed */
	FILE_DUE,     /* to be looked at when due_ms comes */
	FILE_HASHING, /* being read: one at a time */
};

/* Who changed a file, as far as it is known; only while a change is being judged. */
struct file_changer {
	pid_t pid;
	uint32_t uid;
	uint32_t daemon; /* number; 0: none */
	bool managed;    /* a package manager, or started by one */
	char exe[256];   /* "" when it has ended already */
};

struct watched_dir {
	char *path;
	pid_t root; /* 0: ours; else the process in whose file system it is */
	uint64_t key;
	uint32_t files; /* entries in it, and the one that it is */
	struct watched_file
	    *outer; /* the tree it is: what comes into being in it is watched, too */
};

struct watched_file {
	char *path;
	struct watched_dir *dir;   /* it is in */
	struct watched_dir *inner; /* of a tree that is there: the directory that it is */
	enum file_class class;
	enum file_phase phase;
	bool tree;    /* a directory, with what is in it */
	bool known;   /* `now` was read at least once */
	bool initial; /* known from the vault, not compared with what is there yet */
	bool urgent;  /* something was noticed: before all that merely waits its turn */
	bool fresh;   /* read the contents even when stat(2) says the same */
	bool owner_known;
	bool owner_asked;        /* the pass over the lists that is under way answers for it */
	bool owner_again;        /* a package manager was at work when it was asked */
	bool was_absent;         /* it came into being while its directory was watched */
	bool stale;              /* not found again when its daemon was looked at anew */
	bool agreed;             /* the package database agreed with `now` */
	bool keep, keep_trusted; /* `now` is to be put into the vault */
	uint8_t tries;
	uint32_t daemon[INTEGRITY_USERS_MAX]; /* numbers; 0: free */
	uint64_t key;                         /* of its mark */
	uint64_t due_ms, first_ms;            /* when to look; since when a change is postponed */
	uint64_t window_ms;                   /* when `told` began to count */
	uint32_t told, folded;
	struct file_state now;
	char *package, *version;      /* that own it; NULL: none */
	struct file_changer *changer; /* owned */
};

DS_MUST_CHECK int integrity_table_init(void);
void integrity_table_done(void);
/* The entry, made when new; NULL when there is no room (counted).  root 0: our own file system. */
struct watched_file *integrity_add(
    pid_t root, const char *path, enum file_class class, bool tree, uint32_t daemon, bool *ret_new);
struct watched_file *integrity_get(pid_t root, const char *path);
/* The daemon does not use it any more; whoever is the last takes it out. */
void integrity_drop(struct watched_file *f, uint32_t daemon);
/* What a mark is on: either or both may be NULL. */
void integrity_of_key(uint64_t key, struct watched_file **ret_file, struct watched_dir **ret_dir);
/* Marks the file (fd, as it is now) and, the first time, its directory. */
void integrity_mark(struct watched_file *f, int fd);
/* The tree is a directory now: what comes into being in it will be noticed. */
void integrity_mark_tree(struct watched_file *f);
/* All directories again, after notice_flush(). */
void integrity_mark_dirs(void);
/* How many marks were set since the last flush. */
size_t integrity_marks(void);
size_t integrity_len(void);
struct watched_file *integrity_at(size_t index);
/* How many files did not fit. */
uint64_t integrity_refused(void);
/* An fd for the file system an entry is in: AT_FDCWD or one to be closed; -errno: it has gone. */
int integrity_root(pid_t root);
bool integrity_uses(const struct watched_file *f, uint32_t daemon);

#endif

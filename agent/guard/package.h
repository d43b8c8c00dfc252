/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * package - which package owns a file, and its version: from dpkg's database, or by rpm.
 *
 * Nothing of the databases is kept in memory: a batch of questions is answered by one pass over the
 * files, in slices.  Called by identity, on the guard's only thread.
 */
#ifndef AGENT_GUARD_PACKAGE_H
#define AGENT_GUARD_PACKAGE_H

#include "lib/compiler.h"

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PACKAGE_QUERIES_MAX 32u

enum package_state {
	PACKAGE_LISTS,  /* which package lists the file */
	PACKAGE_STATUS, /* which version of it is installed */
	PACKAGE_RPM,    /* asking rpm about what dpkg does not know */
	PACKAGE_DONE,
};

struct package_query {
	char *path[2]; /* as asked, and as it was before /bin became a link to /usr/bin; owned */
	char
	    *except; /* package that diverted it, which lists the path but does not own it; owned */
	char name[128]; /* "" when nothing owns it */
	char arch[32];
	char version[128];
};

struct package_job {
	enum package_state state;
	int root_fd;       /* of the root directory whose databases are asked */
	DIR *info;         /* PACKAGE_LISTS */
	int fd;            /* the list, status or pipe being read; -1: none */
	char current[160]; /* package of that list */
	char current_arch[32];
	char line[4200]; /* the part of a line that was read */
	size_t line_len;
	struct { /* the paragraph of status being read */
		char name[128], arch[32], version[128];
		bool installed;
	} paragraph;
	uint64_t lengths[65]; /* bit n: a path of n bytes is asked for */
	struct package_query query[PACKAGE_QUERIES_MAX];
	size_t len;
	size_t rpm_next; /* the question that rpm is asked */
	pid_t rpm_pid;   /* 0: none runs */
	int rpm_pidfd;
	uint64_t rpm_deadline_ms;
};

/* root: "" for our own, or a path such as /proc/PID/root.  0 or -errno. */
DS_MUST_CHECK int package_begin(struct package_job *job, const char *root);
/* The question's index, or -ENOSPC, -EINVAL (not absolute), -ENOMEM. */
DS_MUST_CHECK int package_add(struct package_job *job, const char *path);
/* Reads about budget bytes more.  1: all is answered, 0: call again. */
DS_MUST_CHECK int package_step(struct package_job *job, size_t budget);
/* Frees and closes; ends a running rpm. */
void package_end(struct package_job *job);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * package_owner - one pass over dpkg's lists of files, for a caller that has many files to ask for.
 *
 * package.c answers a few questions and asks rpm, too; this one calls for every line.
 */
#ifndef AGENT_GUARD_PACKAGE_OWNER_H
#define AGENT_GUARD_PACKAGE_OWNER_H

#include "lib/compiler.h"

#include <dirent.h>
#include <stddef.h>

struct owner_job {
	DIR *dir; /* NULL: no pass is under way */
	char root[256];
};

/* root: "" or another root directory.  0, or -errno: there is no such database. */
DS_MUST_CHECK int owner_begin(struct owner_job *job, const char *root);
/* Reads some lists.  1: that was the last, 0: call again.  Paths as the lists have them; packages
 * without their architecture. */
DS_MUST_CHECK int owner_step(struct owner_job *job, size_t lists,
    void (*call)(void *ctx, const char *path, const char *package), void *ctx);
void owner_end(struct owner_job *job);

#endif

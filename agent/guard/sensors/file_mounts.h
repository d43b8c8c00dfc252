/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file_mounts - the file systems that fanotify watches, and the paths of its handles. */
#ifndef AGENT_GUARD_SENSORS_FILE_MOUNTS_H
#define AGENT_GUARD_SENSORS_FILE_MOUNTS_H

#include "lib/compiler.h"

#include <stddef.h>

struct fanotify_event_info_fid;

/* Marks every file system of this mount namespace that is none of the kernel's own and is not
 * marked yet.  How many are marked, or -errno. */
int mounts_mark(int fanotify_fd);
/* Each mount of this namespace that is none of the kernel's own: "major:minor" and where it is.  0
 * or -errno. */
DS_MUST_CHECK int mounts_each(
    void (*call)(const char *device, const char *point, void *ctx), void *ctx);
void mounts_done(void);
/* The path of a directory handle and the name after it, "" when it cannot be resolved. */
void mounts_path(
    const struct fanotify_event_info_fid *info, size_t info_len, char *ret, size_t size);

#endif

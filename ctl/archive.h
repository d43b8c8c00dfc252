/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * archive - writes a tar file (POSIX ustar) that tar(1) unpacks: under another name until it is
 * whole, for its owner alone.
 */
#ifndef CTL_ARCHIVE_H
#define CTL_ARCHIVE_H

#include "lib/compiler.h"

#include <stddef.h>

struct archive;

/* NULL, and -errno in *ret: -EEXIST when there is a file of that name. */
struct archive *archive_new(const char *path, int *ret);
/* One more member with these bytes, or with those of a file.  0 or -errno. */
DS_MUST_CHECK int archive_add(struct archive *a, const char *name, const void *data, size_t size);
DS_MUST_CHECK int archive_add_file(struct archive *a, const char *name, const char *path);
/* Ends it, makes it durable and gives it its name.  0 or -errno. */
DS_MUST_CHECK int archive_finish(struct archive *a);
/* Removes what was not finished. */
void archive_free(struct archive *a);

#endif

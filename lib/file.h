/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file - small files replaced and read as a whole.
 *
 * A replaced file is the old one or the new one after any crash: temporary name beside it, fsync,
 * rename, fsync of the directory.
 */
#ifndef LIB_FILE_H
#define LIB_FILE_H

#include "lib/compiler.h"

#include <stddef.h>
#include <sys/types.h>

/* 0 or -errno; on failure what was there is untouched. The temporary name is path + ".tmp". */
DS_MUST_CHECK int ds_file_replace(const char *path, const void *data, size_t size, mode_t mode);
/* Reads a file of at most max bytes; *ret has a NUL behind its *ret_size bytes, free() it.  -EFBIG.
 */
DS_MUST_CHECK int ds_file_read(const char *path, size_t max, char **ret, size_t *ret_size);
/* Syncs the directory that a file is in. */
DS_MUST_CHECK int ds_file_sync_directory(const char *path);
/* Overwrites a file with zeros, syncs, and removes it: for secrets that were used. */
DS_MUST_CHECK int ds_file_wipe(const char *path);

#endif

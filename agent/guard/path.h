/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * path - absolute paths from what the kernel side could read.
 *
 * Pure text.
 */
#ifndef AGENT_GUARD_PATH_H
#define AGENT_GUARD_PATH_H

#include "lib/event.h"

#include <stddef.h>

/* "leaf\0dir\0top\0" becomes "/top/dir/leaf"; nothing becomes "/".  Terminated; the length, at most
 * size - 1: what does not fit is cut at the end. */
size_t path_of_names(struct ds_str names, char *ret, size_t size);
/* `text` as a process wrote it, below `names` when it is relative to a directory; without ".",
 * ".." and doubled slashes. */
size_t path_below(struct ds_str names, struct ds_str text, char *ret, size_t size);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * secret_file - which files hold credentials: reading them is told.
 *
 * One table of patterns: their names go to the kernel side as a first filter, the files that are
 * here as a set of inodes (so that another name for one is seen, too), and the whole pattern
 * decides in the guard.
 */
#ifndef AGENT_GUARD_SECRET_FILE_H
#define AGENT_GUARD_SECRET_FILE_H

#include "lib/event.h"

#include <stdbool.h>

/* Tells the kernel side of names and inodes; again when files may have changed. */
void secret_file_tell(void);
/* Whether this path, or the file that it names now, is one. */
bool secret_file_is(struct ds_str path);

#endif

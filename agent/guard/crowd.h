/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crowd - folds what a daemon does with ever new names in one directory: temporary files of a
 * thousand requests a second are one behaviour, not a thousand.
 *
 * Up to a number of new names a second each is told in full; what goes beyond is told as
 * the directory and a star, with counts and DS_FLAG_TRUNCATED.
 */
#ifndef AGENT_GUARD_CROWD_H
#define AGENT_GUARD_CROWD_H

#include "lib/event.h"

#include <stdbool.h>
#include <stdint.h>

/* A file event with a name that was not seen before.  True: its paths have been replaced, and
 * *ret_key is the key of the crowd. */
bool crowd_take(struct ds_event *ev, uint64_t *ret_key);

#endif

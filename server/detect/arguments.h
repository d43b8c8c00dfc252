/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arguments - the shape of the arguments with which a daemon starts programs that it is known to
 * start.
 *
 * A shape is the program with its arguments' sorts: options by their names, numbers, paths by their
 * first directory, addresses by their scheme, and of a line for a shell the commands in it.  It is
 * a behaviour of its own (KEY_SHAPE), counted and compared over hosts as others are.  A new one is
 * evidence, as unlikely as Good and Turing say that anything new is, of starts and of five minutes.
 */
#ifndef SERVER_DETECT_ARGUMENTS_H
#define SERVER_DETECT_ARGUMENTS_H

#include "server/detect/turn.h"

/* args: NUL between them, the program's name first. */
void arguments_shape(struct ds_str exe, struct ds_str args, struct key *ret);
/* A start of a known program, sent in full; the event is loaded.  -ENOMEM. */
DS_MUST_CHECK int arguments_see(struct turn *t, const struct sighting *s);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fds - descriptors that a child may not keep.
 *
 * Called between fork and exec, or by a child that goes on by itself.  Owns nothing.
 */
#ifndef LIB_FDS_H
#define LIB_FDS_H

#include "lib/compiler.h"

/* Closes `first` and all above it.  0 or -errno. */
DS_MUST_CHECK int ds_fds_close_from(unsigned first);

#endif

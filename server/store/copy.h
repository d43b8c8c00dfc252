/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * copy - a database of a server that goes on writing it, as it was at one moment.
 *
 * Used by daemonsec-ctl, in a process of its own.
 */
#ifndef SERVER_STORE_COPY_H
#define SERVER_STORE_COPY_H

#include "lib/compiler.h"

#include <stddef.h>

/* `to` must not be there; it is its owner's only.  0, or -errno and a sentence. */
DS_MUST_CHECK int store_copy(const char *from, const char *to, char *ret_why, size_t why_size);

#endif

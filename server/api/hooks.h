/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hooks - the secrets of the sections [hook.NAME], read once at start; asked by hooks.c. */
#ifndef SERVER_API_HOOKS_H
#define SERVER_API_HOOKS_H

#include "lib/compiler.h"
#include "lib/conf.h"

#include <stddef.h>

struct hooks;

/* NULL and a sentence: a secret cannot be read, or there is no memory.  Borrows `sections`. */
struct hooks *hooks_new(const struct ds_conf_named *sections, char *ret_why, size_t size);
void hooks_free(struct hooks *h);

#endif

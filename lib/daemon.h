/* SPDX-License-Identifier: GPL-2.0-or-later */
/* daemon - what people call a daemon, and the name that hosts tell of it. */
#ifndef LIB_DAEMON_H
#define LIB_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#define DS_UNIT_SUFFIX ".service"

/* Whether a pattern with * means a daemon: by its very name, by a unit's without its suffix (nginx:
 * nginx.service), or by a template's without the instance (postgresql: postgresql@15-main.service).
 * What people start below a daemon (sshd/session) is another one. */
bool ds_daemon_fits(const char *pattern, const char *name);

/* Whether one of the patterns means it. */
bool ds_daemon_fits_any(char *const *patterns, size_t len, const char *name);

/* How many characters of a name are left without a unit's suffix. */
size_t ds_daemon_plain_len(const char *name);

#endif

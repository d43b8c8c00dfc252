/* SPDX-License-Identifier: GPL-2.0-or-later */
/* daemons - which daemon of which host a path names; see daemons.c. */
#ifndef SERVER_API_DAEMONS_H
#define SERVER_API_DAEMONS_H

#include "lib/event.h"
#include "server/api/call.h"

/* By id, or by name where that (and ?host=) says which; false and a problem. */
DS_MUST_CHECK bool daemons_find(
    struct call *c, uint32_t *ret_host, char ret_name[DS_DAEMON_MAX + 1]);

/* The name that hosts tell, of what people call a daemon: the very name if a daemon has it, else a
 * unit's without its suffix (nginx: nginx.service), else as it was given; host 0: on any.  False
 * and a problem. */
DS_MUST_CHECK bool daemons_name(
    struct call *c, uint32_t host, const char *given, char ret[DS_DAEMON_MAX + 1]);

#endif

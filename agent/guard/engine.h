/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine - name, image and digest of containers of which root's files do not tell: asked of engines
 * by their socket, when the configuration names one, or read in the home of whose podman it is.
 *
 * It is done by a child of the guard: one GET over a unix socket, with nothing of root once it is
 * connected, or a few files as that user.  The guard only looks now and then whether there is an
 * answer.  Nothing is ever asked of an engine that would change something.
 */
#ifndef AGENT_GUARD_ENGINE_H
#define AGENT_GUARD_ENGINE_H

#include "agent/guard/container.h"
#include "lib/conf.h"

#include <stdbool.h>

/* Paths of sockets that speak Docker's API; copied.  Empty: nobody is asked. */
void engine_configure(const struct ds_conf_list *sockets);
void engine_done(void);
/* Remembers to ask; what does not fit, or is to be asked already, is left out.  uid: whose it is;
 * 0: root's. */
void engine_ask(const char *id, uint32_t uid);
/* Takes an answer, asks the next one; never waits.  True: ret_id and ret are what was answered. */
bool engine_tick(char ret_id[80], struct container_info *ret);
/* The answer of an engine to GET /containers/ID/json, head and all.  0, -ENOENT, -EBADMSG. */
DS_MUST_CHECK int engine_parse(const char *text, size_t len, struct container_info *ret);

#endif

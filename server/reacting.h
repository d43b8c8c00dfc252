/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reacting - what react gets of the configuration and of the agents' sessions; called by main. */
#ifndef SERVER_REACTING_H
#define SERVER_REACTING_H

#include "server/config.h"
#include "server/react/react.h"

struct ingest;

/* The caller has the policy. */
struct react_settings reacting_settings(const struct server_config *cfg);
struct react_sessions reacting_sessions(struct ingest *ingest);

/* Whether an address is never blocked.  react: a struct react *, pointed to; everybody is spared
 * while there is none. */
bool reacting_spares(const char *address, void *react);

#endif

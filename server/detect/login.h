/* SPDX-License-Identifier: GPL-2.0-or-later */
/* login - logins on their way from a worker to the fleet's thread, where login_model judges them.
 */
#ifndef SERVER_DETECT_LOGIN_H
#define SERVER_DETECT_LOGIN_H

#include "server/detect/knowledge.h"
#include "server/detect/login_model.h"

#define LOGIN_WANTED 201u /* as much as an agent's decoys hear at once */

/* Mail of sort NEWS_LOGIN; malloc. */
struct login_news {
	struct news news;         /* first */
	struct login_event event; /* its texts are those below */
	uint64_t request;         /* of http, by what the log says: attack_request(), or 0 */
	char host_name[64], daemon[64], user[LOGIN_NAME_MAX + 1], method[32], wanted[LOGIN_WANTED];
};

#endif

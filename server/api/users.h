/* SPDX-License-Identifier: GPL-2.0-or-later */
/* users - the first administrator; the rest are routes. */
#ifndef SERVER_API_USERS_H
#define SERVER_API_USERS_H

#include "server/api/access.h"
#include "server/api/api.h"

/* When nobody could sign in as an administrator: makes "admin" with a one-time password, which is
 * left in state_dir (mode 0600) until it is changed.  Call access_read() again.  0 or -errno. */
DS_MUST_CHECK int users_first(const struct api_config *cfg, struct access *a);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* user - names of accounts, for people who read "www-data" faster than "33". */
#ifndef AGENT_GUARD_USER_H
#define AGENT_GUARD_USER_H

#include "lib/compiler.h"

#include <stdint.h>
#include <sys/types.h>

/* The name of a local account, or NULL.  Read from /etc/passwd itself: the guard must not wait for
 * a directory service. Valid until the next call. */
const char *user_name(uint32_t uid);
/* His home, and his group.  0 or -ENOENT. */
DS_MUST_CHECK int user_home(uint32_t uid, gid_t *ret_gid, char *ret, size_t size);
/* 0 or -ENOENT. */
DS_MUST_CHECK int user_find(const char *name, uid_t *ret_uid, gid_t *ret_gid);

#endif

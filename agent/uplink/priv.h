/* SPDX-License-Identifier: GPL-2.0-or-later */
/* priv - how the uplink becomes somebody who may do little. */
#ifndef AGENT_UPLINK_PRIV_H
#define AGENT_UPLINK_PRIV_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The ids of an account; for an unprivileged caller its own.  -ENOENT and a sentence. */
DS_MUST_CHECK int priv_lookup(
    const char *user, uid_t *ret_uid, gid_t *ret_gid, char *ret_why, size_t why_size);
/* Makes sure the directory is there and the account's. */
DS_MUST_CHECK int priv_own_directory(
    const char *dir, uid_t uid, gid_t gid, char *ret_why, size_t why_size);
/* Becomes `user` for good, with the groups that may read logs; no new privileges, no core dumps, no
 * ptrace by others of the same user; ends when the guard does.  Already unprivileged: keeps the
 * user it is. */
DS_MUST_CHECK int priv_drop(const char *user, char *ret_why, size_t why_size);
/* From now on only the system calls that the uplink's work needs; may_accept: and those of a server
 * on a socket that listens already.  -ENOSYS where there is no filter.
 */
DS_MUST_CHECK int priv_filter(bool may_accept, char *ret_why, size_t why_size);

#endif

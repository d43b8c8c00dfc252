/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decoy_ssh - as much of an ssh server as hears user names and passwords, and lets nobody in.
 *
 * The transport of RFC 4253 with one choice of each kind (curve25519-sha256, ssh-ed25519,
 * aes128-ctr, hmac-sha2-256) and the failing half of RFC 4252.  There is no channel, no shell and
 * nothing that could be made to begin: after the last try it is over.  A password is measured and
 * wiped, never kept.  One object a visit; the host key is made once a process and kept nowhere.
 */
#ifndef AGENT_UPLINK_DECOY_SSH_H
#define AGENT_UPLINK_DECOY_SSH_H

#include "lib/buf.h"

#include <stdbool.h>

struct decoy_ssh;

/* What one turn heard; "" for nothing. */
struct decoy_heard {
	char user[65], said[161]; /* as they came: not printable yet */
	bool is_over;             /* nothing more will be */
};

/* NULL: no memory. */
struct decoy_ssh *decoy_ssh_new(void);
void decoy_ssh_free(struct decoy_ssh *s);
/* The server's own name. */
DS_MUST_CHECK int decoy_ssh_begin(struct decoy_ssh *s, struct ds_buf *out);
/* What was heard; the answer goes to `out`.  0 or -errno. */
DS_MUST_CHECK int decoy_ssh_take(struct decoy_ssh *s, const uint8_t *data, size_t len,
    struct ds_buf *out, struct decoy_heard *ret);

#endif

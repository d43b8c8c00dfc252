/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mask - takes secrets out of command lines before they leave the guard.
 *
 * By pattern: --password X, --token=X, PGPASSWORD=X, https://user:X@host, "Authorization: X",
 * mysql -pX, curl -u user:X.  What cannot be recognised stays: this lowers the harm, no more.
 */
#ifndef AGENT_GUARD_SENSORS_MASK_H
#define AGENT_GUARD_SENSORS_MASK_H

#include <stddef.h>

/* args: NUL between arguments, len bytes without the last NUL; changed in place.  The new length,
 * never more than len. */
size_t mask_args(char *args, size_t len);

#endif

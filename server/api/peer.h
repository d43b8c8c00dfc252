/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer - where a request comes from: the address at the other end, or, where that is a proxy of
 * ours, what the proxy says.
 *
 * Pure; any thread.
 */
#ifndef SERVER_API_PEER_H
#define SERVER_API_PEER_H

#include "lib/compiler.h"

#include <stddef.h>

#define PEER_MAX 64u /* bytes of an address, with the NUL */

/* `forwarded` is the newest X-Forwarded-For, or NULL; `proxies` a list of networks.  Each proxy
 * adds whom it heard at the end, and before that may be anything: the last that is no proxy of ours
 * counts.  What is no address leaves the nearest that is known. */
void peer_of(const char *address, const char *forwarded, const char *proxies, char ret[PEER_MAX]);

#endif

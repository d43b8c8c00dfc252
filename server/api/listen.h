/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen - sockets for the API's listeners. */
#ifndef SERVER_API_LISTEN_H
#define SERVER_API_LISTEN_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* A listening socket, or -errno and a sentence.  A socket file whose server is gone is replaced,
 * one that answers is not. */
DS_MUST_CHECK int listen_unix(const char *path, char *ret_why, size_t size);
/* "address:port" or "[address]:port"; without TLS only a loopback address will do. */
DS_MUST_CHECK int listen_tcp(
    const char *text, bool has_tls, unsigned *ret_port, char *ret_why, size_t size);
void listen_remove(const char *path);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api - the JSON API: what people, scripts and daemonsec-ctl talk to.
 *
 * Started and stopped by main.  Threads: one of libmicrohttpd for each listener (never blocks), a
 * small pool that reads the store (pool.c), one that serves followers (follow.c).
 */
#ifndef SERVER_API_API_H
#define SERVER_API_API_H

#include "lib/compiler.h"
#include "server/store/store.h"

struct api;
struct fleet;
struct ingest;
struct react;
struct server_config;
struct train;
struct writer;

struct api_config {
	const struct server_config *server; /* borrowed until stop */
	const struct store_backend *backend;
	const struct store_config *store; /* for readers; borrowed until stop */
	struct writer *writer;            /* borrowed until stop */
	struct ingest *ingest;            /* borrowed until stop; NULL: no agents (tests) */
	struct fleet *fleet;              /* borrowed until stop; NULL: none (tests) */
	struct react *react;              /* borrowed until stop; NULL: nothing reacts (tests) */
	struct train *train;              /* borrowed until stop; NULL: none (tests) */
	const char *ca_file;      /* PEM of the agents' CA, whose pin goes into enrolment tokens */
	const uint8_t *order_key; /* whose orders hosts take, into tokens; 32 bytes, or NULL */
};

/* Listens and serves.  NULL and a sentence on failure. */
struct api *api_start(const struct api_config *cfg, char *ret_why, size_t why_size);
/* Refuses new requests, answers or cuts those under way, ends the threads. */
void api_stop(struct api *api);
/* The port of the HTTP listener (for port 0 in tests); 0: none. */
unsigned api_port(const struct api *api);
/* Reads what may have changed beside the configuration: the certificate.  0, or -errno and a
 * sentence: all stays as it is. */
DS_MUST_CHECK int api_reload(
    struct api *api, const struct server_config *c, char *ret_why, size_t why_size);
/* Any thread: the last reload of the configuration failed (NULL: it did not); /readyz tells. */
void api_set_reload_failed(struct api *api, bool failed);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_names - hosts by their numbers, for those who tell of them; read anew when a number is not
 * known.
 *
 * One thread, that of the reader, which is borrowed.
 */
#ifndef SERVER_NOTIFY_HOST_NAMES_H
#define SERVER_NOTIFY_HOST_NAMES_H

#include "server/store/store.h"

struct host_name {
	char id[37], name[256], labels[512], email[256];
};

struct host_names;

/* NULL: no memory. */
struct host_names *host_names_new(const struct store_backend *backend, struct reader *reader);
void host_names_free(struct host_names *h);
/* All of them, anew: names and labels may have changed. */
DS_MUST_CHECK int host_names_read(struct host_names *h);
/* Never NULL: a host that is not known has empty texts. */
const struct host_name *host_names_get(struct host_names *h, uint32_t number);

#endif

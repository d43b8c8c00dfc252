/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hosts - what react knows of hosts: ids, names, labels; read again when it must be.  One thread.
 */
#ifndef SERVER_REACT_HOSTS_H
#define SERVER_REACT_HOSTS_H

#include "lib/compiler.h"
#include "server/store/store.h"

struct react_host {
	uint32_t number;
	uint8_t id[DS_HOST_ID_SIZE];
	char name[256], labels[512];
	bool is_approved;
};

struct hosts;

/* Borrows backend and reader.  NULL: no memory. */
struct hosts *hosts_new(const struct store_backend *backend, struct reader *reader);
void hosts_free(struct hosts *h);
/* Everything is read again at the next use. */
void hosts_forget(struct hosts *h);
/* NULL: no such host.  Valid until the next call of any of these. */
const struct react_host *hosts_get(struct hosts *h, uint32_t number, uint64_t now_ms);
/* Every host, until call returns other than 0, which is returned. */
int hosts_each(struct hosts *h, uint64_t now_ms,
    int (*call)(const struct react_host *host, void *ctx), void *ctx);
/* How many hosts have a daemon of this name. */
unsigned hosts_with(struct hosts *h, const char *daemon, uint64_t now_ms);

#endif

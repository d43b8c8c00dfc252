/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/hosts.h"

#include "lib/map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS_MAX  (1u << 20)
#define REFRESH_MS 60000u /* labels may change by other ways than ours */
#define AGAIN_MS   1000u  /* a host that is not known is looked for so often */

struct hosts {
	const struct store_backend *backend;
	struct reader *reader;
	struct ds_map *map; /* number -> struct react_host */
	uint64_t read_ms;
	bool is_read;
	/* the last answer of hosts_with() */
	char daemon[256];
	unsigned with;
	uint64_t with_ms;
};

struct hosts *
hosts_new(const struct store_backend *backend, struct reader *reader)
{
	struct hosts *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->backend = backend;
	h->reader = reader;
	h->map = ds_map_new(HOSTS_MAX);
	if (h->map == NULL) {
		free(h);
		return NULL;
	}
	return h;
}

void
hosts_free(struct hosts *h)
{
	if (h == NULL)
		return;
	ds_map_free(h->map, free);
	free(h);
}

void
hosts_forget(struct hosts *h)
{
	h->is_read = false;
}

static int
read_host(const struct host_row *row, void *ctx)
{
	struct hosts *h = ctx;
	struct react_host *host = ds_map_get(h->map, &row->number, sizeof(row->number));

	if (host == NULL) {
		host = calloc(1, sizeof(*host));
		if (host == NULL ||
		    ds_map_put(h->map, &row->number, sizeof(row->number), host, NULL) < 0) {
			free(host);
			return -ENOMEM;
		}
	}
	*host = (struct react_host){ .number = row->number,
		.is_approved = row->status == HOST_APPROVED };
	memcpy(host->id, row->id, sizeof(host->id));
	snprintf(host->name, sizeof(host->name), "%s", row->name);
	snprintf(host->labels, sizeof(host->labels), "%s", row->labels);
	return 0;
}

/* Hosts are never removed, so what is known stays when it cannot be read now. */
static void
refresh(struct hosts *h, uint64_t now_ms, uint64_t age_ms)
{
	if (h->is_read && now_ms - h->read_ms < age_ms)
		return;
	h->is_read = h->backend->each_host(h->reader, read_host, h) == 0;
	h->read_ms = now_ms;
}

const struct react_host *
hosts_get(struct hosts *h, uint32_t number, uint64_t now_ms)
{
	const struct react_host *host;

	refresh(h, now_ms, REFRESH_MS);
	host = ds_map_get(h->map, &number, sizeof(number));
	if (host != NULL)
		return host;
	refresh(h, now_ms, AGAIN_MS);
	return ds_map_get(h->map, &number, sizeof(number));
}

struct each {
	int (*call)(const struct react_host *host, void *ctx);
	void *ctx;
};

static int
each_host(const void *key, size_t len, void *value, void *ctx)
{
	struct each *e = ctx;

	(void)key;
	(void)len;
	return e->call(value, e->ctx);
}

int
hosts_each(struct hosts *h, uint64_t now_ms, int (*call)(const struct react_host *host, void *ctx),
    void *ctx)
{
	struct each e = { call, ctx };

	refresh(h, now_ms, REFRESH_MS);
	return ds_map_each(h->map, each_host, &e);
}

static int
count_daemon(const struct daemon_row *row, void *ctx)
{
	struct hosts *h = ctx;

	h->with += !row->gone && strcmp(row->name, h->daemon) == 0;
	return 0;
}

unsigned
hosts_with(struct hosts *h, const char *daemon, uint64_t now_ms)
{
	if (strcmp(h->daemon, daemon) == 0 && h->with_ms > 0 && now_ms - h->with_ms < REFRESH_MS)
		return h->with;
	snprintf(h->daemon, sizeof(h->daemon), "%s", daemon);
	h->with = 0;
	h->with_ms = now_ms;
	if (h->backend->each_daemon(h->reader, 0, count_daemon, h) < 0)
		h->with_ms = 0; /* not known: a small number, which is careful */
	return h->with;
}

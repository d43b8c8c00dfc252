/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_names - see host_names.h; called by decide.c and siem.c. */
#include "server/notify/host_names.h"

#include "lib/map.h"
#include "lib/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define HOSTS_MAX (1u << 20)

struct host_names {
	const struct store_backend *backend;
	struct reader *reader;
	struct ds_map *hosts; /* number -> struct host_name */
};

struct host_names *
host_names_new(const struct store_backend *backend, struct reader *reader)
{
	struct host_names *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->backend = backend;
	h->reader = reader;
	h->hosts = ds_map_new(HOSTS_MAX);
	if (h->hosts != NULL)
		return h;
	free(h);
	return NULL;
}

void
host_names_free(struct host_names *h)
{
	if (h == NULL)
		return;
	ds_map_free(h->hosts, free);
	free(h);
}

static int
add_host(const struct host_row *row, void *ctx)
{
	struct host_names *h = ctx;
	struct host_name *name = calloc(1, sizeof(*name));
	void *old = NULL;
	int r;

	if (name == NULL)
		return -ENOMEM;
	ds_host_id_format(row->id, name->id);
	snprintf(name->name, sizeof(name->name), "%s", row->name);
	snprintf(name->labels, sizeof(name->labels), "%s", row->labels);
	snprintf(name->email, sizeof(name->email), "%s", row->alert_email);
	r = ds_map_put(h->hosts, &row->number, sizeof(row->number), name, &old);
	free(r < 0 ? name : old);
	return r;
}

int
host_names_read(struct host_names *h)
{
	return h->backend->each_host(h->reader, add_host, h);
}

const struct host_name *
host_names_get(struct host_names *h, uint32_t number)
{
	static const struct host_name unknown = { "", "", "", "" };
	const struct host_name *name = ds_map_get(h->hosts, &number, sizeof(number));

	if (name == NULL && number != 0 && host_names_read(h) == 0)
		name = ds_map_get(h->hosts, &number, sizeof(number));
	return name != NULL ? name : &unknown;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/fleet/regroup.h"

#include "lib/array.h"
#include "lib/label.h"
#include "server/detect/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct labelled {
	uint32_t number;
	char *labels;
};

struct hosts {
	struct labelled *at;
	size_t len, room;
};

static int
take_host(const struct host_row *row, void *ctx)
{
	struct hosts *h = ctx;
	struct labelled *grown = ds_array_grow(h->at, h->len, &h->room, sizeof(*grown));

	if (grown == NULL)
		return -ENOMEM;
	h->at = grown;
	h->at[h->len] =
	    (struct labelled){ row->number, strdup(row->labels != NULL ? row->labels : "") };
	return h->at[h->len].labels != NULL ? (h->len++, 0) : -ENOMEM;
}

/* What people and jobs do says nothing about what a host is for. */
static int
take_daemon(const struct daemon_row *row, void *ctx)
{
	char class[CLASS_MAX];

	if (row->role != NULL && row->role[0] != '\0' && strcmp(row->role, "service") != 0 &&
	    strcmp(row->role, "container") != 0 && strcmp(row->role, "process") != 0)
		return 0;
	key_class(row->name, row->image != NULL ? row->image : "", class, sizeof(class));
	groups_daemon(ctx, class, row->package_version != NULL ? row->package_version : "");
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	const struct labelled *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int
compare_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

bool
honeypots_has(const struct honeypots *h, uint32_t host)
{
	return bsearch(&host, h->host, h->len, sizeof(h->host[0]), compare_number) != NULL;
}

static void
find_honeypots(const struct hosts *from, struct honeypots *to)
{
	to->len = 0;
	for (size_t i = 0; i < from->len && to->len < HONEYPOTS_MAX; i++)
		if (ds_label_has(from->at[i].labels, DS_LABEL_HONEYPOT))
			to->host[to->len++] = from->at[i].number;
}

int
regroup(const struct fleet_config *cfg, struct groups *groups, struct honeypots *honeypots)
{
	struct reader *reader = NULL;
	struct hosts h = { 0 };
	int r = cfg->backend->reader_open(cfg->store, &reader);

	if (r == 0)
		r = cfg->backend->each_host(reader, take_host, &h);
	if (r == 0 && h.len > 0)
		qsort(h.at, h.len, sizeof(*h.at), by_number);
	if (r == 0) {
		find_honeypots(&h, honeypots);
		groups_begin(groups);
	}
	for (size_t i = 0; i < h.len && r == 0; i++) {
		r = groups_host(groups, h.at[i].number, h.at[i].labels);
		if (r == 0)
			r = cfg->backend->each_daemon(reader, h.at[i].number, take_daemon, groups);
	}
	if (reader != NULL)
		cfg->backend->reader_close(reader);
	for (size_t i = 0; i < h.len; i++)
		free(h.at[i].labels);
	free(h.at);
	return r < 0 ? r : groups_end(groups);
}

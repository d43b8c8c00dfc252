/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host - what a worker remembers of the hosts that are pinned to it, between their sessions. */
#include "lib/log.h"
#include "lib/map.h"
#include "server/ingest/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
host_free(void *host)
{
	struct host_state *h = host;

	if (!h)
		return;
	free(h->name);
	free(h);
}

static int
restore_profile(const struct profile_row *row, void *ctx)
{
	struct worker *w = ctx;

	return detect_restore_profile(w->detect, row);
}

static int
restore_daemon(const struct daemon_row *row, void *ctx)
{
	struct worker *w = ctx;

	return detect_restore_daemon(w->detect, row);
}

static int
restore_version(const struct profile_version_row *row, void *ctx)
{
	struct worker *w = ctx;

	return detect_restore_version(w->detect, row);
}

static int
restore_state(const struct model_state_row *row, void *ctx)
{
	struct worker *w = ctx;
	int r = detect_restore_state(w->detect, row);

	if (r == -ENOMEM)
		return r;
	/* A model can be learnt again; a host that cannot connect is worse. */
	if (r < 0)
		ds_log(WARN, "a stored model cannot be used, learning it again",
		    "name=\"%s\" why=\"%s\"", row->name, strerror(-r));
	return 0;
}

int
worker_restore_models(struct worker *w)
{
	return w->ingest->cfg.backend->model_state->each(w->reader, 0, w->index, restore_state, w);
}

int
host_restore(struct worker *w, struct host_state *h)
{
	const struct store_backend *b = w->ingest->cfg.backend;
	int r = b->each_daemon(w->reader, h->number, restore_daemon, w);

	if (r == 0)
		r = b->versions->each(w->reader, h->number, NULL, restore_version, w);
	if (r == 0)
		r = b->each_profile(w->reader, h->number, NULL, restore_profile, w);
	if (r == 0)
		r = b->model_state->each(w->reader, h->number, 0, restore_state, w);
	return r;
}

static int
load_cursors(struct worker *w, struct host_state *h)
{
	int r = 0;

	for (uint8_t lane = 0; lane < DS_LANES && r == 0; lane++) {
		r = w->ingest->cfg.backend->reader_cursor(
		    w->reader, h->number, lane, &h->committed[lane]);
		h->received[lane] = h->committed[lane];
	}
	return r;
}

struct host_state *
host_get(struct worker *w, const struct host_row *row)
{
	struct host_state *h = ds_map_get(w->hosts, &row->number, sizeof(row->number));
	char *name = strdup(row->name);
	int r;

	if (h && name) {
		free(h->name);
		h->name = name;
		h->enrolled_us = row->enrolled_us;
		return h;
	}
	if (!name || h) {
		free(name);
		return h;
	}
	h = calloc(1, sizeof(*h));
	if (!h) {
		free(name);
		return NULL;
	}
	h->number = row->number;
	h->name = name;
	h->enrolled_us = row->enrolled_us;
	h->generation = row->generation;
	h->is_ephemeral = row->is_ephemeral;
	memcpy(h->id, row->id, sizeof(h->id));
	r = load_cursors(w, h);
	if (r == 0)
		r = host_restore(w, h);
	if (r == 0)
		r = ds_map_put(w->hosts, &h->number, sizeof(h->number), h, NULL);
	if (r < 0) {
		ds_log(ERROR, "what is known of a host cannot be read", "host=\"%s\" why=\"%s\"",
		    row->name, strerror(-r));
		host_free(h);
		return NULL;
	}
	return h;
}

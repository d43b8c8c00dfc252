/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/fleet/raise.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/detect/alerts.h"
#include "server/detect/key.h"
#include "server/store/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct raised {
	struct write_request request;
	/* of a fleet that may be gone when this is committed */
	void (*on_committed)(uint32_t host, const char *host_name, const struct finding *finding,
	    uint64_t now_us, void *ctx);
	void *committed_ctx;
	uint32_t host;
	char host_name[64];
	struct finding finding;
	uint64_t now_us;
};

struct kept {
	struct write_request request;
	struct profile_row row;
	char daemon[DS_DAEMON_MAX + 1];
	struct key key;
};

struct state {
	struct write_request request;
	const char *name;
	size_t size;
	uint8_t data[];
};

static int
run_raised(struct write_request *request, const struct store_backend *backend, struct store *store)
{
	struct raised *o = DS_CONTAINER(request, struct raised, request);
	int r = alerts_apply(backend, store, o->host, &o->finding, 1, o->now_us);

	return r < 0 ? r : 0;
}

static void
done_raised(struct write_request *request, int result)
{
	struct raised *o = DS_CONTAINER(request, struct raised, request);

	if (result < 0)
		ds_log(WARN, "an alert of the fleet was not stored", "host=%u kind=%s why=\"%s\"",
		    o->host, o->finding.kind, strerror(-result));
	else if (o->on_committed != NULL)
		o->on_committed(o->host, o->host_name, &o->finding, o->now_us, o->committed_ctx);
	free(o->finding.json);
	free(o);
}

void
raise_finding(const struct fleet_config *cfg, uint32_t host, const char *host_name,
    const struct finding *finding)
{
	struct raised *o = cfg->writer != NULL ? calloc(1, sizeof(*o)) : NULL;

	if (o == NULL) {
		free(finding->json);
		return;
	}
	o->request = (struct write_request){ .run = run_raised, .done = done_raised };
	o->on_committed = cfg->on_committed;
	o->committed_ctx = cfg->committed_ctx;
	o->host = host;
	o->finding = *finding;
	o->now_us = ds_clock_wall_us();
	snprintf(o->host_name, sizeof(o->host_name), "%.63s", host_name);
	if (writer_post(cfg->writer, &o->request) == 0)
		return;
	ds_log(WARN, "the writer has no room for an alert of the fleet", "host=%u kind=%s", host,
	    finding->kind);
	free(o->finding.json);
	free(o);
}

static int
run_kept(struct write_request *request, const struct store_backend *backend, struct store *store)
{
	struct kept *k = DS_CONTAINER(request, struct kept, request);

	return backend->profile_put(store, &k->row);
}

static void
done_kept(struct write_request *request, int result)
{
	struct kept *k = DS_CONTAINER(request, struct kept, request);

	if (result < 0)
		ds_log(WARN, "what was learnt of a login was not stored", "host=%u why=\"%s\"",
		    k->row.host, strerror(-result));
	free(k);
}

void
raise_profile(const struct fleet_config *cfg, const struct profile_row *row)
{
	struct kept *k =
	    cfg->writer != NULL && row->key_size <= KEY_MAX ? calloc(1, sizeof(*k)) : NULL;

	if (k == NULL)
		return;
	k->request = (struct write_request){ .run = run_kept, .done = done_kept };
	k->row = *row;
	snprintf(k->daemon, sizeof(k->daemon), "%s", row->daemon);
	memcpy(k->key.data, row->key, row->key_size);
	k->row.daemon = k->daemon;
	k->row.key = k->key.data;
	if (writer_post(cfg->writer, &k->request) < 0)
		free(k);
}

static int
run_state(struct write_request *request, const struct store_backend *backend, struct store *store)
{
	const struct state *o = DS_CONTAINER(request, struct state, request);
	const struct model_state_row row = {
		.shard = MODEL_STATE_FLEET, .name = o->name, .data = o->data, .size = o->size
	};

	return backend->model_state->put(store, &row);
}

static void
done_state(struct write_request *request, int result)
{
	struct state *o = DS_CONTAINER(request, struct state, request);

	if (result < 0)
		ds_log(WARN, "what the fleet learnt was not stored", "name=%s why=\"%s\"", o->name,
		    strerror(-result));
	free(o);
}

bool
raise_state(const struct fleet_config *cfg, const char *name, const struct ds_buf *data)
{
	struct state *o = cfg->writer != NULL ? malloc(sizeof(*o) + data->len) : NULL;

	if (o == NULL)
		return false;
	*o = (struct state){
		.request = { .run = run_state, .done = done_state }, .name = name, .size = data->len
	};
	memcpy(o->data, data->data, data->len);
	if (writer_post(cfg->writer, &o->request) == 0)
		return true;
	free(o);
	return false;
}

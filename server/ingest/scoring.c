/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ingest/scoring.h"
#include "lib/log.h"
#include "server/detect/alerts.h"

#include <errno.h>
#include <string.h>

static int
put_all(const struct store_backend *b, struct store *store, const struct batch_origin *from,
    struct verdict *v)
{
	int r = 0;

	for (size_t i = 0; i < v->daemons_len && r == 0; i++)
		r = v->daemons[i].is_retired
			? b->daemon_delete(store, v->daemons[i].host, v->daemons[i].name)
			: b->daemon_put(store, &v->daemons[i]);
	for (size_t i = 0; i < v->profiles_len && r == 0; i++)
		r = b->profile_put(store, &v->profiles[i]);
	for (size_t i = 0; i < v->versions_len && r == 0; i++)
		r = b->versions->put(store, &v->versions[i]);
	for (size_t i = 0; i < v->states_len && r == 0; i++) {
		if (v->states[i].host == 0)
			v->states[i].shard = from->shard;
		r = b->model_state->put(store, &v->states[i]);
	}
	for (size_t i = 0; i < v->findings_len && r >= 0; i++)
		r = alerts_apply(b, store,
		    v->findings[i].host != 0 ? v->findings[i].host : from->host, &v->findings[i], 1,
		    from->received_us);
	return r < 0 ? r : 0;
}

int
scoring_store(const struct store_backend *b, struct store *store, const struct batch_origin *from,
    struct verdict *v)
{
	static struct ds_log_rate rate;
	int r = put_all(b, store, from, v);

	if (r == 0 || r == -ENOSPC || r == -EIO || r == -EBADMSG || r == -EBUSY || r == -ENOMEM)
		return r;
	if (ds_log_pass(&rate, 5))
		ds_log(ERROR, "what was found in a batch cannot be stored, going on without it",
		    "host=\"%s\" why=\"%s\"", from->host_name, strerror(-r));
	return 0;
}

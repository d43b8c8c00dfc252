/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state - what the API's handlers know of the running server; see api.c. */
#ifndef SERVER_API_STATE_H
#define SERVER_API_STATE_H

#include "server/api/api.h"
#include "server/api/call.h"
#include "server/api/http.h"
#include "server/ingest/ingest.h"

struct access;
struct auth;
struct described;
struct hooks;
struct signin;

/* Counts over all hosts, daemons, alerts and reactions. */
struct counts {
	struct fleet_counts fleet;
	uint64_t hosts_connected;
	struct reaction_counts reactions;
};

struct rates {
	double events_per_second; /* over the last ten seconds */
	uint64_t lag_us;          /* largest of the sessions' last batches */
	uint64_t lost, gaps;      /* of all sessions */
	uint64_t sessions;
};

/* schema/api.yaml as JSON. */
const char *openapi_get(size_t *ret_size);
const struct described *api_described(const struct api *api);
const struct hooks *api_hooks(const struct api *api);
uint64_t api_started_us(const struct api *api);
const char *api_url(const struct api *api);
struct auth *api_auth(const struct api *api);
struct access *api_access(const struct api *api);
struct signin *api_signin(struct api *api);
const struct http_stats *api_http_stats(const struct api *api);
/* Searches that ended because their client had gone: one more, and how many. */
void api_search_cancelled(struct api *api);
uint64_t api_searches_cancelled(const struct api *api);
unsigned api_followers(const struct api *api);
bool api_reload_failed(const struct api *api);
void api_get_rates(const struct api *api, struct rates *ret);
/* Reads the store; 0 or -errno. */
DS_MUST_CHECK int api_get_counts(struct call_worker *w, struct counts *ret);
/* Free bytes of the file system that the state directory is on; 0: not known. */
uint64_t api_disk_free(const struct api_config *cfg, uint64_t *ret_total);
/* The session of a host; false: not connected. */
bool api_session(const struct api_config *cfg, uint32_t host, struct session_info *ret);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parts - what the server consists of, in the order in which it starts, and who is handed what.
 *
 * Called by main on its thread.  Parts know each other by what they are handed here and nothing
 * else.
 */
#include "server/parts.h"

#include "lib/log.h"
#include "lib/sign.h"
#include "server/api/api.h"
#include "server/detect/geo.h"
#include "server/detect/starter.h"
#include "server/fleet/fleet.h"
#include "server/ingest/ingest.h"
#include "server/notify/notify.h"
#include "server/reacting.h"
#include "server/train/train.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS_AUTO 8
#define KEYS_MAX     4096 /* learnt keys of a daemon */
#define WHY_SIZE     512

struct detect_config
parts_detect_config(const struct server *s, const struct server_config *cfg)
{
	struct detect_config d = {
		.keys_max = KEYS_MAX,
		.models = s->train ? train_models(s->train) : NULL,
		.fleet = s->fleet ? fleet_knowledge(s->fleet) : NULL,
		.fleet_mail = s->fleet ? fleet_mailbox(s->fleet) : NULL,
		.allowed = s->fleet ? fleet_allowances(s->fleet) : NULL,
		.rules = s->fleet ? fleet_rules(s->fleet) : NULL,
		.starters = s->starters,
		.logins = s->fleet ? fleet_logins(s->fleet) : NULL,
		.attacks = s->fleet ? fleet_attacks(s->fleet) : NULL,
		.feedback = s->fleet ? fleet_reviews(s->fleet) : NULL,
	};

	server_config_detect(cfg, &d);
	return d;
}

static int
start_writer(struct server *s, char *why, size_t size)
{
	s->backend = store_lookup(server_config_engine(&s->cfg));
	s->store = (struct store_config){
		.dir = s->cfg.state_dir,
		.retention_us = s->cfg.retention_ms * 1000,
		.max_bytes = s->cfg.max_size,
	};
	s->writer = writer_start(s->backend, &s->store, why, size);
	return s->writer ? 0 : -EIO;
}

static void
stop_writer(struct server *s)
{
	writer_stop(s->writer);
}

static int
start_key(struct server *s, char *why, size_t size)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/order.key", s->cfg.state_dir);

	snprintf(why, size, "the state directory's name is too long");
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	s->order_key = ds_sign_key_open(path, true, why, size);
	if (!s->order_key)
		return -ENOKEY;
	ds_sign_key_public(s->order_key, s->order_public);
	return 0;
}

static void
stop_key(struct server *s)
{
	ds_sign_key_free(s->order_key);
}

/* Findings of the fleet's own are reacted to as well. */
static void
on_raised(
    uint32_t host, const char *host_name, const struct finding *finding, uint64_t now_us, void *ctx)
{
	struct server *s = ctx;

	(void)host_name;
	(void)now_us;
	if (s->react != NULL && finding->alert_id[0] != '\0')
		(void)react_finding(s->react, host, finding, 0);
}

static int
start_fleet(struct server *s, char *why, size_t size)
{
	struct fleet_config cfg = { .backend = s->backend,
		.store = &s->store,
		.writer = s->writer,
		.silent_after_us = s->cfg.silent_after_ms * 1000,
		.on_committed = on_raised,
		.spares = reacting_spares,
		.spares_ctx = &s->react,
		.committed_ctx = s };

	s->geo = geo_open(s->cfg.geoip_database, (const char *const *)s->cfg.geoip_allow.items,
	    s->cfg.geoip_allow.len, (const char *const *)s->cfg.geoip_deny.items,
	    s->cfg.geoip_deny.len, why, size);
	if (s->geo == NULL)
		return -EINVAL;
	cfg.logins = geo_policy(s->geo);
	s->fleet = fleet_new(&cfg, why, size);
	return s->fleet ? 0 : -EIO;
}

static void
stop_fleet(struct server *s)
{
	fleet_free(s->fleet);
	geo_close(s->geo);
}

static int
start_models(struct server *s, char *why, size_t size)
{
	struct train_config cfg = {
		.backend = s->backend, .store = &s->store, .writer = s->writer
	};

	/* They help while there is nothing better: without them the server works as well. */
	s->starters = starters_open(s->cfg.starter_dir, why, size);
	if (why[0] != '\0')
		ds_log(WARN, "a starter model is not used", "why=\"%s\"", why);
	s->train = train_new(&cfg, why, size);
	return s->train ? 0 : -EIO;
}

static void
stop_models(struct server *s)
{
	train_free(s->train);
	starters_free(s->starters);
}

static int
start_trainer(struct server *s, char *why, size_t size)
{
	int r = train_start(s->train);

	if (r < 0)
		snprintf(why, size, "no thread: %s", strerror(-r));
	return r;
}

static void
stop_trainer(struct server *s)
{
	train_stop(s->train);
}

static unsigned
workers_of(const struct server_config *cfg)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (cfg->workers > 0)
		return (unsigned)cfg->workers;
	return (unsigned)DS_MAX(1, DS_MIN(processors, WORKERS_AUTO));
}

static int
start_react(struct server *s, char *why, size_t size)
{
	struct react_config cfg = { .backend = s->backend,
		.store = &s->store,
		.writer = s->writer,
		.key = s->order_key,
		.fleet = fleet_knowledge(s->fleet) };
	struct react_settings settings = reacting_settings(&s->cfg);

	s->react = react_new(&cfg, &settings, why, size);
	return s->react ? 0 : -EIO;
}

static void
stop_react(struct server *s)
{
	react_free(s->react);
	s->react = NULL; /* the fleet asks until it ends */
}

/* What ingest tells, for whom it is. */
static unsigned
on_stored(const struct ingest_news *news, void *ctx)
{
	struct server *s = ctx;
	uint64_t with = writer_transaction(s->writer);
	unsigned answers = 0;

	/* Questions first: somebody waits for the answer. */
	if (news->events_size > 0)
		answers +=
		    react_event(s->react, news->from->host, news->events, news->events_size, with);
	for (size_t i = 0; i < news->findings_len; i++)
		answers += react_finding(s->react, news->from->host, &news->findings[i], with);
	return answers;
}

static void
on_session(uint32_t host, const uint8_t host_id[DS_HOST_ID_SIZE], void *ctx)
{
	(void)host_id;
	react_session(((struct server *)ctx)->react, host);
}

static void
on_result(uint32_t host, const void *data, size_t size, void *ctx)
{
	react_result(((struct server *)ctx)->react, host, data, size);
}

static void
on_sent(uint32_t host, const void *data, size_t size, void *ctx)
{
	react_sent(((struct server *)ctx)->react, host, data, size);
}

static void
on_copy(uint32_t host, const char *host_name, const char *peer, void *ctx)
{
	fleet_copied(((struct server *)ctx)->fleet, host, host_name, peer);
}

static int
start_reacting(struct server *s, char *why, size_t size)
{
	const struct react_sessions sessions = reacting_sessions(s->ingest);
	int r = react_start(s->react, &sessions);

	if (r < 0)
		snprintf(why, size, "no thread: %s", strerror(-r));
	return r;
}

static void
stop_reacting(struct server *s)
{
	react_stop(s->react);
}

static int
start_ingest(struct server *s, char *why, size_t size)
{
	struct ingest_config cfg = {
		.listen = s->cfg.listen,
		.state_dir = s->cfg.state_dir,
		.workers = workers_of(&s->cfg),
		.hostnames = (const char *const *)s->cfg.hostnames.items,
		.hostnames_len = s->cfg.hostnames.len,
		.backend = s->backend,
		.store = &s->store,
		.writer = s->writer,
		.detect = parts_detect_config(s, &s->cfg),
		.silent_after_us = s->cfg.silent_after_ms * 1000,
		.on_session = on_session,
		.on_result = on_result,
		.on_sent = on_sent,
		.order_ctx = s,
		.on_copy = on_copy,
		.copy_ctx = s,
		.on_stored = on_stored,
		.stored_ctx = s,
		.told_kinds = UINT64_C(1) << DS_EVENT_HELD | UINT64_C(1) << DS_EVENT_HELD_CONNECT,
	};

	s->ingest = ingest_start(&cfg, why, size);
	if (!s->ingest)
		return -EIO;
	ds_log(INFO, "listening for agents", "address=%s port=%u workers=%u", s->cfg.listen,
	    ingest_port(s->ingest), cfg.workers);
	return 0;
}

static void
stop_ingest(struct server *s)
{
	ingest_stop(s->ingest);
}

/* The fleet thread asks who is connected; ingest answers. */
struct heard_call {
	fleet_heard call;
	void *ctx;
};

static int
hear_session(const struct session_info *info, void *ctx)
{
	struct heard_call *c = ctx;

	return c->call(info->host, info->last_frame_us, info->peer, c->ctx);
}

static int
each_heard(void *arg, fleet_heard call, void *ctx)
{
	struct heard_call c = { call, ctx };

	return ingest_each_session(arg, hear_session, &c);
}

static int
start_watch(struct server *s, char *why, size_t size)
{
	int r = fleet_start(s->fleet, each_heard, s->ingest);

	if (r < 0)
		snprintf(why, size, "no thread: %s", strerror(-r));
	return r;
}

static void
stop_watch(struct server *s)
{
	fleet_stop(s->fleet);
}

static int
start_notify(struct server *s, char *why, size_t size)
{
	struct notify_config cfg = { .backend = s->backend,
		.store = &s->store,
		.writer = s->writer,
		.channels = &s->cfg.channels,
		.link = s->cfg.public_url };

	if (s->cfg.channels.len == 0)
		return 0;
	s->notify = notify_start(&cfg, why, size);
	return s->notify ? 0 : -EIO;
}

static void
stop_notify(struct server *s)
{
	notify_stop(s->notify);
}

static int
start_api(struct server *s, char *why, size_t size)
{
	struct api_config cfg = {
		.server = &s->cfg,
		.backend = s->backend,
		.store = &s->store,
		.writer = s->writer,
		.ingest = s->ingest,
		.train = s->train,
		.fleet = s->fleet,
		.react = s->react,
		.ca_file = ingest_ca_file(s->ingest),
		.order_key = s->order_public,
	};

	s->api = api_start(&cfg, why, size);
	return s->api ? 0 : -EIO;
}

static void
stop_api(struct server *s)
{
	api_stop(s->api);
}

/* In the order of starting; stopped in reverse. */
static const struct part {
	const char *name;
	int (*start)(struct server *s, char *why, size_t size);
	void (*stop)(struct server *s);
} parts[] = {
	{ "store", start_writer, stop_writer },
	{ "key", start_key, stop_key },
	{ "fleet", start_fleet, stop_fleet },
	{ "reactions", start_react, stop_react },
	{ "models", start_models, stop_models },
	{ "ingest", start_ingest, stop_ingest },
	{ "react", start_reacting, stop_reacting },
	{ "watch", start_watch, stop_watch },
	{ "notify", start_notify, stop_notify },
	{ "trainer", start_trainer, stop_trainer },
	{ "api", start_api, stop_api },
};

static void
stop_first(struct server *s, size_t started)
{
	while (started-- > 0)
		parts[started].stop(s);
}

int
parts_start(struct server *s)
{
	char why[WHY_SIZE] = "";

	for (size_t i = 0; i < DS_LEN(parts); i++)
		if (parts[i].start(s, why, sizeof(why)) < 0) {
			ds_log(ERROR, "cannot start", "part=%s why=\"%s\"", parts[i].name, why);
			stop_first(s, i);
			return -EIO;
		}
	return 0;
}

void
parts_stop(struct server *s)
{
	stop_first(s, DS_LEN(parts));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemonsec-uplink - the half of the agent that touches the network: batches, spool, link, login
 * logs.
 *
 * Started by the guard, as root, with one end of a socketpair; takes over what only root can read
 * (an enrolment token), then becomes [general] user for good.  One thread, one loop.  Ends with the
 * guard.
 */
#include "agent/config.h"
#include "agent/uplink/batcher.h"
#include "agent/uplink/courier.h"
#include "agent/uplink/facts.h"
#include "agent/uplink/link.h"
#include "agent/uplink/logs/logs.h"
#include "agent/uplink/priv.h"
#include "agent/uplink/serve.h"
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS     1000
#define FAREWELL_MS 900   /* the guard waits longer than that */
#define SYNC_MS     150   /* what was written is on disk after so long */
#define SAVE_MS     10000 /* where the readers stand, when no event carries it */

struct uplink {
	const char *config_file;
	struct agent_config cfg;
	struct event_base *base;
	struct identity identity;
	struct spool *spool;
	struct batcher *batcher;
	struct courier *courier;
	struct link *link;
	struct health health;
	struct ds_hello facts;
	struct logs *logs;
	struct serve *serve;
	struct event *tick, *sync, *term, *intr, *hup;
	struct event *farewell;           /* ending: until then */
	uint8_t host_id[DS_HOST_ID_SIZE]; /* as told to the guard */
	uint64_t saved_at_ms;
	bool failed;
};

/* ---- what the parts ask of each other */

static void
on_stored(void *ctx)
{
	struct uplink *u = ctx;
	const struct timeval soon = { 0, SYNC_MS * 1000 };

	if (u->courier != NULL)
		courier_confirm(u->courier);
	if (u->link != NULL)
		link_wake(u->link);
	if (u->sync != NULL && spool_is_dirty(u->spool) && !evtimer_pending(u->sync, NULL))
		(void)evtimer_add(u->sync, &soon); /* else the tick does it */
}

static void
on_lost(const char *source, uint64_t events, const char *message, void *ctx)
{
	struct uplink *u = ctx;

	health_lost(&u->health, source, events, message);
}

static void
on_login(const struct ds_event *ev, void *ctx)
{
	struct uplink *u = ctx;

	if (batcher_add_own(u->batcher, ev) < 0)
		health_lost(&u->health, "login", ev->count, "no room for logins");
}

/* The guard starts us again, as root. */
static void
on_restart(void *ctx)
{
	struct uplink *u = ctx;

	ds_log(INFO, "a log was rotated out of reach, starting again to open it", "%s", "");
	event_base_loopexit(u->base, NULL);
}

static int
on_notes(struct ds_buf *ret, void *ctx)
{
	struct uplink *u = ctx;

	return logs_notes(u->logs, ret);
}

static const struct logs_ops logs_ops = { .event = on_login, .restart = on_restart };

static bool
nothing_is_unsent(const struct uplink *u)
{
	struct spool_record oldest;

	for (uint8_t lane = 0; lane < DS_LANES; lane++)
		if (spool_peek(u->spool, lane, 0, &oldest) == 0)
			return false;
	return true;
}

static void
on_farewell(evutil_socket_t fd, short what, void *ctx)
{
	struct uplink *u = ctx;

	(void)fd;
	(void)what;
	event_base_loopbreak(u->base);
}

/* Ends, but lets what the guard said last find its way out first: an agent that says that it stops
 * is not one that was stopped. */
static void
say_farewell(struct uplink *u)
{
	const struct timeval wait = { 0, FAREWELL_MS * 1000 };

	if (u->farewell != NULL)
		return; /* on its way already: the guard's end and its death signal come together */
	if (u->courier != NULL)
		courier_drain(u->courier);
	batcher_flush(u->batcher);
	u->farewell = evtimer_new(u->base, on_farewell, u);
	if (nothing_is_unsent(u) || u->farewell == NULL || evtimer_add(u->farewell, &wait) < 0)
		event_base_loopbreak(u->base);
	else
		link_wake(u->link);
}

static void
on_guard_closed(const char *why, void *ctx)
{
	struct uplink *u = ctx;

	ds_log(INFO, "the guard's end is closed, ending", "why=\"%s\"", why);
	say_farewell(u);
}

static void
on_sensors(const char *text, size_t len, void *ctx)
{
	struct uplink *u = ctx;

	snprintf(u->facts.sensors, sizeof(u->facts.sensors), "%.*s",
	    (int)DS_MIN(len, sizeof(u->facts.sensors) - 1), text);
}

static void
on_result(const void *data, size_t size, void *ctx)
{
	struct uplink *u = ctx;
	static struct ds_log_rate rate;

	if (link_send_result(u->link, data, size) < 0 && ds_log_pass(&rate, 5))
		ds_log(WARN, "a result could not be sent, the server will ask again", "%s", "");
}

static void
reload(void *ctx)
{
	struct uplink *u = ctx;
	static struct ds_conf_report report;
	struct agent_config fresh = { 0 };
	bool greets;

	if (agent_config_read(u->config_file, &fresh, &report) < 0) {
		ds_log(ERROR, "configuration refused, keeping the old one", "file=%s why=\"%s\"",
		    u->config_file, report.len > 0 ? report.errors[0].text : "");
		ds_conf_free(agent_options, &fresh);
		return;
	}
	greets = strcmp(fresh.labels, u->cfg.labels) != 0 ||
		 strcmp(fresh.alert_email, u->cfg.alert_email) != 0;
	/* What waits for the next start the guard has said. */
	ds_conf_keep(agent_options, &u->cfg, &fresh);
	ds_conf_free(agent_options, &u->cfg);
	u->cfg = fresh;
	ds_log_set_level((enum ds_log_level)u->cfg.log_level);
	spool_set_max_size(u->spool, u->cfg.spool_max_size);
	batcher_set_bulk_ms(u->batcher, (uint32_t)u->cfg.bulk_interval_ms);
	link_set_address(u->link, u->cfg.address);
	if (greets)
		link_greet_again(u->link);
	logs_look_again(u->logs);
	ds_log(INFO, "configuration read again", "file=%s", u->config_file);
}

static const struct courier_ops courier_ops = {
	.closed = on_guard_closed,
	.sensors = on_sensors,
	.result = on_result,
	.reload = reload,
};

static uint64_t
link_epoch(void *ctx)
{
	struct uplink *u = ctx;

	return spool_epoch(u->spool);
}

static int
link_peek(uint8_t lane, uint64_t after, struct link_batch *ret, void *ctx)
{
	struct uplink *u = ctx;
	struct spool_record b;
	int r = spool_peek(u->spool, lane, after, &b);

	if (r < 0)
		return r;
	*ret = (struct link_batch){ b.seq, b.packed, b.size };
	return 0;
}

static void
link_ack(uint8_t lane, uint64_t seq, void *ctx)
{
	struct uplink *u = ctx;

	spool_ack(u->spool, lane, spool_epoch(u->spool), seq);
	/* What waited in memory and is committed can be confirmed without a disk. */
	if (u->courier != NULL)
		courier_confirm(u->courier);
	if (u->farewell != NULL && nothing_is_unsent(u))
		event_base_loopbreak(u->base);
}

static void
link_hello(struct ds_hello *ret, void *ctx)
{
	struct uplink *u = ctx;

	*ret = u->facts;
	ret->epoch = spool_epoch(u->spool);
	ret->now_us = ds_clock_wall_us();
	snprintf(ret->labels, sizeof(ret->labels), "%s", u->cfg.labels);
	snprintf(ret->alert_email, sizeof(ret->alert_email), "%s", u->cfg.alert_email);
}

/* The guard has to know who we are before it takes an order. */
static void
tell_host(struct uplink *u)
{
	struct link_status status;

	link_get_status(u->link, &status);
	if (!status.is_enrolled || u->courier == NULL ||
	    memcmp(status.host_id, u->host_id, sizeof(u->host_id)) == 0)
		return;
	if (courier_send(u->courier, DS_IPC_HOST, status.host_id, sizeof(status.host_id)) == 0)
		memcpy(u->host_id, status.host_id, sizeof(u->host_id));
}

static void
link_order(const void *data, size_t size, void *ctx)
{
	struct uplink *u = ctx;

	tell_host(u);
	if (courier_send(u->courier, DS_IPC_ORDER, data, size) < 0)
		ds_log(WARN, "an order could not be handed to the guard, leaving it out",
		    "size=%zu", size);
}

static const struct link_ops link_ops = {
	.epoch = link_epoch,
	.peek = link_peek,
	.ack = link_ack,
	.hello = link_hello,
	.order = link_order,
};

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct uplink *u = ctx;

	(void)fd;
	(void)what;
	if (spool_waits(u->spool) > 0 && spool_retry(u->spool))
		on_stored(u);
	(void)spool_sync(u->spool); /* health tells */
	tell_host(u);
	health_tick(&u->health, u->spool, u->batcher);
	if (ds_clock_monotonic_ms() - u->saved_at_ms < SAVE_MS)
		return;
	u->saved_at_ms = ds_clock_monotonic_ms();
	batcher_settle(u->batcher);
	(void)spool_save(u->spool); /* the next one comes soon */
}

static void
on_sync(evutil_socket_t fd, short what, void *ctx)
{
	struct uplink *u = ctx;

	(void)fd;
	(void)what;
	(void)spool_sync(u->spool); /* health tells; the tick tries again */
}

static void
on_signal(evutil_socket_t sig, short what, void *ctx)
{
	struct uplink *u = ctx;

	(void)what;
	if (sig == SIGHUP)
		reload(u);
	else
		say_farewell(u);
}

/* ---- start and end */

static int
open_spool(struct uplink *u)
{
	char dir[PATH_MAX], why[512];
	struct spool_config cfg = {
		.dir = dir, .max_size = u->cfg.spool_max_size, .lost = on_lost, .ctx = u
	};
	struct spool_backlog left;
	struct spool_status stats;
	int r;

	if (u->cfg.spool_dir[0] != '\0')
		snprintf(dir, sizeof(dir), "%s", u->cfg.spool_dir);
	else
		snprintf(dir, sizeof(dir), "%s/spool", u->cfg.state_dir);
	r = spool_open(&cfg, &u->spool, why, sizeof(why));
	if (r < 0) {
		ds_log(ERROR, "the spool cannot be used", "why=\"%s\"", why);
		return r;
	}
	spool_get_status(u->spool, &stats);
	spool_get_backlog(u->spool, &left);
	ds_log(INFO, "spool opened", "dir=%s batches=%llu bytes=%llu damaged=%llu", dir,
	    (unsigned long long)(left.records[0] + left.records[1]),
	    (unsigned long long)stats.bytes, (unsigned long long)stats.damaged);
	return 0;
}

static int
add_events(struct uplink *u)
{
	const struct timeval tick = { TICK_MS / 1000, TICK_MS % 1000 * 1000 };

	u->tick = event_new(u->base, -1, EV_PERSIST, on_tick, u);
	u->sync = evtimer_new(u->base, on_sync, u);
	u->term = evsignal_new(u->base, SIGTERM, on_signal, u);
	u->intr = evsignal_new(u->base, SIGINT, on_signal, u);
	u->hup = evsignal_new(u->base, SIGHUP, on_signal, u);
	if (u->tick == NULL || u->sync == NULL || u->term == NULL || u->intr == NULL ||
	    u->hup == NULL || event_add(u->tick, &tick) < 0 || event_add(u->term, NULL) < 0 ||
	    event_add(u->intr, NULL) < 0 || event_add(u->hup, NULL) < 0)
		return -ENOMEM;
	return 0;
}

/* As root: what only root may do. */
static int
begin_as_root(struct uplink *u)
{
	char why[512];
	uid_t uid;
	gid_t gid;
	int r = identity_init(&u->identity, u->cfg.state_dir, u->cfg.ca_file);

	if (r < 0) {
		ds_log(ERROR, "the state directory's name is too long", "%s", "");
		return r;
	}
	r = priv_lookup(u->cfg.user, &uid, &gid, why, sizeof(why));
	if (r == 0)
		r = priv_own_directory(u->cfg.state_dir, uid, gid, why, sizeof(why));
	if (r < 0) {
		ds_log(ERROR, "cannot become the uplink's user", "why=\"%s\"", why);
		return r;
	}
	if (u->cfg.token_file[0] != '\0') {
		r = identity_take_token(&u->identity, u->cfg.token_file, uid, gid);
		if (r < 0 && r != -ENOENT)
			ds_log(WARN, "the enrolment token cannot be read, going on without",
			    "file=%s error=\"%s\"", u->cfg.token_file, strerror(-r));
	}
	u->logs = logs_new(&u->cfg);
	u->serve = serve_new(&u->cfg);
	if (u->logs == NULL || u->serve == NULL)
		return -ENOMEM;
	r = priv_drop(u->cfg.user, why, sizeof(why));
	if (r < 0)
		ds_log(ERROR, "cannot become the uplink's user", "why=\"%s\"", why);
	return r;
}

static int
start_logs(struct uplink *u)
{
	size_t size;
	const void *notes = spool_notes(u->spool, &size);
	uint8_t copy[SPOOL_NOTES_MAX];
	char read[256];
	int r;

	memcpy(copy, notes, size);
	r = logs_start(u->logs, u->base, copy, size, &logs_ops, u);
	if (r < 0)
		return r;
	batcher_set_notes(u->batcher, on_notes, u);
	/* Where we begin counts from now on, also after a kill. */
	batcher_settle(u->batcher);
	(void)spool_save(u->spool); /* the next one comes soon */
	logs_describe(u->logs, read, sizeof(read));
	ds_log(INFO, "reading logins", "logs=\"%s\"", read);
	return 0;
}

static int
begin(struct uplink *u, int fd)
{
	struct link_config link_cfg = {
		.identity = &u->identity, .address = u->cfg.address, .token_file = u->cfg.token_file
	};
	char why[256];
	int r;

	r = begin_as_root(u);
	if (r < 0)
		return r;
	facts_read("", &u->facts);
	health_init(&u->health);
	r = open_spool(u);
	if (r < 0)
		return r;
	u->base = event_base_new();
	if (u->base == NULL)
		return -ENOMEM;
	u->batcher = batcher_new(u->base, u->spool, on_stored, u);
	if (u->batcher == NULL)
		return -ENOMEM;
	batcher_set_bulk_ms(u->batcher, (uint32_t)u->cfg.bulk_interval_ms);
	u->link = link_new(u->base, &link_cfg, &link_ops, u);
	u->courier = courier_new(u->base, fd, u->batcher, u->spool, &courier_ops, u);
	if (u->link == NULL || u->courier == NULL)
		return -ENOMEM;
	u->health.courier = u->courier;
	r = add_events(u);
	if (r == 0)
		r = start_logs(u);
	if (r < 0)
		return r;
	serve_start(
	    u->serve, u->base, &(struct serve_parts){ u->spool, u->link, u->batcher, &u->health });
	r = priv_filter(serve_accepts(u->serve), why, sizeof(why));
	if (r < 0)
		ds_log(WARN, "no system call filter, going on without", "why=\"%s\"", why);
	return 0;
}

static void
finish(struct uplink *u)
{
	struct event *const events[] = { u->tick, u->sync, u->term, u->intr, u->hup, u->farewell };

	if (u->courier != NULL)
		courier_drain(u->courier); /* a guard that was killed does not send it again */
	if (u->batcher != NULL) {
		batcher_flush(u->batcher);
		batcher_settle(u->batcher);
		batcher_set_notes(u->batcher, NULL, NULL);
	}
	serve_free(u->serve);
	logs_free(u->logs);
	courier_free(u->courier);
	u->courier = NULL;
	if (u->link != NULL)
		link_free(u->link);
	u->link = NULL;
	for (size_t i = 0; i < DS_LEN(events); i++)
		if (events[i] != NULL)
			event_free(events[i]);
	batcher_free(u->batcher);
	spool_free(u->spool);
	if (u->base != NULL)
		event_base_free(u->base);
	ds_conf_free(agent_options, &u->cfg);
}

static int
usage(int status)
{
	fprintf(status == 0 ? stdout : stderr,
	    "usage: daemonsec-uplink -c FILE --fd N | [-c FILE] --check-config\n"
	    "Started by daemonsec-agent(8), not by hand.\n");
	return status;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "fd", required_argument, NULL, 'f' }, { "check-config", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 } };
	static struct uplink u = { .config_file = DS_SYSCONFDIR "/daemonsec.conf" };
	static struct ds_conf_report report;
	bool check = false;
	int fd = -1, opt, r;

	while ((opt = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		if (opt == 'c')
			u.config_file = optarg;
		else if (opt == 'f')
			fd = (int)strtol(optarg, NULL, 10);
		else if (opt == 'k')
			check = true;
		else if (opt == 'V')
			return printf("daemonsec-uplink %s\n", PACKAGE_VERSION) < 0;
		else
			return usage(opt == 'h' ? 0 : 2);
	}
	if (optind < argc)
		return usage(2);
	r = agent_config_read(u.config_file, &u.cfg, &report);
	ds_conf_print_report(&report, stderr);
	if (check || r < 0) {
		ds_conf_free(agent_options, &u.cfg);
		return r < 0 || report.len > 0 ? 1 : 0;
	}
	if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return usage(2);
	ds_log_init("daemonsec-uplink", (enum ds_log_level)u.cfg.log_level);
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail */
	r = begin(&u, fd);
	if (r == 0)
		event_base_dispatch(u.base);
	finish(&u);
	return r < 0 ? 1 : 0;
}

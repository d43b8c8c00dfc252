/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fleet - the loop of many simulated agents.
 *
 * Called by main.c.  A tick every 50 ms starts agents at the asked rate and visits a twentieth of
 * them; everything else happens in the connections' callbacks.
 */
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/zip.h"
#include "sim/feed.h"
#include "sim/manifest.h"
#include "sim/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICK_MS    50u
#define SLICES     20u /* ticks a second */
#define SPARE_FDS  64u
#define GIVE_UP_MS 120000u /* how long to wait for one more agent to come online */
#define TOKEN_SIZE 4096u

/* ---- before the loop */

static int
sockets_check(uint32_t agents)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* what counts is what we get */
	if (agents + SPARE_FDS > limit.rlim_cur) {
		ds_log(ERROR, "too many agents for one process", "agents=%u sockets=%llu", agents,
		    (unsigned long long)limit.rlim_cur);
		return -EMFILE;
	}
	return 0;
}

static int
token_load(struct fleet *f)
{
	char *text, why[256];
	size_t size;
	int r = ds_file_read(f->cfg.token_file, TOKEN_SIZE, &text, &size);

	if (r < 0) {
		ds_log(ERROR, "cannot read the token", "file=\"%s\" error=\"%s\"",
		    f->cfg.token_file, strerror(-r));
		return r;
	}
	text[strcspn(text, " \t\r\n")] = '\0';
	r = ds_token_parse(text, &f->token);
	explicit_bzero(text, size);
	free(text);
	if (r < 0) {
		ds_log(ERROR, "not a token", "file=\"%s\"", f->cfg.token_file);
		return r;
	}
	f->enrol_tls = ds_tls_client_new(NULL, NULL, NULL, f->token.pin, why, sizeof(why));
	if (f->enrol_tls == NULL)
		ds_log(ERROR, "no TLS for enrolment", "reason=\"%s\"", why);
	return f->enrol_tls != NULL ? 0 : -EPROTO;
}

static int
address_resolve(struct fleet *f, const char *text)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	size_t len = strcspn(text, ",");
	char host[256], *port;
	int r;

	snprintf(host, sizeof(host), "%.*s", (int)len, text);
	port = strrchr(host, ':');
	if (port == NULL) {
		ds_log(ERROR, "not ADDRESS:PORT", "server=\"%s\"", host);
		return -EINVAL;
	}
	*port++ = '\0';
	if (host[0] == '[' && port[-2] == ']') {
		port[-2] = '\0';
		r = getaddrinfo(host + 1, port, &hints, &list);
	} else {
		r = getaddrinfo(host, port, &hints, &list);
	}
	if (r != 0) {
		ds_log(ERROR, "cannot resolve the server", "server=\"%s\" error=\"%s\"", host,
		    gai_strerror(r));
		return -EHOSTUNREACH;
	}
	memcpy(&f->address, list->ai_addr, list->ai_addrlen);
	f->address_len = list->ai_addrlen;
	freeaddrinfo(list);
	return 0;
}

static int
agent_init(struct fleet *f, uint32_t index, struct manifest *m)
{
	struct agent *a = &f->agents[index];
	struct ds_cert_info info;
	struct manifest_host *h;
	char path[600];

	*a = (struct agent){ .fleet = f, .number = f->cfg.first + index };
	agent_identity_path(a, path, sizeof(path));
	if (access(path, R_OK) == 0 && ds_tls_file_info(path, &info) == 0 && info.has_host) {
		a->has_identity = true;
		memcpy(a->host_id, info.host_id, sizeof(a->host_id));
	} else if (f->enrol_tls == NULL) {
		ds_log(ERROR, "no identity and no token", "agent=%u file=\"%s\"", a->number, path);
		return -ENOKEY;
	}
	h = manifest_host_get(m, a->number);
	if (h == NULL)
		return -ENOMEM;
	a->epoch = h->epoch != 0 ? h->epoch : ds_clock_wall_us();
	for (unsigned lane = 0; lane < DS_LANES; lane++)
		a->lane[lane].last_seq = h->last_seq[lane];
	a->acked = h->acked; /* moves */
	h->acked = (struct tally){ 0 };
	return 0;
}

static int
agents_init(struct fleet *f)
{
	struct manifest m;
	int r = manifest_load(f->cfg.state_dir, &m);

	if (r < 0) {
		ds_log(ERROR, "cannot read what was sent before", "dir=\"%s\" error=\"%s\"",
		    f->cfg.state_dir, strerror(-r));
		return r;
	}
	for (uint32_t i = 0; i < f->cfg.agents && r == 0; i++)
		r = agent_init(f, i, &m);
	manifest_done(&m);
	return r;
}

/* ---- the loop */

static void
on_interrupt(evutil_socket_t fd, short what, void *arg)
{
	struct fleet *f = arg;

	(void)fd;
	(void)what;
	if (f->is_draining)
		(void)event_base_loopbreak(f->base);
	else
		f->end_ms = 1;
}

static void
ramp_up(struct fleet *f, uint64_t now_ms)
{
	uint32_t settled = f->online + f->stopped;
	uint64_t since_ms;

	f->start_credit += f->cfg.ramp_per_s * TICK_MS / 1000;
	while (f->started < f->cfg.agents && f->start_credit >= 1) {
		struct agent *a = &f->agents[f->started++];

		a->has_started = true;
		f->start_credit--;
		agent_start(a);
	}
	if (f->started < f->cfg.agents || f->full_ms != 0)
		return;
	if (settled > f->settled) {
		f->settled = settled;
		f->settled_ms = now_ms;
	}
	since_ms = f->begin_ms + (uint64_t)(1000.0 * f->cfg.agents / f->cfg.ramp_per_s);
	if (settled < f->cfg.agents && now_ms < DS_MAX(since_ms, f->settled_ms) + GIVE_UP_MS)
		return;
	f->full_ms = now_ms;
	f->full_acked_events = f->stats.acked_events;
	if (f->cfg.duration_ms != 0)
		f->end_ms = now_ms + f->cfg.duration_ms;
}

static void
progress(const struct fleet *f, uint64_t now_ms)
{
	if (f->cfg.is_quiet)
		return;
	fprintf(stderr, "\r%6.1f s  %u of %u online  %llu events acknowledged  %llu failures ",
	    (double)(now_ms - f->begin_ms) / 1000, f->online, f->cfg.agents,
	    (unsigned long long)f->stats.acked_events, (unsigned long long)f->stats.failures);
}

static bool
fleet_waits(const struct fleet *f)
{
	for (uint32_t i = 0; i < f->cfg.agents; i++)
		if (agent_waits(&f->agents[i]))
			return true;
	return false;
}

static void
end_check(struct fleet *f, uint64_t now_ms)
{
	const struct feed *feed = f->cfg.feed;

	if (!f->is_draining && f->full_ms != 0 && feed->is_done != NULL && feed->is_done(f))
		f->end_ms = now_ms;
	if (!f->is_draining && f->end_ms != 0 && now_ms >= f->end_ms) {
		f->is_draining = true;
		f->end_ms = now_ms;
		f->end_acked_events = f->stats.acked_events;
	}
	if (f->is_draining && (now_ms >= f->end_ms + f->cfg.drain_ms || !fleet_waits(f)))
		(void)event_base_loopbreak(f->base);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct fleet *f = arg;
	uint64_t now_ms = ds_clock_monotonic_ms();

	(void)fd;
	(void)what;
	ramp_up(f, now_ms);
	for (uint32_t i = f->ticks % SLICES; i < f->started; i += SLICES)
		agent_visit(&f->agents[i], now_ms);
	if (++f->ticks % SLICES == 0)
		progress(f, now_ms);
	end_check(f, now_ms);
}

static int
loop_run(struct fleet *f)
{
	const struct timeval every = { .tv_usec = TICK_MS * 1000 };
	int r;

	f->base = event_base_new();
	if (f->base == NULL)
		return -ENOMEM;
	f->tick = event_new(f->base, -1, EV_PERSIST, on_tick, f);
	f->interrupt = event_new(f->base, SIGINT, EV_SIGNAL | EV_PERSIST, on_interrupt, f);
	f->terminate = event_new(f->base, SIGTERM, EV_SIGNAL | EV_PERSIST, on_interrupt, f);
	if (f->tick == NULL || f->interrupt == NULL || f->terminate == NULL ||
	    event_add(f->tick, &every) < 0 || event_add(f->interrupt, NULL) < 0 ||
	    event_add(f->terminate, NULL) < 0)
		return -ENOMEM;
	f->begin_ms = ds_clock_monotonic_ms();
	r = event_base_dispatch(f->base);
	if (!f->cfg.is_quiet)
		fprintf(stderr, "\n");
	return r < 0 ? -EIO : 0;
}

/* ---- after it */

static uint64_t
unacked_events(struct agent *a)
{
	uint64_t n = 0;

	for (unsigned lane = 0; lane < DS_LANES; lane++)
		for (size_t i = 0; i < a->lane[lane].len; i++)
			n += a->lane[lane]
				 .ring[(a->lane[lane].head + i) & (a->lane[lane].cap - 1)]
				 .parcel->events;
	return n;
}

/* Other hosts of the directory stay as they were. */
static int
manifest_update(struct fleet *f)
{
	struct manifest m;
	int r = manifest_load(f->cfg.state_dir, &m);

	for (uint32_t i = 0; i < f->cfg.agents && r == 0; i++) {
		struct agent *a = &f->agents[i];
		struct manifest_host *h = manifest_host_get(&m, a->number);

		if (h == NULL) {
			r = -ENOMEM;
			break;
		}
		memcpy(h->id, a->host_id, sizeof(h->id));
		h->epoch = a->epoch;
		for (unsigned lane = 0; lane < DS_LANES; lane++)
			h->last_seq[lane] = a->lane[lane].last_seq;
		h->unacked += unacked_events(a);
		tally_done(&h->acked);
		r = tally_add(&h->acked, &a->acked);
	}
	if (r == 0)
		r = manifest_save(f->cfg.state_dir, &m);
	manifest_done(&m);
	return r;
}

static int
fleet_init(struct fleet *f, const struct fleet_config *cfg)
{
	int r;

	*f = (struct fleet){ .cfg = *cfg, .random = cfg->seed ^ ds_clock_boot_us() };
	f->cfg.is_quiet |= isatty(STDERR_FILENO) == 0;
	snprintf(f->ca_file, sizeof(f->ca_file), "%s/ca.pem", cfg->state_dir);
	if (mkdir(cfg->state_dir, 0700) < 0 && errno != EEXIST) {
		r = -errno;
		ds_log(ERROR, "cannot make the state directory", "dir=\"%s\" error=\"%s\"",
		    cfg->state_dir, strerror(-r));
		return r;
	}
	r = sockets_check(cfg->agents);
	if (r == 0 && cfg->token_file != NULL)
		r = token_load(f);
	if (r == 0)
		r = address_resolve(f, cfg->server != NULL ? cfg->server : f->token.address);
	if (r < 0)
		return r;
	f->agents = calloc(cfg->agents, sizeof(*f->agents));
	f->scratch = ds_batch_new();
	f->builder = ds_batch_builder_new();
	if (f->agents == NULL || f->scratch == NULL || f->builder == NULL)
		return -ENOMEM;
	r = agents_init(f);
	return r < 0 || cfg->feed->open == NULL ? r : cfg->feed->open(f);
}

int
fleet_run(struct fleet *f, const struct fleet_config *cfg)
{
	int r = fleet_init(f, cfg), saved;

	if (r < 0)
		return r;
	r = loop_run(f);
	saved = manifest_update(f);
	f->is_saved = saved == 0;
	if (saved < 0)
		ds_log(ERROR, "cannot write what was sent", "dir=\"%s\" error=\"%s\"",
		    cfg->state_dir, strerror(-saved));
	return r;
}

static void
event_drop(struct event *e)
{
	if (e != NULL)
		event_free(e);
}

void
fleet_done(struct fleet *f)
{
	for (uint32_t i = 0; f->agents != NULL && i < f->cfg.agents; i++)
		agent_done(&f->agents[i]);
	if (f->cfg.feed != NULL && f->cfg.feed->close != NULL)
		f->cfg.feed->close(f);
	free(f->agents);
	event_drop(f->tick);
	event_drop(f->interrupt);
	event_drop(f->terminate);
	if (f->base != NULL)
		event_base_free(f->base);
	ds_tls_free(f->enrol_tls);
	ds_batch_free(f->scratch);
	ds_batch_builder_free(f->builder);
	ds_zip_thread_done();
	explicit_bzero(&f->token, sizeof(f->token));
}

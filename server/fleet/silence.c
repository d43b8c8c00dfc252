/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/fleet/silence.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/map.h"
#include "server/detect/alerts.h"
#include "server/detect/explain_agent.h"
#include "server/store/model_state.h"
#include "server/store/writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS_MAX  (1u << 20)
#define REFRESH_MS 10000

enum hearing {
	HEARING_UNKNOWN, /* not heard since the server started */
	HEARING_HEARD,
	HEARING_SILENT, /* told */
};

struct host {
	uint32_t number;
	enum hearing state;
	uint64_t frame_us; /* stamp of its newest frame, as it was told */
	uint64_t heard_ms; /* when that changed, monotonic */
	uint64_t refreshed_ms;
	bool approved, is_ephemeral;
	char name[256];
};

struct silence {
	struct fleet_config cfg;
	struct ds_map *hosts; /* by number */
	uint64_t now_ms;      /* of this round */
	uint64_t refresh_ms;  /* when hosts were read from the store */
};

/* An alert to be raised or closed, on its way to the writer. */
struct order_of_silence {
	struct write_request request; /* first */
	uint32_t host;
	bool close;
	struct finding finding;
};

struct silence *
silence_new(const struct fleet_config *cfg)
{
	struct silence *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->cfg = *cfg;
	s->hosts = ds_map_new(HOSTS_MAX);
	if (s->hosts == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void
silence_free(struct silence *s)
{
	if (s == NULL)
		return;
	ds_map_free(s->hosts, free);
	free(s);
}

static struct host *
host_of(struct silence *s, uint32_t number)
{
	struct host *h = ds_map_get(s->hosts, &number, sizeof(number));

	if (h != NULL)
		return h;
	h = calloc(1, sizeof(*h));
	if (h == NULL || ds_map_put(s->hosts, &number, sizeof(number), h, NULL) < 0) {
		free(h);
		return NULL;
	}
	h->number = number;
	h->heard_ms = s->now_ms;
	return h;
}

static int
read_host(const struct host_row *row, void *ctx)
{
	struct silence *s = ctx;
	struct host *h = host_of(s, row->number);

	if (h == NULL)
		return 0;
	h->approved = row->status == HOST_APPROVED;
	h->is_ephemeral = row->is_ephemeral;
	h->refreshed_ms = s->now_ms;
	snprintf(h->name, sizeof(h->name), "%s", row->name != NULL ? row->name : "");
	return 0;
}

/* Names and approvals, as the store has them. */
static int
refresh(struct silence *s)
{
	struct reader *reader = NULL;
	int r = s->cfg.backend->reader_open(s->cfg.store, &reader);

	if (r < 0)
		return r;
	r = s->cfg.backend->each_host(reader, read_host, s);
	s->cfg.backend->reader_close(reader);
	s->refresh_ms = s->now_ms;
	return r;
}

int
silence_load(struct silence *s, uint64_t now_ms)
{
	s->now_ms = now_ms;
	return refresh(s);
}

/* ---- alerts */

static int
read_stopped(const struct model_state_row *row, void *ctx)
{
	*(bool *)ctx = row->size == 1 && *(const uint8_t *)row->data != 0;
	return 0;
}

static int
run(struct write_request *request, const struct store_backend *backend, struct store *store)
{
	struct order_of_silence *o = DS_CONTAINER(request, struct order_of_silence, request);
	uint64_t now_us = ds_clock_wall_us();
	bool stopped = false;
	int r = backend->model_state->get(
	    store, o->host, 0, MODEL_STATE_STOPPED, read_stopped, &stopped);

	/* What it said last, which is no silence, stands until it starts. */
	if (r < 0 || stopped)
		return r;
	if (o->close)
		r = alerts_close_group(
		    backend, store, o->host, o->finding.group, "the agent was heard again", now_us);
	else
		r = alerts_raise_once(backend, store, o->host, &o->finding, now_us);
	return r < 0 ? r : 0;
}

static void
done(struct write_request *request, int result)
{
	struct order_of_silence *o = DS_CONTAINER(request, struct order_of_silence, request);

	if (result < 0)
		ds_log(WARN, "an alert about silence was not stored", "host=%u why=\"%s\"", o->host,
		    strerror(-result));
	free(o->finding.json);
	free(o);
}

static struct order_of_silence *
order_new(const struct host *h, bool close)
{
	struct order_of_silence *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->request = (struct write_request){ .run = run, .done = done };
	o->host = h->number;
	o->close = close;
	snprintf(o->finding.group, sizeof(o->finding.group), "agent_silent:%u", h->number);
	return o;
}

/* True when the writer has it. */
static bool
post(struct silence *s, struct order_of_silence *o)
{
	if (writer_post(s->cfg.writer, &o->request) == 0)
		return true;
	free(o->finding.json);
	free(o);
	return false;
}

static bool
take_back(struct silence *s, const struct host *h)
{
	struct order_of_silence *o = order_new(h, true);

	return o != NULL && post(s, o);
}

static bool
raise(struct silence *s, const struct host *h)
{
	struct order_of_silence *o = order_new(h, false);
	uint64_t now_us = ds_clock_wall_us(), age_ms = s->now_ms - h->heard_ms;
	const char *name = h->name[0] != '\0' ? h->name : "a host";
	struct finding *f;

	if (o == NULL)
		return false;
	f = &o->finding;
	f->kind = "agent_silent";
	f->severity = "high";
	f->score = 70;
	f->count = 1;
	f->time_us = now_us - age_ms * 1000;
	snprintf(f->id, sizeof(f->id), "fnd_silent_%u_%llx", h->number, (unsigned long long)now_us);
	snprintf(f->title, sizeof(f->title), "the agent on %.100s is silent", name);
	snprintf(f->reason, sizeof(f->reason),
	    "the agent on %.200s has said nothing for %llu s and did not say that it stops: the host or "
	    "its network is down, or somebody stopped the agent",
	    name, (unsigned long long)(age_ms / 1000));
	f->json = explain_agent_text(
	    "agent_silent", f->time_us, "last heard", "a word every few seconds", f->reason);
	if (f->json == NULL) {
		free(o);
		return false;
	}
	return post(s, o);
}

/* ---- a round */

void
silence_begin(struct silence *s, uint64_t now_ms)
{
	s->now_ms = now_ms;
	if ((s->refresh_ms == 0 || now_ms - s->refresh_ms >= REFRESH_MS) && refresh(s) < 0)
		s->refresh_ms = now_ms; /* names stay as they were; asked again in a while */
}

int
silence_heard(uint32_t host, uint64_t last_frame_us, void *silence)
{
	struct silence *s = silence;
	struct host *h = host_of(s, host);

	if (h == NULL || h->frame_us == last_frame_us)
		return 0;
	if (!h->approved) {
		h->approved = true; /* or it could not talk */
		s->refresh_ms = 0;  /* it is new: its name is asked for in the next round */
	}
	h->frame_us = last_frame_us;
	h->heard_ms = s->now_ms;
	/* Also what was open when the server started is over now. */
	if (h->state != HEARING_HEARD && take_back(s, h))
		h->state = HEARING_HEARD;
	return 0;
}

struct judging {
	struct silence *silence;
	uint64_t after_ms;
};

static int
judge(const void *key, size_t len, void *value, void *ctx)
{
	const struct judging *j = ctx;
	struct host *h = value;

	(void)key;
	(void)len;
	if (h->state == HEARING_SILENT || !h->approved || h->is_ephemeral ||
	    j->silence->now_ms - h->heard_ms < j->after_ms)
		return 0;
	if (raise(j->silence, h))
		h->state = HEARING_SILENT;
	return 0;
}

void
silence_judge(struct silence *s, uint64_t silent_after_ms)
{
	struct judging j = { s, silent_after_ms };

	(void)ds_map_each(s->hosts, judge, &j);
}

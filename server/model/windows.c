/* SPDX-License-Identifier: GPL-2.0-or-later */
/* windows - makes windows from batches; see window.h. */
#include "lib/map.h"
#include "server/model/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOLE_MAX  60u /* after more windows without anything it begins anew */
#define HOSTS_MAX (1u << 20)
#define NO_TRACK  (&no_track)

struct track {
	struct track *next;   /* of the host */
	struct window joined; /* the long one */
	uint64_t base;        /* oldest open window; 0: none yet */
	uint64_t last;        /* newest window with an event */
	bool first;           /* the next closed window has none before it */
	char name[DS_DAEMON_MAX + 1];
	struct window open[]; /* lag + 1: those that may still grow, by index modulo that */
};

struct host {
	uint32_t number;
	struct track *tracks;
	struct ds_map *by_name;
	uint64_t clock;                /* window index of the bulk lane's newest event */
	uint64_t blind_from, blind_to; /* window indexes, the newest such stretch */
};

struct hole {
	uint32_t host;
	uint64_t from_us, to_us;
};

struct windows {
	struct ds_map *hosts;
	unsigned lag; /* closed so many windows behind the host's clock */
	struct hole holes[WINDOWS_HOLES_MAX];
	size_t holes_len;
	struct windows_stats stats;
};

/* One batch under way. */
struct feed {
	struct windows *ws;
	struct host *host;
	struct ds_batch *batch;
	struct track **tracks; /* by dictionary index */
	uint64_t *hashes;      /* the same; 0: not yet */
	uint64_t received_us;
	window_call call;
	void *ctx;
};

static struct track no_track; /* never looked into */

static void
host_free(void *p)
{
	struct host *h = p;

	for (struct track *t = h->tracks, *next; t != NULL; t = next) {
		next = t->next;
		free(t);
	}
	ds_map_free(h->by_name, NULL);
	free(h);
}

struct windows *
windows_new(unsigned lag)
{
	struct windows *ws = calloc(1, sizeof(*ws));

	if (ws == NULL)
		return NULL;
	ws->lag = lag;
	ws->hosts = ds_map_new(HOSTS_MAX);
	if (ws->hosts == NULL) {
		free(ws);
		return NULL;
	}
	return ws;
}

void
windows_free(struct windows *ws)
{
	if (ws == NULL)
		return;
	ds_map_free(ws->hosts, host_free);
	free(ws);
}

int
windows_leave_out(struct windows *ws, uint32_t host, uint64_t from_us, uint64_t to_us)
{
	if (ws->holes_len == WINDOWS_HOLES_MAX)
		return -ENOSPC;
	ws->holes[ws->holes_len++] = (struct hole){ host, from_us, to_us };
	return 0;
}

void
windows_forget(struct windows *ws, uint32_t host)
{
	struct host *h = ds_map_remove(ws->hosts, &host, sizeof(host));

	if (h == NULL)
		return;
	for (const struct track *t = h->tracks; t != NULL; t = t->next)
		ws->stats.tracks--;
	host_free(h);
}

void
windows_stats(const struct windows *ws, struct windows_stats *ret)
{
	*ret = ws->stats;
}

static struct host *
host_of(struct windows *ws, uint32_t number)
{
	struct host *h = ds_map_get(ws->hosts, &number, sizeof(number));

	if (h != NULL)
		return h;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return NULL;
	h->number = number;
	h->by_name = ds_map_new(WINDOWS_TRACKS_MAX);
	if (h->by_name == NULL || ds_map_put(ws->hosts, &number, sizeof(number), h, NULL) < 0) {
		ds_map_free(h->by_name, NULL);
		free(h);
		return NULL;
	}
	return h;
}

static struct track *
track_new(const struct windows *ws)
{
	return calloc(1, sizeof(struct track) + (ws->lag + 1) * sizeof(struct window));
}

static struct window *
open_window(const struct windows *ws, struct track *t, uint64_t index)
{
	return &t->open[index % (ws->lag + 1)];
}

/* NULL: no room. */
static struct track *
track_of(struct feed *f, uint32_t index)
{
	struct ds_str name = ds_batch_string(f->batch, index);
	struct track *t = f->tracks[index];

	if (t != NULL)
		return t != NO_TRACK ? t : NULL;
	f->tracks[index] = NO_TRACK;
	if (name.len == 0 || name.len > DS_DAEMON_MAX)
		return NULL;
	t = ds_map_get(f->host->by_name, name.ptr, name.len);
	if (t == NULL && f->ws->stats.tracks >= WINDOWS_TRACKS_MAX)
		f->ws->stats.refused++;
	else if (t == NULL && (t = track_new(f->ws)) != NULL) {
		memcpy(t->name, name.ptr, name.len);
		if (ds_map_put(f->host->by_name, name.ptr, name.len, t, NULL) < 0) {
			free(t);
			return NULL;
		}
		t->next = f->host->tracks;
		f->host->tracks = t;
		f->ws->stats.tracks++;
	}
	if (t != NULL)
		f->tracks[index] = t;
	return t;
}

/* ---- closing */

static void
emit_long(struct feed *f, struct track *t, const struct window *w)
{
	struct window *j = &t->joined;
	uint64_t slot = w->index / WINDOW_LONG;

	if (w->first || j->minutes == 0 || j->index / WINDOW_LONG != slot)
		*j = (struct window){ .index = w->index, .first = w->first };
	window_join(j, w);
	if ((w->index + 1) % WINDOW_LONG != 0)
		return;
	/* Of a stretch that was not watched from its beginning nothing is said. */
	if (j->minutes == WINDOW_LONG)
		f->call(&(struct window_closed){ f->host->number, t->name, j, true }, f->ctx);
	j->minutes = 0;
}

static void
close_oldest(struct feed *f, struct track *t)
{
	struct window *w = open_window(f->ws, t, t->base);
	const struct host *h = f->host;

	w->minutes = 1;
	w->index = t->base;
	w->first = t->first;
	w->blind |= h->blind_to >= t->base && h->blind_from <= t->base;
	t->first = false;
	f->ws->stats.closed++;
	f->call(&(struct window_closed){ h->number, t->name, w, false }, f->ctx);
	emit_long(f, t, w);
	*w = (struct window){ .index = 0 };
	t->base++;
}

static void
begin_at(const struct windows *ws, struct track *t, uint64_t index)
{
	for (size_t i = 0; i <= ws->lag; i++)
		t->open[i] = (struct window){ .index = 0 };
	t->joined.minutes = 0;
	t->base = index;
	t->first = true;
}

/* Closes what is older than the host's clock allows. */
static void
advance(struct feed *f, struct track *t, uint64_t clock)
{
	if (t->base == 0)
		return;
	while (t->base + f->ws->lag <= clock && t->base <= t->last + HOLE_MAX)
		close_oldest(f, t);
	/* Nothing for long: it begins anew with its next event. */
	if (t->base > t->last + HOLE_MAX)
		t->base = 0;
}

/* ---- events */

static const struct kind_use {
	int8_t count;  /* enum window_count + 1 */
	int8_t sketch; /* enum window_sketch_kind + 1 */
	uint8_t str;
} uses[DS_EVENT_MAX] = {
	[DS_EVENT_EXEC] = { WINDOW_EXEC + 1, WINDOW_PROGRAMS + 1, DS_STR_EXE },
	[DS_EVENT_EXEC_MEMORY] = { WINDOW_EXEC + 1, WINDOW_PROGRAMS + 1, DS_STR_EXE },
	[DS_EVENT_EXEC_DELETED] = { WINDOW_EXEC + 1, WINDOW_PROGRAMS + 1, DS_STR_EXE },
	[DS_EVENT_FORK] = { WINDOW_FORK + 1, 0, 0 },
	[DS_EVENT_EXIT] = { WINDOW_EXIT + 1, 0, 0 },
	[DS_EVENT_CONNECT] = { WINDOW_CONNECT + 1, WINDOW_PEERS + 1, DS_STR_DADDR },
	[DS_EVENT_SEND] = { WINDOW_SEND + 1, WINDOW_PEERS + 1, DS_STR_DADDR },
	[DS_EVENT_ACCEPT] = { WINDOW_ACCEPT + 1, WINDOW_SOURCES + 1, DS_STR_SADDR },
	[DS_EVENT_LISTEN] = { WINDOW_LISTEN + 1, 0, 0 },
	[DS_EVENT_FILE_WRITE] = { WINDOW_WRITE + 1, WINDOW_PATHS + 1, DS_STR_PATH },
	[DS_EVENT_FILE_CREATE] = { WINDOW_CREATE + 1, WINDOW_PATHS + 1, DS_STR_PATH },
	[DS_EVENT_FILE_RENAME] = { WINDOW_RENAME + 1, WINDOW_PATHS + 1, DS_STR_PATH },
	[DS_EVENT_FILE_UNLINK] = { WINDOW_UNLINK + 1, WINDOW_PATHS + 1, DS_STR_PATH },
	[DS_EVENT_FILE_CHMOD] = { WINDOW_MODE + 1, WINDOW_PATHS + 1, DS_STR_PATH },
	[DS_EVENT_FILE_CHOWN] = { WINDOW_MODE + 1, WINDOW_PATHS + 1, DS_STR_PATH },
	[DS_EVENT_FILE_READ] = { WINDOW_READ + 1, WINDOW_PATHS + 1, DS_STR_PATH },
	[DS_EVENT_SETUID] = { WINDOW_PRIVILEGE + 1, 0, 0 },
	[DS_EVENT_SETGID] = { WINDOW_PRIVILEGE + 1, 0, 0 },
	[DS_EVENT_CAPSET] = { WINDOW_PRIVILEGE + 1, 0, 0 },
	[DS_EVENT_PTRACE] = { WINDOW_KERNEL + 1, 0, 0 },
	[DS_EVENT_MODULE_LOAD] = { WINDOW_KERNEL + 1, 0, 0 },
	[DS_EVENT_BPF_LOAD] = { WINDOW_KERNEL + 1, 0, 0 },
	[DS_EVENT_MOUNT] = { WINDOW_KERNEL + 1, 0, 0 },
	[DS_EVENT_NAMESPACE] = { WINDOW_KERNEL + 1, 0, 0 },
	[DS_EVENT_VM_WRITE] = { WINDOW_KERNEL + 1, 0, 0 },
	[DS_EVENT_LOGIN] = { WINDOW_LOGIN + 1, WINDOW_SOURCES + 1, DS_STR_SADDR },
	[DS_EVENT_LOG] = { WINDOW_LOG_BAD + 1, 0, 0 },
};

static uint32_t
bounded(uint64_t a, uint64_t b)
{
	return a + b > UINT32_MAX || a + b < a ? UINT32_MAX : (uint32_t)(a + b);
}

/* FNV-1a, then mixed: the same on every machine. */
static uint64_t
hash(struct ds_str s)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (uint32_t i = 0; i < s.len; i++)
		h = (h ^ (uint8_t)s.ptr[i]) * 0x100000001b3ull;
	h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9ull;
	return (h ^ h >> 32) | 1;
}

static int
sketch(struct feed *f, struct window *w, const struct kind_use *use, size_t i, uint64_t count)
{
	const uint32_t *column = ds_batch_strs(f->batch, (enum ds_str_field)use->str);
	struct window_sketch *s = &w->sketch[use->sketch - 1];
	uint64_t h;

	if (column == NULL)
		return -ENOMEM;
	if (f->hashes[column[i]] == 0)
		f->hashes[column[i]] = hash(ds_batch_string(f->batch, column[i]));
	h = f->hashes[column[i]];
	s->bits[h >> 8 & 3] |= UINT64_C(1) << (h >> 10 & 63);
	s->part[h >> 20 & 15] = bounded(s->part[h >> 20 & 15], count);
	return 0;
}

static int
take_usage(struct feed *f, struct window *w, size_t i)
{
	static const enum ds_num_field fields[WINDOW_USAGES] = { DS_NUM_CPU_US, DS_NUM_IO_READ,
		DS_NUM_IO_WRITE, DS_NUM_RSS, DS_NUM_THREADS, DS_NUM_FDS, DS_NUM_SOCKETS,
		DS_NUM_PROCESSES };

	for (size_t k = 0; k < WINDOW_USAGES; k++) {
		const uint64_t *column = ds_batch_nums(f->batch, fields[k]);

		if (column == NULL)
			return -ENOMEM;
		if (k <= WINDOW_IO_WRITE)
			w->usage[k] += (double)column[i];
		else
			w->usage[k] = DS_MAX(w->usage[k], (double)column[i]);
	}
	w->samples++;
	return 0;
}

/* Ends that were bad, logins that failed. */
static int
take_outcome(struct feed *f, struct window *w, uint8_t kind, size_t i, uint64_t count)
{
	const uint64_t *a, *b;

	if (kind == DS_EVENT_EXIT) {
		a = ds_batch_nums(f->batch, DS_NUM_EXIT_CODE);
		b = ds_batch_nums(f->batch, DS_NUM_SIGNAL);
		if (a == NULL || b == NULL)
			return -ENOMEM;
		if (a[i] != 0 || b[i] != 0)
			w->count[WINDOW_EXIT_BAD] = bounded(w->count[WINDOW_EXIT_BAD], count);
	}
	if (kind == DS_EVENT_LOGIN) {
		a = ds_batch_nums(f->batch, DS_NUM_OUTCOME);
		if (a == NULL)
			return -ENOMEM;
		if (a[i] == 2)
			w->count[WINDOW_LOGIN_BAD] = bounded(w->count[WINDOW_LOGIN_BAD], count);
	}
	return 0;
}

static int
add_event(struct feed *f, struct window *w, uint8_t kind, size_t i, uint64_t count)
{
	const struct kind_use *use = &uses[kind];
	int r = 0;

	w->events = bounded(w->events, count);
	if (use->count > 0)
		w->count[use->count - 1] = bounded(w->count[use->count - 1], count);
	if (use->sketch > 0)
		r = sketch(f, w, use, i, count);
	if (r == 0 && (kind == DS_EVENT_EXIT || kind == DS_EVENT_LOGIN))
		r = take_outcome(f, w, kind, i, count);
	return r;
}

static int
take_event(struct feed *f, uint32_t daemon, uint8_t kind, uint64_t index, size_t i, uint64_t count)
{
	struct track *t = track_of(f, daemon);
	struct window *w;

	if (t == NULL)
		return 0;
	if (t->base == 0)
		begin_at(f->ws, t, index);
	/* The clock of the host went back by far: what is open is of another time. */
	if (index + HOLE_MAX + f->ws->lag < t->base)
		begin_at(f->ws, t, index);
	if (index < t->base || index > t->base + f->ws->lag) {
		f->ws->stats.late++;
		return 0;
	}
	if (index > t->last || t->last > index + HOLE_MAX)
		t->last = index;
	w = open_window(f->ws, t, index);
	return kind == DS_EVENT_RESOURCE ? take_usage(f, w, i) : add_event(f, w, kind, i, count);
}

static int
take_gap(struct feed *f, uint64_t time_us, uint8_t kind, size_t i)
{
	const uint64_t *durations = ds_batch_nums(f->batch, DS_NUM_DURATION_US);
	uint64_t length, from, to;
	struct host *h = f->host;

	if (durations == NULL)
		return -ENOMEM;
	length = kind == DS_EVENT_GAP ? DS_MIN(durations[i], time_us) : 0;
	/* Nobody looked since the newest event that is known. */
	if (kind == DS_EVENT_AGENT_START && h->clock > 0 && h->clock < time_us / WINDOW_US)
		length = time_us - h->clock * WINDOW_US;
	from = (time_us - length) / WINDOW_US;
	to = time_us / WINDOW_US;
	for (struct track *t = h->tracks; t != NULL; t = t->next)
		for (uint64_t k = DS_MAX(from, t->base); k <= to && k <= t->base + f->ws->lag; k++)
			open_window(f->ws, t, k)->blind = true;
	/* One stretch is kept, for those that are not open yet: what comes soon after belongs to
	 * it. */
	if (h->blind_to + 2 < from || h->blind_to > to + HOLE_MAX)
		h->blind_from = from;
	h->blind_from = DS_MIN(h->blind_from, from);
	h->blind_to = to;
	return 0;
}

static bool
is_left_out(const struct feed *f, uint64_t time_us)
{
	for (size_t i = 0; i < f->ws->holes_len; i++) {
		const struct hole *o = &f->ws->holes[i];

		if ((o->host == 0 || o->host == f->host->number) && time_us >= o->from_us &&
		    time_us < o->to_us)
			return true;
	}
	return false;
}

/* Before the events of a minute, what is then too old is closed. */
static void
set_clock(struct feed *f, uint64_t index)
{
	struct host *h = f->host;

	if (index <= h->clock && h->clock < index + HOLE_MAX + f->ws->lag)
		return;
	h->clock = index;
	for (struct track *t = h->tracks; t != NULL; t = t->next)
		advance(f, t, index);
}

static bool
is_gap(uint8_t kind)
{
	return kind == DS_EVENT_GAP || kind == DS_EVENT_AGENT_STOP || kind == DS_EVENT_AGENT_START;
}

static int
take_all(struct feed *f, bool bulk)
{
	struct ds_batch *b = f->batch;
	const uint64_t *times = ds_batch_times(b), *counts = ds_batch_counts(b);
	const uint8_t *kinds = ds_batch_kinds(b), *flags = ds_batch_flags(b);
	const uint32_t *daemons = ds_batch_daemons(b);
	size_t len = ds_batch_len(b);
	int r = 0;

	if (!times || !counts || !kinds || !flags || !daemons)
		return -ENOMEM;
	for (size_t i = 0; i < len && r == 0; i++) {
		uint64_t time_us = DS_MIN(times[i], f->received_us), index = time_us / WINDOW_US;
		uint8_t kind = kinds[i];

		if ((flags[i] & DS_FLAG_INITIAL) || index == 0 || is_left_out(f, time_us))
			continue;
		/* What a gap covers is blind before the clock closes it. */
		if (is_gap(kind))
			r = take_gap(f, time_us, kind, i);
		if (bulk)
			set_clock(f, index);
		if (r == 0 && !is_gap(kind) && daemons[i] != 0 &&
		    (uses[kind].count > 0 || kind == DS_EVENT_RESOURCE))
			r = take_event(f, daemons[i], kind, index, i, counts[i]);
	}
	return r;
}

int
windows_feed(struct windows *ws, uint32_t host, bool bulk, struct ds_batch *b, uint64_t received_us,
    window_call call, void *ctx)
{
	struct feed f = {
		.ws = ws, .batch = b, .received_us = received_us, .call = call, .ctx = ctx
	};
	int r = -ENOMEM;

	f.host = host_of(ws, host);
	f.tracks = calloc(ds_batch_strings(b), sizeof(struct track *));
	f.hashes = calloc(ds_batch_strings(b), sizeof(*f.hashes));
	if (f.host != NULL && f.tracks != NULL && f.hashes != NULL)
		r = take_all(&f, bulk);
	free(f.tracks);
	free(f.hashes);
	return r;
}

void
windows_flush(struct windows *ws, uint32_t host, window_call call, void *ctx)
{
	struct feed f = { .ws = ws, .call = call, .ctx = ctx };

	f.host = ds_map_get(ws->hosts, &host, sizeof(host));
	for (struct track *t = f.host != NULL ? f.host->tracks : NULL; t != NULL; t = t->next)
		advance(&f, t, f.host->clock + ws->lag - WINDOWS_LAG);
}

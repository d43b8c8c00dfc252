/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fold - folds what happens again and again: the first time in full, then counted.
 *
 * A set-associative table of hashes; an entry that repeats keeps a copy of its event, so that the
 * count can be told when nothing more happens.
 */
#include "agent/guard/sensors/fold.h"

#include "agent/guard/emit.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/map.h"

#include <stdlib.h>
#include <string.h>

#define SETS     1024u
#define WAYS     4u
#define KEY_MAX  4608u
#define COPY_MAX (1u << 20) /* bytes of all copies */
#define EXEC_MS  1000u

struct seen {
	uint64_t hash; /* 0: free */
	uint64_t used_ms, told_ms;
	uint64_t pending; /* happened since it was told */
	uint8_t *copy;    /* of the event when something is pending; owned */
	uint32_t copy_size;
};

static struct seen table[SETS][WAYS];
static uint64_t interval = 10000;
static size_t copied; /* bytes */

void
fold_init(uint64_t interval_ms)
{
	interval = interval_ms;
}

static void
copy_free(struct seen *s)
{
	copied -= s->copy_size;
	free(s->copy);
	s->copy = NULL;
	s->copy_size = 0;
}

static void
copy_make(struct seen *s, const struct ds_event *ev)
{
	struct ds_buf b;

	if (s->copy != NULL || copied > COPY_MAX)
		return;
	ds_buf_init(&b, DS_IPC_MESSAGE_MAX);
	if (ds_ipc_put_event(&b, ev) == 0) {
		s->copy = b.data;
		s->copy_size = (uint32_t)b.len;
		copied += b.len;
		return;
	}
	ds_buf_done(&b);
}

static uint64_t
interval_of(uint8_t kind)
{
	return kind == DS_EVENT_EXEC ? EXEC_MS : interval;
}

/* What is pending, with the particulars of the copy. */
static void
flush(struct seen *s, uint64_t now_ms)
{
	struct ds_event ev;
	struct ds_buf b;

	ds_buf_view(&b, s->copy, s->copy_size);
	if (s->copy != NULL && ds_ipc_get_event(&b, &ev) == 0) {
		ev.count = s->pending;
		ev.flags = (uint8_t)((ev.flags & ~DS_FLAG_FIRST) | DS_FLAG_REPEAT);
		ev.time_us = ds_clock_wall_us();
		emit_event(&ev);
	}
	copy_free(s);
	s->pending = 0;
	s->told_ms = now_ms;
}

static uint64_t
hash_of(const struct ds_event *ev, const void *key, size_t len)
{
	static uint8_t text[1 + DS_DAEMON_MAX + KEY_MAX];
	size_t daemon_len = DS_MIN(ev->daemon.len, DS_DAEMON_MAX);
	uint64_t hash;

	len = DS_MIN(len, KEY_MAX);
	text[0] = ev->kind;
	memcpy(text + 1, ev->daemon.ptr, daemon_len);
	memcpy(text + 1 + daemon_len, key, len);
	hash = ds_hash(text, 1 + daemon_len + len);
	return hash != 0 ? hash : 1;
}

/* The entry of that hash, or the one to be replaced by it. */
static struct seen *
find(uint64_t hash)
{
	struct seen *set = table[hash % SETS], *oldest = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].hash == hash)
			return &set[i];
		if (set[i].used_ms < oldest->used_ms)
			oldest = &set[i];
	}
	return oldest;
}

void
fold_event(struct ds_event *ev, const void *key, size_t len)
{
	uint64_t now_ms = ds_clock_monotonic_ms(), hash = hash_of(ev, key, len);
	struct seen *s = find(hash);

	if (s->hash != hash) {
		if (s->pending > 0)
			flush(s, now_ms);
		*s = (struct seen){ .hash = hash, .used_ms = now_ms, .told_ms = now_ms };
		ev->flags |= DS_FLAG_FIRST;
		emit_event(ev);
		return;
	}
	s->used_ms = now_ms;
	if (s->pending == 0 && ev->kind == DS_EVENT_EXEC && now_ms - s->told_ms >= EXEC_MS) {
		s->told_ms = now_ms;
		emit_event(ev);
		return;
	}
	s->pending += ev->count;
	copy_make(s, ev);
}

void
fold_tick(uint64_t now_ms)
{
	for (size_t i = 0; i < SETS * WAYS; i++) {
		struct seen *s = &table[i / WAYS][i % WAYS];

		if (s->pending > 0 && s->copy_size > 0 &&
		    now_ms - s->told_ms >= interval_of(s->copy[0]))
			flush(s, now_ms);
	}
}

void
fold_done(void)
{
	for (size_t i = 0; i < SETS * WAYS; i++) {
		copy_free(&table[i / WAYS][i % WAYS]);
		table[i / WAYS][i % WAYS] = (struct seen){ 0 };
	}
}

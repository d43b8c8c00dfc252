/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repeat - remembers what every behaviour looked like, so that the counts which the kernel keeps
 * can be told as events.
 *
 * Called by attribute (events) and main (flush) on the guard's only thread.  Owns the templates,
 * each an event as one row of lib/ipc; the counts are the kernel's.
 */
#include "agent/guard/repeat.h"
#include "agent/guard/emit.h"
#include "lib/ipc.h"
#include "lib/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RECENT_MAX 64u
#define ROW_MAX    (32u << 10)
#define NEW_US     (UINT64_C(3600) * 1000000) /* so long a behaviour is new, should it be stopped */

struct template
{
	struct template *newer, *older;
	uint64_t key;
	uint64_t told;  /* of the kernel's count, what was emitted */
	uint64_t extra; /* counted here: the kernel did not know the key */
	uint64_t first_us;
	uint32_t size;
	uint8_t row[];
};

static const struct repeat_counts *counts;
static struct ds_map *by_key;
static struct template *newest, *oldest;
static size_t len_max, bytes, bytes_max;
static uint64_t recent[RECENT_MAX]; /* keys of programs started since the last flush */
static size_t recent_len;
static uint64_t flush_us;

int
repeat_init(const struct repeat_counts *c, size_t max_len, size_t max_bytes)
{
	counts = c;
	len_max = max_len;
	bytes_max = max_bytes;
	by_key = ds_map_new(max_len + 1);
	return by_key != NULL ? 0 : -ENOMEM;
}

static void
template_unlink(struct template *t)
{
	*(t->newer != NULL ? &t->newer->older : &newest) = t->older;
	*(t->older != NULL ? &t->older->newer : &oldest) = t->newer;
}

static void
template_link(struct template *t)
{
	t->newer = NULL;
	t->older = newest;
	*(newest != NULL ? &newest->newer : &oldest) = t;
	newest = t;
}

static void
template_touch(struct template *t)
{
	if (t == newest)
		return;
	template_unlink(t);
	template_link(t);
}

static struct template *
template_find(uint64_t key)
{
	return ds_map_get(by_key, &key, sizeof(key));
}

/* Emits `count` more of a template. */
static void
template_tell(struct template *t, uint64_t count, uint64_t now_us)
{
	struct ds_event ev;
	struct ds_buf row;

	ds_buf_view(&row, t->row, t->size);
	if (count == 0 || ds_ipc_get_event(&row, &ev) < 0)
		return;
	ev.flags = (uint8_t)((ev.flags & ~DS_FLAG_FIRST) | DS_FLAG_REPEAT);
	ev.time_us = now_us;
	ev.count = count;
	emit_event(&ev);
}

/* What was counted since the last time; it counts as told. */
static uint64_t
template_due(struct template *t, uint64_t total)
{
	uint64_t due = t->extra + (total > t->told ? total - t->told : 0);

	t->told = total;
	t->extra = 0;
	return due;
}

static void
template_free(struct template *t)
{
	bytes -= sizeof(*t) + t->size;
	template_unlink(t);
	(void)ds_map_remove(by_key, &t->key, sizeof(t->key));
	free(t);
}

void
repeat_done(void)
{
	while (oldest != NULL)
		template_free(oldest);
	ds_map_free(by_key, NULL);
	by_key = NULL;
	recent_len = 0;
}

static void
evict(uint64_t now_us)
{
	uint64_t total;

	while (oldest != NULL && (ds_map_len(by_key) > len_max || bytes > bytes_max)) {
		counts->remove(oldest->key, &total);
		template_tell(oldest, template_due(oldest, total), now_us);
		template_free(oldest);
	}
}

/* Remembers an event as it was sent; NULL: one that is not told. */
static void
template_add(uint64_t key, const struct ds_event *ev)
{
	static struct ds_buf row;
	struct template *t;
	uint64_t total;

	if (row.max == 0)
		ds_buf_init(&row, ROW_MAX);
	ds_buf_clear(&row);
	if ((ev != NULL && ds_ipc_put_event(&row, ev) < 0) ||
	    (t = malloc(sizeof(*t) + row.len)) == NULL) {
		counts->remove(key, &total);
		return;
	}
	*t = (struct template){ .key = key,
		.first_us = ev != NULL ? ev->time_us : 0,
		.size = (uint32_t)row.len };
	if (row.len > 0)
		memcpy(t->row, row.data, row.len);
	if (ds_map_put(by_key, &key, sizeof(key), t, NULL) < 0) {
		free(t);
		counts->remove(key, &total);
		return;
	}
	bytes += sizeof(*t) + t->size;
	template_link(t);
	evict(ev != NULL ? ev->time_us : flush_us);
}

static void
remember_recent(uint64_t key)
{
	for (size_t i = 0; i < recent_len; i++)
		if (recent[i] == key)
			return;
	if (recent_len < RECENT_MAX)
		recent[recent_len++] = key;
}

void
repeat_event(uint64_t key, struct ds_event *ev, bool counted, bool full)
{
	struct template *t = template_find(key);
	uint64_t total = 0, due;

	if (full)
		remember_recent(key);
	if (t == NULL) {
		if (ev->count == 0)
			ev->count = 1; /* known to the kernel, forgotten here */
		emit_event(ev);
		template_add(key, ev);
		if (!counted && template_find(key) != NULL)
			(void)counts->add(key); /* full: we count */
		return;
	}
	template_touch(t);
	t->extra += ev->count;
	if (!full)
		return;
	if (counts->get(key, &total) < 0)
		total = t->told;
	due = template_due(t, total);
	if (due == 0)
		return;
	ev->count = due;
	ev->flags &= (uint8_t)~DS_FLAG_FIRST;
	if (ev->time_us < t->first_us + NEW_US)
		ev->flags |= DS_FLAG_SOON;
	emit_event(ev);
}

void
repeat_mute(uint64_t key)
{
	if (template_find(key) == NULL)
		template_add(key, NULL);
}

bool
repeat_knows(uint64_t key)
{
	return template_find(key) != NULL;
}

static void
flush_one(uint64_t key, uint64_t total)
{
	struct template *t = template_find(key);
	uint64_t due;

	if (t == NULL)
		return;
	due = template_due(t, total);
	if (due == 0)
		return;
	template_touch(t);
	template_tell(t, due, flush_us);
}

/* Behaviours that only we count: the kernel's map was full. */
static void
flush_extra(void)
{
	for (struct template *t = newest; t != NULL; t = t->older)
		if (t->extra > 0) {
			template_tell(t, t->extra, flush_us);
			t->extra = 0;
		}
}

void
repeat_flush(uint64_t now_us)
{
	flush_us = now_us;
	if (counts->each(flush_one) < 0)
		emit_gap("repeats", 1, 0, "counted repeats could not be read");
	flush_extra();
}

void
repeat_flush_recent(uint64_t now_us)
{
	size_t kept = 0;
	uint64_t total, due;
	struct template *t;

	for (size_t i = 0; i < recent_len; i++) {
		t = template_find(recent[i]);
		if (t == NULL || counts->get(recent[i], &total) < 0)
			continue;
		due = template_due(t, total);
		template_tell(t, due, now_us);
		if (due > 0)
			recent[kept++] = recent[i];
	}
	recent_len = kept;
}

size_t
repeat_len(void)
{
	return by_key != NULL ? ds_map_len(by_key) : 0;
}

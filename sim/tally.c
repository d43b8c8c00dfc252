/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tally - counts and checksums of events; used by whoever owns it, on one thread. */
#include "sim/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
tally_done(struct tally *t)
{
	free(t->rows);
	*t = (struct tally){ 0 };
}

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9fb21c651e98df25);
	return h ^ h >> 32;
}

static uint64_t
mix_bytes(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t v;

	h = mix(h, len);
	for (; len >= sizeof(v); len -= sizeof(v), p += sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		h = mix(h, v);
	}
	for (v = 0; len > 0; len--)
		v = v << 8 | p[len - 1];
	return mix(h, v);
}

static uint64_t
event_hash(const struct ds_event *ev)
{
	uint64_t h = mix(ev->time_us, ev->count);

	h = mix(h, (uint64_t)ev->kind << 8 | ev->flags);
	h = mix_bytes(h, ev->daemon.ptr, ev->daemon.len);
	for (unsigned i = 1; i < DS_NUM_MAX; i++)
		if (ev->num[i] != 0)
			h = mix(mix(h, i), ev->num[i]);
	for (unsigned i = 0; i < DS_STR_END - DS_STR_FIRST; i++)
		if (ev->str[i].len > 0)
			h = mix_bytes(mix(h, DS_STR_FIRST + i), ev->str[i].ptr, ev->str[i].len);
	return h;
}

static bool
row_is(const struct tally_row *row, const char *daemon, size_t len, uint8_t kind)
{
	return row->kind == kind && memcmp(row->daemon, daemon, len) == 0 &&
	       row->daemon[len] == '\0';
}

/* The row, made when it is not there; NULL when there is no room. */
static struct tally_row *
row_get(struct tally *t, const char *daemon, size_t len, uint8_t kind)
{
	struct tally_row *rows;

	if (t->last < t->len && row_is(&t->rows[t->last], daemon, len, kind))
		return &t->rows[t->last];
	for (t->last = 0; t->last < t->len; t->last++)
		if (row_is(&t->rows[t->last], daemon, len, kind))
			return &t->rows[t->last];
	if (t->len >= SIM_TALLY_ROWS_MAX)
		return NULL;
	if (t->len == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 16;

		rows = realloc(t->rows, cap * sizeof(*rows));
		if (rows == NULL)
			return NULL;
		t->rows = rows;
		t->cap = cap;
	}
	t->rows[t->len] = (struct tally_row){ .kind = kind };
	memcpy(t->rows[t->len].daemon, daemon, len);
	return &t->rows[t->len++];
}

int
tally_add_event(struct tally *t, const struct ds_event *ev)
{
	const char *daemon = ev->daemon.len > 0 ? ev->daemon.ptr : "";
	struct tally_row *row = row_get(t, daemon, ev->daemon.len, ev->kind);

	if (row == NULL)
		return -ENOMEM;
	row->events++;
	row->count += ev->count;
	row->checksum += event_hash(ev);
	return 0;
}

int
tally_add_row(struct tally *t, const struct tally_row *row)
{
	struct tally_row *mine = row_get(t, row->daemon, strlen(row->daemon), row->kind);

	if (mine == NULL)
		return -ENOMEM;
	mine->events += row->events;
	mine->count += row->count;
	mine->checksum += row->checksum;
	return 0;
}

int
tally_add(struct tally *t, const struct tally *other)
{
	int r = 0;

	for (size_t i = 0; i < other->len && r == 0; i++)
		r = tally_add_row(t, &other->rows[i]);
	return r;
}

int
tally_add_batch(struct tally *t, struct ds_batch *scratch, const void *packed, size_t size)
{
	struct ds_event ev;
	int r = ds_batch_decode(scratch, packed, size);

	for (size_t i = 0; r == 0 && i < ds_batch_len(scratch); i++) {
		r = ds_batch_event(scratch, i, &ev);
		if (r == 0)
			r = tally_add_event(t, &ev);
	}
	return r;
}

uint64_t
tally_events(const struct tally *t)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->len; i++)
		n += t->rows[i].events;
	return n;
}

const struct tally_row *
tally_find(const struct tally *t, const char *daemon, uint8_t kind)
{
	for (size_t i = 0; i < t->len; i++)
		if (row_is(&t->rows[i], daemon, strlen(daemon), kind))
			return &t->rows[i];
	return NULL;
}

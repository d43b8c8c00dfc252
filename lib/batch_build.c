/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_build - collects events for a batch.
 *
 * Called by the uplink's batcher, the server's compactor and the simulator, each with builders of
 * their own.  Strings are kept once; batch_pack.c turns what is here into bytes.
 */
#include "lib/batch_build.h"

#include "lib/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_MAX  (3u << 20) /* leaves a packed batch below DS_BATCH_PACKED_MAX */
#define ROW_WEIGHT  12u        /* time, group, count and flags of an event, bytes */
#define STRING_COST 3u         /* length and reference of a string, bytes */
#define KEEP_MAX    (1u << 20) /* bytes of an array kept when the builder is cleared */
#define FIRST_LEN   256u       /* elements of an array at first */
#define SLOTS_FIRST 1024u
#define ID_EMPTY    0u

static void
cells_lay_out(struct ds_batch_builder *b)
{
	for (unsigned kind = 0; kind < DS_EVENT_MAX; kind++) {
		uint64_t nums = ds_kind_table[kind].nums, strs = ds_kind_table[kind].strs;
		uint8_t n = 0;

		for (; nums != 0; nums &= nums - 1)
			b->cell_at[kind][__builtin_ctzll(nums)] = n++;
		for (; strs != 0; strs &= strs - 1)
			b->cell_at[kind][DS_STR_FIRST + __builtin_ctzll(strs)] = n++;
		b->cells_of[kind] = n;
	}
}

struct ds_batch_builder *
ds_batch_builder_new(void)
{
	struct ds_batch_builder *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	cells_lay_out(b);
	b->slots = calloc(SLOTS_FIRST, sizeof(*b->slots));
	b->strings = calloc(FIRST_LEN, sizeof(*b->strings));
	if (b->slots == NULL || b->strings == NULL) {
		ds_batch_builder_free(b);
		return NULL;
	}
	b->slots_cap = SLOTS_FIRST;
	b->strings_cap = FIRST_LEN;
	b->strings_len = 1;
	return b;
}

void
ds_batch_builder_free(struct ds_batch_builder *b)
{
	if (b == NULL)
		return;
	free(b->rows);
	free(b->cells);
	free(b->string_bytes);
	free(b->strings);
	free(b->slots);
	free(b);
}

/* The array with room for `more` elements; NULL when there is no memory, and the old one stays. */
static void *
array_grow(void *array, size_t *cap, size_t len, size_t more, size_t element)
{
	size_t want = *cap ? *cap : FIRST_LEN;
	void *p;

	if (array != NULL && len + more <= *cap)
		return array;
	while (want < len + more)
		want *= 2;
	p = realloc(array, want * element);
	if (p != NULL)
		*cap = want;
	return p;
}

static void
slot_set(uint32_t *slots, size_t cap, uint32_t hash, uint32_t number)
{
	size_t i = hash & (cap - 1);

	while (slots[i] != ID_EMPTY)
		i = (i + 1) & (cap - 1);
	slots[i] = number;
}

/* Keeps the table at most half full with `more` strings. */
static int
slots_grow(struct ds_batch_builder *b, size_t more)
{
	size_t cap = b->slots_cap;
	uint32_t *slots;

	if ((b->strings_len + more) * 2 <= cap)
		return 0;
	while ((b->strings_len + more) * 2 > cap)
		cap *= 2;
	slots = calloc(cap, sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 1; i < b->strings_len; i++)
		slot_set(slots, cap, b->strings[i].hash, (uint32_t)i);
	free(b->slots);
	b->slots = slots;
	b->slots_cap = cap;
	return 0;
}

static bool
string_is(const struct ds_batch_builder *b, uint32_t number, const struct ds_str *s)
{
	const struct batch_string *e = &b->strings[number];

	return e->len == s->len && memcmp(b->string_bytes + e->offset, s->ptr, s->len) == 0;
}

/* The number of a string, which is added when it is new; there is room.  *last is the number found
 * by the same field before. */
static uint32_t
string_number(struct ds_batch_builder *b, const struct ds_str *s, uint32_t *last)
{
	uint32_t hash;
	size_t i;

	if (s->len == 0)
		return ID_EMPTY;
	if (*last != ID_EMPTY && string_is(b, *last, s))
		return *last;
	hash = (uint32_t)ds_hash(s->ptr, s->len);
	for (i = hash & (b->slots_cap - 1); b->slots[i] != ID_EMPTY;
	     i = (i + 1) & (b->slots_cap - 1)) {
		*last = b->slots[i];
		if (b->strings[*last].hash == hash && string_is(b, *last, s))
			return *last;
	}
	*last = (uint32_t)b->strings_len++;
	b->slots[i] = *last;
	b->strings[*last] = (struct batch_string){ (uint32_t)b->string_bytes_len, s->len, hash };
	memcpy(b->string_bytes + b->string_bytes_len, s->ptr, s->len);
	b->string_bytes_len += s->len;
	b->weight += s->len;
	return *last;
}

/* What an event needs at most, if all of its strings are new. */
struct need {
	size_t strings, bytes;
};

static int
event_check(const struct ds_event *ev, struct need *ret)
{
	const struct ds_kind_info *kind;

	if (ev->kind >= DS_EVENT_MAX || ds_kind_table[ev->kind].symbol == NULL || ev->count == 0 ||
	    ev->daemon.len > DS_DAEMON_MAX)
		return -EINVAL;
	kind = &ds_kind_table[ev->kind];
	*ret = (struct need){ 1, ev->daemon.len };
	for (uint64_t strs = kind->strs; strs != 0; strs &= strs - 1) {
		unsigned i = (unsigned)__builtin_ctzll(strs);
		uint32_t len = ev->str[i].len;

		if (len == 0)
			continue;
		if (len > DS_STRING_MAX || (ds_field_table[DS_STR_FIRST + i].type == DS_TYPE_ADDR &&
					       len != 4 && len != 16))
			return -EINVAL;
		ret->strings++;
		ret->bytes += len;
	}
	return 0;
}

static int
rows_grow(struct ds_batch_builder *b, size_t cells)
{
	struct batch_row *rows = array_grow(b->rows, &b->rows_cap, b->len, 1, sizeof(*rows));
	uint64_t *p;

	if (rows == NULL)
		return -ENOMEM;
	b->rows = rows;
	p = array_grow(b->cells, &b->cells_cap, b->cells_len, cells, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	b->cells = p;
	return 0;
}

static int
strings_grow(struct ds_batch_builder *b, const struct need *need)
{
	struct batch_string *strings;
	uint8_t *bytes;

	strings = array_grow(
	    b->strings, &b->strings_cap, b->strings_len, need->strings, sizeof(*strings));
	if (strings == NULL)
		return -ENOMEM;
	b->strings = strings;
	bytes =
	    array_grow(b->string_bytes, &b->string_bytes_cap, b->string_bytes_len, need->bytes, 1);
	if (bytes == NULL)
		return -ENOMEM;
	b->string_bytes = bytes;
	return slots_grow(b, need->strings);
}

static int
room_make(struct ds_batch_builder *b, const struct need *need, size_t cells)
{
	int r;

	if (b->len >= DS_BATCH_EVENTS_MAX || b->strings_len + need->strings > DS_BATCH_STRINGS_MAX)
		return -ENOSPC;
	if (b->weight + need->bytes + ROW_WEIGHT + 8 * cells > WEIGHT_MAX)
		return -ENOSPC;
	r = rows_grow(b, cells);
	return r < 0 ? r : strings_grow(b, need);
}

static unsigned
num_weight(uint64_t v)
{
	return v == 0 ? 0 : (71u - (unsigned)__builtin_clzll(v)) / 8;
}

static void
nums_add(struct ds_batch_builder *b, const struct ds_event *ev, uint64_t *cells)
{
	for (uint64_t nums = ds_kind_table[ev->kind].nums; nums != 0; nums &= nums - 1) {
		unsigned id = (unsigned)__builtin_ctzll(nums);
		uint64_t v = ev->num[id];

		*cells++ = v;
		b->weight += num_weight(v);
		if (v != 0)
			b->nums[ev->kind] |= nums & (0 - nums);
	}
}

static void
strs_add(struct ds_batch_builder *b, const struct ds_event *ev, uint64_t *cells)
{
	for (uint64_t strs = ds_kind_table[ev->kind].strs; strs != 0; strs &= strs - 1) {
		unsigned i = (unsigned)__builtin_ctzll(strs);
		uint32_t number = string_number(b, &ev->str[i], &b->last_string[DS_STR_FIRST + i]);

		*cells++ = number;
		if (number == ID_EMPTY)
			continue;
		b->weight += STRING_COST;
		b->strs[ev->kind] |= strs & (0 - strs);
	}
}

int
ds_batch_add(struct ds_batch_builder *b, const struct ds_event *ev)
{
	uint64_t *cells;
	struct need need;
	int r = event_check(ev, &need);

	if (r < 0)
		return r;
	r = room_make(b, &need, b->cells_of[ev->kind]);
	if (r < 0)
		return r;
	b->rows[b->len++] = (struct batch_row){
		.time_us = ev->time_us,
		.count = ev->count,
		.daemon = string_number(b, &ev->daemon, &b->last_daemon),
		.cell = (uint32_t)b->cells_len,
		.kind = ev->kind,
		.flags = ev->flags,
	};
	cells = b->cells + b->cells_len;
	nums_add(b, ev, cells);
	strs_add(b, ev, cells + __builtin_popcountll(ds_kind_table[ev->kind].nums));
	b->cells_len += b->cells_of[ev->kind];
	b->weight += ROW_WEIGHT;
	return 0;
}

size_t
ds_batch_builder_len(const struct ds_batch_builder *b)
{
	return b->len;
}

size_t
ds_batch_builder_size(const struct ds_batch_builder *b)
{
	return b->weight;
}

/* A burst's memory is not kept for ever. */
static void *
array_trim(void *array, size_t *cap, size_t element)
{
	if (*cap * element <= KEEP_MAX)
		return array;
	free(array);
	*cap = 0;
	return NULL;
}

/* Empties the table; a much too large one is also replaced, if there is memory. */
static void
slots_clear(struct ds_batch_builder *b)
{
	uint32_t *slots = NULL;

	if (b->slots_cap > SLOTS_FIRST && b->strings_len * 16 < b->slots_cap)
		slots = calloc(SLOTS_FIRST, sizeof(*slots));
	if (slots == NULL) {
		for (size_t i = 0; i < b->slots_cap; i++)
			b->slots[i] = ID_EMPTY;
		return;
	}
	free(b->slots);
	b->slots = slots;
	b->slots_cap = SLOTS_FIRST;
}

void
ds_batch_builder_clear(struct ds_batch_builder *b)
{
	b->rows = array_trim(b->rows, &b->rows_cap, sizeof(*b->rows));
	b->cells = array_trim(b->cells, &b->cells_cap, sizeof(*b->cells));
	b->string_bytes = array_trim(b->string_bytes, &b->string_bytes_cap, 1);
	slots_clear(b);
	for (unsigned i = 0; i < DS_STR_END; i++)
		b->last_string[i] = ID_EMPTY;
	for (unsigned i = 0; i < DS_EVENT_MAX; i++)
		b->nums[i] = b->strs[i] = 0;
	b->last_daemon = ID_EMPTY;
	b->len = 0;
	b->cells_len = 0;
	b->string_bytes_len = 0;
	b->strings_len = 1;
	b->weight = 0;
}

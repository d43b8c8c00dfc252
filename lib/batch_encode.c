/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_encode - writes one column of numbers in the encoding that is likely the smallest.
 *
 * Called by batch_pack.c; owns only scratch memory.
 */
#include "lib/batch_column.h"
#include "lib/batch_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	uint64_t value;
	uint32_t place;
	uint32_t round; /* of batch_distinct_begin(); another one: empty */
};

struct batch_encoder {
	struct slot *slots;
	size_t slots_cap; /* a power of two, at least twice the number of values */
	uint32_t round;
	uint32_t distinct;
	uint64_t *elements; /* of the encoding at hand */
	uint64_t *table;    /* of LOOKUP */
	struct ds_buf column;
};

struct batch_encoder *
batch_encoder_new(size_t len_max)
{
	struct batch_encoder *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	for (e->slots_cap = 64; e->slots_cap < 2 * len_max; e->slots_cap *= 2)
		;
	ds_buf_init(&e->column, 8u * len_max + 16u * BATCH_LOOKUP_MAX + 64u);
	e->slots = calloc(e->slots_cap, sizeof(*e->slots));
	e->elements = malloc(len_max * sizeof(*e->elements));
	e->table = malloc(BATCH_LOOKUP_MAX * sizeof(*e->table));
	if (e->slots == NULL || e->elements == NULL || e->table == NULL) {
		batch_encoder_free(e);
		return NULL;
	}
	return e;
}

void
batch_encoder_free(struct batch_encoder *e)
{
	if (e == NULL)
		return;
	free(e->slots);
	free(e->elements);
	free(e->table);
	ds_buf_done(&e->column);
	free(e);
}

size_t
batch_distinct_begin(struct batch_encoder *e)
{
	e->round++;
	e->distinct = 0;
	return 0;
}

uint32_t
batch_distinct(struct batch_encoder *e, uint64_t v)
{
	size_t i = (size_t)((v * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (e->slots_cap - 1);

	for (; e->slots[i].round == e->round; i = (i + 1) & (e->slots_cap - 1))
		if (e->slots[i].value == v)
			return e->slots[i].place;
	e->slots[i] = (struct slot){ v, e->distinct, e->round };
	return e->distinct++;
}

static unsigned
width_of(uint64_t v)
{
	return v == 0 ? 0 : (71u - (unsigned)__builtin_clzll(v)) / 8;
}

static int
put_planes(struct ds_buf *b, const uint64_t *elements, size_t len, unsigned width)
{
	int r = ds_buf_reserve(b, len * width);
	uint8_t *at;

	if (r < 0)
		return r;
	at = b->data + b->len;
	for (unsigned k = 0; k < width; k++)
		for (size_t i = 0; i < len; i++)
			*at++ = (uint8_t)(elements[i] >> (8 * k));
	b->len += len * width;
	return 0;
}

/* Id, encoding, size, and what e->column holds. */
static int
column_finish(struct batch_encoder *e, unsigned id, unsigned encoding, struct ds_buf *out)
{
	int r = ds_buf_put_u8(out, (uint8_t)id);

	if (r == 0)
		r = ds_buf_put_u8(out, (uint8_t)encoding);
	if (r == 0)
		r = ds_buf_put_bytes(out, e->column.data, e->column.len);
	return r;
}

/* Turns numbers into RECENT elements; the largest. */
static uint64_t
recent_make(const uint64_t *numbers, size_t len, uint64_t start, uint64_t *ret)
{
	uint64_t next = start, max = 0;

	for (size_t i = 0; i < len; i++) {
		ret[i] = next - numbers[i];
		if (ret[i] == 0)
			next++;
		max = DS_MAX(max, ret[i]);
	}
	return max;
}

int
batch_encode_recent(struct batch_encoder *e, unsigned id, const uint64_t *values, size_t len,
    uint64_t start, struct ds_buf *out)
{
	unsigned width = width_of(recent_make(values, len, start, e->elements));
	int r;

	ds_buf_clear(&e->column);
	r = ds_buf_put_varint(&e->column, start);
	if (r == 0)
		r = put_planes(&e->column, e->elements, len, width);
	return r < 0 ? r : column_finish(e, id, BATCH_RECENT | width, out);
}

static int
encode_plain(
    struct batch_encoder *e, const uint64_t *values, size_t len, uint64_t base, unsigned width)
{
	int r = ds_buf_put_varint(&e->column, base);

	for (size_t i = 0; i < len; i++)
		e->elements[i] = values[i] - base;
	return r < 0 ? r : put_planes(&e->column, e->elements, len, width);
}

static int
encode_delta(
    struct batch_encoder *e, const uint64_t *values, size_t len, uint64_t base, unsigned width)
{
	uint64_t last = values[0];
	int r = ds_buf_put_varint(&e->column, last);

	if (r == 0)
		r = ds_buf_put_varint(&e->column, base);
	for (size_t i = 1; i < len; i++) {
		e->elements[i - 1] = batch_zigzag(values[i] - last) - base;
		last = values[i];
	}
	return r < 0 ? r : put_planes(&e->column, e->elements, len - 1, width);
}

/* The places are in e->elements, the values in e->table. */
static int
encode_lookup(struct batch_encoder *e, size_t len, unsigned width)
{
	uint64_t last = 0;
	int r = ds_buf_put_varint(&e->column, e->distinct);

	for (size_t i = 0; i < e->distinct && r == 0; i++) {
		r = ds_buf_put_varint(&e->column, batch_zigzag(e->table[i] - last));
		last = e->table[i];
	}
	return r < 0 ? r : put_planes(&e->column, e->elements, len, width);
}

/* Fills e->table and e->elements; the width of an element, or 9 when there are too many values. */
static unsigned
lookup_try(struct batch_encoder *e, const uint64_t *values, size_t len)
{
	size_t max = DS_MIN(len / 4 + 1, (size_t)BATCH_LOOKUP_MAX);

	batch_distinct_begin(e);
	for (size_t i = 0; i < len; i++) {
		uint32_t place = batch_distinct(e, values[i]);

		if (place >= max)
			return 9;
		e->table[place] = values[i];
		e->elements[i] = place;
	}
	return width_of(recent_make(e->elements, len, 0, e->elements));
}

struct shape {
	uint64_t min, max;             /* of the values */
	uint64_t delta_min, delta_max; /* of the zigzag differences */
};

static void
shape_measure(const uint64_t *values, size_t len, struct shape *ret)
{
	*ret = (struct shape){ .min = values[0], .max = values[0], .delta_min = UINT64_MAX };
	for (size_t i = 1; i < len; i++) {
		uint64_t delta = batch_zigzag(values[i] - values[i - 1]);

		ret->min = DS_MIN(ret->min, values[i]);
		ret->max = DS_MAX(ret->max, values[i]);
		ret->delta_min = DS_MIN(ret->delta_min, delta);
		ret->delta_max = DS_MAX(ret->delta_max, delta);
	}
	if (len == 1)
		ret->delta_min = 0;
}

int
batch_encode_nums(
    struct batch_encoder *e, unsigned id, const uint64_t *values, size_t len, struct ds_buf *out)
{
	unsigned plain, delta, lookup = 9;
	struct shape s;
	int r;

	shape_measure(values, len, &s);
	if (s.max == 0)
		return 0;
	plain = width_of(s.max - s.min);
	delta = width_of(s.delta_max - s.delta_min);
	if (plain > 1 && delta > 1)
		lookup = lookup_try(e, values, len);
	ds_buf_clear(&e->column);
	if (lookup < plain && lookup < delta) {
		r = encode_lookup(e, len, lookup);
		return r < 0 ? r : column_finish(e, id, BATCH_LOOKUP | lookup, out);
	}
	if (delta < plain) {
		r = encode_delta(e, values, len, s.delta_min, delta);
		return r < 0 ? r : column_finish(e, id, BATCH_DELTA | delta, out);
	}
	r = encode_plain(e, values, len, s.min, plain);
	return r < 0 ? r : column_finish(e, id, BATCH_PLAIN | plain, out);
}

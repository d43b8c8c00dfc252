/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_expand - hands out the columns of a loaded batch, one element an event, and whole events.
 *
 * Called by whoever owns the batch.  A column is expanded when it is first asked for; what does not
 * make sense in it (only a lying peer writes such) reads as 0 or empty.
 */
#include "lib/batch_read.h"

#include <errno.h>
#include <string.h>

const struct ds_batch_header *
ds_batch_header(const struct ds_batch *b)
{
	return &b->header;
}

size_t
ds_batch_len(const struct ds_batch *b)
{
	return b->header.len;
}

size_t
ds_batch_strings(const struct ds_batch *b)
{
	return b->header.strings;
}

struct ds_str
ds_batch_string(const struct ds_batch *b, uint32_t index)
{
	uint32_t at;

	if (index == 0 || index >= b->header.strings)
		return (struct ds_str){ 0 };
	at = b->string_at[index];
	return (struct ds_str){ (const char *)b->string_bytes + at, b->string_at[index + 1] - at };
}

const uint8_t *
ds_batch_kinds(const struct ds_batch *b)
{
	return b->kinds;
}

bool
ds_batch_has_field(const struct ds_batch *b, unsigned field)
{
	return field < DS_STR_END && b->elements[field] > 0;
}

static const uint64_t *
zeros_get(struct ds_batch *b)
{
	if (b->zeros == NULL || b->zeros_cap < b->header.len * sizeof(*b->zeros)) {
		if (BATCH_ROOM(b, zeros, b->header.len) < 0)
			return NULL;
		for (size_t i = 0; i < b->zeros_cap / sizeof(*b->zeros); i++)
			b->zeros[i] = 0;
	}
	return b->zeros;
}

/* Memory for a column with elements of `size` bytes; all zero when not every event has one. */
static void *
array_begin(struct ds_batch *b, struct batch_array *a, size_t size, bool is_complete)
{
	size_t n = b->header.len * size;
	uint8_t *bytes = a->data = batch_room(a->data, &a->cap, n);

	if (bytes != NULL && !is_complete)
		for (size_t i = 0; i < n; i++)
			bytes[i] = 0;
	a->is_valid = bytes != NULL;
	return bytes;
}

/* ---- columns that every event has */

const uint64_t *
ds_batch_times(struct ds_batch *b)
{
	struct batch_array *a = &b->expanded[BATCH_COLUMN_TIME];

	if (!a->is_valid && array_begin(b, a, sizeof(uint64_t), true) != NULL)
		batch_column_decode(&b->column[BATCH_COLUMN_TIME], a->data, b->header.len);
	return a->data;
}

const uint8_t *
ds_batch_flags(struct ds_batch *b)
{
	struct batch_array *a = &b->expanded[BATCH_COLUMN_FLAGS];
	uint8_t *out = a->data;

	if (a->is_valid)
		return out;
	out = array_begin(b, a, sizeof(*out), true);
	if (out == NULL)
		return NULL;
	batch_column_decode(&b->column[BATCH_COLUMN_FLAGS], b->scratch, b->header.len);
	for (uint32_t i = 0; i < b->header.len; i++)
		out[b->order[i]] = (uint8_t)b->scratch[i];
	return out;
}

const uint64_t *
ds_batch_counts(struct ds_batch *b)
{
	struct batch_array *a = &b->expanded[BATCH_COLUMN_COUNT];
	uint64_t *out = a->data;

	if (a->is_valid)
		return out;
	out = array_begin(b, a, sizeof(*out), true);
	if (out == NULL)
		return NULL;
	batch_column_decode(&b->column[BATCH_COLUMN_COUNT], b->scratch, b->header.len);
	for (uint32_t i = 0; i < b->header.len; i++)
		out[b->order[i]] = b->scratch[i] == UINT64_MAX ? UINT64_MAX : b->scratch[i] + 1;
	return out;
}

const uint32_t *
ds_batch_daemons(struct ds_batch *b)
{
	struct batch_array *a = &b->daemons;
	uint32_t *out = a->data;

	if (a->is_valid)
		return out;
	out = array_begin(b, a, sizeof(*out), true);
	if (out == NULL)
		return NULL;
	for (uint32_t i = 0; i < b->header.len; i++)
		out[i] = b->groups[b->group_of[i]].daemon;
	return out;
}

/* ---- columns of fields */

static void
nums_scatter(const struct ds_batch *b, unsigned field, uint64_t *out)
{
	const uint64_t *in = b->scratch;

	for (size_t i = 0; i < b->groups_len; i++) {
		const struct batch_group *g = &b->groups[i];
		const uint32_t *order = b->order + g->at;

		if (!batch_kind_has(&b->kind[g->kind], field))
			continue;
		for (uint32_t j = 0; j < g->len; j++)
			out[order[j]] = in[j];
		in += g->len;
	}
}

const uint64_t *
ds_batch_nums(struct ds_batch *b, enum ds_num_field field)
{
	struct batch_array *a;

	if (field >= DS_NUM_MAX || !ds_batch_has_field(b, field))
		return zeros_get(b);
	a = &b->expanded[field];
	if (a->is_valid)
		return a->data;
	if (array_begin(b, a, sizeof(uint64_t), b->elements[field] == b->header.len) == NULL)
		return NULL;
	batch_column_decode(&b->column[field], b->scratch, b->elements[field]);
	nums_scatter(b, field, a->data);
	return a->data;
}

/* Makes dictionary indexes of the column in scratch good for use. */
static void
indexes_check(const struct ds_batch *b, unsigned field)
{
	size_t n = b->elements[field];
	uint32_t strings = b->header.strings;

	for (size_t i = 0; i < n; i++)
		if (b->scratch[i] >= strings)
			b->scratch[i] = 0;
	if (ds_field_table[field].type != DS_TYPE_ADDR)
		return;
	for (size_t i = 0; i < n; i++) {
		uint32_t len = ds_batch_string(b, (uint32_t)b->scratch[i]).len;

		if (len != 4 && len != 16)
			b->scratch[i] = 0;
	}
}

static void
strs_scatter(const struct ds_batch *b, unsigned field, uint32_t *out)
{
	const uint64_t *in = b->scratch;

	for (size_t i = 0; i < b->groups_len; i++) {
		const struct batch_group *g = &b->groups[i];
		const uint32_t *order = b->order + g->at;

		if (!batch_kind_has(&b->kind[g->kind], field))
			continue;
		for (uint32_t j = 0; j < g->len; j++)
			out[order[j]] = (uint32_t)in[j];
		in += g->len;
	}
}

const uint32_t *
ds_batch_strs(struct ds_batch *b, enum ds_str_field field)
{
	struct batch_array *a;

	if (field < DS_STR_FIRST || !ds_batch_has_field(b, field))
		return (const uint32_t *)zeros_get(b);
	a = &b->expanded[field];
	if (a->is_valid)
		return a->data;
	if (array_begin(b, a, sizeof(uint32_t), b->elements[field] == b->header.len) == NULL)
		return NULL;
	batch_column_decode(&b->column[field], b->scratch, b->elements[field]);
	indexes_check(b, field);
	strs_scatter(b, field, a->data);
	return a->data;
}

/* ---- whole events */

static int
event_fields(struct ds_batch *b, const struct batch_kind *k, size_t index, struct ds_event *ret)
{
	for (uint64_t nums = k->nums; nums != 0; nums &= nums - 1) {
		unsigned field = (unsigned)__builtin_ctzll(nums);
		const uint64_t *column = ds_batch_nums(b, field);

		if (column == NULL)
			return -ENOMEM;
		ret->num[field] = column[index];
	}
	for (uint64_t strs = k->strs; strs != 0; strs &= strs - 1) {
		unsigned i = (unsigned)__builtin_ctzll(strs);
		const uint32_t *column = ds_batch_strs(b, DS_STR_FIRST + i);

		if (column == NULL)
			return -ENOMEM;
		ret->str[i] = ds_batch_string(b, column[index]);
	}
	return 0;
}

int
ds_batch_event(struct ds_batch *b, size_t index, struct ds_event *ret)
{
	const uint64_t *times = ds_batch_times(b), *counts = ds_batch_counts(b);
	const uint8_t *flags = ds_batch_flags(b);
	const struct batch_group *g;

	if (index >= b->header.len)
		return -ERANGE;
	if (times == NULL || counts == NULL || flags == NULL)
		return -ENOMEM;
	g = &b->groups[b->group_of[index]];
	*ret = (struct ds_event){
		.time_us = times[index],
		.count = counts[index],
		.kind = b->kinds[index],
		.flags = flags[index],
		.daemon = ds_batch_string(b, g->daemon),
	};
	return event_fields(b, &b->kind[g->kind], index, ret);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_pack - turns a builder's events into the bytes of a packed batch.
 *
 * Called by whoever owns the builder.  Events are grouped by (daemon, kind) and every column but
 * group and time is written group after group: within a group most values repeat, which is what
 * makes a column small.  Strings are numbered in the order in which the columns use them, so that a
 * column of new strings costs nothing.
 */
#include "lib/batch_build.h"
#include "lib/batch_column.h"
#include "lib/batch_format.h"
#include "lib/zip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct group {
	uint32_t daemon; /* the builder's string number */
	uint8_t kind;
	uint32_t len; /* events */
	uint32_t at;  /* place of its first event in group order */
};

struct pack {
	const struct ds_batch_builder *b;
	struct group *groups;
	size_t groups_len;
	uint32_t *group_of; /* by event */
	uint32_t *order;    /* events in group order */
	uint64_t *values;   /* of the column at hand */
	uint32_t
	    *number_of;    /* by the builder's string number: number in the batch, 0 for none yet */
	uint32_t *strings; /* by number in the batch: the builder's */
	uint32_t strings_len;
	struct batch_encoder *encoder;
	struct ds_buf dict, columns;
};

static void
pack_done(struct pack *p)
{
	free(p->groups);
	free(p->group_of);
	free(p->order);
	free(p->values);
	free(p->number_of);
	free(p->strings);
	batch_encoder_free(p->encoder);
	ds_buf_done(&p->dict);
	ds_buf_done(&p->columns);
}

static int
pack_init(struct pack *p, const struct ds_batch_builder *b)
{
	*p = (struct pack){ .b = b, .strings_len = 1 };
	ds_buf_init(&p->dict, DS_BATCH_RAW_MAX);
	ds_buf_init(&p->columns, DS_BATCH_RAW_MAX);
	p->group_of = malloc(b->len * sizeof(*p->group_of));
	p->order = malloc(b->len * sizeof(*p->order));
	p->values = malloc(b->len * sizeof(*p->values));
	p->number_of = calloc(b->strings_len, sizeof(*p->number_of));
	p->strings = malloc(b->strings_len * sizeof(*p->strings));
	p->encoder = batch_encoder_new(b->len);
	if (p->group_of == NULL || p->order == NULL || p->values == NULL || p->number_of == NULL ||
	    p->strings == NULL || p->encoder == NULL)
		return -ENOMEM;
	p->strings[0] = 0;
	return 0;
}

/* ---- groups */

static int
group_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t
row_key(const struct batch_row *row)
{
	return (uint64_t)row->daemon << 8 | row->kind;
}

/* The distinct keys of all events, sorted, in p->values. */
static size_t
keys_collect(struct pack *p)
{
	size_t n = batch_distinct_begin(p->encoder);

	for (size_t i = 0; i < p->b->len; i++) {
		p->group_of[i] = batch_distinct(p->encoder, row_key(&p->b->rows[i]));
		if (p->group_of[i] == n)
			p->values[n++] = row_key(&p->b->rows[i]);
	}
	return n;
}

static int
groups_make(struct pack *p)
{
	size_t n = keys_collect(p);
	uint32_t *rank, at = 0;

	p->groups = calloc(n, sizeof(*p->groups));
	rank = malloc(n * sizeof(*rank));
	if (p->groups == NULL || rank == NULL) {
		free(rank);
		return -ENOMEM;
	}
	p->groups_len = n;
	qsort(p->values, n, sizeof(*p->values), group_compare);
	for (size_t i = 0; i < n; i++) {
		p->groups[i].daemon = (uint32_t)(p->values[i] >> 8);
		p->groups[i].kind = (uint8_t)p->values[i];
		rank[batch_distinct(p->encoder, p->values[i])] = (uint32_t)i;
	}
	for (size_t i = 0; i < p->b->len; i++) {
		p->group_of[i] = rank[p->group_of[i]];
		p->groups[p->group_of[i]].len++;
	}
	free(rank);
	for (size_t i = 0; i < n; i++) {
		p->groups[i].at = at;
		at += p->groups[i].len;
		p->groups[i].len = 0;
	}
	for (size_t i = 0; i < p->b->len; i++) {
		struct group *g = &p->groups[p->group_of[i]];

		p->order[g->at + g->len++] = (uint32_t)i;
	}
	return 0;
}

/* ---- strings */

static uint32_t
string_renumber(struct pack *p, uint32_t number)
{
	if (number == 0)
		return 0;
	if (p->number_of[number] == 0) {
		p->number_of[number] = p->strings_len;
		p->strings[p->strings_len++] = number;
	}
	return p->number_of[number];
}

/* Lengths, then the bytes. */
static int
dict_write(struct pack *p)
{
	const struct ds_batch_builder *b = p->b;
	int r = 0;

	for (uint32_t i = 1; i < p->strings_len && r == 0; i++)
		r = ds_buf_put_varint(&p->dict, b->strings[p->strings[i]].len);
	for (uint32_t i = 1; i < p->strings_len && r == 0; i++) {
		const struct batch_string *s = &b->strings[p->strings[i]];

		r = ds_buf_put(&p->dict, b->string_bytes + s->offset, s->len);
	}
	return r;
}

/* ---- tables and columns */

static int
fields_write(struct pack *p, uint64_t nums, uint64_t strs)
{
	int r = ds_buf_put_u8(
	    &p->columns, (uint8_t)(__builtin_popcountll(nums) + __builtin_popcountll(strs)));

	for (; nums != 0 && r == 0; nums &= nums - 1)
		r = ds_buf_put_u8(&p->columns, (uint8_t)__builtin_ctzll(nums));
	for (; strs != 0 && r == 0; strs &= strs - 1)
		r = ds_buf_put_u8(&p->columns, (uint8_t)(DS_STR_FIRST + __builtin_ctzll(strs)));
	return r;
}

static uint64_t
kinds_mask(const struct pack *p)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < p->groups_len; i++)
		mask |= UINT64_C(1) << p->groups[i].kind;
	return mask;
}

/* The kinds, each with the fields it has here; then the groups. */
static int
tables_write(struct pack *p)
{
	uint64_t kinds = kinds_mask(p);
	uint8_t index_of[DS_EVENT_MAX] = { 0 }, n = 0;
	int r = ds_buf_put_u8(&p->columns, (uint8_t)__builtin_popcountll(kinds));

	for (uint64_t left = kinds; left != 0 && r == 0; left &= left - 1) {
		unsigned kind = (unsigned)__builtin_ctzll(left);

		index_of[kind] = n++;
		r = ds_buf_put_u8(&p->columns, (uint8_t)kind);
		if (r == 0)
			r = fields_write(p, p->b->nums[kind], p->b->strs[kind]);
	}
	if (r == 0)
		r = ds_buf_put_varint(&p->columns, p->groups_len);
	for (size_t i = 0; i < p->groups_len && r == 0; i++) {
		r = ds_buf_put_u8(&p->columns, index_of[p->groups[i].kind]);
		if (r == 0)
			r = ds_buf_put_varint(&p->columns, string_renumber(p, p->groups[i].daemon));
	}
	return r;
}

/* Puts the field's values of all groups that have it into p->values; how many. */
static size_t
field_gather(struct pack *p, unsigned field)
{
	const struct ds_batch_builder *b = p->b;
	size_t n = 0;

	for (size_t i = 0; i < p->groups_len; i++) {
		const struct group *g = &p->groups[i];
		uint64_t mask = field < DS_STR_FIRST ? b->nums[g->kind] : b->strs[g->kind];
		const uint64_t *cells = b->cells + b->cell_at[g->kind][field];

		if ((mask >> (field & 63) & 1) == 0)
			continue;
		for (uint32_t j = 0; j < g->len; j++)
			p->values[n++] = cells[b->rows[p->order[g->at + j]].cell];
	}
	return n;
}

static int
fields_columns_write(struct pack *p)
{
	uint32_t start;
	size_t n;
	int r = 0;

	for (unsigned field = 1; field < DS_STR_FIRST && r == 0; field++) {
		n = field_gather(p, field);
		if (n > 0)
			r = batch_encode_nums(p->encoder, field, p->values, n, &p->columns);
	}
	for (unsigned field = DS_STR_FIRST; field < DS_STR_END && r == 0; field++) {
		n = field_gather(p, field);
		if (n == 0)
			continue;
		start = p->strings_len;
		for (size_t i = 0; i < n; i++)
			p->values[i] = string_renumber(p, (uint32_t)p->values[i]);
		r = batch_encode_recent(p->encoder, field, p->values, n, start, &p->columns);
	}
	return r;
}

static int
common_columns_write(struct pack *p)
{
	const struct batch_row *rows = p->b->rows;
	size_t n = p->b->len;
	int r;

	for (size_t i = 0; i < n; i++)
		p->values[i] = p->group_of[i];
	r = batch_encode_nums(p->encoder, BATCH_COLUMN_GROUP, p->values, n, &p->columns);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		p->values[i] = rows[i].time_us;
	r = batch_encode_nums(p->encoder, BATCH_COLUMN_TIME, p->values, n, &p->columns);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		p->values[i] = rows[p->order[i]].flags;
	r = batch_encode_nums(p->encoder, BATCH_COLUMN_FLAGS, p->values, n, &p->columns);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		p->values[i] = rows[p->order[i]].count - 1;
	return batch_encode_nums(p->encoder, BATCH_COLUMN_COUNT, p->values, n, &p->columns);
}

/* ---- the whole */

/* Appends the part compressed, or as it is where that is not larger. */
static int
part_write(const struct ds_buf *raw, int level, struct ds_buf *out, size_t *ret_size)
{
	size_t start = out->len;
	int r = ds_zip(raw->data, raw->len, level, out);

	if (r < 0 && r != -ENOBUFS)
		return r;
	if (r == -ENOBUFS || out->len - start >= raw->len) {
		out->len = start;
		r = ds_buf_put(out, raw->data, raw->len);
	}
	*ret_size = out->len - start;
	return r;
}

static void
be_put(uint8_t *at, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
}

static void
header_fill(const struct pack *p, const size_t packed[2], uint8_t *at)
{
	uint64_t min = UINT64_MAX, max = 0;

	for (size_t i = 0; i < p->b->len; i++) {
		min = DS_MIN(min, p->b->rows[i].time_us);
		max = DS_MAX(max, p->b->rows[i].time_us);
	}
	memcpy(at, BATCH_MAGIC, 3);
	at[3] = BATCH_VERSION;
	be_put(at + 8, p->b->len, 4);
	be_put(at + 12, p->strings_len, 4);
	be_put(at + 16, min, 8);
	be_put(at + 24, max, 8);
	be_put(at + 32, kinds_mask(p), 8);
	be_put(at + 40, p->dict.len, 4);
	be_put(at + 44, packed[0], 4);
	be_put(at + 48, p->columns.len, 4);
	be_put(at + 52, packed[1], 4);
	be_put(at + 56, ds_crc32(at + BATCH_HEADER, packed[0]), 4);
	be_put(at + 60, ds_crc32(at + BATCH_HEADER + packed[0], packed[1]), 4);
	be_put(at + 4, ds_crc32(at + BATCH_CRC_AT, BATCH_HEADER - BATCH_CRC_AT), 4);
}

static int
pack_write(struct pack *p, int level, struct ds_buf *out)
{
	static const uint8_t blank[BATCH_HEADER];
	size_t start = out->len, packed[2];
	int r = ds_buf_put(out, blank, sizeof(blank));

	if (r == 0)
		r = part_write(&p->dict, level, out, &packed[0]);
	if (r == 0)
		r = part_write(&p->columns, level, out, &packed[1]);
	if (r == 0 && out->len - start > DS_BATCH_PACKED_MAX)
		r = -ENOSPC;
	if (r < 0) {
		out->len = start;
		return r;
	}
	header_fill(p, packed, out->data + start);
	return 0;
}

int
ds_batch_pack(struct ds_batch_builder *b, int level, struct ds_buf *out)
{
	struct pack p;
	int r;

	if (b->len == 0)
		return -EINVAL;
	r = pack_init(&p, b);
	if (r == 0)
		r = groups_make(&p);
	if (r == 0)
		r = tables_write(&p);
	if (r == 0)
		r = common_columns_write(&p);
	if (r == 0)
		r = fields_columns_write(&p);
	if (r == 0)
		r = dict_write(&p);
	if (r == 0)
		r = pack_write(&p, level, out);
	pack_done(&p);
	return r;
}

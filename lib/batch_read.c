/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_read - checks a packed batch and opens its two parts.
 *
 * Called by the server's workers, its query engine and its compactor, each with batches of their
 * own.  A batch owns the inflated parts and the expanded columns, and keeps their memory for the
 * next one.  batch_expand.c hands out the columns.
 */
#include "lib/batch_read.h"

#include "lib/zip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ds_batch *
ds_batch_new(void)
{
	return calloc(1, sizeof(struct ds_batch));
}

void
ds_batch_free(struct ds_batch *b)
{
	if (b == NULL)
		return;
	free(b->dict);
	free(b->string_at);
	free(b->columns);
	free(b->groups);
	free(b->order);
	free(b->kinds);
	free(b->group_of);
	free(b->scratch);
	free(b->zeros);
	for (size_t i = 0; i < BATCH_COLUMNS; i++)
		free(b->expanded[i].data);
	free(b->daemons.data);
	free(b);
}

void *
batch_room(void *data, size_t *cap, size_t size)
{
	void *p;

	if (data != NULL && size <= *cap)
		return data;
	free(data);
	p = malloc(DS_MAX(size, (size_t)1));
	*cap = p != NULL ? size : 0;
	return p;
}

/* ---- header */

static int
header_read(struct ds_buf *b, struct ds_batch_header *ret, uint32_t crc[2])
{
	if (ds_buf_get_u32(b, &ret->len) < 0 || ds_buf_get_u32(b, &ret->strings) < 0 ||
	    ds_buf_get_u64(b, &ret->time_min_us) < 0 || ds_buf_get_u64(b, &ret->time_max_us) < 0 ||
	    ds_buf_get_u64(b, &ret->kinds) < 0 || ds_buf_get_u32(b, &ret->dict_raw) < 0 ||
	    ds_buf_get_u32(b, &ret->dict_packed) < 0 || ds_buf_get_u32(b, &ret->columns_raw) < 0 ||
	    ds_buf_get_u32(b, &ret->columns_packed) < 0 || ds_buf_get_u32(b, &crc[0]) < 0 ||
	    ds_buf_get_u32(b, &crc[1]) < 0)
		return -EBADMSG;
	return 0;
}

static int
header_check(const struct ds_batch_header *h, size_t size)
{
	if (h->len > DS_BATCH_EVENTS_MAX || h->strings > DS_BATCH_STRINGS_MAX ||
	    h->dict_raw > DS_BATCH_RAW_MAX || h->columns_raw > DS_BATCH_RAW_MAX)
		return -EFBIG;
	if (h->len == 0 || h->strings == 0 || h->time_min_us > h->time_max_us || h->kinds == 0 ||
	    h->kinds & 1 || h->dict_packed > h->dict_raw || h->columns_packed > h->columns_raw)
		return -EBADMSG;
	if ((uint64_t)BATCH_HEADER + h->dict_packed + h->columns_packed != size)
		return -EBADMSG;
	return 0;
}

static int
header_get(const void *data, size_t size, struct ds_batch_header *ret, uint32_t ret_crc[2])
{
	const uint8_t *p = data;
	struct ds_batch_header h;
	struct ds_buf b;
	uint32_t crc;
	int r;

	if (size < BATCH_HEADER || memcmp(p, BATCH_MAGIC, 3) != 0)
		return -EBADMSG;
	if (p[3] != BATCH_VERSION)
		return -EPROTONOSUPPORT;
	if (size > DS_BATCH_PACKED_MAX)
		return -EFBIG;
	ds_buf_view(&b, p + 4, BATCH_HEADER - 4);
	r = ds_buf_get_u32(&b, &crc);
	if (r < 0 || crc != ds_crc32(p + BATCH_CRC_AT, BATCH_HEADER - BATCH_CRC_AT))
		return -EBADMSG;
	r = header_read(&b, &h, ret_crc);
	if (r == 0)
		r = header_check(&h, size);
	if (r == 0)
		*ret = h;
	return r;
}

int
ds_batch_peek(const void *data, size_t size, struct ds_batch_header *ret)
{
	uint32_t crc[2];

	return header_get(data, size, ret, crc);
}

/* ---- dictionary */

/* A part that did not get smaller was left as it was. */
static int
part_inflate(const uint8_t *packed, size_t packed_size, uint32_t crc, uint8_t *out, size_t raw_size)
{
	if (ds_crc32(packed, packed_size) != crc)
		return -EBADMSG;
	if (packed_size < raw_size)
		return ds_unzip(packed, packed_size, out, raw_size);
	memcpy(out, packed, raw_size);
	return 0;
}

/* Finds where each string begins: b->string_at, one more than there are strings. */
static int
dict_index(struct ds_batch *b)
{
	struct ds_buf lens;
	uint64_t len, sum = 0;

	ds_buf_view(&lens, b->dict, b->header.dict_raw);
	b->string_at[0] = 0;
	for (uint32_t i = 1; i < b->header.strings; i++) {
		if (ds_buf_get_varint(&lens, &len) < 0 || len == 0 || len > DS_STRING_MAX)
			return -EBADMSG;
		b->string_at[i] = (uint32_t)sum;
		sum += len;
	}
	b->string_at[b->header.strings] = (uint32_t)sum;
	if (sum != ds_buf_left(&lens))
		return -EBADMSG;
	b->string_bytes = b->dict + lens.pos;
	return 0;
}

int
ds_batch_open(struct ds_batch *b, const void *data, size_t size)
{
	int r;

	b->is_open = b->is_inflated = b->is_loaded = false;
	r = header_get(data, size, &b->header, b->crc);
	if (r < 0)
		return r;
	b->packed = data;
	r = BATCH_ROOM(b, dict, b->header.dict_raw);
	if (r == 0)
		r = BATCH_ROOM(b, string_at, b->header.strings + 1u);
	if (r == 0)
		r = part_inflate(b->packed + BATCH_HEADER, b->header.dict_packed, b->crc[0],
		    b->dict, b->header.dict_raw);
	if (r == 0)
		r = dict_index(b);
	b->is_open = r == 0;
	return r;
}

/* ---- columns */

static int
kind_read(struct ds_batch *b, struct ds_buf *in, struct batch_kind *k)
{
	uint8_t n, field, last = 0;

	if (ds_buf_get_u8(in, &k->id) < 0 || k->id == 0 || k->id >= DS_EVENT_MAX ||
	    (b->header.kinds >> k->id & 1) == 0 || ds_buf_get_u8(in, &n) < 0)
		return -EBADMSG;
	k->len = 0;
	k->nums = k->strs = 0;
	for (unsigned i = 0; i < n; i++) {
		if (ds_buf_get_u8(in, &field) < 0 || field <= last || field >= DS_STR_END)
			return -EBADMSG;
		last = field;
		if (field < DS_STR_FIRST)
			k->nums |= UINT64_C(1) << field;
		else
			k->strs |= UINT64_C(1) << (field - DS_STR_FIRST);
	}
	return 0;
}

static int
kinds_read(struct ds_batch *b, struct ds_buf *in)
{
	uint64_t seen = 0;
	uint8_t n;

	if (ds_buf_get_u8(in, &n) < 0 || n >= DS_EVENT_MAX)
		return -EBADMSG;
	for (unsigned i = 0; i < n; i++) {
		int r = kind_read(b, in, &b->kind[i]);

		if (r < 0)
			return r;
		if (seen >> b->kind[i].id & 1)
			return -EBADMSG;
		seen |= UINT64_C(1) << b->kind[i].id;
	}
	b->kinds_len = n;
	return seen == b->header.kinds ? 0 : -EBADMSG;
}

static int
groups_read(struct ds_batch *b, struct ds_buf *in)
{
	uint64_t n, daemon;
	uint8_t kind;
	int r;

	if (ds_buf_get_varint(in, &n) < 0 || n == 0 || n > b->header.len)
		return -EBADMSG;
	r = BATCH_ROOM(b, groups, n);
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < n; i++) {
		if (ds_buf_get_u8(in, &kind) < 0 || kind >= b->kinds_len ||
		    ds_buf_get_varint(in, &daemon) < 0 || daemon >= b->header.strings ||
		    ds_batch_string(b, (uint32_t)daemon).len > DS_DAEMON_MAX)
			return -EBADMSG;
		b->groups[i] = (struct batch_group){ .daemon = (uint32_t)daemon, .kind = kind };
	}
	b->groups_len = (size_t)n;
	return 0;
}

/* Where the columns are; what is unknown is skipped. */
static int
columns_find(struct ds_batch *b, struct ds_buf *in)
{
	uint8_t id, encoding;

	for (size_t i = 0; i < BATCH_COLUMNS; i++)
		b->raw[i].data = NULL;
	while (ds_buf_left(in) > 0) {
		struct batch_raw c;

		if (ds_buf_get_u8(in, &id) < 0 || ds_buf_get_u8(in, &encoding) < 0 ||
		    ds_buf_get_bytes(in, DS_BATCH_RAW_MAX, &c.data, &c.size) < 0)
			return -EBADMSG;
		c.encoding = encoding;
		if (id >= BATCH_COLUMNS)
			continue;
		if (b->raw[id].data != NULL)
			return -EBADMSG;
		b->raw[id] = c;
	}
	return 0;
}

static int
column_parse(struct ds_batch *b, unsigned id, size_t len)
{
	const struct batch_raw *c = &b->raw[id];

	if (c->data == NULL) {
		b->column[id] = (struct batch_column){ 0 };
		return 0;
	}
	return batch_column_parse(&b->column[id], c->encoding, c->data, c->size, len);
}

/* Which group each event is in, its kind, and the events in group order. */
static int
groups_fill(struct ds_batch *b)
{
	uint32_t at = 0;
	size_t n = b->header.len;

	batch_column_decode(&b->column[BATCH_COLUMN_GROUP], b->scratch, n);
	for (size_t i = 0; i < n; i++) {
		if (b->scratch[i] >= b->groups_len)
			return -EBADMSG;
		b->group_of[i] = (uint32_t)b->scratch[i];
		b->groups[b->group_of[i]].len++;
	}
	for (size_t i = 0; i < b->groups_len; i++) {
		if (b->groups[i].len == 0)
			return -EBADMSG;
		b->kind[b->groups[i].kind].len += b->groups[i].len;
		b->groups[i].at = b->groups[i].next = at;
		at += b->groups[i].len;
	}
	for (size_t i = 0; i < n; i++) {
		struct batch_group *g = &b->groups[b->group_of[i]];

		b->order[g->next++] = (uint32_t)i;
		b->kinds[i] = b->kind[g->kind].id;
	}
	for (unsigned i = 0; i < b->kinds_len; i++)
		if (b->kind[i].len == 0)
			return -EBADMSG;
	return 0;
}

static int
fields_parse(struct ds_batch *b)
{
	size_t elements[DS_STR_END] = { 0 };
	int r;

	for (unsigned i = 0; i < b->kinds_len; i++)
		for (unsigned field = 1; field < DS_STR_END; field++)
			if (batch_kind_has(&b->kind[i], field))
				elements[field] += b->kind[i].len;
	for (unsigned field = 1; field < DS_STR_END; field++) {
		b->elements[field] = elements[field];
		b->column[field] = (struct batch_column){ 0 };
		if (elements[field] == 0)
			continue;
		if (b->raw[field].data == NULL)
			return -EBADMSG;
		r = column_parse(b, field, elements[field]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The header is what an index goes by: it must not lie. */
static int
times_check(struct ds_batch *b)
{
	uint64_t min = UINT64_MAX, max = 0;
	const uint64_t *times = ds_batch_times(b);

	if (times == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < b->header.len; i++) {
		min = DS_MIN(min, times[i]);
		max = DS_MAX(max, times[i]);
	}
	return min == b->header.time_min_us && max == b->header.time_max_us ? 0 : -EBADMSG;
}

int
ds_batch_inflate(struct ds_batch *b)
{
	const struct ds_batch_header *h = &b->header;
	struct ds_buf in;
	int r;

	if (!b->is_open)
		return -EINVAL;
	if (b->is_inflated)
		return 0;
	r = BATCH_ROOM(b, columns, h->columns_raw);
	if (r == 0)
		r = part_inflate(b->packed + BATCH_HEADER + h->dict_packed, h->columns_packed,
		    b->crc[1], b->columns, h->columns_raw);
	if (r < 0)
		return r;
	ds_buf_view(&in, b->columns, h->columns_raw);
	r = kinds_read(b, &in);
	if (r == 0)
		r = groups_read(b, &in);
	if (r == 0)
		r = columns_find(b, &in);
	b->is_inflated = r == 0;
	return r;
}

/* What an event without the field reads as, 0, is always there. */
bool
ds_batch_may_have_num(
    const struct ds_batch *b, enum ds_num_field field, uint64_t low, uint64_t high)
{
	const struct batch_raw *c = &b->raw[field];

	return low == 0 ||
	       (c->data != NULL && batch_column_may_have(c->encoding, c->data, c->size, low, high));
}

static int
events_room(struct ds_batch *b)
{
	size_t n = b->header.len;
	int r = BATCH_ROOM(b, order, n);

	if (r == 0)
		r = BATCH_ROOM(b, kinds, n);
	if (r == 0)
		r = BATCH_ROOM(b, group_of, n);
	if (r == 0)
		r = BATCH_ROOM(b, scratch, n);
	return r;
}

int
ds_batch_load(struct ds_batch *b)
{
	const struct ds_batch_header *h = &b->header;
	int r = ds_batch_inflate(b);

	if (r == 0)
		r = events_room(b);
	if (r < 0)
		return r;
	for (size_t i = 0; i < BATCH_COLUMNS; i++)
		b->expanded[i].is_valid = false;
	b->daemons.is_valid = false;
	r = column_parse(b, BATCH_COLUMN_GROUP, h->len);
	if (r == 0)
		r = column_parse(b, BATCH_COLUMN_TIME, h->len);
	if (r == 0)
		r = column_parse(b, BATCH_COLUMN_FLAGS, h->len);
	if (r == 0)
		r = column_parse(b, BATCH_COLUMN_COUNT, h->len);
	if (r == 0)
		r = groups_fill(b);
	if (r == 0)
		r = fields_parse(b);
	if (r == 0)
		r = times_check(b);
	b->is_loaded = r == 0;
	b->is_inflated = false; /* groups and kinds are filled: another load begins anew */
	return r;
}

int
ds_batch_decode(struct ds_batch *b, const void *data, size_t size)
{
	int r = ds_batch_open(b, data, size);

	return r < 0 ? r : ds_batch_load(b);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_decode - reads one column of numbers.
 *
 * Called by batch_read.c.  A column is checked whole when it is parsed; decoding then cannot fail,
 * and what a lying peer put into it gives wrong numbers, never a wrong access.
 */
#include "lib/batch_column.h"
#include "lib/batch_format.h"

#include <errno.h>
#include <string.h>

static int
table_parse(struct batch_column *c, struct ds_buf *b, size_t len)
{
	uint64_t n, v;
	int r = ds_buf_get_varint(b, &n);

	if (r < 0)
		return r;
	if (n > len || n > BATCH_LOOKUP_MAX)
		return -EBADMSG;
	c->table = b->data + b->pos;
	c->table_len = (uint32_t)n;
	for (uint64_t i = 0; i < n; i++) {
		r = ds_buf_get_varint(b, &v);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
head_parse(struct batch_column *c, struct ds_buf *b, size_t len)
{
	int r;

	switch (BATCH_TRANSFORM(c->encoding)) {
	case BATCH_PLAIN:
		return ds_buf_get_varint(b, &c->base);
	case BATCH_DELTA:
		r = ds_buf_get_varint(b, &c->first);
		return r < 0 ? r : ds_buf_get_varint(b, &c->base);
	case BATCH_RECENT:
		return ds_buf_get_varint(b, &c->first);
	case BATCH_LOOKUP:
		return table_parse(c, b, len);
	default:
		return -EBADMSG;
	}
}

int
batch_column_parse(
    struct batch_column *c, uint8_t encoding, const void *data, size_t size, size_t len)
{
	size_t elements = BATCH_TRANSFORM(encoding) == BATCH_DELTA ? len - 1 : len;
	struct ds_buf b;
	int r;

	*c = (struct batch_column){ .encoding = encoding, .is_present = true };
	if (len == 0 || BATCH_WIDTH(encoding) > 8)
		return -EBADMSG;
	ds_buf_view(&b, data, size);
	r = head_parse(c, &b, len);
	if (r < 0)
		return r;
	if (ds_buf_left(&b) != elements * BATCH_WIDTH(encoding))
		return -EBADMSG;
	return ds_buf_get(&b, elements * BATCH_WIDTH(encoding), &c->planes);
}

/* Whether base + 0 .. base + 256^width - 1, which may wrap, and low .. high meet. */
static bool
span_meets(uint64_t base, unsigned width, uint64_t low, uint64_t high)
{
	uint64_t span = width >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;

	return low - base <= span || base - low <= high - low;
}

static bool
table_meets(const struct batch_column *c, uint64_t low, uint64_t high)
{
	uint64_t last = 0, v;
	struct ds_buf b;

	ds_buf_view(&b, c->table, 10u * c->table_len);
	for (uint32_t i = 0; i < c->table_len; i++) {
		if (ds_buf_get_varint(&b, &v) < 0)
			return true; /* not reached: table_parse() checked them */
		last += batch_unzigzag(v);
		if (last - low <= high - low)
			return true;
	}
	return low == 0; /* what an index past the table reads as */
}

bool
batch_column_may_have(uint8_t encoding, const void *data, size_t size, uint64_t low, uint64_t high)
{
	struct batch_column c = { .encoding = encoding };
	struct ds_buf b;

	ds_buf_view(&b, data, size);
	if (low > high || head_parse(&c, &b, BATCH_LOOKUP_MAX) < 0)
		return true; /* whoever loads the batch finds what is wrong with it */
	switch (BATCH_TRANSFORM(encoding)) {
	case BATCH_PLAIN:
		return span_meets(c.base, BATCH_WIDTH(encoding), low, high);
	case BATCH_LOOKUP:
		return table_meets(&c, low, high);
	default:
		return true;
	}
}

/* base + element; the usual widths one by one, so that the compiler can vectorize them. */
static void
planes_read(const uint8_t *p, size_t len, unsigned width, uint64_t base, uint64_t *ret)
{
	const uint8_t *q = p + len, *s = p + 2 * len;

	switch (width) {
	case 0:
		for (size_t i = 0; i < len; i++)
			ret[i] = base;
		return;
	case 1:
		for (size_t i = 0; i < len; i++)
			ret[i] = base + p[i];
		return;
	case 2:
		for (size_t i = 0; i < len; i++)
			ret[i] = base + ((uint32_t)p[i] | (uint32_t)q[i] << 8);
		return;
	default:
		for (size_t i = 0; i < len; i++)
			ret[i] =
			    base + ((uint32_t)p[i] | (uint32_t)q[i] << 8 | (uint32_t)s[i] << 16);
		break;
	}
	for (unsigned k = 3; k < width; k++)
		for (size_t i = 0; i < len; i++)
			ret[i] += (uint64_t)p[k * len + i] << (8 * k);
}

static void
delta_sum(uint64_t *values, size_t len, uint64_t first)
{
	uint64_t last = first;

	/* The elements are at values[1..]. */
	values[0] = first;
	for (size_t i = 1; i < len; i++) {
		last += batch_unzigzag(values[i]);
		values[i] = last;
	}
}

static void
recent_resolve(uint64_t *values, size_t len, uint64_t next)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t below = values[i];

		values[i] = next - below;
		next += below == 0;
	}
}

static void
lookup_resolve(const struct batch_column *c, uint64_t *values, size_t len)
{
	uint64_t table[BATCH_LOOKUP_MAX], last = 0, v;
	struct ds_buf b;

	ds_buf_view(&b, c->table, 10u * c->table_len);
	for (uint32_t i = 0; i < c->table_len; i++) {
		if (ds_buf_get_varint(&b, &v) < 0)
			v = 0; /* not reached: table_parse() checked them */
		last += batch_unzigzag(v);
		table[i] = last;
	}
	recent_resolve(values, len, 0);
	for (size_t i = 0; i < len; i++)
		values[i] = values[i] < c->table_len ? table[values[i]] : 0;
}

void
batch_column_decode(const struct batch_column *c, uint64_t *ret, size_t len)
{
	unsigned width = BATCH_WIDTH(c->encoding);

	if (!c->is_present) {
		for (size_t i = 0; i < len; i++)
			ret[i] = 0;
		return;
	}
	switch (BATCH_TRANSFORM(c->encoding)) {
	case BATCH_DELTA:
		planes_read(c->planes, len - 1, width, c->base, ret + 1);
		delta_sum(ret, len, c->first);
		return;
	case BATCH_RECENT:
		planes_read(c->planes, len, width, 0, ret);
		recent_resolve(ret, len, c->first);
		return;
	case BATCH_LOOKUP:
		planes_read(c->planes, len, width, 0, ret);
		lookup_resolve(c, ret, len);
		return;
	default:
		planes_read(c->planes, len, width, c->base, ret);
		return;
	}
}

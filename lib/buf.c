/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
ds_buf_init(struct ds_buf *b, size_t max)
{
	*b = (struct ds_buf){ .max = max };
}

void
ds_buf_view(struct ds_buf *b, const void *data, size_t len)
{
	*b = (struct ds_buf){ .data = (uint8_t *)(uintptr_t)data, .len = len };
}

void
ds_buf_clear(struct ds_buf *b)
{
	b->len = 0;
	b->pos = 0;
}

void
ds_buf_done(struct ds_buf *b)
{
	if (b->cap > 0)
		free(b->data);
	*b = (struct ds_buf){ .max = b->max };
}

void
ds_buf_compact(struct ds_buf *b)
{
	if (b->pos == 0 || b->cap == 0)
		return;
	memmove(b->data, b->data + b->pos, b->len - b->pos);
	b->len -= b->pos;
	b->pos = 0;
}

int
ds_buf_reserve(struct ds_buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 256;
	uint8_t *p;

	if (b->cap == 0 && b->data != NULL)
		return -EROFS;
	if (n > b->max || b->len > b->max - n)
		return -ENOBUFS;
	while (cap < b->len + n)
		cap *= 2;
	if (cap == b->cap)
		return 0;
	p = realloc(b->data, cap);
	if (p == NULL)
		return -ENOMEM;
	b->data = p;
	b->cap = cap;
	return 0;
}

int
ds_buf_put(struct ds_buf *b, const void *data, size_t len)
{
	int r = ds_buf_reserve(b, len);

	if (r < 0)
		return r;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

int
ds_buf_put_u8(struct ds_buf *b, uint8_t v)
{
	return ds_buf_put(b, &v, 1);
}

int
ds_buf_put_u16(struct ds_buf *b, uint16_t v)
{
	const uint8_t be[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	return ds_buf_put(b, be, sizeof(be));
}

int
ds_buf_put_u32(struct ds_buf *b, uint32_t v)
{
	const uint8_t be[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
		(uint8_t)v };

	return ds_buf_put(b, be, sizeof(be));
}

int
ds_buf_put_u64(struct ds_buf *b, uint64_t v)
{
	uint8_t be[8];

	for (unsigned i = 0; i < 8; i++)
		be[i] = (uint8_t)(v >> (56 - 8 * i));
	return ds_buf_put(b, be, sizeof(be));
}

static size_t
varint_encode(uint8_t out[10], uint64_t v)
{
	size_t n = 0;

	while (v >= 0x80) {
		out[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	out[n++] = (uint8_t)v;
	return n;
}

int
ds_buf_put_varint(struct ds_buf *b, uint64_t v)
{
	uint8_t out[10];

	return ds_buf_put(b, out, varint_encode(out, v));
}

int
ds_buf_put_bytes(struct ds_buf *b, const void *data, size_t len)
{
	uint8_t out[10];
	size_t n = varint_encode(out, len);
	int r;

	if (len > b->max)
		return -ENOBUFS;
	r = ds_buf_reserve(b, n + len);
	if (r < 0)
		return r;
	r = ds_buf_put(b, out, n);
	if (r < 0)
		return r;
	return ds_buf_put(b, data, len);
}

int
ds_buf_put_str(struct ds_buf *b, const char *s)
{
	return ds_buf_put_bytes(b, s, strlen(s));
}

size_t
ds_buf_left(const struct ds_buf *b)
{
	return b->len - b->pos;
}

int
ds_buf_get(struct ds_buf *b, size_t len, const uint8_t **ret)
{
	if (ds_buf_left(b) < len)
		return -EBADMSG;
	*ret = b->data + b->pos;
	b->pos += len;
	return 0;
}

static int
get_be(struct ds_buf *b, unsigned size, uint64_t *ret)
{
	const uint8_t *p;
	uint64_t v = 0;
	int r = ds_buf_get(b, size, &p);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < size; i++)
		v = v << 8 | p[i];
	*ret = v;
	return 0;
}

int
ds_buf_get_u8(struct ds_buf *b, uint8_t *ret)
{
	uint64_t v;
	int r = get_be(b, 1, &v);

	if (r < 0)
		return r;
	*ret = (uint8_t)v;
	return 0;
}

int
ds_buf_get_u16(struct ds_buf *b, uint16_t *ret)
{
	uint64_t v;
	int r = get_be(b, 2, &v);

	if (r < 0)
		return r;
	*ret = (uint16_t)v;
	return 0;
}

int
ds_buf_get_u32(struct ds_buf *b, uint32_t *ret)
{
	uint64_t v;
	int r = get_be(b, 4, &v);

	if (r < 0)
		return r;
	*ret = (uint32_t)v;
	return 0;
}

int
ds_buf_get_u64(struct ds_buf *b, uint64_t *ret)
{
	return get_be(b, 8, ret);
}

int
ds_buf_get_varint(struct ds_buf *b, uint64_t *ret)
{
	size_t left = ds_buf_left(b);
	uint64_t v = 0;

	for (size_t i = 0; i < left && i < 10; i++) {
		uint8_t byte = b->data[b->pos + i];

		if (i == 9 && byte > 1)
			return -EBADMSG;
		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		if (byte == 0 && i > 0)
			return -EBADMSG; /* not the shortest form */
		b->pos += i + 1;
		*ret = v;
		return 0;
	}
	return -EBADMSG;
}

int
ds_buf_get_bytes(struct ds_buf *b, size_t max, const uint8_t **ret, size_t *ret_len)
{
	size_t start = b->pos;
	uint64_t n;
	int r = ds_buf_get_varint(b, &n);

	if (r < 0)
		return r;
	r = n > max ? -EBADMSG : ds_buf_get(b, (size_t)n, ret);
	if (r < 0) {
		b->pos = start;
		return r;
	}
	*ret_len = (size_t)n;
	return 0;
}

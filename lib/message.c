/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message - tagged fields to bytes and back; schema/wire.md is the contract.
 *
 * Called by wire and order, on whichever thread owns the bytes.  Owns nothing.
 */
#include "lib/message.h"

#include <errno.h>
#include <string.h>

#define KEY_BYTES 1u /* the low bit of a key: bytes follow, else a number */
#define TAG_MAX   0xffffu

static uint64_t
num_load(const struct ds_message_field *f, const void *m)
{
	const uint8_t *p = (const uint8_t *)m + f->offset;
	uint32_t v32;
	uint64_t v64;

	if (f->type == DS_MESSAGE_U8)
		return *p;
	if (f->type == DS_MESSAGE_U32) {
		memcpy(&v32, p, sizeof(v32));
		return v32;
	}
	memcpy(&v64, p, sizeof(v64));
	return v64;
}

static int
num_store(const struct ds_message_field *f, void *m, uint64_t v)
{
	uint8_t *p = (uint8_t *)m + f->offset;
	uint32_t v32 = (uint32_t)v;

	if ((f->type == DS_MESSAGE_U8 && v > UINT8_MAX) ||
	    (f->type == DS_MESSAGE_U32 && v > UINT32_MAX))
		return -EBADMSG;
	if (f->type == DS_MESSAGE_U8)
		*p = (uint8_t)v;
	else if (f->type == DS_MESSAGE_U32)
		memcpy(p, &v32, sizeof(v32));
	else
		memcpy(p, &v, sizeof(v));
	return 0;
}

static bool
type_is_num(uint8_t type)
{
	return type == DS_MESSAGE_U8 || type == DS_MESSAGE_U32 || type == DS_MESSAGE_U64;
}

static int
put_num(struct ds_buf *b, const struct ds_message_field *f, const void *m)
{
	uint64_t v = num_load(f, m);
	int r;

	if (v == 0)
		return 0;
	r = ds_buf_put_varint(b, (uint64_t)f->tag << 1);
	return r < 0 ? r : ds_buf_put_varint(b, v);
}

static bool
is_zero(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* The bytes of a field, wherever its type keeps them; *ret_size 0: nothing to send. */
static void
bytes_locate(const struct ds_message_field *f, const void *m, const uint8_t **ret, size_t *ret_size)
{
	const uint8_t *p = (const uint8_t *)m + f->offset;

	if (f->type == DS_MESSAGE_BYTES) {
		memcpy(ret, p, sizeof(*ret));
		memcpy(ret_size, (const uint8_t *)m + f->size_offset, sizeof(*ret_size));
		return;
	}
	*ret = p;
	*ret_size = f->type == DS_MESSAGE_TEXT ? strnlen((const char *)p, f->size - 1u) : f->size;
	if (f->type == DS_MESSAGE_FIXED && !f->is_required && is_zero(p, f->size))
		*ret_size = 0;
}

static int
put_bytes(struct ds_buf *b, const struct ds_message_field *f, const void *data, size_t size)
{
	int r;

	if (size == 0 && !f->is_required)
		return 0;
	r = ds_buf_put_varint(b, (uint64_t)f->tag << 1 | KEY_BYTES);
	return r < 0 ? r : ds_buf_put_bytes(b, data, size);
}

/* Every field but nested messages. */
static int
put_plain(struct ds_buf *b, const struct ds_message_field *f, const void *m)
{
	const uint8_t *data;
	size_t size;

	if (type_is_num(f->type))
		return put_num(b, f, m);
	bytes_locate(f, m, &data, &size);
	return put_bytes(b, f, data, size);
}

static int
put_nested(struct ds_buf *b, const struct ds_message_field *f, const void *m)
{
	struct ds_buf inner;
	int r = 0;

	ds_buf_init(&inner, DS_MESSAGE_SIZE_MAX);
	for (size_t i = 0; i < f->sub->len && r == 0; i++)
		r = put_plain(&inner, &f->sub->fields[i],
		    (const uint8_t *)m + f->offset); /* one level only */
	if (r == 0)
		r = put_bytes(b, f, inner.data, inner.len);
	ds_buf_done(&inner);
	return r;
}

int
ds_message_put(struct ds_buf *b, const struct ds_message *message, const void *m)
{
	size_t start = b->len;
	int r = 0;

	for (size_t i = 0; i < message->len && r == 0; i++) {
		const struct ds_message_field *f = &message->fields[i];

		r = f->type == DS_MESSAGE_MESSAGE ? put_nested(b, f, m) : put_plain(b, f, m);
	}
	if (r < 0)
		b->len = start;
	return r;
}

static int
get_bytes(const struct ds_message_field *f, void *m, const uint8_t *data, size_t size)
{
	uint8_t *p = (uint8_t *)m + f->offset;

	switch (f->type) {
	case DS_MESSAGE_TEXT:
		if (size >= f->size || memchr(data, 0, size) != NULL)
			return -EBADMSG;
		memcpy(p, data, size);
		return 0; /* the rest is zero already */
	case DS_MESSAGE_FIXED:
		if (size != f->size)
			return -EBADMSG;
		memcpy(p, data, size);
		return 0;
	case DS_MESSAGE_BYTES:
		memcpy(p, &data, sizeof(data));
		memcpy((uint8_t *)m + f->size_offset, &size, sizeof(size));
		return 0;
	default:
		return -EBADMSG; /* a number was expected */
	}
}

static int
item_get(struct ds_buf *b, struct ds_message_item *ret)
{
	uint64_t key;
	int r = ds_buf_get_varint(b, &key);

	if (r < 0)
		return r;
	if (key >> 1 == 0 || key >> 1 > TAG_MAX)
		return -EBADMSG;
	*ret = (struct ds_message_item){ .tag = (uint32_t)(key >> 1), .is_bytes = key & KEY_BYTES };
	if (!ret->is_bytes)
		return ds_buf_get_varint(b, &ret->num);
	return ds_buf_get_bytes(b, DS_MESSAGE_SIZE_MAX, &ret->data, &ret->size);
}

/* Index of the field, or -1. */
static int
field_find(const struct ds_message *message, uint32_t tag)
{
	for (size_t i = 0; i < message->len; i++)
		if (message->fields[i].tag == tag)
			return (int)i;
	return -1;
}

static int
check_required(const struct ds_message *message, uint64_t seen)
{
	for (size_t i = 0; i < message->len; i++)
		if (message->fields[i].is_required && (seen >> i & 1) == 0)
			return -EBADMSG;
	return 0;
}

int
ds_message_get(const struct ds_message *message, const void *data, size_t size, void *m,
    struct ds_message_item *ret_nested)
{
	struct ds_message_item item;
	struct ds_buf b;
	uint64_t seen = 0;
	int r, i;

	ds_buf_view(&b, data, size);
	while (ds_buf_left(&b) > 0) {
		r = item_get(&b, &item);
		if (r < 0)
			return r;
		i = field_find(message, item.tag);
		if (i < 0)
			continue; /* from a newer peer */
		if (seen >> i & 1)
			return -EBADMSG;
		seen |= UINT64_C(1) << i;
		if (message->fields[i].type == DS_MESSAGE_MESSAGE && item.is_bytes &&
		    ret_nested != NULL)
			*ret_nested = item;
		else if (item.is_bytes)
			r = get_bytes(&message->fields[i], m, item.data, item.size);
		else
			r = type_is_num(message->fields[i].type)
				? num_store(&message->fields[i], m, item.num)
				: -EBADMSG;
		if (r < 0)
			return r;
	}
	return check_required(message, seen);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipc - messages between guard and uplink, and events as rows.
 *
 * Called by the guard's emit and order code and by the uplink's courier, each on its only thread.
 * Owns nothing: it appends to and reads from the caller's buffers.
 */
#include "lib/ipc.h"

#include <errno.h>
#include <string.h>

#define HEADER_SIZE 4u /* bytes of the size in front of a message */

int
ds_ipc_begin(struct ds_buf *b, uint8_t type, size_t *ret_start)
{
	const uint8_t header[HEADER_SIZE + 1] = { 0, 0, 0, 0, type };
	size_t start = b->len;
	int r = ds_buf_put(b, header, sizeof(header));

	if (r < 0)
		return r;
	*ret_start = start;
	return 0;
}

void
ds_ipc_end(struct ds_buf *b, size_t start)
{
	uint32_t size = (uint32_t)(b->len - start - HEADER_SIZE);

	for (unsigned i = 0; i < HEADER_SIZE; i++)
		b->data[start + i] = (uint8_t)(size >> (24 - 8 * i));
}

int
ds_ipc_get(struct ds_buf *b, uint8_t *ret_type, const uint8_t **ret_body, size_t *ret_size)
{
	size_t start = b->pos;
	const uint8_t *p;
	uint32_t size;

	if (ds_buf_get_u32(b, &size) < 0)
		return 0;
	if (size == 0 || size > DS_IPC_MESSAGE_MAX) {
		b->pos = start;
		return size == 0 ? -EBADMSG : -EFBIG;
	}
	if (ds_buf_get(b, size, &p) < 0) {
		b->pos = start;
		return 0;
	}
	*ret_type = p[0];
	*ret_body = p + 1;
	*ret_size = size - 1;
	return 1;
}

static bool
str_is_allowed(unsigned field, size_t len)
{
	if (ds_field_table[field].type == DS_TYPE_ADDR)
		return len == 4 || len == 16;
	return len > 0 && len <= DS_STRING_MAX;
}

static int
put_nums(struct ds_buf *b, const struct ds_event *ev, uint64_t mask)
{
	for (; mask != 0; mask &= mask - 1) {
		unsigned id = (unsigned)__builtin_ctzll(mask);
		int r;

		if (ev->num[id] == 0)
			continue;
		r = ds_buf_put_u8(b, (uint8_t)id);
		if (r == 0)
			r = ds_buf_put_varint(b, ev->num[id]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
put_strs(struct ds_buf *b, const struct ds_event *ev, uint64_t mask)
{
	for (; mask != 0; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctzll(mask);
		const struct ds_str *s = &ev->str[i];
		int r;

		if (s->len == 0)
			continue;
		if (!str_is_allowed(DS_STR_FIRST + i, s->len))
			return -EINVAL;
		r = ds_buf_put_u8(b, (uint8_t)(DS_STR_FIRST + i));
		if (r == 0)
			r = ds_buf_put_bytes(b, s->ptr, s->len);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
put_head(struct ds_buf *b, const struct ds_event *ev)
{
	int r = ds_buf_put_u8(b, ev->kind);

	if (r == 0)
		r = ds_buf_put_u8(b, ev->flags);
	if (r == 0)
		r = ds_buf_put_varint(b, ev->time_us);
	if (r == 0)
		r = ds_buf_put_varint(b, ev->count);
	if (r == 0)
		r = ds_buf_put_bytes(b, ev->daemon.ptr, ev->daemon.len);
	return r;
}

int
ds_ipc_put_event(struct ds_buf *b, const struct ds_event *ev)
{
	size_t start = b->len;
	const struct ds_kind_info *kind;
	int r;

	if (ev->kind >= DS_EVENT_MAX || ds_kind_table[ev->kind].symbol == NULL || ev->count == 0 ||
	    ev->daemon.len > DS_DAEMON_MAX)
		return -EINVAL;
	kind = &ds_kind_table[ev->kind];
	r = put_head(b, ev);
	if (r == 0)
		r = put_nums(b, ev, kind->nums);
	if (r == 0)
		r = put_strs(b, ev, kind->strs);
	if (r == 0)
		r = ds_buf_put_u8(b, 0);
	if (r < 0)
		b->len = start;
	return r;
}

static int
get_head(struct ds_buf *b, struct ds_event *ret)
{
	const uint8_t *daemon;
	size_t len;

	if (ds_buf_get_u8(b, &ret->kind) < 0 || ds_buf_get_u8(b, &ret->flags) < 0 ||
	    ds_buf_get_varint(b, &ret->time_us) < 0 || ds_buf_get_varint(b, &ret->count) < 0 ||
	    ds_buf_get_bytes(b, DS_DAEMON_MAX, &daemon, &len) < 0)
		return -EBADMSG;
	if (ret->kind >= DS_EVENT_MAX || ds_kind_table[ret->kind].symbol == NULL || ret->count == 0)
		return -EBADMSG;
	if (len > 0)
		ret->daemon = (struct ds_str){ (const char *)daemon, (uint32_t)len };
	return 0;
}

static int
get_num(struct ds_buf *b, struct ds_event *ret, unsigned id)
{
	if ((ds_kind_table[ret->kind].nums >> id & 1) == 0)
		return -EBADMSG;
	if (ds_buf_get_varint(b, &ret->num[id]) < 0 || ret->num[id] == 0)
		return -EBADMSG;
	return 0;
}

static int
get_str(struct ds_buf *b, struct ds_event *ret, unsigned id)
{
	const uint8_t *p;
	size_t len;

	if ((ds_kind_table[ret->kind].strs >> (id - DS_STR_FIRST) & 1) == 0)
		return -EBADMSG;
	if (ds_buf_get_bytes(b, DS_STRING_MAX, &p, &len) < 0 || !str_is_allowed(id, len))
		return -EBADMSG;
	ret->str[id - DS_STR_FIRST] = (struct ds_str){ (const char *)p, (uint32_t)len };
	return 0;
}

/* Fields come in ascending order of their ids, each once; id 0 ends them. */
static int
get_fields(struct ds_buf *b, struct ds_event *ret)
{
	uint8_t id, last = 0;
	int r;

	for (;;) {
		if (ds_buf_get_u8(b, &id) < 0)
			return -EBADMSG;
		if (id == 0)
			return 0;
		if (id <= last || id >= DS_STR_END)
			return -EBADMSG;
		r = id < DS_STR_FIRST ? get_num(b, ret, id) : get_str(b, ret, id);
		if (r < 0)
			return r;
		last = id;
	}
}

int
ds_ipc_get_event(struct ds_buf *b, struct ds_event *ret)
{
	size_t start = b->pos;
	int r;

	*ret = (struct ds_event){ 0 };
	r = get_head(b, ret);
	if (r == 0)
		r = get_fields(b, ret);
	if (r < 0)
		b->pos = start;
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire - frames, and messages of tagged fields; schema/wire.md is the contract.
 *
 * Called by agent and server on whichever thread owns the connection.  Owns nothing.
 *
 * A message is described by a table of its fields; one encoder and one decoder serve all.
 */
#include "lib/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* ---- frames */

int
ds_frame_put(struct ds_buf *b, uint8_t type, uint8_t flags, const void *payload, size_t size)
{
	const uint8_t header[DS_FRAME_HEADER] = { 'D', 'S', DS_WIRE_VERSION, type, flags, 0, 0, 0,
		(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size };
	int r;

	if (size > DS_FRAME_PAYLOAD_MAX)
		return -EFBIG;
	r = ds_buf_reserve(b, sizeof(header) + size);
	if (r < 0)
		return r;
	r = ds_buf_put(b, header, sizeof(header));
	if (r < 0)
		return r;
	return ds_buf_put(b, payload, size);
}

/* As early as the first byte: a peer that speaks something else is not waited for. */
static int
check_start(const uint8_t *p, size_t left)
{
	if ((left > 0 && p[0] != 'D') || (left > 1 && p[1] != 'S'))
		return -EBADMSG;
	if (left > 2 && p[2] != DS_WIRE_VERSION)
		return -EPROTONOSUPPORT;
	return 0;
}

int
ds_frame_get(struct ds_buf *b, struct ds_frame *ret, size_t *ret_need)
{
	const uint8_t *p = b->data + b->pos;
	size_t left = ds_buf_left(b), size;
	int r = check_start(p, left);

	*ret_need = 0;
	if (r < 0)
		return r;
	if (left < DS_FRAME_HEADER)
		return 0;
	size = (size_t)p[8] << 24 | (size_t)p[9] << 16 | (size_t)p[10] << 8 | p[11];
	if (size > DS_FRAME_PAYLOAD_MAX)
		return -EFBIG;
	if (left - DS_FRAME_HEADER < size) {
		*ret_need = DS_FRAME_HEADER + size;
		return 0;
	}
	*ret = (struct ds_frame){ p[3], p[4], p + DS_FRAME_HEADER, size };
	b->pos += DS_FRAME_HEADER + size;
	return 1;
}

/* ---- messages */

enum type {
	TYPE_U8,
	TYPE_U32,
	TYPE_U64,
	TYPE_TEXT,    /* char[size], terminated */
	TYPE_FIXED,   /* exactly `size` bytes */
	TYPE_BYTES,   /* pointer, and a size_t at size_offset */
	TYPE_MESSAGE, /* a struct described by `sub` */
};

struct field {
	uint8_t tag; /* 1..; never reused */
	uint8_t type;
	bool is_required;
	uint16_t offset, size, size_offset;
	const struct message *sub;
};

struct message {
	const struct field *fields;
	size_t len;
};

#define NUM(tag_, type_, s, m)   .tag = (tag_), .type = (type_), .offset = offsetof(struct s, m)
#define ARRAY(tag_, type_, s, m) NUM(tag_, type_, s, m), .size = sizeof(((struct s *)0)->m)
#define TEXT(tag_, s, m)         ARRAY(tag_, TYPE_TEXT, s, m)
#define FIXED(tag_, s, m)        ARRAY(tag_, TYPE_FIXED, s, m), .is_required = true
#define BYTES(tag_, s, m, n) \
	NUM(tag_, TYPE_BYTES, s, m), .size_offset = offsetof(struct s, n), .is_required = true
#define MESSAGE(tag_, s, m, sub_) NUM(tag_, TYPE_MESSAGE, s, m), .sub = (sub_), .is_required = true

static const struct field hello_fields[] = {
	{ NUM(1, TYPE_U32, ds_hello, version_min) },
	{ NUM(2, TYPE_U32, ds_hello, version_max) },
	{ NUM(3, TYPE_U64, ds_hello, epoch) },
	{ NUM(4, TYPE_U64, ds_hello, boot_time_us) },
	{ NUM(5, TYPE_U64, ds_hello, now_us) },
	{ TEXT(6, ds_hello, agent_version) },
	{ TEXT(7, ds_hello, hostname) },
	{ TEXT(8, ds_hello, os) },
	{ TEXT(9, ds_hello, kernel) },
	{ TEXT(10, ds_hello, arch) },
	{ TEXT(11, ds_hello, machine_id) },
	{ TEXT(12, ds_hello, boot_id) },
	{ TEXT(13, ds_hello, sensors) },
	{ TEXT(14, ds_hello, labels) },
};
static const struct message hello_message = { hello_fields, DS_LEN(hello_fields) };

static const struct field welcome_fields[] = {
	{ NUM(1, TYPE_U32, ds_welcome, version) },
	{ NUM(2, TYPE_U64, ds_welcome, now_us) },
	{ NUM(3, TYPE_U32, ds_welcome, ping_s) },
	{ NUM(4, TYPE_U32, ds_welcome, batch_max) },
	{ NUM(5, TYPE_U64, ds_welcome, cursor[DS_LANE_URGENT].epoch) },
	{ NUM(6, TYPE_U64, ds_welcome, cursor[DS_LANE_URGENT].seq) },
	{ NUM(7, TYPE_U64, ds_welcome, cursor[DS_LANE_BULK].epoch) },
	{ NUM(8, TYPE_U64, ds_welcome, cursor[DS_LANE_BULK].seq) },
	{ TEXT(9, ds_welcome, server_version) },
	{ NUM(10, TYPE_U64, ds_welcome, renew_after_us) },
};
static const struct message welcome_message = { welcome_fields, DS_LEN(welcome_fields) };

static const struct field batch_fields[] = {
	{ NUM(1, TYPE_U8, ds_batch_frame, lane) },
	{ NUM(2, TYPE_U64, ds_batch_frame, epoch) },
	{ NUM(3, TYPE_U64, ds_batch_frame, seq) },
	{ BYTES(4, ds_batch_frame, packed, size) },
};
static const struct message batch_message = { batch_fields, DS_LEN(batch_fields) };

static const struct field ack_fields[] = {
	{ NUM(1, TYPE_U8, ds_ack, lane) },
	{ NUM(2, TYPE_U64, ds_ack, epoch) },
	{ NUM(3, TYPE_U64, ds_ack, seq) },
};
static const struct message ack_message = { ack_fields, DS_LEN(ack_fields) };

static const struct field error_fields[] = {
	{ NUM(1, TYPE_U32, ds_error, code) },
	{ NUM(2, TYPE_U32, ds_error, retry_after_s) },
	{ TEXT(3, ds_error, text) },
};
static const struct message error_message = { error_fields, DS_LEN(error_fields) };

static const struct field enrol_fields[] = {
	{ TEXT(1, ds_enrol, token_id) },
	{ FIXED(2, ds_enrol, secret) },
	{ BYTES(3, ds_enrol, csr, csr_size) },
	{ MESSAGE(4, ds_enrol, facts, &hello_message) },
};
static const struct message enrol_message = { enrol_fields, DS_LEN(enrol_fields) };

static const struct field certificate_fields[] = {
	{ FIXED(1, ds_certificate, host_id) },
	{ BYTES(2, ds_certificate, cert, cert_size) },
	{ BYTES(3, ds_certificate, ca, ca_size) },
	{ NUM(4, TYPE_U64, ds_certificate, renew_after_us) },
};
static const struct message certificate_message = { certificate_fields,
	DS_LEN(certificate_fields) };

static const struct field renew_fields[] = {
	{ BYTES(1, ds_renew, csr, csr_size) },
};
static const struct message renew_message = { renew_fields, DS_LEN(renew_fields) };

#define KEY_BYTES 1u /* the low bit of a key: bytes follow, else a number */
#define TAG_MAX   0xffffu

static uint64_t
num_load(const struct field *f, const void *m)
{
	const uint8_t *p = (const uint8_t *)m + f->offset;
	uint32_t v32;
	uint64_t v64;

	if (f->type == TYPE_U8)
		return *p;
	if (f->type == TYPE_U32) {
		memcpy(&v32, p, sizeof(v32));
		return v32;
	}
	memcpy(&v64, p, sizeof(v64));
	return v64;
}

static int
num_store(const struct field *f, void *m, uint64_t v)
{
	uint8_t *p = (uint8_t *)m + f->offset;
	uint32_t v32 = (uint32_t)v;

	if ((f->type == TYPE_U8 && v > UINT8_MAX) || (f->type == TYPE_U32 && v > UINT32_MAX))
		return -EBADMSG;
	if (f->type == TYPE_U8)
		*p = (uint8_t)v;
	else if (f->type == TYPE_U32)
		memcpy(p, &v32, sizeof(v32));
	else
		memcpy(p, &v, sizeof(v));
	return 0;
}

static bool
type_is_num(uint8_t type)
{
	return type == TYPE_U8 || type == TYPE_U32 || type == TYPE_U64;
}

static int
put_num(struct ds_buf *b, const struct field *f, const void *m)
{
	uint64_t v = num_load(f, m);
	int r;

	if (v == 0)
		return 0;
	r = ds_buf_put_varint(b, (uint64_t)f->tag << 1);
	return r < 0 ? r : ds_buf_put_varint(b, v);
}

/* The bytes of a field, wherever its type keeps them; *ret_size 0: nothing to send. */
static void
bytes_locate(const struct field *f, const void *m, const uint8_t **ret, size_t *ret_size)
{
	const uint8_t *p = (const uint8_t *)m + f->offset;

	if (f->type == TYPE_BYTES) {
		memcpy(ret, p, sizeof(*ret));
		memcpy(ret_size, (const uint8_t *)m + f->size_offset, sizeof(*ret_size));
		return;
	}
	*ret = p;
	*ret_size = f->type == TYPE_TEXT ? strnlen((const char *)p, f->size - 1u) : f->size;
}

static int
put_bytes(struct ds_buf *b, const struct field *f, const void *data, size_t size)
{
	int r;

	if (size == 0 && !f->is_required)
		return 0;
	r = ds_buf_put_varint(b, (uint64_t)f->tag << 1 | KEY_BYTES);
	return r < 0 ? r : ds_buf_put_bytes(b, data, size);
}

/* Every field but nested messages. */
static int
put_plain(struct ds_buf *b, const struct field *f, const void *m)
{
	const uint8_t *data;
	size_t size;

	if (type_is_num(f->type))
		return put_num(b, f, m);
	bytes_locate(f, m, &data, &size);
	return put_bytes(b, f, data, size);
}

static int
put_nested(struct ds_buf *b, const struct field *f, const void *m)
{
	struct ds_buf inner;
	int r = 0;

	ds_buf_init(&inner, DS_FRAME_PAYLOAD_MAX);
	for (size_t i = 0; i < f->sub->len && r == 0; i++)
		r = put_plain(&inner, &f->sub->fields[i],
		    (const uint8_t *)m + f->offset); /* one level only */
	if (r == 0)
		r = put_bytes(b, f, inner.data, inner.len);
	ds_buf_done(&inner);
	return r;
}

static int
message_put(struct ds_buf *b, const struct message *message, const void *m)
{
	size_t start = b->len;
	int r = 0;

	for (size_t i = 0; i < message->len && r == 0; i++) {
		const struct field *f = &message->fields[i];

		r = f->type == TYPE_MESSAGE ? put_nested(b, f, m) : put_plain(b, f, m);
	}
	if (r < 0)
		b->len = start;
	return r;
}

static int
get_bytes(const struct field *f, void *m, const uint8_t *data, size_t size)
{
	uint8_t *p = (uint8_t *)m + f->offset;

	switch (f->type) {
	case TYPE_TEXT:
		if (size >= f->size || memchr(data, 0, size) != NULL)
			return -EBADMSG;
		memcpy(p, data, size);
		return 0; /* the rest is zero already */
	case TYPE_FIXED:
		if (size != f->size)
			return -EBADMSG;
		memcpy(p, data, size);
		return 0;
	case TYPE_BYTES:
		memcpy(p, &data, sizeof(data));
		memcpy((uint8_t *)m + f->size_offset, &size, sizeof(size));
		return 0;
	default:
		return -EBADMSG; /* a number was expected */
	}
}

struct item {
	uint32_t tag;
	bool is_bytes;
	uint64_t num;
	const uint8_t *data;
	size_t size;
};

static int
item_get(struct ds_buf *b, struct item *ret)
{
	uint64_t key;
	int r = ds_buf_get_varint(b, &key);

	if (r < 0)
		return r;
	if (key >> 1 == 0 || key >> 1 > TAG_MAX)
		return -EBADMSG;
	*ret = (struct item){ .tag = (uint32_t)(key >> 1), .is_bytes = key & KEY_BYTES };
	if (!ret->is_bytes)
		return ds_buf_get_varint(b, &ret->num);
	return ds_buf_get_bytes(b, DS_FRAME_PAYLOAD_MAX, &ret->data, &ret->size);
}

/* Index of the field, or -1. */
static int
field_find(const struct message *message, uint32_t tag)
{
	for (size_t i = 0; i < message->len; i++)
		if (message->fields[i].tag == tag)
			return (int)i;
	return -1;
}

static int
check_required(const struct message *message, uint32_t seen)
{
	for (size_t i = 0; i < message->len; i++)
		if (message->fields[i].is_required && (seen >> i & 1) == 0)
			return -EBADMSG;
	return 0;
}

/* Reads the fields into *m, which is all zero; *nested gets the item of a TYPE_MESSAGE field. */
static int
fields_get(
    const struct message *message, const void *data, size_t size, void *m, struct item *ret_nested)
{
	struct item item;
	struct ds_buf b;
	uint32_t seen = 0;
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
		seen |= 1u << i;
		if (message->fields[i].type == TYPE_MESSAGE && item.is_bytes && ret_nested != NULL)
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

int
ds_hello_put(struct ds_buf *b, const struct ds_hello *m)
{
	return message_put(b, &hello_message, m);
}

int
ds_hello_get(const void *data, size_t size, struct ds_hello *ret)
{
	*ret = (struct ds_hello){ 0 };
	return fields_get(&hello_message, data, size, ret, NULL);
}

int
ds_welcome_put(struct ds_buf *b, const struct ds_welcome *m)
{
	return message_put(b, &welcome_message, m);
}

int
ds_welcome_get(const void *data, size_t size, struct ds_welcome *ret)
{
	*ret = (struct ds_welcome){ 0 };
	return fields_get(&welcome_message, data, size, ret, NULL);
}

int
ds_batch_frame_put(struct ds_buf *b, const struct ds_batch_frame *m)
{
	return m->lane < DS_LANES ? message_put(b, &batch_message, m) : -EINVAL;
}

int
ds_batch_frame_get(const void *data, size_t size, struct ds_batch_frame *ret)
{
	int r;

	*ret = (struct ds_batch_frame){ 0 };
	r = fields_get(&batch_message, data, size, ret, NULL);
	return r == 0 && ret->lane >= DS_LANES ? -EBADMSG : r;
}

int
ds_ack_put(struct ds_buf *b, const struct ds_ack *m)
{
	return m->lane < DS_LANES ? message_put(b, &ack_message, m) : -EINVAL;
}

int
ds_ack_get(const void *data, size_t size, struct ds_ack *ret)
{
	int r;

	*ret = (struct ds_ack){ 0 };
	r = fields_get(&ack_message, data, size, ret, NULL);
	return r == 0 && ret->lane >= DS_LANES ? -EBADMSG : r;
}

int
ds_error_put(struct ds_buf *b, const struct ds_error *m)
{
	return message_put(b, &error_message, m);
}

int
ds_error_get(const void *data, size_t size, struct ds_error *ret)
{
	*ret = (struct ds_error){ 0 };
	return fields_get(&error_message, data, size, ret, NULL);
}

int
ds_enrol_put(struct ds_buf *b, const struct ds_enrol *m)
{
	return message_put(b, &enrol_message, m);
}

int
ds_enrol_get(const void *data, size_t size, struct ds_enrol *ret)
{
	struct item facts = { 0 };
	int r;

	*ret = (struct ds_enrol){ 0 };
	r = fields_get(&enrol_message, data, size, ret, &facts);
	if (r < 0)
		return r;
	return fields_get(&hello_message, facts.data, facts.size, &ret->facts, NULL);
}

int
ds_certificate_put(struct ds_buf *b, const struct ds_certificate *m)
{
	return message_put(b, &certificate_message, m);
}

int
ds_certificate_get(const void *data, size_t size, struct ds_certificate *ret)
{
	*ret = (struct ds_certificate){ 0 };
	return fields_get(&certificate_message, data, size, ret, NULL);
}

int
ds_renew_put(struct ds_buf *b, const struct ds_renew *m)
{
	return message_put(b, &renew_message, m);
}

int
ds_renew_get(const void *data, size_t size, struct ds_renew *ret)
{
	*ret = (struct ds_renew){ 0 };
	return fields_get(&renew_message, data, size, ret, NULL);
}

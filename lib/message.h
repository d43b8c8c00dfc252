/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message - structs as lists of tagged fields, described by tables; section 3 of schema/wire.md.
 *
 * One encoder and one decoder for frames (wire.c) and orders (order.c).  Nothing here does I/O.
 */
#ifndef LIB_MESSAGE_H
#define LIB_MESSAGE_H

#include "lib/buf.h"

#include <stdbool.h>

#define DS_MESSAGE_SIZE_MAX (4u << 20) /* bytes of a field, at most */

enum ds_message_type {
	DS_MESSAGE_U8,
	DS_MESSAGE_U32,
	DS_MESSAGE_U64,
	DS_MESSAGE_TEXT,    /* char[size], terminated */
	DS_MESSAGE_FIXED,   /* exactly `size` bytes; not required and all zero: absent */
	DS_MESSAGE_BYTES,   /* pointer, and a size_t at size_offset */
	DS_MESSAGE_MESSAGE, /* a struct described by `sub` */
};

struct ds_message_field {
	uint8_t tag; /* 1..; never reused */
	uint8_t type;
	bool is_required;
	uint16_t offset, size, size_offset;
	const struct ds_message *sub;
};

/* At most 64 fields. */
struct ds_message {
	const struct ds_message_field *fields;
	size_t len;
};

#define DS_FIELD_NUM(tag_, type_, s, m) \
	.tag = (tag_), .type = (type_), .offset = offsetof(struct s, m)
#define DS_FIELD_ARRAY(tag_, type_, s, m) \
	DS_FIELD_NUM(tag_, type_, s, m), .size = sizeof(((struct s *)0)->m)
#define DS_FIELD_TEXT(tag_, s, m)  DS_FIELD_ARRAY(tag_, DS_MESSAGE_TEXT, s, m)
#define DS_FIELD_FIXED(tag_, s, m) DS_FIELD_ARRAY(tag_, DS_MESSAGE_FIXED, s, m), .is_required = true
#define DS_FIELD_BYTES(tag_, s, m, n)                                                     \
	DS_FIELD_NUM(tag_, DS_MESSAGE_BYTES, s, m), .size_offset = offsetof(struct s, n), \
						    .is_required = true
#define DS_FIELD_MESSAGE(tag_, s, m, sub_) \
	DS_FIELD_NUM(tag_, DS_MESSAGE_MESSAGE, s, m), .sub = (sub_), .is_required = true

/* The item of a nested message: read it with another ds_message_get(). */
struct ds_message_item {
	uint32_t tag;
	bool is_bytes;
	uint64_t num;
	const uint8_t *data;
	size_t size;
};

/* Appends the fields of *m that are not 0 or empty; b is unchanged on failure. */
DS_MUST_CHECK int ds_message_put(struct ds_buf *b, const struct ds_message *message, const void *m);
/* Reads fields into *m, which is all zero: 0 or -EBADMSG.  *ret_nested gets the item of a
 * DS_MESSAGE_MESSAGE field; NULL where there is none. */
DS_MUST_CHECK int ds_message_get(const struct ds_message *message, const void *data, size_t size,
    void *m, struct ds_message_item *ret_nested);

#endif

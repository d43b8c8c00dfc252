/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * buf - a byte buffer you append to at the end and read from the front.
 *
 * Every get is bounds-checked and moves the read cursor only on success, so a decoder is a plain
 * list of gets followed by one test.  Fixed-width numbers are big-endian; varints are LEB128, at
 * most 10 bytes, shortest form only.
 */
#ifndef LIB_BUF_H
#define LIB_BUF_H

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

struct ds_buf {
	uint8_t *data;
	size_t len; /* bytes written */
	size_t pos; /* bytes already read */
	size_t cap; /* bytes allocated; 0 = read-only view */
	size_t max; /* never grow past this */
};

void ds_buf_init(struct ds_buf *b, size_t max);
/* A read-only view of somebody else's bytes. */
void ds_buf_view(struct ds_buf *b, const void *data, size_t len);
/* Forgets the contents, keeps the memory. */
void ds_buf_clear(struct ds_buf *b);
/* Frees the memory; the buffer can be used again with the same maximum. */
void ds_buf_done(struct ds_buf *b);
/* Moves the unread bytes to the front. */
void ds_buf_compact(struct ds_buf *b);
/* Room for n more bytes at data + len, for a caller that writes them itself and then adds to len.
 */
DS_MUST_CHECK int ds_buf_reserve(struct ds_buf *b, size_t n);

/* 0, or -ENOBUFS past max, -ENOMEM, -EROFS on a view; the buffer is unchanged on failure. */
DS_MUST_CHECK int ds_buf_put(struct ds_buf *b, const void *data, size_t len);
DS_MUST_CHECK int ds_buf_put_u8(struct ds_buf *b, uint8_t v);
DS_MUST_CHECK int ds_buf_put_u16(struct ds_buf *b, uint16_t v);
DS_MUST_CHECK int ds_buf_put_u32(struct ds_buf *b, uint32_t v);
DS_MUST_CHECK int ds_buf_put_u64(struct ds_buf *b, uint64_t v);
DS_MUST_CHECK int ds_buf_put_varint(struct ds_buf *b, uint64_t v);
/* A varint length, then the bytes. */
DS_MUST_CHECK int ds_buf_put_bytes(struct ds_buf *b, const void *data, size_t len);
DS_MUST_CHECK int ds_buf_put_str(struct ds_buf *b, const char *s);

/* Bytes not read yet. */
size_t ds_buf_left(const struct ds_buf *b);

/* 0, or -EBADMSG when the bytes are not there or not well formed; the cursor moves on success only.
 */
DS_MUST_CHECK int ds_buf_get_u8(struct ds_buf *b, uint8_t *ret);
DS_MUST_CHECK int ds_buf_get_u16(struct ds_buf *b, uint16_t *ret);
DS_MUST_CHECK int ds_buf_get_u32(struct ds_buf *b, uint32_t *ret);
DS_MUST_CHECK int ds_buf_get_u64(struct ds_buf *b, uint64_t *ret);
DS_MUST_CHECK int ds_buf_get_varint(struct ds_buf *b, uint64_t *ret);
/* len bytes as they are; *ret borrows from the buffer. */
DS_MUST_CHECK int ds_buf_get(struct ds_buf *b, size_t len, const uint8_t **ret);
/* A varint length of at most max, then the bytes; *ret borrows from the buffer. */
DS_MUST_CHECK int ds_buf_get_bytes(
    struct ds_buf *b, size_t max, const uint8_t **ret, size_t *ret_len);

/* A big-endian number where it stands. */
static inline uint32_t
ds_u32_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t
ds_u64_at(const uint8_t *p)
{
	return (uint64_t)ds_u32_at(p) << 32 | ds_u32_at(p + 4);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool_file - the records of one file of the spool.
 *
 * Called by spool.c, spool_read.c and spool_open.c on the uplink's only thread, and by the fuzzer.
 * Owns nothing.  Every byte that it reads may be damaged: sizes are believed only after the
 * header's own checksum, and a walk never goes back.
 */
#include "agent/uplink/spool_file.h"

#include "lib/zip.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAGIC      0x44535231u /* "DSR1" */
#define MAGIC_SIZE 4u
#define CRC_AT     4u
#define CRC_FROM   8u
#define WINDOW     4096u /* bytes looked through at a time for the next header */

static void
put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void
put_u64(uint8_t *p, uint64_t v)
{
	put_u32(p, (uint32_t)(v >> 32));
	put_u32(p + 4, (uint32_t)v);
}

void
spool_header_put(const struct spool_header *h, uint8_t ret[SPOOL_HEADER])
{
	put_u32(ret, MAGIC);
	put_u32(ret + 8, h->crc);
	put_u32(ret + 12, h->size);
	put_u32(ret + 16, h->notes_size);
	put_u32(ret + 20, h->events);
	put_u64(ret + 24, h->epoch);
	put_u64(ret + 32, h->seq);
	for (unsigned i = 0; i < DS_LANES; i++) {
		put_u64(ret + 40 + 12 * i, h->marks[i].number);
		put_u32(ret + 48 + 12 * i, h->marks[i].part);
	}
	put_u64(ret + 64, h->time_us);
	put_u64(ret + 72, h->lane);
	put_u32(ret + CRC_AT, ds_crc32(ret + CRC_FROM, SPOOL_HEADER - CRC_FROM));
}

int
spool_header_get(const uint8_t data[SPOOL_HEADER], struct spool_header *ret)
{
	struct spool_header h = {
		.crc = ds_u32_at(data + 8),
		.size = ds_u32_at(data + 12),
		.notes_size = ds_u32_at(data + 16),
		.events = ds_u32_at(data + 20),
		.epoch = ds_u64_at(data + 24),
		.seq = ds_u64_at(data + 32),
		.marks = { { ds_u64_at(data + 40), ds_u32_at(data + 48) },
		    { ds_u64_at(data + 52), ds_u32_at(data + 60) } },
		.time_us = ds_u64_at(data + 64),
	};
	uint64_t lane = ds_u64_at(data + 72);

	if (ds_u32_at(data) != MAGIC ||
	    ds_u32_at(data + CRC_AT) != ds_crc32(data + CRC_FROM, SPOOL_HEADER - CRC_FROM))
		return -EBADMSG;
	if (lane >= DS_LANES || h.size == 0 || h.size > DS_BATCH_PACKED_MAX ||
	    h.notes_size > SPOOL_NOTES_MAX || h.seq == 0 || h.epoch == 0)
		return -EBADMSG;
	h.lane = (uint8_t)lane;
	*ret = h;
	return 0;
}

ssize_t
spool_pread(int fd, void *ret, size_t size, uint64_t offset)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = pread(fd, (uint8_t *)ret + len, size - len, (off_t)(offset + len));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* Whether the header belongs here: this file's lane and epoch, and newer than the one before. */
static bool
header_fits(struct spool_walk *w, const struct spool_header *h)
{
	if (h->lane != w->lane || h->seq <= w->seq)
		return false;
	if (w->epoch == 0)
		w->epoch = h->epoch;
	return h->epoch == w->epoch;
}

/* The offset of the next magic at or behind `from`: 1, 0 for none, -errno. */
static int
find_magic(const struct spool_walk *w, uint64_t from, uint64_t *ret)
{
	uint8_t window[WINDOW], magic[MAGIC_SIZE];

	put_u32(magic, MAGIC);
	while (from + SPOOL_HEADER <= w->end) {
		size_t want = (size_t)DS_MIN((uint64_t)WINDOW, w->end - from);
		ssize_t n = spool_pread(w->fd, window, want, from);
		const uint8_t *p;

		if (n < 0)
			return (int)n;
		p = memmem(window, (size_t)n, magic, MAGIC_SIZE);
		if (p != NULL) {
			*ret = from + (uint64_t)(p - window);
			return 1;
		}
		if ((size_t)n < WINDOW)
			return 0;
		from += WINDOW - (MAGIC_SIZE - 1);
	}
	return 0;
}

/* 1: a header that fits is at `at`; 0: none; -errno. */
static int
header_at(struct spool_walk *w, uint64_t at, struct spool_header *ret)
{
	uint8_t data[SPOOL_HEADER];
	ssize_t n;

	n = spool_pread(w->fd, data, sizeof(data), at);
	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof(data) || spool_header_get(data, ret) < 0)
		return 0;
	return header_fits(w, ret);
}

/* The record at `at` is the next one, unless the file ends in the middle of it. */
static int
take(struct spool_walk *w, uint64_t at, const struct spool_header *h)
{
	if (spool_header_whole(h) > w->end - at) {
		w->is_torn = true;
		w->next = w->end;
		return 0;
	}
	w->offset = at;
	w->next = at + spool_header_whole(h);
	w->seq = h->seq;
	return 1;
}

int
spool_walk_header(struct spool_walk *w, struct spool_header *ret)
{
	uint64_t at = w->next;
	bool is_damaged = false;
	int r;

	while (at + SPOOL_HEADER <= w->end) {
		r = header_at(w, at, ret);
		if (r < 0)
			return r;
		if (r == 1)
			break;
		if (!is_damaged)
			w->damaged++;
		is_damaged = true;
		r = find_magic(w, at + 1, &at);
		if (r < 0)
			return r;
		if (r == 0)
			at = w->end;
	}
	if (at + SPOOL_HEADER <= w->end)
		return take(w, at, ret);
	w->is_torn = w->is_torn || (!is_damaged && at < w->end);
	w->next = w->end;
	return 0;
}

int
spool_walk_body(const struct spool_walk *w, const struct spool_header *h, struct ds_buf *body)
{
	size_t size = (size_t)h->size + h->notes_size;
	ssize_t n;
	int r;

	ds_buf_clear(body);
	r = ds_buf_reserve(body, size);
	if (r < 0)
		return r;
	n = spool_pread(w->fd, body->data, size, w->offset + SPOOL_HEADER);
	if (n < 0)
		return (int)n;
	if ((size_t)n < size || ds_crc32(body->data, size) != h->crc)
		return -EBADMSG;
	body->len = size;
	return 0;
}

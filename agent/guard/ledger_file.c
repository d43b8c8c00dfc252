/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger_file - the journal of the ledger: append, sync, read back, write anew.
 *
 * Called by ledger.  The boot id is kept with each record, since a deadline on the boot clock means
 * nothing after a reboot.
 */
#include "agent/guard/ledger_file.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/message.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC       "DSL1"
#define MAGIC_SIZE  4u
#define RECORD_MAX  (128u << 10)
#define FILE_MAX    (256u << 20)
#define PENDING_MAX (64u << 20)
#define LONG_MIN    (1u << 20)  /* bytes: shorter journals are left alone */
#define ROOM        (64u << 10) /* bytes of zeroes behind the records */

/* An entry as a message. */
struct record {
	uint8_t id[DS_ORDER_ID_SIZE];
	uint8_t state;
	uint64_t until_us, until_boot_us;
	char boot_id[40];
	const uint8_t *order, *inverse, *result;
	size_t order_size, inverse_size, result_size;
};

#define BYTES(tag, m)                                   \
	DS_FIELD_NUM(tag, DS_MESSAGE_BYTES, record, m), \
	    .size_offset = offsetof(struct record, m##_size)

static const struct ds_message_field fields[] = {
	{ DS_FIELD_FIXED(1, record, id) },
	{ DS_FIELD_NUM(2, DS_MESSAGE_U8, record, state) },
	{ DS_FIELD_NUM(3, DS_MESSAGE_U64, record, until_us) },
	{ DS_FIELD_NUM(4, DS_MESSAGE_U64, record, until_boot_us) },
	{ DS_FIELD_TEXT(5, record, boot_id) },
	{ BYTES(6, order) },
	{ BYTES(7, inverse) },
	{ BYTES(8, result) },
};
static const struct ds_message message = { fields, DS_LEN(fields) };

static char path[4096];
static char boot_id[40];
static int fd = -1, new_fd = -1;
static struct ds_buf pending;
static off_t size, compact_size; /* of the records now, and when it was last written anew */
static off_t file_size;          /* with the zeroes behind them */

static uint32_t
checksum(const void *data, size_t len)
{
	uint8_t digest[4];
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, len, data);
	sha256_digest(&sha, sizeof(digest), digest);
	return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
	       digest[3];
}

static void
read_boot_id(void)
{
	char *text;
	size_t len;

	boot_id[0] = '\0';
	if (ds_file_read("/proc/sys/kernel/random/boot_id", 64, &text, &len) < 0)
		return; /* every deadline then goes by the wall clock */
	(void)snprintf(boot_id, sizeof(boot_id), "%.36s", text);
	free(text);
}

static int
entry_of(const struct record *m, struct ledger_entry *ret)
{
	struct ds_order order;

	*ret = (struct ledger_entry){ .state = (enum ledger_state)m->state,
		.until_us = m->until_us,
		.until_boot_us = strcmp(m->boot_id, boot_id) == 0 ? m->until_boot_us : 0,
		.order_size = (uint32_t)m->order_size,
		.inverse_size = (uint32_t)m->inverse_size,
		.result_size = (uint32_t)m->result_size };
	/* Borrowed, and only read. */
	memcpy(&ret->order, &m->order, sizeof(ret->order));
	memcpy(&ret->inverse, &m->inverse, sizeof(ret->inverse));
	memcpy(&ret->result, &m->result, sizeof(ret->result));
	memcpy(ret->id, m->id, sizeof(ret->id));
	if (m->state < LEDGER_INTENT || m->state > LEDGER_OVER || ledger_order(ret, &order) < 0)
		return -EBADMSG;
	memcpy(ret->kind, order.kind, sizeof(ret->kind));
	ret->counter = order.counter;
	ret->expires_us = order.expires_us;
	return 0;
}

static bool
is_room(const struct ds_buf *b)
{
	const uint8_t *at = b->data + b->pos;
	size_t left = ds_buf_left(b);

	return left == 0 || (at[0] == 0 && memcmp(at, at + 1, left - 1) == 0);
}

/* One record: 1, 0 at the end, -EBADMSG: nothing behind it can be trusted. */
static int
read_record(struct ds_buf *b, int (*call)(const struct ledger_entry *entry))
{
	struct record m = { 0 };
	struct ledger_entry e;
	const uint8_t *body;
	uint32_t len, sum;
	int r;

	if (is_room(b))
		return 0;
	if (ds_buf_get_u32(b, &len) < 0 || ds_buf_get_u32(b, &sum) < 0 || len > RECORD_MAX ||
	    ds_buf_get(b, len, &body) < 0 || checksum(body, len) != sum ||
	    ds_message_get(&message, body, len, &m, NULL) < 0 || entry_of(&m, &e) < 0)
		return -EBADMSG;
	r = call(&e);
	return r < 0 ? r : 1;
}

static void
set_aside(const void *data, size_t len)
{
	char aside[sizeof(path) + 16];

	(void)snprintf(aside, sizeof(aside), "%s.damaged", path);
	if (ds_file_replace(aside, data, len, 0600) < 0)
		ds_log(
		    WARN, "what is damaged in the ledger could not be kept", "path=\"%s\"", aside);
}

int
ledger_file_read(
    const char *guard_dir, int (*call)(const struct ledger_entry *entry), unsigned *ret_damaged)
{
	struct ds_buf b;
	char *data;
	size_t len;
	int r;

	*ret_damaged = 0;
	if ((size_t)snprintf(path, sizeof(path), "%s/ledger", guard_dir) >= sizeof(path))
		return -ENAMETOOLONG;
	read_boot_id();
	ds_buf_init(&pending, PENDING_MAX);
	r = ds_file_read(path, FILE_MAX, &data, &len);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	ds_buf_view(&b, data, len);
	if (len < MAGIC_SIZE || memcmp(data, MAGIC, MAGIC_SIZE) != 0) {
		r = -EBADMSG;
	} else {
		b.pos = MAGIC_SIZE;
		while ((r = read_record(&b, call)) > 0)
			;
	}
	if (r == -EBADMSG && len > 0) {
		(*ret_damaged)++;
		set_aside(data, len);
		r = 0;
	}
	free(data);
	return r;
}

static int
put_record(struct ds_buf *b, const struct ledger_entry *e)
{
	struct record m = { .state = (uint8_t)e->state,
		.until_us = e->until_us,
		.until_boot_us = e->until_boot_us,
		.order = e->order,
		.inverse = e->inverse,
		.result = e->result,
		.order_size = e->order_size,
		.inverse_size = e->inverse_size,
		.result_size = e->result_size };
	size_t start = b->len;
	uint32_t len, sum;
	int r;

	memcpy(m.id, e->id, sizeof(m.id));
	memcpy(m.boot_id, boot_id, sizeof(m.boot_id));
	r = ds_buf_put_u64(b, 0);
	if (r == 0)
		r = ds_message_put(b, &message, &m);
	if (r == 0 && b->len - start > RECORD_MAX)
		r = -EFBIG;
	if (r < 0) {
		b->len = start;
		return r;
	}
	len = (uint32_t)(b->len - start - 8);
	sum = checksum(b->data + start + 8, len);
	for (unsigned i = 0; i < 4; i++) {
		b->data[start + i] = (uint8_t)(len >> (24 - 8 * i));
		b->data[start + 4 + i] = (uint8_t)(sum >> (24 - 8 * i));
	}
	return 0;
}

int
ledger_file_append(const struct ledger_entry *e)
{
	return put_record(&pending, e);
}

/* Zeroes behind the records, for all or none of ROOM bytes.  What is written over them changes
 * nothing of the file but its bytes: there is no journal of the file system to wait for, on which
 * all others of the host wait, too. */
static off_t
make_room(int to, off_t records, off_t from)
{
	static const uint8_t zeroes[16u << 10];
	off_t until = records + (off_t)ROOM;

	while (from < until) {
		ssize_t n =
		    pwrite(to, zeroes, (size_t)DS_MIN(until - from, (off_t)sizeof(zeroes)), from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ftruncate(to, records) < 0 ? from : records;
		from += n;
	}
	return until;
}

static int
write_pending(int to, off_t at)
{
	while (ds_buf_left(&pending) > 0) {
		ssize_t n = pwrite(to, pending.data + pending.pos, ds_buf_left(&pending), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		pending.pos += (size_t)n;
		at += n;
	}
	return fdatasync(to) < 0 ? -errno : 0;
}

int
ledger_file_sync(void)
{
	off_t len = (off_t)ds_buf_left(&pending);
	int r;

	if (len == 0)
		return 0;
	r = fd < 0 ? -EBADF : write_pending(fd, size);
	if (r < 0 && fd >= 0) {
		if (ftruncate(fd, size) < 0)
			ds_log(WARN, "a half-written record stays in the ledger", "error=\"%s\"",
			    strerror(errno));
		file_size = size;
	}
	if (r == 0)
		size += len;
	ds_buf_clear(&pending);
	if (pending.cap > (1u << 20))
		ds_buf_done(&pending);
	return r;
}

void
ledger_file_make_room(void)
{
	if (fd < 0 || file_size - size > (off_t)ROOM / 2)
		return;
	file_size = make_room(fd, size, DS_MAX(size, file_size));
	(void)fdatasync(fd); /* what is not on disk by now goes with the next record */
}

bool
ledger_file_is_long(void)
{
	return size > (off_t)LONG_MIN && size > 4 * compact_size;
}

int
ledger_file_begin(void)
{
	char tmp[sizeof(path) + 8];

	(void)snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	(void)unlink(tmp);
	new_fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (new_fd < 0)
		return -errno;
	ds_buf_clear(&pending);
	return ds_buf_put(&pending, MAGIC, MAGIC_SIZE);
}

int
ledger_file_end(int error)
{
	char tmp[sizeof(path) + 8];
	off_t len = (off_t)ds_buf_left(&pending);
	int r = error;

	(void)snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	if (r == 0) {
		file_size = make_room(new_fd, len, len);
		r = write_pending(new_fd, 0);
	}
	if (r == 0 && rename(tmp, path) < 0)
		r = -errno;
	ds_buf_done(&pending);
	if (r < 0) {
		if (new_fd >= 0)
			(void)close(new_fd);
		new_fd = -1;
		(void)unlink(tmp);
		return r;
	}
	r = ds_file_sync_directory(path);
	if (fd >= 0)
		(void)close(fd);
	fd = new_fd;
	new_fd = -1;
	size = compact_size = len;
	return r;
}

void
ledger_file_close(void)
{
	if (fd >= 0)
		(void)close(fd);
	fd = -1;
	ds_buf_done(&pending);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recording - reads batches back.
 *
 * Called by replay and verify.  A directory is read through the store; in a file, batches are
 * found by their headers, whose checksums leave no doubt.
 */
#include "sim/recording.h"

#include "lib/batch_format.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/zip.h"
#include "server/store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (2u << 30)

struct recording {
	const struct store_backend *backend; /* NULL: a file */
	struct reader *reader;
	struct segment_position at; /* of the segment given last */
	bool has_begun;
	uint8_t *copy; /* of that segment */
	size_t copy_cap;
	struct recorded last;
	char *file;
	size_t file_size, file_pos;
};

static int
store_open(struct recording *r, const char *dir)
{
	const struct store_config cfg = { .dir = dir };

	r->backend = store_lookup("sqlite");
	return r->backend->reader_open(&cfg, &r->reader);
}

struct recording *
recording_open(const char *path)
{
	struct recording *r = calloc(1, sizeof(*r));
	struct stat st;
	int error;

	if (r == NULL)
		return NULL;
	if (stat(path, &st) < 0)
		error = -errno;
	else if (S_ISDIR(st.st_mode))
		error = store_open(r, path);
	else
		error = ds_file_read(path, FILE_MAX, &r->file, &r->file_size);
	if (error < 0) {
		ds_log(ERROR, "cannot read", "path=\"%s\" error=\"%s\"", path, strerror(-error));
		recording_close(r);
		return NULL;
	}
	return r;
}

void
recording_close(struct recording *r)
{
	if (r == NULL)
		return;
	if (r->reader != NULL)
		r->backend->reader_close(r->reader);
	free(r->copy);
	free(r->file);
	free(r);
}

void
recording_rewind(struct recording *r)
{
	r->has_begun = false;
	r->file_pos = 0;
}

/* Keeps one segment and stops. */
static int
on_segment(const struct segment_row *row, const struct segment_position *at, void *ctx)
{
	struct recording *r = ctx;

	if (r->has_begun && at->day == r->at.day && at->number == r->at.number)
		return 0;
	if (row->packed_size > r->copy_cap) {
		free(r->copy);
		r->copy = malloc(row->packed_size);
		r->copy_cap = r->copy != NULL ? row->packed_size : 0;
	}
	if (r->copy == NULL)
		return -ENOMEM;
	memcpy(r->copy, row->packed, row->packed_size);
	r->at = *at;
	r->has_begun = true;
	r->last = (struct recorded){ row->host, row->lane, r->copy, row->packed_size, { 0 } };
	return 1;
}

static int
store_next(struct recording *r)
{
	struct segment_filter filter = { 0 };
	struct scan_stats stats = { 0 };

	if (r->has_begun) {
		filter.after_day = r->at.day;
		filter.after_number = r->at.number;
	}
	return r->backend->each_segment(r->reader, &filter, on_segment, r, &stats);
}

/* Whether a whole batch begins at p: a database scatters its larger values over the file. */
static bool
batch_is_whole(const uint8_t *p, size_t left, struct recorded *ret)
{
	size_t dict, columns;

	if (left < BATCH_HEADER)
		return false;
	dict = ds_u32_at(p + 44); /* see schema/wire.md */
	columns = ds_u32_at(p + 52);
	if (dict + columns > left - BATCH_HEADER ||
	    ds_batch_peek(p, BATCH_HEADER + dict + columns, &ret->header) < 0 ||
	    ds_u32_at(p + 56) != ds_crc32(p + BATCH_HEADER, dict) ||
	    ds_u32_at(p + 60) != ds_crc32(p + BATCH_HEADER + dict, columns))
		return false;
	*ret = (struct recorded){ 0, DS_LANE_BULK, p, BATCH_HEADER + dict + columns, ret->header };
	return true;
}

static int
file_next(struct recording *r)
{
	while (r->file_pos < r->file_size) {
		const char *p =
		    memmem(r->file + r->file_pos, r->file_size - r->file_pos, BATCH_MAGIC, 3);

		if (p == NULL)
			return 0;
		r->file_pos = (size_t)(p - r->file);
		if (batch_is_whole((const uint8_t *)p, r->file_size - r->file_pos, &r->last)) {
			r->file_pos += r->last.size;
			return 1;
		}
		r->file_pos++;
	}
	return 0;
}

int
recording_next(struct recording *r, struct recorded *ret)
{
	int n = r->backend != NULL ? store_next(r) : file_next(r);

	if (n <= 0)
		return n;
	n = ds_batch_peek(r->last.packed, r->last.size, &r->last.header);
	if (n < 0)
		return n;
	*ret = r->last;
	return 1;
}

struct host_call {
	int (*call)(uint32_t number, const uint8_t *id, const char *name, void *ctx);
	void *ctx;
};

static int
on_host(const struct host_row *row, void *ctx)
{
	const struct host_call *c = ctx;

	return c->call(row->number, row->id, row->name, c->ctx);
}

int
recording_each_host(struct recording *r,
    int (*call)(uint32_t number, const uint8_t *id, const char *name, void *ctx), void *ctx)
{
	struct host_call c = { call, ctx };

	return r->backend == NULL ? 0 : r->backend->each_host(r->reader, on_host, &c);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/spool_file.h"
#include "lib/batch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define FILE_MAGIC   0x44535350u /* "DSSP" */
#define RECORD_MAGIC 0x44535352u /* "DSSR" */
#define CHUNK        65536u

/* A header of 44 bytes ends with the CRC of the 40 before it; a record's covers its batch too. */

void
spool_file_name(enum ds_lane lane, uint64_t first_seq, char ret[48])
{
	snprintf(ret, 48, "%s-%020" PRIu64 ".spool", lane == DS_LANE_URGENT ? "urgent" : "bulk",
	    first_seq);
}

bool
spool_file_parse_name(const char *name, enum ds_lane *ret_lane, uint64_t *ret_first)
{
	char again[48];
	uint64_t first;

	if (sscanf(name, "urgent-%20" SCNu64 ".spool", &first) == 1)
		*ret_lane = DS_LANE_URGENT;
	else if (sscanf(name, "bulk-%20" SCNu64 ".spool", &first) == 1)
		*ret_lane = DS_LANE_BULK;
	else
		return false;
	spool_file_name(*ret_lane, first, again);
	*ret_first = first;
	return strcmp(name, again) == 0;
}

static void
put_u32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void
put_u64(uint8_t *p, uint64_t v)
{
	put_u32(p, (uint32_t)(v >> 32));
	put_u32(p + 4, (uint32_t)v);
}

static uint32_t
get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t
get_u64(const uint8_t *p)
{
	return (uint64_t)get_u32(p) << 32 | get_u32(p + 4);
}

static uint32_t
checksum(const void *data, size_t size)
{
	return (uint32_t)crc32(crc32(0, NULL, 0), data, (uInt)size);
}

static uint32_t
checksum_more(uint32_t crc, const void *data, size_t size)
{
	return (uint32_t)crc32(crc, data, (uInt)size);
}

/* All of it, or -errno. */
static int
write_all(int fd, const void *data, size_t size, uint64_t at)
{
	const uint8_t *p = data;

	while (size > 0) {
		ssize_t n = pwrite(fd, p, size, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		at += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

/* Up to size bytes; how many, or -errno. */
static ssize_t
read_some(int fd, void *data, size_t size, uint64_t at)
{
	uint8_t *p = data;
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, p + done, size - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int
spool_file_begin(int fd, struct spool_file *f)
{
	uint8_t h[SPOOL_FILE_HEADER] = { 0 };
	int r;

	put_u32(h, FILE_MAGIC);
	put_u32(h + 4, (uint32_t)f->lane);
	put_u64(h + 8, f->epoch);
	put_u64(h + 16, f->first_seq);
	put_u64(h + 24, f->mark.number);
	put_u32(h + 32, f->mark.part);
	put_u32(h + 40, checksum(h, 40));
	r = write_all(fd, h, sizeof(h), 0);
	if (r < 0)
		return r;
	f->size = sizeof(h);
	f->last_seq = f->first_seq - 1;
	return 0;
}

static bool
read_file_header(const uint8_t *h, struct spool_file *f)
{
	if (get_u32(h) != FILE_MAGIC || get_u32(h + 40) != checksum(h, 40) ||
	    get_u32(h + 4) >= DS_LANES || get_u64(h + 16) == 0)
		return false;
	f->lane = (enum ds_lane)get_u32(h + 4);
	f->epoch = get_u64(h + 8);
	f->first_seq = get_u64(h + 16);
	f->last_seq = f->first_seq - 1;
	f->mark = (struct spool_mark){ get_u64(h + 24), get_u32(h + 32) };
	f->size = SPOOL_FILE_HEADER;
	return true;
}

int
spool_file_append(int fd, struct spool_file *f, uint64_t seq, struct spool_mark mark,
    uint32_t events, const void *packed, uint32_t size)
{
	uint8_t h[SPOOL_RECORD_HEADER] = { 0 };
	uint32_t crc;
	int r;

	put_u32(h, RECORD_MAGIC);
	put_u64(h + 4, seq);
	put_u64(h + 12, mark.number);
	put_u32(h + 20, mark.part);
	put_u32(h + 24, events);
	put_u32(h + 28, size);
	crc = checksum(h, 40);
	put_u32(h + 40, checksum_more(crc, packed, size));
	/* The batch before the header: a record whose header is there is whole, except after power
	 * loss. */
	r = write_all(fd, packed, size, f->size + sizeof(h));
	if (r == 0)
		r = write_all(fd, h, sizeof(h), f->size);
	if (r < 0) {
		/* Give back the room; if even that fails, the tail is cut at the next start. */
		if (ftruncate(fd, (off_t)f->size) < 0)
			return r;
		return r;
	}
	f->size += sizeof(h) + size;
	f->last_seq = seq;
	f->mark = mark;
	f->events += events;
	return 0;
}

static bool
parse_record(const uint8_t *h, uint64_t offset, struct spool_record *ret)
{
	if (get_u32(h) != RECORD_MAGIC || get_u32(h + 28) > DS_BATCH_PACKED_MAX)
		return false;
	*ret = (struct spool_record){
		.seq = get_u64(h + 4),
		.mark = { get_u64(h + 12), get_u32(h + 20) },
		.events = get_u32(h + 24),
		.size = get_u32(h + 28),
		.at = offset + SPOOL_RECORD_HEADER,
	};
	return true;
}

/* Whether the record's checksum holds; its batch is read in chunks. */
static bool
record_is_good(int fd, const struct spool_record *rec)
{
	uint8_t chunk[CHUNK], h[SPOOL_RECORD_HEADER];
	uint32_t crc, left = rec->size;
	uint64_t at = rec->at;

	if (read_some(fd, h, sizeof(h), rec->at - sizeof(h)) != (ssize_t)sizeof(h))
		return false;
	crc = checksum(h, 40);
	while (left > 0) {
		size_t want = DS_MIN(left, sizeof(chunk));

		if (read_some(fd, chunk, want, at) != (ssize_t)want)
			return false;
		crc = checksum_more(crc, chunk, want);
		at += want;
		left -= (uint32_t)want;
	}
	return crc == get_u32(h + 40);
}

int
spool_file_next(int fd, const struct spool_file *f, uint64_t offset, struct spool_record *ret)
{
	uint8_t h[SPOOL_RECORD_HEADER];

	while (offset + sizeof(h) <= f->size) {
		ssize_t n = read_some(fd, h, sizeof(h), offset);

		if (n < 0)
			return (int)n;
		if (n == (ssize_t)sizeof(h) && parse_record(h, offset, ret) &&
		    ret->at + ret->size <= f->size && (f->damaged == 0 || record_is_good(fd, ret)))
			return 1;
		if (f->damaged == 0)
			return -EIO; /* the file changed under us */
		offset++; /* the next good record is somewhere behind */
	}
	return 0;
}

/* The offset of the next record at or behind `offset` that checks out, or `size`. */
static uint64_t
find_record(int fd, uint64_t offset, uint64_t size, struct spool_record *ret)
{
	uint8_t chunk[CHUNK + SPOOL_RECORD_HEADER];

	while (offset + SPOOL_RECORD_HEADER <= size) {
		ssize_t n = read_some(fd, chunk, sizeof(chunk), offset);

		if (n < (ssize_t)SPOOL_RECORD_HEADER)
			return size;
		for (size_t i = 0; i < CHUNK && i + SPOOL_RECORD_HEADER <= (size_t)n; i++) {
			if (parse_record(chunk + i, offset + i, ret) &&
			    ret->at + ret->size <= size && record_is_good(fd, ret))
				return offset + i;
		}
		offset += CHUNK;
	}
	return size;
}

int
spool_file_recover(int fd, struct spool_file *f)
{
	uint8_t h[SPOOL_FILE_HEADER];
	struct spool_record rec;
	uint64_t offset = sizeof(h), size;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	size = (uint64_t)st.st_size;
	if (read_some(fd, h, sizeof(h), 0) != (ssize_t)sizeof(h) || !read_file_header(h, f))
		return -EBADMSG;
	while (offset < size) {
		uint64_t at = find_record(fd, offset, size, &rec);

		if (at != offset && at < size)
			f->damaged++;
		if (at >= size)
			break;
		offset = rec.at + rec.size;
		if (rec.seq <= f->last_seq)
			continue; /* cannot be: kept out of the way rather than sent twice */
		f->last_seq = rec.seq;
		f->mark = rec.mark;
		f->events += rec.events;
		f->size = offset;
	}
	if (f->size < size && ftruncate(fd, (off_t)f->size) < 0)
		return -errno;
	return 0;
}

unsigned
spool_file_check(const void *data, size_t size)
{
	struct spool_file f = { 0 };
	const uint8_t *p = data;
	struct spool_record rec;
	unsigned n = 0;
	size_t at = SPOOL_FILE_HEADER;

	if (size < at || !read_file_header(p, &f))
		return 0;
	while (at + SPOOL_RECORD_HEADER <= size) {
		if (parse_record(p + at, at, &rec) && rec.size <= size - rec.at &&
		    get_u32(p + at + 40) ==
			checksum_more(checksum(p + at, 40), p + rec.at, rec.size)) {
			n++;
			at = rec.at + rec.size;
		} else {
			at++;
		}
	}
	return n;
}

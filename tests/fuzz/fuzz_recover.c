/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A spool directory as a crash may leave it: any bytes, or records that are whole but say anything,
 * in the cursor and in the files of both lanes.  It is opened, read, written to and opened again.
 */
#include "agent/uplink/spool_file.h"
#include "lib/zip.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (256u << 10)
#define RECORD   8u /* bytes of the input that describe one record */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int fsync(int fd);
int fdatasync(int fd);

static char dir[64];
static int dir_fd = -1;

/* Nothing here is to survive a power loss. */
int
fsync(int fd)
{
	(void)fd;
	return 0;
}

int
fdatasync(int fd)
{
	(void)fd;
	return 0;
}

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
clean(void)
{
	char name[64];

	(void)unlinkat(dir_fd, "cursor", 0);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s-%020u", i == 0 ? "urgent" : "bulk", 1u);
		(void)unlinkat(dir_fd, name, 0);
	}
}

static void
leave(void)
{
	clean();
	(void)rmdir(dir);
}

static void
start(void)
{
	snprintf(dir, sizeof(dir), "/dev/shm/fuzz_recover.XXXXXX");
	if (mkdtemp(dir) == NULL) {
		snprintf(dir, sizeof(dir), "/tmp/fuzz_recover.XXXXXX");
		check(mkdtemp(dir) != NULL);
	}
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(dir_fd >= 0 && atexit(leave) == 0);
}

static void
write_file(const char *name, const void *data, size_t size)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

/* One record of its description: lane, sizes, numbers, and what happened to it. */
static void
describe(struct ds_buf *b, const uint8_t *d, uint8_t lane)
{
	uint8_t record[SPOOL_HEADER + 2 * 256] = { 0 };
	struct spool_header h = { .size = d[0] + 1u,
		.notes_size = lane == DS_LANE_URGENT ? d[1] : 0,
		.events = d[2],
		.epoch = d[3] >> 6,
		.seq = (d[4] | (uint64_t)d[5] << 8) + 1,
		.marks = { { .number = d[6], .part = d[6] % 3 }, { .number = d[6] } },
		.lane = d[7] & 1 ? (uint8_t)!lane : lane };
	size_t whole = spool_header_whole(&h);

	h.crc = ds_crc32(record + SPOOL_HEADER, whole - SPOOL_HEADER);
	spool_header_put(&h, record);
	if (d[7] & 2)
		record[d[2] % whole] ^= d[3] | 1u; /* a flipped bit */
	if (d[7] & 4)
		whole = d[2] % whole; /* torn */
	check(ds_buf_put(b, record, whole) == 0);
}

/* The cursor as spool_open.c writes it. */
static void
describe_cursor(const uint8_t *d, size_t notes_size)
{
	static const uint8_t notes[256];
	struct ds_buf b;
	int r;

	ds_buf_init(&b, FILE_MAX);
	r = ds_buf_put_u32(&b, 0x44534331u) + ds_buf_put_u64(&b, d[0] >> 6);
	for (unsigned i = 0; i < DS_LANES; i++)
		r += ds_buf_put_u64(&b, d[1 + i]) + ds_buf_put_u64(&b, d[3 + i]) +
		     ds_buf_put_u64(&b, d[5 + i]) + ds_buf_put_u32(&b, d[7]);
	r += ds_buf_put(&b, notes, 36) + ds_buf_put_bytes(&b, notes, notes_size);
	check(r == 0 && ds_buf_put_u32(&b, ds_crc32(b.data, b.len)) == 0);
	write_file("cursor", b.data, b.len);
	ds_buf_done(&b);
}

/* The files: bytes as they are, or described. */
static void
make_files(uint8_t flags, const uint8_t *data, size_t len)
{
	size_t parts[] = { len / 8, len / 2, len - len / 8 - len / 2 };
	char name[64];

	if (flags & 1 && parts[0] >= RECORD)
		describe_cursor(data, parts[0]);
	else if (flags & 2)
		write_file("cursor", data, parts[0]);
	data += parts[0];
	for (uint8_t i = 0; i < DS_LANES; i++) {
		struct ds_buf b;
		size_t n = parts[1 + i];

		ds_buf_init(&b, FILE_MAX);
		if (flags & 4)
			for (size_t at = 0; n - at >= RECORD && b.len < FILE_MAX - 1024;
			     at += RECORD)
				describe(&b, data + at, i);
		else
			check(ds_buf_put(&b, data, n) == 0);
		snprintf(
		    name, sizeof(name), "%s-%020u", i == DS_LANE_URGENT ? "urgent" : "bulk", 1u);
		write_file(name, b.data, b.len);
		ds_buf_done(&b);
		data += n;
	}
}

static struct spool *
reopen(struct spool *s)
{
	struct spool_config cfg = { .dir = dir, .max_size = 1 << 20 };
	char why[128];

	spool_free(s);
	check(spool_open(&cfg, &s, why, sizeof(why)) == 0);
	return s;
}

/* Reads a lane to its end; the number of its last record. */
static uint64_t
read_lane(struct spool *s, uint8_t lane)
{
	struct spool_record record;
	uint64_t seq = 0;

	while (spool_peek(s, lane, seq, &record) == 0) {
		check(record.seq > seq && record.size > 0);
		seq = record.seq;
	}
	return seq;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct spool_origin origin = { .events = 1, .notes = "notes", .notes_size = 5 };
	uint64_t last[DS_LANES], epoch;
	struct spool_backlog backlog;
	struct spool *s;

	if (dir_fd < 0)
		start();
	/* fuzz_spool has files in which no record begins, and is faster. */
	if (len == 0 || len > 8192 || (!(data[0] & 4) && memmem(data, len, "DSR1", 4) == NULL))
		return 0;
	make_files(data[0], data + 1, len - 1);
	s = reopen(NULL);
	epoch = spool_epoch(s);
	for (uint8_t i = 0; i < DS_LANES; i++) {
		uint64_t before = read_lane(s, i);

		check(spool_append(s, i, "packed", 6, &origin) == 0);
		last[i] = read_lane(s, i);
		check(last[i] > before); /* what is new comes after what was there */
	}
	s = reopen(s);
	check(spool_epoch(s) == epoch);
	for (uint8_t i = 0; i < DS_LANES; i++) {
		check(read_lane(s, i) == last[i]);
		spool_ack(s, i, epoch, last[i]);
		check(read_lane(s, i) == 0);
	}
	spool_get_backlog(s, &backlog);
	check(backlog.records[0] == 0 && backlog.records[1] == 0);
	spool_free(s);
	clean();
	return 0;
}

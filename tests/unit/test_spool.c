/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/spool.h"
#include "lib/batch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SIZE (64u << 20)

/* The disk fails at the n-th call, for `failures` calls; 0: it works. */
static int fail_at, failures, calls, failure = ENOSPC;

ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

static int
disk_fails(void)
{
	calls++;
	if (fail_at == 0 || calls < fail_at || calls >= fail_at + failures)
		return 0;
	errno = failure;
	return 1;
}

ssize_t
__wrap_pwrite(int fd, const void *data, size_t size, off_t at)
{
	if (disk_fails()) {
		/* A disk that is nearly full takes a part first. */
		if (size > 8)
			(void)!__real_pwrite(fd, data, size / 2, at);
		errno = failure;
		return -1;
	}
	return __real_pwrite(fd, data, size, at);
}

int
__wrap_fdatasync(int fd)
{
	return disk_fails() ? -1 : __real_fdatasync(fd);
}

static char dir[64];

static int
make_dir(void **state)
{
	(void)state;
	fail_at = 0;
	snprintf(dir, sizeof(dir), "/tmp/test_spool.XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
remove_dir(void **state)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	(void)state;
	fail_at = 0;
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	return rmdir(dir);
}

static struct spool *
open_spool(uint64_t max_size)
{
	struct spool *s = NULL;
	char why[256];

	assert_int_equal(spool_open(&s, dir, max_size, why, sizeof(why)), 0);
	return s;
}

/* A batch with one event whose path tells its number. */
static void
make_batch(unsigned number, size_t padding, struct ds_buf *out)
{
	struct ds_batch_builder *b = ds_batch_builder_new();
	struct ds_event ev = { .time_us = 1, .count = 1, .kind = DS_EVENT_FILE_CREATE };
	char path[DS_PATH_MAX];
	unsigned x = number + 1;
	int n = snprintf(path, sizeof(path), "/file/%u/", number);

	/* Padding that does not compress. */
	for (size_t i = 0; i < padding && (size_t)n < sizeof(path); i++)
		path[n++] = (char)((x = x * 1103515245u + 12345u) >> 16);
	ev.daemon = (struct ds_str){ "d", 1 };
	ds_event_set_str(&ev, DS_STR_PATH, path, (size_t)n);
	ds_buf_init(out, DS_BATCH_PACKED_MAX);
	assert_int_equal(ds_batch_add(b, &ev), 0);
	assert_int_equal(ds_batch_pack(b, 1, out), 0);
	ds_batch_builder_free(b);
}

static void
append(struct spool *s, enum ds_lane lane, unsigned number, size_t padding)
{
	struct ds_buf packed;

	make_batch(number, padding, &packed);
	assert_int_equal(
	    spool_append(s, lane, packed.data, packed.len, (struct spool_mark){ number, 0 }), 0);
	ds_buf_done(&packed);
}

/* The number in a batch, and that it is whole. */
static unsigned
number_of(const struct spool_batch *b)
{
	struct ds_batch *batch = ds_batch_new();
	struct ds_event ev;
	unsigned number = 0;
	char path[64] = { 0 };
	struct ds_str s;

	assert_int_equal(ds_batch_decode(batch, b->packed, b->size), 0);
	assert_int_equal(ds_batch_event(batch, 0, &ev), 0);
	s = DS_EVENT_STR(&ev, DS_STR_PATH);
	memcpy(path, s.ptr, DS_MIN(s.len, sizeof(path) - 1));
	assert_int_equal(sscanf(path, "/file/%u/", &number), 1);
	ds_batch_free(batch);
	return number;
}

/* Reads a lane to its end: how many, in rising order; *ret_last the last number. */
static unsigned
read_lane(struct spool *s, enum ds_lane lane, unsigned *ret_first, unsigned *ret_last)
{
	struct spool_batch b;
	uint64_t after = 0;
	unsigned n = 0, last = 0;

	while (spool_peek(s, lane, after, &b) == 0) {
		unsigned number = number_of(&b);

		assert_true(b.seq > after);
		assert_true(n == 0 || number > last);
		if (n++ == 0 && ret_first != NULL)
			*ret_first = number;
		last = number;
		after = b.seq;
	}
	if (ret_last != NULL)
		*ret_last = last;
	return n;
}

static void
what_is_appended_is_peeked_in_order_and_acked_away(void **state)
{
	struct spool *s = open_spool(MAX_SIZE);
	struct spool_batch b;
	struct spool_stats stats;

	(void)state;
	for (unsigned i = 1; i <= 100; i++)
		append(s, i % 2 ? DS_LANE_URGENT : DS_LANE_BULK, i, 100);
	assert_int_equal(read_lane(s, DS_LANE_URGENT, NULL, NULL), 50);
	assert_int_equal(read_lane(s, DS_LANE_BULK, NULL, NULL), 50);
	spool_ack(s, DS_LANE_BULK, 20);
	assert_int_equal(read_lane(s, DS_LANE_BULK, NULL, NULL), 30);
	spool_ack(s, DS_LANE_BULK, 1000); /* never sent: ignored */
	assert_int_equal(read_lane(s, DS_LANE_BULK, NULL, NULL), 30);
	spool_ack(s, DS_LANE_BULK, 50);
	assert_int_equal(spool_peek(s, DS_LANE_BULK, 0, &b), -ENOENT);
	spool_get_stats(s, &stats);
	assert_int_equal(stats.batches, 50);
	spool_close(s);
}

static void
a_spool_is_found_again_with_numbers_and_marks(void **state)
{
	struct spool *s = open_spool(MAX_SIZE);
	uint64_t epoch = spool_epoch(s);
	struct spool_batch b;

	(void)state;
	for (unsigned i = 1; i <= 10; i++)
		append(s, DS_LANE_URGENT, i, 10);
	spool_close(s);
	s = open_spool(MAX_SIZE);
	assert_true(spool_epoch(s) == epoch);
	assert_int_equal(spool_mark(s, DS_LANE_URGENT).number, 10);
	assert_int_equal(read_lane(s, DS_LANE_URGENT, NULL, NULL), 10);
	append(s, DS_LANE_URGENT, 11, 10);
	assert_int_equal(spool_peek(s, DS_LANE_URGENT, 10, &b), 0);
	assert_int_equal(b.seq, 11);
	spool_ack(s, DS_LANE_URGENT, 11);
	spool_close(s);
	/* Everything was confirmed: the numbers go on all the same. */
	s = open_spool(MAX_SIZE);
	append(s, DS_LANE_URGENT, 12, 10);
	assert_int_equal(spool_peek(s, DS_LANE_URGENT, 11, &b), 0);
	assert_int_equal(b.seq, 12);
	spool_close(s);
}

static void
past_its_size_the_oldest_bulk_goes_and_urgent_stays(void **state)
{
	struct spool *s = open_spool(2u << 20);
	struct spool_stats stats;
	unsigned first, last;

	(void)state;
	for (unsigned i = 1; i <= 20; i++)
		append(s, DS_LANE_URGENT, i, 1000);
	for (unsigned i = 1; i <= 2000; i++)
		append(s, DS_LANE_BULK, i, 4000);
	spool_get_stats(s, &stats);
	assert_true(stats.bytes <= (2u << 20));
	assert_int_equal(read_lane(s, DS_LANE_URGENT, NULL, NULL), 20);
	assert_in_range(read_lane(s, DS_LANE_BULK, &first, &last), 300, 600);
	assert_int_equal(last, 2000);
	assert_int_equal(stats.dropped_events, first - 1);
	assert_int_equal(spool_take_dropped(s), first - 1);
	assert_int_equal(spool_take_dropped(s), 0);
	spool_close(s);
}

static void
a_disk_that_refuses_costs_nothing_that_memory_can_hold(void **state)
{
	(void)state;
	/* Fail the 1st, 2nd, 3rd ... write or sync, for a while, and look that nothing is lost,
	 * torn or out of order. */
	for (int n = 1; n < 30; n++) {
		struct spool *s;
		struct spool_stats stats;

		fail_at = 0;
		s = open_spool(MAX_SIZE);
		calls = 0;
		fail_at = n;
		failures = 1 + n % 7;
		failure = n % 2 ? ENOSPC : EIO;
		for (unsigned i = 1; i <= 20; i++) {
			append(s, DS_LANE_URGENT, i, 50);
			if (i % 5 == 0)
				spool_tick(s);
		}
		fail_at = 0;
		spool_tick(s);
		assert_int_equal(read_lane(s, DS_LANE_URGENT, NULL, NULL), 20);
		spool_get_stats(s, &stats);
		assert_int_equal(stats.memory_bytes, 0);
		spool_close(s);
		s = open_spool(MAX_SIZE);
		assert_int_equal(read_lane(s, DS_LANE_URGENT, NULL, NULL), 20);
		spool_close(s);
		assert_int_equal(remove_dir(NULL), 0);
		assert_int_equal(make_dir(NULL), 0);
	}
}

static void
a_disk_that_stays_full_is_bounded_in_memory_and_counted(void **state)
{
	struct spool *s = open_spool(MAX_SIZE);
	struct spool_stats stats;
	unsigned first, last, n;

	(void)state;
	append(s, DS_LANE_BULK, 1, 10);
	calls = 0;
	fail_at = 1;
	failures = 1 << 30;
	failure = EIO;
	for (unsigned i = 2; i <= 1000; i++)
		append(s, DS_LANE_BULK, i, 4000);
	spool_get_stats(s, &stats);
	assert_true(stats.memory_bytes <= SPOOL_MEMORY_MAX);
	assert_int_equal(stats.last_error, -EIO);
	fail_at = 0;
	spool_tick(s);
	n = read_lane(s, DS_LANE_BULK, &first, &last);
	spool_get_stats(s, &stats);
	assert_int_equal(last, 1000);
	assert_int_equal(n + stats.dropped_events, 1000);
	spool_close(s);
}

/* The only urgent file of the directory, as bytes. */
static size_t
slurp(const char *name, uint8_t *data, size_t size)
{
	char path[128];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	n = read(fd, data, size);
	assert_true(n > 0);
	close(fd);
	return (size_t)n;
}

static void
put_file(const char *name, const uint8_t *data, size_t size)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

static const char urgent_file[] = "urgent-00000000000000000001.spool";

static void
every_prefix_of_a_file_is_recovered(void **state)
{
	static uint8_t data[65536];
	struct spool *s = open_spool(MAX_SIZE);
	size_t size;

	(void)state;
	for (unsigned i = 1; i <= 5; i++)
		append(s, DS_LANE_URGENT, i, 20);
	spool_close(s);
	size = slurp(urgent_file, data, sizeof(data));
	for (size_t cut = 1; cut <= size; cut++) {
		unsigned n;

		assert_int_equal(remove_dir(NULL), 0);
		assert_int_equal(mkdir(dir, 0700), 0);
		put_file(urgent_file, data, cut);
		s = open_spool(MAX_SIZE);
		n = read_lane(s, DS_LANE_URGENT, NULL, NULL);
		assert_in_range(n, 0, 5);
		assert_int_equal(n == 5, cut == size);
		append(s, DS_LANE_URGENT, 100, 10);
		assert_int_equal(read_lane(s, DS_LANE_URGENT, NULL, NULL), n + 1);
		spool_close(s);
	}
}

static void
a_flipped_bit_costs_at_most_its_own_record(void **state)
{
	static uint8_t data[65536];
	struct spool *s = open_spool(MAX_SIZE);
	size_t size;

	(void)state;
	for (unsigned i = 1; i <= 5; i++)
		append(s, DS_LANE_URGENT, i, 20);
	spool_close(s);
	size = slurp(urgent_file, data, sizeof(data));
	for (size_t at = 44; at < size; at += 3) {
		struct spool_stats stats;
		unsigned n;

		assert_int_equal(remove_dir(NULL), 0);
		assert_int_equal(mkdir(dir, 0700), 0);
		data[at] ^= 0x10;
		put_file(urgent_file, data, size);
		data[at] ^= 0x10;
		s = open_spool(MAX_SIZE);
		n = read_lane(s, DS_LANE_URGENT, NULL, NULL);
		assert_int_equal(n, 4);
		spool_get_stats(s, &stats);
		assert_true(stats.damaged > 0 || n == 4);
		spool_close(s);
	}
}

int
main(void)
{
#define SPOOL_TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(what_is_appended_is_peeked_in_order_and_acked_away),
		SPOOL_TEST(a_spool_is_found_again_with_numbers_and_marks),
		SPOOL_TEST(past_its_size_the_oldest_bulk_goes_and_urgent_stays),
		SPOOL_TEST(a_disk_that_refuses_costs_nothing_that_memory_can_hold),
		SPOOL_TEST(a_disk_that_stays_full_is_bounded_in_memory_and_counted),
		SPOOL_TEST(every_prefix_of_a_file_is_recovered),
		SPOOL_TEST(a_flipped_bit_costs_at_most_its_own_record),
	};

	return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}

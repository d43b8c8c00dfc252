/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a spool keeps, over full disks, failing ones, restarts and damage. */
#include "tests/unit/spool_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
what_is_appended_is_read_in_order_by_lane(void **state)
{
	struct spool *s = open_spool(MIB);
	uint32_t last;

	(void)state;
	for (uint32_t i = 1; i <= 10; i++)
		assert_int_equal(append(s, i % 2 ? DS_LANE_URGENT : DS_LANE_BULK, i, 100, i), 0);
	assert_int_equal(wakes, 10);
	assert_int_equal(read_all(s, DS_LANE_URGENT, NULL, &last), 5);
	assert_int_equal(last, 9);
	assert_int_equal(read_all(s, DS_LANE_BULK, NULL, &last), 5);
	assert_int_equal(last, 10);
	spool_free(s);
}

static void
a_restart_finds_everything_and_counts_on(void **state)
{
	struct spool *s = open_spool(MIB);
	uint64_t epoch = spool_epoch(s), seq, seq_2;
	uint32_t last;

	(void)state;
	for (uint32_t i = 1; i <= 5; i++)
		assert_int_equal(append(s, DS_LANE_URGENT, i, 100, i), 0);
	read_all(s, DS_LANE_URGENT, &seq, NULL);
	spool_free(s);
	s = open_spool(MIB);
	assert_int_equal(spool_epoch(s), epoch);
	assert_int_equal(spool_mark(s, DS_LANE_URGENT).number, 5);
	assert_int_equal(spool_mark(s, DS_LANE_BULK).number, 5);
	assert_int_equal(append(s, DS_LANE_URGENT, 6, 100, 6), 0);
	assert_int_equal(read_all(s, DS_LANE_URGENT, &seq_2, &last), 6);
	assert_int_equal(last, 6);
	assert_int_equal(seq_2, seq + 1);
	spool_free(s);
	assert_int_equal(lost_events, 0);
}

static void
a_power_loss_leaves_a_hole_so_that_no_number_is_given_out_twice(void **state)
{
	struct spool *s = open_spool(MIB);
	char cursor[80];
	uint64_t seq, seq_2;

	(void)state;
	assert_int_equal(append(s, DS_LANE_URGENT, 1, 100, 1), 0);
	read_all(s, DS_LANE_URGENT, &seq, NULL);
	spool_free(s);
	/* Nothing says that this is still the same boot. */
	snprintf(cursor, sizeof(cursor), "%s/cursor", dir);
	assert_int_equal(unlink(cursor), 0);
	s = open_spool(MIB);
	assert_int_equal(append(s, DS_LANE_URGENT, 2, 100, 2), 0);
	assert_int_equal(read_all(s, DS_LANE_URGENT, &seq_2, NULL), 2);
	assert_true(seq_2 > seq + 1000);
	spool_free(s);
}

static void
what_is_acknowledged_is_gone_after_a_restart_too(void **state)
{
	struct spool *s = open_spool(MIB);
	struct spool_record rec;
	struct spool_backlog st;

	(void)state;
	for (uint32_t i = 1; i <= 5; i++)
		assert_int_equal(append(s, DS_LANE_BULK, i, 100, i), 0);
	assert_int_equal(spool_peek(s, DS_LANE_BULK, 0, &rec), 0);
	spool_ack(s, DS_LANE_BULK, spool_epoch(s) + 1, rec.seq + 3);
	assert_int_equal(read_all(s, DS_LANE_BULK, NULL, NULL), 5); /* another epoch's word */
	spool_ack(s, DS_LANE_BULK, spool_epoch(s), rec.seq + 1);
	assert_int_equal(read_all(s, DS_LANE_BULK, NULL, NULL), 3);
	spool_get_backlog(s, &st);
	assert_int_equal(st.records[DS_LANE_BULK], 3);
	assert_true(st.oldest_us > 0);
	spool_free(s);
	s = open_spool(MIB);
	assert_int_equal(read_all(s, DS_LANE_BULK, NULL, NULL), 3);
	spool_free(s);
}

static void
whole_files_go_once_they_are_acknowledged(void **state)
{
	struct spool *s = open_spool(MIB);
	struct spool_backlog left;
	struct spool_status st;
	uint64_t seq;

	(void)state;
	for (uint32_t i = 1; i <= 100; i++)
		assert_int_equal(append(s, DS_LANE_BULK, i, 4000, i), 0);
	read_all(s, DS_LANE_BULK, &seq, NULL);
	spool_ack(s, DS_LANE_BULK, spool_epoch(s), seq);
	spool_get_status(s, &st);
	assert_true(st.bytes < 128 * 1024);
	spool_get_backlog(s, &left);
	assert_int_equal(left.records[DS_LANE_BULK], 0);
	assert_int_equal(left.oldest_us, 0);
	spool_free(s);
	s = open_spool(MIB);
	assert_int_equal(spool_mark(s, DS_LANE_BULK).number, 100);
	spool_free(s);
}

static void
a_full_spool_drops_the_oldest_bulk_first_and_counts(void **state)
{
	struct spool *s = open_spool(MIB);
	struct spool_status st;
	unsigned bulk;
	uint32_t last;

	(void)state;
	for (uint32_t i = 1; i <= 400; i++)
		assert_int_equal(append(s, i % 4 ? DS_LANE_BULK : DS_LANE_URGENT, i, 4000, i), 0);
	spool_get_status(s, &st);
	assert_true(st.bytes <= MIB);
	assert_int_equal(read_all(s, DS_LANE_URGENT, NULL, NULL), 100);
	bulk = read_all(s, DS_LANE_BULK, NULL, &last);
	assert_int_equal(last, 399);
	assert_int_equal(lost_events, 300 - bulk);
	assert_int_equal(st.dropped, lost_events);
	for (uint32_t i = 401; i <= 900; i++)
		assert_int_equal(append(s, DS_LANE_URGENT, i, 4000, i), 0);
	assert_int_equal(read_all(s, DS_LANE_BULK, NULL, NULL), 0);
	assert_int_equal(600 + 300 - lost_events, read_all(s, DS_LANE_URGENT, NULL, &last));
	assert_int_equal(last, 900);
	spool_free(s);
}

static void
a_full_disk_is_waited_out_in_memory(void **state)
{
	struct spool *s = open_spool(MIB);
	uint32_t last, i = 1;
	uint64_t seq;

	(void)state;
	assert_int_equal(append(s, DS_LANE_URGENT, i++, 1000, 1), 0);
	fail_in = 0;
	is_for_ever = true;
	while (append(s, DS_LANE_URGENT, i, 4000, i) == 0)
		i++;
	assert_int_equal(append(s, DS_LANE_URGENT, i, 4000, i), -ENOSPC);
	assert_true(i > 200 && i < 300); /* about a MiB */
	assert_int_equal(read_all(s, DS_LANE_URGENT, &seq, &last), i - 1);
	assert_int_equal(last, i - 1);
	assert_int_equal(spool_unsafe_after(s, DS_LANE_URGENT), 1);
	assert_int_equal(spool_unsafe_after(s, DS_LANE_BULK), UINT64_MAX);
	assert_false(spool_retry(s));
	spool_ack(s, DS_LANE_URGENT, spool_epoch(s), seq - 10); /* the network still works */
	assert_int_equal(spool_waits(s), 10);
	assert_int_equal(spool_unsafe_after(s, DS_LANE_URGENT), i - 11);
	fail_in = -1;
	assert_true(spool_retry(s));
	assert_int_equal(spool_waits(s), 0);
	assert_int_equal(spool_mark(s, DS_LANE_URGENT).number, i - 1);
	assert_int_equal(append(s, DS_LANE_URGENT, i, 1000, i), 0);
	assert_int_equal(read_all(s, DS_LANE_URGENT, NULL, &last), 11);
	assert_int_equal(last, i);
	spool_free(s);
	s = open_spool(MIB);
	assert_int_equal(read_all(s, DS_LANE_URGENT, NULL, NULL), 11);
	spool_free(s);
	assert_int_equal(lost_events, 0);
}

static void
notes_come_back_with_the_record_they_came_with(void **state)
{
	struct spool *s = open_spool(MIB);
	struct spool_origin origin = { .events = 1, .notes = "one", .notes_size = 3 };
	size_t size;
	char copy[80], other[80];

	(void)state;
	assert_int_equal(spool_append(s, DS_LANE_URGENT, "abcd", 4, &origin), 0);
	assert_int_equal(spool_save(s), 0);
	origin.notes = "two";
	assert_int_equal(spool_append(s, DS_LANE_URGENT, "abcd", 4, &origin), 0);
	/* Killed here: the cursor file knows "one" only. */
	snprintf(copy, sizeof(copy), "%s/cursor", dir);
	snprintf(other, sizeof(other), "%s/cursor.old", dir);
	assert_int_equal(link(copy, other), 0);
	spool_free(s);
	assert_int_equal(__real_rename(other, copy), 0);
	s = open_spool(MIB);
	assert_memory_equal(spool_notes(s, &size), "two", 3);
	assert_int_equal(size, 3);
	spool_set_notes(s, "three", 5);
	spool_free(s);
	s = open_spool(MIB);
	assert_memory_equal(spool_notes(s, &size), "three", 5);
	assert_int_equal(size, 5);
	spool_free(s);
}

static void
two_processes_never_share_a_spool(void **state)
{
	struct spool *s = open_spool(MIB), *other = NULL;
	struct spool_config cfg = { .dir = dir, .max_size = MIB };
	char why[200];

	(void)state;
	assert_int_equal(spool_open(&cfg, &other, why, sizeof(why)), -EBUSY);
	assert_null(other);
	spool_free(s);
}

/* One life of a spool with everything in it: appends, reads, acknowledges, syncs, saves.  Numbers
 * that were appended and not refused, as bits. */
static uint64_t
live(struct spool *s, uint32_t first)
{
	uint64_t kept = 0;

	for (uint32_t i = first; i < first + 12; i++) {
		if (append(s, i % 3 ? DS_LANE_BULK : DS_LANE_URGENT, i, 9000, i) == 0)
			kept |= UINT64_C(1) << i;
		(void)spool_sync(s);
	}
	(void)spool_save(s);
	(void)spool_retry(s);
	return kept;
}

static uint64_t
found(struct spool *s)
{
	struct spool_record rec;
	uint64_t bits = 0, after;

	for (uint8_t lane = 0; lane < DS_LANES; lane++)
		for (after = 0; spool_peek(s, lane, after, &rec) == 0; after = rec.seq) {
			assert_false(bits >> number_of(&rec) & 1); /* never twice */
			bits |= UINT64_C(1) << number_of(&rec);
		}
	return bits;
}

static void
any_one_failing_call_loses_nothing(void **state)
{
	int n = 0;
	bool is_through;

	(void)state;
	do {
		struct spool *s = open_spool(MIB);
		uint64_t kept;

		fail_in = n++;
		fail_errno = n % 2 ? ENOSPC : EIO;
		kept = live(s, 1);
		is_through = fail_in >= 0;
		fail_in = -1;
		assert_int_equal(found(s), kept);
		spool_free(s);
		s = open_spool(MIB);
		assert_int_equal(found(s), kept);
		kept |= live(s, 20);
		assert_int_equal(found(s), kept);
		spool_free(s);
		empty_dir();
		assert_int_equal(lost_events, 0);
	} while (!is_through);
	assert_true(n > 12);
}

static void
a_disk_that_fails_for_ever_keeps_what_is_there(void **state)
{
	bool is_through;
	int n = 0;

	(void)state;
	do {
		struct spool *s = open_spool(MIB);
		uint64_t kept;

		fail_in = n++;
		is_for_ever = true;
		kept = live(s, 1);
		is_through = fail_in > 0;
		assert_int_equal(found(s), kept); /* on disk or in memory */
		fail_in = -1;
		assert_true(spool_retry(s));
		assert_int_equal(found(s), kept);
		spool_free(s);
		s = open_spool(MIB);
		assert_int_equal(found(s), kept);
		spool_free(s);
		empty_dir();
	} while (!is_through);
}

static size_t
read_file(const char *name, uint8_t **ret)
{
	char path[200];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*ret = malloc((size_t)st.st_size + 1);
	assert_non_null(*ret);
	assert_int_equal(read(fd, *ret, (size_t)st.st_size), st.st_size);
	close(fd);
	return (size_t)st.st_size;
}

static void
write_file(const char *name, const uint8_t *data, size_t size)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(__real_write(fd, data, size), size);
	close(fd);
}

#define FILE_NAME "urgent-00000000000000000001"

static size_t
make_file(uint8_t **ret, unsigned records, size_t size)
{
	struct spool *s = open_spool(MIB);

	for (uint32_t i = 1; i <= records; i++)
		assert_int_equal(append(s, DS_LANE_URGENT, i, size, i), 0);
	spool_free(s);
	return read_file(FILE_NAME, ret);
}

static void
every_prefix_of_a_file_recovers_to_its_whole_records(void **state)
{
	uint8_t *data;
	size_t size = make_file(&data, 4, 60), whole = size / 4;

	(void)state;
	for (size_t len = 0; len <= size; len++) {
		struct spool *s;
		uint32_t last;

		empty_dir();
		write_file(FILE_NAME, data, len);
		s = open_spool(MIB);
		assert_int_equal(read_all(s, DS_LANE_URGENT, NULL, NULL), len / whole);
		assert_int_equal(append(s, DS_LANE_URGENT, 9, 60, 9), 0);
		assert_int_equal(read_all(s, DS_LANE_URGENT, NULL, &last), len / whole + 1);
		assert_int_equal(last, 9);
		spool_free(s);
	}
	assert_int_equal(lost_events, 0); /* what was never whole was never promised */
	free(data);
}

static void
every_flipped_bit_costs_one_record_and_is_told(void **state)
{
	uint8_t *data;
	size_t size = make_file(&data, 4, 60);

	(void)state;
	for (size_t bit = 0; bit < size * 8; bit += 5) {
		struct spool *s;
		unsigned n;

		empty_dir();
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		write_file(FILE_NAME, data, size);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		lost_events = 0;
		s = open_spool(MIB);
		n = read_all(s, DS_LANE_URGENT, NULL, NULL);
		if (n != 3 || lost_events != 1)
			fail_msg("bit %zu: %u records, %u lost", bit, n, (unsigned)lost_events);
		spool_free(s);
	}
	free(data);
}

static void
garbage_of_any_kind_is_passed_over(void **state)
{
	uint8_t *data, *mix;
	size_t size = make_file(&data, 4, 60), mix_size = size * 3;
	uint32_t x = 7;

	(void)state;
	mix = malloc(mix_size);
	assert_non_null(mix);
	for (unsigned run = 0; run < 200; run++) {
		struct spool *s;

		for (size_t i = 0; i < mix_size; i++)
			mix[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
		memcpy(mix + x % size, data, size);
		memcpy(mix + size * 2, data + x % size / 2, size / 2);
		empty_dir();
		write_file(FILE_NAME, mix, mix_size);
		s = open_spool(MIB);
		(void)found(s);
		assert_int_equal(append(s, DS_LANE_URGENT, 60, 60, 9), 0);
		spool_free(s);
	}
	free(mix);
	free(data);
}

static void
a_damaged_cursor_is_as_good_as_none(void **state)
{
	uint8_t *data, *cursor;
	size_t size = make_file(&data, 3, 60), cursor_size = read_file("cursor", &cursor);
	struct spool *s = open_spool(MIB);
	uint64_t epoch = spool_epoch(s);

	(void)state;
	spool_free(s);
	for (size_t i = 0; i < cursor_size; i++) {
		write_file(FILE_NAME, data, size);
		cursor[i] ^= 0x10;
		write_file("cursor", cursor, i % 2 ? cursor_size : i);
		cursor[i] ^= 0x10;
		s = open_spool(MIB);
		assert_int_equal(spool_epoch(s), epoch);
		assert_int_equal(read_all(s, DS_LANE_URGENT, NULL, NULL), 3);
		spool_free(s);
		empty_dir();
	}
	free(data);
	free(cursor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_appended_is_read_in_order_by_lane),
		TEST(a_restart_finds_everything_and_counts_on),
		TEST(a_power_loss_leaves_a_hole_so_that_no_number_is_given_out_twice),
		TEST(what_is_acknowledged_is_gone_after_a_restart_too),
		TEST(whole_files_go_once_they_are_acknowledged),
		TEST(a_full_spool_drops_the_oldest_bulk_first_and_counts),
		TEST(a_full_disk_is_waited_out_in_memory),
		TEST(notes_come_back_with_the_record_they_came_with),
		TEST(two_processes_never_share_a_spool),
		TEST(any_one_failing_call_loses_nothing),
		TEST(a_disk_that_fails_for_ever_keeps_what_is_there),
		TEST(every_prefix_of_a_file_recovers_to_its_whole_records),
		TEST(every_flipped_bit_costs_one_record_and_is_told),
		TEST(garbage_of_any_kind_is_passed_over),
		TEST(a_damaged_cursor_is_as_good_as_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

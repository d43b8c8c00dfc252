/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/ledger.h"
#include "lib/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE  (8u << 20)
#define FILE_GROWN (128 << 10) /* more than the room of the beginning */

static char dir[32], path[64], aside[64];
static unsigned syncs_until_failure; /* 0: never */

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int
__wrap_fdatasync(int fd)
{
	if (syncs_until_failure > 0 && --syncs_until_failure == 0) {
		errno = EIO;
		return -1;
	}
	return __real_fdatasync(fd);
}

static int
make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/ds-ledger-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/ledger", dir);
	(void)snprintf(aside, sizeof(aside), "%s/ledger.damaged", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	syncs_until_failure = 0;
	ledger_close();
	(void)unlink(path);
	(void)unlink(aside);
	return rmdir(dir);
}

static void
open_it(unsigned damaged)
{
	unsigned n;

	assert_int_equal(ledger_open(dir, &n), 0);
	assert_int_equal(n, damaged);
}

static struct ds_order
order_of(uint8_t number)
{
	return (struct ds_order){ .id = { number },
		.kind = "block_ip",
		.counter = number,
		.expires_us = 1000u + number,
		.mode = DS_ORDER_OPERATOR,
		.address = "192.0.2.1" };
}

static struct ledger_entry *
add(uint8_t number)
{
	struct ds_order o = order_of(number);
	struct ledger_entry *e = NULL;
	struct ds_buf inverse;

	ds_buf_init(&inverse, 100);
	assert_int_equal(ds_buf_put(&inverse, "inverse", 7), 0);
	assert_int_equal(ledger_add(&o, LEDGER_INTENT, 5000, &inverse, NULL, &e), 0);
	ds_buf_done(&inverse);
	return e;
}

static void
an_effect_is_known_after_a_restart(void **state)
{
	struct ledger_entry *e;
	struct ds_buf result;
	struct ds_order o;

	(void)state;
	open_it(0);
	e = add(1);
	assert_int_equal(ledger_sync(), 0);
	ds_buf_init(&result, 100);
	assert_int_equal(ds_buf_put(&result, "result", 6), 0);
	assert_int_equal(ledger_change(e, LEDGER_ACTIVE, &result), 0);
	assert_int_equal(ledger_sync(), 0);
	ds_buf_done(&result);
	ledger_close();
	open_it(0);
	o = order_of(1);
	e = ledger_find(o.id);
	assert_non_null(e);
	assert_int_equal(e->state, LEDGER_ACTIVE);
	assert_int_equal(e->until_us, 5000);
	assert_true(e->until_boot_us > 0);
	assert_memory_equal(e->inverse, "inverse", 7);
	assert_memory_equal(e->result, "result", 6);
	assert_int_equal(ledger_order(e, &o), 0);
	assert_string_equal(o.address, "192.0.2.1");
	assert_int_equal(ledger_active(), 1);
}

static void
what_was_not_synced_is_not_there(void **state)
{
	struct ds_order o = order_of(1);

	(void)state;
	open_it(0);
	(void)add(1);
	ledger_close();
	open_it(0);
	assert_null(ledger_find(o.id));
}

/* The file with what the journal had before, and of the next record only the bytes from `from` to
 * `to`: what was being written when the power went. */
static void
write_torn(const char *before, const char *after, size_t size, size_t from, size_t to)
{
	char *torn = malloc(size);

	assert_non_null(torn);
	memcpy(torn, before, size);
	memcpy(torn + from, after + from, to - from);
	assert_int_equal(ds_file_replace(path, torn, size, 0600), 0);
	free(torn);
}

static void
a_record_that_was_being_written_is_cut_off(void **state)
{
	struct ds_order o = order_of(2);
	char *before, *after;
	size_t size, first, end;

	(void)state;
	open_it(0);
	(void)add(1);
	assert_int_equal(ledger_sync(), 0);
	assert_int_equal(ds_file_read(path, FILE_SIZE, &before, &size), 0);
	(void)add(2);
	assert_int_equal(ledger_sync(), 0);
	ledger_close();
	assert_int_equal(ds_file_read(path, FILE_SIZE, &after, &end), 0);
	assert_int_equal(size, end); /* it fits into the room there is */
	for (first = 0; before[first] == after[first]; first++)
		;
	while (before[end - 1] == after[end - 1])
		end--;
	for (size_t at = first; at < end; at += 3) {
		/* Either half of it: the disk writes pages in an order of its own. */
		bool is_head = at % 2 == 0;

		write_torn(before, after, size, is_head ? first : at + 1, is_head ? at : end);
		open_it(is_head ? at > first : at + 1 < end);
		assert_int_equal(ledger_len(), 1);
		assert_null(ledger_find(o.id));
		/* And what comes now is behind what was kept. */
		(void)add(3);
		assert_int_equal(ledger_sync(), 0);
		ledger_close();
		open_it(0);
		assert_int_equal(ledger_len(), 2);
		ledger_close();
	}
	free(before);
	free(after);
}

static void
a_journal_without_room_is_read_as_well(void **state)
{
	struct ds_order o = order_of(2);
	char *whole;
	size_t size;

	(void)state;
	open_it(0);
	(void)add(1);
	assert_int_equal(ledger_sync(), 0);
	ledger_close();
	assert_int_equal(ds_file_read(path, FILE_SIZE, &whole, &size), 0);
	while (size > 0 && whole[size - 1] == '\0')
		size--;
	assert_int_equal(ds_file_replace(path, whole, size, 0600), 0);
	free(whole);
	open_it(0);
	assert_int_equal(ledger_len(), 1);
	(void)add(2);
	assert_int_equal(ledger_sync(), 0);
	ledger_close();
	open_it(0);
	assert_non_null(ledger_find(o.id));
}

static off_t
file_size(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void
room_is_made_before_it_is_needed(void **state)
{
	struct ledger_entry *e;

	(void)state;
	open_it(0);
	e = add(1);
	for (unsigned i = 0; i < 20000; i++) {
		off_t before = file_size();

		assert_int_equal(ledger_change(e, LEDGER_ACTIVE, NULL), 0);
		assert_int_equal(ledger_sync(), 0);
		assert_int_equal(
		    file_size(), before); /* who waits for the record waits for no more */
		if (i % 64 == 0)
			ledger_tidy();
	}
	ledger_close();
	open_it(0);
	assert_int_equal(ledger_active(), 1);
}

static void
damage_is_set_aside_and_told(void **state)
{
	char *whole, *kept;
	size_t size, kept_size;

	(void)state;
	open_it(0);
	(void)add(1);
	(void)add(2);
	assert_int_equal(ledger_sync(), 0);
	ledger_close();
	assert_int_equal(ds_file_read(path, FILE_SIZE, &whole, &size), 0);
	whole[20] ^= 1;
	assert_int_equal(ds_file_replace(path, whole, size, 0600), 0);
	open_it(1);
	assert_int_equal(ds_file_read(aside, FILE_SIZE, &kept, &kept_size), 0);
	assert_int_equal(kept_size, size);
	assert_memory_equal(kept, whole, size);
	free(whole);
	free(kept);
}

static void
a_disk_that_fails_leaves_the_ledger_as_it_was(void **state)
{
	struct ds_order o = order_of(2);
	struct ledger_entry *e;

	(void)state;
	open_it(0);
	(void)add(1);
	assert_int_equal(ledger_sync(), 0);
	e = add(2);
	syncs_until_failure = 1;
	assert_int_equal(ledger_sync(), -EIO);
	ledger_drop(e);
	(void)add(3);
	assert_int_equal(ledger_sync(), 0);
	ledger_close();
	open_it(0);
	assert_int_equal(ledger_len(), 2);
	assert_null(ledger_find(o.id));
}

static void
an_order_is_added_once(void **state)
{
	struct ds_order o = order_of(1);
	struct ledger_entry *e;

	(void)state;
	open_it(0);
	(void)add(1);
	assert_int_equal(ledger_add(&o, LEDGER_INTENT, 0, NULL, NULL, &e), -EEXIST);
}

static void
what_is_over_is_forgotten_when_its_order_has_expired(void **state)
{
	struct ds_order o = order_of(7);
	uint64_t floor = 3;

	(void)state;
	open_it(0);
	assert_int_equal(ledger_change(add(5), LEDGER_OVER, NULL), 0);
	assert_int_equal(ledger_change(add(6), LEDGER_ACTIVE, NULL), 0);
	assert_int_equal(ledger_change(add(7), LEDGER_OVER, NULL), 0);
	assert_int_equal(ledger_forget(1005, &floor), 1);
	assert_int_equal(floor, 5);
	assert_non_null(ledger_find(o.id));
	assert_int_equal(ledger_forget(2000, &floor), 1);
	assert_int_equal(floor, 7);
	assert_int_equal(ledger_len(), 1); /* the one that is active */
}

static void
many_changes_do_not_make_the_file_grow_for_ever(void **state)
{
	struct ledger_entry *e;
	char *whole;
	size_t size;

	(void)state;
	open_it(0);
	e = add(1);
	for (unsigned i = 0; i < 20000; i++) {
		assert_int_equal(ledger_change(e, LEDGER_ACTIVE, NULL), 0);
		if (i % 100 == 0) {
			assert_int_equal(ledger_sync(), 0);
			ledger_tidy();
		}
	}
	assert_int_equal(ledger_sync(), 0);
	ledger_tidy();
	assert_int_equal(ds_file_read(path, 2u << 20, &whole, &size), 0);
	free(whole);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_effect_is_known_after_a_restart),
		T(what_was_not_synced_is_not_there),
		T(a_record_that_was_being_written_is_cut_off),
		T(a_journal_without_room_is_read_as_well),
		T(room_is_made_before_it_is_needed),
		T(damage_is_set_aside_and_told),
		T(a_disk_that_fails_leaves_the_ledger_as_it_was),
		T(an_order_is_added_once),
		T(what_is_over_is_forgotten_when_its_order_has_expired),
		T(many_changes_do_not_make_the_file_grow_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The WAL of the SQLite backend's control plane: room in it, and when it is moved into the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/file.h"
#include "server/store/sqlite.h"
#include "tests/contract/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define ROOM_BYTES (4u << 20)
#define FREE_BYTES (256u << 20) /* a disk with less gets no room */
#define VALUE_SIZE 100000u      /* of a setting: some 25 pages */

static int
setup(void **state)
{
	for (size_t i = 0; store_backends[i] != NULL; i++)
		if (strcmp(store_backends[i]->name, "sqlite") == 0)
			*state = (void *)(uintptr_t)i;
	return fixture_setup(state);
}

static void
put_setting(struct fixture *f, const char *key, size_t size)
{
	char *value = malloc(size + 1);
	const struct setting_row row = { key, value };

	assert_non_null(value);
	memset(value, 'x', size);
	value[size] = '\0';
	fixture_begin(f);
	assert_int_equal(f->backend->setting_put(f->store, &row), 0);
	fixture_commit(f);
	free(value);
}

static void
path_of(const char *dir, const char *name, char ret[128])
{
	assert_true(snprintf(ret, 128, "%s/%s", dir, name) < 128);
}

static off_t
wal_size(const struct fixture *f)
{
	struct stat st;
	char path[128];

	path_of(f->dir, "control.db-wal", path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* The files as a crash leaves them, as those of a store of their own. */
static void
copy_files(const struct fixture *from, const struct fixture *to)
{
	static const char *const names[] = { "control.db", "control.db-wal" };
	char path[128], *data;
	size_t size;

	for (size_t i = 0; i < DS_LEN(names); i++) {
		path_of(from->dir, names[i], path);
		assert_int_equal(ds_file_read(path, 64u << 20, &data, &size), 0);
		path_of(to->dir, names[i], path);
		assert_int_equal(ds_file_replace(path, data, size, 0600), 0);
		free(data);
	}
}

static void
what_is_written_into_the_room_is_there_after_a_crash(void **state)
{
	struct fixture *f = *state, *other;
	struct statvfs disk;
	void *second = NULL;
	char text[16];
	off_t size;

	assert_int_equal(statvfs(f->dir, &disk), 0);
	if (disk.f_bavail * disk.f_frsize < FREE_BYTES)
		skip();
	size = wal_size(f);
	assert_true(size >= (off_t)ROOM_BYTES);
	put_setting(f, "before", 10);
	put_setting(f, "after", 10);
	assert_int_equal(wal_size(f), size);

	assert_int_equal(setup(&second), 0);
	other = second;
	other->backend->reader_close(other->reader);
	other->backend->close(other->store);
	other->reader = NULL;
	other->store = NULL;
	copy_files(f, other);
	fixture_reopen(other);
	assert_true(
	    other->backend->setting_get(fixture_reader(other), "before", text, sizeof(text)) >= 0);
	assert_string_equal(text, "xxxxxxxxxx");
	assert_true(
	    other->backend->setting_get(fixture_reader(other), "after", text, sizeof(text)) >= 0);
	assert_string_equal(text, "xxxxxxxxxx");
	assert_int_equal(fixture_teardown(&second), 0);
}

static void
a_long_wal_is_moved_while_nobody_waits(void **state)
{
	struct fixture *f = *state;
	unsigned n = 0;

	for (; f->store->wal_pages < 500 && n < 50; n++)
		put_setting(f, "long", VALUE_SIZE);
	assert_true(f->store->wal_pages >= 500); /* no commit moves it */
	fixture_maintain(f, fixture_clock_us);
	assert_int_equal(f->store->wal_pages, 0);
}

static void
a_wal_does_not_grow_for_ever_while_nobody_rests(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 400; i++) {
		put_setting(f, "long", VALUE_SIZE);
		assert_true(f->store->wal_pages < 1000);
	}
	assert_true(wal_size(f) < (off_t)2 * ROOM_BYTES);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_written_into_the_room_is_there_after_a_crash),
		T(a_long_wal_is_moved_while_nobody_waits),
		T(a_wal_does_not_grow_for_ever_while_nobody_rests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

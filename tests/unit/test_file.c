/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/ds-file-XXXXXX", path[64], tmp[64];

static void
assert_content(const char *expected, size_t len)
{
	char *data;
	size_t size;

	assert_int_equal(ds_file_read(path, 100, &data, &size), 0);
	assert_int_equal(size, len);
	assert_string_equal(data, expected);
	free(data);
}

static void
a_file_is_replaced_as_a_whole(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(ds_file_replace(path, "one", 3, 0600), 0);
	assert_content("one", 3);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(ds_file_replace(path, "", 0, 0600), 0);
	assert_content("", 0);
}

static void
what_a_crash_left_behind_does_no_harm(void **state)
{
	struct stat st;
	FILE *f = fopen(tmp, "w");

	(void)state;
	assert_non_null(f);
	fputs("half of a much longer secr", f);
	fclose(f);
	assert_int_equal(chmod(tmp, 0644), 0);
	assert_int_equal(ds_file_replace(path, "whole", 5, 0600), 0);
	assert_content("whole", 5);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(access(tmp, F_OK), -1);
}

static void
a_failure_leaves_the_old_one(void **state)
{
	(void)state;
	assert_int_equal(ds_file_replace(path, "old", 3, 0600), 0);
	assert_int_equal(mkdir(tmp, 0700), 0); /* in the way */
	assert_true(ds_file_replace(path, "new", 3, 0600) < 0);
	assert_content("old", 3);
	assert_int_equal(rmdir(tmp), 0);
	assert_int_equal(ds_file_replace("/nowhere/file", "new", 3, 0600), -ENOENT);
}

static void
too_much_is_not_read(void **state)
{
	char *data;
	size_t size;

	(void)state;
	assert_int_equal(ds_file_replace(path, "12345", 5, 0600), 0);
	assert_int_equal(ds_file_read(path, 5, &data, &size), 0);
	free(data);
	assert_int_equal(ds_file_read(path, 4, &data, &size), -EFBIG);
	assert_int_equal(ds_file_read("/nowhere", 4, &data, &size), -ENOENT);
	assert_int_equal(ds_file_read(dir, 4, &data, &size), -EISDIR);
}

static void
a_wiped_file_is_gone(void **state)
{
	(void)state;
	assert_int_equal(ds_file_replace(path, "secret", 6, 0600), 0);
	assert_int_equal(ds_file_wipe(path), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(ds_file_wipe(path), -ENOENT);
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(tmp, sizeof(tmp), "%s/file.tmp", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_replaced_as_a_whole),
		cmocka_unit_test(what_a_crash_left_behind_does_no_harm),
		cmocka_unit_test(a_failure_leaves_the_old_one),
		cmocka_unit_test(too_much_is_not_read),
		cmocka_unit_test(a_wiped_file_is_gone),
	};

	return cmocka_run_group_tests_name("file", tests, setup, teardown);
}

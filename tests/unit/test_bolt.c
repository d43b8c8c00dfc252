/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/bolt.h"
#include "tests/unit/bolt_make.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096u

static const struct bolt_row rows[] = {
	{ "v1|default|containers|web|image", "shop:3" },
	{ "v1|default|containers|web|labels|a", "b" },
	{ "v1|default|containers|web|empty", "" },
	{ "v1|default|containers|a", "no bucket" },
	{ "v1|default|containers|b|image", "b:1" },
	{ "v1|default|containers|c|image", "c:1" },
	{ "v1|default|containers|d|image", "d:1" },
	{ "v1|default|containers|e|image", "e:1" },
	{ "v1|default|containers|webber|image", "webber:1" },
	{ "v1|default|containers|we|image", "we:1" },
	{ "v2|x", "y" },
};

static char path[64];

static int
set_up(void **state)
{
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/test_bolt.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || close(fd) < 0)
		return 1;
	bolt_make(path, PAGE, rows, DS_LEN(rows));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static int
get(const char *a, const char *b, const char *c, const char *d, const char *e, char ret[16])
{
	const char *const keys[] = { a, b, c, d, e };
	struct bolt db;
	size_t len = 0;
	int r;

	while (len < DS_LEN(keys) && keys[len] != NULL)
		len++;
	assert_int_equal(bolt_open(path, &db), 0);
	r = bolt_get(&db, keys, len, ret, 15);
	ret[r > 0 ? r : 0] = '\0';
	bolt_close(&db);
	return r;
}

static void
a_value_is_found_by_its_path(void **state)
{
	static const char *const names[] = { "b", "c", "d", "e", "we", "webber" };
	char value[16];

	(void)state;
	assert_int_equal(get("v1", "default", "containers", "web", "image", value), 6);
	assert_string_equal(value, "shop:3");
	assert_int_equal(get("v1", "default", "containers", "web", "empty", value), 0);
	assert_int_equal(get("v2", "x", NULL, NULL, NULL, value), 1);
	for (size_t i = 0; i < DS_LEN(names); i++) {
		assert_int_equal(get("v1", "default", "containers", names[i], "image", value),
		    strlen(names[i]) + 2);
		assert_memory_equal(value, names[i], strlen(names[i]));
	}
}

static void
what_is_not_there_is_not_found(void **state)
{
	char value[16];

	(void)state;
	assert_int_equal(get("v1", "default", "containers", "web", "imag", value), -ENOENT);
	assert_int_equal(get("v1", "default", "containers", "webb", "image", value), -ENOENT);
	assert_int_equal(get("v1", "default", "containers", "0", "image", value), -ENOENT);
	assert_int_equal(get("v1", "default", "containers", "zz", "image", value), -ENOENT);
	assert_int_equal(get("v1", "", NULL, NULL, NULL, value), -ENOENT);
	/* A bucket is no value, and a value no bucket. */
	assert_int_equal(get("v1", "default", "containers", "web", NULL, value), -ENOENT);
	assert_int_equal(get("v1", "default", "containers", "a", "image", value), -ENOENT);
}

static void
a_small_bucket_stands_in_its_leaf(void **state)
{
	const char *const keys[] = { "v1", "default", "containers", "web", "labels", "a" };
	struct bolt db;
	char value[2];

	(void)state;
	assert_int_equal(bolt_open(path, &db), 0);
	assert_int_equal(bolt_get(&db, keys, 6, value, sizeof(value)), 1);
	assert_int_equal(value[0], 'b');
	assert_int_equal(bolt_get(&db, keys, 6, value, 0), -ENAMETOOLONG);
	bolt_close(&db);
}

static void
a_commit_meanwhile_is_noticed(void **state)
{
	struct bolt db;

	(void)state;
	assert_int_equal(bolt_open(path, &db), 0);
	assert_int_equal(db.txid, 7);
	assert_true(bolt_is_current(&db));
	bolt_make_state(path, PAGE, 0, 8);
	assert_false(bolt_is_current(&db));
	bolt_close(&db);
}

static void
overwrite(long at, const void *data, size_t size)
{
	FILE *f = fopen(path, "r+");

	assert_non_null(f);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	assert_int_equal(fwrite(data, size, 1, f), 1);
	assert_int_equal(fclose(f), 0);
}

static void
a_state_that_is_torn_is_not_read(void **state)
{
	static const char torn[8] = "torn";
	struct bolt db;
	char value[16];

	(void)state;
	overwrite(PAGE + 16 + 48, torn, sizeof(torn)); /* the newer one's number */
	assert_int_equal(bolt_open(path, &db), 0);
	assert_int_equal(db.txid, 6);
	bolt_close(&db);
	bolt_make(path, PAGE, rows, DS_LEN(rows));
	overwrite(16, torn, sizeof(torn)); /* where the size of a page is */
	assert_int_equal(get("v2", "x", NULL, NULL, NULL, value), 1);
	overwrite(PAGE + 16, torn, sizeof(torn));
	assert_int_equal(bolt_open(path, &db), -EBADMSG);
	assert_int_equal(bolt_open("/dev/null", &db), -EBADMSG);
	assert_int_equal(bolt_open("/nonexistent", &db), -ENOENT);
}

static void
a_database_that_is_cut_off_or_leads_in_a_circle_ends(void **state)
{
	struct bolt db;
	char value[16];

	(void)state;
	assert_int_equal(bolt_open(path, &db), 0);
	assert_int_equal(truncate(path, (off_t)(db.root * PAGE)), 0);
	bolt_close(&db);
	assert_int_equal(get("v1", "default", NULL, NULL, NULL, value), -EBADMSG);
	bolt_make(path, PAGE, rows, DS_LEN(rows));
	for (uint64_t page = 2; page < db.root;
	     page++) { /* all of them are branches to themselves */
		unsigned char circle[32] = { 0 };

		circle[8] = circle[10] = 1;
		memcpy(circle + 24, &page, sizeof(page));
		overwrite((long)(page * PAGE), circle, sizeof(circle));
	}
	assert_int_equal(get("v1", "default", "containers", "web", "image", value), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_value_is_found_by_its_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_not_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_small_bucket_stands_in_its_leaf, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_commit_meanwhile_is_noticed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_state_that_is_torn_is_not_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_database_that_is_cut_off_or_leads_in_a_circle_ends, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

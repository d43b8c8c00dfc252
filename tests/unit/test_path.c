/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/guard/path.h"

static struct ds_str
str(const char *text, size_t len)
{
	return (struct ds_str){ text, (uint32_t)len };
}
#define STR(literal) str(literal, sizeof(literal) - 1)

static void
names_from_leaf_to_root_become_a_path(void **state)
{
	char path[64];

	(void)state;
	assert_int_equal(path_of_names(STR("c\0bb\0a\0"), path, sizeof(path)), 7);
	assert_string_equal(path, "/a/bb/c");
	assert_int_equal(path_of_names(STR(""), path, sizeof(path)), 1);
	assert_string_equal(path, "/");
}

static void
a_relative_path_goes_below_its_directory(void **state)
{
	char path[64];

	(void)state;
	(void)path_below(STR("b\0a\0"), STR("x//./y/../z"), path, sizeof(path));
	assert_string_equal(path, "/a/b/x/z");
	(void)path_below(STR("b\0a\0"), STR("../../../x"), path, sizeof(path));
	assert_string_equal(path, "/x");
	(void)path_below(STR("b\0a\0"), STR(""), path, sizeof(path));
	assert_string_equal(path, "/a/b");
	(void)path_below(STR(""), STR("/"), path, sizeof(path));
	assert_string_equal(path, "/");
}

static void
any_byte_arrives_as_it_was(void **state)
{
	char path[64];

	(void)state;
	(void)path_below(STR(""), STR("/a\xff\xfe\n"), path, sizeof(path));
	assert_string_equal(path, "/a\xff\xfe\n");
}

static void
what_does_not_fit_is_cut(void **state)
{
	char path[8];

	(void)state;
	for (size_t size = 1; size <= sizeof(path); size++) {
		memset(path, 'X', sizeof(path));
		assert_true(path_below(STR("cccc\0bbbb\0"), STR("dddd/eeee"), path, size) < size);
		for (size_t i = size; i < sizeof(path); i++)
			assert_int_equal(path[i], 'X');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_from_leaf_to_root_become_a_path),
		cmocka_unit_test(a_relative_path_goes_below_its_directory),
		cmocka_unit_test(any_byte_arrives_as_it_was),
		cmocka_unit_test(what_does_not_fit_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

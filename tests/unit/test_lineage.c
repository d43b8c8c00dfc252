/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/lineage.h"
#include "lib/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/ds-lineage-XXXXXX";
static char file[64];

static uint64_t
number_at(const struct ds_hello *m, unsigned i)
{
	uint64_t v = 0;

	for (unsigned j = 0; j < 8; j++)
		v = v << 8 | m->before[8 * i + j];
	return v;
}

static struct ds_hello
tell(struct lineage *l)
{
	struct ds_hello m = { 0 };

	lineage_tell(l, &m);
	return m;
}

static int
setup(void **state)
{
	(void)state;
	(void)unlink(file);
	return 0;
}

static void
numbers_outlive_the_program_newest_first(void **state)
{
	struct lineage l;
	struct ds_hello m;
	uint64_t told[DS_GENERATIONS + 5];

	(void)state;
	for (unsigned i = 0; i < DS_GENERATIONS + 5; i++) {
		assert_int_equal(lineage_init(&l, dir), 0);
		m = tell(&l);
		told[i] = m.generation;
		assert_true(told[i] != 0);
		for (unsigned j = 0; j < DS_GENERATIONS; j++)
			assert_true(number_at(&m, j) == (j < i ? told[i - 1 - j] : 0));
		lineage_confirm(&l);
	}
}

static void
a_number_that_opened_no_session_is_told_again(void **state)
{
	struct lineage l;
	struct ds_hello one, two;

	(void)state;
	assert_int_equal(lineage_init(&l, dir), 0);
	one = tell(&l);
	assert_int_equal(lineage_init(&l, dir), 0);
	two = tell(&l);
	assert_true(one.generation == two.generation);
	lineage_confirm(&l);
	two = tell(&l);
	assert_true(one.generation != two.generation && number_at(&two, 0) == one.generation);
}

static void
a_disk_that_takes_nothing_leaves_the_numbers_before(void **state)
{
	struct lineage l;
	struct ds_hello one, two;

	(void)state;
	assert_int_equal(lineage_init(&l, dir), 0);
	one = tell(&l);
	lineage_confirm(&l);
	snprintf(l.file, sizeof(l.file), "%s/not-there/lineage", dir);
	two = tell(&l);
	assert_true(two.generation == 0 && number_at(&two, 0) == one.generation);
}

static void
a_damaged_file_is_no_harm(void **state)
{
	static const char *const texts[] = { "", "?", "\n\n\n", "?zzzzzzzzzzzzzzzz\n",
		" 00000000000000ff\ngarbage" };
	struct lineage l;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(ds_file_replace(file, texts[i], strlen(texts[i]), 0600), 0);
		assert_int_equal(lineage_init(&l, dir), 0);
		assert_true(tell(&l).generation != 0);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(numbers_outlive_the_program_newest_first),
		T(a_number_that_opened_no_session_is_told_again),
		T(a_disk_that_takes_nothing_leaves_the_numbers_before),
		T(a_damaged_file_is_no_harm),
	};
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(file, sizeof(file), "%s/lineage", dir);
	failed = cmocka_run_group_tests_name("lineage", tests, NULL, NULL);
	(void)unlink(file);
	(void)rmdir(dir);
	return failed;
}

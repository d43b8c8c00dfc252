/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses that the server spares, as the guard keeps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/reactions/spared.h"
#include "lib/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], file[96], seen[SPARED_SIZE];

static int
begin(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/ds-spared.XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/spared", dir);
	return spared_open(dir);
}

static int
end(void **state)
{
	(void)state;
	spared_close();
	(void)unlink(file);
	return rmdir(dir);
}

static void
see(const struct network *network, const char *name)
{
	char text[64];
	size_t len = strlen(seen);

	network_format(network, text, sizeof(text));
	(void)snprintf(seen + len, sizeof(seen) - len, "%s=%s;", text, name);
}

static const char *
all(void)
{
	seen[0] = '\0';
	spared_each(see);
	return seen;
}

static void
a_list_is_there_after_a_restart(void **state)
{
	(void)state;
	assert_int_equal(spared_set(7, "192.0.2.1 one\n2001:db8::/32 two\n::ffff:192.0.2.3\n"), 0);
	assert_string_equal(all(), "192.0.2.1=one;2001:db8::/32=two;192.0.2.3=a host;");
	spared_close();
	assert_int_equal(spared_len(), 0);
	assert_int_equal(spared_open(dir), 0);
	assert_string_equal(all(), "192.0.2.1=one;2001:db8::/32=two;192.0.2.3=a host;");
	assert_true(spared_is(7));
}

static void
a_list_that_is_not_newer_is_refused(void **state)
{
	(void)state;
	assert_int_equal(spared_set(7, "192.0.2.1 one\n"), 0);
	assert_int_equal(spared_set(7, "192.0.2.2 two\n"), -ESTALE);
	assert_int_equal(spared_set(6, ""), -ESTALE);
	spared_close();
	assert_int_equal(spared_open(dir), 0);
	assert_int_equal(spared_set(6, ""), -ESTALE);
	assert_string_equal(all(), "192.0.2.1=one;");
	assert_int_equal(spared_set(8, ""), 0);
	assert_int_equal(spared_len(), 0);
}

static void
what_is_no_list_changes_nothing(void **state)
{
	static char large[SPARED_SIZE + 8], many[SPARED_SIZE];

	(void)state;
	assert_int_equal(spared_set(7, "192.0.2.1 one\n"), 0);
	assert_int_equal(spared_set(8, "192.0.2.2 two\nnonsense\n"), -EINVAL);
	assert_int_equal(spared_set(8, "192.0.2.2 two"), -EINVAL); /* torn */
	assert_int_equal(spared_set(8, "\n"), -EINVAL);
	for (size_t i = 0; i + 8 < sizeof(large); i += 8)
		memcpy(large + i, "1.1.1.1\n", 8);
	assert_int_equal(spared_set(8, large), -EINVAL);
	for (size_t i = 0; i + 4 < sizeof(many); i += 4)
		memcpy(many + i, "::1\n", 4);
	assert_int_equal(spared_set(8, many), -EINVAL); /* more than there is room for */
	assert_string_equal(all(), "192.0.2.1=one;");
	assert_true(spared_is(7));
}

static void
what_the_disk_does_not_take_is_not_in_use(void **state)
{
	char tmp[128];

	(void)state;
	assert_int_equal(spared_set(7, "192.0.2.1 one\n"), 0);
	(void)snprintf(tmp, sizeof(tmp), "%s.tmp", file);
	assert_int_equal(mkdir(tmp, 0700), 0); /* where the new one would be written */
	assert_true(spared_set(8, "192.0.2.2 two\n") < 0);
	assert_string_equal(all(), "192.0.2.1=one;");
	assert_true(spared_is(7));
	assert_int_equal(rmdir(tmp), 0);
}

static void
a_file_that_is_damaged_spares_nobody_and_the_next_list_is_taken(void **state)
{
	static const char torn[] = "@9\n192.0.2.1 one\n192.0.";

	(void)state;
	assert_int_equal(ds_file_replace(file, torn, sizeof(torn) - 1, 0600), 0);
	assert_int_equal(spared_open(dir), 0);
	assert_int_equal(spared_len(), 0);
	assert_int_equal(spared_set(8, "192.0.2.2 two\n"), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_list_is_there_after_a_restart),
		T(a_list_that_is_not_newer_is_refused),
		T(what_is_no_list_changes_nothing),
		T(what_the_disk_does_not_take_is_not_in_use),
		T(a_file_that_is_damaged_spares_nobody_and_the_next_list_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

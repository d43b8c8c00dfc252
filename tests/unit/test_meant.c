/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/api/meant.h"

#include <string.h>

static void
offer(struct meant *m, const char *const *names, size_t len)
{
	for (size_t i = 0; i < len; i++)
		meant_offer(m, names[i]);
}

static void
the_nearest_name_is_proposed_unless_one_is_called_so(void **state)
{
	static const char *const names[] = { "sshd", "nginx-proxy", "nginx", "nginz" };
	static const struct {
		const char *typed, *name;
		bool found;
	} cases[] = {
		{ "nginx", "nginx", true },
		{ "ngnix", "nginx", false },
		{ "nginxx", "nginx", false },
		{ "sshd", "sshd", true },
		{ "sshd4", "sshd", false },
		{ "postgres", "", false },
		{ "nginxabc", "", false },
	};
	struct meant m;

	(void)state;
	for (size_t i = 0; i < DS_LEN(cases); i++) {
		meant_init(&m, cases[i].typed);
		offer(&m, names, DS_LEN(names));
		assert_int_equal(m.found, cases[i].found);
		assert_string_equal(m.name, cases[i].name);
	}
}

static void
a_name_that_is_too_long_to_be_one_is_not_proposed(void **state)
{
	char name[CLASS_MAX + 1];
	struct meant m;

	(void)state;
	memset(name, 'a', CLASS_MAX);
	name[CLASS_MAX] = '\0';
	meant_init(&m, name);
	meant_offer(&m, name);
	assert_false(m.found);
	assert_string_equal(m.name, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_name_is_proposed_unless_one_is_called_so),
		cmocka_unit_test(a_name_that_is_too_long_to_be_one_is_not_proposed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

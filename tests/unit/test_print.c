/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What other hosts say is shown by the command line; it must not steer the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/print.h"

#include <string.h>

static void
assert_shown(const char *text, const char *wanted)
{
	char buf[200];

	assert_int_equal(print_escaped(text, strlen(text), buf, sizeof(buf)), strlen(wanted));
	assert_string_equal(buf, wanted);
}

static void
letters_of_any_language_stay(void **state)
{
	(void)state;
	assert_shown("nginx: Gr\xc3\xb6\xc3\x9f"
		     "e \xe6\x97\xa5 \xf0\x9f\x98\x80 \xe2\x80\x93",
	    "nginx: Gr\xc3\xb6\xc3\x9f"
	    "e \xe6\x97\xa5 \xf0\x9f\x98\x80 \xe2\x80\x93");
}

static void
what_steers_a_terminal_is_shown_as_bytes(void **state)
{
	(void)state;
	assert_shown("a\033[31m\x7f\n", "a\\x1b[31m\\x7f\\x0a");
	assert_shown("a\xc2\x9b"
		     "31m",
	    "a\\xc2\\x9b31m"); /* CSI of C1 */
}

static void
what_turns_text_around_is_shown_as_bytes(void **state)
{
	(void)state;
	assert_shown("\xe2\x80\xae"
		     "exe.txt",
	    "\\xe2\\x80\\xaeexe.txt");
	assert_shown("\xe2\x81\xa6", "\\xe2\\x81\\xa6");
	assert_shown("\xe2\x80\x8f", "\\xe2\\x80\\x8f");
}

static void
a_text_that_is_too_long_is_cut_and_ended(void **state)
{
	char buf[20];

	(void)state;
	assert_int_equal(print_escaped("\033\033\033\033\033\033", 6, buf, sizeof(buf)), 16);
	assert_int_equal(print_escaped("critical", 8, buf, 9), 8);
	assert_int_equal(print_escaped("critical!", 9, buf, 9), 8);
	assert_int_equal(print_escaped("\xe2\x80", 2, buf, sizeof(buf)), 2); /* cut short itself */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_of_any_language_stay),
		cmocka_unit_test(what_steers_a_terminal_is_shown_as_bytes),
		cmocka_unit_test(what_turns_text_around_is_shown_as_bytes),
		cmocka_unit_test(a_text_that_is_too_long_is_cut_and_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

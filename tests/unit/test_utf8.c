/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What other hosts say is shown by the command line and in logs; it must not steer the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/log.h"
#include "lib/utf8.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void
assert_shown(const char *text, const char *wanted)
{
	char buf[200];

	assert_int_equal(ds_utf8_escape(text, strlen(text), buf, sizeof(buf)), strlen(wanted));
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
	assert_int_equal(ds_utf8_escape("\033\033\033\033\033\033", 6, buf, sizeof(buf)), 16);
	assert_int_equal(ds_utf8_escape("critical", 8, buf, 9), 8);
	assert_int_equal(ds_utf8_escape("critical!", 9, buf, 9), 8);
	/* A character, or the bytes that stand for it, is whole or not there. */
	assert_int_equal(ds_utf8_escape("ab\xe2\x82\xac", 5, buf, 5), 2);
	assert_int_equal(ds_utf8_escape("ab\xe2\x82\xac", 5, buf, 6), 5);
	assert_int_equal(ds_utf8_escape("ab\xc2\x9b", 4, buf, 10), 2);
}

static void
bytes_that_are_no_character_are_shown_as_such(void **state)
{
	(void)state;
	assert_shown("\x9b"
		     "31m",
	    "\\x9b31m"); /* CSI of C1 as Latin-1 has it */
	assert_shown("\xe2\x80", "\\xe2\\x80");
	assert_shown("\xc0\x80\xed\xa0\x80", "\\xc0\\x80\\xed\\xa0\\x80");
}

static char written[4096];

static void
log_to(int fd)
{
	ds_log_init("test", DS_LOG_INFO);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	ds_log(INFO, "somebody is strange", "name=\"%s\"",
	    "\xc2\x9b"
	    "2J\x90\x1b[m\xc3\xa9");
}

static void
a_line_of_the_log_steers_no_terminal(void **state)
{
	int kept = dup(STDERR_FILENO), ends[2];
	ssize_t n;

	(void)state;
	assert_return_code(pipe(ends), errno);
	log_to(ends[1]);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	n = read(ends[0], written, sizeof(written) - 1);
	assert_true(n > 0);
	written[n] = '\0';
	assert_non_null(strstr(written, "name=\"\\xc2\\x9b2J\\x90\\x1b[m\xc3\xa9\"\n"));
	close(kept);
	close(ends[0]);
	close(ends[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_of_any_language_stay),
		cmocka_unit_test(what_steers_a_terminal_is_shown_as_bytes),
		cmocka_unit_test(what_turns_text_around_is_shown_as_bytes),
		cmocka_unit_test(a_text_that_is_too_long_is_cut_and_ended),
		cmocka_unit_test(bytes_that_are_no_character_are_shown_as_such),
		cmocka_unit_test(a_line_of_the_log_steers_no_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

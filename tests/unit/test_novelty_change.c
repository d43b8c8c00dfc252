/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changes: young daemons, changed files, what people said is expected, deployments, first and
 * weekly jobs. */
#include "server/detect/allowance.h"
#include "server/detect/changed_by.h"
#include "tests/unit/novelty_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
a_young_daemon_teaches_nobody(void **state)
{
	struct fixture *f = *state;
	struct ds_mailbox *mail = ds_mailbox_new(1000);
	struct ds_mail *m, *next;
	size_t learnt[2] = { 0, 0 };
	struct ds_event ev;

	f->cfg.fleet_mail = mail;
	detect_configure(f->detect, &f->cfg);
	fixture_declare(f, NGINX, "service", "/usr/sbin/nginx", "1", 1);
	ev = fixture_exec(f, NGINX, "/usr/bin/dash", "/usr/sbin/nginx", "sh");
	ev.count = 2000;
	fixture_add(f, &ev);
	fixture_send(f);
	for (int round = 0; round < 2; round++) {
		for (m = ds_mailbox_take(mail); m != NULL; m = next) {
			struct knowledge_news *n =
			    DS_CONTAINER(m, struct knowledge_news, news.mail);

			next = m->next;
			learnt[round] += n->learnt;
			free(n);
		}
		fixture_watch(f, NGINX, 120);
		verdict_done(&f->verdict);
		assert_int_equal(detect_tick(f->detect, f->now_us, &f->verdict), 0);
	}
	assert_int_equal(learnt[0], 1); /* that it is there at all */
	/* Now that the daemon is learnt: that it is, the shell, and how it was started. */
	assert_int_equal(learnt[1], 3);
	for (m = ds_mailbox_take(mail); m != NULL; m = next) {
		next = m->next;
		free(DS_CONTAINER(m, struct knowledge_news, news.mail));
	}
	ds_mailbox_free(mail);
}

static size_t
changed(struct fixture *f, const char *path, uint64_t outcome, uint64_t mode)
{
	struct ds_event ev = fixture_event(f, DS_EVENT_INTEGRITY, "");
	uint8_t hash[32] = { 1, 2, 3 };

	ev.num[DS_NUM_OUTCOME] = outcome;
	ev.num[DS_NUM_MODE] = mode;
	set(&ev, DS_STR_PATH, path);
	ds_event_set_str(&ev, DS_STR_SHA256, hash, sizeof(hash));
	if (outcome == 1) {
		set(&ev, DS_STR_PACKAGE, "nginx-core");
		set(&ev, DS_STR_PACKAGE_VERSION, "1.24-1");
	}
	fixture_add(f, &ev);
	return fixture_send(f);
}

static void
many_changed_files_are_one_alert_and_not_many(void **state)
{
	struct fixture *f = *state;
	char first[200], path[64];

	fixture_ready_nginx(f);
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "/usr/lib/lib%d.so.1", i);
		assert_int_equal(changed(f, path, 2, 0100755), 1);
		if (i < 4)
			assert_non_null(strstr(f->verdict.findings[0].group, "integrity:file:"));
		if (i == 4)
			snprintf(first, sizeof(first), "%s", f->verdict.findings[0].group);
		if (i >= 4)
			assert_string_equal(f->verdict.findings[0].group, first);
	}
	assert_non_null(strstr(first, "integrity:many:"));
	assert_int_equal(changed(f, "/usr/lib/lib0.so.1", 2, 0100755), 1);
	assert_non_null(strstr(f->verdict.findings[0].group, "integrity:file:"));
}

static void
a_changed_file_is_a_notice_when_something_explains_it(void **state)
{
	struct fixture *f = *state;

	fixture_ready_nginx(f);
	assert_int_equal(changed(f, "/usr/sbin/nginx", 1, 0100755), 1);
	assert_true(f->verdict.findings[0].notice);
	assert_string_equal(f->verdict.findings[0].group, "integrity:package:nginx-core:1.24-1");
	assert_int_equal(changed(f, "/usr/sbin/nginx", 2, 0100755), 1);
	assert_false(only(f, "integrity", "high")->notice);
	/* Nobody watches what people do here: it may have been one of them. */
	assert_int_equal(changed(f, "/etc/nginx/sites-enabled/a", 2, 0100644), 1);
	assert_true(f->verdict.findings[0].notice);
	fixture_watch(f, SESSION, 10);
	assert_int_equal(changed(f, "/etc/nginx/sites-enabled/b", 2, 0100644), 1);
	only(f, "integrity", "medium");
	assert_int_equal(wrote(f, SESSION, "/usr/bin/vim", "/etc/nginx/sites-enabled/c"), 0);
	assert_int_equal(changed(f, "/etc/nginx/sites-enabled/c", 2, 0100644), 1);
	assert_true(f->verdict.findings[0].notice);
	assert_non_null(strstr(f->verdict.findings[0].reason, "sshd/session changed it"));
	assert_int_equal(wrote(f, NGINX, "/usr/sbin/nginx", "/etc/nginx/sites-enabled/d"), 0);
	assert_int_equal(changed(f, "/etc/nginx/sites-enabled/d", 2, 0100644), 1);
	only(f, "integrity", "high");
}

static void
what_people_change_is_remembered_beside_a_daemon_that_writes_all_day(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;
	char path[64];

	fixture_ready_nginx(f);
	fixture_watch(f, SESSION, 10);
	ev = fixture_event(f, DS_EVENT_FILE_UNLINK, SESSION);
	ds_event_set_str(&ev, DS_STR_EXE, "/usr/bin/rm", 11);
	set(&ev, DS_STR_PATH, "/etc/nginx/sites-enabled/old");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	for (unsigned i = 0; i < 2 * CHANGES_MAX; i++) {
		snprintf(path, sizeof(path), "/srv/data/%u", i);
		(void)wrote(f, NGINX, "/usr/sbin/nginx", path);
	}
	assert_int_equal(changed(f, "/etc/nginx/sites-enabled/old", 2, 0100644), 1);
	assert_true(f->verdict.findings[0].notice);
	assert_non_null(strstr(f->verdict.findings[0].reason, "sshd/session changed it"));
}

/* An agent that has seen a file written before only counts that it was written again. */
static void
an_agents_word_that_a_person_did_it_explains_configuration_and_no_program(void **state)
{
	static const struct {
		const char *path;
		uint64_t mode;
		bool notice;
	} rows[] = { { "/etc/nginx/nginx.conf", 0100644, true },
		{ "/usr/sbin/nginx", 0100755, false } };
	struct fixture *f = *state;

	fixture_ready_nginx(f);
	fixture_watch(f, SESSION, 10);
	for (size_t i = 0; i < 2; i++) {
		struct ds_event ev = fixture_event(f, DS_EVENT_INTEGRITY, "");

		ev.num[DS_NUM_OUTCOME] = 2;
		ev.num[DS_NUM_MODE] = rows[i].mode;
		set(&ev, DS_STR_PATH, rows[i].path);
		set(&ev, DS_STR_EXE, "/usr/bin/vim.basic");
		set(&ev, DS_STR_EXPLANATION, "person");
		fixture_add(f, &ev);
		assert_int_equal(fixture_send(f), 1);
		assert_int_equal(f->verdict.findings[0].notice, rows[i].notice);
		assert_int_equal(
		    strstr(f->verdict.findings[0].reason,
			"somebody who was logged in changed it (/usr/bin/vim.basic)") != NULL,
		    rows[i].notice);
	}
}

static struct ds_snapshot *
allow(struct fixture *f, struct allowances *a)
{
	struct ds_snapshot *s = ds_snapshot_new(allowances_free);

	allowances_sort(a);
	assert_int_equal(ds_snapshot_publish(s, a), 0);
	f->cfg.allowed = s;
	detect_configure(f->detect, &f->cfg);
	return s;
}

static void
what_is_expected_is_not_told_until_it_expires(void **state)
{
	static const char key[] = "!written /etc/cron.d/x";
	struct fixture *f = *state;
	struct allowances *a = allowances_new();
	struct ds_snapshot *s;

	fixture_ready_nginx(f);
	assert_int_equal(allowances_expect(
			     a, "nginx", 0, DS_EVENT_FILE_WRITE, key, strlen(key), f->now_us + DAY),
	    0);
	assert_int_equal(
	    allowances_expect(a, "nginx", 99, DS_EVENT_FILE_WRITE, "!written /etc/cron.d/y", 22, 0),
	    0);
	s = allow(f, a);
	assert_int_equal(wrote(f, NGINX, "/usr/sbin/nginx", "/etc/cron.d/x"), 0);
	assert_int_equal(wrote(f, NGINX, "/usr/sbin/nginx", "/etc/cron.d/y"), 1);
	/* Not learnt: when it ends, it is told again. */
	f->now_us += 2 * DAY;
	assert_int_equal(wrote(f, NGINX, "/usr/sbin/nginx", "/etc/cron.d/x"), 1);
	detect_free(f->detect);
	f->detect = NULL;
	ds_snapshot_free(s);
}

#define OWN    "/etc/daemonsec/plugins/"
#define PYTHON "/usr/bin/python3.11"

static size_t
server_runs(struct fixture *f, const char *exe, const char *args)
{
	struct ds_event ev =
	    fixture_exec(f, "daemonsec-server.service", exe, "/usr/sbin/daemonsec-server", args);
	static uint64_t pid = 900;

	ev.num[DS_NUM_PID] = pid++;
	fixture_add(f, &ev);
	return fixture_send(f);
}

static void
a_plugin_that_the_server_starts_is_its_own_doing_and_nothing_else_is(void **state)
{
	struct fixture *f = *state;

	ready(f, "daemonsec-server.service", "/usr/sbin/daemonsec-server");
	(void)snprintf(
	    f->cfg.plugin_dir, sizeof(f->cfg.plugin_dir), "%s", "/etc/daemonsec/plugins");
	detect_configure(f->detect, &f->cfg);
	assert_int_equal(server_runs(f, PYTHON, "/usr/bin/python3 " OWN "telegram"), 0);
	assert_int_equal(server_runs(f, PYTHON, "/usr/bin/python3 " OWN "ticket"), 0);
	assert_int_equal(server_runs(f, OWN "native", OWN "native now"), 0);
	assert_true(server_runs(f, PYTHON, "/usr/bin/python3 " OWN "../telegram") > 0);
	/* Who starts something chooses its first argument. */
	assert_true(server_runs(f, "/usr/bin/dash", OWN "telegram -c id") > 0);
}

static size_t
server_starts(struct fixture *f, uint64_t pid, uint64_t ppid, const char *exe, const char *args)
{
	struct ds_event ev =
	    fixture_exec(f, "daemonsec-server.service", exe, "/usr/bin/dash", args);

	ev.num[DS_NUM_PID] = pid;
	ev.num[DS_NUM_PPID] = ppid;
	fixture_add(f, &ev);
	return fixture_send(f);
}

static void
what_a_plugin_starts_is_its_own_doing_for_as_long_as_it_can_run(void **state)
{
	struct fixture *f = *state;

	ready(f, "daemonsec-server.service", "/usr/sbin/daemonsec-server");
	(void)snprintf(
	    f->cfg.plugin_dir, sizeof(f->cfg.plugin_dir), "%s", "/etc/daemonsec/plugins");
	detect_configure(f->detect, &f->cfg);
	assert_int_equal(
	    server_starts(f, 5000, 4000, "/usr/bin/dash", "/bin/sh /etc/daemonsec/plugins/tell"),
	    0);
	assert_int_equal(
	    server_starts(f, 5001, 5000, "/usr/bin/curl", "curl https://example.org"), 0);
	assert_int_equal(server_starts(f, 5002, 5001, "/usr/bin/gzip", "gzip"), 0);
	assert_true(server_starts(f, 6001, 6000, "/usr/bin/wget", "wget") > 0);
	f->now_us += 300 * S;
	assert_true(server_starts(f, 5003, 5000, "/usr/bin/nc.openbsd", "nc") > 0);
}

static void
a_declared_deployment_is_one_notice_but_not_for_what_is_grave(void **state)
{
	const char *d = "app.service", *exe = "/opt/app/app";
	struct fixture *f = *state;
	struct allowances *a = allowances_new();
	struct ds_snapshot *s;

	ready(f, d, exe);
	assert_int_equal(allowances_deploy(a, 5, "app", 0, f->now_us, f->now_us + 1800 * S), 0);
	s = allow(f, a);
	assert_int_equal(net(f, d, DS_EVENT_LISTEN, exe, "0.0.0.0", 4444), 1);
	assert_true(f->verdict.findings[0].notice);
	assert_string_equal(f->verdict.findings[0].group, "deploy:5");
	assert_true(f->verdict.profiles[0].learnt);
	assert_int_equal(net(f, d, DS_EVENT_CONNECT, exe, "198.51.100.1", 5555), 1);
	assert_string_equal(f->verdict.findings[0].group, "deploy:5");
	assert_int_equal(wrote(f, d, exe, "/etc/cron.d/x"), 1);
	assert_false(only(f, "new_file", "high")->notice);
	/* It is over. */
	f->now_us += 1801 * S;
	assert_int_equal(net(f, d, DS_EVENT_LISTEN, exe, "0.0.0.0", 4445), 1);
	assert_false(f->verdict.findings[0].notice);
	assert_int_equal(net(f, d, DS_EVENT_LISTEN, exe, "0.0.0.0", 4444), 0);
	detect_free(f->detect);
	f->detect = NULL;
	ds_snapshot_free(s);
}

static void
the_first_weekly_job_is_no_alert(void **state)
{
	const char *d = "logrotate.service";
	struct fixture *f = *state;
	struct ds_event ev;

	for (int day = 0; day < 7; day++) {
		fixture_declare(f, d, "service", "/usr/sbin/logrotate", "1", 1);
		assert_int_equal(fixture_send(f), 0);
		fixture_watch(f, d, 10);
		ev = fixture_event(f, DS_EVENT_DAEMON_GONE, d);
		fixture_add(f, &ev);
		assert_int_equal(fixture_send(f), 0);
		f->now_us += DAY;
	}
	fixture_declare(f, d, "service", "/usr/sbin/logrotate", "1", 1);
	fixture_send(f);
	ev = fixture_exec(f, d, "/usr/bin/dash", "/usr/sbin/logrotate", "sh -c postrotate");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	ev = fixture_exec(f, d, "/tmp/x", "/usr/sbin/logrotate", "x");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
	ev = fixture_exec(f, d, "/usr/bin/nc", "/usr/sbin/logrotate", "nc -l");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
}

static void
a_restart_may_do_what_starts_do(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;

	ready(f, "app.service", "/opt/app/app");
	ev = fixture_exec(f, "app.service", "/opt/app/app", "/usr/lib/systemd/systemd", "app");
	ev.num[DS_NUM_PPID] = 1;
	ev.num[DS_NUM_PID] = 901;
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	assert_int_equal(
	    net(f, "app.service", DS_EVENT_LISTEN, "/opt/app/app", "0.0.0.0", 9999), 0);
	assert_int_equal(
	    did(f, "app.service", DS_EVENT_MOUNT, "/opt/app/app", DS_NUM_TARGET_PID, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_young_daemon_teaches_nobody),
		TEST(what_is_expected_is_not_told_until_it_expires),
		TEST(a_plugin_that_the_server_starts_is_its_own_doing_and_nothing_else_is),
		TEST(what_a_plugin_starts_is_its_own_doing_for_as_long_as_it_can_run),
		TEST(a_declared_deployment_is_one_notice_but_not_for_what_is_grave),
		TEST(many_changed_files_are_one_alert_and_not_many),
		TEST(the_first_weekly_job_is_no_alert),
		TEST(a_restart_may_do_what_starts_do),
		TEST(a_changed_file_is_a_notice_when_something_explains_it),
		TEST(what_people_change_is_remembered_beside_a_daemon_that_writes_all_day),
		TEST(an_agents_word_that_a_person_did_it_explains_configuration_and_no_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

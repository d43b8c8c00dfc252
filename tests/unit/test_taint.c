/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done beside something that was told is not learnt until somebody has said what it was. */
#include "server/detect/allowance.h"
#include "tests/unit/novelty_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define EXE "/usr/sbin/nginx"

/* Alerts of the daemon are open; NULL: of none. */
static void
open_alert_of(struct fixture *f, struct ds_snapshot *s, const char *daemon)
{
	struct allowances *a = allowances_new();

	if (daemon != NULL)
		assert_int_equal(allowances_taint(a, 7, daemon), 0);
	assert_int_equal(allowances_taint(a, 8, NGINX), 0);
	allowances_sort(a);
	assert_int_equal(ds_snapshot_publish(s, a), 0);
	f->cfg.allowed = s;
	detect_configure(f->detect, &f->cfg);
}

static void
end(struct fixture *f, struct ds_snapshot *s)
{
	detect_free(f->detect);
	f->detect = NULL;
	ds_snapshot_free(s);
}

static const struct profile_row *
newest(const struct fixture *f)
{
	assert_int_equal(f->verdict.profiles_len, 1);
	return &f->verdict.profiles[0];
}

/* Also after a restart, when the worker has forgotten when it told what. */
static void
an_open_alert_keeps_what_its_daemon_does_apart(void **state)
{
	struct fixture *f = *state;
	struct ds_snapshot *s = ds_snapshot_new(allowances_free);

	fixture_ready_nginx(f);
	open_alert_of(f, s, "cron.service");
	assert_int_equal(wrote(f, NGINX, EXE, "/var/cache/nginx/a/b"), 0);
	assert_true(newest(f)->learnt);
	open_alert_of(f, s, NGINX);
	assert_int_equal(wrote(f, NGINX, EXE, "/var/cache/nginx/c/d"), 0);
	assert_true(newest(f)->waits && !newest(f)->learnt);
	open_alert_of(f, s, NULL);
	assert_int_equal(wrote(f, NGINX, EXE, "/var/cache/nginx/e/f"), 0);
	assert_true(newest(f)->learnt);
	end(f, s);
}

static void
nothing_that_waits_is_accepted_while_an_alert_is_open(void **state)
{
	struct fixture *f = *state;
	struct ds_snapshot *s = ds_snapshot_new(allowances_free);

	fixture_ready_nginx(f);
	open_alert_of(f, s, NGINX);
	for (int day = 0; day < 14; day++) {
		assert_int_equal(wrote(f, NGINX, EXE, "/srv/elsewhere/x"), 0);
		for (size_t i = 0; i < f->verdict.profiles_len; i++)
			assert_true(!f->verdict.profiles[i].learnt);
		f->now_us += DAY;
	}
	open_alert_of(f, s, NULL);
	assert_int_equal(wrote(f, NGINX, EXE, "/srv/elsewhere/x"), 0);
	assert_true(newest(f)->learnt);
	end(f, s);
}

static size_t
wrote_as(struct fixture *f, uint64_t pid, const char *exe, const char *path)
{
	struct ds_event ev = fixture_event(f, DS_EVENT_FILE_WRITE, NGINX);

	ev.num[DS_NUM_PID] = pid;
	set(&ev, DS_STR_EXE, exe);
	set(&ev, DS_STR_PATH, path);
	fixture_add(f, &ev);
	return fixture_send(f);
}

/* A daemon that still learns: an attacker in its first minute teaches it nothing. */
static void
the_processes_of_a_finding_teach_a_young_daemon_nothing(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;

	fixture_declare(f, NGINX, "service", EXE, "1", 1);
	assert_int_equal(fixture_send(f), 0);
	ev = fixture_exec(f, NGINX, "/usr/bin/bash", EXE, "bash -i");
	ev.num[DS_NUM_INPUT] = AF_INET;
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
	assert_int_equal(wrote_as(f, 812, "/usr/bin/bash", "/var/lib/nginx/x/y"), 0);
	assert_true(newest(f)->waits);
	ev = fixture_exec(f, NGINX, "/usr/bin/gzip", "/usr/bin/bash", "gzip");
	ev.num[DS_NUM_PID] = 813;
	ev.num[DS_NUM_PPID] = 812;
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	for (size_t i = 0; i < f->verdict.profiles_len; i++)
		assert_false(f->verdict.profiles[i].learnt);
	/* Another process of it goes on learning. */
	assert_int_equal(wrote_as(f, 101, EXE, "/var/lib/nginx/z/y"), 0);
	assert_true(newest(f)->learnt);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(an_open_alert_keeps_what_its_daemon_does_apart),
		TEST(nothing_that_waits_is_accepted_while_an_alert_is_open),
		TEST(the_processes_of_a_finding_teach_a_young_daemon_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told of files, destinations, listeners and privileges, and what everyday life is. */
#include "server/detect/tier.h"
#include "tests/unit/novelty_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void
a_daemon_that_adds_a_scheduled_job_is_told_with_its_reasons(void **state)
{
	struct fixture *f = *state;
	const struct finding *found;
	json_t *doc;

	fixture_ready_nginx(f);
	wrote(f, NGINX, "/usr/sbin/nginx", "/etc/cron.d/update");
	found = only(f, "new_file", "high");
	assert_string_equal(found->title, "nginx has changed /etc/cron.d/update");
	assert_non_null(strstr(found->reason, "has never written /etc/cron.d/update"));
	assert_non_null(strstr(found->reason, "a list of scheduled jobs"));
	doc = json_loads(found->json, 0, NULL);
	assert_non_null(doc);
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(json_object_get(doc, "threat"), 0), "id")),
	    "T1053.003");
	assert_true(json_array_size(json_object_get(doc, "explanation")) >= 3);
	assert_int_equal(json_array_size(json_object_get(doc, "behaviours")), 1);
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(json_object_get(doc, "events"), 0), "file.path")),
	    "/etc/cron.d/update");
	assert_non_null(json_object_get(json_object_get(doc, "record"), "clears"));
	json_decref(doc);
	/* The same again is one more of it, in the same alert. */
	assert_int_equal(wrote(f, NGINX, "/usr/sbin/nginx", "/etc/cron.d/update"), 1);
}

static void
everyday_files_are_no_finding(void **state)
{
	static const char *const paths[] = { "/var/log/nginx/newsite.log", "/var/log/nginx/a.log.1",
		"/tmp/tmp.Xa81kQweZ", "/run/nginx.pid", "/var/lib/nginx/body/0000000001",
		"/var/cache/nginx/1/2/3", "/etc/letsencrypt/live/new.example.org/fullchain.pem",
		"/srv/uploads/2026/photo.jpg", "/home/www/data.txt" };
	struct fixture *f = *state;

	fixture_ready_nginx(f);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert_int_equal(wrote(f, NGINX, "/usr/sbin/nginx", paths[i]), 0);
	assert_int_equal(
	    file(f, NGINX, DS_EVENT_FILE_READ, "/usr/sbin/nginx", "/etc/ssl/private/new.key", 0),
	    0);
	assert_int_equal(
	    file(f, NGINX, DS_EVENT_FILE_UNLINK, "/usr/sbin/nginx", "/var/log/nginx/old.log", 0),
	    0);
	assert_int_equal(
	    file(f, NGINX, DS_EVENT_FILE_CHMOD, "/usr/sbin/nginx", "/var/lib/nginx/x", 0640), 0);
}

static void
programs_whose_work_it_is_are_left_alone(void **state)
{
	struct fixture *f = *state;

	ready(f, "apt-daily-upgrade.service", "/usr/bin/dash");
	assert_int_equal(
	    wrote(f, "apt-daily-upgrade.service", "/usr/bin/dpkg", "/usr/bin/curl"), 0);
	assert_int_equal(
	    wrote(f, "apt-daily-upgrade.service", "/usr/bin/dpkg", "/etc/cron.d/php"), 0);
	ready(f, "logrotate.service", "/usr/sbin/logrotate");
	assert_int_equal(file(f, "logrotate.service", DS_EVENT_FILE_UNLINK, "/usr/sbin/logrotate",
			     "/var/log/wtmp", 0),
	    0);
	ready(f, "ssh.service", "/usr/sbin/sshd");
	assert_int_equal(
	    file(f, "ssh.service", DS_EVENT_FILE_READ, "/usr/sbin/sshd", "/etc/shadow", 0), 0);
	/* The name alone is not enough. */
	assert_int_equal(
	    file(f, "ssh.service", DS_EVENT_FILE_READ, "/tmp/sshd", "/etc/shadow", 0), 1);
	only(f, "new_file", "high");
}

static void
a_script_for_the_web_server_is_told_where_pictures_are_not(void **state)
{
	struct fixture *f = *state;

	ready(f, "php8.2-fpm.service", "/usr/sbin/php-fpm8.2");
	assert_int_equal(
	    wrote(f, "php8.2-fpm.service", "/usr/sbin/php-fpm8.2", "/var/www/html/up/a.jpg"), 0);
	assert_int_equal(
	    wrote(f, "php8.2-fpm.service", "/usr/sbin/php-fpm8.2", "/var/www/html/up/a.php"), 1);
	assert_non_null(strstr(only(f, "new_file", "high")->json, "T1505.003"));
	assert_int_equal(
	    wrote(f, "php8.2-fpm.service", "/usr/sbin/php-fpm8.2", "/var/www/up/.htaccess"), 1);
}

static void
a_script_where_the_web_is_served_from_is_told_of_others_too(void **state)
{
	struct fixture *f = *state;

	ready(f, "redis-server.service", "/usr/bin/redis-check-rdb");
	assert_int_equal(
	    wrote(f, "redis-server.service", "/usr/bin/redis-check-rdb", "/var/lib/redis/x.php"),
	    0);
	assert_int_equal(
	    wrote(f, "redis-server.service", "/usr/bin/redis-check-rdb", "/var/www/html/x.php"), 1);
	assert_non_null(strstr(only(f, "new_file", "high")->json, "T1505.003"));
	/* People put their sites there. */
	ready(f, "vsftpd.service", "/usr/sbin/vsftpd");
	assert_int_equal(wrote(f, "vsftpd.service", "/usr/sbin/vsftpd", "/var/www/html/y.php"), 0);
}

static void
people_change_what_they_like_but_not_everything(void **state)
{
	struct fixture *f = *state;

	fixture_watch(f, SESSION, 100);
	assert_int_equal(wrote(f, SESSION, "/usr/bin/vim", "/etc/cron.d/backup"), 0);
	assert_int_equal(wrote(f, SESSION, "/usr/bin/dash", "/home/u/.ssh/authorized_keys"), 0);
	assert_int_equal(wrote(f, SESSION, "/usr/bin/vim", "/etc/ld.so.preload"), 1);
	assert_true(strstr(only(f, "new_file", "critical")->reason, "T1574") == NULL);
	assert_int_equal(
	    file(f, SESSION, DS_EVENT_FILE_UNLINK, "/usr/bin/rm", "/var/log/auth.log", 0), 1);
	assert_int_equal(file(f, SESSION, DS_EVENT_FILE_WRITE, "/usr/bin/bash", "/var/log/wtmp",
			     O_WRONLY | O_TRUNC),
	    1);
	assert_int_equal(
	    file(f, SESSION, DS_EVENT_FILE_CHMOD, "/usr/bin/chmod", "/tmp/rootbash", 04755), 1);
	/* A backup brings setuid programs along. */
	assert_int_equal(
	    file(f, SESSION, DS_EVENT_FILE_CHMOD, "/usr/bin/rsync", "/backup/usr/bin/sudo", 04755),
	    0);
	assert_int_equal(
	    file(f, SESSION, DS_EVENT_FILE_CHMOD, "/usr/bin/tar", "/tmp/rootbash2", 04755), 1);
}

static void
a_key_that_a_job_adds_is_told(void **state)
{
	struct fixture *f = *state;

	fixture_watch(f, "cron/job", 20);
	assert_int_equal(wrote(f, "cron/job", "/usr/bin/dash", "/root/.ssh/authorized_keys"), 1);
	assert_int_equal(wrote(f, "dpkg/script", "/usr/bin/dash", "/etc/passwd"), 0);
}

static void
what_happens_below_a_strange_program_is_in_its_alert(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;
	char group[200];

	fixture_ready_nginx(f);
	ev = fixture_exec(f, NGINX, "/usr/bin/dash", "/usr/sbin/nginx", "sh -c x");
	ev.num[DS_NUM_PID] = 4242;
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
	snprintf(group, sizeof(group), "%s", f->verdict.findings[0].group);
	assert_int_equal(wrote(f, NGINX, "/usr/bin/dash", "/etc/crontab"), 1);
	assert_string_equal(only(f, "new_file", "high")->group, group);
	assert_int_equal(net(f, NGINX, DS_EVENT_CONNECT, "/usr/bin/dash", "198.51.100.7", 4444), 1);
	assert_string_equal(only(f, "new_destination", "high")->group, group);
}

static void
a_port_that_nobody_knows_is_told_and_a_common_one_waits(void **state)
{
	struct fixture *f = *state;

	ready(f, "postgresql@15-main.service", "/usr/lib/postgresql/15/bin/postgres");
	assert_int_equal(net(f, "postgresql@15-main.service", DS_EVENT_CONNECT,
			     "/usr/lib/postgresql/15/bin/postgres", "203.0.113.9", 443),
	    0);
	assert_int_equal(net(f, "postgresql@15-main.service", DS_EVENT_CONNECT,
			     "/usr/lib/postgresql/15/bin/postgres", "203.0.113.9", 4444),
	    1);
	assert_non_null(strstr(only(f, "new_destination", "medium")->title, "203.0.113.9:4444"));
	/* A proxy goes where its configuration says. */
	fixture_ready_nginx(f);
	assert_int_equal(net(f, NGINX, DS_EVENT_CONNECT, "/usr/sbin/nginx", "127.0.0.1", 9123), 0);
}

static void
networks_generalise(void **state)
{
	struct fixture *f = *state;
	const char *d = "app.service", *exe = "/opt/app/app";
	char address[32];

	fixture_declare(f, d, "service", exe, "1", 1);
	fixture_send(f);
	for (int i = 1; i <= 3; i++) {
		snprintf(address, sizeof(address), "203.0.%d.9", i);
		assert_int_equal(net(f, d, DS_EVENT_CONNECT, exe, address, 4433), 0);
	}
	fixture_watch(f, d, 100);
	assert_int_equal(net(f, d, DS_EVENT_CONNECT, exe, "203.0.77.1", 4433), 0);
	assert_true(f->verdict.profiles[0].learnt);
	/* The port is known, the network is not near: kept apart. */
	assert_int_equal(net(f, d, DS_EVENT_CONNECT, exe, "198.51.100.1", 4433), 0);
	assert_false(f->verdict.profiles[0].learnt);
	assert_true(f->verdict.profiles[0].waits);
	assert_int_equal(net(f, d, DS_EVENT_CONNECT, exe, "198.51.100.1", 5555), 1);
}

static void
a_shell_that_connects_is_told_whoever_runs_it(void **state)
{
	struct fixture *f = *state;

	fixture_watch(f, SESSION, 20);
	assert_int_equal(
	    net(f, SESSION, DS_EVENT_CONNECT, "/usr/bin/curl", "198.51.100.7", 4443), 0);
	assert_int_equal(
	    net(f, SESSION, DS_EVENT_CONNECT, "/usr/bin/bash", "198.51.100.7", 4444), 1);
	only(f, "new_destination", "high");
	assert_int_equal(net(f, SESSION, DS_EVENT_CONNECT, "/usr/bin/bash", "192.0.2.1", 389), 0);
}

static void
a_shell_that_reads_from_the_network_is_critical(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev;

	fixture_watch(f, SESSION, 20);
	ev = fixture_exec(f, SESSION, "/usr/bin/dash", "/usr/bin/python3.11", "sh -i");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	ev.num[DS_NUM_INPUT] = AF_INET;
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 1);
	assert_non_null(strstr(only(f, "new_child", "critical")->title, "network"));
}

static void
a_new_listener_is_told_but_not_at_a_start(void **state)
{
	struct fixture *f = *state;
	const char *d = "app.service", *exe = "/opt/app/app";
	struct ds_event ev;

	ready(f, d, exe);
	assert_int_equal(net(f, d, DS_EVENT_LISTEN, exe, "0.0.0.0", 4444), 1);
	only(f, "new_listener", "medium");
	/* The manager starts it with another configuration. */
	ev = fixture_exec(f, d, exe, "/usr/lib/systemd/systemd", "app");
	ev.num[DS_NUM_PPID] = 1;
	ev.num[DS_NUM_PID] = 900;
	set(&ev, DS_STR_EXE, "/usr/bin/env");
	fixture_add(f, &ev);
	assert_int_equal(fixture_send(f), 0);
	assert_int_equal(net(f, d, DS_EVENT_LISTEN, exe, "0.0.0.0", 8081), 0);
	f->now_us += 60 * S;
	assert_int_equal(net(f, d, DS_EVENT_LISTEN, exe, "0.0.0.0", 8082), 1);
}

static void
privileges_are_told_of_daemons_and_ordinary_in_sessions(void **state)
{
	struct fixture *f = *state;

	fixture_watch(f, SESSION, 20);
	assert_int_equal(did(f, SESSION, DS_EVENT_PTRACE, "/usr/bin/gdb", DS_NUM_TARGET_PID, 7), 0);
	fixture_ready_nginx(f);
	assert_int_equal(
	    did(f, NGINX, DS_EVENT_PTRACE, "/usr/sbin/nginx", DS_NUM_TARGET_PID, 7), 1);
	assert_non_null(strstr(only(f, "privilege", "high")->title, "attached to process 7"));
	ready(f, "docker.service", "/usr/bin/dockerd");
	assert_int_equal(
	    did(f, "docker.service", DS_EVENT_NAMESPACE, "/usr/bin/runc", DS_NUM_NS_FLAGS, 99), 0);
	assert_int_equal(
	    file(f, SESSION, DS_EVENT_MODULE_LOAD, "/usr/bin/kmod", "/tmp/x.ko", 0), 1);
	only(f, "privilege", "critical");
	assert_int_equal(file(f, SESSION, DS_EVENT_MODULE_LOAD, "/usr/bin/kmod",
			     "/lib/modules/6.1/kernel/x.ko", 0),
	    0);
}

static void
what_waits_is_normal_after_three_days(void **state)
{
	struct fixture *f = *state;
	bool learnt = false;

	fixture_ready_nginx(f);
	for (int day = 0; day < 4; day++) {
		assert_int_equal(wrote(f, NGINX, "/usr/sbin/nginx", "/srv/elsewhere/x"), 0);
		learnt = f->verdict.profiles_len > 0 && f->verdict.profiles[0].learnt;
		assert_int_equal(learnt, day >= 2);
		if (learnt)
			break;
		f->now_us += DAY;
	}
	assert_true(learnt);
}

static void
a_patient_attacker_is_told_on_day_15(void **state)
{
	struct fixture *f = *state;

	fixture_ready_nginx(f);
	for (int day = 1; day <= 15; day++) {
		assert_int_equal(wrote(f, NGINX, "/usr/sbin/nginx", "/etc/cron.d/x"), 1);
		assert_int_equal(
		    net(f, NGINX, DS_EVENT_CONNECT, "/usr/bin/bash", "198.51.100.7", 4444), 1);
		f->now_us += DAY;
		fixture_watch(f, NGINX, 30);
	}
}

static void
what_comes_with_an_alert_is_not_learnt_at_once(void **state)
{
	struct fixture *f = *state;

	fixture_ready_nginx(f);
	assert_int_equal(wrote(f, NGINX, "/usr/sbin/nginx", "/etc/cron.d/x"), 1);
	assert_int_equal(wrote(f, NGINX, "/usr/sbin/nginx", "/var/cache/nginx/a/b"), 0);
	assert_true(f->verdict.profiles[0].waits);
}

/* What one host can make normal in a day is bounded, whatever it does. */
static void
a_day_teaches_a_bounded_number_of_behaviours(void **state)
{
	struct fixture *f = *state;
	unsigned learnt = 0, waits = 0;
	char path[64];

	fixture_ready_nginx(f);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(
		    path, sizeof(path), "/var/lib/nginx/d%c%c/a/b", 'a' + i / 26, 'a' + i % 26);
		assert_int_equal(wrote(f, NGINX, "/usr/sbin/nginx", path), 0);
		for (size_t k = 0; k < f->verdict.profiles_len; k++) {
			learnt += f->verdict.profiles[k].learnt;
			waits += f->verdict.profiles[k].waits;
		}
	}
	assert_true(learnt <= TIER_DAY_MAX + 2);
	assert_true(waits >= 100);
}

/* A hundred thousand different keys in a minute: bounded, and the families beside it go on. */
static void
a_flood_of_different_keys_is_bounded_and_crowds_out_nothing(void **state)
{
	struct fixture *f = *state;
	size_t rows = 0;
	char path[64];

	fixture_ready_nginx(f);
	for (unsigned i = 0; i < 100000; i++) {
		struct ds_event ev = fixture_event(f, DS_EVENT_FILE_WRITE, NGINX);

		snprintf(path, sizeof(path), "/srv/%c%c/%c%c/%c/x", 'a' + i % 26, 'a' + i / 26 % 26,
		    'a' + i / 676 % 26, 'a' + i / 17576 % 26, 'a' + i % 25);
		ev.num[DS_NUM_PID] = 4242;
		ev.num[DS_NUM_OPEN_FLAGS] = O_WRONLY | O_CREAT;
		set(&ev, DS_STR_EXE, "/usr/sbin/nginx");
		set(&ev, DS_STR_PATH, path);
		ev.time_us += i * 600;
		fixture_add(f, &ev);
		if (i % 5000 == 4999) {
			f->now_us += 3 * S;
			(void)fixture_send(f);
			rows += f->verdict.profiles_len;
		}
	}
	assert_true(rows <= f->cfg.keys_max / 4);
	assert_int_equal(wrote(f, NGINX, "/usr/sbin/nginx", "/etc/cron.d/x"), 1);
	assert_int_equal(net(f, NGINX, DS_EVENT_CONNECT, "/usr/bin/bash", "198.51.100.7", 4444), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_daemon_that_adds_a_scheduled_job_is_told_with_its_reasons),
		TEST(everyday_files_are_no_finding),
		TEST(programs_whose_work_it_is_are_left_alone),
		TEST(a_script_for_the_web_server_is_told_where_pictures_are_not),
		TEST(a_script_where_the_web_is_served_from_is_told_of_others_too),
		TEST(people_change_what_they_like_but_not_everything),
		TEST(a_key_that_a_job_adds_is_told),
		TEST(what_happens_below_a_strange_program_is_in_its_alert),
		TEST(a_port_that_nobody_knows_is_told_and_a_common_one_waits),
		TEST(networks_generalise),
		TEST(a_shell_that_connects_is_told_whoever_runs_it),
		TEST(a_shell_that_reads_from_the_network_is_critical),
		TEST(a_new_listener_is_told_but_not_at_a_start),
		TEST(privileges_are_told_of_daemons_and_ordinary_in_sessions),
		TEST(what_waits_is_normal_after_three_days),
		TEST(a_patient_attacker_is_told_on_day_15),
		TEST(what_comes_with_an_alert_is_not_learnt_at_once),
		TEST(a_day_teaches_a_bounded_number_of_behaviours),
		TEST(a_flood_of_different_keys_is_bounded_and_crowds_out_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

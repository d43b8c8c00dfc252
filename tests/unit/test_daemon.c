/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/container.h"
#include "agent/guard/daemon.h"
#include "agent/guard/emit.h"
#include "agent/guard/identity.h"
#include "agent/guard/process.h"
#include "agent/guard/program.h"
#include "lib/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned gaps;
static char proc[64];
static char told[64]; /* the program of the last daemon that was told */

void
emit_gap(const char *source, uint64_t lost, uint64_t duration_us, const char *message)
{
	(void)source;
	(void)lost;
	(void)duration_us;
	(void)message;
	gaps++;
}

void
emit_event(const struct ds_event *ev)
{
	struct ds_str exe = DS_EVENT_STR(ev, DS_STR_EXE);

	(void)snprintf(told, sizeof(told), "%.*s", (int)exe.len, exe.ptr);
}

/* A process of the fake /proc. */
static void
write_file(int pid, const char *name, const char *text, size_t len)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%d", proc, pid);
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/%d/%s", proc, pid, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void
add_process(int pid, int ppid, const char *exe, const char *args, const char *cgroup)
{
	char text[512], path[256];

	(void)snprintf(text, sizeof(text),
	    "%d (a b) c) S %d %d %d 0 -1 4194560 0 0 0 0 1 2 0 0 20 0 3 0 77 1000 5 0\n", pid, ppid,
	    pid, pid);
	write_file(pid, "stat", text, strlen(text));
	write_file(pid, "cgroup", cgroup, strlen(cgroup));
	(void)snprintf(text, sizeof(text), "%s", args);
	for (char *at = text; *at != '\0'; at++)
		if (*at == ' ')
			*at = '\0';
	write_file(pid, "cmdline", text, strlen(args) + 1);
	(void)snprintf(path, sizeof(path), "%s/%d/exe", proc, pid);
	(void)unlink(path);
	assert_int_equal(symlink(exe, path), 0);
}

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(proc, sizeof(proc), "/tmp/test_daemon.XXXXXX");
	if (mkdtemp(proc) == NULL)
		return -1;
	process_set_root(proc);
	gaps = 0;
	return 0;
}

static int
tear_down(void **state)
{
	char command_path[80];

	(void)state;
	daemon_done();
	for (int pid = 1; pid < 100; pid++) {
		static const char *const names[] = { "stat", "cgroup", "cmdline", "exe", "" };

		for (size_t i = 0; i < DS_LEN(names); i++) {
			(void)snprintf(
			    command_path, sizeof(command_path), "%s/%d/%s", proc, pid, names[i]);
			if (names[i][0] != '\0')
				(void)unlink(command_path);
			else
				(void)rmdir(command_path);
		}
	}
	return rmdir(proc);
}

static void
start(char **items, size_t len)
{
	struct ds_conf_list list = { items, len };

	assert_int_equal(daemon_init(&list), 0);
}

static void
check(pid_t pid, const char *name, enum daemon_role role)
{
	const struct daemon *d = daemon_of_process(pid);

	if (d == NULL)
		fail_msg("pid %d: none", (int)pid);
	assert_string_equal(d->name, name);
	assert_int_equal(d->role, role);
}

#define AT_ROOT "9:name=systemd:/\n0::/\n"

static void
without_systemd_programs_and_ancestry_decide(void **state)
{
	(void)state;
	add_process(1, 0, "/sbin/tini", "tini", AT_ROOT);
	add_process(10, 1, "/usr/sbin/nginx", "nginx: master", AT_ROOT);
	add_process(11, 10, "/usr/sbin/nginx", "nginx: worker", AT_ROOT);
	add_process(12, 11, "/usr/bin/dash", "sh -c id", AT_ROOT);
	add_process(20, 1, "/usr/sbin/sshd", "sshd", AT_ROOT);
	add_process(21, 20, "/usr/sbin/sshd", "sshd: user [priv]", AT_ROOT);
	add_process(22, 21, "/usr/bin/bash", "-bash", AT_ROOT);
	add_process(23, 22, "/usr/bin/sudo", "sudo -i", AT_ROOT);
	add_process(24, 23, "/usr/bin/bash", "-bash", AT_ROOT);
	add_process(25, 21, "/usr/lib/openssh/sftp-server", "sftp-server", AT_ROOT);
	add_process(26, 24, "/usr/sbin/apache2", "apache2 -k start", AT_ROOT);
	add_process(27, 24, "/tmp/nginx", "nginx", AT_ROOT);
	add_process(30, 1, "/usr/sbin/cron", "cron", AT_ROOT);
	add_process(31, 30, "/usr/sbin/cron", "cron", AT_ROOT);
	add_process(32, 31, "/usr/bin/dash", "sh -c job", AT_ROOT);
	add_process(40, 1, "/usr/bin/dpkg", "dpkg -i x.deb", AT_ROOT);
	add_process(
	    41, 40, "/usr/bin/dash", "/bin/sh /var/lib/dpkg/info/x.postinst configure", AT_ROOT);
	add_process(42, 41, "/usr/sbin/mariadbd", "mariadbd", AT_ROOT);
	add_process(50, 1, "/usr/bin/python3.11", "python3 -u /opt/app/server.py", AT_ROOT);
	start(NULL, 0);

	check(10, "nginx", DAEMON_PROCESS);
	check(11, "nginx", DAEMON_PROCESS);
	check(12, "nginx", DAEMON_PROCESS);
	check(20, "sshd", DAEMON_PROCESS);
	check(21, "sshd", DAEMON_PROCESS);
	check(22, "sshd/session", DAEMON_SESSION);
	check(24, "sshd/session", DAEMON_SESSION);
	check(25, "sshd/session", DAEMON_SESSION);
	check(26, "apache2", DAEMON_PROCESS);
	check(27, "sshd/session", DAEMON_SESSION);
	check(31, "cron", DAEMON_PROCESS);
	check(32, "cron/job", DAEMON_JOB);
	assert_null(daemon_of_process(40));
	check(41, "dpkg/script", DAEMON_PACKAGE);
	check(42, "mariadbd", DAEMON_PROCESS);
	assert_null(daemon_of_process(50));
	assert_null(daemon_of_process(99));
	assert_string_equal(daemon_of_listener(50, NULL)->name, "server.py");
	assert_string_equal(daemon_of_listener(24, NULL)->name, "sshd/session");
}

static void
under_systemd_the_cgroup_decides(void **state)
{
	(void)state;
	add_process(1, 0, "/usr/lib/systemd/systemd", "init", "0::/init.scope\n");
	add_process(10, 1, "/usr/sbin/nginx", "nginx", "0::/system.slice/nginx.service\n");
	add_process(20, 1, "/usr/sbin/sshd", "sshd", "0::/system.slice/ssh.service\n");
	add_process(21, 20, "/usr/sbin/sshd", "sshd: u [priv]",
	    "0::/user.slice/user-0.slice/session-99999.scope\n");
	add_process(
	    22, 21, "/usr/bin/bash", "-bash", "0::/user.slice/user-0.slice/session-99999.scope\n");
	add_process(23, 22, "/usr/sbin/nginx", "nginx -t",
	    "0::/user.slice/user-0.slice/session-99999.scope\n");
	add_process(30, 20, "/usr/bin/bash", "-bash", "0::/system.slice/ssh.service\n");
	add_process(40, 1, "/usr/bin/apt", "apt", "0::/system.slice/apt-daily-upgrade.service\n");
	add_process(
	    41, 40, "/usr/bin/dpkg", "dpkg", "0::/system.slice/apt-daily-upgrade.service\n");
	add_process(42, 41, "/usr/bin/dash", "sh /var/lib/dpkg/info/x.prerm upgrade",
	    "0::/system.slice/apt-daily-upgrade.service\n");
	add_process(50, 1, "/usr/lib/postgresql/15/bin/postgres", "postgres",
	    "0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n");
	start(NULL, 0);

	check(10, "nginx.service", DAEMON_SERVICE);
	check(20, "ssh.service", DAEMON_SERVICE);
	check(21, "login/session", DAEMON_SESSION); /* logind's file is not there */
	check(22, "login/session", DAEMON_SESSION);
	check(23, "login/session", DAEMON_SESSION);
	check(30, "sshd/session", DAEMON_SESSION); /* no logind */
	check(42, "dpkg/script", DAEMON_PACKAGE);
	check(50, "postgresql@15-main.service", DAEMON_SERVICE);
	assert_string_equal(daemon_of_process(50)->instance, "15-main");
	assert_string_equal(daemon_of_listener(23, NULL)->name, "nginx.service");
	assert_null(daemon_of_process(1));
}

static void
a_nested_guard_takes_paths_below_its_own_root(void **state)
{
	const struct daemon *d;

	(void)state;
	add_process(1, 0, "/usr/lib/systemd/systemd", "init", "1:name=systemd:/h1/init.scope\n");
	add_process(
	    10, 1, "/usr/sbin/nginx", "nginx", "1:name=systemd:/h1/system.slice/n.service\n");
	start(NULL, 0);
	check(10, "n.service", DAEMON_SERVICE);
	assert_null(daemon_of_cgroup("/system.slice/other.service"));
	d = daemon_of_cgroup("/h1/lxc/web");
	assert_non_null(d);
	assert_string_equal(d->name, "container:web");
	assert_string_equal(d->container, "web");
}

static void
only_what_is_configured_is_watched(void **state)
{
	static char *items[] = { (char *)(uintptr_t) "sshd", (char *)(uintptr_t) "postgresql@*",
		(char *)(uintptr_t) "/opt/app/server.py", (char *)(uintptr_t) "container:web",
		(char *)(uintptr_t) "php-fpm8.2" };

	(void)state;
	add_process(1, 0, "/usr/lib/systemd/systemd", "init", "0::/init.scope\n");
	add_process(50, 1, "/usr/bin/python3.11", "python3 -u /opt/app/server.py", AT_ROOT);
	start(items, DS_LEN(items));
	assert_true(daemon_of_cgroup("/system.slice/ssh.service")->watched);
	assert_true(daemon_of_cgroup("/system.slice/postgresql@15-main.service")->watched);
	assert_false(daemon_of_cgroup("/system.slice/nginx.service")->watched);
	assert_true(daemon_of_cgroup("/lxc/web")->watched);
	assert_false(daemon_of_cgroup("/lxc/db")->watched);
	check(50, "server.py", DAEMON_PROCESS);
	assert_true(daemon_of_process(50)->watched);
	assert_true(daemon_of_exec("/usr/bin/bash", NULL, "/usr/sbin/sshd", NULL)->watched);
	assert_false(daemon_of_exec("/usr/bin/dash", NULL, "/usr/sbin/cron", NULL)->watched);
	assert_null(daemon_of_exec("/usr/sbin/nginx", NULL, NULL, NULL));
	/* By the name of its program, which carries a version. */
	assert_true(daemon_of_exec("/usr/sbin/php-fpm8.2", NULL, NULL, NULL)->watched);
	/* A unit with a name of its own, whose program is one of the configured ones. */
	daemon_set_executable(daemon_find("nginx.service")->number, "/usr/sbin/sshd");
	assert_true(daemon_find("nginx.service")->watched);
}

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
a_users_container_is_never_anothers(void **state)
{
	static const char roots[] = "/machine.slice/libpod-" CONTAINER ".scope",
			  his[] = "/user.slice/user-4000000001.slice/user@4000000001.service/"
				  "user.slice/libpod-" CONTAINER ".scope";
	const struct container_info info = { .name = "web", .image = "shop:3", .uid = 4000000001u };
	const struct daemon *web, *d;

	(void)state;
	start(NULL, 0);
	web = daemon_of_cgroup(roots);
	assert_string_equal(web->name, "container:0123456789ab");
	d = daemon_of_cgroup(his); /* of the same id */
	assert_string_equal(d->name, "container:~4000000001/0123456789ab");
	assert_int_equal(daemon_name_container(CONTAINER, &info), d->number);
	d = daemon_of_cgroup(his);
	assert_string_equal(d->name, "container:~4000000001/web");
	assert_string_equal(d->image, "~4000000001/shop:3");
	assert_ptr_equal(daemon_of_cgroup(roots), web);
}

static void
a_user_with_many_containers_leaves_room_for_others(void **state)
{
	char path[256];

	(void)state;
	start(NULL, 0);
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(path, sizeof(path),
		    "/user.slice/user-4000000001.slice/user@4000000001.service/%012x%052u", i, i);
		assert_non_null(daemon_of_cgroup(path));
	}
	assert_string_equal(daemon_of_cgroup(path)->name, "container:~4000000001/*");
	assert_int_equal(daemon_count(), 129);
	assert_string_equal(daemon_of_cgroup("/docker/" CONTAINER)->name, "container:0123456789ab");
}

static void
what_only_mounts_is_no_daemon(void **state)
{
	static char *items[] = { (char *)(uintptr_t) "auto", (char *)(uintptr_t) "srv-b.mount" };
	const struct daemon *d;

	(void)state;
	add_process(1, 0, "/usr/lib/systemd/systemd", "init", "0::/init.scope\n");
	add_process(10, 1, "/usr/bin/mount", "mount", "0::/system.slice/srv-a.mount\n");
	add_process(11, 1, "/usr/sbin/swapon", "swapon", "0::/system.slice/dev-sda2.swap\n");
	start(NULL, 0);
	check(10, "srv-a.mount", DAEMON_SERVICE);
	assert_false(daemon_of_process(10)->watched);
	assert_false(daemon_of_process(11)->watched);
	/* A file system in user space goes on running there. */
	add_process(12, 1, "/usr/bin/sshfs", "sshfs", "0::/system.slice/srv-a.mount\n");
	assert_true(daemon_of_process(12)->watched);
	/* Whose mount is named is watched. */
	start(items, DS_LEN(items));
	d = daemon_of_cgroup("/system.slice/srv-b.mount");
	assert_true(d->watched);
}

static void
names_prove_nothing_where_anybody_can_write(void **state)
{
	const char *const traversal[] = { "sh", "/var/lib/dpkg/info/../../../../tmp/x", NULL };
	const char *const script[] = { "sh", "/var/lib/dpkg/info/x.postinst", NULL };
	const struct daemon *nginx;

	(void)state;
	add_process(1, 0, "/sbin/tini", "tini", AT_ROOT);
	start(NULL, 0);
	nginx = daemon_of_exec("/usr/sbin/nginx", NULL, NULL, NULL);
	assert_string_equal(nginx->name, "nginx");
	assert_ptr_equal(daemon_of_exec("/usr/sbin/sshd", NULL, "/usr/sbin/nginx", nginx), nginx);
	assert_ptr_equal(daemon_of_exec("/bin/sh", script, "/usr/sbin/nginx", nginx), nginx);
	assert_ptr_equal(daemon_of_exec("/bin/sh", traversal, "/usr/bin/dpkg", nginx), nginx);
	assert_null(daemon_of_exec("/tmp/sshd", NULL, NULL, NULL));
	assert_null(daemon_of_exec("/bin/sh", NULL, "/tmp/sshd", NULL));
}

static void
interpreters_are_known_by_what_they_run(void **state)
{
	static const struct {
		const char *exe, *argv[5], *name;
	} rows[] = {
		{ "/usr/bin/python3.11", { "python3", "-u", "/usr/bin/fail2ban-server", "-x" },
		    "fail2ban-server" },
		{ "/usr/bin/python3", { "python3", "-m", "http.server" }, "http.server" },
		{ "/usr/bin/java", { "java", "-Xmx1g", "-jar", "/opt/a.jar" }, "a.jar" },
		{ "/bin/sh", { "sh", "-c", "x" }, "sh" },
		{ "/usr/sbin/php-fpm8.2", { "php-fpm" }, "php-fpm" },
		{ "/usr/sbin/crond", { "crond" }, "cron" },
		{ "/usr/bin/redis-check-rdb", { "/usr/bin/redis-server 127.0.0.1:6379" },
		    "redis-server" },
		{ "/usr/sbin/nginx", { "nginx", "-g" }, "nginx" },
	};

	(void)state;
	start(NULL, 0);
	for (size_t i = 0; i < DS_LEN(rows); i++) {
		char name[64];

		program_name(rows[i].exe, rows[i].argv, name, sizeof(name));
		assert_string_equal(name, rows[i].name);
	}
}

static void
a_full_table_refuses_and_says_so(void **state)
{
	char path[64];

	(void)state;
	start(NULL, 0);
	for (unsigned i = 0; i < DAEMON_TABLE_MAX; i++) {
		(void)snprintf(path, sizeof(path), "/system.slice/u%u.service", i);
		assert_non_null(daemon_of_cgroup(path));
	}
	assert_null(daemon_of_cgroup("/system.slice/more.service"));
	assert_non_null(daemon_of_cgroup("/system.slice/u7.service"));
	assert_int_equal(daemon_refused(), 1);
	assert_int_equal(gaps, 1);
	assert_int_equal(daemon_find("u0.service")->number, 1);
}

static void
what_a_daemon_starts_before_it_is_told_of_is_not_its_main_process(void **state)
{
	uint32_t number;
	char path[80];

	(void)state;
	add_process(10, 1, "/usr/sbin/nginx", "nginx", AT_ROOT);
	add_process(11, 10, "/usr/bin/dash", "sh -c id", AT_ROOT);
	add_process(12, 10, "/usr/bin/dash", "sh -c id", AT_ROOT);
	start(NULL, 0);
	number = daemon_of_process(10)->number;
	identity_init();
	identity_seen(number, 10, false);
	identity_seen(number, 11, false);
	assert_int_equal(identity_pid(number), 10);
	/* That it ended, and the next one came, changes nothing. */
	(void)snprintf(path, sizeof(path), "%s/11/stat", proc);
	assert_int_equal(unlink(path), 0);
	identity_seen(number, 12, false);
	assert_int_equal(identity_pid(number), 10);
	/* ExecStartPre has gone by the time its program runs. */
	(void)snprintf(path, sizeof(path), "%s/10/stat", proc);
	assert_int_equal(unlink(path), 0);
	identity_seen(number, 12, false);
	assert_int_equal(identity_pid(number), 12);
	identity_done();
}

static void
what_starts_a_container_each_minute_leaves_room_for_others(void **state)
{
	const struct daemon *first, *d = NULL;
	char path[128];

	(void)state;
	start((char *[]){ (char[]){ "auto" } }, 1);
	first = daemon_of_cgroup(
	    "/docker/00000000000000000000000000000000000000000000000000000000ffffffff");
	assert_non_null(first);
	for (unsigned i = 0; i < DAEMON_TABLE_MAX; i++) {
		(void)snprintf(path, sizeof(path), "/docker/%012x%052x", i, i);
		d = daemon_of_cgroup(path);
		assert_non_null(d);
	}
	assert_string_equal(d->name, "container:*");
	assert_string_equal(d->container, "");
	assert_true(d->watched);
	assert_int_equal(gaps, 0);
	assert_string_equal(daemon_of_cgroup("/system.slice/nginx.service")->name, "nginx.service");
	assert_ptr_equal(daemon_of_cgroup("/docker/00000000000000000000000000000000000000000000"
					  "000000000000ffffffff"),
	    first);
}

static void
a_process_that_becomes_another_program_is_told_as_that(void **state)
{
	uint32_t number;
	char path[80];

	(void)state;
	told[0] = '\0';
	add_process(10, 1, "/bin/cat", "init", AT_ROOT);
	write_file(10, "status", "Name:\tx\nUid:\t0\t0\t0\t0\n", 21);
	start((char *[]){ (char[]){ "cat" } }, 1);
	number = daemon_of_process(10)->number;
	identity_init();
	identity_seen(number, 10, true);
	(void)identity_tick(ds_clock_monotonic_ms());
	assert_string_equal(told, ""); /* it is being looked up */
	(void)snprintf(path, sizeof(path), "%s/10/exe", proc);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/bin/ls", path), 0);
	identity_seen(number, 10, false);
	for (unsigned i = 0; i < 1000 && told[0] == '\0'; i++)
		(void)identity_tick(ds_clock_monotonic_ms() + i * 1000);
	assert_string_equal(told, "/bin/ls");
	identity_done();
	(void)snprintf(path, sizeof(path), "%s/10/status", proc);
	assert_int_equal(unlink(path), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    without_systemd_programs_and_ancestry_decide, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    under_systemd_the_cgroup_decides, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_nested_guard_takes_paths_below_its_own_root, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    only_what_is_configured_is_watched, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_users_container_is_never_anothers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_user_with_many_containers_leaves_room_for_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_only_mounts_is_no_daemon, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_process_that_becomes_another_program_is_told_as_that, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_starts_a_container_each_minute_leaves_room_for_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    names_prove_nothing_where_anybody_can_write, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    interpreters_are_known_by_what_they_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_a_daemon_starts_before_it_is_told_of_is_not_its_main_process, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    a_full_table_refuses_and_says_so, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

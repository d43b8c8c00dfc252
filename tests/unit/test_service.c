/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/service.h"
#include "lib/clock.h"
#include "lib/command.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char out[256];

static int
run(const char *script, uint64_t timeout_ms)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	const struct ds_command c = { .argv = argv,
		.as = DS_COMMAND_REDUCED,
		.timeout_ms = timeout_ms,
		.input = "line\n",
		.input_size = 5 };

	return ds_command_run(&c, out, sizeof(out));
}

static void
a_command_gets_its_input_and_gives_its_output_and_status(void **state)
{
	(void)state;
	assert_int_equal(run("read x; echo got $x; exit 3", 5000), 3);
	assert_string_equal(out, "got line\n");
	assert_int_equal(run("echo said >&2", 5000), 0);
	assert_string_equal(out, "said\n");
}

static void
a_command_that_takes_too_long_is_ended_with_all_it_started(void **state)
{
	uint64_t begun = ds_clock_monotonic_ms();
	long pid;

	(void)state;
	assert_int_equal(run("sleep 60 & echo $!; wait", 1000), -ETIME);
	assert_true(ds_clock_monotonic_ms() - begun < 5000);
	pid = strtol(out, NULL, 10);
	assert_true(pid > 1);
	(void)snprintf(out, sizeof(out), "/proc/%ld/cmdline", pid);
	for (begun = ds_clock_monotonic_ms(); ds_clock_monotonic_ms() - begun < 5000;) {
		struct stat st;
		char text[16] = "";
		FILE *f = fopen(out, "r");

		if (f == NULL || fread(text, 1, sizeof(text), f) == 0 || stat(out, &st) < 0)
			pid = 0; /* ended, waited for or not */
		if (f != NULL)
			(void)fclose(f);
		if (pid == 0)
			break;
	}
	assert_int_equal(pid, 0);
}

static void
what_left_the_group_of_a_command_ends_with_it_where_that_is_asked_for(void **state)
{
	static const struct {
		const char *script;
		uint64_t timeout_ms;
		int status;
	} rows[] = {
		{ "setsid sleep 60 & echo $!; exit 4", 60000, 4 },
		{ "setsid sleep 60 & echo $!; exec sleep 60", 1500, -ETIME },
	};

	(void)state;
	for (size_t i = 0; i < DS_LEN(rows); i++) {
		const char *argv[] = { "/bin/sh", "-c", rows[i].script, NULL };
		const struct ds_command c = { .argv = argv,
			.as = DS_COMMAND_SELF,
			.timeout_ms = rows[i].timeout_ms,
			.ends_all = true };
		pid_t pid;

		assert_int_equal(ds_command_run(&c, out, sizeof(out)), rows[i].status);
		pid = (pid_t)strtol(out, NULL, 10);
		assert_true(pid > 1);
		assert_int_equal(kill(pid, 0), -1);
		assert_int_equal(errno, ESRCH);
	}
}

static void
output_without_end_is_cut(void **state)
{
	(void)state;
	assert_int_equal(
	    run("i=0; while [ $i -lt 2000 ]; do echo 0123456789; i=$((i+1)); done", 20000), 0);
	assert_int_equal(strlen(out), sizeof(out) - 1);
}

static void
a_command_has_none_of_our_files_and_environment(void **state)
{
	(void)state;
	assert_int_equal(setenv("SECRET", "hunter2", 1), 0);
	assert_int_equal(
	    run("echo ${SECRET:-none} $(ls /proc/$$/fd | grep -c -v '[0-2]')", 5000), 0);
	assert_non_null(strstr(out, "none"));
	assert_null(strstr(out, "hunter2"));
}

static void
a_program_that_is_not_there_says_so(void **state)
{
	const char *argv[] = { "/nowhere/program", NULL };
	const struct ds_command c = { .argv = argv, .as = DS_COMMAND_REDUCED, .timeout_ms = 1000 };

	(void)state;
	assert_int_equal(ds_command_run(&c, out, sizeof(out)), 127);
}

static void
check_args(const char *title, const char *const *want)
{
	struct process_args args = { .argv = { NULL } };
	size_t i;

	(void)snprintf(args.text, sizeof(args.text), "%s", title);
	args.argv[0] = args.text;
	service_clean_args(&args, "/usr/sbin/x");
	for (i = 0; want[i] != NULL; i++)
		assert_string_equal(args.argv[i], want[i]);
	assert_null(args.argv[i]);
}

static void
titles_over_arguments_are_taken_away(void **state)
{
	(void)state;
	check_args("nginx: master process nginx -c /etc/n.conf",
	    (const char *[]){ "nginx", "-c", "/etc/n.conf", NULL });
	check_args("sshd: /usr/sbin/sshd -D -f /x [listener] 0 of 10-100 startups",
	    (const char *[]){ "/usr/sbin/sshd", "-D", "-f", "/x", NULL });
	check_args("/usr/sbin/cron", (const char *[]){ "/usr/sbin/cron", NULL });
}

static void
a_process_without_arguments_has_its_program(void **state)
{
	struct process_args args = { .argv = { NULL } };

	(void)state;
	service_clean_args(&args, "/usr/sbin/x");
	assert_string_equal(args.argv[0], "/usr/sbin/x");
	assert_null(args.argv[1]);
}

static void
a_process_maps_its_own_program(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat("/proc/self/exe", &st), 0);
	assert_true(service_maps(getpid(), st.st_dev, st.st_ino));
	assert_false(service_maps(getpid(), st.st_dev, st.st_ino + 1000003));
}

/* A program of another name with the descriptor of a listening socket, or none. */
static pid_t
start_other(int fd)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(fd, 0) == 0)
			(void)execl("/bin/sleep", "sleep", "600", (char *)NULL);
		_exit(1);
	}
	return pid;
}

static void
who_else_listens_at_its_address_is_no_sign_that_a_daemon_is_well(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct service *s = calloc(1, sizeof(*s));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *missing = NULL;
	pid_t other;

	(void)state;
	assert_non_null(s);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	s->pid = getpid();
	service_find_listeners(s);
	assert_int_equal(s->listeners_len, 1);
	assert_true(service_listens(s, getpid(), false, &missing));
	assert_true(service_listens(s, getpid(), true, &missing));
	other = start_other(fd);
	(void)close(fd);
	assert_false(service_listens(s, getpid(), false, &missing));
	assert_string_equal(missing, s->listeners[0]);
	assert_false(service_listens(s, getpid(), true, &missing));
	(void)kill(other, SIGKILL);
	(void)waitpid(other, NULL, 0);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_gets_its_input_and_gives_its_output_and_status),
		cmocka_unit_test(a_command_that_takes_too_long_is_ended_with_all_it_started),
		cmocka_unit_test(
		    what_left_the_group_of_a_command_ends_with_it_where_that_is_asked_for),
		cmocka_unit_test(output_without_end_is_cut),
		cmocka_unit_test(a_command_has_none_of_our_files_and_environment),
		cmocka_unit_test(a_program_that_is_not_there_says_so),
		cmocka_unit_test(titles_over_arguments_are_taken_away),
		cmocka_unit_test(a_process_without_arguments_has_its_program),
		cmocka_unit_test(a_process_maps_its_own_program),
		cmocka_unit_test(who_else_listens_at_its_address_is_no_sign_that_a_daemon_is_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

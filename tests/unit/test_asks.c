/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who asks for a reaction is told to the host, which does nothing to them. */
#include "server/api/asks.h"
#include "server/api/caller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct react_args
asked(const char *peer, pid_t pid, const char *boot_id)
{
	const struct caller caller = { .pid = pid };
	const struct call c = { .caller = &caller, .peer = peer };
	const struct host_row row = { .boot_id = boot_id };
	struct react_args args = { 0 };

	asks_put(&c, &row, &args);
	return args;
}

static void
who_asks_over_the_network_is_known_by_the_address(void **state)
{
	(void)state;
	assert_string_equal(asked("203.0.113.9", 0, NULL).session, "203.0.113.9");
	assert_string_equal(asked("2001:db8::9", 0, NULL).session, "2001:db8::9");
	/* These are no addresses that others would meet. */
	assert_string_equal(asked("local", 0, NULL).session, "");
	assert_string_equal(asked("127.0.0.1", 0, NULL).session, "");
	assert_string_equal(asked("::1", 0, NULL).session, "");
}

static void
who_asks_at_the_socket_is_known_by_the_process_on_this_machine_only(void **state)
{
	char boot_id[64] = "";
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	(void)state;
	assert_non_null(f);
	assert_non_null(fgets(boot_id, sizeof(boot_id), f));
	(void)fclose(f);
	boot_id[strcspn(boot_id, "\n")] = '\0';
	assert_int_equal(asked("local", getpid(), boot_id).session_pid, asks_session(getpid()));
	assert_int_equal(asked("local", getpid(), "another").session_pid, 0);
	assert_int_equal(asked("local", getpid(), NULL).session_pid, 0);
	assert_int_equal(asked("local", 0, boot_id).session_pid, 0);
}

/* A session, and a command in it that waits until the test has looked. */
static pid_t
start_session(int ret_pipe[2], pid_t *ret_command)
{
	int up[2];
	pid_t leader;

	assert_int_equal(pipe(up), 0);
	assert_int_equal(pipe(ret_pipe), 0);
	leader = fork();
	assert_true(leader >= 0);
	if (leader == 0) {
		pid_t command;
		char byte;

		(void)close(ret_pipe[1]);
		(void)setsid();
		command = fork();
		if (command != 0) {
			if (write(up[1], &command, sizeof(command)) < 0)
				_exit(1);
			(void)waitpid(command, NULL, 0);
		} else if (read(ret_pipe[0], &byte, 1) != 0) {
			_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(read(up[0], ret_command, sizeof(*ret_command)), sizeof(*ret_command));
	(void)close(up[0]);
	(void)close(up[1]);
	return leader;
}

static void
a_command_is_known_by_the_session_that_it_was_typed_in(void **state)
{
	pid_t leader, command, session;
	int until[2];

	(void)state;
	leader = start_session(until, &command);
	session = asks_session(command);
	assert_int_not_equal(session, command);
	/* Where the test itself runs at a terminal, that is the session. */
	assert_true(session == leader || asks_session(getpid()) == session);
	(void)close(until[0]);
	(void)close(until[1]);
	assert_int_equal(waitpid(leader, NULL, 0), leader);
	assert_int_equal(asks_session(command), command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_over_the_network_is_known_by_the_address),
		cmocka_unit_test(
		    who_asks_at_the_socket_is_known_by_the_process_on_this_machine_only),
		cmocka_unit_test(a_command_is_known_by_the_session_that_it_was_typed_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/guard/order.h"
#include "agent/guard/supervise.h"
#include "lib/ipc.h"
#include "tests/unit/order_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char program[96];
static int epoll_fd;
static uint64_t now_ms;

/* An uplink that says what `script` does on descriptor 3. */
static void
begin(const char *script)
{
	struct supervise_options options = {
		.program = program, .conf = "none", .sensors = "none", .config = &config
	};
	FILE *f;

	(void)snprintf(program, sizeof(program), "%s/uplink", dir);
	f = fopen(program, "we");
	assert_non_null(f);
	(void)fprintf(f, "#!/bin/sh\n%s\n", script);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(program, 0700), 0);
	order_done(); /* the fixture's */
	epoll_fd = options.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	assert_true(epoll_fd >= 0);
	now_ms += 60000; /* it waits before it starts another one */
	supervise_init(&options);
	(void)supervise_tick(now_ms);
	assert_true(supervise_pid() > 0);
}

static void
end(void)
{
	supervise_done();
	(void)close(epoll_fd);
	(void)unlink(program);
}

/* So many seconds of the guard's, in none of which it waits. */
static void
pass(unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++)
		(void)supervise_tick(now_ms += 1000);
}

/* The program has said something, or has ended: what follows does not wait for more. */
static void
hear(void)
{
	struct epoll_event event;

	assert_int_equal(epoll_wait(epoll_fd, &event, 1, 60000), 1);
	supervise_ready(now_ms);
}

static void
an_uplink_that_says_nothing_for_a_minute_is_started_anew(void **state)
{
	pid_t first;
	siginfo_t info;

	(void)state;
	begin("exec sleep 1000");
	first = supervise_pid();
	pass(60);
	assert_int_equal(kill(first, 0), 0);
	pass(1);
	assert_int_equal(waitid(P_PID, (id_t)first, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(info.si_status, SIGKILL);
	supervise_reap(now_ms);
	pass(1);
	assert_true(supervise_pid() > 0 && supervise_pid() != first);
	end();
}

static void
one_that_speaks_is_left_alone(void **state)
{
	pid_t first;

	(void)state;
	/* Its state, empty: a size of one byte, and the type. */
	begin("printf '\\0\\0\\0\\1\\5' >&3; exec sleep 1000");
	first = supervise_pid();
	pass(50);
	hear();
	pass(50);
	assert_int_equal(supervise_pid(), first);
	assert_int_equal(waitpid(first, NULL, WNOHANG), 0);
	end();
}

static void
a_guard_that_stood_still_blames_nobody(void **state)
{
	pid_t first;

	(void)state;
	begin("exec sleep 1000");
	first = supervise_pid();
	now_ms += 3600000;
	pass(10);
	assert_int_equal(waitpid(first, NULL, WNOHANG), 0);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    an_uplink_that_says_nothing_for_a_minute_is_started_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_speaks_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_guard_that_stood_still_blames_nobody, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

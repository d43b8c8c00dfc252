/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/guard/heartbeat.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int
make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/test_heartbeat.XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
remove_dir(void **state)
{
	char path[96];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/guard.state", dir);
	(void)unlink(path);
	return rmdir(dir);
}

/* A guard in a process of its own, whose own child, if it has one, stays when the guard is killed.
 */
struct guard {
	pid_t pid, last; /* the last of them: the child, or itself */
};

static struct guard
start(bool has_child)
{
	struct guard g;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	g.pid = fork();
	if (g.pid == 0) {
		if (heartbeat_open(dir) < 0)
			_exit(1);
		g.last = has_child ? fork() : 0;
		if (g.last == 0) {
			g.last = getpid();
			(void)!write(ends[1], &g.last, sizeof(g.last));
		}
		for (;;)
			(void)pause();
	}
	assert_true(g.pid > 0);
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &g.last, sizeof(g.last)), sizeof(g.last));
	(void)close(ends[0]);
	return g;
}

static void
end(struct guard g)
{
	assert_int_equal(kill(g.pid, SIGKILL), 0);
	assert_int_equal(waitpid(g.pid, NULL, 0), g.pid);
}

static void
a_second_guard_is_kept_out(void **state)
{
	struct guard g = start(false);

	(void)state;
	assert_int_equal(heartbeat_open(dir), -EBUSY);
	end(g);
	assert_int_equal(heartbeat_open(dir), 0);
	assert_true(heartbeat_blind_us() > 0);
	heartbeat_close();
}

static void
a_child_that_a_killed_guard_leaves_keeps_the_next_one_out_no_longer(void **state)
{
	struct guard g = start(true);

	(void)state;
	end(g);
	assert_int_equal(kill(g.last, 0), 0);
	assert_int_equal(heartbeat_open(dir), 0);
	heartbeat_close();
	(void)kill(g.last, SIGKILL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_second_guard_is_kept_out, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
		    a_child_that_a_killed_guard_leaves_keeps_the_next_one_out_no_longer, make_dir,
		    remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Freezes by signal, of a child of this test and a child of that: what others stop and let go on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/ledger.h"
#include "agent/guard/process.h"
#include "agent/guard/reactions/freezer.h"
#include "agent/guard/target.h"
#include "lib/clock.h"
#include "tests/unit/order_fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t below;              /* of child */
static volatile unsigned *turns; /* of both, while they run */

/* It says who it is when it is sure to end with its parent. */
static void
fork_below(int out)
{
	if (fork() == 0) {
		pid_t pid = getpid();

		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
		    write(out, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
			_exit(1);
	}
	for (;; (*turns)++)
		(void)poll(NULL, 0, 1);
}

static int
setup_tree(void **state)
{
	int pair[2], r = setup(state);

	turns =
	    mmap(NULL, sizeof(*turns), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r != 0 || turns == MAP_FAILED || pipe(pair) < 0)
		return -1;
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	child = fork();
	if (child == 0)
		fork_below(pair[1]);
	r = read(pair[0], &below, sizeof(below)) == (ssize_t)sizeof(below) ? 0 : -1;
	(void)close(pair[0]);
	(void)close(pair[1]);
	return r;
}

/* Whether it comes to be so: a stop may take the kernel a moment. */
static bool
becomes(pid_t pid, bool stopped)
{
	char name[512];

	for (int i = 0; i < 60000; i++) {
		const char *at =
		    process_read(pid, "stat", name, sizeof(name)) > 0 ? strrchr(name, ')') : NULL;

		if (at != NULL && (at[2] == 'T') == stopped)
			return true;
		(void)poll(NULL, 0, 1);
	}
	return false;
}

static void
stop(pid_t pid)
{
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_true(becomes(pid, true));
}

static void
undo(const struct ds_order *o)
{
	struct ds_order undo = order_of("undo");

	memcpy(undo.target, o->id, sizeof(o->id));
	assert_int_equal(take(&undo), 0);
	assert_int_equal(outcome_of(&undo), DS_OUTCOME_DONE);
	assert_int_equal(outcome_of(o), DS_OUTCOME_UNDONE);
}

static struct ds_order
freeze(void)
{
	struct ds_order o = order_of("freeze");

	assert_int_equal(take(&o), 0);
	assert_int_equal(outcome_of(&o), DS_OUTCOME_DONE);
	assert_true(becomes(child, true) && becomes(below, true));
	return o;
}

static void
what_somebody_else_had_stopped_stays_stopped_after_the_undo(void **state)
{
	struct ds_order o;

	(void)state;
	stop(below);
	o = freeze();
	undo(&o);
	assert_true(becomes(child, false));
	assert_true(becomes(below, true));
}

static void
where_all_was_stopped_before_the_undo_leaves_all_so(void **state)
{
	struct ds_order o;

	(void)state;
	stop(below);
	stop(child);
	o = freeze();
	undo(&o);
	assert_true(becomes(child, true) && becomes(below, true));
}

static void
who_is_let_go_on_by_others_is_stopped_again_and_goes_on_after_the_undo(void **state)
{
	struct ds_order o = freeze();

	(void)state;
	for (int i = 0; i < 3; i++) {
		pid_t pid = i == 1 ? below : child;

		assert_int_equal(kill(pid, SIGCONT), 0);
		assert_true(becomes(pid, false));
		order_tick();
		assert_true(becomes(pid, true));
	}
	assert_int_equal(ledger_find(o.id)->put_back, 3);
	order_tick();
	assert_int_equal(ledger_find(o.id)->put_back, 3);
	undo(&o);
	assert_true(becomes(child, false) && becomes(below, false));
	order_tick();
	assert_true(becomes(child, false) && becomes(below, false));
}

/* What was held, say, and its answer came meanwhile. */
static void
who_was_stopped_before_and_let_go_on_meanwhile_goes_on_after_the_undo(void **state)
{
	struct ds_order o;

	(void)state;
	stop(below);
	o = freeze();
	assert_int_equal(kill(below, SIGCONT), 0);
	assert_true(becomes(below, false));
	order_tick();
	assert_true(becomes(below, true));
	undo(&o);
	assert_true(becomes(child, false) && becomes(below, false));
}

static void
a_freeze_of_an_agent_that_kept_no_marks_is_undone(void **state)
{
	struct ds_order o = order_of("freeze");
	struct target_process p;
	struct ledger_entry *e;
	struct ds_buf inverse;

	(void)state;
	ds_buf_init(&inverse, 100);
	assert_int_equal(ds_buf_put_u8(&inverse, 1), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(target_of(i == 0 ? child : below, &p), 0);
		assert_int_equal(target_put(&inverse, &p), 0);
		stop(p.pid);
	}
	assert_int_equal(ledger_add(&o, LEDGER_ACTIVE, ds_clock_wall_us() + 60 * DS_US_PER_S,
			     &inverse, NULL, &e),
	    0);
	assert_int_equal(ledger_sync(), 0);
	ds_buf_done(&inverse);
	undo(&o);
	assert_true(becomes(child, false) && becomes(below, false));
}

static bool
goes_on(void)
{
	unsigned before = *turns;

	for (int i = 0; i < 60000 && *turns == before; i++)
		(void)poll(NULL, 0, 1);
	return *turns != before;
}

static void
in_a_cgroup_of_ours_no_signal_lets_anybody_go_on(void **state)
{
	char own[FREEZER_PATH_MAX];
	struct ds_order o;
	unsigned before;

	(void)state;
	freezer_allow_own(true); /* but for this one */
	if (freezer_own(child, "daemonsec-test", own, sizeof(own)) < 0)
		skip(); /* no version 2 here, or not for us */
	assert_true(goes_on());
	o = freeze();
	before = *turns;
	assert_int_equal(kill(child, SIGCONT), 0);
	assert_int_equal(kill(below, SIGCONT), 0);
	assert_true(becomes(child, false) && becomes(below, false));
	(void)poll(NULL, 0, 50); /* which is many turns */
	assert_int_equal(*turns, before);
	order_tick();
	assert_int_equal(ledger_find(o.id)->put_back, 0);
	undo(&o);
	assert_true(goes_on());
	assert_int_equal(freezer_make(own), 0); /* they are where they were */
	assert_int_equal(freezer_take(own, child), 0);
	assert_true(freezer_has(own, child));
	assert_int_equal(freezer_end(own), 0);
	assert_false(freezer_has(own, child));
}

static void
a_freeze_of_what_is_frozen_may_outlive_the_one_before(void **state)
{
	char own[FREEZER_PATH_MAX];
	struct ds_order first, second;

	(void)state;
	freezer_allow_own(true);
	if (freezer_own(child, "daemonsec-test", own, sizeof(own)) < 0)
		skip(); /* no version 2 here, or not for us */
	first = freeze();
	assert_int_equal(freezer_own(child, "daemonsec-test", own, sizeof(own)), -ENOENT);
	second = freeze();
	undo(&first);
	undo(&second);
	assert_true(goes_on());
	assert_true(becomes(child, false) && becomes(below, false));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup_tree, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_somebody_else_had_stopped_stays_stopped_after_the_undo),
		T(where_all_was_stopped_before_the_undo_leaves_all_so),
		T(who_is_let_go_on_by_others_is_stopped_again_and_goes_on_after_the_undo),
		T(who_was_stopped_before_and_let_go_on_meanwhile_goes_on_after_the_undo),
		T(a_freeze_of_an_agent_that_kept_no_marks_is_undone),
		T(in_a_cgroup_of_ours_no_signal_lets_anybody_go_on),
		T(a_freeze_of_what_is_frozen_may_outlive_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

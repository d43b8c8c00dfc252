/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/react/breaker.h"

#include <stdio.h>

#define T0 UINT64_C(600000000) /* ms; a border of every window */

static const struct breaker_limits limits = {
	.daemon_max = 3, .host_max = 5, .share_max = 25, .rest_ms = 600000
};

static unsigned
twenty(void *ctx, const char *daemon)
{
	(void)daemon;
	++*(unsigned *)ctx;
	return 20;
}

struct fixture {
	struct breaker *b;
	unsigned asked;
	bool first;
};

static int
setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .b = breaker_new(&limits) };
	*state = &f;
	return f.b ? 0 : -1;
}

static int
teardown(void **state)
{
	breaker_free(((struct fixture *)*state)->b);
	return 0;
}

static enum breaker_answer
take(struct fixture *f, uint64_t now_ms, uint32_t host, const char *daemon)
{
	return breaker_take(f->b, now_ms, host, daemon, "", twenty, &f->asked, &f->first);
}

static void
a_daemon_has_so_many_a_minute_then_rests_and_is_told_once(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++)
		assert_int_equal(take(f, T0, 1, "nginx"), BREAKER_OK);
	assert_int_equal(take(f, T0 + 1, 1, "nginx"), BREAKER_DAEMON);
	assert_true(f->first);
	assert_int_equal(take(f, T0 + 2, 1, "nginx"), BREAKER_DAEMON);
	assert_false(f->first);
	assert_int_equal(take(f, T0 + 2, 1, "sshd"), BREAKER_OK);
	assert_int_equal(breaker_resting(f->b, T0 + 2), 1);
	assert_int_equal(take(f, T0 + 1 + limits.rest_ms, 1, "nginx"), BREAKER_OK);
	assert_int_equal(breaker_resting(f->b, T0 + 1 + limits.rest_ms), 0);
}

static void
several_findings_about_one_process_are_one_reaction(void **state)
{
	struct fixture *f = *state;
	char what[40];

	for (int pid = 0; pid < 3; pid++)
		for (int finding = 0; finding < 4; finding++) {
			snprintf(what, sizeof(what), "kill process:%d@1", pid);
			assert_int_equal(
			    breaker_take(f->b, T0, 1, "nginx", what, twenty, &f->asked, &f->first),
			    BREAKER_OK);
		}
	assert_int_equal(
	    breaker_take(f->b, T0, 1, "nginx", "kill process:3@1", twenty, &f->asked, &f->first),
	    BREAKER_DAEMON);
	assert_int_equal(
	    breaker_take(f->b, T0, 2, "nginx", what, twenty, &f->asked, &f->first), BREAKER_OK);
	assert_int_equal(
	    breaker_take(f->b, T0 + 60000, 1, "nginx", what, twenty, &f->asked, &f->first),
	    BREAKER_DAEMON);
}

static void
a_border_of_minutes_does_not_let_through_twice_as_much(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++)
		assert_int_equal(take(f, T0 + 59999, 1, "nginx"), BREAKER_OK);
	assert_int_equal(take(f, T0 + 60001, 1, "nginx"), BREAKER_OK); /* 2.99 of before is 2 */
	assert_int_equal(take(f, T0 + 60002, 1, "nginx"), BREAKER_DAEMON);
}

static void
a_host_is_counted_over_its_daemons(void **state)
{
	static const char *const daemons[] = { "a", "b", "c", "d", "e" };
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++)
		assert_int_equal(take(f, T0, 1, daemons[i]), BREAKER_OK);
	assert_int_equal(take(f, T0, 1, "f"), BREAKER_HOST);
	assert_int_equal(take(f, T0, 2, "f"), BREAKER_OK);
}

static void
a_share_of_the_hosts_with_a_daemon_stops_it_in_the_whole_fleet(void **state)
{
	struct fixture *f = *state;

	for (uint32_t host = 1; host <= 5; host++) /* a quarter of twenty */
		assert_int_equal(take(f, T0, host, "nginx"), BREAKER_OK);
	assert_int_equal(f->asked, 2); /* three hosts are always allowed */
	assert_int_equal(take(f, T0, 6, "nginx"), BREAKER_FLEET);
	assert_true(f->first);
	assert_int_equal(take(f, T0, 1, "nginx"), BREAKER_FLEET);
	assert_int_equal(take(f, T0, 6, "sshd"), BREAKER_OK);
}

static void
the_same_host_twice_is_one_host(void **state)
{
	struct fixture *f = *state;

	for (uint64_t minute = 0; minute < 9; minute++)
		for (uint32_t host = 1; host <= 5; host++)
			assert_int_equal(take(f, T0 + minute * 60000, host, "nginx"), BREAKER_OK);
}

static void
a_reset_ends_every_rest(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 4; i++)
		(void)take(f, T0, 1, "nginx");
	assert_int_equal(take(f, T0, 1, "nginx"), BREAKER_DAEMON);
	breaker_reset(f->b);
	assert_int_equal(take(f, T0, 1, "nginx"), BREAKER_OK);
}

static void
it_is_bounded_whatever_daemons_are_called(void **state)
{
	struct fixture *f = *state;
	char name[32];

	for (uint32_t i = 0; i < 200000; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		assert_int_not_equal(take(f, T0, i + 1, name), BREAKER_HOST);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(a_daemon_has_so_many_a_minute_then_rests_and_is_told_once),
		T(several_findings_about_one_process_are_one_reaction),
		T(a_border_of_minutes_does_not_let_through_twice_as_much),
		T(a_host_is_counted_over_its_daemons),
		T(a_share_of_the_hosts_with_a_daemon_stops_it_in_the_whole_fleet),
		T(the_same_host_twice_is_one_host),
		T(a_reset_ends_every_rest),
		T(it_is_bounded_whatever_daemons_are_called),
	};

	return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}

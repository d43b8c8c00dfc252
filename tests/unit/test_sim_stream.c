/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/ipc.h"
#include "sim/stream.h"

#include <string.h>

#define NIGHT_US (20400ull * 86400 * 1000000) /* midnight */
#define NOON_US  (NIGHT_US + 43200ull * 1000000)

static void
events_write(uint64_t seed, uint32_t host, unsigned n, struct ds_buf *out)
{
	struct sim_stream s;
	struct ds_event ev;

	sim_stream_init(&s, seed, host, NOON_US, 10);
	for (unsigned i = 0; i < n; i++) {
		sim_stream_next(&s, &ev);
		assert_int_equal(ds_ipc_put_event(out, &ev), 0); /* keeps every bound */
	}
}

static void
the_same_seed_and_host_give_the_same_events(void **state)
{
	struct ds_buf a, b, c;

	(void)state;
	ds_buf_init(&a, 8 << 20);
	ds_buf_init(&b, 8 << 20);
	ds_buf_init(&c, 8 << 20);
	events_write(5, 3, 5000, &a);
	events_write(5, 3, 5000, &b);
	events_write(5, 4, 5000, &c);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	assert_true(a.len != c.len || memcmp(a.data, c.data, a.len) != 0);
	ds_buf_done(&a);
	ds_buf_done(&b);
	ds_buf_done(&c);
}

static void
time_never_goes_back_and_daemons_are_announced_first(void **state)
{
	struct sim_stream s;
	struct ds_event ev;
	uint64_t last = 0;
	unsigned announced = 0;

	(void)state;
	sim_stream_init(&s, 1, 0, NOON_US, 10);
	for (unsigned i = 0; i < 10000; i++) {
		sim_stream_next(&s, &ev);
		assert_true(ev.time_us >= last);
		last = ev.time_us;
		announced += ev.kind == DS_EVENT_DAEMON;
		if (i == 0)
			assert_int_equal(ev.kind, DS_EVENT_AGENT_START);
		if (ev.kind == DS_EVENT_EXEC)
			assert_int_equal(announced, SIM_DAEMONS);
	}
	assert_int_equal(announced, SIM_DAEMONS);
}

static double
rate_at(uint64_t start_us)
{
	struct sim_stream s;
	struct ds_event ev;

	sim_stream_init(&s, 1, 0, start_us, 100);
	for (unsigned i = 0; i < 20000; i++)
		sim_stream_next(&s, &ev);
	return 20000.0 * 1e6 / (double)(s.now_us - start_us);
}

static void
the_rate_is_as_asked_by_day_and_a_third_by_night(void **state)
{
	double noon = rate_at(NOON_US), night = rate_at(NIGHT_US);

	(void)state;
	assert_true(noon > 90 && noon < 110);
	assert_true(night > 28 && night < 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_seed_and_host_give_the_same_events),
		cmocka_unit_test(time_never_goes_back_and_daemons_are_announced_first),
		cmocka_unit_test(the_rate_is_as_asked_by_day_and_a_third_by_night),
	};

	return cmocka_run_group_tests_name("sim_stream", tests, NULL, NULL);
}

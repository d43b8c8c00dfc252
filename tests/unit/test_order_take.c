/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signed bytes to effects: the real checks, ledger and reactions, on children of this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/binding.h"
#include "agent/guard/ledger.h"
#include "agent/guard/order.h"
#include "agent/guard/process.h"
#include "agent/guard/reactions/group.h"
#include "agent/guard/target.h"
#include "lib/clock.h"
#include "lib/tls.h"
#include "tests/unit/order_fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void
a_signed_order_is_carried_out(void **state)
{
	struct ds_order o = order_of("kill");

	(void)state;
	assert_int_equal(take(&o), 0);
	assert_int_equal(outcome_of(&o), DS_OUTCOME_DONE);
	assert_true(dies());
}

static void
nothing_happens_without_the_ceilings_word(void **state)
{
	struct ds_order o = order_of("freeze");

	(void)state;
	config.ceiling.len = 1;
	assert_int_equal(take(&o), 0);
	config.ceiling.len = 2;
	assert_int_equal(outcome_of(&o), DS_OUTCOME_REFUSED);
	assert_false(is_stopped());
	/* What was refused stays so, whoever hands it over again. */
	assert_int_equal(take(&o), 0);
	assert_false(is_stopped());
}

static void
who_sends_what_is_no_order_is_ended(void **state)
{
	uint8_t noise[200] = { 'D', 'S', 'O', '1' };
	int r = 0;
	unsigned n = 0;

	(void)state;
	ds_sign_key_id(key, noise + 4);
	for (; r == 0 && n < 1000; n++)
		r = order_take(noise, sizeof(noise));
	assert_int_equal(r, -EBADMSG);
	order_run();
	assert_int_equal(ledger_len(), 0);
}

static void
an_order_for_another_host_leaves_no_trace(void **state)
{
	struct ds_order o = order_of("kill");

	(void)state;
	o.host_id[3] = 1;
	assert_int_equal(take(&o), 0);
	assert_null(ledger_find(o.id));
	assert_false(is_dead());
	assert_int_equal(order_host(o.host_id, 16), 0); /* the uplink claims to be that one */
	assert_int_equal(take(&o), 0);
	assert_false(is_dead());
}

static void
a_dry_run_does_nothing(void **state)
{
	struct ds_order o = order_of("kill");

	(void)state;
	o.mode = DS_ORDER_DRY_RUN;
	assert_int_equal(take(&o), 0);
	assert_false(is_dead());
}

static void
a_freeze_is_undone_by_order_and_once(void **state)
{
	struct ds_order o = order_of("freeze"), undo = order_of("undo");

	(void)state;
	assert_int_equal(take(&o), 0);
	assert_int_equal(outcome_of(&o), DS_OUTCOME_DONE);
	assert_true(is_stopped());
	memcpy(undo.target, o.id, sizeof(o.id));
	assert_int_equal(take(&undo), 0);
	assert_int_equal(outcome_of(&undo), DS_OUTCOME_DONE);
	assert_int_equal(outcome_of(&o), DS_OUTCOME_UNDONE);
	assert_false(is_stopped());
}

/* The ledger as a guard leaves it that is killed before the effect. */
static struct ds_order
leave_intent(uint64_t expires_us)
{
	struct ds_order o = order_of("kill");
	struct target_process p;
	struct ledger_entry *e;
	struct ds_buf inverse;

	o.expires_us = expires_us;
	o.not_before_us = expires_us - 1;
	ds_buf_init(&inverse, 100);
	assert_int_equal(target_of(child, &p), 0);
	assert_int_equal(target_put(&inverse, &p), 0);
	assert_int_equal(ledger_add(&o, LEDGER_INTENT, 0, &inverse, NULL, &e), 0);
	assert_int_equal(ledger_sync(), 0);
	ds_buf_done(&inverse);
	return o;
}

static void
what_was_begun_before_a_crash_is_finished(void **state)
{
	struct ds_order o = leave_intent(ds_clock_wall_us() + DS_US_PER_S * 60);

	(void)state;
	restart();
	assert_int_equal(outcome_of(&o), DS_OUTCOME_DONE);
	assert_true(dies());
}

static bool ends_after_sync;

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int
__wrap_fdatasync(int fd)
{
	int r = __real_fdatasync(fd);

	if (ends_after_sync)
		_exit(r == 0 ? 0 : 1);
	return r;
}

static void
what_was_seen_of_a_process_outlives_a_crash_before_it_is_killed(void **state)
{
	struct ds_order first = order_of("freeze"), o = order_of("kill");
	struct ds_result m;
	char who[32];
	int status = -1;
	pid_t guard;

	(void)state;
	assert_int_equal(take(&first), 0); /* from then on the hash of its program is known */
	assert_int_equal(take_only(&o), 0);
	guard = fork();
	if (guard == 0) {
		ends_after_sync = true;
		order_run();
		_exit(2);
	}
	assert_int_equal(waitpid(guard, &status, 0), guard);
	assert_int_equal(status, 0);
	assert_false(is_dead());
	restart();
	assert_int_equal(outcome_of(&o), DS_OUTCOME_DONE);
	assert_true(dies());
	assert_int_equal(
	    ds_result_get(ledger_find(o.id)->result, ledger_find(o.id)->result_size, &m), 0);
	(void)snprintf(who, sizeof(who), "\"pid\":%d", (int)child);
	assert_non_null(memmem(m.evidence, m.evidence_size, who, strlen(who)));
	assert_non_null(memmem(m.evidence, m.evidence_size, "\"exe_sha256\"", 12));
	assert_int_equal(m.evidence[m.evidence_size - 1], '}');
}

static void
a_person_may_say_the_pid_alone_of_who_was_there_when_it_was_asked_for(void **state)
{
	struct ds_order o = order_of("kill");

	(void)state;
	o.start_us = 0;
	o.mode = DS_ORDER_ACTIVE;
	assert_int_equal(take(&o), 0);
	assert_int_equal(outcome_of(&o), DS_OUTCOME_REFUSED);
	o = order_of("kill");
	o.start_us = 0;
	o.not_before_us -= 600 * DS_US_PER_S; /* and this one began later */
	assert_int_equal(take(&o), 0);
	assert_int_equal(outcome_of(&o), DS_OUTCOME_NOTHING);
	assert_false(is_dead());
	o = order_of("kill");
	o.start_us = 0;
	assert_int_equal(take(&o), 0);
	assert_int_equal(outcome_of(&o), DS_OUTCOME_DONE);
	assert_true(dies());
}

static void
but_not_when_the_order_has_expired_meanwhile(void **state)
{
	struct ds_order o = leave_intent(ds_clock_wall_us() - 1);

	(void)state;
	restart();
	assert_int_equal(outcome_of(&o), DS_OUTCOME_FAILED);
	assert_false(is_dead());
}

static void
nor_when_the_host_no_longer_allows_it(void **state)
{
	struct ds_order o = leave_intent(ds_clock_wall_us() + DS_US_PER_S * 60);

	(void)state;
	config.ceiling.len = 0;
	restart();
	config.ceiling.len = 2;
	assert_int_equal(outcome_of(&o), DS_OUTCOME_FAILED);
	assert_non_null(strstr(text_of(&o), "ceiling"));
	assert_false(is_dead());
}

static void
what_the_ceiling_lost_ends_with_the_next_start(void **state)
{
	struct ds_order o = order_of("freeze");

	(void)state;
	assert_int_equal(take(&o), 0);
	assert_true(stops());
	config.ceiling.len = 1;
	restart();
	config.ceiling.len = 2;
	assert_int_equal(outcome_of(&o), DS_OUTCOME_UNDONE);
	assert_false(is_stopped());
}

static void
an_undo_that_was_begun_before_a_crash_is_finished(void **state)
{
	struct ds_order o = order_of("freeze");

	(void)state;
	assert_int_equal(take(&o), 0);
	assert_int_equal(ledger_change(ledger_find(o.id), LEDGER_UNDOING, NULL), 0);
	assert_int_equal(ledger_sync(), 0);
	restart();
	assert_false(is_stopped());
	assert_int_equal(outcome_of(&o), DS_OUTCOME_UNDONE);
}

/* As one that met no memory leaves it. */
static void
an_undo_that_got_nowhere_is_begun_again_while_the_guard_runs(void **state)
{
	struct ds_order o = order_of("freeze");

	(void)state;
	assert_int_equal(take(&o), 0);
	assert_true(stops());
	assert_int_equal(ledger_change(ledger_find(o.id), LEDGER_UNDOING, NULL), 0);
	order_tick();
	assert_false(is_stopped());
	assert_int_equal(outcome_of(&o), DS_OUTCOME_UNDONE);
}

static void
an_order_that_came_before_a_restart_has_no_second_effect(void **state)
{
	struct ds_order o = order_of("freeze");

	(void)state;
	assert_int_equal(take(&o), 0);
	assert_int_equal(kill(child, SIGCONT), 0);
	restart();
	assert_int_equal(take(&o), 0);
	assert_false(is_stopped());
}

static void
a_counter_below_what_was_forgotten_is_refused(void **state)
{
	struct ds_order o = order_of("kill");

	(void)state;
	assert_int_equal(binding_advance(o.counter, 0), 0);
	assert_int_equal(take(&o), 0);
	assert_int_equal(outcome_of(&o), DS_OUTCOME_REFUSED);
	assert_false(is_dead());
}

static void
a_clock_that_was_set_back_does_not_make_old_orders_young(void **state)
{
	struct ds_order o = order_of("kill");

	(void)state;
	assert_int_equal(binding_advance(0, o.expires_us + 1), 0);
	assert_int_equal(take(&o), 0);
	assert_int_equal(outcome_of(&o), DS_OUTCOME_REFUSED);
	assert_false(is_dead());
}

static void
a_token_that_others_may_write_pins_nothing(void **state)
{
	uint8_t before[32];
	char why[256];

	(void)state;
	memcpy(before, binding_get()->key, sizeof(before));
	ds_sign_key_free(key);
	(void)unlink(key_file);
	key = ds_sign_key_open(key_file, true, why, sizeof(why));
	assert_non_null(key);
	write_token();
	assert_int_equal(chmod(token_file, 0622), 0);
	assert_false(binding_look(token_file));
	assert_memory_equal(before, binding_get()->key, sizeof(before));
	assert_int_equal(chmod(token_file, 0600), 0);
	assert_true(binding_look(token_file));
	assert_memory_not_equal(before, binding_get()->key, sizeof(before));
	assert_false(binding_look(token_file)); /* the same again is no news */
}

static void
an_order_signed_with_the_next_key_may_come_right_behind_it(void **state)
{
	struct ds_order o = order_of(DS_ORDER_KEY), next = order_of("kill");
	struct ds_sign_key *second;
	char why[256], path[80];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/next", dir);
	second = ds_sign_key_open(path, true, why, sizeof(why));
	assert_non_null(second);
	ds_sign_key_public(second, o.key);
	assert_int_equal(take_only(&o), 0);
	ds_sign_key_free(key);
	key = second;
	assert_int_equal(take(&next), 0);
	assert_int_equal(outcome_of(&next), DS_OUTCOME_DONE);
	assert_true(dies());
	assert_int_equal(unlink(path), 0);
}

static void
what_lasts_is_ended_when_the_agent_is_removed(void **state)
{
	struct ds_order o = order_of("freeze");
	size_t left = 1;

	(void)state;
	assert_int_equal(take(&o), 0);
	assert_true(stops());
	order_done();
	assert_true(is_stopped()); /* an agent that only stops leaves it */
	assert_int_equal(order_release(&config, &left), 1);
	assert_int_equal(left, 0);
	assert_false(is_stopped());
	assert_int_equal(order_release(&config, &left), 0); /* nothing is left to be ended */
	assert_int_equal(order_init(&config), 0);
	assert_int_equal(outcome_of(&o), DS_OUTCOME_UNDONE);
}

static void
what_was_only_begun_is_not_done_by_a_removal(void **state)
{
	struct ds_order o = order_of("kill");
	struct ledger_entry *e;
	size_t left = 1;

	(void)state;
	assert_int_equal(ledger_add(&o, LEDGER_INTENT, 0, NULL, NULL, &e), 0);
	assert_int_equal(ledger_sync(), 0);
	order_done();
	assert_int_equal(order_release(&config, &left), 0);
	assert_int_equal(left, 0);
	assert_false(is_dead());
	assert_int_equal(order_init(&config), 0);
}

static struct ds_order
block_of(const char *address)
{
	struct ds_order o = order_of("block_ip");

	(void)snprintf(o.address, sizeof(o.address), "%s", address);
	return o;
}

static void
who_is_spared_is_not_blocked_whoever_asks_and_also_after_a_restart(void **state)
{
	static const char *const addresses[] = { "192.0.2.7", "::ffff:192.0.2.7", "192.0.2.0/24" };
	struct ds_order spare = order_of(DS_ORDER_SPARE), older = order_of(DS_ORDER_SPARE);
	uint64_t counter_of_older = older.counter;

	(void)state;
	(void)snprintf(spare.path, sizeof(spare.path), "192.0.2.7 lb\n");
	older.counter = spare.counter;
	spare.counter = counter_of_older;
	config.ceiling.len = 3;
	for (unsigned i = 0; i < 2 * DS_LEN(addresses); i++) {
		struct ds_order block = block_of(addresses[i / 2]);

		block.mode = i % 2 == 0 ? DS_ORDER_OPERATOR : DS_ORDER_ACTIVE;
		if (i == 0)
			assert_int_equal(take_only(&spare), 0); /* together with the first */
		assert_int_equal(take(&block), 0);
		assert_int_equal(outcome_of(&block), DS_OUTCOME_REFUSED);
		assert_non_null(strstr(text_of(&block), "never blocked: 192.0.2.7 is lb"));
		if (i == 2)
			restart();
	}
	assert_int_equal(outcome_of(&spare), DS_OUTCOME_DONE);
	assert_int_equal(take(&older), 0); /* an empty list, kept back by somebody between */
	assert_int_equal(outcome_of(&older), DS_OUTCOME_FAILED);
	assert_non_null(strstr(text_of(&older), "newer list"));
	config.ceiling.len = 2;
}

/* The ledger as a guard leaves it that blocks for daemons with networks of their own. */
static struct ds_order
leave_block_in(const char *network)
{
	struct ds_order o = block_of("192.0.2.9");
	struct ledger_entry *e;
	struct ds_buf inverse;

	ds_buf_init(&inverse, 128);
	assert_int_equal(ds_buf_put_u8(&inverse, 1), 0);
	assert_int_equal(ds_buf_put_str(&inverse, network), 0);
	assert_int_equal(ledger_add(&o, LEDGER_ACTIVE, ds_clock_wall_us() + 60 * DS_US_PER_S,
			     &inverse, NULL, &e),
	    0);
	assert_int_equal(ledger_sync(), 0);
	ds_buf_done(&inverse);
	return o;
}

static void
a_clock_that_was_set_back_over_a_restart_makes_no_effect_last_longer(void **state)
{
	struct ds_order o = order_of("freeze");
	struct ledger_entry *e;

	(void)state;
	o.lifetime_ms = 60000;
	assert_int_equal(take(&o), 0);
	e = ledger_find(o.id);
	e->until_us +=
	    UINT64_C(3600) * DS_US_PER_S; /* as it looks when the clock is an hour back */
	assert_int_equal(ledger_change(e, LEDGER_ACTIVE, NULL), 0);
	restart();
	e = ledger_find(o.id);
	assert_int_equal(e->state, LEDGER_ACTIVE);
	assert_true(e->until_us <= ds_clock_wall_us() + 60 * DS_US_PER_S);
	assert_true(e->until_boot_us > ds_clock_boot_us() &&
		    e->until_boot_us <= ds_clock_boot_us() + 60 * DS_US_PER_S);
}

/* As after a reboot: containers are started later than the agent. */
static void
a_block_in_the_network_of_a_container_waits_for_it_over_a_restart(void **state)
{
	struct ds_order o = leave_block_in("net:container:away"), undo = order_of(DS_ORDER_UNDO);

	(void)state;
	config.ceiling.len = 3;
	restart();
	assert_int_equal(ledger_find(o.id)->state, LEDGER_ACTIVE);
	memcpy(undo.target, o.id, sizeof(undo.target));
	assert_int_equal(take(&undo), 0);
	assert_int_equal(outcome_of(&o), DS_OUTCOME_UNDONE);
	config.ceiling.len = 2;
}

static void
containers_come_and_go_without_end_and_blocks_for_the_next_have_room(void **state)
{
	char network[64];

	(void)state;
	config.ceiling.len = 3;
	for (unsigned i = 0; i < 2 * GROUPS_MAX; i++) {
		struct ds_order o, undo = order_of(DS_ORDER_UNDO);

		(void)snprintf(network, sizeof(network), "net:container:c%u", i);
		o = leave_block_in(network);
		memcpy(undo.target, o.id, sizeof(undo.target));
		assert_int_equal(take(&undo), 0);
		assert_int_equal(outcome_of(&o), DS_OUTCOME_UNDONE);
	}
	config.ceiling.len = 2;
}

/* Some of them twice. */
static void
of_ten_thousand_orders_at_once_each_is_answered_and_one_kills(void **state)
{
	enum { MANY = 10000 };
	struct ds_order *all = calloc(MANY, sizeof(*all));

	(void)state;
	assert_non_null(all);
	for (size_t i = 0; i < MANY; i++) {
		all[i] = order_of(i == MANY / 2 ? "kill" : DS_ORDER_ANSWER);
		all[i].answer = DS_ANSWER_ALLOW;
	}
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(take_only(&all[i]), 0);
	for (size_t i = 0; i < MANY; i += 10)
		assert_int_equal(take_only(&all[i]), 0);
	order_run();
	assert_true(dies());
	assert_int_equal(ledger_len(), MANY);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(
		    outcome_of(&all[i]), i == MANY / 2 ? DS_OUTCOME_DONE : DS_OUTCOME_NOTHING);
	free(all);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_signed_order_is_carried_out),
		T(nothing_happens_without_the_ceilings_word),
		T(who_sends_what_is_no_order_is_ended),
		T(an_order_for_another_host_leaves_no_trace),
		T(a_dry_run_does_nothing),
		T(of_ten_thousand_orders_at_once_each_is_answered_and_one_kills),
		T(who_is_spared_is_not_blocked_whoever_asks_and_also_after_a_restart),
		T(a_freeze_is_undone_by_order_and_once),
		T(an_order_signed_with_the_next_key_may_come_right_behind_it),
		T(a_block_in_the_network_of_a_container_waits_for_it_over_a_restart),
		T(a_clock_that_was_set_back_over_a_restart_makes_no_effect_last_longer),
		T(containers_come_and_go_without_end_and_blocks_for_the_next_have_room),
		T(what_was_begun_before_a_crash_is_finished),
		T(what_was_seen_of_a_process_outlives_a_crash_before_it_is_killed),
		T(a_person_may_say_the_pid_alone_of_who_was_there_when_it_was_asked_for),
		T(but_not_when_the_order_has_expired_meanwhile),
		T(nor_when_the_host_no_longer_allows_it),
		T(what_the_ceiling_lost_ends_with_the_next_start),
		T(an_undo_that_was_begun_before_a_crash_is_finished),
		T(an_undo_that_got_nowhere_is_begun_again_while_the_guard_runs),
		T(an_order_that_came_before_a_restart_has_no_second_effect),
		T(a_counter_below_what_was_forgotten_is_refused),
		T(a_clock_that_was_set_back_does_not_make_old_orders_young),
		T(a_token_that_others_may_write_pins_nothing),
		T(what_lasts_is_ended_when_the_agent_is_removed),
		T(what_was_only_begun_is_not_done_by_a_removal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A copied machine: whose orders it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/binding.h"
#include "agent/guard/emit.h"
#include "agent/guard/ledger.h"
#include "agent/guard/order.h"
#include "lib/ipc.h"
#include "tests/unit/order_fixture.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t other_id[16] = { 43 };

/* What the guard asks when the uplink says that it is another host. */
static struct ds_result
question(const uint8_t id[16])
{
	struct ds_result m = { .outcome = 0 };
	const uint8_t *body;
	struct ds_buf in;
	uint8_t type = 0;
	size_t size;
	ssize_t n;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	emit_attach(fds[0]);
	emit_started(0, 0);
	assert_int_equal(order_host(id, 16), 0);
	assert_int_equal(emit_flush(0, true), 0);
	ds_buf_init(&in, 1u << 20);
	assert_int_equal(ds_buf_reserve(&in, 1u << 16), 0);
	n = recv(fds[1], in.data, 1u << 16, MSG_DONTWAIT);
	in.len = n > 0 ? (size_t)n : 0;
	while (type != DS_IPC_RESULT && ds_ipc_get(&in, &type, &body, &size) == 1)
		if (type == DS_IPC_RESULT)
			assert_int_equal(ds_result_get(body, size, &m), 0);
	ds_buf_done(&in);
	emit_detach();
	(void)close(fds[0]);
	(void)close(fds[1]);
	return m;
}

static struct ds_order
rebind_to(const uint8_t id[16], const struct ds_result *asked)
{
	struct ds_order o = order_of("rebind");

	memcpy(o.host_id, id, sizeof(o.host_id));
	memcpy(o.target, asked->order, sizeof(o.target));
	return o;
}

static bool
is_taken_as(const uint8_t id[16])
{
	struct ds_order o = order_of("freeze");

	memcpy(o.host_id, id, sizeof(o.host_id));
	assert_int_equal(take(&o), 0);
	return ledger_find(o.id) != NULL && outcome_of(&o) == DS_OUTCOME_DONE;
}

static void
a_copy_takes_orders_for_its_own_identity_once_the_server_says_so(void **state)
{
	struct ds_result asked = question(other_id);
	struct ds_order o = rebind_to(other_id, &asked);

	(void)state;
	assert_string_equal(asked.kind, "rebind");
	assert_memory_equal(asked.by, host_id, sizeof(host_id));
	assert_false(is_taken_as(other_id));
	assert_int_equal(take(&o), 0);
	assert_memory_equal(binding_get()->host_id, other_id, sizeof(other_id));
	assert_false(is_taken_as(host_id));
	assert_true(is_taken_as(other_id));
	restart();
	assert_memory_equal(binding_get()->host_id, other_id, sizeof(other_id));
}

static void
nothing_but_the_answer_to_its_own_question_rebinds_a_guard(void **state)
{
	static const uint8_t third_id[16] = { 44 };
	struct ds_result asked, none = { .outcome = 0 };
	struct ds_order o = rebind_to(other_id, &none);

	(void)state;
	assert_int_equal(take(&o), 0); /* nothing was asked */
	asked = question(other_id);
	o = rebind_to(other_id, &none);
	assert_int_equal(take(&o), 0); /* another question's */
	o = rebind_to(third_id, &asked);
	assert_int_equal(take(&o), 0); /* for another machine */
	assert_memory_equal(binding_get()->host_id, host_id, sizeof(host_id));
	/* The uplink was wrong: what was asked is of no use any more. */
	assert_int_equal(order_host(host_id, sizeof(host_id)), 0);
	o = rebind_to(other_id, &asked);
	assert_int_equal(take(&o), 0);
	assert_memory_equal(binding_get()->host_id, host_id, sizeof(host_id));
	assert_true(is_taken_as(host_id));
}

static void
an_answer_is_good_once(void **state)
{
	struct ds_result asked = question(other_id), again;
	struct ds_order o = rebind_to(other_id, &asked);

	(void)state;
	assert_int_equal(take(&o), 0);
	/* Copied again, from this machine: the same answer is not for that one. */
	again = question(host_id);
	assert_memory_not_equal(again.order, asked.order, sizeof(asked.order));
	o = rebind_to(host_id, &asked);
	assert_int_equal(take(&o), 0);
	assert_memory_equal(binding_get()->host_id, other_id, sizeof(other_id));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_copy_takes_orders_for_its_own_identity_once_the_server_says_so),
		T(nothing_but_the_answer_to_its_own_question_rebinds_a_guard),
		T(an_answer_is_good_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

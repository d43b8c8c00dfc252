/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/order.h"

#include <errno.h>
#include <string.h>

static const uint8_t key_id[DS_SIGN_ID_SIZE] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static struct ds_order
example(void)
{
	return (struct ds_order){ .host_id = { 1 },
		.id = { 2, 3 },
		.kind = "kill",
		.counter = 7,
		.not_before_us = 1000,
		.expires_us = 2000,
		.lifetime_ms = 600000,
		.mode = DS_ORDER_OPERATOR,
		.reason = "told so",
		.daemon = "nginx",
		.pid = 4711,
		.start_us = 123456789,
		.exe = "/usr/bin/sh",
		.path = "/etc/passwd",
		.address = "2001:db8::/32",
		.port = 65535,
		.protocol = 6,
		.unit = "nginx.service",
		.target = { 9 },
		.answer = DS_ANSWER_KILL,
		.key = { 8 },
		.data = "x",
		.session_address = "192.0.2.1",
		.reach = DS_REACH_DAEMON_ONLY,
		.session_pid = 12 };
}

/* An envelope with a signature of zeros. */
static void
put(struct ds_buf *b, const struct ds_order *o)
{
	static const uint8_t none[DS_SIGN_SIZE];

	ds_buf_init(b, DS_ORDER_MAX);
	assert_int_equal(ds_order_put(b, key_id, o), 0);
	assert_int_equal(ds_buf_put(b, none, sizeof(none)), 0);
}

static int
get(const struct ds_buf *b, struct ds_order *ret)
{
	struct ds_envelope e;
	int r = ds_envelope_get(b->data, b->len, &e);

	return r < 0 ? r : ds_order_get(&e, ret);
}

static void
an_order_comes_back_as_it_was(void **state)
{
	struct ds_order o = example(), back;
	struct ds_envelope e;
	struct ds_buf b, again;

	(void)state;
	put(&b, &o);
	assert_int_equal(get(&b, &back), 0);
	/* Its bytes, not the struct's: those between its members are nobody's. */
	put(&again, &back);
	assert_int_equal(again.len, b.len);
	assert_memory_equal(again.data, b.data, b.len);
	ds_buf_done(&again);
	assert_memory_equal(back.host_id, o.host_id, sizeof(o.host_id));
	assert_memory_equal(back.target, o.target, sizeof(o.target));
	assert_true(back.counter == o.counter && back.expires_us == o.expires_us &&
		    back.lifetime_ms == o.lifetime_ms && back.pid == o.pid &&
		    back.start_us == o.start_us && back.port == o.port && back.mode == o.mode);
	assert_string_equal(back.path, o.path);
	assert_string_equal(back.address, o.address);
	assert_string_equal(back.sha256, o.sha256);
	assert_string_equal(back.reason, o.reason);
	assert_int_equal(ds_envelope_get(b.data, b.len, &e), 0);
	assert_memory_equal(e.key_id, key_id, sizeof(key_id));
	assert_int_equal(e.signed_size, b.len - DS_SIGN_SIZE);
	ds_buf_done(&b);
}

static void
a_truncated_order_is_refused_at_every_length(void **state)
{
	struct ds_order o = example(), back;
	struct ds_envelope e;
	struct ds_buf b;
	int taken = 0;

	(void)state;
	put(&b, &o);
	for (size_t len = 0; len < b.len; len++)
		if (ds_envelope_get(b.data, len, &e) == 0 && ds_order_get(&e, &back) == 0 &&
		    memcmp(&o, &back, sizeof(o)) == 0)
			taken++;
	assert_int_equal(taken, 0);
	ds_buf_done(&b);
}

static void
an_order_without_a_sense_is_refused(void **state)
{
	struct ds_order bad[5] = { example(), example(), example(), example(), example() }, back;
	struct ds_buf b;

	(void)state;
	bad[0].kind[0] = '\0';
	bad[1].mode = 0;
	bad[2].mode = DS_ORDER_DRY_RUN + 1;
	bad[3].port = 65536;
	bad[4].expires_us = bad[4].not_before_us;
	for (size_t i = 0; i < DS_LEN(bad); i++) {
		put(&b, &bad[i]);
		assert_int_equal(get(&b, &back), -EBADMSG);
		ds_buf_done(&b);
	}
}

static void
another_magic_is_not_an_order(void **state)
{
	struct ds_order o = example(), back;
	struct ds_buf b;

	(void)state;
	put(&b, &o);
	b.data[3] = '2';
	assert_int_equal(get(&b, &back), -EBADMSG);
	ds_buf_done(&b);
}

static void
a_result_comes_back_with_its_evidence(void **state)
{
	struct ds_result m = { .order = { 1 },
		.kind = "kill",
		.outcome = DS_OUTCOME_DONE,
		.text = "it is gone",
		.is_verified = 1,
		.time_us = 5,
		.took_us = 6,
		.until_us = 7,
		.counter_floor = 8,
		.evidence = "{}",
		.evidence_size = 2 },
			 back;
	struct ds_buf b;

	(void)state;
	ds_buf_init(&b, DS_RESULT_MAX);
	assert_int_equal(ds_result_put(&b, &m), 0);
	assert_int_equal(ds_result_get(b.data, b.len, &back), 0);
	assert_memory_equal(back.evidence, "{}", 2);
	m.evidence = back.evidence;
	assert_memory_equal(&m, &back, sizeof(m));
	assert_string_equal(ds_outcome_name(back.outcome), "done");
	ds_buf_done(&b);
}

static void
a_result_without_outcome_is_refused(void **state)
{
	struct ds_result m = { .order = { 1 } }, back;
	struct ds_buf b;

	(void)state;
	ds_buf_init(&b, DS_RESULT_MAX);
	assert_int_equal(ds_result_put(&b, &m), -EINVAL);
	assert_int_equal(ds_result_get("", 0, &back), -EBADMSG);
	ds_buf_done(&b);
}

static void
an_id_is_read_from_what_it_is_written_as(void **state)
{
	uint8_t id[DS_ORDER_ID_SIZE] = { 0xfe, 1, 0xa0 }, back[DS_ORDER_ID_SIZE];
	char text[33];

	(void)state;
	ds_order_id_format(id, text);
	assert_int_equal(ds_order_id_parse(text, back), 0);
	assert_memory_equal(id, back, sizeof(id));
	text[31] = 'g';
	assert_int_equal(ds_order_id_parse(text, back), -EINVAL);
	text[31] = '\0';
	assert_int_equal(ds_order_id_parse(text, back), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_order_comes_back_as_it_was),
		cmocka_unit_test(a_truncated_order_is_refused_at_every_length),
		cmocka_unit_test(an_order_without_a_sense_is_refused),
		cmocka_unit_test(another_magic_is_not_an_order),
		cmocka_unit_test(a_result_comes_back_with_its_evidence),
		cmocka_unit_test(a_result_without_outcome_is_refused),
		cmocka_unit_test(an_id_is_read_from_what_it_is_written_as),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

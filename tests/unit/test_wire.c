/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/wire.h"

#include <errno.h>
#include <string.h>

static void
hello_fill(struct ds_hello *m)
{
	*m = (struct ds_hello){ .version_min = 1, .version_max = 3, .epoch = UINT64_MAX };
	m->boot_time_us = 1;
	m->now_us = 1764000000000000ull;
	strncpy(m->agent_version, "0.1.0", sizeof(m->agent_version) - 1);
	memset(m->hostname, 'h', sizeof(m->hostname) - 1);
	strncpy(m->os, "Debian GNU/Linux 12", sizeof(m->os) - 1);
	strncpy(m->kernel, "6.18", sizeof(m->kernel) - 1);
	strncpy(m->arch, "x86_64", sizeof(m->arch) - 1);
	strncpy(m->machine_id, "abc", sizeof(m->machine_id) - 1);
	strncpy(m->boot_id, "def", sizeof(m->boot_id) - 1);
	strncpy(m->sensors, "\xff\n", sizeof(m->sensors) - 1);
	strncpy(m->labels, "a,b", sizeof(m->labels) - 1);
}

static void
a_frame_waits_until_it_is_whole(void **state)
{
	struct ds_frame f;
	struct ds_buf b, view;
	size_t need;

	(void)state;
	ds_buf_init(&b, 4096);
	assert_int_equal(ds_frame_put(&b, DS_FRAME_PING, DS_FRAME_CRITICAL, "hello", 5), 0);
	for (size_t n = 0; n < b.len; n++) {
		ds_buf_view(&view, b.data, n);
		assert_int_equal(ds_frame_get(&view, &f, &need), 0);
		assert_int_equal(need, n < DS_FRAME_HEADER ? 0 : DS_FRAME_HEADER + 5);
		assert_int_equal(view.pos, 0);
	}
	assert_int_equal(ds_frame_get(&b, &f, &need), 1);
	assert_int_equal(f.type, DS_FRAME_PING);
	assert_int_equal(f.flags, DS_FRAME_CRITICAL);
	assert_int_equal(f.size, 5);
	assert_memory_equal(f.payload, "hello", 5);
	assert_int_equal(ds_buf_left(&b), 0);
	ds_buf_done(&b);
}

static void
a_stranger_is_refused_at_the_first_byte(void **state)
{
	struct ds_frame f;
	struct ds_buf b;
	size_t need;

	(void)state;
	ds_buf_view(&b, "G", 1);
	assert_int_equal(ds_frame_get(&b, &f, &need), -EBADMSG);
	ds_buf_view(&b, "DX", 2);
	assert_int_equal(ds_frame_get(&b, &f, &need), -EBADMSG);
	ds_buf_view(&b, "DS\2", 3);
	assert_int_equal(ds_frame_get(&b, &f, &need), -EPROTONOSUPPORT);
	ds_buf_view(&b, "DS\1\5\0\0\0\0\0\100\0\1", 12);
	assert_int_equal(ds_frame_get(&b, &f, &need), -EFBIG);
}

static void
a_frame_too_large_is_not_put(void **state)
{
	struct ds_buf b;

	(void)state;
	ds_buf_init(&b, 16u << 20);
	assert_int_equal(ds_frame_put(&b, DS_FRAME_PING, 0, "", DS_FRAME_PAYLOAD_MAX + 1u), -EFBIG);
	assert_int_equal(b.len, 0);
}

static void
hello_comes_back(void **state)
{
	struct ds_hello m, got;
	struct ds_buf b;

	(void)state;
	hello_fill(&m);
	ds_buf_init(&b, 1 << 16);
	assert_int_equal(ds_hello_put(&b, &m), 0);
	assert_int_equal(ds_hello_get(b.data, b.len, &got), 0);
	assert_memory_equal(&m, &got, sizeof(m));
	ds_buf_done(&b);
}

static void
welcome_ack_and_error_come_back(void **state)
{
	const struct ds_welcome welcome = { .version = 1,
		.now_us = 2,
		.ping_s = 30,
		.batch_max = 1 << 20,
		.cursor = { { 5, 6 }, { 7, 8 } },
		.server_version = "0.1.0",
		.renew_after_us = 9 };
	const struct ds_ack ack = { .lane = DS_LANE_BULK, .epoch = 7, .seq = UINT64_MAX };
	const struct ds_error error = { DS_WIRE_BUSY, 30, "too many handshakes" };
	struct ds_welcome welcome2;
	struct ds_ack ack2;
	struct ds_error error2;
	struct ds_buf b;

	(void)state;
	ds_buf_init(&b, 1 << 16);
	assert_int_equal(ds_welcome_put(&b, &welcome), 0);
	assert_int_equal(ds_welcome_get(b.data, b.len, &welcome2), 0);
	assert_int_equal(welcome2.cursor[1].seq, 8);
	assert_int_equal(welcome2.cursor[0].epoch, 5);
	assert_int_equal(welcome2.batch_max, 1 << 20);
	assert_string_equal(welcome2.server_version, "0.1.0");
	ds_buf_clear(&b);
	assert_int_equal(ds_ack_put(&b, &ack), 0);
	assert_int_equal(ds_ack_get(b.data, b.len, &ack2), 0);
	assert_int_equal(ack2.seq, UINT64_MAX);
	assert_int_equal(ack2.lane, DS_LANE_BULK);
	ds_buf_clear(&b);
	assert_int_equal(ds_error_put(&b, &error), 0);
	assert_int_equal(ds_error_get(b.data, b.len, &error2), 0);
	assert_int_equal(error2.code, DS_WIRE_BUSY);
	assert_string_equal(error2.text, "too many handshakes");
	ds_buf_done(&b);
}

static void
a_batch_frame_borrows_its_bytes(void **state)
{
	const uint8_t packed[3] = { 0, 255, 10 };
	const struct ds_batch_frame m = { DS_LANE_BULK, 1, 2, packed, sizeof(packed) };
	struct ds_batch_frame got;
	struct ds_buf b;

	(void)state;
	ds_buf_init(&b, 1 << 16);
	assert_int_equal(ds_batch_frame_put(&b, &m), 0);
	assert_int_equal(ds_batch_frame_get(b.data, b.len, &got), 0);
	assert_int_equal(got.lane, DS_LANE_BULK);
	assert_int_equal(got.seq, 2);
	assert_int_equal(got.size, 3);
	assert_memory_equal(got.packed, packed, 3);
	assert_true(got.packed > b.data && got.packed < b.data + b.len);
	ds_buf_done(&b);
}

static void
enrolment_messages_come_back(void **state)
{
	struct ds_enrol enrol = { .token_id = "tok_1", .secret = { 1, 0, 255 } }, enrol2;
	const struct ds_certificate cert = { { 9, 8, 7 }, (const uint8_t *)"cert", 4,
		(const uint8_t *)"ca", 2, 77 };
	const struct ds_renew renew = { (const uint8_t *)"csr", 3 };
	struct ds_certificate cert2;
	struct ds_renew renew2;
	struct ds_buf b;

	(void)state;
	hello_fill(&enrol.facts);
	enrol.csr = (const uint8_t *)"request";
	enrol.csr_size = 7;
	ds_buf_init(&b, 1 << 16);
	assert_int_equal(ds_enrol_put(&b, &enrol), 0);
	assert_int_equal(ds_enrol_get(b.data, b.len, &enrol2), 0);
	assert_string_equal(enrol2.token_id, "tok_1");
	assert_memory_equal(enrol2.secret, enrol.secret, sizeof(enrol.secret));
	assert_memory_equal(enrol2.csr, "request", 7);
	assert_memory_equal(&enrol2.facts, &enrol.facts, sizeof(enrol.facts));
	ds_buf_clear(&b);
	assert_int_equal(ds_certificate_put(&b, &cert), 0);
	assert_int_equal(ds_certificate_get(b.data, b.len, &cert2), 0);
	assert_memory_equal(cert2.host_id, cert.host_id, DS_HOST_ID_SIZE);
	assert_int_equal(cert2.ca_size, 2);
	assert_int_equal(cert2.renew_after_us, 77);
	ds_buf_clear(&b);
	assert_int_equal(ds_renew_put(&b, &renew), 0);
	assert_int_equal(ds_renew_get(b.data, b.len, &renew2), 0);
	assert_memory_equal(renew2.csr, "csr", 3);
	ds_buf_done(&b);
}

static void
fields_of_a_newer_peer_are_skipped(void **state)
{
	/* lane 1, unknown number 99, epoch 7, unknown bytes 100, seq 3 */
	static const uint8_t bytes[] = { 2, 1, 0xc6, 0x01, 5, 4, 7, 0xc9, 0x01, 2, 'x', 'y', 6, 3 };
	struct ds_ack got;

	(void)state;
	assert_int_equal(ds_ack_get(bytes, sizeof(bytes), &got), 0);
	assert_int_equal(got.lane, 1);
	assert_int_equal(got.epoch, 7);
	assert_int_equal(got.seq, 3);
}

static void
malformed_messages_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} acks[] = {
		{ "\2\1\2\1", 4 },      /* a field twice */
		{ "\2\2", 2 },          /* no such lane */
		{ "\2\x80\2", 3 },      /* does not fit */
		{ "\3\1\1", 3 },        /* bytes for a number */
		{ "\0\1", 2 },          /* tag 0 */
		{ "\2", 1 },            /* cut */
		{ "\xc9\1\5x", 4 },     /* unknown, and cut */
		{ "\x80\x80\x10\1", 4 } /* tag too large */
	};
	static const char number_for_text[] = "\6\1", long_text[] = "\7\xff\1",
			  nul_text[] = "\7\3a\0b";
	struct ds_error error;
	struct ds_ack ack;
	struct ds_batch_frame batch;

	(void)state;
	for (size_t i = 0; i < DS_LEN(acks); i++)
		assert_int_equal(ds_ack_get(acks[i].bytes, acks[i].size, &ack), -EBADMSG);
	assert_int_equal(ds_error_get(number_for_text, 2, &error), -EBADMSG);
	assert_int_equal(ds_error_get(long_text, 3, &error), -EBADMSG);
	assert_int_equal(ds_error_get(nul_text, 5, &error), -EBADMSG);
	assert_int_equal(ds_batch_frame_get("\2\1\4\1\6\1", 6, &batch), -EBADMSG); /* no batch */
}

static void
a_text_that_is_too_long_is_cut_by_put(void **state)
{
	struct ds_error m = { .code = 1 }, got;
	struct ds_buf b;

	(void)state;
	memset(m.text, 'x', sizeof(m.text)); /* not even terminated */
	ds_buf_init(&b, 1 << 16);
	assert_int_equal(ds_error_put(&b, &m), 0);
	assert_int_equal(ds_error_get(b.data, b.len, &got), 0);
	assert_int_equal(strlen(got.text), sizeof(got.text) - 1);
	ds_buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_waits_until_it_is_whole),
		cmocka_unit_test(a_stranger_is_refused_at_the_first_byte),
		cmocka_unit_test(a_frame_too_large_is_not_put),
		cmocka_unit_test(hello_comes_back),
		cmocka_unit_test(welcome_ack_and_error_come_back),
		cmocka_unit_test(a_batch_frame_borrows_its_bytes),
		cmocka_unit_test(enrolment_messages_come_back),
		cmocka_unit_test(fields_of_a_newer_peer_are_skipped),
		cmocka_unit_test(malformed_messages_are_refused),
		cmocka_unit_test(a_text_that_is_too_long_is_cut_by_put),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link against a server of a few lines, with the real authority, over loopback. */
#include "tests/unit/link_fixture.h"

#include "agent/uplink/window.h"
#include "lib/file.h"
#include "lib/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- enrolment */

static void
a_host_with_a_token_enrols_and_sends_what_it_has(void **state)
{
	struct stat st;

	(void)state;
	spool.last[DS_LANE_BULK] = 20;
	spool.last[DS_LANE_URGENT] = 3;
	start_enrolled();
	RUN_UNTIL(spool.acked[DS_LANE_BULK] == 20 && spool.acked[DS_LANE_URGENT] == 3);
	assert_int_equal(server.enrolments, 1);
	assert_int_equal(server.batches, 23);
	assert_memory_equal(status().host_id, host_id, sizeof(host_id));
	assert_int_equal(status().unacked, 0);
	/* Nothing secret stays behind, and the rest is for us alone. */
	assert_false(exists("given-token") || exists("token") || exists("agent.key.new"));
	assert_int_equal(stat(path("agent.pem"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(strlen(server.facts.hostname) > 0 && strlen(server.facts.kernel) > 0);
	/* The next start needs no token, and still knows where to go. */
	link_free(link_);
	start_link("");
	RUN_UNTIL(status().is_up);
	assert_int_equal(server.enrolments, 1);
}

static void
a_lost_answer_is_asked_for_with_the_same_key(void **state)
{
	(void)state;
	server.on_enrol = HANG_UP;
	start_enrolled();
	assert_int_equal(server.enrolments, 2);
	assert_memory_equal(server.pins[0], server.pins[1], DS_PIN_SIZE);
}

static void
a_token_that_does_not_work_is_told_and_kept(void **state)
{
	static const struct {
		uint32_t error;
		const char *says;
	} cases[] = {
		{ DS_WIRE_PENDING, "waiting for approval" },
		{ DS_WIRE_TOKEN_USED, "was used before" },
		{ DS_WIRE_TOKEN_EXPIRED, "has expired" },
		{ DS_WIRE_TOKEN_UNKNOWN, "does not know" },
		{ DS_WIRE_BUSY, "the server said: no" },
	};

	(void)state;
	server.on_enrol = REFUSE;
	for (size_t i = 0; i < DS_LEN(cases); i++) {
		server.error = cases[i].error;
		give_token();
		start_link("");
		RUN_UNTIL(strstr(status().text, cases[i].says) != NULL);
		assert_false(status().is_enrolled);
		assert_true(exists("token"));
		link_free(link_);
	}
	link_ = NULL;
	assert_int_equal(server.hellos, 0);
}

static void
without_a_token_it_says_what_is_missing(void **state)
{
	(void)state;
	start_link("127.0.0.1:1");
	RUN_UNTIL(strstr(status().text, "no enrolment token") != NULL);
	link_free(link_);
	assert_int_equal(ds_file_replace(path("given-token"), "dse1.rubbish", 12, 0600), 0);
	start_link("127.0.0.1:1");
	RUN_UNTIL(strstr(status().text, "does not hold an enrolment token") != NULL);
}

static void
an_impostor_gets_neither_the_secret_nor_a_greeting(void **state)
{
	struct pki *impostor = open_authority("impostor");
	struct ds_tls *true_tls = server.tls, *false_tls = server_tls(impostor, server.pki);

	(void)state;
	server.tls = false_tls;
	give_token();
	start_link("");
	RUN_UNTIL(server.closed >= 2);
	assert_int_equal(server.enrolments, 0);
	assert_non_null(strstr(status().text, "not the key that was pinned"));
	server.tls = true_tls;
	RUN_UNTIL(status().is_up);
	/* And the same once it is enrolled. */
	server.tls = false_tls;
	server.hellos = server.closed = 0;
	ds_conn_finish(server.conn);
	RUN_UNTIL(server.closed >= 3);
	assert_int_equal(server.hellos, 0);
	server.tls = true_tls;
	RUN_UNTIL(status().is_up);
	ds_tls_free(false_tls);
	pki_free(impostor);
}

/* ---- sessions */

static void
urgent_batches_overtake_a_full_window_of_bulk(void **state)
{
	(void)state;
	server.no_acks = true;
	spool.last[DS_LANE_BULK] = SPOOL_MAX;
	start_enrolled();
	RUN_UNTIL(server.batches == WINDOW_LEN);
	spool.last[DS_LANE_URGENT] = 1;
	link_wake(link_);
	RUN_UNTIL(server.batches == WINDOW_LEN + 1);
	assert_int_equal(server.lanes[WINDOW_LEN], DS_LANE_URGENT);
	assert_int_equal(status().unacked, WINDOW_LEN + 1);
	/* An ack opens the window by as much as it confirms. */
	send_ack(DS_LANE_BULK, EPOCH, 10);
	RUN_UNTIL(server.batches == WINDOW_LEN + 11);
	assert_int_equal(spool.acked[DS_LANE_BULK], 10);
}

static void
large_batches_fill_the_window_by_bytes(void **state)
{
	(void)state;
	server.no_acks = true;
	spool.size = 600000;
	spool.last[DS_LANE_BULK] = 10;
	start_enrolled();
	RUN_UNTIL(server.batches == 2);
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(server.batches, 2);
	assert_int_equal(status().unacked, 2);
}

static void
a_batch_too_large_for_the_server_does_not_stop_the_rest(void **state)
{
	(void)state;
	spool.size = (2u << 20) + 1;
	spool.last[DS_LANE_BULK] = 3;
	start_enrolled();
	RUN_UNTIL(spool.acked[DS_LANE_BULK] == 3);
	assert_int_equal(status().too_large, 3);
	assert_int_equal(server.batches, 0);
}

static void
after_a_break_it_goes_on_behind_what_was_committed(void **state)
{
	(void)state;
	server.no_acks = true;
	spool.last[DS_LANE_BULK] = 5;
	start_enrolled();
	RUN_UNTIL(server.batches == 5);
	/* Three were committed, but the acks were lost with the connection. */
	server.cursor[DS_LANE_BULK] = (struct ds_cursor){ EPOCH, 3 };
	server.batches = 0;
	ds_conn_finish(server.conn);
	RUN_UNTIL(server.batches == 2);
	assert_int_equal(server.seqs[0], 4);
	assert_int_equal(server.seqs[1], 5);
	assert_int_equal(spool.acked[DS_LANE_BULK], 3);
	assert_int_equal(status().sessions, 2);
}

static void
a_cursor_of_another_epoch_drops_nothing(void **state)
{
	(void)state;
	server.no_acks = true;
	server.cursor[DS_LANE_BULK] = (struct ds_cursor){ EPOCH - 1, 1000 };
	spool.last[DS_LANE_BULK] = 2;
	start_enrolled();
	RUN_UNTIL(server.batches == 2);
	send_ack(DS_LANE_BULK, EPOCH - 1, 2);
	send_ack(DS_LANE_BULK, EPOCH, 1);
	RUN_UNTIL(spool.acked[DS_LANE_BULK] == 1);
	assert_int_equal(status().unacked, 1);
}

static void
an_ack_for_what_was_never_sent_ends_the_session(void **state)
{
	(void)state;
	server.no_acks = true;
	spool.last[DS_LANE_BULK] = 2;
	start_enrolled();
	RUN_UNTIL(server.batches == 2);
	send_ack(DS_LANE_BULK, EPOCH, 9);
	server.cursor[DS_LANE_BULK] = (struct ds_cursor){ 0 };
	RUN_UNTIL(server.hellos == 2);
	assert_int_equal(spool.acked[DS_LANE_BULK], 0);
}

static void
orders_and_results_pass_through(void **state)
{
	(void)state;
	start_enrolled();
	assert_int_equal(ds_conn_send(server.conn, DS_FRAME_ORDER, 0, "order", 5), 0);
	assert_int_equal(ds_conn_send(server.conn, 99, 0, "from the future", 15), 0);
	RUN_UNTIL(orders == 1);
	assert_int_equal(link_send_result(link_, "result", 6), 0);
	RUN_UNTIL(server.results == 1);
	/* What is unknown and critical ends the session. */
	assert_int_equal(ds_conn_send(server.conn, 99, DS_FRAME_CRITICAL, "", 0), 0);
	RUN_UNTIL(server.errors == 1 && !status().is_up);
	assert_int_equal(link_send_result(link_, "result", 6), -ENOTCONN);
}

static void
the_certificate_is_renewed_with_a_fresh_key_while_the_session_goes_on(void **state)
{
	struct ds_cert_info before, after;

	(void)state;
	/* By the server's clock, not by ours. */
	server.now_us = 1000;
	server.renew_after_us = 999;
	start_enrolled();
	assert_int_equal(ds_tls_file_info(path("agent.pem"), &before), 0);
	RUN_UNTIL(server.renewals == 1 && !exists("agent.key.new"));
	assert_int_equal(ds_tls_file_info(path("agent.pem"), &after), 0);
	assert_string_not_equal(before.serial, after.serial);
	assert_memory_not_equal(before.pin, after.pin, DS_PIN_SIZE);
	assert_memory_equal(before.host_id, after.host_id, DS_HOST_ID_SIZE);
	assert_int_equal(server.hellos, 1);
	server.renew_after_us = 0;
	ds_conn_finish(server.conn);
	RUN_UNTIL(server.hellos == 2 && status().is_up);
}

static void
a_renewal_whose_answer_was_lost_is_asked_for_again_in_the_next_session(void **state)
{
	(void)state;
	server.now_us = server.renew_after_us = 1;
	server.no_renewal = true;
	start_enrolled();
	RUN_UNTIL(server.renewals == 1);
	server.no_renewal = false;
	ds_conn_finish(server.conn);
	RUN_UNTIL(server.renewals == 2 && !exists("agent.key.new"));
}

static void
a_renewal_for_another_host_is_refused(void **state)
{
	struct ds_cert_info before, after;

	(void)state;
	start_enrolled();
	assert_int_equal(ds_tls_file_info(path("agent.pem"), &before), 0);
	server.now_us = server.renew_after_us = 1;
	server.wrong_host = true;
	ds_conn_finish(server.conn);
	RUN_UNTIL(server.renewals == 1);
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(ds_tls_file_info(path("agent.pem"), &after), 0);
	assert_string_equal(before.serial, after.serial);
	assert_true(status().is_up);
}

static uint64_t
number_at(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void
each_session_has_a_number_and_tells_those_before(void **state)
{
	struct ds_hello first;

	(void)state;
	start_enrolled();
	first = server.hello;
	assert_true(first.generation != 0);
	ds_conn_finish(server.conn);
	RUN_UNTIL(server.hellos == 2 && status().is_up);
	assert_true(server.hello.generation != first.generation);
	assert_true(number_at(server.hello.before) == first.generation);
	/* One that opened no session is told again: the server may have it. */
	server.no_welcome = true;
	ds_conn_finish(server.conn);
	RUN_UNTIL(server.hellos == 3);
	first = server.hello;
	ds_conn_finish(server.conn);
	RUN_UNTIL(server.hellos == 4);
	assert_true(server.hello.generation == first.generation);
	assert_memory_equal(server.hello.before, first.before, sizeof(first.before));
}

static void
a_copy_asks_for_an_identity_of_its_own_with_a_fresh_key(void **state)
{
	struct ds_cert_info before, after;

	(void)state;
	start_enrolled();
	assert_int_equal(ds_tls_file_info(path("agent.pem"), &before), 0);
	/* The key of a request that was under way is in the image too. */
	assert_int_equal(ds_file_replace(path("agent.key.new"), "half a key", 10, 0600), 0);
	server.is_copy = server.wrong_host = true;
	reply_error(DS_WIRE_COPY);
	RUN_UNTIL(server.enrolments == 2 && status().is_up);
	assert_int_equal(ds_tls_file_info(path("agent.pem"), &after), 0);
	assert_memory_not_equal(before.host_id, after.host_id, DS_HOST_ID_SIZE);
	assert_memory_not_equal(before.pin, after.pin, DS_PIN_SIZE);
	assert_memory_equal(status().host_id, after.host_id, DS_HOST_ID_SIZE);
	assert_false(exists("agent.key.new"));
}

static void
a_revoked_host_comes_back_slowly(void **state)
{
	unsigned accepted;

	(void)state;
	start_enrolled();
	reply_error(DS_WIRE_REVOKED);
	RUN_UNTIL(!status().is_up);
	accepted = server.accepted;
	for (int i = 0; i < 50; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(server.accepted, accepted);
	assert_string_equal(status().text, "the server does not take this host: no");
}

static void
a_revoked_host_with_a_new_token_enrols_anew(void **state)
{
	(void)state;
	start_enrolled();
	give_token_of("tok_2");
	reply_error(DS_WIRE_REVOKED);
	RUN_UNTIL(server.enrolments == 2 && status().is_up);
	assert_memory_not_equal(server.pins[0], server.pins[1], DS_PIN_SIZE);
	assert_false(exists("token"));
}

/* As after a restart, at which root's file becomes the uplink's. */
static void
start_again_with_token(void)
{
	char given[PATH_MAX];

	link_free(link_);
	give_token_of("tok_2");
	snprintf(given, sizeof(given), "%s", path("given-token"));
	assert_int_equal(rename(given, path("token")), 0);
	start_link("");
}

static void
a_token_that_came_with_a_restart_waits_for_the_servers_word(void **state)
{
	(void)state;
	start_enrolled();
	server.no_welcome = true;
	start_again_with_token();
	RUN_UNTIL(server.hellos == 2);
	assert_true(exists("token"));
	server.no_welcome = false;
	reply_error(DS_WIRE_REVOKED);
	RUN_UNTIL(status().is_up);
	assert_int_equal(server.enrolments, 2);
	assert_false(exists("token"));
}

static void
a_token_is_wiped_where_it_is_not_needed(void **state)
{
	(void)state;
	start_enrolled();
	start_again_with_token();
	RUN_UNTIL(status().is_up);
	assert_int_equal(server.enrolments, 1);
	assert_false(exists("token"));
}

static void
a_server_that_was_made_anew_takes_the_host_with_a_new_token(void **state)
{
	struct pki *first = server.pki;

	(void)state;
	start_enrolled();
	ds_tls_free(server.tls);
	server.pki = open_authority("second");
	server.tls = server_tls(server.pki, server.pki);
	server.hellos = 0;
	ds_conn_finish(server.conn);
	RUN_UNTIL(strstr(status().text, "certificate: ") != NULL);
	assert_int_equal(server.enrolments, 1);
	give_token_of("tok_2");
	RUN_UNTIL(status().is_up);
	assert_int_equal(server.enrolments, 2);
	pki_free(first);
}

static void
a_host_that_waits_for_approval_says_so(void **state)
{
	(void)state;
	start_enrolled();
	reply_error(DS_WIRE_PENDING);
	RUN_UNTIL(!status().is_up);
	assert_string_equal(status().text, "waiting for approval: no");
	assert_true(status().is_enrolled);
}

static void
another_token_is_tried_before_the_time_is_over(void **state)
{
	(void)state;
	server.on_enrol = REFUSE;
	server.error = DS_WIRE_TOKEN_USED;
	give_token();
	start_link("");
	RUN_UNTIL(strstr(status().text, "was used before") != NULL);
	assert_int_equal(server.enrolments, 1);
	server.on_enrol = ISSUE;
	give_token_of("tok_2");
	RUN_UNTIL(status().is_up);
	assert_int_equal(server.enrolments, 2);
}

static void
another_address_is_taken_at_once(void **state)
{
	char address[64];

	(void)state;
	give_token();
	start_link("127.0.0.1:1,[::1]:1");
	RUN_UNTIL(strstr(status().text, "cannot reach the server") != NULL);
	snprintf(address, sizeof(address), "127.0.0.1:1, localhost:%u", server.port);
	link_set_address(link_, address);
	RUN_UNTIL(status().is_up);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_host_with_a_token_enrols_and_sends_what_it_has),
		CASE(a_lost_answer_is_asked_for_with_the_same_key),
		CASE(a_token_that_does_not_work_is_told_and_kept),
		CASE(without_a_token_it_says_what_is_missing),
		CASE(an_impostor_gets_neither_the_secret_nor_a_greeting),
		CASE(urgent_batches_overtake_a_full_window_of_bulk),
		CASE(large_batches_fill_the_window_by_bytes),
		CASE(a_batch_too_large_for_the_server_does_not_stop_the_rest),
		CASE(after_a_break_it_goes_on_behind_what_was_committed),
		CASE(a_cursor_of_another_epoch_drops_nothing),
		CASE(an_ack_for_what_was_never_sent_ends_the_session),
		CASE(orders_and_results_pass_through),
		CASE(the_certificate_is_renewed_with_a_fresh_key_while_the_session_goes_on),
		CASE(a_renewal_whose_answer_was_lost_is_asked_for_again_in_the_next_session),
		CASE(a_renewal_for_another_host_is_refused),
		CASE(each_session_has_a_number_and_tells_those_before),
		CASE(a_copy_asks_for_an_identity_of_its_own_with_a_fresh_key),
		CASE(a_revoked_host_comes_back_slowly),
		CASE(a_revoked_host_with_a_new_token_enrols_anew),
		CASE(a_token_that_came_with_a_restart_waits_for_the_servers_word),
		CASE(a_token_is_wiped_where_it_is_not_needed),
		CASE(a_server_that_was_made_anew_takes_the_host_with_a_new_token),
		CASE(a_host_that_waits_for_approval_says_so),
		CASE(another_token_is_tried_before_the_time_is_over),
		CASE(another_address_is_taken_at_once),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(60); /* a hang is a failure */
	ds_log_init("test_link", getenv("DS_TEST_LOG") ? DS_LOG_DEBUG : DS_LOG_ERROR);
	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Also of the other small parts of the link: backoff, window, facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/backoff.h"
#include "agent/uplink/facts.h"
#include "agent/uplink/resolve.h"
#include "agent/uplink/window.h"
#include "lib/file.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct resolve_answer answer;
static unsigned answers;

static void
on_answer(const struct resolve_answer *a, void *ctx)
{
	(void)ctx;
	answer = *a;
	answers++;
}

static void
resolve_all(const char *list)
{
	struct event_base *base = event_base_new();

	answers = 0;
	assert_non_null(resolve_start(base, list, on_answer, NULL));
	assert_int_equal(answers, 0); /* never from inside the call */
	while (answers == 0)
		assert_int_not_equal(event_base_loop(base, EVLOOP_ONCE), -1);
	event_base_free(base);
}

static void
hosts_and_ports_are_told_apart(void **state)
{
	static const struct {
		const char *list, *host, *port;
	} cases[] = {
		{ "ds.example.org", "ds.example.org", "7443" },
		{ "ds.example.org:1", "ds.example.org", "1" },
		{ " 192.0.2.1:99 ", "192.0.2.1", "99" },
		{ "[2001:db8::1]:99", "2001:db8::1", "99" },
		{ "[2001:db8::1]", "2001:db8::1", "7443" },
		{ "2001:db8::1", "2001:db8::1", "7443" },
	};
	static const char *const bad[] = { ":7443", "host:", "[::1", "[::1]x", "[]:1" };
	char host[64], port[16];
	const char *list;

	(void)state;
	for (size_t i = 0; i < DS_LEN(cases); i++) {
		list = cases[i].list;
		assert_int_equal(resolve_next(&list, host, sizeof(host), port, sizeof(port)), 1);
		assert_string_equal(host, cases[i].host);
		assert_string_equal(port, cases[i].port);
		assert_int_equal(resolve_next(&list, host, sizeof(host), port, sizeof(port)), 0);
	}
	for (size_t i = 0; i < DS_LEN(bad); i++) {
		list = bad[i];
		assert_int_equal(
		    resolve_next(&list, host, sizeof(host), port, sizeof(port)), -EINVAL);
	}
	list = "a-name-that-is-too-long-for-the-room-there-is-for-it.example.org.xx,b";
	assert_int_equal(resolve_next(&list, host, 10, port, sizeof(port)), -EINVAL);
	assert_int_equal(resolve_next(&list, host, 10, port, sizeof(port)), 1);
	assert_string_equal(host, "b");
}

static void
literal_addresses_keep_their_order(void **state)
{
	(void)state;
	resolve_all("192.0.2.1:1, [2001:db8::1]:2,192.0.2.3");
	assert_int_equal(answer.len, 3);
	assert_int_equal(answer.addresses[0].sa.ss_family, AF_INET);
	assert_int_equal(answer.addresses[1].sa.ss_family, AF_INET6);
	assert_int_equal(
	    ntohs(((struct sockaddr_in *)(void *)&answer.addresses[2].sa)->sin_port), 7443);
}

static void
names_are_looked_up_on_a_thread(void **state)
{
	(void)state;
	resolve_all("localhost:1");
	assert_true(answer.len > 0);
}

static void
what_cannot_be_is_told(void **state)
{
	(void)state;
	resolve_all("");
	assert_int_equal(answer.len, 0);
	assert_string_equal(answer.why, "no address is configured");
	resolve_all("192.0.2.1:no-such-service-name");
	assert_int_equal(answer.len, 0);
	assert_true(strlen(answer.why) > 0);
}

static void
a_cancelled_look_up_never_answers(void **state)
{
	struct event_base *base = event_base_new();

	(void)state;
	answers = 0;
	for (int i = 0; i < 20; i++)
		resolve_cancel(
		    resolve_start(base, i % 2 ? "localhost:1" : "192.0.2.1:1", on_answer, NULL));
	resolve_cancel(NULL);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(answers, 0);
	event_base_free(base);
}

static void
waits_are_jittered_and_bounded(void **state)
{
	uint64_t sum = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct backoff b = { .min_ms = 1000, .max_ms = 300000 };

		assert_in_range(backoff_next_ms(&b, 0), 0, 1000);
		assert_in_range(backoff_next_ms(&b, 0), 0, 2000);
		for (int n = 0; n < 100; n++)
			assert_in_range(backoff_next_ms(&b, 0), 0, 300000);
		sum += backoff_next_ms(&b, 0);
		assert_in_range(backoff_next_ms(&b, 60), 60000, 90000);
		assert_in_range(backoff_next_ms(&b, UINT32_MAX), 3600000, 5400000);
		backoff_reset(&b);
		assert_in_range(backoff_next_ms(&b, 0), 0, 1000);
	}
	assert_in_range(sum / 1000, 130000, 170000); /* the whole range is used */
}

static void
a_window_is_bounded_by_number_and_by_bytes(void **state)
{
	struct window w;

	(void)state;
	window_reset(&w, 5);
	for (uint64_t seq = 6; window_is_open(&w); seq += 2) /* sequence numbers may have holes */
		window_push(&w, seq, 10);
	assert_int_equal(w.len, WINDOW_LEN);
	assert_int_equal(window_ack(&w, 5), 0);
	assert_int_equal(window_ack(&w, 7), 1);
	assert_int_equal(window_ack(&w, w.sent + 1), -1);
	assert_int_equal(window_ack(&w, w.sent), WINDOW_LEN - 1);
	assert_int_equal(w.bytes, 0);
	for (unsigned round = 0; round < 3 * WINDOW_LEN; round++) {
		window_push(&w, w.sent + 1, 10);
		assert_int_equal(window_ack(&w, w.sent), 1);
	}
	window_push(&w, w.sent + 1, WINDOW_BYTES * 3);
	assert_false(window_is_open(&w));
	assert_int_equal(window_ack(&w, w.sent), 1);
	assert_true(window_is_open(&w));
}

static char root[] = "/tmp/ds-facts-XXXXXX";

static void
put_file(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", root, name);
	assert_int_equal(ds_file_replace(path, text, strlen(text), 0600), 0);
}

static void
facts_are_read_and_the_machine_id_is_not_told(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef";
	struct ds_hello h;
	char path[128];

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/etc", root);
	facts_read(root, &h);
	assert_string_equal(h.os, "");
	assert_string_equal(h.machine_id, "");
	assert_int_equal(mkdir(path, 0700), 0);
	put_file("/etc/os-release",
	    "NAME=\"x\"\nOLD_PRETTY_NAME=no\nPRETTY_NAME=\"Debian \\\"12\\\"\"\nID=debian\n");
	put_file("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	facts_read(root, &h);
	assert_string_equal(h.os, "Debian \"12\"");
	assert_int_equal(strlen(h.machine_id), 32);
	assert_string_not_equal(h.machine_id, id);
	assert_true(h.now_us > h.boot_time_us);
	assert_true(strlen(h.kernel) > 0 && strlen(h.arch) > 0);
	put_file("/etc/os-release", "PRETTY_NAME='Alpine'");
	facts_read(root, &h);
	assert_string_equal(h.os, "Alpine");
	put_file("/etc/os-release", "PRETTY_NAME=Void\nX=1\n");
	facts_read(root, &h);
	assert_string_equal(h.os, "Void");
	put_file("/etc/os-release", "PRETTY_NAME=\"");
	facts_read(root, &h);
	assert_string_equal(h.os, "");
	facts_read("", &h);
	assert_int_equal(strlen(h.boot_id), 36);
	snprintf(path, sizeof(path), "%s/etc/os-release", root);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/etc/machine-id", root);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/etc", root);
	(void)rmdir(path);
	(void)rmdir(root);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_and_ports_are_told_apart),
		cmocka_unit_test(literal_addresses_keep_their_order),
		cmocka_unit_test(names_are_looked_up_on_a_thread),
		cmocka_unit_test(what_cannot_be_is_told),
		cmocka_unit_test(a_cancelled_look_up_never_answers),
		cmocka_unit_test(waits_are_jittered_and_bounded),
		cmocka_unit_test(a_window_is_bounded_by_number_and_by_bytes),
		cmocka_unit_test(facts_are_read_and_the_machine_id_is_not_told),
	};

	alarm(60);
	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}

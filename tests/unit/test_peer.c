/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/api/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const char *
peer(const char *address, const char *forwarded, const char *proxies)
{
	static char ret[PEER_MAX];

	peer_of(address, forwarded, proxies, ret);
	return ret;
}

static void
what_a_stranger_says_of_itself_does_not_count(void **state)
{
	(void)state;
	assert_string_equal(peer("192.0.2.1", "198.51.100.7", ""), "192.0.2.1");
	assert_string_equal(peer("192.0.2.1", "198.51.100.7", "127.0.0.1,::1"), "192.0.2.1");
	assert_string_equal(peer("local", "198.51.100.7", "0.0.0.0/0"), "local");
}

static void
a_proxy_of_ours_says_whom_it_heard(void **state)
{
	(void)state;
	assert_string_equal(peer("127.0.0.1", "198.51.100.7", "127.0.0.1"), "198.51.100.7");
	assert_string_equal(peer("127.0.0.1", "2001:DB8:0:0::1", "127.0.0.0/8"), "2001:db8::1");
	assert_string_equal(peer("127.0.0.1", NULL, "127.0.0.1"), "127.0.0.1");
	assert_string_equal(peer("127.0.0.1", "", "127.0.0.1"), "127.0.0.1");
}

static void
the_last_that_is_no_proxy_counts_and_what_is_before_it_does_not(void **state)
{
	static const char ours[] = "127.0.0.1,10.0.0.0/8";

	(void)state;
	assert_string_equal(
	    peer("127.0.0.1", "203.0.113.9, 198.51.100.7 ,\t10.1.2.3", ours), "198.51.100.7");
	assert_string_equal(peer("127.0.0.1", "127.0.0.1, 198.51.100.7", ours), "198.51.100.7");
	assert_string_equal(peer("127.0.0.1", "10.0.0.1,10.0.0.2", ours), "10.0.0.1");
}

static void
what_is_no_address_leaves_the_nearest_that_is(void **state)
{
	static const char *const odd[] = { "unknown", "_hidden", "198.51.100.7:80", "1.2.3", ",",
		"198.51.100.7,",
		"a very long word that is longer than any address can be, really it is",
		"[2001:db8::1]" };

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_string_equal(peer("127.0.0.1", odd[i], "127.0.0.1"), "127.0.0.1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_stranger_says_of_itself_does_not_count),
		cmocka_unit_test(a_proxy_of_ours_says_whom_it_heard),
		cmocka_unit_test(the_last_that_is_no_proxy_counts_and_what_is_before_it_does_not),
		cmocka_unit_test(what_is_no_address_leaves_the_nearest_that_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/cidr.h"

#include <errno.h>
#include <string.h>

static void
networks_are_read_and_their_host_bits_cleared(void **state)
{
	static const uint8_t v4[16] = { [10] = 0xff, 0xff, 192, 0, 2, 0 };
	struct ds_cidr c;

	(void)state;
	assert_int_equal(ds_cidr_parse("192.0.2.77/24", 13, &c), 0);
	assert_memory_equal(c.address, v4, sizeof(v4));
	assert_int_equal(c.prefix, 120);
	assert_int_equal(ds_cidr_parse(" 2001:db8::1 ", 13, &c), 0);
	assert_int_equal(c.prefix, 128);
	assert_int_equal(ds_cidr_parse("::/0", 4, &c), 0);
	assert_int_equal(c.prefix, 0);
}

static void
what_is_no_network_is_refused(void **state)
{
	static const char *const bad[] = { "192.0.2.0/33", "192.0.2/24", "2001:db8::/129", "web",
		"192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/24/8", "192.0.2.0/0x8", "1.2.3.4,",
		",1.2.3.4", "1.2.3.4,,5.6.7.8", "/8",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ds_cidr_check(bad[i]), -EINVAL);
	assert_int_equal(ds_cidr_check(""), 0);
	assert_int_equal(ds_cidr_check("10.0.0.0/8, 2001:db8::/32,192.0.2.7"), 0);
}

static void
a_peer_is_in_a_network_or_not(void **state)
{
	const char *list = "10.0.0.0/8, 2001:db8::/33,192.0.2.7";

	(void)state;
	assert_true(ds_cidr_list_has(list, "10.255.0.1:4711"));
	assert_true(ds_cidr_list_has(list, "10.0.0.0"));
	assert_true(ds_cidr_list_has(list, "[2001:db8:7fff::1]:80"));
	assert_true(ds_cidr_list_has(list, "2001:db8::1"));
	assert_true(ds_cidr_list_has(list, "[::ffff:10.1.2.3]:80"));
	assert_true(ds_cidr_list_has(list, "192.0.2.7:1"));
	assert_false(ds_cidr_list_has(list, "11.0.0.1:4711"));
	assert_false(ds_cidr_list_has(list, "192.0.2.8:1"));
	assert_false(ds_cidr_list_has(list, "[2001:db8:8000::1]:80"));
	assert_false(ds_cidr_list_has(list, ""));
	assert_false(ds_cidr_list_has(list, "unix"));
	assert_false(ds_cidr_list_has("", "10.0.0.1"));
	assert_true(ds_cidr_list_has("0.0.0.0/0", "10.0.0.1:1"));
	assert_false(ds_cidr_list_has("0.0.0.0/0", "[2001:db8::1]:1"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_are_read_and_their_host_bits_cleared),
		cmocka_unit_test(what_is_no_network_is_refused),
		cmocka_unit_test(a_peer_is_in_a_network_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

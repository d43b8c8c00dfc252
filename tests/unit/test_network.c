/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/reactions/network.h"

#include <errno.h>
#include <string.h>

static struct network
parse(const char *text)
{
	struct network n;

	assert_int_equal(network_parse(text, &n), 0);
	return n;
}

static void
is_written_as(const char *text, const char *written)
{
	struct network n = parse(text);
	char back[64];

	network_format(&n, back, sizeof(back));
	assert_string_equal(back, written);
}

static void
addresses_and_networks_are_read_and_written(void **state)
{
	(void)state;
	is_written_as("192.0.2.1", "192.0.2.1");
	is_written_as("192.0.2.77/24", "192.0.2.0/24");
	is_written_as("192.0.2.1/32", "192.0.2.1");
	is_written_as("0.0.0.0/0", "0.0.0.0/0");
	is_written_as("2001:DB8::1/33", "2001:db8::/33");
	is_written_as("::", "::");
}

static void
a_mapped_address_is_of_version_4(void **state)
{
	(void)state;
	is_written_as("::ffff:192.0.2.1", "192.0.2.1");
	is_written_as("::ffff:192.0.2.1/120", "192.0.2.0/24");
	is_written_as("::ffff:0:0/96", "0.0.0.0/0");
	is_written_as("::ffff:0:0/95", "::fffe:0:0/95");
}

static void
what_is_no_network_is_refused(void **state)
{
	static const char *const bad[] = { "", "x", "192.0.2", "192.0.2.1/33", "192.0.2.1/-1",
		"192.0.2.1/ 8", "192.0.2.1/8x", "192.0.2.1/", "::1/129", "1.2.3.4.5", "[::1]",
		"fe80::1%eth0",
		"1111:2222:3333:4444:5555:6666:7777:8888:1111:2222:3333:4444:5555:6666:7777:8888" };
	struct network n;

	(void)state;
	for (size_t i = 0; i < DS_LEN(bad); i++)
		assert_int_equal(network_parse(bad[i], &n), -EINVAL);
	assert_int_equal(network_of("12345", 5, &n), -EINVAL);
}

static void
networks_overlap_when_one_has_the_other(void **state)
{
	struct network a = parse("192.0.2.0/24"), b = parse("192.0.2.7"), c = parse("192.0.3.0/24"),
		       d = parse("192.0.2.0/23"), all = parse("0.0.0.0/0"), six = parse("::/0");

	(void)state;
	assert_true(network_overlaps(&a, &b) && network_overlaps(&b, &a));
	assert_false(network_overlaps(&a, &c));
	assert_true(network_overlaps(&d, &c) && network_overlaps(&d, &a));
	assert_true(network_overlaps(&all, &b));
	assert_false(network_overlaps(&all, &six));
	assert_true(network_is_address(&b) && !network_is_address(&a));
}

static void
the_last_address_has_all_bits_set(void **state)
{
	struct network a = parse("192.0.2.0/23"), b = parse("2001:db8::/127");
	uint8_t last[16];

	(void)state;
	network_last(&a, last);
	assert_memory_equal(last, ((uint8_t[]){ 192, 0, 3, 255 }), 4);
	network_last(&b, last);
	assert_int_equal(last[15], 1);
	assert_int_equal(last[14], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_and_networks_are_read_and_written),
		cmocka_unit_test(a_mapped_address_is_of_version_4),
		cmocka_unit_test(what_is_no_network_is_refused),
		cmocka_unit_test(networks_overlap_when_one_has_the_other),
		cmocka_unit_test(the_last_address_has_all_bits_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

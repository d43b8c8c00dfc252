/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passwords, second factors, roles, waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/api/access.h"
#include "server/api/pace.h"
#include "server/api/throttle.h"

#include <stdlib.h>
#include <string.h>

static void
who_asks_too_much_waits_and_others_do_not(void **state)
{
	struct pace *p = calloc(1, sizeof(*p));
	unsigned passed = 0;
	uint64_t wait_us = 0;

	(void)state;
	assert_non_null(p);
	for (unsigned i = 0; i < 1000; i++)
		passed += pace_take(p, "ada", 10, 5000000) == 0;
	assert_int_equal(passed, 10 * PACE_BURST_S);
	wait_us = pace_take(p, "ada", 10, 5000000);
	assert_true(wait_us > 0 && wait_us <= 100000);
	assert_int_equal(pace_take(p, "ada", 10, 5000000 + wait_us), 0);
	assert_int_equal(pace_take(p, "bob", 10, 5000000), 0);
	assert_int_equal(pace_take(p, "ada", 0, 5000000), 0);
	free(p);
}

static void
a_password_fits_its_hash_and_no_other(void **state)
{
	char one[PASSWORD_HASH_MAX], two[PASSWORD_HASH_MAX];

	(void)state;
	assert_int_equal(password_hash("correct horse", one), 0);
	assert_int_equal(password_hash("correct horse", two), 0);
	assert_string_not_equal(one, two);
	assert_true(password_check("correct horse", one));
	assert_false(password_check("correct horsf", one));
	assert_false(password_check("", one));
	assert_false(password_check("correct horse", ""));
	assert_false(password_check("correct horse", "not a hash"));
}

static void
made_passwords_differ_and_would_be_accepted(void **state)
{
	char one[PASSWORD_MADE], two[PASSWORD_MADE];

	(void)state;
	assert_int_equal(password_make(one), 0);
	assert_int_equal(password_make(two), 0);
	assert_string_not_equal(one, two);
	assert_int_equal(strlen(one), PASSWORD_MADE - 1);
	assert_null(password_flaw(one, "ada"));
}

static void
weak_passwords_are_refused_with_a_reason(void **state)
{
	(void)state;
	assert_non_null(password_flaw("short", "ada"));
	assert_non_null(password_flaw("aaaaaaaaaaaa", "ada"));
	assert_non_null(password_flaw("administrator", "Administrator"));
	assert_null(password_flaw("tulip sofa 42", "ada"));
}

/* RFC 6238, appendix B: the last six digits of its SHA-1 rows. */
static void
codes_are_those_of_the_standard(void **state)
{
	const uint8_t *secret = (const uint8_t *)"12345678901234567890";
	char text[TOTP_TEXT];

	(void)state;
	assert_int_equal(totp_code(secret, 59 / 30), 287082);
	assert_int_equal(totp_code(secret, 1111111109 / 30), 81804);
	assert_int_equal(totp_code(secret, 1234567890 / 30), 5924);
	assert_int_equal(totp_code(secret, 20000000000 / 30), 353130);
	totp_text(secret, text);
	assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}

static void
a_code_is_good_for_its_time_and_once(void **state)
{
	const uint8_t *secret = (const uint8_t *)"12345678901234567890";
	uint64_t at = UINT64_C(1111111109) * 1000000, step = 1111111109 / 30;

	(void)state;
	assert_int_equal(totp_check(secret, "081804", at, 0), step);
	assert_int_equal(totp_check(secret, "081804", at + 29000000, 0), step);
	assert_int_equal(totp_check(secret, "081804", at + 90000000, 0), 0);
	assert_int_equal(totp_check(secret, "081804", at, step), 0);
	assert_int_equal(totp_check(secret, "81804", at, 0), 0);
	assert_int_equal(totp_check(secret, "081805", at, 0), 0);
	assert_int_equal(totp_check(secret, "0818 4", at, 0), 0);
}

static void
each_role_may_what_the_one_before_may_and_more(void **state)
{
	static const char *const wanted[] = { "alerts:read", "alerts:write", "reactions:write",
		"admin:write" };
	struct caller c = { .kind = CALLER_SESSION };

	(void)state;
	for (size_t i = 0; role_table[i].name != NULL; i++) {
		caller_take_role(&c, &role_table[i]);
		for (size_t j = 0; j < DS_LEN(wanted); j++)
			assert_int_equal(caller_may(&c, wanted[j]), j <= i);
		assert_true(caller_may(&c, "self:write"));
	}
	assert_null(role_find("root"));
}

static void
a_one_time_password_opens_nothing_but_its_own_change(void **state)
{
	struct caller c = { .kind = CALLER_SESSION, .must_change = true };
	const struct caller nobody = { .kind = CALLER_NOBODY };

	(void)state;
	caller_take_role(&c, role_find("admin"));
	assert_false(caller_may(&c, "status:read"));
	assert_true(caller_may(&c, "self:write"));
	assert_false(caller_may(&nobody, "self:read"));
}

static void
who_fails_again_and_again_waits_longer_and_longer(void **state)
{
	struct throttle *t = calloc(1, sizeof(*t));
	uint64_t now = 1000, first, second;

	(void)state;
	for (unsigned i = 0; i < throttle_user.free; i++)
		throttle_failed(t, &throttle_user, 7, now);
	assert_int_equal(throttle_wait(t, 7, now), 0);
	throttle_failed(t, &throttle_user, 7, now);
	first = throttle_wait(t, 7, now);
	assert_true(first > 0);
	assert_int_equal(throttle_wait(t, 8, now), 0);
	now += first;
	assert_int_equal(throttle_wait(t, 7, now), 0);
	throttle_failed(t, &throttle_user, 7, now);
	second = throttle_wait(t, 7, now);
	assert_int_equal(second, 2 * first);
	for (unsigned i = 0; i < 100; i++)
		throttle_failed(t, &throttle_user, 7, now);
	assert_int_equal(throttle_wait(t, 7, now), throttle_user.max_ms);
	throttle_passed(t, 7);
	now += throttle_user.max_ms;
	throttle_failed(t, &throttle_user, 7, now);
	assert_int_equal(throttle_wait(t, 7, now), 0);
	free(t);
}

static void
names_tried_from_one_address_are_counted_together_and_forgiven_sooner(void **state)
{
	struct throttle *t = calloc(1, sizeof(*t));
	uint64_t one = throttle_key("192.0.2.1", NULL);

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		throttle_failed(t, &throttle_address, one, 1000);
	assert_int_equal(throttle_wait(t, one, 1000), throttle_address.max_ms);
	assert_true(throttle_address.max_ms < throttle_user.max_ms);
	assert_int_equal(throttle_wait(t, throttle_key("192.0.2.2", NULL), 1000), 0);
	free(t);
}

static void
an_address_of_ipv6_is_its_network(void **state)
{
	uint64_t key = throttle_key("2001:db8:1:2::1", "ada");

	(void)state;
	assert_true(throttle_key("2001:db8:1:2:ffff::9", "ada") == key);
	assert_true(throttle_key("2001:db8:1:3::1", "ada") != key);
	assert_true(throttle_key("2001:db8:1:2::1", "bob") != key);
	assert_true(
	    throttle_key("::ffff:192.0.2.1", "ada") != throttle_key("::ffff:192.0.2.2", "ada"));
	assert_true(throttle_key("192.0.2.1", "ada") != throttle_key("192.0.2.2", "ada"));
}

static void
a_session_secret_makes_its_own_token_against_forgery(void **state)
{
	char one[ACCESS_SECRET_TEXT], two[ACCESS_SECRET_TEXT];
	char a[ACCESS_CSRF_TEXT], b[ACCESS_CSRF_TEXT];
	uint8_t hash[ACCESS_HASH_SIZE];

	(void)state;
	assert_int_equal(access_make(one, hash), 0);
	assert_int_equal(access_make(two, hash), 0);
	access_csrf(one, a);
	access_csrf(two, b);
	assert_string_not_equal(a, b);
	access_csrf(one, b);
	assert_string_equal(a, b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_too_much_waits_and_others_do_not),
		cmocka_unit_test(a_password_fits_its_hash_and_no_other),
		cmocka_unit_test(made_passwords_differ_and_would_be_accepted),
		cmocka_unit_test(weak_passwords_are_refused_with_a_reason),
		cmocka_unit_test(codes_are_those_of_the_standard),
		cmocka_unit_test(a_code_is_good_for_its_time_and_once),
		cmocka_unit_test(each_role_may_what_the_one_before_may_and_more),
		cmocka_unit_test(a_one_time_password_opens_nothing_but_its_own_change),
		cmocka_unit_test(who_fails_again_and_again_waits_longer_and_longer),
		cmocka_unit_test(
		    names_tried_from_one_address_are_counted_together_and_forgiven_sooner),
		cmocka_unit_test(an_address_of_ipv6_is_its_network),
		cmocka_unit_test(a_session_secret_makes_its_own_token_against_forgery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

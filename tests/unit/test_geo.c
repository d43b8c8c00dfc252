/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/geo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct geo *
lists(const char *const *allow, size_t allow_len, const char *const *deny, size_t deny_len)
{
	char why[300];
	struct geo *g = geo_open("", allow, allow_len, deny, deny_len, why, sizeof(why));

	if (g == NULL)
		fail_msg("%s", why);
	return g;
}

static void
look(const struct geo *g, const char *address, const char *want)
{
	char country[3] = "";
	uint8_t raw[16];
	unsigned size = strchr(address, ':') != NULL ? 16 : 4;

	assert_int_equal(inet_pton(size == 4 ? AF_INET : AF_INET6, address, raw), 1);
	assert_int_equal(geo_country(g, raw, size, country), want[0] != '\0');
	assert_string_equal(country, want);
}

static void
countries_come_from_the_text_form(void **state)
{
	struct geo *g = lists(NULL, 0, NULL, 0);

	(void)state;
	assert_int_equal(
	    geo_add_text(g, "# comment\n16777216,16777471,AU\n16777472,16778239,CN\n"
			    "2001:200::,2001:200:ffff:ffff:ffff:ffff:ffff:ffff,JP\nnonsense\n"),
	    3);
	look(g, "1.0.0.7", "AU");
	look(g, "1.0.1.0", "CN");
	look(g, "1.0.3.255", "CN");
	look(g, "1.0.4.0", "");
	look(g, "0.255.255.255", "");
	look(g, "2001:200::1", "JP");
	look(g, "2001:201::1", "");
	geo_close(g);
}

static bool
is_denied(const struct geo *g, const char *address, const char *country)
{
	const struct login_policy *p = geo_policy(g);
	uint8_t raw[4];

	assert_int_equal(inet_pton(AF_INET, address, raw), 1);
	return p->denied(p->list_ctx, raw, 4, country);
}

static void
lists_hold_countries_addresses_and_networks(void **state)
{
	static const char *const deny[] = { "kp", "198.51.100.0/23", "203.0.113.9" };
	struct geo *g = lists(NULL, 0, deny, 3);

	(void)state;
	assert_true(is_denied(g, "9.9.9.9", "KP"));
	assert_false(is_denied(g, "9.9.9.9", "DE"));
	assert_true(is_denied(g, "198.51.101.255", ""));
	assert_false(is_denied(g, "198.51.102.0", ""));
	assert_true(is_denied(g, "203.0.113.9", ""));
	assert_false(is_denied(g, "203.0.113.8", ""));
	geo_close(g);
}

static void
what_is_no_network_is_refused(void **state)
{
	static const char *const bad[] = { "", "x", "deu", "1.2.3", "1.2.3.4/33", "1.2.3.4/x",
		"12345", "::/129" };
	char why[300];

	(void)state;
	for (size_t i = 0; i < DS_LEN(bad); i++) {
		assert_null(geo_open("", &bad[i], 1, NULL, 0, why, sizeof(why)));
		assert_non_null(strstr(why, "allow"));
	}
	assert_null(geo_open("/nowhere/at/all", NULL, 0, NULL, 0, why, sizeof(why)));
	assert_non_null(strstr(why, "/nowhere/at/all"));
}

static unsigned told, denied;

static void
tell(const struct login_found *f, void *ctx)
{
	(void)ctx;
	told++;
	denied += f->what == LOGIN_REFUSED_AT && f->source[0] != '\0';
}

static void
logins_from_denied_places_are_told_and_allowed_ones_never(void **state)
{
	static const char *const allow[] = { "203.0.113.0/24" }, *const deny[] = {
		"198.51.100.0/24"
	};
	struct geo *g = lists(allow, 1, deny, 1);
	struct login_model *m = login_model_new(geo_policy(g));
	struct login_event ev = { .host = 1,
		.host_name = "h",
		.daemon = "d",
		.user = "u",
		.method = "password",
		.address = { 198, 51, 100, 1 },
		.address_size = 4,
		.success = true,
		.count = 1,
		.time_us = 1000000 };

	(void)state;
	told = denied = 0;
	assert_int_equal(login_model_take(m, &ev, tell, NULL), 0);
	assert_int_equal(denied, 1);
	memcpy(ev.address, (uint8_t[4]){ 203, 0, 113, 5 }, 4);
	ev.success = false;
	for (int i = 0; i < 100; i++)
		assert_int_equal(login_model_take(m, &ev, tell, NULL), 0);
	assert_int_equal(told, 1);
	login_model_free(m);
	geo_close(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(countries_come_from_the_text_form),
		cmocka_unit_test(lists_hold_countries_addresses_and_networks),
		cmocka_unit_test(what_is_no_network_is_refused),
		cmocka_unit_test(logins_from_denied_places_are_told_and_allowed_ones_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

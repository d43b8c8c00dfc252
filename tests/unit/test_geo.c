/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/geo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

#ifdef HAVE_MAXMINDDB
/* ---- a small .mmdb, by its public description: a tree of bits, values, and what is said of both
 */

#define NODES_MAX 600u

struct mmdb {
	uint32_t node[NODES_MAX][2]; /* 0: nothing; below 1 << 20: a node; above: a value */
	uint32_t nodes;
	uint8_t values[200];
	uint32_t values_size;
};

#define VALUE (1u << 20)

static void
put_network(struct mmdb *m, const uint8_t *address, unsigned bits, uint32_t value)
{
	uint32_t at = 0;

	for (unsigned i = 0; i + 1 < bits; i++) {
		uint32_t *next = &m->node[at][address[i / 8] >> (7 - i % 8) & 1];

		if (*next == 0)
			*next = ++m->nodes;
		assert_true(*next < NODES_MAX && *next < VALUE);
		at = *next;
	}
	m->node[at][address[(bits - 1) / 8] >> (7 - (bits - 1) % 8) & 1] = VALUE + value;
}

/* {"country": {"iso_code": "xx"}}; where it is. */
static uint32_t
put_country(struct mmdb *m, const char *code)
{
	uint32_t at = m->values_size;

	m->values_size += (uint32_t)snprintf((char *)m->values + at, sizeof(m->values) - at,
	    "\xe1\x47"
	    "country\xe1\x48"
	    "iso_code\x42%s",
	    code);
	return at;
}

static size_t
append_text(char *to, const char *text)
{
	memcpy(to, text, strlen(text));
	return strlen(text);
}

static void
write_mmdb(const struct mmdb *m, unsigned version, const char *path, size_t cut)
{
	static const char marker[] = "\xab\xcd\xefMaxMind.com";
	uint32_t count = m->nodes + 1;
	char meta[300], *to = meta;
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	for (uint32_t i = 0; i < count; i++)
		for (int k = 0; k < 2; k++) {
			uint32_t v = m->node[i][k];
			uint32_t out = v == 0 ? count : v < VALUE ? v : v - VALUE + count + 16;

			fputc((int)(out >> 16 & 255), f);
			fputc((int)(out >> 8 & 255), f);
			fputc((int)(out & 255), f);
		}
	for (int i = 0; i < 16; i++)
		fputc(0, f);
	assert_int_equal(fwrite(m->values, 1, m->values_size, f), m->values_size);
	/* A map of nine: control bytes are type << 5 | size; 64-bit numbers and arrays have a byte
	 * more. */
	to += append_text(to, "\xe9\x5b"
			      "binary_format_major_version\xa1\x02\x5b"
			      "binary_format_minor_version");
	*to++ = '\xa0';
	to += append_text(to, "\x4b"
			      "build_epoch\x01\x02\x01\x4d"
			      "database_type\x44"
			      "test\x4b"
			      "description\xe1\x42"
			      "en\x44"
			      "test\x4a"
			      "ip_version");
	*to++ = '\xa1';
	*to++ = (char)version;
	to += append_text(to, "\x49"
			      "languages\x01\x04\x42"
			      "en\x4a"
			      "node_count");
	*to++ = '\xc2';
	*to++ = (char)(count >> 8);
	*to++ = (char)count;
	to += append_text(to, "\x4b"
			      "record_size\xa1\x18");
	assert_int_equal(fwrite(marker, 1, sizeof(marker) - 1, f), sizeof(marker) - 1);
	assert_int_equal(fwrite(meta, 1, (size_t)(to - meta), f), to - meta);
	assert_int_equal(fclose(f), 0);
	if (cut > 0)
		assert_int_equal(truncate(path, (off_t)cut), 0);
}

static const uint8_t british[16] = { [12] = 81, [13] = 2, [14] = 69 };
static const uint8_t german[16] = { 0x2a, 0x01, 0x04, 0xf8 };

static void
countries_come_from_an_mmdb_of_both_protocols(void **state)
{
	static const char *const deny[] = { "GB" };
	struct mmdb m = { 0 };
	char path[] = "/tmp/daemonsec-geo.XXXXXX.mmdb", why[300];
	int fd = mkstemps(path, 5);
	struct geo *g;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	put_network(&m, british, 96 + 24, put_country(&m, "GB"));
	put_network(&m, german, 32, put_country(&m, "DE"));
	write_mmdb(&m, 6, path, 0);
	g = geo_open(path, NULL, 0, deny, 1, why, sizeof(why));
	if (g == NULL)
		fail_msg("%s", why);
	look(g, "81.2.69.160", "GB");
	look(g, "81.2.70.1", "");
	look(g, "2a01:4f8::1", "DE");
	look(g, "2a01:4f9::1", "");
	assert_true(is_denied(g, "81.2.69.160", "GB"));
	geo_close(g);
	remove(path);
}

static void
an_mmdb_of_one_protocol_knows_nothing_of_the_other(void **state)
{
	struct mmdb m = { 0 };
	char path[] = "/tmp/daemonsec-geo.XXXXXX.mmdb", why[300];
	int fd = mkstemps(path, 5);
	struct geo *g;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	put_network(&m, british + 12, 24, put_country(&m, "GB"));
	write_mmdb(&m, 4, path, 0);
	g = geo_open(path, NULL, 0, NULL, 0, why, sizeof(why));
	assert_non_null(g);
	look(g, "81.2.69.1", "GB");
	look(g, "82.2.69.1", "");
	look(g, "2a01:4f8::1", "");
	geo_close(g);
	remove(path);
}

static void
an_mmdb_that_is_cut_short_is_refused_with_its_name(void **state)
{
	struct mmdb m = { 0 };
	char path[] = "/tmp/daemonsec-geo.XXXXXX.mmdb", why[300];
	int fd = mkstemps(path, 5);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	put_network(&m, british, 96 + 24, put_country(&m, "GB"));
	write_mmdb(&m, 6, path, 200);
	assert_null(geo_open(path, NULL, 0, NULL, 0, why, sizeof(why)));
	assert_non_null(strstr(why, path));
	remove(path);
}
#endif

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
#ifdef HAVE_MAXMINDDB
		cmocka_unit_test(countries_come_from_an_mmdb_of_both_protocols),
		cmocka_unit_test(an_mmdb_of_one_protocol_knows_nothing_of_the_other),
		cmocka_unit_test(an_mmdb_that_is_cut_short_is_refused_with_its_name),
#endif
		cmocka_unit_test(logins_from_denied_places_are_told_and_allowed_ones_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

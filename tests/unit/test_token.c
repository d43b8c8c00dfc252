/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct ds_token
example(void)
{
	struct ds_token t = { .address = "ds.example.org:7443,[2001:db8::1]:7443",
		.id = "tok_01J0" };

	for (unsigned i = 0; i < sizeof(t.pin); i++) {
		t.pin[i] = (uint8_t)(i * 7);
		t.secret[i] = (uint8_t)(255 - i);
		t.order_key[i] = (uint8_t)(i + 1);
	}
	return t;
}

static void
a_token_comes_back_from_its_text(void **state)
{
	struct ds_token t = example(), back;
	char text[DS_TOKEN_TEXT_MAX], padded[DS_TOKEN_TEXT_MAX + 8];

	(void)state;
	assert_int_equal(ds_token_format(&t, text, sizeof(text)), 0);
	assert_memory_equal(text, "dse1.", 5);
	assert_int_equal(
	    strspn(text + 5, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
	    strlen(text) - 5);
	/* As it comes out of a file. */
	snprintf(padded, sizeof(padded), " %s\r\n", text);
	assert_int_equal(ds_token_parse(padded, &back), 0);
	assert_string_equal(back.address, t.address);
	assert_string_equal(back.id, t.id);
	assert_memory_equal(back.pin, t.pin, sizeof(t.pin));
	assert_memory_equal(back.secret, t.secret, sizeof(t.secret));
}

static void
the_longest_token_fits(void **state)
{
	struct ds_token t = { 0 }, back;
	char text[DS_TOKEN_TEXT_MAX];

	(void)state;
	memset(t.address, 'a', sizeof(t.address) - 1);
	memset(t.id, 'i', sizeof(t.id) - 1);
	assert_int_equal(ds_token_format(&t, text, sizeof(text)), 0);
	assert_int_equal(ds_token_parse(text, &back), 0);
	assert_string_equal(back.address, t.address);
	assert_int_equal(ds_token_format(&t, text, 100), -ENOBUFS);
}

static void
a_cut_or_mistyped_token_is_refused(void **state)
{
	struct ds_token t = example(), back = { 0 };
	char text[DS_TOKEN_TEXT_MAX], bad[DS_TOKEN_TEXT_MAX + 8];
	size_t len;

	(void)state;
	assert_int_equal(ds_token_format(&t, text, sizeof(text)), 0);
	len = strlen(text);
	for (size_t i = 0; i < len; i++) {
		memcpy(bad, text, len + 1);
		bad[i] = '\0';
		assert_int_equal(ds_token_parse(bad, &back), -EINVAL);
		memcpy(bad, text, len + 1);
		bad[i] = bad[i] == 'x' ? 'y' : 'x';
		assert_int_equal(ds_token_parse(bad, &back), -EINVAL);
	}
	snprintf(bad, sizeof(bad), "%s %s", text, "more");
	assert_int_equal(ds_token_parse(bad, &back), -EINVAL);
	assert_int_equal(ds_token_parse("", &back), -EINVAL);
	assert_int_equal(ds_token_parse("dse1.", &back), -EINVAL);
	assert_int_equal(ds_token_parse("dse2.AAAA", &back), -EINVAL);
	assert_string_equal(back.id, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_comes_back_from_its_text),
		cmocka_unit_test(the_longest_token_fits),
		cmocka_unit_test(a_cut_or_mistyped_token_is_refused),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}

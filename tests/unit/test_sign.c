/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What OpenSSL signs, nettle verifies: the two halves of sign.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static int
make_path(void **state)
{
	char dir[] = "/tmp/ds-sign-XXXXXX";

	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/order.key", dir);
	return 0;
}

static int
remove_path(void **state)
{
	(void)state;
	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	return rmdir(path);
}

static void
what_is_signed_verifies_and_nothing_else_does(void **state)
{
	uint8_t public[DS_SIGN_PUBLIC_SIZE], signature[DS_SIGN_SIZE], id[2][DS_SIGN_ID_SIZE];
	char text[300], why[256] = "";
	struct ds_sign_key *key = ds_sign_key_open(path, true, why, sizeof(why));

	(void)state;
	assert_string_equal(why, "");
	assert_non_null(key);
	ds_sign_key_public(key, public);
	ds_sign_key_id(key, id[0]);
	ds_verify_key_id(public, id[1]);
	assert_memory_equal(id[0], id[1], sizeof(id[0]));
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	for (size_t len = 0; len < sizeof(text); len += 37) {
		assert_int_equal(ds_sign(key, text, len, signature), 0);
		assert_true(ds_verify(public, text, len, signature));
		signature[len % sizeof(signature)] ^= 4;
		assert_false(ds_verify(public, text, len, signature));
		signature[len % sizeof(signature)] ^= 4;
		assert_false(ds_verify(public, text, len + 1, signature));
		public[len % sizeof(public)] ^= 1;
		assert_false(ds_verify(public, text, len, signature));
		public[len % sizeof(public)] ^= 1;
	}
	ds_sign_key_free(key);
}

static void
a_key_is_made_once_and_stays(void **state)
{
	uint8_t first[DS_SIGN_PUBLIC_SIZE], second[DS_SIGN_PUBLIC_SIZE];
	char why[256];
	struct ds_sign_key *key;
	struct stat st;

	(void)state;
	assert_null(ds_sign_key_open(path, false, why, sizeof(why)));
	key = ds_sign_key_open(path, true, why, sizeof(why));
	assert_non_null(key);
	ds_sign_key_public(key, first);
	ds_sign_key_free(key);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	key = ds_sign_key_open(path, true, why, sizeof(why));
	assert_non_null(key);
	ds_sign_key_public(key, second);
	ds_sign_key_free(key);
	assert_memory_equal(first, second, sizeof(first));
}

static void
a_damaged_key_is_refused_and_not_replaced(void **state)
{
	char why[256], back[8] = "";
	FILE *f = fopen(path, "we");

	(void)state;
	assert_non_null(f);
	fputs("nokey", f);
	fclose(f);
	assert_null(ds_sign_key_open(path, true, why, sizeof(why)));
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(back, sizeof(back), f));
	fclose(f);
	assert_string_equal(back, "nokey");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_is_signed_verifies_and_nothing_else_does, make_path, remove_path),
		cmocka_unit_test_setup_teardown(
		    a_key_is_made_once_and_stays, make_path, remove_path),
		cmocka_unit_test_setup_teardown(
		    a_damaged_key_is_refused_and_not_replaced, make_path, remove_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/file.h"
#include "lib/tls.h"
#include "tests/unit/certs.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct certs certs;
static char why[200];

static unsigned char *
load_der(const char *name, size_t *ret_size)
{
	FILE *in = fopen(certs_path(&certs, name), "re");
	X509 *cert = PEM_read_X509(in, NULL, NULL, NULL);
	unsigned char *der = NULL;

	fclose(in);
	*ret_size = (size_t)i2d_X509(cert, &der);
	X509_free(cert);
	return der;
}

static void
a_key_is_made_once_and_for_us_alone(void **state)
{
	const char *path = certs_path(&certs, "new.key");
	struct ds_tls_key *a, *b;
	struct stat st;

	(void)state;
	assert_null(ds_tls_key_open(path, false, why, sizeof(why)));
	assert_non_null(strstr(why, "No such file"));
	a = ds_tls_key_open(path, true, why, sizeof(why));
	b = ds_tls_key_open(path, true, why, sizeof(why));
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(EVP_PKEY_eq(ds_tls_key_pkey(a), ds_tls_key_pkey(b)), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	ds_tls_key_free(a);
	ds_tls_key_free(b);
	assert_int_equal(ds_file_replace(path, "not a key", 9, 0600), 0);
	assert_null(ds_tls_key_open(path, true, why, sizeof(why)));
	assert_null(ds_tls_key_open("/nowhere/key", true, why, sizeof(why)));
}

static void
a_request_is_signed_by_its_key(void **state)
{
	struct ds_tls_key *key =
	    ds_tls_key_open(certs_path(&certs, "host.pem"), false, why, sizeof(why));
	const unsigned char *p;
	unsigned char *der;
	X509_REQ *req;
	size_t size;

	(void)state;
	assert_non_null(key);
	p = der = ds_tls_request(key, &size);
	assert_non_null(der);
	req = d2i_X509_REQ(NULL, &p, (long)size);
	assert_non_null(req);
	assert_int_equal(X509_REQ_verify(req, ds_tls_key_pkey(key)), 1);
	X509_REQ_free(req);
	OPENSSL_free(der);
	ds_tls_key_free(key);
}

static void
key_and_certificate_are_saved_in_one_step_if_they_match(void **state)
{
	const char *path = certs_path(&certs, "agent.pem");
	struct ds_tls_key *right, *wrong;
	struct ds_cert_info info;
	size_t size, ca_size;
	unsigned char *der = load_der("host.pem", &size), *ca = load_der("ca.pem", &ca_size);
	struct ds_tls *tls;
	struct stat st;

	(void)state;
	right = ds_tls_key_open(certs_path(&certs, "host.pem"), false, why, sizeof(why));
	wrong = ds_tls_key_open(certs_path(&certs, "server.pem"), false, why, sizeof(why));
	assert_int_equal(ds_tls_save_identity(path, wrong, der, size, ca, ca_size), -EKEYREJECTED);
	assert_int_equal(ds_tls_save_identity(path, right, "x", 1, ca, ca_size), -EBADMSG);
	assert_int_equal(ds_tls_save_identity(path, right, der, size, "x", 1), -EBADMSG);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(ds_tls_save_identity(path, right, der, size, ca, ca_size), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(ds_tls_file_info(path, &info), 0);
	assert_true(info.has_host);
	tls = ds_tls_client_new(path, path, certs_path(&certs, "ca.pem"), NULL, why, sizeof(why));
	assert_non_null(tls);
	ds_tls_free(tls);
	assert_int_equal(ds_tls_save_cert(path, der, size, ca, ca_size), 0);
	assert_int_equal(ds_tls_save_cert(path, der, size - 1, NULL, 0), -EBADMSG);
	assert_int_equal(ds_tls_file_info(path, &info), 0);
	ds_tls_key_free(right);
	ds_tls_key_free(wrong);
	OPENSSL_free(der);
	OPENSSL_free(ca);
}

static void
a_certificate_says_whose_it_is_and_until_when(void **state)
{
	struct ds_cert_info host, expired, ca;
	uint8_t pin[DS_PIN_SIZE];
	unsigned char *der;
	size_t size;

	(void)state;
	assert_int_equal(ds_tls_file_info(certs_path(&certs, "host.pem"), &host), 0);
	assert_int_equal(ds_tls_file_info(certs_path(&certs, "expired.pem"), &expired), 0);
	assert_int_equal(ds_tls_file_info(certs_path(&certs, "ca.pem"), &ca), 0);
	assert_true(host.has_host);
	assert_false(ca.has_host);
	assert_int_equal(host.not_after_us - host.not_before_us, 2 * 86400ull * 1000000);
	assert_true(expired.not_after_us < host.not_after_us);
	assert_true(strlen(host.serial) > 0 && strcmp(host.serial, expired.serial) != 0);
	der = load_der("host.pem", &size);
	assert_int_equal(ds_tls_cert_pin(der, size, pin), 0);
	assert_memory_equal(pin, host.pin, sizeof(pin));
	assert_memory_not_equal(pin, ca.pin, sizeof(pin));
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(ds_tls_cert_info(der, cut, &host), -EBADMSG);
	OPENSSL_free(der);
	assert_int_equal(ds_tls_file_info("/nowhere", &host), -ENOENT);
}

static void
host_ids_have_one_text(void **state)
{
	static const char *const bad[] = { "", "0123", "0123456789abcdef0123456789abcdef",
		"01234567-89ab-cdef-0123-456789abcde", "01234567-89ab-cdef-0123-456789abcdefa",
		"0123456x-89ab-cdef-0123-456789abcdef", "01234567089ab-cdef-0123-456789abcdef" };
	uint8_t id[DS_HOST_ID_SIZE];
	char text[37];

	(void)state;
	assert_int_equal(ds_host_id_parse("01234567-89AB-cdef-0123-456789abcdef", id), 0);
	ds_host_id_format(id, text);
	assert_string_equal(text, "01234567-89ab-cdef-0123-456789abcdef");
	for (size_t i = 0; i < DS_LEN(bad); i++)
		assert_int_equal(ds_host_id_parse(bad[i], id), -EINVAL);
}

static void
contexts_say_what_is_wrong_with_their_files(void **state)
{
	const char *server = certs_path(&certs, "server.pem"), *ca = certs_path(&certs, "ca.pem");
	struct ds_tls *tls = ds_tls_server_new(server, server, ca, why, sizeof(why));

	(void)state;
	assert_non_null(tls);
	ds_tls_free(tls);
	assert_null(ds_tls_server_new(server, server, "/nowhere", why, sizeof(why)));
	assert_non_null(strstr(why, "/nowhere"));
	assert_null(ds_tls_server_new("/none", server, ca, why, sizeof(why)));
	assert_non_null(strstr(why, "/none"));
	assert_null(ds_tls_client_new(NULL, NULL, NULL, NULL, why, sizeof(why)));
	assert_null(
	    ds_tls_client_new(server, certs_path(&certs, "host.pem"), ca, NULL, why, sizeof(why)));
}

static void
random_bytes_differ(void **state)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	(void)state;
	assert_int_equal(ds_random(a, sizeof(a)), 0);
	assert_int_equal(ds_random(b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

static int
setup(void **state)
{
	(void)state;
	certs_make(&certs);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	certs_remove(&certs);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_made_once_and_for_us_alone),
		cmocka_unit_test(a_request_is_signed_by_its_key),
		cmocka_unit_test(key_and_certificate_are_saved_in_one_step_if_they_match),
		cmocka_unit_test(a_certificate_says_whose_it_is_and_until_when),
		cmocka_unit_test(host_ids_have_one_text),
		cmocka_unit_test(contexts_say_what_is_wrong_with_their_files),
		cmocka_unit_test(random_bytes_differ),
	};

	return cmocka_run_group_tests_name("tls", tests, setup, teardown);
}

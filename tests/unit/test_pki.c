/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "server/ingest/pki.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW        1800000000000000ull
#define DAY        (86400ull * DS_US_PER_S)
#define CRASHED    9
#define CRASH_NONE (-1)

static const char *const names[] = { "0.0.0.0", "ds.example.org", "192.0.2.7" };
static const uint8_t host[DS_HOST_ID_SIZE] = { 1, 2, 3, 4, 5 };
static char dir[64], why[300];
static int crash_in = CRASH_NONE;

/* The process dies before or behind the n-th step that reaches the disk. */
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);

static void
count_step(void)
{
	if (crash_in != CRASH_NONE && crash_in-- == 0)
		_exit(CRASHED);
}

int
__wrap_rename(const char *from, const char *to)
{
	int r;

	count_step();
	r = __real_rename(from, to);
	count_step();
	return r;
}

int
__wrap_fsync(int fd)
{
	count_step();
	return __real_fsync(fd);
}

ssize_t
__wrap_write(int fd, const void *data, size_t size)
{
	if (crash_in == 0)
		(void)!__real_write(fd, data, size / 2);
	count_step();
	return __real_write(fd, data, size);
}

static struct pki *
open_pki(uint64_t now_us)
{
	return pki_open(dir, names, DS_LEN(names), now_us, why, sizeof(why));
}

static const char *
path(const char *name)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s/%s", dir, name);
	return text;
}

static unsigned char *
request_with(EVP_PKEY *key, EVP_PKEY *signer, size_t *ret_size)
{
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	int len;

	X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC,
	    (const unsigned char *)"daemonsec-server", -1, -1, 0);
	X509_REQ_set_pubkey(req, key);
	X509_REQ_sign(req, signer, EVP_PKEY_is_a(signer, "ED25519") ? NULL : EVP_sha256());
	len = i2d_X509_REQ(req, &der);
	X509_REQ_free(req);
	*ret_size = (size_t)len;
	return der;
}

static X509 *
load_server_cert(void)
{
	FILE *in = fopen(path("server.pem"), "re");
	X509 *cert = PEM_read_X509(in, NULL, NULL, NULL);

	fclose(in);
	return cert;
}

static void
the_first_start_makes_what_later_ones_keep(void **state)
{
	struct ds_cert_info first, second;
	uint8_t pin[DS_PIN_SIZE];
	struct stat st;
	struct pki *p = open_pki(NOW);

	(void)state;
	assert_non_null(p);
	memcpy(pin, pki_pin(p), sizeof(pin));
	assert_int_equal(ds_tls_file_info(pki_server_file(p), &first), 0);
	assert_int_equal(stat(path("ca.key"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(path("server.pem"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	pki_free(p);
	p = open_pki(NOW + DAY);
	assert_memory_equal(pki_pin(p), pin, sizeof(pin));
	assert_int_equal(ds_tls_file_info(pki_server_file(p), &second), 0);
	assert_string_equal(first.serial, second.serial);
	pki_free(p);
}

static void
the_server_certificate_names_the_server(void **state)
{
	struct pki *p = open_pki(NOW);
	X509 *cert = load_server_cert();

	(void)state;
	assert_int_equal(X509_check_host(cert, "ds.example.org", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(cert, "localhost", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(cert, "192.0.2.7", 0), 1);
	assert_int_equal(X509_check_ip_asc(cert, "127.0.0.1", 0), 1);
	assert_int_equal(X509_check_ip_asc(cert, "0.0.0.0", 0), 0);
	assert_int_equal(X509_check_purpose(cert, X509_PURPOSE_SSL_SERVER, 0), 1);
	assert_int_equal(X509_check_purpose(cert, X509_PURPOSE_SSL_CLIENT, 0), 0);
	X509_free(cert);
	pki_free(p);
}

static void
the_server_certificate_renews_itself(void **state)
{
	static const char *const more[] = { "other.example.org" };
	X509 *cert;
	struct ds_cert_info info;
	struct pki *p = open_pki(NOW);

	(void)state;
	assert_int_equal(pki_refresh(p, NOW + 59 * DAY), 0);
	assert_int_equal(pki_refresh(p, NOW + 61 * DAY), 1);
	assert_int_equal(pki_refresh(p, NOW + 61 * DAY), 0);
	/* The clock was ahead and came back. */
	assert_int_equal(pki_refresh(p, NOW), 1);
	assert_int_equal(ds_tls_file_info(pki_server_file(p), &info), 0);
	assert_true(info.not_before_us <= NOW - DAY);
	pki_free(p);
	/* Another name. */
	p = pki_open(dir, more, 1, NOW, why, sizeof(why));
	cert = load_server_cert();
	assert_int_equal(X509_check_host(cert, more[0], 0, 0, NULL), 1);
	X509_free(cert);
	pki_free(p);
	/* Damaged: nothing in it is irreplaceable. */
	assert_int_equal(truncate(path("server.pem"), 100), 0);
	p = open_pki(NOW);
	assert_non_null(p);
	pki_free(p);
}

static void
a_lost_or_strange_key_is_not_papered_over(void **state)
{
	struct pki *p = open_pki(NOW);
	struct ds_tls_key *key;

	(void)state;
	pki_free(p);
	assert_int_equal(unlink(path("ca.key")), 0);
	assert_null(open_pki(NOW));
	assert_non_null(strstr(why, "ca.key"));
	key = ds_tls_key_open(path("ca.key"), true, why, sizeof(why));
	ds_tls_key_free(key);
	assert_null(open_pki(NOW));
	assert_non_null(strstr(why, "does not belong"));
}

static void
a_crash_at_any_step_of_the_first_start_is_survived(void **state)
{
	int status = 0, n;

	(void)state;
	for (n = 0; n < 100; n++) {
		struct pki *p;
		pid_t pid;

		snprintf(dir, sizeof(dir), "/tmp/ds-pki-XXXXXX");
		assert_non_null(mkdtemp(dir));
		pid = fork();
		if (pid == 0) {
			crash_in = n;
			p = open_pki(NOW);
			_exit(p ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
		p = open_pki(NOW + DAY);
		assert_non_null(p);
		pki_free(p);
		p = open_pki(NOW + DAY);
		assert_non_null(p);
		pki_free(p);
		(void)unlink(path("ca.key"));
		(void)unlink(path("ca.crt"));
		(void)unlink(path("server.pem"));
		(void)unlink(path("trust.crt"));
		assert_int_equal(rmdir(dir), 0); /* and no temporary file stays behind */
		if (WEXITSTATUS(status) == 0)
			break;
	}
	assert_in_range(n, 10, 99);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/ds-pki-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int
teardown(void **state)
{
	static const char *const files[] = { "ca.key", "ca.crt", "server.pem", "trust.crt",
		"next.key", "next.crt", "old.crt" };

	(void)state;
	for (size_t i = 0; i < DS_LEN(files); i++)
		(void)unlink(path(files[i]));
	(void)rmdir(dir);
	return 0;
}

static struct pki *
stepped(struct pki *p, enum pki_phase phase)
{
	struct pki *next;

	assert_int_equal(pki_step(p, NOW, why, sizeof(why)), 0);
	next = pki_again(p, why, sizeof(why));
	assert_non_null(next);
	assert_true(pki_refresh(next, NOW) >= 0);
	assert_int_equal(pki_phase(next), phase);
	pki_free(p);
	return next;
}

static void
another_authority_takes_over_in_three_steps(void **state)
{
	uint8_t first[DS_PIN_SIZE], second[DS_PIN_SIZE], pins[DS_TRUSTS_MAX * DS_PIN_SIZE];
	struct pki *p = open_pki(NOW);

	(void)state;
	memcpy(first, pki_pin(p), sizeof(first));
	assert_null(pki_other_pin(p));
	p = stepped(p, PKI_SPREADING);
	assert_memory_equal(pki_pin(p), first, sizeof(first));
	memcpy(second, pki_other_pin(p), sizeof(second));
	assert_memory_not_equal(first, second, sizeof(first));
	assert_int_equal(ds_tls_file_pins(pki_trust_file(p), pins), 2);
	p = stepped(p, PKI_SWITCHED);
	assert_memory_equal(pki_pin(p), second, sizeof(second));
	assert_memory_equal(pki_other_pin(p), first, sizeof(first));
	assert_int_equal(ds_tls_file_pins(pki_trust_file(p), pins), 2);
	p = stepped(p, PKI_STABLE);
	assert_memory_equal(pki_pin(p), second, sizeof(second));
	assert_int_equal(ds_tls_file_pins(pki_trust_file(p), pins), 1);
	pki_free(p);
	p = open_pki(NOW);
	assert_memory_equal(pki_pin(p), second, sizeof(second));
	pki_free(p);
}

/* A crash at any point of a hand-over leaves the state before or behind a step, from which it goes
 * on to its end. */
static void
a_crash_at_any_step_of_a_hand_over_is_survived(void **state)
{
	int status = 0, n;

	(void)state;
	for (n = 0; n < 200; n++) {
		struct pki *p;
		pid_t pid;

		assert_int_equal(setup(NULL), 0);
		pki_free(open_pki(NOW));
		pid = fork();
		if (pid == 0) {
			crash_in = n;
			p = open_pki(NOW);
			for (unsigned i = 0; i < 3 && p != NULL; i++)
				p = stepped(p, (enum pki_phase)((i + 1) % 3));
			_exit(p ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
		p = open_pki(NOW);
		assert_non_null(p);
		while (pki_phase(p) != PKI_STABLE)
			p = stepped(p, (enum pki_phase)((pki_phase(p) + 1) % 3));
		pki_free(p);
		assert_int_equal(teardown(NULL), 0);
		if (WEXITSTATUS(status) == 0)
			break;
	}
	assert_in_range(n, 20, 199);
}

static void
a_host_gets_a_certificate_for_its_key_and_nothing_else_it_asks_for(void **state)
{
	struct ds_tls_key *key = ds_tls_key_new();
	size_t size;
	unsigned char *csr = request_with(ds_tls_key_pkey(key), ds_tls_key_pkey(key), &size);
	struct pki *p = open_pki(NOW);
	struct pki_cert a, b;
	const unsigned char *der;
	uint8_t pin[DS_PIN_SIZE];
	X509 *cert;
	char name[64];

	(void)state;
	assert_int_equal(pki_issue(p, csr, size, host, NOW, &a), 0);
	assert_int_equal(pki_issue(p, csr, size, host, NOW, &b), 0);
	assert_true(a.info.has_host);
	assert_memory_equal(a.info.host_id, host, sizeof(host));
	assert_int_equal(a.info.not_after_us, NOW + 30 * DAY);
	assert_string_not_equal(a.info.serial, b.info.serial);
	assert_in_range(a.renew_after_us, NOW + 17 * DAY, NOW + 23 * DAY);
	assert_int_equal(pki_request_pin(csr, size, pin), 0);
	assert_memory_equal(a.info.pin, pin, sizeof(pin));
	der = a.der;
	cert = d2i_X509(NULL, &der, (long)a.size);
	assert_int_equal(X509_check_purpose(cert, X509_PURPOSE_SSL_CLIENT, 0), 1);
	assert_int_equal(X509_check_purpose(cert, X509_PURPOSE_SSL_SERVER, 0), 0);
	assert_int_equal(X509_check_ca(cert), 0);
	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof(name));
	assert_string_equal(name, "01020304-0500-0000-0000-000000000000");
	X509_free(cert);
	pki_cert_done(&a);
	pki_cert_done(&b);
	OPENSSL_free(csr);
	ds_tls_key_free(key);
	pki_free(p);
}

static int
issue_for(struct pki *p, EVP_PKEY *key, EVP_PKEY *signer)
{
	struct pki_cert cert = { 0 };
	size_t size;
	unsigned char *csr = request_with(key, signer, &size);
	int r = pki_issue(p, csr, size, host, NOW, &cert);

	pki_cert_done(&cert);
	OPENSSL_free(csr);
	return r;
}

static void
bad_requests_are_refused(void **state)
{
	EVP_PKEY *p256 = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256"),
		 *p384 = EVP_EC_gen("P-384"), *rsa = EVP_RSA_gen(1024),
		 *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct pki *p = open_pki(NOW);
	struct pki_cert cert;
	size_t size;
	unsigned char *csr = request_with(p256, p256, &size);

	(void)state;
	assert_int_equal(issue_for(p, p256, p256), 0);
	assert_int_equal(issue_for(p, ed, ed), 0);
	assert_int_equal(issue_for(p, p256, other), -EBADMSG);
	assert_int_equal(issue_for(p, p384, p384), -EKEYREJECTED);
	assert_int_equal(issue_for(p, rsa, rsa), -EKEYREJECTED);
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(pki_issue(p, csr, cut, host, NOW, &cert), -EBADMSG);
	for (size_t i = 0; i < size; i++) {
		csr[i] ^= 0x10;
		assert_true(pki_issue(p, csr, size, host, NOW, &cert) < 0);
		csr[i] ^= 0x10;
	}
	OPENSSL_free(csr);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(other);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ed);
	pki_free(p);
}

static void *
issue_many(void *arg)
{
	struct ds_tls_key *key = ds_tls_key_new();
	intptr_t failed = 0;

	for (int i = 0; i < 50; i++)
		failed += issue_for(arg, ds_tls_key_pkey(key), ds_tls_key_pkey(key)) != 0;
	ds_tls_key_free(key);
	return (void *)failed;
}

static void
threads_issue_side_by_side(void **state)
{
	struct pki *p = open_pki(NOW);
	pthread_t threads[3];
	void *failed;

	(void)state;
	for (size_t i = 0; i < DS_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, issue_many, p), 0);
	for (size_t i = 0; i < DS_LEN(threads); i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	pki_free(p);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_first_start_makes_what_later_ones_keep),
		CASE(the_server_certificate_names_the_server),
		CASE(the_server_certificate_renews_itself),
		CASE(a_lost_or_strange_key_is_not_papered_over),
		cmocka_unit_test(a_crash_at_any_step_of_the_first_start_is_survived),
		CASE(another_authority_takes_over_in_three_steps),
		cmocka_unit_test(a_crash_at_any_step_of_a_hand_over_is_survived),
		CASE(a_host_gets_a_certificate_for_its_key_and_nothing_else_it_asks_for),
		CASE(bad_requests_are_refused),
		CASE(threads_issue_side_by_side),
	};

	return cmocka_run_group_tests_name("pki", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/tls.h"
#include "lib/file.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CERT_LIST_MAX 16384 /* bytes of certificates a peer may show */

struct ds_tls {
	SSL_CTX *ctx;
	uint8_t pin[DS_PIN_SIZE]; /* while enrolling */
};

struct ds_tls_key {
	EVP_PKEY *pkey;
};

/* Says what failed and OpenSSL's reason, and empties its error queue. */
static void
explain(char *ret_why, size_t size, const char *what, const char *file)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(ret_why, size, "%s%s%s: %s", what, file ? " " : "", file ? file : "",
	    reason ? reason : "out of memory");
	ERR_clear_error();
}

static X509 *
find_pinned(X509 *leaf, STACK_OF(X509) * chain, const uint8_t pin[DS_PIN_SIZE])
{
	for (int i = -1; i < sk_X509_num(chain); i++) {
		X509 *cert = i < 0 ? leaf : sk_X509_value(chain, i);
		uint8_t found[DS_PIN_SIZE];
		unsigned char *der = NULL;
		int len = cert ? i2d_X509(cert, &der) : -1;
		int r = len < 0 ? -EBADMSG : ds_tls_cert_pin(der, (size_t)len, found);

		OPENSSL_free(der);
		if (r == 0 && CRYPTO_memcmp(found, pin, sizeof(found)) == 0)
			return cert;
	}
	return NULL;
}

/* The CA's certificate is public, so that it is somewhere in the chain proves nothing: the leaf
 * must verify with the pinned certificate as the only anchor. */
static int
verify_pinned(X509_STORE_CTX *outer, void *arg)
{
	const struct ds_tls *tls = arg;
	X509 *leaf = X509_STORE_CTX_get0_cert(outer);
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(outer);
	X509 *anchor = find_pinned(leaf, chain, tls->pin);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int ok = 0, error = X509_V_ERR_APPLICATION_VERIFICATION;

	if (anchor != NULL && store != NULL && ctx != NULL && X509_STORE_add_cert(store, anchor) &&
	    X509_STORE_CTX_init(ctx, store, leaf, chain) &&
	    X509_STORE_CTX_set_default(ctx, "ssl_server")) {
		X509_STORE_CTX_set_flags(
		    ctx, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
		ok = X509_verify_cert(ctx) == 1;
		error = X509_STORE_CTX_get_error(ctx);
	}
	X509_STORE_CTX_set_error(outer, ok ? X509_V_OK : error);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return ok;
}

static int
limit_context(SSL_CTX *ctx)
{
	static const unsigned char id[] = "daemonsec";

	/* A half read record must not be retried inside SSL_read(): a flood of key updates would
	 * keep the thread. */
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
				     SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, CERT_LIST_MAX);
	SSL_CTX_set_verify_depth(ctx, 2);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) &&
	       SSL_CTX_set_num_tickets(ctx, 0) && SSL_CTX_set_max_early_data(ctx, 0) &&
	       SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
}

static struct ds_tls *
tls_new(const SSL_METHOD *method, char *ret_why, size_t why_size)
{
	struct ds_tls *tls = calloc(1, sizeof(*tls));

	ERR_clear_error();
	if (tls == NULL) {
		explain(ret_why, why_size, "cannot make a TLS context", NULL);
		return NULL;
	}
	tls->ctx = SSL_CTX_new(method);
	if (tls->ctx == NULL || !limit_context(tls->ctx)) {
		explain(ret_why, why_size, "cannot make a TLS context", NULL);
		ds_tls_free(tls);
		return NULL;
	}
	return tls;
}

static bool
load_identity(SSL_CTX *ctx, const char *cert, const char *key, char *ret_why, size_t why_size)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		explain(ret_why, why_size, "cannot use certificate", cert);
	else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		explain(ret_why, why_size, "cannot use key", key);
	else if (SSL_CTX_check_private_key(ctx) != 1)
		explain(ret_why, why_size, "key and certificate do not belong together:", cert);
	else
		return true;
	return false;
}

static bool
load_anchor(SSL_CTX *ctx, const char *ca_file, char *ret_why, size_t why_size)
{
	if (SSL_CTX_load_verify_file(ctx, ca_file) == 1)
		return true;
	explain(ret_why, why_size, "cannot use CA certificate", ca_file);
	return false;
}

struct ds_tls *
ds_tls_server_new(const char *cert_file, const char *key_file, const char *ca_file, char *ret_why,
    size_t why_size)
{
	struct ds_tls *tls = tls_new(TLS_server_method(), ret_why, why_size);

	if (tls == NULL)
		return NULL;
	if (!load_identity(tls->ctx, cert_file, key_file, ret_why, why_size) ||
	    !load_anchor(tls->ctx, ca_file, ret_why, why_size)) {
		ds_tls_free(tls);
		return NULL;
	}
	/* No certificate is allowed, for enrolment; a wrong one is not. */
	SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
	return tls;
}

struct ds_tls *
ds_tls_client_new(const char *cert_file, const char *key_file, const char *ca_file,
    const uint8_t pin[DS_PIN_SIZE], char *ret_why, size_t why_size)
{
	struct ds_tls *tls = tls_new(TLS_client_method(), ret_why, why_size);

	if (tls == NULL)
		return NULL;
	SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls->ctx), X509_V_FLAG_NO_CHECK_TIME);
	if (cert_file != NULL && !load_identity(tls->ctx, cert_file, key_file, ret_why, why_size))
		goto fail;
	if (pin != NULL) {
		memcpy(tls->pin, pin, DS_PIN_SIZE);
		SSL_CTX_set_cert_verify_callback(tls->ctx, verify_pinned, tls);
	} else if (ca_file == NULL) {
		snprintf(ret_why, why_size, "neither a CA certificate nor a pin was given");
		goto fail;
	} else if (!load_anchor(tls->ctx, ca_file, ret_why, why_size)) {
		goto fail;
	}
	return tls;

fail:
	ds_tls_free(tls);
	return NULL;
}

void
ds_tls_free(struct ds_tls *tls)
{
	if (tls == NULL)
		return;
	SSL_CTX_free(tls->ctx);
	free(tls);
}

void *
ds_tls_context(struct ds_tls *tls)
{
	return tls->ctx;
}

static int
save_key(const char *file, EVP_PKEY *pkey)
{
	BIO *out = BIO_new(BIO_s_secmem());
	char *pem;
	long len;
	int r = -ENOMEM;

	if (out != NULL && PEM_write_bio_PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL) == 1) {
		len = BIO_get_mem_data(out, &pem);
		r = ds_file_replace(file, pem, (size_t)len, 0600);
	}
	BIO_free(out);
	return r;
}

static EVP_PKEY *
make_key(const char *file, char *ret_why, size_t why_size)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	int r;

	if (pkey == NULL) {
		explain(ret_why, why_size, "cannot make a key", NULL);
		return NULL;
	}
	r = save_key(file, pkey);
	if (r < 0) {
		snprintf(ret_why, why_size, "cannot write key %s: %s", file, strerror(-r));
		ERR_clear_error();
		EVP_PKEY_free(pkey);
		return NULL;
	}
	return pkey;
}

struct ds_tls_key *
ds_tls_key_open(const char *file, bool create, char *ret_why, size_t why_size)
{
	struct ds_tls_key *key = calloc(1, sizeof(*key));
	FILE *in;

	ERR_clear_error();
	if (key == NULL) {
		explain(ret_why, why_size, "cannot load key", file);
		return NULL;
	}
	in = fopen(file, "re");
	if (in != NULL) {
		key->pkey = PEM_read_PrivateKey(in, NULL, NULL, NULL);
		if (key->pkey == NULL)
			explain(ret_why, why_size, "cannot read key", file);
		fclose(in);
	} else if (errno == ENOENT && create) {
		key->pkey = make_key(file, ret_why, why_size);
	} else {
		snprintf(ret_why, why_size, "cannot open key %s: %s", file, strerror(errno));
	}
	if (key->pkey == NULL) {
		free(key);
		return NULL;
	}
	return key;
}

struct ds_tls_key *
ds_tls_key_new(void)
{
	struct ds_tls_key *key = calloc(1, sizeof(*key));

	if (key == NULL)
		return NULL;
	key->pkey = EVP_EC_gen("P-256");
	ERR_clear_error();
	if (key->pkey == NULL) {
		free(key);
		return NULL;
	}
	return key;
}

void
ds_tls_key_free(struct ds_tls_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

void *
ds_tls_key_pkey(struct ds_tls_key *key)
{
	return key->pkey;
}

int
ds_random(void *ret, size_t size)
{
	uint8_t *p = ret;

	while (size > 0) {
		ssize_t n = getrandom(p, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cert - see cert.h; called by http.c and by GnuTLS.
 *
 * A handshake gets copies that GnuTLS frees: what is published may be replaced before it ends.
 */
#include "server/api/cert.h"

#include "lib/file.h"
#include "lib/log.h"
#include "lib/snapshot.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PEM_MAX   (256u << 10) /* bytes */
#define CHAIN_MAX 8u

struct pair {
	char *cert, *key; /* PEM */
	size_t cert_size, key_size;
};

static struct ds_snapshot *newest; /* of struct pair; NULL: the API speaks no TLS */

static void
free_pair(void *value)
{
	struct pair *p = value;

	if (p == NULL)
		return;
	free(p->cert);
	if (p->key != NULL)
		explicit_bzero(p->key, p->key_size);
	free(p->key);
	free(p);
}

static gnutls_datum_t
datum(const char *text, size_t size)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)text, (unsigned)size };
}

/* ---- reading */

static int
read_pem(const char *path, char **ret, size_t *ret_size, char *why, size_t size)
{
	int r = ds_file_read(path, PEM_MAX, ret, ret_size);

	if (r < 0)
		snprintf(why, size, "cannot read %s: %s", path, strerror(-r));
	return r;
}

static int
copy_chain(const struct pair *p, gnutls_pcert_st **ret, unsigned *ret_len)
{
	gnutls_datum_t pem = datum(p->cert, p->cert_size);
	unsigned len = CHAIN_MAX;
	gnutls_pcert_st *chain = gnutls_calloc(CHAIN_MAX, sizeof(*chain));
	int r = chain != NULL ? gnutls_pcert_list_import_x509_raw(chain, &len, &pem,
				    GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_SORT)
			      : GNUTLS_E_MEMORY_ERROR;

	if (r < 0) {
		gnutls_free(chain);
		return -EBADMSG;
	}
	*ret = chain;
	*ret_len = len;
	return 0;
}

static int
copy_key(const struct pair *p, gnutls_privkey_t *ret)
{
	gnutls_datum_t pem = datum(p->key, p->key_size);
	gnutls_privkey_t key;

	if (gnutls_privkey_init(&key) < 0)
		return -ENOMEM;
	if (gnutls_privkey_import_x509_raw(key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0) < 0) {
		gnutls_privkey_deinit(key);
		return -EBADMSG;
	}
	*ret = key;
	return 0;
}

/* A chain, and the key of its first certificate. */
static int
check(const struct pair *p, const char *cert, const char *key, char *why, size_t size)
{
	gnutls_datum_t chain = datum(p->cert, p->cert_size), secret = datum(p->key, p->key_size);
	gnutls_certificate_credentials_t both;
	gnutls_pcert_st *certs;
	gnutls_privkey_t alone;
	unsigned len;
	int r;

	if (copy_chain(p, &certs, &len) < 0) {
		snprintf(why, size, "%s holds no certificate in PEM, or a chain of more than %u",
		    cert, CHAIN_MAX);
		return -EBADMSG;
	}
	while (len > 0)
		gnutls_pcert_deinit(&certs[--len]);
	gnutls_free(certs);
	if (copy_key(p, &alone) < 0) {
		snprintf(why, size,
		    "%s holds no private key in PEM that opens without a passphrase", key);
		return -EBADMSG;
	}
	gnutls_privkey_deinit(alone);
	if (gnutls_certificate_allocate_credentials(&both) < 0)
		return -ENOMEM;
	r = gnutls_certificate_set_x509_key_mem(both, &chain, &secret, GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(both);
	if (r < 0)
		snprintf(why, size, "%s is not the key of the certificate in %s", key, cert);
	return r < 0 ? -EBADMSG : 0;
}

/* It is taken all the same: refusing would leave the one from before, or none. */
static void
warn_of_time(const struct pair *p, const char *path)
{
	gnutls_datum_t chain = datum(p->cert, p->cert_size);
	time_t now = time(NULL);
	gnutls_x509_crt_t first;

	if (gnutls_x509_crt_init(&first) < 0)
		return;
	if (gnutls_x509_crt_import(first, &chain, GNUTLS_X509_FMT_PEM) == 0) {
		if (gnutls_x509_crt_get_expiration_time(first) <= now)
			ds_log(WARN, "the API's certificate has expired", "file=\"%s\"", path);
		else if (gnutls_x509_crt_get_activation_time(first) > now)
			ds_log(WARN, "the API's certificate is not valid yet", "file=\"%s\"", path);
	}
	gnutls_x509_crt_deinit(first);
}

int
cert_load(const char *cert, const char *key, char *why, size_t size)
{
	struct pair *p = calloc(1, sizeof(*p));
	int r = -ENOMEM;

	snprintf(why, size, "no memory");
	if (newest == NULL)
		newest = ds_snapshot_new(free_pair);
	if (p != NULL && newest != NULL)
		r = read_pem(cert, &p->cert, &p->cert_size, why, size);
	if (r == 0)
		r = read_pem(key, &p->key, &p->key_size, why, size);
	if (r == 0)
		r = check(p, cert, key, why, size);
	if (r == 0) {
		warn_of_time(p, cert);
		r = ds_snapshot_publish(newest, p);
	}
	if (r < 0)
		free_pair(p);
	return r;
}

void
cert_forget(void)
{
	ds_snapshot_free(newest);
	newest = NULL;
}

/* ---- handshakes */

int
cert_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
    gnutls_pcert_st **ret_chain, unsigned *ret_len, gnutls_ocsp_data_st **ret_ocsp,
    unsigned *ret_ocsp_len, gnutls_privkey_t *ret_key, unsigned *ret_flags)
{
	struct ds_version *v = newest != NULL ? ds_snapshot_acquire(newest) : NULL;
	gnutls_privkey_t key = NULL;
	int r;

	(void)session;
	(void)info;
	if (v == NULL)
		return -1;
	r = copy_key(ds_version_value(v), &key);
	if (r == 0)
		r = copy_chain(ds_version_value(v), ret_chain, ret_len);
	ds_version_release(v);
	if (r < 0) {
		gnutls_privkey_deinit(key);
		return -1;
	}
	*ret_key = key;
	*ret_ocsp = NULL;
	*ret_ocsp_len = 0;
	*ret_flags = GNUTLS_CERT_RETR_DEINIT_ALL;
	return 0;
}

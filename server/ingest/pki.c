/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ingest/pki.h"
#include "lib/clock.h"
#include "server/ingest/pki_impl.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CA_DAYS           7300  /* of twenty years */
#define SERVER_RENEW_DAYS 30    /* before its end */
#define SKEW_S            86400 /* clocks of agents that are behind */
#define CSR_MAX           4096  /* bytes */
#define US_PER_DAY        (86400ull * DS_US_PER_S)

static bool
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static bool
set_serial(X509 *cert)
{
	uint8_t bytes[16];
	BIGNUM *bn;
	bool ok;

	if (ds_random(bytes, sizeof(bytes)) < 0)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and always as long */
	bn = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL;
	BN_free(bn);
	return ok;
}

static bool
set_times(X509 *cert, uint64_t from_us, uint64_t until_us)
{
	return ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(from_us / DS_US_PER_S)) != NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(until_us / DS_US_PER_S)) != NULL;
}

/* A certificate without its particular extensions and signature; issuer NULL: its own. */
static X509 *
draft_cert(EVP_PKEY *key, const char *name, X509 *issuer, uint64_t from_us, uint64_t until_us)
{
	X509 *cert = X509_new();
	X509_NAME *subject = cert ? X509_get_subject_name(cert) : NULL;

	if (cert != NULL && X509_set_version(cert, 2) && set_serial(cert) &&
	    set_times(cert, from_us, until_us) && X509_set_pubkey(cert, key) &&
	    X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) &&
	    X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject) &&
	    add_extension(cert, issuer ? issuer : cert, NID_subject_key_identifier, "hash"))
		return cert;
	X509_free(cert);
	return NULL;
}

static bool
add_leaf_extensions(X509 *cert, X509 *ca, const char *use)
{
	return add_extension(cert, ca, NID_authority_key_identifier, "keyid:always") &&
	       add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(cert, ca, NID_ext_key_usage, use);
}

unsigned char *
pki_der(const X509 *cert, size_t *ret_size)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);

	if (len < 0)
		return NULL;
	*ret_size = (size_t)len;
	return der;
}

int
pki_fail(char *ret_why, size_t size, int error, const char *what, const char *file)
{
	ERR_clear_error();
	snprintf(ret_why, size, "%s %s: %s", what, file, strerror(error));
	return -error;
}

/* ---- the authority */

int
pki_make_ca(struct pki *p, uint64_t now_us, char *ret_why, size_t why_size)
{
	EVP_PKEY *key = ds_tls_key_pkey(p->ca_key);
	uint64_t from = now_us > 2 * US_PER_DAY ? now_us - 2 * US_PER_DAY : 0;
	unsigned char *der = NULL;
	uint8_t id[4];
	char name[32];
	size_t size;
	X509 *ca;
	int r = ds_random(id, sizeof(id));

	if (r < 0)
		return pki_fail(ret_why, why_size, -r, "no random bytes for", p->ca_file);
	snprintf(name, sizeof(name), "DaemonSec CA %02x%02x%02x%02x", id[0], id[1], id[2], id[3]);
	ca = draft_cert(key, name, NULL, from, now_us + CA_DAYS * US_PER_DAY);
	if (ca != NULL &&
	    add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    X509_sign(ca, key, EVP_sha256()) > 0)
		der = pki_der(ca, &size);
	X509_free(ca);
	r = der ? ds_tls_save_cert(p->ca_file, der, size, NULL, 0) : -ENOMEM;
	OPENSSL_free(der);
	return r < 0 ? pki_fail(ret_why, why_size, -r, "cannot make", p->ca_file) : 0;
}

int
pki_load_ca(struct pki *p, char *ret_why, size_t why_size)
{
	FILE *in = fopen(p->ca_file, "re");

	if (in == NULL)
		return pki_fail(ret_why, why_size, errno, "cannot open", p->ca_file);
	p->ca = PEM_read_X509(in, NULL, NULL, NULL);
	fclose(in);
	if (p->ca == NULL)
		return pki_fail(ret_why, why_size, EBADMSG, "cannot read", p->ca_file);
	if (X509_check_private_key(p->ca, ds_tls_key_pkey(p->ca_key)) != 1)
		return pki_fail(
		    ret_why, why_size, EKEYREJECTED, "ca.key does not belong to", p->ca_file);
	p->ca_der = pki_der(p->ca, &p->ca_size);
	if (p->ca_der == NULL || ds_tls_cert_pin(p->ca_der, p->ca_size, p->pin) < 0)
		return pki_fail(ret_why, why_size, ENOMEM, "cannot use", p->ca_file);
	return 0;
}

/* The key comes first: one without a certificate is a start that was cut short, a certificate
 * without its key is a loss that nobody should paper over. */
static int
open_ca(struct pki *p, uint64_t now_us, char *ret_why, size_t why_size)
{
	bool has_cert = access(p->ca_file, F_OK) == 0;
	int r = 0;

	p->ca_key = ds_tls_key_open(p->ca_key_file, !has_cert, ret_why, why_size);
	if (p->ca_key == NULL)
		return -ENOKEY;
	if (!has_cert)
		r = pki_make_ca(p, now_us, ret_why, why_size);
	return r < 0 ? r : pki_load_ca(p, ret_why, why_size);
}

/* ---- the server's certificate */

static GENERAL_NAME *
general_name(const char *name)
{
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(name);
	int type = ip != NULL ? GEN_IPADD : GEN_DNS;

	ASN1_OCTET_STRING_free(ip);
	ERR_clear_error();
	return a2i_GENERAL_NAME(NULL, NULL, NULL, type, name, 0);
}

static bool
add_server_names(X509 *cert, const struct pki *p)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	bool ok = names != NULL;

	for (size_t i = 0; i < p->names_len && ok; i++) {
		GENERAL_NAME *name = general_name(p->names[i]);

		ok = name != NULL && sk_GENERAL_NAME_push(names, name) > 0;
		if (!ok)
			GENERAL_NAME_free(name);
	}
	ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1;
	GENERAL_NAMES_free(names);
	return ok;
}

static int
make_server_cert(struct pki *p, uint64_t now_us)
{
	struct ds_tls_key *key = ds_tls_key_new();
	uint64_t skew = SKEW_S * DS_US_PER_S, from = now_us > skew ? now_us - skew : 0;
	unsigned char *der = NULL;
	X509 *cert = NULL;
	size_t size;
	int r = -ENOMEM;

	if (key != NULL)
		cert = draft_cert(ds_tls_key_pkey(key), "daemonsec-server", p->ca, from,
		    now_us + PKI_SERVER_DAYS * US_PER_DAY);
	if (cert != NULL && add_leaf_extensions(cert, p->ca, "serverAuth") &&
	    add_server_names(cert, p) &&
	    X509_sign(cert, ds_tls_key_pkey(p->ca_key), EVP_sha256()) > 0)
		der = pki_der(cert, &size);
	if (der != NULL)
		r = ds_tls_save_identity(p->server_file, key, der, size, p->ca_der, p->ca_size);
	OPENSSL_free(der);
	X509_free(cert);
	ds_tls_key_free(key);
	ERR_clear_error();
	return r;
}

static bool
has_all_names(X509 *cert, const struct pki *p)
{
	for (size_t i = 0; i < p->names_len; i++)
		if (X509_check_ip_asc(cert, p->names[i], 0) != 1 &&
		    X509_check_host(cert, p->names[i], 0, 0, NULL) != 1)
			return false;
	return true;
}

/* Also when it is not valid yet: the clock was ahead when it was made. */
static bool
server_cert_is_good(struct pki *p, uint64_t now_us)
{
	struct ds_cert_info info;
	FILE *in;
	X509 *cert;
	bool ok;

	if (ds_tls_file_info(p->server_file, &info) < 0 || info.not_before_us > now_us ||
	    info.not_after_us < now_us + SERVER_RENEW_DAYS * US_PER_DAY)
		return false;
	in = fopen(p->server_file, "re");
	if (in == NULL)
		return false;
	cert = PEM_read_X509(in, NULL, NULL, NULL);
	fclose(in);
	ok = cert != NULL && X509_verify(cert, ds_tls_key_pkey(p->ca_key)) == 1 &&
	     has_all_names(cert, p);
	X509_free(cert);
	ERR_clear_error();
	return ok;
}

int
pki_refresh(struct pki *p, uint64_t now_us)
{
	int r = ds_tls_save_bundle(p->trust_file, p->trust, p->trust_size);

	if (r < 0 || server_cert_is_good(p, now_us))
		return r;
	r = make_server_cert(p, now_us);
	return r < 0 ? r : 1;
}

/* ---- opening */

void
pki_add_name(struct pki *p, const char *name)
{
	static const char *const any[] = { "", "*", "0.0.0.0", "::" };

	for (size_t i = 0; i < DS_LEN(any); i++)
		if (strcmp(name, any[i]) == 0)
			return;
	for (size_t i = 0; i < p->names_len; i++)
		if (strcasecmp(name, p->names[i]) == 0)
			return;
	if (p->names_len < NAMES_MAX)
		p->names[p->names_len] = strdup(name);
	if (p->names_len < NAMES_MAX && p->names[p->names_len] != NULL)
		p->names_len++;
}

static int
set_paths(struct pki *p, const char *dir)
{
	const struct {
		char *path;
		const char *name;
	} files[] = {
		{ p->ca_key_file, "ca.key" },
		{ p->ca_file, "ca.crt" },
		{ p->server_file, "server.pem" },
		{ p->next_key_file, "next.key" },
		{ p->next_file, "next.crt" },
		{ p->old_file, "old.crt" },
		{ p->trust_file, "trust.crt" },
	};

	for (size_t i = 0; i < DS_LEN(files); i++)
		if ((size_t)snprintf(files[i].path, PATH_MAX, "%s/%s", dir, files[i].name) >=
		    PATH_MAX)
			return -ENAMETOOLONG;
	return mkdir(dir, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

struct pki *
pki_open(const char *dir, const char *const *names, size_t names_len, uint64_t now_us,
    char *ret_why, size_t why_size)
{
	struct pki *p = calloc(1, sizeof(*p));
	char host[256] = "";
	int r = p ? set_paths(p, dir) : -ENOMEM;

	if (r < 0) {
		pki_fail(ret_why, why_size, -r, "cannot use", dir);
		goto fail;
	}
	for (size_t i = 0; i < names_len; i++)
		pki_add_name(p, names[i]);
	if (gethostname(host, sizeof(host) - 1) == 0)
		pki_add_name(p, host);
	pki_add_name(p, "localhost");
	pki_add_name(p, "127.0.0.1");
	pki_add_name(p, "::1");
	r = pki_finish_switch(p);
	if (r == 0)
		r = open_ca(p, now_us, ret_why, why_size);
	if (r == 0)
		r = pki_load_other(p);
	if (r < 0)
		goto fail;
	r = pki_refresh(p, now_us);
	if (r < 0) {
		pki_fail(ret_why, why_size, -r, "cannot make", p->server_file);
		goto fail;
	}
	return p;

fail:
	pki_free(p);
	return NULL;
}

void
pki_free(struct pki *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->names_len; i++)
		free(p->names[i]);
	ds_tls_key_free(p->ca_key);
	X509_free(p->ca);
	OPENSSL_free(p->ca_der);
	OPENSSL_free(p->trust);
	free(p);
}

const char *
pki_server_file(const struct pki *p)
{
	return p->server_file;
}

const char *
pki_ca_file(const struct pki *p)
{
	return p->ca_file;
}

const void *
pki_ca_der(const struct pki *p, size_t *ret_size)
{
	*ret_size = p->ca_size;
	return p->ca_der;
}

const uint8_t *
pki_pin(const struct pki *p)
{
	return p->pin;
}

/* ---- certificates of hosts */

static bool
key_is_allowed(EVP_PKEY *key)
{
	char group[32] = "";

	if (EVP_PKEY_is_a(key, "ED25519"))
		return true;
	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_utf8_string_param(key, "group", group, sizeof(group), NULL) == 1 &&
	       strcmp(group, "prime256v1") == 0;
}

/* The request's key, borrowed from *ret_req, which the caller frees in any case. */
static int
check_request(const void *csr, size_t size, X509_REQ **ret_req, EVP_PKEY **ret_key)
{
	const unsigned char *p = csr;
	EVP_PKEY *key;
	int r = 0;

	*ret_req = size > 0 && size <= CSR_MAX ? d2i_X509_REQ(NULL, &p, (long)size) : NULL;
	key = *ret_req ? X509_REQ_get0_pubkey(*ret_req) : NULL;
	if (key == NULL || p != (const unsigned char *)csr + size)
		r = -EBADMSG;
	else if (!key_is_allowed(key))
		r = -EKEYREJECTED;
	else if (X509_REQ_verify(*ret_req, key) != 1)
		r = -EBADMSG;
	ERR_clear_error();
	*ret_key = key;
	return r;
}

static X509 *
make_host_cert(
    struct pki *p, EVP_PKEY *key, const uint8_t host_id[DS_HOST_ID_SIZE], uint64_t now_us)
{
	uint64_t skew = SKEW_S * DS_US_PER_S, from = now_us > skew ? now_us - skew : 0;
	char id[37], san[64];
	X509 *cert;

	ds_host_id_format(host_id, id);
	snprintf(san, sizeof(san), "URI:daemonsec:host:%s", id);
	cert = draft_cert(key, id, p->ca, from, now_us + PKI_HOST_DAYS * US_PER_DAY);
	if (cert != NULL && add_leaf_extensions(cert, p->ca, "clientAuth") &&
	    add_extension(cert, p->ca, NID_subject_alt_name, san) &&
	    X509_sign(cert, ds_tls_key_pkey(p->ca_key), EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

/* At two thirds of the life, a tenth of it earlier or later, so that a fleet that enrolled in an
 * hour does not renew in one. */
static uint64_t
renewal_time(uint64_t now_us)
{
	uint32_t random;
	uint64_t life = PKI_HOST_DAYS * US_PER_DAY;

	if (ds_random(&random, sizeof(random)) < 0)
		random = 500; /* no jitter */
	return now_us + life * 2 / 3 - life / 10 + random % 1000 * (life / 5000);
}

int
pki_issue(struct pki *p, const void *csr, size_t size, const uint8_t host_id[DS_HOST_ID_SIZE],
    uint64_t now_us, struct pki_cert *ret)
{
	struct pki_cert out = { 0 };
	X509_REQ *req;
	EVP_PKEY *key;
	X509 *cert;
	int r = check_request(csr, size, &req, &key);

	if (r == 0) {
		cert = make_host_cert(p, key, host_id, now_us);
		out.der = cert ? pki_der(cert, &out.size) : NULL;
		r = out.der ? ds_tls_cert_info(out.der, out.size, &out.info) : -ENOMEM;
		X509_free(cert);
	}
	X509_REQ_free(req);
	ERR_clear_error();
	if (r < 0) {
		pki_cert_done(&out);
		return r;
	}
	out.renew_after_us = renewal_time(now_us);
	*ret = out;
	return 0;
}

void
pki_cert_done(struct pki_cert *cert)
{
	OPENSSL_free(cert->der);
	*cert = (struct pki_cert){ 0 };
}

int
pki_request_pin(const void *csr, size_t size, uint8_t ret[DS_PIN_SIZE])
{
	unsigned char *spki = NULL;
	X509_REQ *req;
	EVP_PKEY *key;
	int len, r = check_request(csr, size, &req, &key);

	if (r == 0) {
		len = i2d_PUBKEY(key, &spki);
		if (len > 0)
			SHA256(spki, (size_t)len, ret);
		else
			r = -ENOMEM;
		OPENSSL_free(spki);
	}
	X509_REQ_free(req);
	return r;
}

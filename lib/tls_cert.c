/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_cert - reading and writing certificates, requests and host ids; see tls.h. */
#include "lib/file.h"
#include "lib/tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CERT_MAX   16384 /* bytes of a certificate in DER */
#define URI_PREFIX "daemonsec:host:"

static X509 *
parse_cert(const void *der, size_t size)
{
	const unsigned char *p = der;
	X509 *cert;

	if (size == 0 || size > CERT_MAX)
		return NULL;
	cert = d2i_X509(NULL, &p, (long)size);
	ERR_clear_error();
	if (cert != NULL && p != (const unsigned char *)der + size) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

unsigned char *
ds_tls_request(struct ds_tls_key *key, size_t *ret_size)
{
	EVP_PKEY *pkey = ds_tls_key_pkey(key);
	X509_REQ *req = X509_REQ_new();
	const EVP_MD *md = EVP_PKEY_is_a(pkey, "ED25519") ? NULL : EVP_sha256();
	unsigned char *der = NULL;
	int len = -1;

	/* The name is left empty: the server decides who this is. */
	if (req != NULL && X509_REQ_set_version(req, 0) && X509_REQ_set_pubkey(req, pkey) &&
	    X509_REQ_sign(req, pkey, md) > 0)
		len = i2d_X509_REQ(req, &der);
	X509_REQ_free(req);
	ERR_clear_error();
	if (len < 0)
		return NULL;
	*ret_size = (size_t)len;
	return der;
}

static int
append_pem(BIO *out, const void *der, size_t size)
{
	X509 *cert = parse_cert(der, size);
	int ok;

	if (cert == NULL)
		return -EBADMSG;
	ok = PEM_write_bio_X509(out, cert);
	X509_free(cert);
	return ok ? 0 : -ENOMEM;
}

static int
save_bio(const char *file, BIO *out, mode_t mode)
{
	char *pem;
	long len = BIO_get_mem_data(out, &pem);

	return ds_file_replace(file, pem, (size_t)len, mode);
}

int
ds_tls_save_cert(const char *file, const void *der, size_t size, const void *ca, size_t ca_size)
{
	BIO *out = BIO_new(BIO_s_mem());
	int r;

	if (out == NULL)
		return -ENOMEM;
	r = append_pem(out, der, size);
	if (r == 0 && ca != NULL)
		r = append_pem(out, ca, ca_size);
	if (r == 0)
		r = save_bio(file, out, 0644);
	BIO_free(out);
	ERR_clear_error();
	return r;
}

int
ds_tls_save_identity(const char *file, struct ds_tls_key *key, const void *der, size_t size,
    const void *ca, size_t ca_size)
{
	EVP_PKEY *pkey = ds_tls_key_pkey(key);
	X509 *cert = parse_cert(der, size);
	BIO *out = BIO_new(BIO_s_secmem());
	int r = -EBADMSG;

	if (out == NULL)
		r = -ENOMEM;
	else if (cert != NULL && X509_check_private_key(cert, pkey) != 1)
		r = -EKEYREJECTED;
	else if (cert != NULL)
		r = PEM_write_bio_PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL) ? 0 : -ENOMEM;
	if (r == 0)
		r = append_pem(out, der, size);
	if (r == 0 && ca != NULL)
		r = append_pem(out, ca, ca_size);
	if (r == 0)
		r = save_bio(file, out, 0600);
	BIO_free(out);
	X509_free(cert);
	ERR_clear_error();
	return r;
}

static int
pin_of(X509 *cert, uint8_t ret[DS_PIN_SIZE])
{
	unsigned char *spki = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);

	if (len < 0)
		return -EBADMSG;
	SHA256(spki, (size_t)len, ret);
	OPENSSL_free(spki);
	return 0;
}

int
ds_tls_cert_pin(const void *der, size_t size, uint8_t ret[DS_PIN_SIZE])
{
	X509 *cert = parse_cert(der, size);
	int r = cert ? pin_of(cert, ret) : -EBADMSG;

	X509_free(cert);
	return r;
}

static int
time_of(const ASN1_TIME *t, uint64_t *ret_us)
{
	struct tm tm = { 0 };
	time_t s;

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
		return -EBADMSG;
	s = timegm(&tm);
	*ret_us = s < 0 ? 0 : (uint64_t)s * 1000000u;
	return 0;
}

/* At most one URI of ours: two would leave open who this is. */
static int
host_of(X509 *cert, struct ds_cert_info *ret)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	size_t prefix = strlen(URI_PREFIX);
	int r = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && r == 0; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const ASN1_STRING *uri =
		    name->type == GEN_URI ? name->d.uniformResourceIdentifier : NULL;
		char text[64];

		if (uri == NULL || ASN1_STRING_length(uri) != (int)prefix + 36 ||
		    memcmp(ASN1_STRING_get0_data(uri), URI_PREFIX, prefix) != 0)
			continue;
		memcpy(text, ASN1_STRING_get0_data(uri) + prefix, 36);
		text[36] = '\0';
		r = ret->has_host ? -EBADMSG : ds_host_id_parse(text, ret->host_id);
		ret->has_host = true;
	}
	GENERAL_NAMES_free(names);
	return r;
}

static int
serial_of(X509 *cert, char *ret, size_t size)
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = bn ? BN_bn2hex(bn) : NULL;
	int r = -EBADMSG;

	if (hex != NULL && strlen(hex) < size) {
		snprintf(ret, size, "%s", hex);
		r = 0;
	}
	OPENSSL_free(hex);
	BN_free(bn);
	return r;
}

static int
info_of(X509 *cert, struct ds_cert_info *ret)
{
	struct ds_cert_info info = { 0 };
	int r = serial_of(cert, info.serial, sizeof(info.serial));

	if (r == 0)
		r = time_of(X509_get0_notBefore(cert), &info.not_before_us);
	if (r == 0)
		r = time_of(X509_get0_notAfter(cert), &info.not_after_us);
	if (r == 0)
		r = pin_of(cert, info.pin);
	if (r == 0)
		r = host_of(cert, &info);
	ERR_clear_error();
	if (r == 0)
		*ret = info;
	return r;
}

int
ds_tls_cert_info(const void *der, size_t size, struct ds_cert_info *ret)
{
	X509 *cert = parse_cert(der, size);
	int r = cert ? info_of(cert, ret) : -EBADMSG;

	X509_free(cert);
	return r;
}

int
ds_tls_file_info(const char *file, struct ds_cert_info *ret)
{
	FILE *in = fopen(file, "re");
	X509 *cert;
	int r;

	if (in == NULL)
		return -errno;
	cert = PEM_read_X509(in, NULL, NULL, NULL);
	r = cert ? info_of(cert, ret) : -EBADMSG;
	X509_free(cert);
	ERR_clear_error();
	fclose(in);
	return r;
}

void
ds_host_id_format(const uint8_t id[DS_HOST_ID_SIZE], char ret[37])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < DS_HOST_ID_SIZE; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			ret[n++] = '-';
		ret[n++] = digits[id[i] >> 4];
		ret[n++] = digits[id[i] & 15];
	}
	ret[n] = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
ds_host_id_parse(const char *text, uint8_t ret[DS_HOST_ID_SIZE])
{
	uint8_t id[DS_HOST_ID_SIZE];
	size_t n = 0;

	if (strlen(text) != 36)
		return -EINVAL;
	for (size_t i = 0; i < 36;) {
		int high, low;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i++] != '-')
				return -EINVAL;
			continue;
		}
		high = hex_value(text[i++]);
		low = hex_value(text[i++]);
		if (high < 0 || low < 0)
			return -EINVAL;
		id[n++] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, id, sizeof(id));
	return 0;
}

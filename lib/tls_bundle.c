/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_bundle - files with the certificates of several authorities. */
#include "lib/file.h"
#include "lib/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static int
add_authority(BIO *out, X509 *cert)
{
	if (X509_check_ca(cert) <= 0)
		return -EBADMSG;
	return PEM_write_bio_X509(out, cert) == 1 ? 0 : -ENOMEM;
}

int
ds_tls_save_bundle(const char *file, const void *ders, size_t size)
{
	const unsigned char *p = ders, *end = p + size;
	BIO *out = BIO_new(BIO_s_mem());
	unsigned n = 0;
	char *pem;
	long len;
	int r = out != NULL && size > 0 ? 0 : -EINVAL;

	while (r == 0 && p < end) {
		X509 *cert = n++ < DS_TRUSTS_MAX ? d2i_X509(NULL, &p, end - p) : NULL;

		r = cert != NULL ? add_authority(out, cert) : -EBADMSG;
		X509_free(cert);
	}
	if (r == 0) {
		len = BIO_get_mem_data(out, &pem);
		r = ds_file_replace(file, pem, (size_t)len, 0644);
	}
	BIO_free(out);
	ERR_clear_error();
	return r;
}

int
ds_tls_file_pins(const char *file, uint8_t ret[DS_TRUSTS_MAX * DS_PIN_SIZE])
{
	FILE *in = fopen(file, "re");
	X509 *cert;
	int n = 0, r = 0;

	if (in == NULL)
		return -errno;
	for (size_t i = 0; i < DS_TRUSTS_MAX * DS_PIN_SIZE; i++)
		ret[i] = 0;
	while (
	    r == 0 && n < DS_TRUSTS_MAX && (cert = PEM_read_X509(in, NULL, NULL, NULL)) != NULL) {
		unsigned char *der = NULL;
		int len = i2d_X509(cert, &der);

		r = len > 0 ? ds_tls_cert_pin(der, (size_t)len, ret + n * DS_PIN_SIZE) : -ENOMEM;
		n++;
		OPENSSL_free(der);
		X509_free(cert);
	}
	fclose(in);
	ERR_clear_error();
	return r < 0 ? r : n;
}

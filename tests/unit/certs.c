/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/certs.h"

#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DAY 86400L

struct signer {
	EVP_PKEY *key;
	X509 *cert;
};

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext != NULL && X509_add_ext(cert, ext, -1));
	X509_EXTENSION_free(ext);
}

static struct signer
sign(
    const char *name, const struct signer *by, const char *use, const char *san, long from, long to)
{
	static long serial = 1;
	struct signer s = { .key = EVP_EC_gen("P-256"), .cert = X509_new() };
	X509 *issuer = by ? by->cert : s.cert;

	must(s.key != NULL && s.cert != NULL);
	must(X509_set_version(s.cert, 2) &&
	     ASN1_INTEGER_set(X509_get_serialNumber(s.cert), serial++));
	must(X509_NAME_add_entry_by_txt(X509_get_subject_name(s.cert), "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0));
	must(X509_set_issuer_name(s.cert, X509_get_subject_name(issuer)));
	must(X509_gmtime_adj(X509_getm_notBefore(s.cert), from) != NULL);
	must(X509_gmtime_adj(X509_getm_notAfter(s.cert), to) != NULL);
	must(X509_set_pubkey(s.cert, s.key));
	add_extension(s.cert, issuer, NID_basic_constraints, by ? "CA:FALSE" : "critical,CA:TRUE");
	if (use != NULL)
		add_extension(s.cert, issuer, NID_ext_key_usage, use);
	if (san != NULL)
		add_extension(s.cert, issuer, NID_subject_alt_name, san);
	must(X509_sign(s.cert, by ? by->key : s.key, EVP_sha256()) > 0);
	return s;
}

static void
save(const struct certs *c, const char *name, EVP_PKEY *key, const X509 *cert, const X509 *ca)
{
	FILE *out = fopen(certs_path(c, name), "we");

	must(out != NULL && PEM_write_X509(out, cert));
	must(ca == NULL || PEM_write_X509(out, ca));
	must(key == NULL || PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL));
	must(fclose(out) == 0);
}

static void
done(struct signer *s)
{
	EVP_PKEY_free(s->key);
	X509_free(s->cert);
}

const char *
certs_path(const struct certs *c, const char *name)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", c->dir, name);
	return path;
}

void
certs_make(struct certs *c)
{
	static const char san[] = "URI:daemonsec:host:01234567-89ab-cdef-0123-456789abcdef";
	struct signer ca = sign("CA", NULL, NULL, NULL, -DAY, DAY);
	struct signer foreign_ca = sign("foreign CA", NULL, NULL, NULL, -DAY, DAY);
	struct signer server = sign("server", &ca, "serverAuth", NULL, -DAY, DAY);
	struct signer host = sign("host", &ca, "clientAuth", san, -DAY, DAY);
	struct signer expired = sign("host", &ca, "clientAuth", san, -2 * DAY, -DAY);
	struct signer future = sign("host", &ca, "clientAuth", san, DAY, 2 * DAY);
	struct signer foreign = sign("host", &foreign_ca, "clientAuth", san, -DAY, DAY);
	struct signer old = sign("server", &ca, "serverAuth", NULL, -400 * DAY, -300 * DAY);
	struct signer rogue = sign("server", &foreign_ca, "serverAuth", NULL, -DAY, DAY);

	snprintf(c->dir, sizeof(c->dir), "/tmp/ds-certs-XXXXXX");
	must(mkdtemp(c->dir) != NULL);
	save(c, "ca.pem", NULL, ca.cert, NULL);
	save(c, "foreign-ca.pem", NULL, foreign_ca.cert, NULL);
	save(c, "server.pem", server.key, server.cert, ca.cert);
	save(c, "old-server.pem", old.key, old.cert, ca.cert);
	save(c, "host.pem", host.key, host.cert, NULL);
	save(c, "expired.pem", expired.key, expired.cert, NULL);
	save(c, "future.pem", future.key, future.cert, NULL);
	save(c, "foreign.pem", foreign.key, foreign.cert, NULL);
	/* A server that shows the true CA's certificate beside one that it did not sign. */
	save(c, "rogue.pem", rogue.key, rogue.cert, ca.cert);
	save(c, "wrong.pem", foreign.key, host.cert, NULL);
	done(&ca);
	done(&foreign_ca);
	done(&server);
	done(&host);
	done(&expired);
	done(&future);
	done(&foreign);
	done(&rogue);
	done(&old);
}

void
certs_remove(struct certs *c)
{
	DIR *d = opendir(c->dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	(void)rmdir(c->dir);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pki_rotate - another authority takes over from the one there is: see pki_step(). */
#include "lib/file.h"
#include "server/ingest/pki_impl.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first certificate of a file as DER, OPENSSL_free() it; NULL: there is none. */
static unsigned char *
read_der(const char *file, size_t *ret_size)
{
	FILE *in = fopen(file, "re");
	X509 *cert = in ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;
	unsigned char *der = cert ? pki_der(cert, ret_size) : NULL;

	X509_free(cert);
	if (in != NULL)
		fclose(in);
	ERR_clear_error();
	return der;
}

/* Both next and old are there: the switch was begun. */
int
pki_finish_switch(const struct pki *p)
{
	if (access(p->next_file, F_OK) < 0 || access(p->old_file, F_OK) < 0)
		return 0;
	if (rename(p->next_key_file, p->ca_key_file) < 0 && errno != ENOENT)
		return -errno;
	return rename(p->next_file, p->ca_file) < 0 ? -errno : ds_file_sync_directory(p->ca_file);
}

int
pki_load_other(struct pki *p)
{
	const char *file = access(p->next_file, F_OK) == 0 ? p->next_file : p->old_file;
	size_t size = 0;
	unsigned char *der = read_der(file, &size);
	int r = 0;

	p->trust = OPENSSL_malloc(p->ca_size + size);
	if (p->trust == NULL)
		r = -ENOMEM;
	else if (der != NULL)
		r = ds_tls_cert_pin(der, size, p->other_pin);
	if (r == 0) {
		memcpy(p->trust, p->ca_der, p->ca_size);
		if (der != NULL)
			memcpy(p->trust + p->ca_size, der, size);
		p->trust_size = p->ca_size + size;
		p->phase = der == NULL            ? PKI_STABLE
			   : file == p->next_file ? PKI_SPREADING
						  : PKI_SWITCHED;
	}
	OPENSSL_free(der);
	return r;
}

static int
begin_spreading(const struct pki *p, uint64_t now_us, char *ret_why, size_t why_size)
{
	struct pki next = { 0 };
	int r;

	memcpy(next.ca_key_file, p->next_key_file, sizeof(next.ca_key_file));
	memcpy(next.ca_file, p->next_file, sizeof(next.ca_file));
	next.ca_key = ds_tls_key_open(next.ca_key_file, true, ret_why, why_size);
	if (next.ca_key == NULL)
		return -ENOKEY;
	r = pki_make_ca(&next, now_us, ret_why, why_size);
	ds_tls_key_free(next.ca_key);
	return r;
}

int
pki_step(const struct pki *p, uint64_t now_us, char *ret_why, size_t why_size)
{
	int r = 0;

	switch (p->phase) {
	case PKI_STABLE:
		return begin_spreading(p, now_us, ret_why, why_size);
	case PKI_SPREADING:
		r = ds_tls_save_cert(p->old_file, p->ca_der, p->ca_size, NULL, 0);
		if (r == 0)
			r = pki_finish_switch(p);
		break;
	case PKI_SWITCHED:
		r = unlink(p->old_file) < 0 && errno != ENOENT ? -errno
							       : ds_file_sync_directory(p->ca_file);
		break;
	}
	return r < 0 ? pki_fail(ret_why, why_size, -r, "cannot go on with", p->ca_file) : 0;
}

struct pki *
pki_again(const struct pki *p, char *ret_why, size_t why_size)
{
	struct pki *fresh = calloc(1, sizeof(*fresh));
	bool ok = fresh != NULL;

	snprintf(ret_why, why_size, "no memory");
	if (!ok)
		return NULL;
	*fresh = (struct pki){ 0 };
	memcpy(fresh->ca_key_file, p->ca_key_file, PATH_MAX);
	memcpy(fresh->ca_file, p->ca_file, PATH_MAX);
	memcpy(fresh->server_file, p->server_file, PATH_MAX);
	memcpy(fresh->next_key_file, p->next_key_file, PATH_MAX);
	memcpy(fresh->next_file, p->next_file, PATH_MAX);
	memcpy(fresh->old_file, p->old_file, PATH_MAX);
	memcpy(fresh->trust_file, p->trust_file, PATH_MAX);
	for (size_t i = 0; i < p->names_len; i++)
		pki_add_name(fresh, p->names[i]);
	fresh->ca_key = ds_tls_key_open(fresh->ca_key_file, false, ret_why, why_size);
	if (fresh->ca_key == NULL || pki_load_ca(fresh, ret_why, why_size) < 0 ||
	    pki_load_other(fresh) < 0) {
		pki_free(fresh);
		return NULL;
	}
	return fresh;
}

enum pki_phase
pki_phase(const struct pki *p)
{
	return p->phase;
}

const uint8_t *
pki_other_pin(const struct pki *p)
{
	return p->phase == PKI_STABLE ? NULL : p->other_pin;
}

const void *
pki_trust(const struct pki *p, size_t *ret_size)
{
	*ret_size = p->trust_size;
	return p->trust;
}

const char *
pki_trust_file(const struct pki *p)
{
	return p->trust_file;
}

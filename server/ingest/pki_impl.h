/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pki_impl - the inside of pki, for pki.c and pki_rotate.c only. */
#ifndef SERVER_INGEST_PKI_IMPL_H
#define SERVER_INGEST_PKI_IMPL_H

#include "server/ingest/pki.h"

#include <limits.h>
#include <openssl/x509.h>

#define NAMES_MAX 64

struct pki {
	char ca_key_file[PATH_MAX], ca_file[PATH_MAX], server_file[PATH_MAX];
	char next_key_file[PATH_MAX], next_file[PATH_MAX], old_file[PATH_MAX], trust_file[PATH_MAX];
	enum pki_phase phase;
	uint8_t other_pin[DS_PIN_SIZE];
	unsigned char *trust; /* DER of what agents trust */
	size_t trust_size;
	char *names[NAMES_MAX];
	size_t names_len;
	struct ds_tls_key *ca_key;
	X509 *ca;
	unsigned char *ca_der;
	size_t ca_size;
	uint8_t pin[DS_PIN_SIZE];
};

/* Says what failed and why: -error. */
int pki_fail(char *ret_why, size_t size, int error, const char *what, const char *file);
/* OPENSSL_free() it. */
unsigned char *pki_der(const X509 *cert, size_t *ret_size);
/* Of p->ca_key, into p->ca_file. */
int pki_make_ca(struct pki *p, uint64_t now_us, char *ret_why, size_t why_size);
int pki_load_ca(struct pki *p, char *ret_why, size_t why_size);
void pki_add_name(struct pki *p, const char *name);

/* pki_rotate.c: goes on with a switch that was cut short. */
int pki_finish_switch(const struct pki *p);
/* The authority that comes or goes, and what agents are to trust; after pki_load_ca(). */
int pki_load_other(struct pki *p);

#endif

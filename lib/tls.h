/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tls - TLS 1.3 contexts, keys, requests and certificates.
 *
 * TLS 1.3 only, no resumption (the verification callback does not run on it), no early data,
 * buffers released when idle.  Certificates are P-256; a host's certificate carries its id as
 * URI:daemonsec:host:UUID.
 */
#ifndef LIB_TLS_H
#define LIB_TLS_H

#include "lib/compiler.h"
#include "lib/token.h"
#include "lib/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds_tls;     /* an SSL_CTX with its role */
struct ds_tls_key; /* a private key */

/* Files are PEM.  *ret_why (size bytes) gets OpenSSL's sentence on failure.
 * Server: its certificate and key; clients show a certificate signed by ca_file, or none (then only
 * enrolment is allowed; the caller checks ds_conn_peer_cert()). */
struct ds_tls *ds_tls_server_new(const char *cert_file, const char *key_file, const char *ca_file,
    char *ret_why, size_t why_size);
/* Agent: certificate and key (both NULL while enrolling); the server's chain must end in ca_file,
 * or, while enrolling, in a certificate whose key has the pinned SPKI hash.  Times are not checked:
 * a host whose clock is wrong must still be heard, and the server, whose clock counts, renews its
 * certificate beside the authority's key, so that age would tell nothing.  The server does check
 * those of its hosts. */
struct ds_tls *ds_tls_client_new(const char *cert_file, const char *key_file, const char *ca_file,
    const uint8_t pin[DS_PIN_SIZE], char *ret_why, size_t why_size);
void ds_tls_free(struct ds_tls *tls);
/* The SSL_CTX, for conn.c. */
void *ds_tls_context(struct ds_tls *tls);

/* Makes a P-256 key in `file` (0600, written to a temporary name, synced, renamed) unless it is
 * there; loads it. */
struct ds_tls_key *ds_tls_key_open(const char *file, bool create, char *ret_why, size_t why_size);
/* A fresh P-256 key that is nowhere yet.  NULL on failure. */
struct ds_tls_key *ds_tls_key_new(void);
void ds_tls_key_free(struct ds_tls_key *key);
/* DER of a certificate request for the key; OPENSSL_free() it.  NULL on failure. */
unsigned char *ds_tls_request(struct ds_tls_key *key, size_t *ret_size);
/* Writes DER as a PEM certificate, atomically and synced; `ca` (may be NULL) is appended. */
DS_MUST_CHECK int ds_tls_save_cert(
    const char *file, const void *der, size_t size, const void *ca, size_t ca_size);
/* Writes key, certificate and `ca` (may be NULL) into one PEM file, 0600, atomically and synced:
 * key and certificate change in one step.  -EKEYREJECTED when they do not belong together.  The
 * file serves as cert_file and key_file above. */
DS_MUST_CHECK int ds_tls_save_identity(const char *file, struct ds_tls_key *key, const void *der,
    size_t size, const void *ca, size_t ca_size);
/* The EVP_PKEY, borrowed, for who signs with it. */
void *ds_tls_key_pkey(struct ds_tls_key *key);
/* SHA-256 of the public key of a DER certificate. */
DS_MUST_CHECK int ds_tls_cert_pin(const void *der, size_t size, uint8_t ret[DS_PIN_SIZE]);

#define DS_TRUSTS_MAX 3 /* authorities that are trusted at a time */
/* Writes the certificates of authorities, DER one behind the other, as one PEM file, atomically and
 * synced.  -EBADMSG: not such, or too many. */
DS_MUST_CHECK int ds_tls_save_bundle(const char *file, const void *ders, size_t size);
/* SHA-256 of the public keys in a PEM file, zero behind the last; how many, or -errno. */
DS_MUST_CHECK int ds_tls_file_pins(const char *file, uint8_t ret[DS_TRUSTS_MAX * DS_PIN_SIZE]);

struct ds_cert_info {
	bool has_host;
	uint8_t host_id[DS_HOST_ID_SIZE];
	char serial[64]; /* hex */
	uint64_t not_before_us, not_after_us;
	uint8_t pin[DS_PIN_SIZE];
};
DS_MUST_CHECK int ds_tls_cert_info(const void *der, size_t size, struct ds_cert_info *ret);
/* The same of the first certificate of a PEM file. */
DS_MUST_CHECK int ds_tls_file_info(const char *file, struct ds_cert_info *ret);

/* UUID text of a host id: 36 characters and a NUL. */
void ds_host_id_format(const uint8_t id[DS_HOST_ID_SIZE], char ret[37]);
DS_MUST_CHECK int ds_host_id_parse(const char *text, uint8_t ret[DS_HOST_ID_SIZE]);
/* Random bytes from the kernel. */
DS_MUST_CHECK int ds_random(void *ret, size_t size);

/* See lib/token.h. */
DS_MUST_CHECK int ds_token_format(const struct ds_token *t, char *ret, size_t size);
DS_MUST_CHECK int ds_token_parse(const char *text, struct ds_token *ret);

#endif

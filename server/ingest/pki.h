/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pki - the server's own certificate authority: makes it at first start, issues and renews.
 *
 * Files in `dir` (0700): ca.key (0600), ca.crt, server.pem (key, certificate and CA in one file,
 * 0600, so that they change in one step).  Each is whole or absent after any crash.  The server is
 * the only relying party: revocation is a look-up (hosts by id) after each handshake, not a list.
 * pki_issue() may be called on any thread, the rest on one.
 */
#ifndef SERVER_INGEST_PKI_H
#define SERVER_INGEST_PKI_H

#include "lib/tls.h"

#define PKI_HOST_DAYS   30
#define PKI_SERVER_DAYS 90

struct pki;

/* Opens the authority in dir, or makes it when there is none; makes or renews server.pem when it is
 * missing, old, or not for these names.  names: hosts and addresses that agents connect to;
 * "0.0.0.0" and "::" are left out, the machine's host name and localhost are added.  NULL and a
 * sentence. */
struct pki *pki_open(const char *dir, const char *const *names, size_t names_len, uint64_t now_us,
    char *ret_why, size_t why_size);
void pki_free(struct pki *p);
/* Call now and then: 1 when server.pem was renewed and a new ds_tls_server_new() is due, 0 when
 * not, -errno. */
DS_MUST_CHECK int pki_refresh(struct pki *p, uint64_t now_us);

/* The same authority as it is on disk now, without anything being written; NULL and a sentence.
 * For other threads, each of which has one of its own. */
struct pki *pki_again(const struct pki *p, char *ret_why, size_t why_size);

/* Another authority takes over in three steps, each on disk as a whole, whatever happens:
 * SPREADING: it exists (next.key, next.crt), and agents are told to trust both;
 * SWITCHED: it issues, the key of the old one is gone, whose certificates are still taken
 * (old.crt); STABLE: the old one is forgotten. */
enum pki_phase { PKI_STABLE, PKI_SPREADING, PKI_SWITCHED };
enum pki_phase pki_phase(const struct pki *p);
/* Takes the next step; the caller goes on with pki_again() and pki_refresh().  0 or -errno. */
DS_MUST_CHECK int pki_step(const struct pki *p, uint64_t now_us, char *ret_why, size_t why_size);
/* The pin of the authority that comes, or of the one that goes; NULL while STABLE. */
const uint8_t *pki_other_pin(const struct pki *p);
/* The certificates agents should trust, DER one behind the other, the current one first. */
const void *pki_trust(const struct pki *p, size_t *ret_size);
/* The same as a file, for ds_tls_server_new(). */
const char *pki_trust_file(const struct pki *p);

/* For ds_tls_server_new(); pki_server_file() is both certificate and key. */
const char *pki_server_file(const struct pki *p);
const char *pki_ca_file(const struct pki *p);
/* The CA's certificate in DER, for CERTIFICATE frames. */
const void *pki_ca_der(const struct pki *p, size_t *ret_size);
/* SHA-256 of the CA's public key, for tokens. */
const uint8_t *pki_pin(const struct pki *p);

struct pki_cert {
	unsigned char *der;
	size_t size;
	struct ds_cert_info info;
	uint64_t renew_after_us; /* two thirds of its life, with some jitter */
};
/* Signs a host certificate for the key of the request, valid for PKI_HOST_DAYS.  Nothing but the
 * key is taken from the request.  -EBADMSG: not a request, or its signature does not verify;
 * -EKEYREJECTED: neither P-256 nor Ed25519. */
DS_MUST_CHECK int pki_issue(struct pki *p, const void *csr, size_t size,
    const uint8_t host_id[DS_HOST_ID_SIZE], uint64_t now_us, struct pki_cert *ret);
void pki_cert_done(struct pki_cert *cert);
/* SHA-256 of the public key of a request: an agent that asks again after a crash, or while it waits
 * for approval, asks with the same key. */
DS_MUST_CHECK int pki_request_pin(const void *csr, size_t size, uint8_t ret[DS_PIN_SIZE]);

#endif

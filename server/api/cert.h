/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cert - the API's certificate and key: read at start and again on SIGHUP, given to each handshake.
 *
 * libmicrohttpd hands its callback no context, so there is one pair for the process.  It is read
 * and published by main's thread; handshakes, on a listener's thread, take what is published.
 */
#ifndef SERVER_API_CERT_H
#define SERVER_API_CERT_H

#include "lib/compiler.h"

#include <gnutls/abstract.h>
#include <stddef.h>

/* What a handshake may agree on. */
#define CERT_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* Reads both files, and takes them when they are a chain and its key; or a sentence, and the pair
 * from before stays. */
DS_MUST_CHECK int cert_load(const char *cert, const char *key, char *ret_why, size_t size);
void cert_forget(void);
/* For MHD_OPTION_HTTPS_CERT_CALLBACK2. */
int cert_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
    gnutls_pcert_st **ret_chain, unsigned *ret_len, gnutls_ocsp_data_st **ret_ocsp,
    unsigned *ret_ocsp_len, gnutls_privkey_t *ret_key, unsigned *ret_flags);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * token - enrolment tokens as people see them; schema/wire.md, section 6.
 *
 * The text is read by two programs that share no library of hashes, so whoever reads or writes one
 * hands in SHA-256; lib/tls.h has ds_token_format() and ds_token_parse() with OpenSSL's.
 */
#ifndef LIB_TOKEN_H
#define LIB_TOKEN_H

#include "lib/sign.h"

#define DS_PIN_SIZE       32  /* SHA-256 of a SubjectPublicKeyInfo */
#define DS_TOKEN_TEXT_MAX 840 /* bytes, with the NUL */

/* The server keeps only a hash of the secret. */
struct ds_token {
	char address[256]; /* host:port[,host:port] */
	uint8_t pin[DS_PIN_SIZE];
	char id[64];
	uint8_t secret[32];
	uint8_t
	    order_key[DS_SIGN_PUBLIC_SIZE]; /* whose orders the host takes; all zero: nobody's */
};

/* SHA-256. */
typedef void ds_token_sum(const void *data, size_t size, uint8_t ret[32]);
DS_MUST_CHECK int ds_token_put(const struct ds_token *t, ds_token_sum *sum, char *ret, size_t size);
/* Surrounded by white space or not; -EINVAL. */
DS_MUST_CHECK int ds_token_get(const char *text, ds_token_sum *sum, struct ds_token *ret);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decoy_ssh_crypt - packets and keys of decoy_ssh: RFC 4253, section 6 and 7, RFC 8731.
 *
 * Cryptography is OpenSSL's; here is only how its parts are put together.  Own one for each visit.
 */
#ifndef AGENT_UPLINK_DECOY_SSH_CRYPT_H
#define AGENT_UPLINK_DECOY_SSH_CRYPT_H

#include "lib/buf.h"

#define SSH_HALF_SIZE 32u /* of a secret: a point of curve25519 */

struct ssh_crypt;

/* What both have said before the keys are agreed on; goes into the hash. */
struct ssh_names {
	const struct ds_buf *client;
	const char *server;
	const struct ds_buf *client_init, *server_init;
};

/* NULL: no memory, or no randomness. */
struct ssh_crypt *ssh_crypt_new(void);
void ssh_crypt_free(struct ssh_crypt *c);
/* A length, then the bytes. */
DS_MUST_CHECK int ssh_put_string(struct ds_buf *b, const void *data, size_t len);
DS_MUST_CHECK int ssh_crypt_random(uint8_t *ret, size_t size);
/* Appends what follows the type in KEX_ECDH_REPLY: host key, our half, signature.  Keys are made,
 * and used from ssh_crypt_seals() and ssh_crypt_opens() on. */
DS_MUST_CHECK int ssh_crypt_agree(struct ssh_crypt *c, const struct ssh_names *names,
    const uint8_t half[SSH_HALF_SIZE], struct ds_buf *out);
void ssh_crypt_seals(struct ssh_crypt *c);
void ssh_crypt_opens(struct ssh_crypt *c);
/* Appends a packet. */
DS_MUST_CHECK int ssh_crypt_seal(
    struct ssh_crypt *c, const void *payload, size_t size, struct ds_buf *out);
/* A packet from the front of `in`, deciphered in place: 1, and the bytes that it took; 0: it is not
 * whole yet, ask again with more behind the same bytes; -EBADMSG. */
DS_MUST_CHECK int ssh_crypt_open(struct ssh_crypt *c, uint8_t *in, size_t len, size_t max,
    const uint8_t **ret_payload, size_t *ret_size, size_t *ret_taken);

#endif

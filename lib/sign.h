/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sign - Ed25519: the server signs orders, the guard verifies them.
 *
 * Two halves that never meet in one program: sign.c (OpenSSL; server) and verify.c (nettle; guard,
 * which must not link OpenSSL).
 */
#ifndef LIB_SIGN_H
#define LIB_SIGN_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DS_SIGN_PUBLIC_SIZE 32u
#define DS_SIGN_SIZE        64u /* of a signature */
#define DS_SIGN_ID_SIZE     8u /* of a key's id: the first bytes of the SHA-256 of its public half */

/* ---- sign.c */
struct ds_sign_key;
/* Reads the key of a file (PEM, 0600), or makes it when `create` and there is none.  NULL and a
 * sentence. */
struct ds_sign_key *ds_sign_key_open(const char *path, bool create, char *ret_why, size_t why_size);
void ds_sign_key_free(struct ds_sign_key *key);
void ds_sign_key_public(const struct ds_sign_key *key, uint8_t ret[DS_SIGN_PUBLIC_SIZE]);
void ds_sign_key_id(const struct ds_sign_key *key, uint8_t ret[DS_SIGN_ID_SIZE]);
/* Any thread. */
DS_MUST_CHECK int ds_sign(
    const struct ds_sign_key *key, const void *data, size_t size, uint8_t ret[DS_SIGN_SIZE]);

/* ---- verify.c */
void ds_verify_key_id(const uint8_t key[DS_SIGN_PUBLIC_SIZE], uint8_t ret[DS_SIGN_ID_SIZE]);
bool ds_verify(const uint8_t key[DS_SIGN_PUBLIC_SIZE], const void *data, size_t size,
    const uint8_t signature[DS_SIGN_SIZE]);

#endif

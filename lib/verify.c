/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verify - the guard's half of sign.h: Ed25519 signatures with libsodium, or with nettle. */
#include "lib/sign.h"

#include <nettle/sha2.h>
#ifdef DS_VERIFY_SODIUM
#include <sodium/crypto_sign_ed25519.h>
#else
#include <nettle/eddsa.h>
#endif

void
ds_verify_key_id(const uint8_t key[DS_SIGN_PUBLIC_SIZE], uint8_t ret[DS_SIGN_ID_SIZE])
{
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, DS_SIGN_PUBLIC_SIZE, key);
	sha256_digest(&sha, DS_SIGN_ID_SIZE, ret);
}

bool
ds_verify(const uint8_t key[DS_SIGN_PUBLIC_SIZE], const void *data, size_t size,
    const uint8_t signature[DS_SIGN_SIZE])
{
#ifdef DS_VERIFY_SODIUM
	return crypto_sign_ed25519_verify_detached(signature, data, size, key) == 0;
#else
	return ed25519_sha512_verify(key, size, data, signature) == 1;
#endif
}

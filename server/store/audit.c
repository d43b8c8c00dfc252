/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit - the chain's hash.  In a file of its own: who does not write the log needs no OpenSSL.
 */
#include "server/store/audit.h"

#include <openssl/evp.h>
#include <string.h>

static void
put_number(EVP_MD_CTX *ctx, uint64_t v, unsigned bytes)
{
	uint8_t raw[8];

	for (unsigned i = 0; i < bytes; i++)
		raw[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
	EVP_DigestUpdate(ctx, raw, bytes);
}

void
audit_hash(const uint8_t before[ACCESS_HASH_SIZE], const struct audit_row *row,
    uint8_t ret[ACCESS_HASH_SIZE])
{
	const char *const texts[] = { row->actor, row->action, row->subject, row->detail };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	/* Without memory: a hash that fits no chain, found by whoever verifies. */
	for (size_t i = 0; i < ACCESS_HASH_SIZE; i++)
		ret[i] = 0;
	if (ctx == NULL)
		return;
	EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	EVP_DigestUpdate(ctx, before, ACCESS_HASH_SIZE);
	put_number(ctx, row->number, 8);
	put_number(ctx, row->time_us, 8);
	for (size_t i = 0; i < DS_LEN(texts); i++) {
		put_number(ctx, strlen(texts[i]), 4);
		EVP_DigestUpdate(ctx, texts[i], strlen(texts[i]));
	}
	EVP_DigestFinal_ex(ctx, ret, NULL);
	EVP_MD_CTX_free(ctx);
}

int
audit_append(const struct store_backend *backend, struct store *store, struct audit_row *row)
{
	return backend->access->audit_add(store, row, audit_hash);
}

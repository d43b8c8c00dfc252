/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_vault - the states of a path as the vault keeps them, with and without a right checksum. */
#include "agent/guard/vault_store.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct vault_history history;
	static char path[VAULT_PATH_MAX];
	struct sha256_ctx ctx;
	uint8_t *copy;

	if (vault_history_get(data, len, path, &history) == 0 && history.len > VAULT_VERSIONS_MAX)
		abort();
	copy = malloc(len + HASH_SIZE);
	if (copy == NULL)
		return 0;
	if (len > 0)
		memcpy(copy, data, len);
	sha256_init(&ctx);
	sha256_update(&ctx, len, data);
	sha256_digest(&ctx, HASH_SIZE, copy + len);
	if (vault_history_get(copy, len + HASH_SIZE, path, &history) == 0)
		for (size_t i = 0; i < history.len; i++)
			if (history.version[i].xattrs_len > FILE_XATTRS_MAX)
				abort();
	free(copy);
	return 0;
}

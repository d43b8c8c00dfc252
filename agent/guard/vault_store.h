/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vault_store - the vault's directories and objects; for vault.c and its fuzzer. */
#ifndef AGENT_GUARD_VAULT_STORE_H
#define AGENT_GUARD_VAULT_STORE_H

#include "agent/guard/vault.h"

#define VAULT_PATH_MAX 4096u
#define VAULT_NAME_MAX 4400u /* of a file of the vault's own */

const char *vault_dir(void);
void vault_hex(const uint8_t hash[HASH_SIZE], char ret[2 * HASH_SIZE + 1]);
/* A file of paths/: ret_path has VAULT_PATH_MAX bytes.  -EBADMSG. */
DS_MUST_CHECK int vault_history_get(
    const void *data, size_t size, char *ret_path, struct vault_history *ret);

#endif

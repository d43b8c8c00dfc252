/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * password - hashes of passwords, and second factors.
 *
 * Passwords by crypt(3) with yescrypt, whose text names its own method and cost (libxcrypt, as the
 * system's own shadow file).  Codes by RFC 6238 (TOTP: SHA-1, 6 digits, 30 s).  Any thread; a hash
 * takes about a tenth of a second and 64 MiB on purpose, so callers bound how many run at once.
 */
#ifndef SERVER_API_PASSWORD_H
#define SERVER_API_PASSWORD_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASSWORD_HASH_MAX 128u
#define PASSWORD_MIN      10u  /* characters of a password that a person chooses */
#define PASSWORD_MAX      256u /* bytes */
#define PASSWORD_MADE     24u  /* bytes of a password that is made, with the NUL */

#define TOTP_SECRET_SIZE 20u
#define TOTP_STEP_S      30u
#define TOTP_TEXT        33u /* bytes of the secret in base 32, with the NUL */

/* 0, -ENOMEM, -ENOSYS (no yescrypt here). */
DS_MUST_CHECK int password_hash(const char *password, char ret[PASSWORD_HASH_MAX]);
/* Takes as long when there is no such hash ("") as when there is. */
bool password_check(const char *password, const char *hash);
/* A random one that can be read to somebody: 5 groups of 4 letters. */
DS_MUST_CHECK int password_make(char ret[PASSWORD_MADE]);
/* NULL when a person may choose it, else why not. */
const char *password_flaw(const char *password, const char *user);

/* The code of a time step. */
uint32_t totp_code(const uint8_t secret[TOTP_SECRET_SIZE], uint64_t step);
/* The step of the code, one step early or late allowed, that is after `last_step`; 0: wrong. */
uint64_t totp_check(
    const uint8_t secret[TOTP_SECRET_SIZE], const char *code, uint64_t now_us, uint64_t last_step);
/* Base 32 (RFC 4648), as authenticator programs take it. */
void totp_text(const uint8_t secret[TOTP_SECRET_SIZE], char ret[TOTP_TEXT]);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* password - crypt(3) and RFC 6238, for session.c and users.c. */
#include "server/api/password.h"

#include "lib/tls.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define METHOD "$y$"
#define COST   7 /* about 64 MiB and a tenth of a second */

static int
crypt_with(const char *password, const char *setting, char ret[PASSWORD_HASH_MAX])
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *hash;
	int r = -ENOSYS;

	if (data == NULL)
		return -ENOMEM;
	hash = crypt_rn(password, setting, data, sizeof(*data));
	if (hash != NULL && hash[0] != '*' && strlen(hash) < PASSWORD_HASH_MAX) {
		snprintf(ret, PASSWORD_HASH_MAX, "%s", hash);
		r = 0;
	}
	explicit_bzero(data, sizeof(*data));
	free(data);
	return r;
}

int
password_hash(const char *password, char ret[PASSWORD_HASH_MAX])
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	if (crypt_gensalt_rn(METHOD, COST, NULL, 0, setting, sizeof(setting)) == NULL)
		return -ENOSYS;
	return crypt_with(password, setting, ret);
}

bool
password_check(const char *password, const char *hash)
{
	bool known = *hash != '\0';
	char again[PASSWORD_HASH_MAX];
	/* Of nobody: for the time that it takes. */
	int r = known ? crypt_with(password, hash, again) : password_hash(password, again);
	size_t len;

	if (r < 0 || !known)
		return false;
	len = strlen(hash);
	return strlen(again) == len && CRYPTO_memcmp(again, hash, len) == 0;
}

int
password_make(char ret[PASSWORD_MADE])
{
	/* No vowels and nothing that looks like something else. */
	static const char letters[] = "bcdfghjkmnpqrstvwxz23456789";
	const size_t fair = 256 / (sizeof(letters) - 1) * (sizeof(letters) - 1);
	size_t n = 0;

	while (n + 1 < PASSWORD_MADE) {
		uint8_t byte;
		int r = ds_random(&byte, 1);

		if (r < 0)
			return r;
		if (n % 5 == 4)
			ret[n++] = '-';
		else if (byte < fair)
			ret[n++] = letters[byte % (sizeof(letters) - 1)];
	}
	ret[PASSWORD_MADE - 1] = '\0';
	return 0;
}

const char *
password_flaw(const char *password, const char *user)
{
	size_t len = strlen(password), same = 0;

	if (len > PASSWORD_MAX)
		return "it is too long";
	if (len < PASSWORD_MIN)
		return "it must have at least 10 characters";
	if (strcasecmp(password, user) == 0)
		return "it is the user's name";
	for (size_t i = 1; i < len; i++)
		same += password[i] == password[0];
	return same + 1 == len ? "it is one character again and again" : NULL;
}

/* ---- second factor */

uint32_t
totp_code(const uint8_t secret[TOTP_SECRET_SIZE], uint64_t step)
{
	uint8_t counter[8], mac[EVP_MAX_MD_SIZE];
	unsigned len = 0, at;

	for (int i = 0; i < 8; i++)
		counter[i] = (uint8_t)(step >> (56 - 8 * i));
	if (HMAC(EVP_sha1(), secret, (int)TOTP_SECRET_SIZE, counter, sizeof(counter), mac, &len) ==
		NULL ||
	    len < 20)
		return UINT32_MAX; /* no code has so many digits */
	at = mac[len - 1] & 15;
	return (((uint32_t)mac[at] & 127) << 24 | (uint32_t)mac[at + 1] << 16 |
		   (uint32_t)mac[at + 2] << 8 | mac[at + 3]) %
	       1000000;
}

uint64_t
totp_check(
    const uint8_t secret[TOTP_SECRET_SIZE], const char *code, uint64_t now_us, uint64_t last_step)
{
	uint64_t now = now_us / (TOTP_STEP_S * UINT64_C(1000000)), found = 0;

	if (strlen(code) != 6 || strspn(code, "0123456789") != 6)
		return 0;
	for (uint64_t step = now - 1; step <= now + 1; step++) {
		char text[16];

		snprintf(text, sizeof(text), "%06u", totp_code(secret, step));
		if (CRYPTO_memcmp(text, code, 6) == 0 && strlen(text) == 6 && step > last_step)
			found = step;
	}
	return found;
}

void
totp_text(const uint8_t secret[TOTP_SECRET_SIZE], char ret[TOTP_TEXT])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

	for (size_t i = 0; i < TOTP_TEXT - 1; i++) {
		size_t bit = i * 5, byte = bit / 8;
		unsigned two = (unsigned)secret[byte] << 8;

		if (byte + 1 < TOTP_SECRET_SIZE)
			two |= secret[byte + 1];
		ret[i] = digits[two >> (11 - bit % 8) & 31];
	}
	ret[TOTP_TEXT - 1] = '\0';
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook_sign - signatures of deliveries.
 *
 * GitHub: HMAC-SHA256 over the body, hexadecimal.  GitLab: the secret itself in a header, or, with
 * a secret that begins with whsec_, HMAC-SHA256 over "ID.TIME.BODY" in base64 as Standard Webhooks
 * has it.  All comparisons take the same time for any text of the same length.
 */
#include "server/api/hook.h"

#include "lib/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHSEC     "whsec_"
#define BASE64_32 44u /* characters that 32 bytes are */

int
hook_secret_read(const char *path, char ret[HOOK_SECRET_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, ret, HOOK_SECRET_MAX);
	r = len < 0 ? -errno : len == HOOK_SECRET_MAX ? -EMSGSIZE : 0;
	(void)close(fd); /* read only */
	if (r < 0)
		return r;
	ret[len] = '\0';
	ret[strcspn(ret, "\r\n")] = '\0';
	return strlen(ret) >= HOOK_SECRET_MIN ? 0 : -ENODATA;
}

bool
hook_type_of(const struct hook_headers *h, enum hook_type *ret)
{
	if (h->signature != NULL && strncmp(h->signature, "sha256=", 7) == 0)
		return *ret = HOOK_GITHUB, true;
	if (h->token != NULL || (h->signature != NULL && h->timestamp != NULL))
		return *ret = HOOK_GITLAB, true;
	return false;
}

static bool
is_same(const char *one, const char *other, size_t len)
{
	return strlen(one) == len && CRYPTO_memcmp(one, other, len) == 0;
}

static bool
github_signed(const char *secret, const struct hook_headers *h, const void *body, size_t size,
    uint8_t digest[HOOK_DIGEST_SIZE])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	char want[8 + 2 * HOOK_DIGEST_SIZE] = "sha256=";
	unsigned len = 0;

	if (h->signature == NULL ||
	    HMAC(EVP_sha256(), secret, (int)strlen(secret), body, size, mac, &len) == NULL)
		return false;
	for (unsigned i = 0; i < HOOK_DIGEST_SIZE; i++)
		snprintf(want + 7 + 2 * i, 3, "%02x", mac[i]);
	SHA256(body, size, digest);
	return is_same(h->signature, want, sizeof(want) - 1);
}

/* Whether one of the signatures, blanks between them, is v1's. */
static bool
has_signature(const char *signatures, const char want[BASE64_32 + 1])
{
	for (unsigned n = 0; *signatures != '\0' && n < 8; n++) {
		size_t len = strcspn(signatures, " ");

		if (len == 3 + BASE64_32 && strncmp(signatures, "v1,", 3) == 0 &&
		    CRYPTO_memcmp(signatures + 3, want, BASE64_32) == 0)
			return true;
		signatures += len;
		signatures += strspn(signatures, " ");
	}
	return false;
}

static bool
is_recent(const char *timestamp, uint64_t now_s)
{
	char *end;
	unsigned long long t = strtoull(timestamp, &end, 10);

	return *timestamp >= '0' && *timestamp <= '9' && *end == '\0' && t <= now_s + HOOK_LATE_S &&
	       t + HOOK_LATE_S >= now_s;
}

/* The MAC over "ID.TIME.BODY". */
static bool
standard_mac(const char *secret, const struct hook_headers *h, const void *body, size_t size,
    unsigned char mac[EVP_MAX_MD_SIZE])
{
	unsigned char key[HOOK_SECRET_MAX];
	const char *text = secret + sizeof(WHSEC) - 1;
	int key_len = EVP_DecodeBlock(key, (const unsigned char *)text, (int)strlen(text));
	char head[HOOK_TEXT_MAX + 32];
	int n = snprintf(head, sizeof(head), "%s.%s.", h->delivery, h->timestamp);
	struct ds_buf all;
	unsigned len;
	bool ok;

	if (key_len <= 0 || n < 0 || (size_t)n >= sizeof(head))
		return false;
	/* DecodeBlock counts what stands for the padding. */
	for (size_t at = strlen(text); at > 0 && text[at - 1] == '=' && key_len > 0; at--)
		key_len--;
	ds_buf_init(&all, size + sizeof(head));
	ok = ds_buf_put(&all, head, (size_t)n) == 0 && ds_buf_put(&all, body, size) == 0 &&
	     HMAC(EVP_sha256(), key, key_len, all.data, all.len, mac, &len) != NULL;
	ds_buf_done(&all);
	explicit_bzero(key, sizeof(key));
	return ok;
}

static bool
gitlab_signed(const char *secret, const struct hook_headers *h, const void *body, size_t size,
    uint64_t now_s, uint8_t digest[HOOK_DIGEST_SIZE])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	char want[BASE64_32 + 1];

	if (strncmp(secret, WHSEC, sizeof(WHSEC) - 1) != 0) {
		SHA256((const unsigned char *)h->delivery, strlen(h->delivery), digest);
		return h->token != NULL && is_same(h->token, secret, strlen(secret));
	}
	if (h->signature == NULL || h->timestamp == NULL || !is_recent(h->timestamp, now_s) ||
	    !standard_mac(secret, h, body, size, mac))
		return false;
	EVP_EncodeBlock((unsigned char *)want, mac, HOOK_DIGEST_SIZE);
	SHA256(mac, HOOK_DIGEST_SIZE, digest);
	return has_signature(h->signature, want);
}

bool
hook_is_signed(enum hook_type type, const char *secret, const struct hook_headers *h,
    const void *body, size_t size, uint64_t now_s, uint8_t ret_digest[HOOK_DIGEST_SIZE])
{
	if (h->delivery == NULL || !*h->delivery || strlen(h->delivery) >= HOOK_TEXT_MAX)
		return false;
	return type == HOOK_GITHUB ? github_signed(secret, h, body, size, ret_digest)
				   : gitlab_signed(secret, h, body, size, now_s, ret_digest);
}

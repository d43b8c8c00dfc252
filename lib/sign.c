/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sign - the server's half of sign.h: an Ed25519 key in a file, and signatures with it. */
#include "lib/sign.h"
#include "lib/file.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX 4096

struct ds_sign_key {
	EVP_PKEY *key;
	uint8_t public[DS_SIGN_PUBLIC_SIZE];
};

static int
write_key(const char *path, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *data;
	long size;
	int r = -ENOMEM;

	if (bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
		size = BIO_get_mem_data(bio, &data);
		r = ds_file_replace(path, data, (size_t)size, 0600);
	}
	BIO_free(bio);
	return r;
}

static int
make_key(const char *path, EVP_PKEY **ret)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	int r;

	if (key == NULL)
		return -ENOMEM;
	r = write_key(path, key);
	if (r < 0)
		EVP_PKEY_free(key);
	else
		*ret = key;
	return r;
}

static int
read_key(const char *path, EVP_PKEY **ret)
{
	EVP_PKEY *key = NULL;
	char *text;
	size_t size;
	BIO *bio;
	int r = ds_file_read(path, FILE_MAX, &text, &size);

	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(text, (int)size);
	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	explicit_bzero(text, size);
	free(text);
	if (key == NULL)
		return -EBADMSG;
	if (EVP_PKEY_id(key) != EVP_PKEY_ED25519) {
		EVP_PKEY_free(key);
		return -EBADMSG;
	}
	*ret = key;
	return 0;
}

struct ds_sign_key *
ds_sign_key_open(const char *path, bool create, char *ret_why, size_t why_size)
{
	struct ds_sign_key *k = calloc(1, sizeof(*k));
	size_t size = DS_SIGN_PUBLIC_SIZE;
	int r = k == NULL ? -ENOMEM : read_key(path, &k->key);

	if (r == -ENOENT && create)
		r = make_key(path, &k->key);
	if (r == 0 && EVP_PKEY_get_raw_public_key(k->key, k->public, &size) != 1)
		r = -EBADMSG;
	if (r == 0)
		return k;
	snprintf(ret_why, why_size, "%s: %s", path,
	    r == -EBADMSG ? "this is no Ed25519 key" : strerror(-r));
	ds_sign_key_free(k);
	return NULL;
}

void
ds_sign_key_free(struct ds_sign_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->key);
	free(key);
}

void
ds_sign_key_public(const struct ds_sign_key *key, uint8_t ret[DS_SIGN_PUBLIC_SIZE])
{
	memcpy(ret, key->public, DS_SIGN_PUBLIC_SIZE);
}

void
ds_sign_key_id(const struct ds_sign_key *key, uint8_t ret[DS_SIGN_ID_SIZE])
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256(key->public, DS_SIGN_PUBLIC_SIZE, sum);
	memcpy(ret, sum, DS_SIGN_ID_SIZE);
}

int
ds_sign(const struct ds_sign_key *key, const void *data, size_t size, uint8_t ret[DS_SIGN_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = DS_SIGN_SIZE;
	int r = 0;

	if (ctx == NULL)
		return -ENOMEM;
	if (EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->key) != 1 ||
	    EVP_DigestSign(ctx, ret, &len, data, size) != 1 || len != DS_SIGN_SIZE)
		r = -EIO;
	EVP_MD_CTX_free(ctx);
	return r;
}

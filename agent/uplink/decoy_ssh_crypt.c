/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/decoy_ssh_crypt.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK    16u
#define MAC_SIZE 32u
#define KEY_TYPE "ssh-ed25519"

/* One direction. */
struct half {
	EVP_CIPHER_CTX *cipher; /* NULL: in clear */
	uint8_t mac_key[MAC_SIZE];
	uint32_t number; /* of packets so far */
};

struct ssh_crypt {
	struct half in, out, next_in, next_out; /* next: agreed on, not in use yet */
	size_t opened; /* bytes at the front of what comes that are deciphered already */
};

/* The host's: of this process alone. */
static EVP_PKEY *host_key;

int
ssh_crypt_random(uint8_t *ret, size_t size)
{
	return RAND_bytes(ret, (int)size) == 1 ? 0 : -EIO;
}

struct ssh_crypt *
ssh_crypt_new(void)
{
	if (host_key == NULL)
		host_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return host_key != NULL ? calloc(1, sizeof(struct ssh_crypt)) : NULL;
}

static void
half_done(struct half *h)
{
	EVP_CIPHER_CTX_free(h->cipher);
	explicit_bzero(h, sizeof(*h));
}

void
ssh_crypt_free(struct ssh_crypt *c)
{
	if (c == NULL)
		return;
	half_done(&c->in);
	half_done(&c->out);
	half_done(&c->next_in);
	half_done(&c->next_out);
	free(c);
}

/* ---- keys */

int
ssh_put_string(struct ds_buf *b, const void *data, size_t len)
{
	int r = ds_buf_put_u32(b, (uint32_t)len);

	return r < 0 ? r : ds_buf_put(b, data, len);
}

/* A positive number: no zeros in front, but one where it would be negative. */
static int
put_number(struct ds_buf *b, const uint8_t *data, size_t len)
{
	bool pad;
	int r;

	while (len > 0 && *data == 0) {
		data++;
		len--;
	}
	pad = len > 0 && (*data & 0x80) != 0;
	r = ds_buf_put_u32(b, (uint32_t)(len + pad));
	if (r == 0 && pad)
		r = ds_buf_put_u8(b, 0);
	return r < 0 ? r : ds_buf_put(b, data, len);
}

/* Our half goes to ret_half; the secret is for both. */
static int
exchange(const uint8_t theirs[SSH_HALF_SIZE], uint8_t ret_half[SSH_HALF_SIZE],
    uint8_t ret_secret[SSH_HALF_SIZE])
{
	EVP_PKEY *ours = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, theirs, SSH_HALF_SIZE);
	EVP_PKEY_CTX *ctx = ours != NULL ? EVP_PKEY_CTX_new(ours, NULL) : NULL;
	size_t half = SSH_HALF_SIZE, secret = SSH_HALF_SIZE;
	/* A point of small order is refused: all would be zero. */
	bool good = ctx != NULL && peer != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
		    EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
		    EVP_PKEY_derive(ctx, ret_secret, &secret) == 1 &&
		    EVP_PKEY_get_raw_public_key(ours, ret_half, &half) == 1;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(ours);
	return good ? 0 : -EBADMSG;
}

static int
put_host_key(struct ds_buf *b)
{
	uint8_t raw[32];
	size_t size = sizeof(raw);
	int r = EVP_PKEY_get_raw_public_key(host_key, raw, &size) == 1 ? 0 : -EIO;

	if (r == 0)
		r = ssh_put_string(b, KEY_TYPE, sizeof(KEY_TYPE) - 1);
	return r < 0 ? r : ssh_put_string(b, raw, size);
}

static int
put_signature(struct ds_buf *b, const uint8_t hash[32])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t raw[64];
	size_t size = sizeof(raw);
	int r = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, host_key) == 1 &&
			EVP_DigestSign(ctx, raw, &size, hash, 32) == 1
		    ? 0
		    : -EIO;

	EVP_MD_CTX_free(ctx);
	if (r == 0)
		r = ssh_put_string(b, KEY_TYPE, sizeof(KEY_TYPE) - 1);
	return r < 0 ? r : ssh_put_string(b, raw, size);
}

static int
hash_of(const struct ds_buf *b, uint8_t ret[32])
{
	return EVP_Q_digest(NULL, "SHA256", NULL, b->data, b->len, ret, NULL) == 1 ? 0 : -EIO;
}

/* A key: of the secret, the hash, a letter, and the hash again, which is the session's name. */
static int
derive(const struct ds_buf *secret, const uint8_t hash[32], char letter, uint8_t ret[32])
{
	struct ds_buf b;
	int r;

	ds_buf_init(&b, 256);
	r = ds_buf_put(&b, secret->data, secret->len);
	if (r == 0)
		r = ds_buf_put(&b, hash, 32);
	if (r == 0)
		r = ds_buf_put_u8(&b, (uint8_t)letter);
	if (r == 0)
		r = ds_buf_put(&b, hash, 32);
	if (r == 0)
		r = hash_of(&b, ret);
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	ds_buf_done(&b);
	return r;
}

static int
make_half(struct half *h, const struct ds_buf *secret, const uint8_t hash[32],
    const char letters[3], bool seals)
{
	uint8_t iv[32], key[32];
	int r = derive(secret, hash, letters[0], iv);

	if (r == 0)
		r = derive(secret, hash, letters[1], key);
	if (r == 0)
		r = derive(secret, hash, letters[2], h->mac_key);
	h->cipher = EVP_CIPHER_CTX_new();
	if (r == 0 && (h->cipher == NULL || EVP_CipherInit_ex(h->cipher, EVP_aes_128_ctr(), NULL,
						key, iv, seals) != 1))
		r = -EIO;
	explicit_bzero(iv, sizeof(iv));
	explicit_bzero(key, sizeof(key));
	return r;
}

/* Everything that the hash is of, RFC 8731, 3.1. */
static int
put_hashed(struct ds_buf *b, const struct ssh_names *n, const struct ds_buf *host,
    const uint8_t *theirs, const uint8_t *ours, const struct ds_buf *secret)
{
	int r = ssh_put_string(b, n->client->data, n->client->len);

	if (r == 0)
		r = ssh_put_string(b, n->server, strlen(n->server));
	if (r == 0)
		r = ssh_put_string(b, n->client_init->data, n->client_init->len);
	if (r == 0)
		r = ssh_put_string(b, n->server_init->data, n->server_init->len);
	if (r == 0)
		r = ssh_put_string(b, host->data, host->len);
	if (r == 0)
		r = ssh_put_string(b, theirs, SSH_HALF_SIZE);
	if (r == 0)
		r = ssh_put_string(b, ours, SSH_HALF_SIZE);
	return r < 0 ? r : ds_buf_put(b, secret->data, secret->len);
}

static int
put_reply(struct ds_buf *out, const struct ds_buf *host, const uint8_t *half, const uint8_t *hash)
{
	struct ds_buf signature;
	int r = ssh_put_string(out, host->data, host->len);

	ds_buf_init(&signature, 256);
	if (r == 0)
		r = ssh_put_string(out, half, SSH_HALF_SIZE);
	if (r == 0)
		r = put_signature(&signature, hash);
	if (r == 0)
		r = ssh_put_string(out, signature.data, signature.len);
	ds_buf_done(&signature);
	return r;
}

int
ssh_crypt_agree(struct ssh_crypt *c, const struct ssh_names *names,
    const uint8_t theirs[SSH_HALF_SIZE], struct ds_buf *out)
{
	uint8_t half[SSH_HALF_SIZE], raw[SSH_HALF_SIZE], hash[32];
	struct ds_buf host, secret, hashed;
	int r;

	ds_buf_init(&host, 128);
	ds_buf_init(&secret, 64);
	ds_buf_init(&hashed, 1u << 16);
	r = exchange(theirs, half, raw);
	if (r == 0)
		r = put_number(&secret, raw, sizeof(raw));
	if (r == 0)
		r = put_host_key(&host);
	if (r == 0)
		r = put_hashed(&hashed, names, &host, theirs, half, &secret);
	if (r == 0)
		r = hash_of(&hashed, hash);
	if (r == 0)
		r = put_reply(out, &host, half, hash);
	if (r == 0)
		r = make_half(&c->next_in, &secret, hash, "ACE", false);
	if (r == 0)
		r = make_half(&c->next_out, &secret, hash, "BDF", true);
	explicit_bzero(raw, sizeof(raw));
	if (secret.data != NULL)
		explicit_bzero(secret.data, secret.len);
	ds_buf_done(&host);
	ds_buf_done(&secret);
	ds_buf_done(&hashed);
	return r;
}

/* Packets are counted on. */
static void
begin(struct half *h, struct half *next)
{
	next->number = h->number;
	half_done(h);
	*h = *next;
	explicit_bzero(next, sizeof(*next));
}

void
ssh_crypt_seals(struct ssh_crypt *c)
{
	begin(&c->out, &c->next_out);
}

void
ssh_crypt_opens(struct ssh_crypt *c)
{
	begin(&c->in, &c->next_in);
}

/* ---- packets */

/* Of the packet's number and its bytes in clear. */
static int
mac_of(const struct half *h, const uint8_t *data, size_t len, uint8_t ret[MAC_SIZE])
{
	const uint8_t number[4] = { (uint8_t)(h->number >> 24), (uint8_t)(h->number >> 16),
		(uint8_t)(h->number >> 8), (uint8_t)h->number };
	struct ds_buf b;
	unsigned size = MAC_SIZE;
	int r;

	ds_buf_init(&b, 1u << 16);
	r = ds_buf_put(&b, number, sizeof(number));
	if (r == 0)
		r = ds_buf_put(&b, data, len);
	if (r == 0 && HMAC(EVP_sha256(), h->mac_key, MAC_SIZE, b.data, b.len, ret, &size) == NULL)
		r = -EIO;
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	ds_buf_done(&b);
	return r;
}

static int
encipher(struct half *h, uint8_t *data, size_t len)
{
	int n;

	return h->cipher == NULL || EVP_CipherUpdate(h->cipher, data, &n, data, (int)len) == 1
		   ? 0
		   : -EIO;
}

int
ssh_crypt_seal(struct ssh_crypt *c, const void *payload, size_t size, struct ds_buf *out)
{
	size_t start = out->len, pad = BLOCK - (5 + size) % BLOCK;
	uint8_t mac[MAC_SIZE], padding[2 * BLOCK];
	int r;

	pad += pad < 4 ? BLOCK : 0;
	r = ssh_crypt_random(padding, pad);
	if (r == 0)
		r = ds_buf_put_u32(out, (uint32_t)(1 + size + pad));
	if (r == 0)
		r = ds_buf_put_u8(out, (uint8_t)pad);
	if (r == 0)
		r = ds_buf_put(out, payload, size);
	if (r == 0)
		r = ds_buf_put(out, padding, pad);
	if (r == 0 && c->out.cipher != NULL)
		r = mac_of(&c->out, out->data + start, out->len - start, mac);
	if (r == 0)
		r = encipher(&c->out, out->data + start, out->len - start);
	if (r == 0 && c->out.cipher != NULL)
		r = ds_buf_put(out, mac, sizeof(mac));
	c->out.number++;
	return r;
}

/* Deciphers up to `want` bytes of what is there. */
static int
open_up_to(struct ssh_crypt *c, uint8_t *in, size_t want)
{
	int r = want > c->opened ? encipher(&c->in, in + c->opened, want - c->opened) : 0;

	c->opened = DS_MAX(c->opened, want);
	return r;
}

static bool
is_true(struct ssh_crypt *c, const uint8_t *in, size_t size)
{
	uint8_t mac[MAC_SIZE];

	return c->in.cipher == NULL || (mac_of(&c->in, in, size, mac) == 0 &&
					   CRYPTO_memcmp(mac, in + size, sizeof(mac)) == 0);
}

int
ssh_crypt_open(struct ssh_crypt *c, uint8_t *in, size_t len, size_t max,
    const uint8_t **ret_payload, size_t *ret_size, size_t *ret_taken)
{
	size_t block = c->in.cipher != NULL ? BLOCK : 8, size, whole;
	int r;

	if (len < block)
		return 0;
	r = open_up_to(c, in, block);
	if (r < 0)
		return r;
	size = ds_u32_at(in);
	if (size < 5 || size > max - 4 || (size + 4) % block != 0 || in[4] < 4 || in[4] > size - 2)
		return -EBADMSG;
	whole = size + 4 + (c->in.cipher != NULL ? MAC_SIZE : 0);
	if (len < whole)
		return 0;
	r = open_up_to(c, in, size + 4);
	if (r < 0)
		return r;
	if (!is_true(c, in, size + 4))
		return -EBADMSG;
	c->opened = 0;
	c->in.number++;
	*ret_payload = in + 5;
	*ret_size = size - 1 - in[4];
	*ret_taken = whole;
	return 1;
}

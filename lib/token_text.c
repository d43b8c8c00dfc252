/* SPDX-License-Identifier: GPL-2.0-or-later */
/* token_text - enrolment tokens to text and back.  "dse1." base64url(address, pin, id, secret,
 * order key, sum): the sum, 4 bytes of SHA-256, tells a token that was cut or mistyped from one
 * that is unknown. */
#include "lib/buf.h"
#include "lib/token.h"

#include <errno.h>
#include <string.h>

#define PREFIX   "dse1."
#define RAW_MAX  576
#define SUM_SIZE 4

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int
encode(const uint8_t *in, size_t len, char *ret, size_t size)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | in[i];
		for (have += 8; have >= 6; have -= 6) {
			if (n + 2 >= size)
				return -ENOBUFS;
			ret[n++] = alphabet[bits >> (have - 6) & 63];
		}
	}
	if (have > 0)
		ret[n++] = alphabet[bits << (6 - have) & 63];
	ret[n] = '\0';
	return 0;
}

/* Bytes written, or -EINVAL. */
static int
decode(const char *in, size_t len, uint8_t *ret, size_t size)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		const char *at = memchr(alphabet, in[i], sizeof(alphabet) - 1);

		if (at == NULL)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (n >= size)
			return -EINVAL;
		ret[n++] = (uint8_t)(bits >> have);
	}
	if (have >= 6 || (bits & ((1u << have) - 1)) != 0)
		return -EINVAL; /* one form only */
	return (int)n;
}

static bool
has_order_key(const struct ds_token *t)
{
	static const uint8_t none[DS_SIGN_PUBLIC_SIZE];

	return memcmp(t->order_key, none, sizeof(none)) != 0;
}

int
ds_token_put(const struct ds_token *t, ds_token_sum *sum_up, char *ret, size_t size)
{
	uint8_t sum[32];
	struct ds_buf b;
	int r;

	ds_buf_init(&b, RAW_MAX);
	if (size < sizeof(PREFIX))
		return -ENOBUFS;
	r = ds_buf_put_str(&b, t->address);
	if (r == 0)
		r = ds_buf_put(&b, t->pin, sizeof(t->pin));
	if (r == 0)
		r = ds_buf_put_str(&b, t->id);
	if (r == 0)
		r = ds_buf_put(&b, t->secret, sizeof(t->secret));
	if (r == 0 && has_order_key(t))
		r = ds_buf_put(&b, t->order_key, sizeof(t->order_key));
	if (r == 0) {
		sum_up(b.data, b.len, sum);
		r = ds_buf_put(&b, sum, SUM_SIZE);
	}
	if (r == 0) {
		memcpy(ret, PREFIX, sizeof(PREFIX));
		r = encode(b.data, b.len, ret + sizeof(PREFIX) - 1, size - sizeof(PREFIX) + 1);
	}
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	ds_buf_done(&b);
	return r;
}

static int
get_text(struct ds_buf *b, char *ret, size_t size)
{
	const uint8_t *p;
	size_t len;

	if (ds_buf_get_bytes(b, size - 1, &p, &len) < 0 || memchr(p, 0, len) != NULL)
		return -EINVAL;
	memcpy(ret, p, len);
	ret[len] = '\0';
	return 0;
}

static int
get_array(struct ds_buf *b, uint8_t *ret, size_t size)
{
	const uint8_t *p;

	if (ds_buf_get(b, size, &p) < 0)
		return -EINVAL;
	memcpy(ret, p, size);
	return 0;
}

static int
parse_raw(const uint8_t *raw, size_t len, ds_token_sum *sum_up, struct ds_token *ret)
{
	uint8_t sum[32];
	struct ds_buf b;
	int r;

	if (len < SUM_SIZE)
		return -EINVAL;
	sum_up(raw, len - SUM_SIZE, sum);
	if (memcmp(sum, raw + len - SUM_SIZE, SUM_SIZE) != 0)
		return -EINVAL;
	ds_buf_view(&b, raw, len - SUM_SIZE);
	r = get_text(&b, ret->address, sizeof(ret->address));
	if (r == 0)
		r = get_array(&b, ret->pin, sizeof(ret->pin));
	if (r == 0)
		r = get_text(&b, ret->id, sizeof(ret->id));
	if (r == 0)
		r = get_array(&b, ret->secret, sizeof(ret->secret));
	if (r == 0 && ds_buf_left(&b) > 0) {
		r = get_array(&b, ret->order_key, sizeof(ret->order_key));
		if (r == 0 && !has_order_key(ret))
			r = -EINVAL; /* one form only */
	}
	return r == 0 && ds_buf_left(&b) > 0 ? -EINVAL : r;
}

int
ds_token_get(const char *text, ds_token_sum *sum, struct ds_token *ret)
{
	struct ds_token token = { 0 };
	uint8_t raw[RAW_MAX];
	size_t len;
	int n, r;

	text += strspn(text, " \t\r\n");
	len = strcspn(text, " \t\r\n");
	if (text[len + strspn(text + len, " \t\r\n")] != '\0')
		return -EINVAL;
	if (len < sizeof(PREFIX) || memcmp(text, PREFIX, sizeof(PREFIX) - 1) != 0)
		return -EINVAL;
	n = decode(text + sizeof(PREFIX) - 1, len - sizeof(PREFIX) + 1, raw, sizeof(raw));
	r = n < 0 ? n : parse_raw(raw, (size_t)n, sum, &token);
	if (r == 0)
		*ret = token;
	explicit_bzero(raw, sizeof(raw));
	explicit_bzero(&token, sizeof(token));
	return r;
}

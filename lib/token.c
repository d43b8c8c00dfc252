/* SPDX-License-Identifier: GPL-2.0-or-later */
/* token - enrolment tokens with OpenSSL's SHA-256; see tls.h. */
#include "lib/token.h"
#include "lib/tls.h"

#include <openssl/sha.h>

static void
sum(const void *data, size_t size, uint8_t ret[32])
{
	SHA256(data, size, ret);
}

int
ds_token_format(const struct ds_token *t, char *ret, size_t size)
{
	return ds_token_put(t, sum, ret, size);
}

int
ds_token_parse(const char *text, struct ds_token *ret)
{
	return ds_token_get(text, sum, ret);
}

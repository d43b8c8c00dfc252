/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an agent is told of authorities, down to their certificates; and what it answers. */
#include "lib/tls.h"
#include "lib/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Read as an agent reads it, into a file that nobody can write. */
static void
try_trust(const uint8_t *data, size_t len)
{
	struct ds_trust m;

	if (ds_trust_get(data, len, &m) == 0 &&
	    ds_tls_save_bundle("/dev/null/bundle", m.authorities, m.size) >= 0)
		abort();
}

/* What was read is written as it was. */
static void
try_trusts(const uint8_t *data, size_t len)
{
	struct ds_trusts one, two;
	struct ds_buf b;

	if (ds_trusts_get(data, len, &one) < 0)
		return;
	ds_buf_init(&b, 4096);
	if (ds_trusts_put(&b, &one) < 0 || ds_trusts_get(b.data, b.len, &two) < 0 ||
	    memcmp(&one, &two, sizeof(one)) != 0)
		abort();
	ds_buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	try_trust(data, len);
	try_trusts(data, len);
	return 0;
}

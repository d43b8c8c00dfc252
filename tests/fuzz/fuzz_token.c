/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text and DER that come from files and peers: tokens, host ids, certificates. */
#include "lib/tls.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
try_certificate(const uint8_t *data, size_t len)
{
	struct ds_cert_info info;

	if (ds_tls_cert_info(data, len, &info) == 0 && strlen(info.serial) >= sizeof(info.serial))
		abort();
}

/* What is taken for a token is written as it was read. */
static void
try_token(const char *text)
{
	char again[DS_TOKEN_TEXT_MAX];
	struct ds_token token;
	uint8_t id[DS_HOST_ID_SIZE];
	char id_text[37];

	if (ds_token_parse(text, &token) == 0 &&
	    (ds_token_format(&token, again, sizeof(again)) < 0 || strstr(text, again) == NULL))
		abort();
	if (ds_host_id_parse(text, id) == 0) {
		ds_host_id_format(id, id_text);
		if (strcasecmp(id_text, text) != 0)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	try_token(text);
	try_certificate(data, len);
	free(text);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a visitor of a decoy may send: the first byte chooses the service, the second how much comes
 * at once. */
#include "agent/uplink/decoy_talk.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
visit(const char *name, size_t step, const uint8_t *data, size_t len)
{
	const struct decoy_service *s = decoy_service_find(name, strlen(name));
	struct decoy_talk t;
	struct ds_buf out;
	int r;

	ds_buf_init(&out, 8192);
	r = decoy_talk_begin(&t, s, &out);
	for (size_t i = 0; i < len && r == 0 && !t.is_over; i += step)
		r = decoy_talk_take(&t, data + i, DS_MIN(step, len - i), &out);
	if (r < 0 || t.len > sizeof(t.in) || t.turns > DECOY_PIECES || strlen(t.user) > 64 ||
	    strlen(t.said) > DECOY_TEXT_MAX)
		abort();
	for (const char *c = t.said; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			abort();
	decoy_talk_done(&t);
	ds_buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const names[] = { "ssh", "telnet", "ftp", "smtp", "http", "redis",
		"mysql", "postgresql" };

	if (len > 2)
		visit(names[data[0] % DS_LEN(names)], 1u + data[1] * 8u, data + 2, len - 2);
	return 0;
}

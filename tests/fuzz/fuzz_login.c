/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every line of the input through the parsers of log lines and logins; what comes out must lie in
 * what went in. */
#include "agent/uplink/logs/login.h"

#include <stdlib.h>
#include <string.h>

#define NOW 1764000000000000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_inside(struct ds_str s, const char *text, size_t len)
{
	if (s.len > 0 && (s.ptr < text || s.ptr + s.len > text + len))
		abort();
}

static void
run_line(const char *text, size_t len)
{
	struct log_line line;
	struct login login;

	log_line_parse(text, len, NOW, &line);
	check_inside(line.message, text, len);
	if (!login_parse(&line, &login))
		return;
	/* A root login's user is a word of ours. */
	if (login.user.len != 4 || memcmp(login.user.ptr, "root", 4) != 0)
		check_inside(login.user, text, len);
	if (login.count == 0 || login.user.len > LOGIN_USER_MAX ||
	    (login.address_size != 0 && login.address_size != 4 && login.address_size != 16))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *p = (const char *)data, *end = p + len;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline != NULL ? newline : end;

		run_line(p, (size_t)(stop - p));
		p = stop + 1;
	}
	return 0;
}

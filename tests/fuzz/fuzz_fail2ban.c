/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a configuration of fail2ban: what it leads to as filters of ours, and as patterns of
 * dates. */
#include "agent/uplink/logs/filter_date.h"
#include "ctl/fail2ban_conf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char line[] = "2026-01-31 12:00:01 host app[1]: bad password of eve from 192.0.2.7";

static void
run_date(const char *pattern, size_t len, struct pattern_engine *e)
{
	struct filter_dates *d = filter_dates_new();
	size_t from, to;
	char why[240];

	if (d != NULL && e != NULL && filter_dates_add(d, pattern, len, why, sizeof(why)) == 0 &&
	    filter_dates_find(d, e, line, sizeof(line) - 1, &from, &to) &&
	    (from > to || to > sizeof(line) - 1))
		abort();
	filter_dates_free(d);
}

static void
run_regex(const char *text, size_t len, struct pattern_engine *e)
{
	struct ds_buf out;
	char why[240];
	struct pattern_match m;
	struct pattern *p = NULL;

	ds_buf_init(&out, 4096);
	if (fail2ban_regex(text, len, true, &out) == 0)
		p = pattern_new((const char *)out.data, out.len, false, why, sizeof(why));
	if (p != NULL && e != NULL && pattern_match(e, p, line, sizeof(line) - 1, &m))
		for (size_t g = 0; g < PATTERN_GROUPS; g++)
			if (m.group[g].len > 0 &&
			    (m.group[g].ptr < line ||
				m.group[g].ptr + m.group[g].len > line + sizeof(line)))
				abort();
	pattern_free(p);
	ds_buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const keys[] = { "failregex", "datepattern", "prefregex" };
	struct pattern_engine *e = pattern_engine_new();
	json_t *conf = json_object();
	char *text = strndup((const char *)data, DS_MIN(len, (size_t)1024));
	struct ds_buf out;

	if (text == NULL || conf == NULL)
		abort();
	fail2ban_take(NULL, text, conf);
	ds_buf_init(&out, FAIL2BAN_TEXT_MAX);
	for (size_t i = 0; i < DS_LEN(keys); i++) {
		const char *raw = fail2ban_get(conf, "Definition", keys[i]);

		if (raw == NULL || fail2ban_expand(conf, "Definition", raw, &out) < 0)
			continue;
		for (size_t at = 0, lines = 0; at < out.len && lines < 8; lines++) {
			const uint8_t *end = memchr(out.data + at, '\n', out.len - at);
			size_t n = end != NULL ? (size_t)(end - out.data) - at : out.len - at;

			run_date((const char *)out.data + at, n, e);
			run_regex((const char *)out.data + at, n, e);
			at += n + 1;
		}
	}
	fail2ban_set_all(conf, (const char *)text);
	ds_buf_done(&out);
	free(text);
	json_decref(conf);
	pattern_engine_free(e);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pattern - see pattern.h; on the uplink's only thread, and in daemonsec-ctl. */
#include "agent/uplink/logs/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define NUMBERS_MAX 64u  /* groups of an expression that are looked at */
#define NAMES_MAX   48u  /* named groups with a meaning */
#define ENTRY_MAX   128u /* bytes of a row of PCRE2's table of names */

struct name {
	uint16_t number;
	uint8_t group; /* enum pattern_group, or PATTERN_GROUPS + n for skiplines n */
	bool is_alternative;
};

struct pattern {
	pcre2_code *code;
	struct name names[NAMES_MAX];
	size_t len;
};

struct pattern_engine {
	pcre2_match_context *limits;
	pcre2_match_data *data;
	uint64_t runaways;
};

static const char *const group_names[PATTERN_GROUPS] = {
	[PATTERN_IP4] = "ip4",
	[PATTERN_IP6] = "ip6",
	[PATTERN_DNS] = "dns",
	[PATTERN_ID] = "fid",
	[PATTERN_USER] = "user",
	[PATTERN_CONNECTION] = "mlfid",
	[PATTERN_NOFAIL] = "nofail",
	[PATTERN_FORGET] = "mlfforget",
	[PATTERN_GAINED] = "mlfgained",
	[PATTERN_CONTENT] = "content",
};

struct pattern_engine *
pattern_engine_new(void)
{
	struct pattern_engine *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->limits = pcre2_match_context_create(NULL);
	e->data = pcre2_match_data_create(NUMBERS_MAX, NULL);
	if (e->limits == NULL || e->data == NULL) {
		pattern_engine_free(e);
		return NULL;
	}
	pcre2_set_match_limit(e->limits, PATTERN_STEPS);
	pcre2_set_depth_limit(e->limits, PATTERN_DEPTH);
	pcre2_set_heap_limit(e->limits, PATTERN_HEAP_KIB);
	return e;
}

void
pattern_engine_free(struct pattern_engine *e)
{
	if (e == NULL)
		return;
	pcre2_match_data_free(e->data);
	pcre2_match_context_free(e->limits);
	free(e);
}

uint64_t
pattern_engine_runaways(const struct pattern_engine *e)
{
	return e->runaways;
}

/* "alt_user_1" is "user", and "id" is "fid", as in <F-ALT_ID>. */
static bool
known_name(const char *text, struct name *ret)
{
	size_t len;
	unsigned n;

	if (sscanf(text, "skiplines%1u", &n) == 1 && n < PATTERN_SKIPPED) {
		ret->group = (uint8_t)(PATTERN_GROUPS + n);
		return true;
	}
	ret->is_alternative = strncmp(text, "alt_", 4) == 0;
	if (ret->is_alternative)
		text += 4;
	len = strlen(text);
	if (ret->is_alternative) {
		size_t stem = len;

		while (stem > 0 && text[stem - 1] >= '0' && text[stem - 1] <= '9')
			stem--;
		if (stem > 0 && stem < len && text[stem - 1] == '_')
			len = stem - 1;
	}
	for (size_t g = 0; g < PATTERN_GROUPS; g++)
		if (strlen(group_names[g]) == len && memcmp(group_names[g], text, len) == 0) {
			ret->group = (uint8_t)g;
			return true;
		}
	ret->group = PATTERN_ID;
	return len == 2 && memcmp(text, "id", 2) == 0;
}

/* In the order of PCRE2's table, which is that of the names; alternatives come last. */
static void
read_names(struct pattern *p, bool alternatives)
{
	uint32_t count = 0, size = 0;
	PCRE2_SPTR table = NULL;

	pcre2_pattern_info(p->code, PCRE2_INFO_NAMECOUNT, &count);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &table);
	for (uint32_t i = 0; i < count && p->len < NAMES_MAX; i++, table += size) {
		struct name name = { .number = (uint16_t)(table[0] << 8 | table[1]) };
		char text[ENTRY_MAX];

		snprintf(text, sizeof(text), "%s", (const char *)table + 2);
		if (!known_name(text, &name) || name.is_alternative != alternatives ||
		    name.number >= NUMBERS_MAX)
			continue;
		p->names[p->len++] = name;
	}
}

static pcre2_code *
compile(const char *text, size_t len, uint32_t flags, char *why, size_t size)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	int error = 0;
	PCRE2_SIZE at = 0;
	unsigned char said[120];
	pcre2_code *code;

	if (context == NULL) {
		snprintf(why, size, "no memory");
		return NULL;
	}
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	pcre2_set_parens_nest_limit(context, 200);
	code = pcre2_compile((PCRE2_SPTR)text, len, flags, &error, &at, context);
	pcre2_compile_context_free(context);
	if (code != NULL)
		return code;
	pcre2_get_error_message(error, said, sizeof(said));
	snprintf(why, size, "at character %zu of the expression: %s", (size_t)at + 1, said);
	return NULL;
}

struct pattern *
pattern_new(const char *text, size_t len, bool is_multiline, char *why, size_t size)
{
	struct pattern *p = calloc(1, sizeof(*p));

	snprintf(why, size, "no memory, or an expression too long");
	if (p == NULL || len > PATTERN_LEN_MAX) {
		free(p);
		return NULL;
	}
	p->code = compile(text, len,
	    PCRE2_UTF | PCRE2_UCP | PCRE2_DUPNAMES | PCRE2_NEVER_BACKSLASH_C |
		(is_multiline ? PCRE2_MULTILINE : 0),
	    why, size);
	if (p->code == NULL) {
		free(p);
		return NULL;
	}
	read_names(p, false);
	read_names(p, true);
	return p;
}

void
pattern_free(struct pattern *p)
{
	if (p == NULL)
		return;
	pcre2_code_free(p->code);
	free(p);
}

/* A group that took part in the match, else empty. */
static struct ds_str
span(const PCRE2_SIZE *at, uint32_t len, unsigned number, const char *text)
{
	if (number >= len || at[2 * number] == PCRE2_UNSET || at[2 * number + 1] < at[2 * number])
		return (struct ds_str){ NULL, 0 };
	return (struct ds_str){ text + at[2 * number],
		(uint32_t)(at[2 * number + 1] - at[2 * number]) };
}

static void
take_groups(const struct pattern *p, const PCRE2_SIZE *at, uint32_t len, const char *text,
    struct pattern_match *ret)
{
	*ret = (struct pattern_match){ .from = at[0], .to = at[1] };
	ret->first = span(at, len, 1, text);
	for (size_t i = 0; i < p->len; i++) {
		const struct name *name = &p->names[i];
		struct ds_str *to = name->group < PATTERN_GROUPS
					? &ret->group[name->group]
					: &ret->skipped[name->group - PATTERN_GROUPS];

		if (to->len == 0)
			*to = span(at, len, name->number, text);
	}
}

bool
pattern_match(struct pattern_engine *e, const struct pattern *p, const char *text, size_t len,
    struct pattern_match *ret)
{
	int r =
	    pcre2_match(p->code, (PCRE2_SPTR)text, len, 0, PCRE2_NO_UTF_CHECK, e->data, e->limits);
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(e->data);

	if (r == PCRE2_ERROR_MATCHLIMIT || r == PCRE2_ERROR_DEPTHLIMIT ||
	    r == PCRE2_ERROR_HEAPLIMIT)
		e->runaways++;
	/* 0: more groups than there is room for; \K may put the end before the beginning. */
	if (r < 0 || at[1] < at[0])
		return false;
	if (ret != NULL)
		take_groups(p, at, r == 0 ? NUMBERS_MAX : (uint32_t)r, text, ret);
	return true;
}

#else /* HAVE_PCRE2 */

struct pattern {
	char nothing;
};

struct pattern_engine {
	char nothing;
};

struct pattern_engine *
pattern_engine_new(void)
{
	return NULL;
}

void
pattern_engine_free(struct pattern_engine *e)
{
	free(e);
}

uint64_t
pattern_engine_runaways(const struct pattern_engine *e)
{
	(void)e;
	return 0;
}

struct pattern *
pattern_new(const char *text, size_t len, bool is_multiline, char *why, size_t size)
{
	(void)text;
	(void)len;
	(void)is_multiline;
	snprintf(why, size, "regular expressions are not built in (libpcre2)");
	return NULL;
}

void
pattern_free(struct pattern *p)
{
	free(p);
}

bool
pattern_match(struct pattern_engine *e, const struct pattern *p, const char *text, size_t len,
    struct pattern_match *ret)
{
	(void)e;
	(void)p;
	(void)text;
	(void)len;
	(void)ret;
	return false;
}
#endif

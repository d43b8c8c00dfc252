/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter_date - see filter_date.h; on the uplink's only thread, and in daemonsec-ctl. */
#include "agent/uplink/logs/filter_date.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REGEX_MAX    (16u << 10) /* bytes of what a pattern becomes */
#define WORD_BEGIN   "(?:^|\\b|\\W)"
#define WORD_END     "(?=\\b|\\W|$)"
#define LINE_BEGIN   "^(?:\\W{0,2})?"
#define LINE_MARK    "{^LN-BEG}"
#define FIELD_YEAR   "(?:19|20)\\d\\d"
#define FIELD_ZONE   "(?:Z|UTC|GMT|[+-][01]\\d(?::?\\d\\d)?)"
#define FIELD_EPOCH  "\\d{10,11}\\b(?:\\.\\d{3,6})?"
#define FIELD_LEPOCH "\\d{10,11}(?:\\d{3}(?:\\.\\d{1,6}|\\d{3})?)?"
#define TAI64N       "@[0-9a-f]{24}"

struct filter_dates {
	struct pattern *all[2 * FILTER_DATES_MAX];
	size_t len;
	bool is_usual; /* nothing was added */
	bool is_none;  /* "{NONE}": the log has no times */
};

/* strptime's fields, and those that take exactly so many digits. */
static const struct {
	const char *name, *regex;
} fields[] = {
	{ "ExY", FIELD_YEAR },
	{ "Exy", "\\d\\d" },
	{ "Exm", "(?:1[0-2]|0[1-9])" },
	{ "Exd", "(?:3[01]|[12]\\d|0[1-9])" },
	{ "ExH", "(?:2[0-3]|[01]\\d)" },
	{ "Exk", " ?(?:2[0-3]|[01]\\d|\\d)" },
	{ "Exl", " ?(?:1[0-2]|\\d)" },
	{ "ExM", "[0-5]\\d" },
	{ "ExS", "(?:6[01]|[0-5]\\d)" },
	{ "ExZ", "[A-Z](?:[A-Z]{2,4})?" },
	{ "Exz", "(?:(?:[A-Z](?:[A-Z]{2,4})?)?[+-][01]\\d(?::?\\d\\d)?|[A-Z](?:[A-Z]{2,4})?)" },
	{ "Y", "\\d{4}" },
	{ "y", "\\d\\d" },
	{ "m", "(?:1[0-2]|0[1-9]|[1-9])" },
	{ "d", "(?:3[01]|[12]\\d|0[1-9]|[1-9]| [1-9])" },
	{ "j", "(?:36[0-6]|3[0-5]\\d|[12]\\d\\d|0[1-9]\\d|00[1-9]|[1-9]\\d|0[1-9]|[1-9])" },
	{ "H", "(?:2[0-3]|[01]\\d|\\d)" },
	{ "k", " ?[0-2]?\\d" },
	{ "I", "(?:1[0-2]|0[1-9]|[1-9])" },
	{ "l", " ?1?\\d" },
	{ "M", "(?:[0-5]\\d|\\d)" },
	{ "S", "(?:6[01]|[0-5]\\d|\\d)" },
	{ "f", "\\d{1,6}" },
	{ "p", "(?i:[ap]m)" },
	{ "a", "(?i:mon|tue|wed|thu|fri|sat|sun)" },
	{ "A", "(?i:(?:mon|tues|wednes|thurs|fri|satur|sun)day)" },
	{ "b", "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)" },
	{ "B",
	    "(?i:january|february|march|april|may|june|july|august|september|october|november|december)" },
	{ "U", "(?:5[0-3]|[0-4]\\d|\\d)" },
	{ "W", "(?:5[0-3]|[0-4]\\d|\\d)" },
	{ "w", "[0-6]" },
	{ "z", FIELD_ZONE },
	{ "Z", "(?:Z|[A-Z]{3,5})" },
	{ "%", "%" },
};

/* What the usual logs write, in this notation; the first that fits at a place counts. */
static const char *const usual[] = {
	/* 2026-01-23T21:59:59.981746+01:00, 2026/01/23 21:59:59,123, 2026.1.23  1:59:59 */
	"%ExY[-/.]%m[-/.]%d(?:T|  ?)%H:%M:%S(?:[.,]%f)?(?:\\s*%z)?",
	/* Fri Jan 23 21:59:59.011 2026, Jan 23 21:59:59, Jan  3 2026 21:59:59 */
	"(?:%a,? )?%b %d %k:%M:%S(?:\\.%f)?(?: %ExY)?",
	"(?:%a,? )?%b %d %ExY %k:%M:%S(?:\\.%f)?",
	/* 23/01/2026 21:59:59, 23-01-26 21:59:59 */
	"%d[-/]%m[-/](?:%ExY|%Exy) %k:%M:%S",
	/* 23/Jan/2026:21:59:59 +0100, 23-Jan-2026 21:59:59.252 */
	"%d[-/]%b[-/]%ExY[ :]?%H:%M:%S(?:\\.%f)?(?: %z)?",
	/* 01/23/2026:21:59:59, 01-23-2026 21:59:59.252 */
	"%m/%d/%ExY:%H:%M:%S",
	"%m-%d-%ExY %k:%M:%S(?:\\.%f)?",
	"EPOCH",
	LINE_MARK "%H:%M:%S",
	"^<%m/%d/%Exy@%H:%M:%S>",
	/* 260123 21:59:59 */
	"%Exy%Exm%Exd  ?%H:%M:%S",
	/* Jan 23, 2026 9:59:59 PM, Jan 23, 2026 21:59:59 */
	"%b %d, %ExY %I:%M:%S %p",
	"(?:%a,? )?%b %d, %ExY %k:%M:%S(?:\\.%f)?",
	"^%b-%d-%Exy %k:%M:%S",
	/* 20260123T215959 */
	"%ExY%Exm%Exd(?:T|  ?)%ExH%ExM%ExS(?:[.,]%f)?(?:\\s*%z)?",
	/* CET Jan 23 21:59:59, +00:00 Jan 23 21:59:59.011 2026 */
	"(?:%Z )?(?:%a )?%b %d %k:%M:%S(?:\\.%f)?(?: %ExY)?",
	"(?:%z )?(?:%a )?%b %d %k:%M:%S(?:\\.%f)?(?: %ExY)?",
	"TAI64N",
};

/* ---- one pattern */

static int
put(struct ds_buf *out, const char *text)
{
	return ds_buf_put(out, text, strlen(text));
}

static bool
starts(const char *s, size_t len, const char *head)
{
	return len >= strlen(head) && strncasecmp(s, head, strlen(head)) == 0;
}

/* The text with its fields as expressions; "{EPOCH}" too. */
static int
put_fields(const char *s, size_t len, struct ds_buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < len;) {
		size_t left = len - i, n = 0;

		for (size_t f = 0; s[i] == '%' && n == 0 && f < DS_LEN(fields); f++) {
			size_t name = strlen(fields[f].name);

			if (left > name && memcmp(s + i + 1, fields[f].name, name) == 0) {
				r = put(out, fields[f].regex);
				n = 1 + name;
			}
		}
		if (n == 0 && starts(s + i, left, "{EPOCH}")) {
			r = put(out, "(?:" FIELD_EPOCH ")");
			n = 7;
		} else if (n == 0 && starts(s + i, left, "{LEPOCH}")) {
			r = put(out, "(?:" FIELD_LEPOCH ")");
			n = 8;
		} else if (n == 0) {
			/* An escaped character is no field. */
			n = s[i] == '\\' && left > 1 ? 2 : 1;
			r = ds_buf_put(out, s + i, n);
		}
		i += n;
	}
	return r;
}

/* Whether there is a group "(...)" that captures without a name. */
static bool
has_group(const char *s, size_t len)
{
	bool in_class = false;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\') {
			i++;
			continue;
		}
		if (s[i] == '[')
			in_class = true;
		else if (s[i] == ']')
			in_class = false;
		else if (s[i] == '(' && !in_class &&
			 (i + 1 == len || (s[i + 1] != '?' && s[i + 1] != '*')))
			return true;
	}
	return false;
}

/* How many characters of s are flags such as "(?i)". */
static size_t
flags_len(const char *s, size_t len)
{
	size_t n = 2;

	if (len < 4 || s[0] != '(' || s[1] != '?')
		return 0;
	while (n < len && isalpha((unsigned char)s[n]))
		n++;
	return n > 2 && n < len && s[n] == ')' ? n + 1 : 0;
}

static bool
ends(const char *s, size_t len, const char *tail)
{
	size_t n = strlen(tail);

	return len >= n && memcmp(s + len - n, tail, n) == 0 &&
	       (len == n || s[len - n - 1] != '\\');
}

struct shape {
	const char *s; /* what is between, without its marks */
	size_t len;
	size_t flags; /* bytes of "(?i)" that come first */
	bool is_line, has_caret, has_dollar;
	bool begins_free, ends_free; /* no boundary of a word is asked for */
};

static struct shape
shape_of(const char *s, size_t len)
{
	struct shape t = { .s = s, .len = len };

	if (starts(t.s, t.len, LINE_MARK)) {
		t.is_line = true;
		t.s += strlen(LINE_MARK);
		t.len -= strlen(LINE_MARK);
	}
	t.flags = flags_len(t.s, t.len);
	if (t.len > t.flags && t.s[t.flags] == '^')
		t.has_caret = true;
	t.begins_free = t.has_caret || starts(t.s + t.flags, t.len - t.flags, "(?:^") ||
			starts(t.s + t.flags, t.len - t.flags, "**");
	t.has_dollar = ends(t.s, t.len, "$");
	t.ends_free = t.has_dollar || ends(t.s, t.len, "$)") || ends(t.s, t.len, "\\b") ||
		      ends(t.s, t.len, "\\s") || ends(t.s, t.len, "**");
	return t;
}

/* The flags and marks of a line stay outside of the group that is cut. */
static int
put_shape(const struct shape *t, struct ds_buf *out)
{
	const char *s = t->s + t->flags;
	size_t len = t->len - t->flags;
	bool own = !has_group(s, len);
	int r = ds_buf_put(out, t->s, t->flags);

	if (t->has_caret) {
		s++;
		len--;
	} else if (starts(s, len, "**")) {
		s += 2;
		len -= 2;
	}
	len -= t->has_dollar ? 1 : ends(s, len, "**") ? 2 : 0;
	if (r == 0 && t->has_caret)
		r = put(out, "^");
	else if (r == 0 && !t->begins_free)
		r = put(out, t->is_line ? LINE_BEGIN : WORD_BEGIN);
	if (r == 0 && own)
		r = put(out, "(");
	if (r == 0)
		r = put_fields(s, len, out);
	if (r == 0 && own)
		r = put(out, ")");
	if (r == 0)
		r = put(out, t->has_dollar ? "$" : t->ends_free ? "" : WORD_END);
	return r;
}

/* Words that stand for a whole pattern. */
static const char *
whole_word(const char *s, size_t len)
{
	static const struct {
		const char *word, *regex;
	} words[] = {
		{ "EPOCH", "((?:^|(?<=^\\[)|(?<=\\baudit\\())" FIELD_EPOCH ")" WORD_END },
		{ "^EPOCH", LINE_BEGIN "(" FIELD_EPOCH ")" WORD_END },
		{ LINE_MARK "EPOCH", LINE_BEGIN "(" FIELD_EPOCH ")" WORD_END },
		{ "LEPOCH", "((?:^|(?<=^\\[)|(?<=\\baudit\\())" FIELD_LEPOCH ")" WORD_END },
		{ "^LEPOCH", LINE_BEGIN "(" FIELD_LEPOCH ")" WORD_END },
		{ LINE_MARK "LEPOCH", LINE_BEGIN "(" FIELD_LEPOCH ")" WORD_END },
		{ "TAI64N", "(" TAI64N ")" WORD_END },
		{ "^TAI64N", LINE_BEGIN "(" TAI64N ")" WORD_END },
		{ LINE_MARK "TAI64N", LINE_BEGIN "(" TAI64N ")" WORD_END },
	};

	for (size_t i = 0; i < DS_LEN(words); i++)
		if (strlen(words[i].word) == len && strncasecmp(words[i].word, s, len) == 0)
			return words[i].regex;
	return NULL;
}

int
filter_date_regex(const char *pattern, size_t len, struct ds_buf *out)
{
	const char *whole = whole_word(pattern, len);
	struct shape t = shape_of(pattern, len);
	int r;

	ds_buf_clear(out);
	if (whole != NULL)
		return put(out, whole);
	if (len == 0 || len > FILTER_DATE_LEN_MAX || memchr(pattern, '\0', len) != NULL)
		return -EINVAL;
	r = put_shape(&t, out);
	return r == 0 && out->len == 0 ? -EINVAL : r;
}

/* ---- the usual ones */

/* What a usual pattern is without the marks of lines, for others to be built of. */
static int
put_usual(const char *pattern, struct ds_buf *out)
{
	if (strcmp(pattern, "EPOCH") == 0)
		return put(out, FIELD_EPOCH);
	if (strcmp(pattern, "TAI64N") == 0)
		return put(out, TAI64N);
	if (starts(pattern, strlen(pattern), LINE_MARK))
		pattern += strlen(LINE_MARK);
	pattern += *pattern == '^';
	return put_fields(pattern, strlen(pattern), out);
}

enum which { AT_LINE_BEGIN, ANYWHERE, WITHIN };

/* All of them as alternatives: the first place counts, and there the first of the table. */
static int
put_all_usual(enum which which, struct ds_buf *out)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < DS_LEN(usual); i++) {
		bool is_epoch = strcmp(usual[i], "EPOCH") == 0;
		bool only_line = usual[i][0] == '^' || usual[i][0] == '{';

		if (which == ANYWHERE && (only_line || is_epoch))
			continue;
		r = put(out, any ? "|" : "");
		if (r == 0)
			r = put_usual(usual[i], out);
		any = true;
	}
	return r;
}

/* A time at the beginning of a line, behind at most two marks, is the line's; else the first one.
 */
static int
usual_regex(enum which which, struct ds_buf *out)
{
	int r;

	ds_buf_clear(out);
	if (which == ANYWHERE) {
		/* The kernel's audit log has seconds in its words. */
		r = put(out, "(?:(?<=\\baudit\\()|(?:^|\\b|\\W))((?<=\\baudit\\()" FIELD_EPOCH
			     "(?=:\\d+\\))|(?:");
		if (r == 0)
			r = put_all_usual(which, out);
		return r == 0 ? put(out, ")" WORD_END ")") : r;
	}
	r = put(out, LINE_BEGIN "(");
	if (r == 0)
		r = put_all_usual(which, out);
	return r == 0 ? put(out, ")" WORD_END) : r;
}

/* "{DATE}" within a pattern is any of them. */
static int
within_regex(const char *s, size_t len, struct ds_buf *out)
{
	struct ds_buf inner, flat;
	int r = 0;

	ds_buf_init(&inner, REGEX_MAX);
	ds_buf_init(&flat, REGEX_MAX);
	for (size_t i = 0; r == 0 && i < len;)
		if (starts(s + i, len - i, "{DATE}")) {
			r = put(&flat, "\001");
			i += 6;
		} else
			r = ds_buf_put(&flat, s + i++, 1);
	if (r == 0)
		r = filter_date_regex((const char *)flat.data, flat.len, &inner);
	ds_buf_clear(out);
	for (size_t i = 0; r == 0 && i < inner.len; i++) {
		if (inner.data[i] != '\001') {
			r = ds_buf_put(out, inner.data + i, 1);
			continue;
		}
		r = put(out, "(?:");
		if (r == 0)
			r = put_all_usual(WITHIN, out);
		if (r == 0)
			r = put(out, ")");
	}
	ds_buf_done(&inner);
	ds_buf_done(&flat);
	return r;
}

/* ---- a list of patterns */

static int
add_regex(struct filter_dates *d, const struct ds_buf *regex, char *why, size_t size)
{
	if (d->len == DS_LEN(d->all))
		return -ENOSPC;
	d->all[d->len] = pattern_new((const char *)regex->data, regex->len, false, why, size);
	return d->all[d->len] != NULL ? (d->len++, 0) : -EINVAL;
}

static int
add_usual(struct filter_dates *d, bool at_line_only, char *why, size_t size)
{
	struct ds_buf regex;
	int r;

	ds_buf_init(&regex, REGEX_MAX);
	r = usual_regex(AT_LINE_BEGIN, &regex);
	if (r == 0)
		r = add_regex(d, &regex, why, size);
	if (r == 0 && !at_line_only)
		r = usual_regex(ANYWHERE, &regex);
	if (r == 0 && !at_line_only)
		r = add_regex(d, &regex, why, size);
	ds_buf_done(&regex);
	return r;
}

struct filter_dates *
filter_dates_new(void)
{
	struct filter_dates *d = calloc(1, sizeof(*d));

	if (d != NULL)
		d->is_usual = true;
	return d;
}

static void
clear(struct filter_dates *d)
{
	for (size_t i = 0; i < d->len; i++)
		pattern_free(d->all[i]);
	d->len = 0;
}

void
filter_dates_free(struct filter_dates *d)
{
	if (d == NULL)
		return;
	clear(d);
	free(d);
}

static bool
is_word(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(s, word, len) == 0;
}

int
filter_dates_add(struct filter_dates *d, const char *s, size_t len, char *why, size_t size)
{
	struct ds_buf regex;
	int r;

	if (d->is_usual)
		clear(d);
	d->is_usual = false;
	snprintf(why, size, "no pattern of a date, or one too many");
	if (is_word(s, len, "{NONE}")) {
		d->is_none = true;
		return 0;
	}
	if (is_word(s, len, LINE_MARK) || is_word(s, len, "{DEFAULT}"))
		return add_usual(d, is_word(s, len, LINE_MARK), why, size);
	ds_buf_init(&regex, REGEX_MAX);
	r = memchr(s, '{', len) != NULL && len <= FILTER_DATE_LEN_MAX
		? within_regex(s, len, &regex)
		: filter_date_regex(s, len, &regex);
	if (r == 0)
		r = add_regex(d, &regex, why, size);
	ds_buf_done(&regex);
	return r == -ENOBUFS ? -EINVAL : r;
}

bool
filter_dates_are_usual(const struct filter_dates *d)
{
	return d->is_usual;
}

bool
filter_dates_find(struct filter_dates *d, struct pattern_engine *e, const char *line, size_t len,
    size_t *ret_from, size_t *ret_to)
{
	struct pattern_match m;
	char why[200];

	/* Not before they are needed: most filters share those of one list. */
	if (d->is_usual && d->len == 0 && add_usual(d, false, why, sizeof(why)) < 0)
		d->is_none = true;
	for (size_t i = 0; i < d->len && !d->is_none; i++) {
		if (!pattern_match(e, d->all[i], line, len, &m) || m.first.ptr == NULL)
			continue;
		*ret_from = (size_t)(m.first.ptr - line);
		*ret_to = *ret_from + m.first.len;
		return true;
	}
	return false;
}

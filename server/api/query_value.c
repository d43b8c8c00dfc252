/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * query_value - reads the value of a term by its field's type, and tries it on a single value.
 *
 * Called by the parser and the matcher, on any thread; owns nothing.
 */
#include "lib/clock.h"
#include "lib/conf.h"
#include "server/api/query_ast.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX 64u /* characters of a number or a time */

static int
refuse(char *why, size_t size, const char *expected, const char *got, size_t len)
{
	snprintf(why, size, "expected %s, not \"%.*s\"", expected, (int)DS_MIN(len, 60), got);
	return -EINVAL;
}

/* "success=1|failure=2": the number of a name, or -1. */
static int
named_number(const char *names, const char *text, size_t len)
{
	for (const char *p = names; p != NULL; p = strchr(p, '|')) {
		if (*p == '|')
			p++;
		if (strncasecmp(p, text, len) == 0 && p[len] == '=')
			return (int)strtol(p + len + 1, NULL, 10);
	}
	return -1;
}

static int
read_number(const struct query_field *f, const char *text, size_t len, uint64_t *ret)
{
	char copy[NUMBER_MAX], *end;
	int named = named_number(f->names, text, len);

	if (named >= 0) {
		*ret = (uint64_t)named;
		return 0;
	}
	if (len == 0 || len >= sizeof(copy) || !isdigit((unsigned char)text[0]))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	errno = 0;
	*ret = strtoull(copy, &end, 0);
	return *end != '\0' || errno != 0 ? -EINVAL : 0;
}

/* now, now-15m, or RFC 3339. */
static int
read_instant(const char *text, size_t len, uint64_t now_us, uint64_t *ret)
{
	char copy[NUMBER_MAX];
	uint64_t ms;

	if (len == 0 || len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (strcasecmp(copy, "now") == 0) {
		*ret = now_us;
		return 0;
	}
	if (strncasecmp(copy, "now-", 4) != 0)
		return ds_clock_parse(copy, ret);
	if (ds_conf_duration(copy + 4, &ms) < 0 || ms > now_us / 1000)
		return -EINVAL;
	*ret = now_us - ms * 1000;
	return 0;
}

static int
read_scalar(const struct query_term *t, const char *text, size_t len, uint64_t now_us,
    uint64_t *ret, char *why, size_t why_size)
{
	char expected[200];

	if (t->field->type == QUERY_INSTANT) {
		if (read_instant(text, len, now_us, ret) == 0)
			return 0;
		return refuse(
		    why, why_size, "a time like 2026-01-31T12:00:00Z or now-1h", text, len);
	}
	if (read_number(t->field, text, len, ret) == 0)
		return 0;
	snprintf(expected, sizeof(expected), "a number%s%s", t->field->names ? " or one of " : "",
	    t->field->names ? t->field->names : "");
	return refuse(why, why_size, expected, text, len);
}

/* Position of ".." or NULL. */
static const char *
find_dots(const char *text, size_t len)
{
	return memmem(text, len, "..", 2);
}

/* Numbers as written to numbers as kept: nanoseconds to microseconds. */
static void
scale(struct query_term *t)
{
	uint64_t d = t->field->divide;

	if (d == 0)
		return;
	t->low = t->low / d + (t->low % d != 0);
	if (t->high != UINT64_MAX)
		t->high /= d;
}

static int
read_range(struct query_term *t, enum query_compare how, const struct query_text *v,
    uint64_t now_us, char *why, size_t size)
{
	const char *dots = find_dots(v->ptr, v->len);
	uint64_t n;
	int r;

	t->test = QUERY_TEST_RANGE;
	if (how == QUERY_EQ && dots != NULL) {
		const char *high = dots + 2;

		r = read_scalar(t, v->ptr, (size_t)(dots - v->ptr), now_us, &t->low, why, size);
		if (r == 0)
			r = read_scalar(
			    t, high, (size_t)(v->ptr + v->len - high), now_us, &t->high, why, size);
		if (r == 0 && t->low > t->high)
			return refuse(
			    why, size, "a range whose start is not above its end", v->ptr, v->len);
		scale(t);
		return r;
	}
	r = read_scalar(t, v->ptr, v->len, now_us, &n, why, size);
	if (r < 0)
		return r;
	if ((how == QUERY_LT && n == 0) || (how == QUERY_GT && n == UINT64_MAX))
		return refuse(why, size, "a range that something is in", v->ptr, v->len);
	t->low = how == QUERY_GT ? n + 1 : how == QUERY_LT || how == QUERY_LE ? 0 : n;
	t->high = how == QUERY_LT ? n - 1 : how == QUERY_GT || how == QUERY_GE ? UINT64_MAX : n;
	/* Nanoseconds again: an equal value means the microsecond that it is in. */
	if (how == QUERY_EQ && t->field->divide > 0)
		t->low -= n % t->field->divide, t->high = t->low;
	scale(t);
	return 0;
}

/* An address or a network; -EINVAL when it is neither. */
static int
read_network(struct query_term *t, const char *text, size_t len)
{
	char copy[INET6_ADDRSTRLEN + 5], *slash, *end;
	unsigned long bits;

	if (len == 0 || len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	slash = strchr(copy, '/');
	if (slash != NULL)
		*slash = '\0';
	if (inet_pton(AF_INET, copy, t->address) == 1)
		t->address_len = 4;
	else if (inet_pton(AF_INET6, copy, t->address) == 1)
		t->address_len = 16;
	else
		return -EINVAL;
	t->bits = t->address_len * 8;
	if (slash == NULL)
		return 0;
	bits = strtoul(slash + 1, &end, 10);
	if (!isdigit((unsigned char)slash[1]) || *end != '\0' || bits > t->bits) {
		t->address_len = 0;
		return -EINVAL;
	}
	t->bits = (unsigned)bits;
	return 0;
}

static bool
is_star(const struct query_text *v, size_t i)
{
	return v->ptr[i] == '*' && !v->plain[i];
}

/* Copies the value into the query's own text, in lower case where case is ignored. */
static char *
keep(struct query *q, const char *text, size_t len, bool fold)
{
	char *copy = q->text + q->text_len;

	if (len > sizeof(q->text) - q->text_len)
		return NULL;
	for (size_t i = 0; i < len; i++)
		copy[i] = (char)(fold ? tolower((unsigned char)text[i]) : text[i]);
	q->text_len += len;
	return copy;
}

static int
read_glob(struct query *q, struct query_term *t, const struct query_text *v, char *why, size_t size)
{
	char *copy = keep(q, v->ptr, v->len, t->fold);
	size_t start = 0;

	if (copy == NULL)
		return refuse(why, size, "a shorter query", v->ptr, v->len);
	t->test = QUERY_TEST_GLOB;
	t->pieces = 0;
	for (size_t i = 0; i <= v->len; i++) {
		if (i < v->len && !is_star(v, i))
			continue;
		if (t->pieces == QUERY_PIECES_MAX)
			return refuse(why, size, "at most 8 stars", v->ptr, v->len);
		t->piece[t->pieces++] = (struct ds_str){ copy + start, (uint32_t)(i - start) };
		start = i + 1;
	}
	return 0;
}

static bool
has_capital(const struct query_text *v)
{
	for (size_t i = 0; i < v->len; i++)
		if (isupper((unsigned char)v->ptr[i]))
			return true;
	return false;
}

/* A bare word is anywhere in a text, or is an address or network. */
static int
read_word(struct query *q, struct query_term *t, const struct query_text *v, char *why, size_t size)
{
	int r;

	t->fold = t->field->fold || !has_capital(v);
	if (!v->quoted)
		(void)read_network(t, v->ptr, v->len); /* most words are none */
	r = read_glob(q, t, v, why, size);
	if (r < 0 || t->pieces > 1)
		return r;
	t->piece[1] = t->piece[0];
	t->piece[0] = t->piece[2] = (struct ds_str){ t->piece[1].ptr, 0 };
	t->pieces = 3;
	return 0;
}

static int
read_text(struct query *q, struct query_term *t, const struct query_text *v, char *why, size_t size)
{
	int r;

	t->fold = t->field->fold || t->field->type == QUERY_HASH;
	r = read_glob(q, t, v, why, size);
	if (r == 0 && t->pieces == 1 && strcmp(t->field->name, "service.name") == 0)
		t->unit_suffix =
		    memchr(v->ptr, '.', v->len) == NULL && memchr(v->ptr, '/', v->len) == NULL;
	return r;
}

int
query_value_read(struct query *q, struct query_term *t, enum query_compare how,
    const struct query_text *v, uint64_t now_us, char *why, size_t size)
{
	bool scalar = t->field->type == QUERY_NUMBER || t->field->type == QUERY_INSTANT;

	if (v->len == 0)
		return refuse(why, size, "a value", "", 0);
	if (t->field->source == QUERY_FROM_ANY)
		return read_word(q, t, v, why, size);
	if (v->len == 1 && is_star(v, 0) && how == QUERY_EQ) {
		t->test = QUERY_TEST_EXISTS;
		return 0;
	}
	if (scalar)
		return read_range(t, how, v, now_us, why, size);
	if (how != QUERY_EQ)
		return refuse(why, size, "':' for a field of text", v->ptr, v->len);
	if (t->field->type != QUERY_ADDRESS)
		return read_text(q, t, v, why, size);
	t->test = QUERY_TEST_NETWORK;
	if (read_network(t, v->ptr, v->len) == 0)
		return 0;
	if (memchr(v->ptr, '*', v->len) != NULL)
		return read_glob(q, t, v, why, size);
	return refuse(why, size, "an address, or a network like 10.0.0.0/8", v->ptr, v->len);
}

/* ---- trying */

static bool
glob_has(const struct query_term *t, const char *s, size_t len)
{
	const struct ds_str *last = &t->piece[t->pieces - 1];
	const char *at = s + t->piece[0].len, *end;

	if (len < (size_t)t->piece[0].len || memcmp(s, t->piece[0].ptr, t->piece[0].len) != 0)
		return false;
	if (t->pieces == 1)
		return len == t->piece[0].len;
	if (len < (size_t)t->piece[0].len + last->len ||
	    memcmp(s + len - last->len, last->ptr, last->len) != 0)
		return false;
	end = s + len - last->len;
	for (unsigned i = 1; i + 1 < t->pieces; i++) {
		if (t->piece[i].len == 0)
			continue;
		at = memmem(at, (size_t)(end - at), t->piece[i].ptr, t->piece[i].len);
		if (at == NULL)
			return false;
		at += t->piece[i].len;
	}
	return true;
}

/* Case ignored; s is at most DS_STRING_MAX bytes, the rest does not count. */
static bool
folded_glob_has(const struct query_term *t, const char *s, size_t len)
{
	/* The thread's own: a buffer on the stack is filled with zeroes at each call (hardening),
	 * which would cost more than the search. */
	static _Thread_local char lower[DS_STRING_MAX];

	if (!t->fold)
		return glob_has(t, s, len);
	len = DS_MIN(len, sizeof(lower));
	for (size_t i = 0; i < len; i++)
		lower[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] | 32 : s[i]);
	return glob_has(t, lower, len);
}

static bool
has_unit_suffix(const struct query_term *t, const char *s, size_t len)
{
	static const char suffix[] = ".service";
	size_t n = sizeof(suffix) - 1;

	return t->unit_suffix && len > n && memcmp(s + len - n, suffix, n) == 0 &&
	       glob_has(t, s, len - n);
}

bool
query_term_has_text(const struct query_term *t, const char *s, size_t len)
{
	if (t->test == QUERY_TEST_EXISTS)
		return len > 0;
	if (t->pieces == 0)
		return false;
	return folded_glob_has(t, s, len) || has_unit_suffix(t, s, len);
}

bool
query_term_has_number(const struct query_term *t, uint64_t v)
{
	if (t->test == QUERY_TEST_EXISTS)
		return t->field->source != QUERY_FROM_FLAGS || v != 0;
	if (t->field->source == QUERY_FROM_FLAGS && t->low == t->high)
		return (v & t->low) != 0;
	return v >= t->low && v <= t->high;
}

bool
query_term_has_address(const struct query_term *t, const char *s, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	unsigned whole = t->bits / 8, rest = t->bits % 8;

	if (t->test == QUERY_TEST_EXISTS)
		return len == 4 || len == 16;
	if (t->address_len == 0 && t->test == QUERY_TEST_GLOB && t->field->type == QUERY_ADDRESS)
		return (len == 4 || len == 16) &&
		       inet_ntop(len == 4 ? AF_INET : AF_INET6, s, text, sizeof(text)) != NULL &&
		       glob_has(t, text, strlen(text));
	if (t->address_len == 0 || len != t->address_len || memcmp(s, t->address, whole) != 0)
		return false;
	return rest == 0 || (((uint8_t)s[whole] ^ t->address[whole]) >> (8 - rest)) == 0;
}

static bool
has_hash(const struct query_term *t, struct ds_str s)
{
	static const char digits[] = "0123456789abcdef";
	char text[128];
	size_t len = DS_MIN(s.len, sizeof(text) / 2);

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[(uint8_t)s.ptr[i] >> 4];
		text[2 * i + 1] = digits[s.ptr[i] & 15];
	}
	return query_term_has_text(t, text, 2 * len);
}

/* With a space for each NUL between arguments. */
static bool
has_joined(const struct query_term *t, struct ds_str s)
{
	static _Thread_local char text[DS_STRING_MAX];
	size_t len = DS_MIN(s.len, sizeof(text));

	if (s.len == 0 || memchr(s.ptr, '\0', s.len) == NULL)
		return query_term_has_text(t, s.ptr, s.len);
	for (size_t i = 0; i < len; i++)
		text[i] = s.ptr[i] ? s.ptr[i] : ' ';
	while (len > 0 && text[len - 1] == ' ')
		len--;
	return query_term_has_text(t, text, len);
}

/* Any of the arguments. */
static bool
has_argument(const struct query_term *t, struct ds_str s)
{
	const char *at = s.ptr, *end = s.ptr + s.len, *stop;

	for (; at < end; at = stop + 1) {
		stop = memchr(at, '\0', (size_t)(end - at));
		if (stop == NULL)
			stop = end;
		if (query_term_has_text(t, at, (size_t)(stop - at)))
			return true;
	}
	return false;
}

static bool
has_basename(const struct query_term *t, struct ds_str s)
{
	const char *slash = s.len > 0 ? memrchr(s.ptr, '/', s.len) : NULL;

	if (slash == NULL)
		return query_term_has_text(t, s.ptr, s.len);
	return query_term_has_text(t, slash + 1, (size_t)(s.ptr + s.len - slash - 1));
}

bool
query_term_has_string(const struct query_term *t, struct ds_str s)
{
	const struct query_field *f = t->field;

	if (s.len == 0)
		return false;
	if (f->source == QUERY_FROM_JOINED || f->source == QUERY_FROM_ANY)
		return has_joined(t, s);
	if (f->source == QUERY_FROM_BASENAME)
		return has_basename(t, s);
	if (f->type == QUERY_ADDRESS)
		return query_term_has_address(t, s.ptr, s.len);
	if (f->type == QUERY_HASH)
		return has_hash(t, s);
	if (f->source == QUERY_FROM_STR && ds_field_table[f->id].type == DS_TYPE_ARGV)
		return has_argument(t, s);
	return query_term_has_text(t, s.ptr, s.len);
}

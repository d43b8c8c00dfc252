/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * query_parse - text to a query in postfix order, by operator precedence; bounded, without
 * recursion.
 *
 * Called by the API's threads; the query it makes is the caller's.
 */
#include "server/api/query_ast.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PENDING_MAX (QUERY_DEPTH_MAX + 2 * QUERY_TERMS_MAX)

struct parser {
	struct query *q;
	const char *text, *end, *at;
	uint64_t now_us;
	struct query_error *error;
	enum query_op_code pending[PENDING_MAX];
	unsigned pending_len;
	unsigned depth;
	bool have_operand; /* the last thing read was a term or a group */
	/* field:( ... ): the field of the values until that parenthesis closes. */
	const struct query_field *group;
	enum query_compare group_how;
	unsigned group_depth;
	/* The value being read, escapes resolved. */
	char value[QUERY_LEN_MAX];
	uint8_t plain[QUERY_LEN_MAX];
};

/* Column of a byte, counted in characters. */
static unsigned
column(const struct parser *p, const char *at)
{
	unsigned n = 1;

	for (const char *c = p->text; c < at; c++)
		n += (*c & 0xc0) != 0x80;
	return n;
}

static int DS_PRINTF(3, 4) fail(struct parser *p, const char *at, const char *format, ...)
{
	va_list ap;

	p->error->column = column(p, at);
	va_start(ap, format);
	vsnprintf(p->error->text, sizeof(p->error->text), format, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- operators */

static int
emit(struct parser *p, enum query_op_code code, unsigned term)
{
	struct query *q = p->q;

	if (q->ops_len == QUERY_OPS_MAX)
		return fail(p, p->at, "the query is too long: at most %u terms", QUERY_TERMS_MAX);
	q->ops[q->ops_len++] = (struct query_op){ code, term };
	return 0;
}

/* Moves waiting operators that bind at least as tight as `code` to the output. */
static int
flush(struct parser *p, enum query_op_code code)
{
	while (p->pending_len > 0 && p->pending[p->pending_len - 1] <= code) {
		int r = emit(p, p->pending[--p->pending_len], 0);

		if (r < 0)
			return r;
	}
	return 0;
}

static int
push(struct parser *p, enum query_op_code code)
{
	if (p->pending_len == PENDING_MAX)
		return fail(p, p->at, "the query is too long: at most %u terms", QUERY_TERMS_MAX);
	p->pending[p->pending_len++] = code;
	return 0;
}

static int
binary(struct parser *p, enum query_op_code code)
{
	int r = flush(p, code);

	p->have_operand = false;
	return r < 0 ? r : push(p, code);
}

/* Terms beside each other are joined by "and". */
static int
before_operand(struct parser *p)
{
	return p->have_operand ? binary(p, QUERY_OP_AND) : 0;
}

static int
open_group(struct parser *p)
{
	int r = before_operand(p);

	if (r < 0)
		return r;
	if (++p->depth > QUERY_DEPTH_MAX)
		return fail(p, p->at, "at most %u parentheses within each other", QUERY_DEPTH_MAX);
	p->at++;
	p->have_operand = false;
	return push(p, QUERY_OP_PAREN);
}

static int
close_group(struct parser *p)
{
	int r;

	if (p->depth == 0)
		return fail(p, p->at, "this ')' has no '('");
	if (!p->have_operand)
		return fail(p, p->at, "expected a term before ')'");
	r = flush(p, QUERY_OP_OR);
	if (r < 0)
		return r;
	p->pending_len--; /* the parenthesis */
	if (p->group != NULL && p->depth == p->group_depth)
		p->group = NULL;
	p->depth--;
	p->at++;
	return 0;
}

/* ---- terms */

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
ends_word(const struct parser *p, const char *at)
{
	return at == p->end || is_space(*at) || *at == '(' || *at == ')';
}

static int
read_quoted(struct parser *p, struct query_text *ret)
{
	const char *start = p->at++;
	size_t n = 0;

	for (; p->at < p->end && *p->at != '"'; p->at++) {
		if (*p->at == '\\' && p->at + 1 < p->end)
			p->at++;
		p->plain[n] = 1;
		p->value[n++] = *p->at;
	}
	if (p->at == p->end)
		return fail(p, start, "this '\"' is not closed");
	p->at++;
	if (!ends_word(p, p->at))
		return fail(p, p->at, "expected a space after '\"'");
	*ret = (struct query_text){ p->value, n, p->plain, true };
	return 0;
}

static int
read_value(struct parser *p, struct query_text *ret)
{
	size_t n = 0;

	if (p->at < p->end && *p->at == '"')
		return read_quoted(p, ret);
	for (; !ends_word(p, p->at); p->at++) {
		bool escaped = *p->at == '\\' && p->at + 1 < p->end;

		p->at += escaped;
		p->plain[n] = escaped;
		p->value[n++] = *p->at;
	}
	*ret = (struct query_text){ p->value, n, p->plain, false };
	return 0;
}

static const char *
skip_name(const struct parser *p, const char *at)
{
	if (at < p->end && (isalpha((unsigned char)*at) || *at == '@'))
		while (at < p->end &&
		       (isalnum((unsigned char)*at) || *at == '.' || *at == '_' || *at == '@'))
			at++;
	return at;
}

static const char *
skip_compare(const struct parser *p, const char *at, enum query_compare *ret)
{
	const char *start = at;

	*ret = QUERY_EQ;
	if (at < p->end && *at == ':')
		at++;
	else if (at < p->end && *at == '=')
		return at + 1;
	if (at < p->end && (*at == '<' || *at == '>')) {
		*ret = *at == '<' ? QUERY_LT : QUERY_GT;
		at++;
		if (at < p->end && *at == '=') {
			*ret = *ret == QUERY_LT ? QUERY_LE : QUERY_GE;
			at++;
		}
	}
	return at == start ? NULL : at;
}

/* fe80::1 has colons and names no field. */
static bool
is_ip6(const struct parser *p, const char *at)
{
	char copy[INET6_ADDRSTRLEN];
	uint8_t address[16];
	size_t n = 0;

	for (; !ends_word(p, at) && *at != '/'; at++) {
		if (n + 1 == sizeof(copy))
			return false;
		copy[n++] = *at;
	}
	copy[n] = '\0';
	return inet_pton(AF_INET6, copy, address) == 1;
}

/* The field that a term begins with; NULL in *ret: it is a bare word.  The cursor moves behind the
 * comparison. */
static int
read_field(struct parser *p, const struct query_field **ret, enum query_compare *ret_how)
{
	const struct query_schema *schema = p->q->schema;
	const char *name = p->at, *name_end = skip_name(p, p->at), *after, *nearest;
	size_t len = (size_t)(name_end - name);

	*ret = NULL;
	after = len > 0 ? skip_compare(p, name_end, ret_how) : NULL;
	if (after == NULL || is_ip6(p, p->at))
		return 0;
	*ret = query_field_find(schema, name, len);
	if (*ret != NULL) {
		p->at = after;
		return 0;
	}
	if (*name_end == '=')
		return 0; /* FOO=bar of an environment, say: a bare word */
	nearest = query_field_nearest(schema, name, len);
	return fail(p, name,
	    "there is no field \"%.*s\"%s%s%s; quote it to look for the text itself",
	    (int)DS_MIN(len, 60), name, nearest ? ": did you mean " : "", nearest ? nearest : "",
	    nearest ? "?" : "");
}

static int
add_term(struct parser *p, const struct query_field *field, enum query_compare how)
{
	struct query *q = p->q;
	struct query_term *t = &q->terms[q->terms_len];
	const char *start = p->at;
	struct query_text value;
	char why[240];
	int r;

	if (q->terms_len == QUERY_TERMS_MAX)
		return fail(p, p->at, "the query is too long: at most %u terms", QUERY_TERMS_MAX);
	r = read_value(p, &value);
	if (r < 0)
		return r;
	*t = (struct query_term){ .field = field };
	r = query_value_read(q, t, how, &value, p->now_us, why, sizeof(why));
	if (r < 0)
		return fail(p, start, "%s%s%s", field->name, field->name[0] ? ": " : "", why);
	p->have_operand = true;
	return emit(p, QUERY_OP_TERM, q->terms_len++);
}

static int
read_term(struct parser *p)
{
	const struct query_field *field = p->group;
	enum query_compare how = p->group_how;
	int r = before_operand(p);

	if (r < 0)
		return r;
	if (field == NULL) {
		r = *p->at == '"' ? 0 : read_field(p, &field, &how);
		if (r < 0)
			return r;
	} else {
		const char *after = skip_compare(p, p->at, &how);

		p->at = after != NULL && *p->at != '=' && *p->at != ':' ? after : p->at;
	}
	if (field == NULL)
		return add_term(p, &p->q->schema->word, QUERY_EQ);
	if (p->at == p->end || is_space(*p->at) || *p->at == ')')
		return fail(p, p->at, "%s: expected a value", field->name);
	if (*p->at != '(')
		return add_term(p, field, how);
	p->group = field;
	p->group_how = how;
	p->group_depth = p->depth + 1;
	return open_group(p);
}

/* Whether the word here is this operator; the cursor moves behind it. */
static bool
take_word(struct parser *p, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(p->end - p->at) < len || strncasecmp(p->at, word, len) != 0 ||
	    !ends_word(p, p->at + len))
		return false;
	p->at += len;
	return true;
}

static int
read_one(struct parser *p)
{
	const char *start = p->at;

	if (*p->at == '(')
		return open_group(p);
	if (*p->at == ')')
		return close_group(p);
	if (take_word(p, "not")) {
		int r = before_operand(p);

		return r < 0 ? r : push(p, QUERY_OP_NOT);
	}
	if (take_word(p, "and") || take_word(p, "or")) {
		if (!p->have_operand)
			return fail(p, start, "expected a term before \"%.*s\"",
			    (int)(p->at - start), start);
		return binary(p, (*start | 32) == 'a' ? QUERY_OP_AND : QUERY_OP_OR);
	}
	return read_term(p);
}

/* No evaluation may need more operands than its stack has. */
static int
check_stack(struct parser *p)
{
	unsigned height = 0;

	for (unsigned i = 0; i < p->q->ops_len; i++) {
		if (p->q->ops[i].code == QUERY_OP_TERM)
			height++;
		else if (p->q->ops[i].code != QUERY_OP_NOT)
			height--;
		if (height > QUERY_STACK_MAX)
			return fail(p, p->end, "the query is too deep");
	}
	return 0;
}

static int
parse(struct parser *p)
{
	int r = 0;

	for (;;) {
		while (p->at < p->end && is_space(*p->at))
			p->at++;
		if (p->at == p->end)
			break;
		if (*p->at == '\0')
			return fail(p, p->at, "a NUL byte cannot be part of a query");
		r = read_one(p);
		if (r < 0)
			return r;
	}
	if (p->depth > 0)
		return fail(p, p->end,
		    p->have_operand ? "expected ')'" : "expected a term, and then ')'");
	if (!p->have_operand && p->pending_len > 0)
		return fail(p, p->end, "expected a term after \"%s\"",
		    p->pending[p->pending_len - 1] == QUERY_OP_NOT   ? "not"
		    : p->pending[p->pending_len - 1] == QUERY_OP_AND ? "and"
								     : "or");
	r = flush(p, QUERY_OP_OR);
	return r < 0 ? r : check_stack(p);
}

struct query *
query_parse(const struct query_schema *schema, const char *text, size_t len, uint64_t now_us,
    struct query_error *ret)
{
	struct query *q = calloc(1, sizeof(*q));
	struct parser *p = calloc(1, sizeof(*p));
	int r = -ENOMEM;

	*ret = (struct query_error){ 0, "out of memory" };
	if (q != NULL && p != NULL) {
		q->schema = schema;
		*p = (struct parser){ .q = q, .text = text, .end = text + len, .at = text };
		p->now_us = now_us;
		p->error = ret;
		r = len > QUERY_LEN_MAX ? fail(p, text, "at most %u bytes", QUERY_LEN_MAX)
					: parse(p);
	}
	free(p);
	if (r < 0) {
		free(q);
		return NULL;
	}
	query_hints_fill(q);
	return q;
}

void
query_free(struct query *q)
{
	free(q);
}

bool
query_is_empty(const struct query *q)
{
	return q->ops_len == 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query_list - see the header. Pure. */
#include "server/api/query_list.h"

#include <string.h>

/* Values that handlers find out themselves, which a bare word may be, too. */
static bool
may_be_made_up(const struct query_term *t)
{
	static const char *const texts[] = { "yes", "no", "true_positive", "false_positive",
		"benign_expected" };

	for (size_t i = 0; i < DS_LEN(texts); i++)
		if (query_term_has_text(t, texts[i], strlen(texts[i])))
			return true;
	return false;
}

/* A text that is not there is no text, not an empty one. */
static bool
is_telling(const struct query_term *t)
{
	return t->pieces > 1 || (t->pieces == 1 && t->piece[0].len > 0);
}

static struct list_term
term_from(const struct query_term *t)
{
	struct list_term to = { .field = t->field->name,
		.low = t->low,
		.high = t->high,
		.piece = t->piece,
		.pieces = t->pieces,
		.fold = t->fold,
		.unit_suffix = t->unit_suffix };
	bool is_word = t->field->source == QUERY_FROM_ANY;

	if (is_word)
		to.field = NULL;
	if (t->test == QUERY_TEST_RANGE)
		to.test = LIST_RANGE;
	else if (t->test == QUERY_TEST_EXISTS && t->field->type == QUERY_TEXT)
		to.test = LIST_HAS;
	else if (t->test == QUERY_TEST_GLOB && is_telling(t) && !(is_word && may_be_made_up(t)))
		to.test = LIST_TEXT;
	return to;
}

void
query_list_init(struct query_list *l, const struct query *q)
{
	static const enum list_op_code codes[] = { [QUERY_OP_TERM] = LIST_TERM,
		[QUERY_OP_NOT] = LIST_NOT,
		[QUERY_OP_AND] = LIST_AND,
		[QUERY_OP_OR] = LIST_OR };

	*l = (struct query_list){ .filter = { .terms_len = q->terms_len, .ops_len = q->ops_len } };
	l->filter.terms = l->terms;
	l->filter.ops = l->ops;
	for (unsigned i = 0; i < q->terms_len; i++)
		l->terms[i] = term_from(&q->terms[i]);
	for (unsigned i = 0; i < q->ops_len; i++)
		l->ops[i] = (struct list_op){ codes[q->ops[i].code], q->ops[i].term };
}

static struct list_term *
and_one_more(struct query_list *l, const char *field)
{
	struct list_filter *f = &l->filter;
	bool is_first = f->ops_len == 0;

	l->terms[f->terms_len] = (struct list_term){ .field = field };
	l->ops[f->ops_len++] = (struct list_op){ LIST_TERM, (unsigned)f->terms_len };
	if (!is_first)
		l->ops[f->ops_len++] = (struct list_op){ LIST_AND, 0 };
	return &l->terms[f->terms_len++];
}

void
query_list_begins(struct query_list *l, const char *field, const char *text, size_t len)
{
	struct list_term *t = and_one_more(l, field);

	t->test = LIST_TEXT;
	t->piece = l->texts[l->texts_len];
	t->pieces = 2;
	l->texts[l->texts_len][0] = (struct ds_str){ text, (uint32_t)len };
	l->texts[l->texts_len++][1] = (struct ds_str){ "", 0 };
}

void
query_list_is(struct query_list *l, const char *field, const char *text)
{
	query_list_begins(l, field, text, strlen(text));
	l->terms[l->filter.terms_len - 1].pieces = 1;
}

void
query_list_within(struct query_list *l, const char *field, uint64_t low, uint64_t high)
{
	struct list_term *t = and_one_more(l, field);

	t->test = LIST_RANGE;
	t->low = low;
	t->high = high;
}

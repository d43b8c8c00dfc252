/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * query_match - evaluates a query over the columns of a batch.
 *
 * Called by the search on a pool thread.  Each term is tried once on every dictionary entry; then a
 * column of one byte an event is made for each term and the columns are joined.
 */
#include "server/api/query_ast.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HIT_TEXT    1u
#define HIT_ADDRESS 2u

struct term_state {
	uint8_t *hits; /* one a dictionary entry: HIT_*; NULL for terms without strings */
	size_t cap;
	bool any;         /* some entry is hit */
	bool host;        /* what a term about the host is */
	uint8_t lut[256]; /* one a kind: where the term can be true */
	uint64_t kinds;   /* the same as a mask */
};

struct query_matcher {
	const struct query *q;
	struct term_state terms[QUERY_TERMS_MAX];
	struct query_chance chances[QUERY_TERMS_MAX];
	uint8_t *columns[QUERY_STACK_MAX + 1]; /* of `cap` bytes */
	size_t cap;
};

struct query_matcher *
query_matcher_new(const struct query *q)
{
	struct query_matcher *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->q = q;
	for (unsigned i = 0; i < q->terms_len; i++) {
		m->terms[i].kinds = query_term_kinds(&q->terms[i]);
		for (unsigned k = 0; k < 64; k++)
			m->terms[i].lut[k] = m->terms[i].kinds >> k & 1;
	}
	return m;
}

void
query_matcher_free(struct query_matcher *m)
{
	if (m == NULL)
		return;
	for (unsigned i = 0; i < QUERY_TERMS_MAX; i++)
		free(m->terms[i].hits);
	for (unsigned i = 0; i <= QUERY_STACK_MAX; i++)
		free(m->columns[i]);
	free(m);
}

/* ---- dictionary */

static bool
has_strings(const struct query_term *t)
{
	switch (t->field->source) {
	case QUERY_FROM_STR:
	case QUERY_FROM_BASENAME:
	case QUERY_FROM_JOINED:
	case QUERY_FROM_DAEMON:
	case QUERY_FROM_ADDRESSES:
	case QUERY_FROM_ANY:
		return true;
	case QUERY_FROM_NUM:
	case QUERY_FROM_COUNT:
	case QUERY_FROM_FLAGS:
	case QUERY_FROM_TIME:
	case QUERY_FROM_ACTION:
	case QUERY_FROM_CATEGORY:
	case QUERY_FROM_TYPE:
	case QUERY_FROM_KIND:
	case QUERY_FROM_HOST_NAME:
	case QUERY_FROM_HOST_ID:
	case QUERY_FROM_RECORD:
		break;
	}
	return false;
}

static int
try_strings(struct term_state *s, const struct query_term *t, const struct ds_batch *b)
{
	size_t len = ds_batch_strings(b);

	if (len > s->cap) {
		uint8_t *hits = realloc(s->hits, len);

		if (hits == NULL)
			return -ENOMEM;
		s->hits = hits;
		s->cap = len;
	}
	s->any = false;
	for (size_t i = 0; i < len; i++) {
		struct ds_str str = ds_batch_string(b, (uint32_t)i);
		unsigned hit = query_term_has_string(t, str) ? HIT_TEXT : 0;

		if (t->field->source == QUERY_FROM_ANY && t->address_len > 0 &&
		    query_term_has_address(t, str.ptr, str.len))
			hit |= HIT_ADDRESS;
		s->hits[i] = (uint8_t)hit;
		s->any |= hit != 0;
	}
	return 0;
}

static struct query_chance
chance_of(const struct term_state *s, const struct query_term *t, const struct ds_batch_header *h)
{
	struct query_chance c = { true, true };

	if ((s->kinds & h->kinds) == 0)
		return (struct query_chance){ false, true };
	switch (t->field->source) {
	case QUERY_FROM_HOST_NAME:
	case QUERY_FROM_HOST_ID:
		return (struct query_chance){ s->host, !s->host };
	case QUERY_FROM_TIME:
		if (t->test == QUERY_TEST_RANGE)
			c.yes = t->low <= h->time_max_us && t->high >= h->time_min_us;
		break;
	case QUERY_FROM_ACTION:
	case QUERY_FROM_CATEGORY:
	case QUERY_FROM_TYPE:
	case QUERY_FROM_KIND:
		c.no = (h->kinds & ~s->kinds) != 0;
		break;
	case QUERY_FROM_STR:
	case QUERY_FROM_BASENAME:
	case QUERY_FROM_JOINED:
	case QUERY_FROM_DAEMON:
	case QUERY_FROM_ADDRESSES:
	case QUERY_FROM_ANY:
		c.yes = s->any;
		break;
	case QUERY_FROM_NUM:
	case QUERY_FROM_COUNT:
	case QUERY_FROM_FLAGS:
	case QUERY_FROM_RECORD:
		break;
	}
	return c;
}

int
query_matcher_open(struct query_matcher *m, const struct ds_batch *b, const struct query_host *host)
{
	const struct query *q = m->q;

	for (unsigned i = 0; i < q->terms_len; i++) {
		const struct query_term *t = &q->terms[i];
		const char *text = t->field->source == QUERY_FROM_HOST_NAME ? host->name : host->id;

		if (has_strings(t) && try_strings(&m->terms[i], t, b) < 0)
			return -ENOMEM;
		m->terms[i].host = query_term_has_text(t, text, strlen(text));
		m->chances[i] = chance_of(&m->terms[i], t, ds_batch_header(b));
	}
	return query_chance_join(q, m->chances).yes;
}

bool
query_matcher_inflated(struct query_matcher *m, const struct ds_batch *b)
{
	const struct query *q = m->q;

	for (unsigned i = 0; i < q->terms_len; i++) {
		const struct query_term *t = &q->terms[i];

		if (t->field->source == QUERY_FROM_NUM && t->test == QUERY_TEST_RANGE &&
		    !ds_batch_may_have_num(b, t->field->id, t->low, t->high))
			m->chances[i].yes = false;
	}
	return query_chance_join(q, m->chances).yes;
}

/* ---- columns */

static void
fill(uint8_t *out, size_t len, uint8_t v)
{
	for (size_t i = 0; i < len; i++)
		out[i] = v;
}

static void
by_range(uint8_t *restrict out, const uint64_t *restrict v, size_t len, uint64_t low, uint64_t high)
{
	uint64_t span = high - low;

	for (size_t i = 0; i < len; i++)
		out[i] = v[i] - low <= span;
}

static void
keep_kinds(uint8_t *restrict out, const uint8_t *restrict kinds, const uint8_t *lut, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] &= lut[kinds[i]];
}

static void
or_hits(uint8_t *restrict out, const uint32_t *restrict index, const uint8_t *restrict hits,
    size_t len, uint8_t bit)
{
	for (size_t i = 0; i < len; i++)
		out[i] |= (hits[index[i]] & bit) != 0;
}

static int
run_numbers(const struct query_matcher *m, unsigned term, struct ds_batch *b, uint8_t *out)
{
	const struct query_term *t = &m->q->terms[term];
	size_t len = ds_batch_len(b);
	const uint64_t *v = t->field->source == QUERY_FROM_TIME    ? ds_batch_times(b)
			    : t->field->source == QUERY_FROM_COUNT ? ds_batch_counts(b)
								   : ds_batch_nums(b, t->field->id);

	if (v == NULL)
		return -ENOMEM;
	if (t->test == QUERY_TEST_EXISTS)
		fill(out, len, 1);
	else
		by_range(out, v, len, t->low, t->high);
	if (t->field->source == QUERY_FROM_NUM)
		keep_kinds(out, ds_batch_kinds(b), m->terms[term].lut, len);
	return 0;
}

static int
run_flags(const struct query_matcher *m, unsigned term, struct ds_batch *b, uint8_t *out)
{
	const uint8_t *flags = ds_batch_flags(b);

	if (flags == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ds_batch_len(b); i++)
		out[i] = query_term_has_number(&m->q->terms[term], flags[i]);
	return 0;
}

/* The columns of these string types together. */
static int
or_types(struct ds_batch *b, const uint8_t *hits, unsigned types, uint8_t bit, uint8_t *out)
{
	for (unsigned f = DS_STR_FIRST; f < DS_STR_END; f++) {
		const uint32_t *index;

		if (ds_field_table[f].symbol == NULL || !(types >> ds_field_table[f].type & 1) ||
		    !ds_batch_has_field(b, f))
			continue;
		index = ds_batch_strs(b, f);
		if (index == NULL)
			return -ENOMEM;
		or_hits(out, index, hits, ds_batch_len(b), bit);
	}
	return 0;
}

static int
run_strings(const struct query_matcher *m, unsigned term, struct ds_batch *b, uint8_t *out)
{
	const struct query_field *f = m->q->terms[term].field;
	const uint8_t *hits = m->terms[term].hits;
	const uint32_t *index;
	int r = 0;

	fill(out, ds_batch_len(b), 0);
	if (!m->terms[term].any)
		return 0;
	if (f->source == QUERY_FROM_ADDRESSES)
		return or_types(b, hits, 1u << DS_TYPE_ADDR, HIT_TEXT, out);
	if (f->source == QUERY_FROM_ANY) {
		r = or_types(b, hits, 1u << DS_TYPE_PATH | 1u << DS_TYPE_ARGV, HIT_TEXT, out);
		return r < 0 ? r : or_types(b, hits, 1u << DS_TYPE_ADDR, HIT_ADDRESS, out);
	}
	if (f->source != QUERY_FROM_DAEMON && !ds_batch_has_field(b, f->id))
		return 0;
	index = f->source == QUERY_FROM_DAEMON ? ds_batch_daemons(b) : ds_batch_strs(b, f->id);
	if (index == NULL)
		return -ENOMEM;
	or_hits(out, index, hits, ds_batch_len(b), HIT_TEXT);
	return 0;
}

static int
run_term(const struct query_matcher *m, unsigned term, struct ds_batch *b, uint8_t *out)
{
	switch (m->q->terms[term].field->source) {
	case QUERY_FROM_NUM:
	case QUERY_FROM_COUNT:
	case QUERY_FROM_TIME:
		return run_numbers(m, term, b, out);
	case QUERY_FROM_FLAGS:
		return run_flags(m, term, b, out);
	case QUERY_FROM_STR:
	case QUERY_FROM_BASENAME:
	case QUERY_FROM_JOINED:
	case QUERY_FROM_DAEMON:
	case QUERY_FROM_ADDRESSES:
	case QUERY_FROM_ANY:
		return run_strings(m, term, b, out);
	case QUERY_FROM_ACTION:
	case QUERY_FROM_CATEGORY:
	case QUERY_FROM_TYPE:
	case QUERY_FROM_KIND:
		fill(out, ds_batch_len(b), 1);
		keep_kinds(out, ds_batch_kinds(b), m->terms[term].lut, ds_batch_len(b));
		return 0;
	case QUERY_FROM_HOST_NAME:
	case QUERY_FROM_HOST_ID:
		fill(out, ds_batch_len(b), m->terms[term].host);
		return 0;
	case QUERY_FROM_RECORD:
		break;
	}
	fill(out, ds_batch_len(b), 0);
	return 0;
}

static void
join(enum query_op_code code, uint8_t *restrict a, const uint8_t *restrict b, size_t len)
{
	if (code == QUERY_OP_AND)
		for (size_t i = 0; i < len; i++)
			a[i] &= b[i];
	else
		for (size_t i = 0; i < len; i++)
			a[i] |= b[i];
}

static int
make_room(struct query_matcher *m, size_t len)
{
	if (len <= m->cap)
		return 0;
	for (unsigned i = 0; i <= QUERY_STACK_MAX; i++) {
		free(m->columns[i]);
		m->columns[i] = NULL;
	}
	m->cap = len;
	return 0;
}

static uint8_t *
column_at(struct query_matcher *m, unsigned i)
{
	if (m->columns[i] == NULL)
		m->columns[i] = malloc(m->cap);
	return m->columns[i];
}

/* Whether the term at ops[i] is joined by "and" to what nothing fulfils. */
static bool
is_needless(const struct query_matcher *m, unsigned i, unsigned n, size_t len)
{
	const struct query *q = m->q;

	return n > 0 && i + 1 < q->ops_len && q->ops[i + 1].code == QUERY_OP_AND &&
	       memchr(m->columns[n - 1], 1, len) == NULL;
}

static int
evaluate(struct query_matcher *m, struct ds_batch *b, size_t len)
{
	const struct query *q = m->q;
	unsigned n = 0;

	for (unsigned i = 0; i < q->ops_len; i++) {
		enum query_op_code code = q->ops[i].code;

		if (code == QUERY_OP_TERM && is_needless(m, i, n, len)) {
			i++; /* nor is the "and" */
		} else if (code == QUERY_OP_TERM) {
			uint8_t *out = column_at(m, n++);
			int r = out == NULL ? -ENOMEM : run_term(m, q->ops[i].term, b, out);

			if (r < 0)
				return r;
		} else if (code == QUERY_OP_NOT) {
			for (size_t k = 0; k < len; k++)
				m->columns[n - 1][k] ^= 1;
		} else {
			n--;
			join(code, m->columns[n - 1], m->columns[n], len);
		}
	}
	return 0;
}

int
query_matcher_run(struct query_matcher *m, struct ds_batch *b, const uint8_t **ret)
{
	size_t len = ds_batch_len(b);
	unsigned found = 0;
	int r = make_room(m, DS_MAX(len, 1));

	if (r == 0 && column_at(m, 0) == NULL)
		r = -ENOMEM;
	if (r < 0)
		return r;
	if (query_is_empty(m->q))
		fill(m->columns[0], len, 1);
	r = evaluate(m, b, len);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++)
		found += m->columns[0][i];
	*ret = m->columns[0];
	return (int)found;
}

/* ---- other records */

static bool
match_record(const struct query_term *t,
    bool (*get)(void *ctx, const char *field, struct query_datum *ret), void *ctx)
{
	struct query_datum d = { 0 };

	if (!get(ctx, t->field->name, &d))
		return false;
	if (d.is_number)
		return query_term_has_number(t, d.number);
	return query_term_has_text(t, d.text.ptr, d.text.len);
}

static bool
match_word(const struct query *q, const struct query_term *t,
    bool (*get)(void *ctx, const char *field, struct query_datum *ret), void *ctx)
{
	for (const struct query_field *f = q->schema->fields; f->name != NULL; f++) {
		struct query_datum d = { 0 };

		if (f->type == QUERY_TEXT && get(ctx, f->name, &d) &&
		    query_term_has_text(t, d.text.ptr, d.text.len))
			return true;
	}
	return false;
}

bool
query_datum_from(const struct query_text_of *list, const char *field, struct query_datum *ret)
{
	for (; list->field != NULL; list++) {
		if (strcmp(list->field, field) != 0)
			continue;
		if (list->text == NULL || *list->text == '\0')
			return false;
		ret->text = (struct ds_str){ list->text, (uint32_t)strlen(list->text) };
		return true;
	}
	return false;
}

bool
query_match(const struct query *q,
    bool (*get)(void *ctx, const char *field, struct query_datum *ret), void *ctx)
{
	struct query_chance terms[QUERY_TERMS_MAX];

	for (unsigned i = 0; i < q->terms_len; i++) {
		const struct query_term *t = &q->terms[i];
		bool is = t->field->source == QUERY_FROM_ANY ? match_word(q, t, get, ctx)
							     : match_record(t, get, ctx);

		terms[i] = (struct query_chance){ is, !is };
	}
	return query_chance_join(q, terms).yes;
}

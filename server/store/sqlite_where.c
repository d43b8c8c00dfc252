/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sqlite_where - see the header. */
#include "server/store/sqlite_where.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX   64u
#define PATTERN_MAX 40000u /* bytes; SQLite takes 50 000 */
#define UNIT_SUFFIX ".service"

void
where_init(struct where *w, const struct where_column *columns)
{
	*w = (struct where){ .columns = columns };
	ds_buf_init(&w->sql, WHERE_SQL_MAX);
}

void
where_done(struct where *w)
{
	for (unsigned i = 0; i < w->binds_len; i++)
		free(w->binds[i].text);
	ds_buf_done(&w->sql);
}

static int
put(struct ds_buf *to, const char *sql)
{
	return ds_buf_put(to, sql, strlen(sql));
}

/* Of our own words, which are short. */
static int DS_PRINTF(2, 3) put_words(struct ds_buf *to, const char *format, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return n < 0 || (size_t)n >= sizeof(text) ? -ENOBUFS : put(to, text);
}

int
where_put(struct where *w, const char *sql)
{
	return put(&w->sql, sql);
}

/* Takes text. */
static int
add_bind(struct where *w, char *text, uint64_t number, char ret_name[16])
{
	if (w->binds_len == WHERE_BINDS_MAX) {
		free(text);
		return -ENOBUFS;
	}
	w->binds[w->binds_len].text = text;
	w->binds[w->binds_len].number = number;
	snprintf(ret_name, 16, "?%u", ++w->binds_len);
	return 0;
}

int
where_put_number(struct where *w, uint64_t v)
{
	char name[16];
	int r = add_bind(w, NULL, v, name);

	return r < 0 ? r : where_put(w, name);
}

int
where_put_text(struct where *w, const char *text)
{
	char *copy = strdup(text), name[16];
	int r = copy != NULL ? add_bind(w, copy, 0, name) : -ENOMEM;

	return r < 0 ? r : where_put(w, name);
}

bool
where_bind(const struct where *w, sqlite3_stmt *st)
{
	for (unsigned i = 0; i < w->binds_len; i++) {
		int r = w->binds[i].text != NULL
			    ? sqlite3_bind_text(st, (int)i + 1, w->binds[i].text, -1, SQLITE_STATIC)
			    : sqlite3_bind_int64(st, (int)i + 1, (sqlite3_int64)w->binds[i].number);

		if (r != SQLITE_OK)
			return false;
	}
	return true;
}

/* ---- words */

static bool
is_same(const char *text, const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 32 : text[i]) != word[i])
			return false;
	return true;
}

static bool
has_word(const char *text, size_t len, const char *word, size_t word_len)
{
	/* Both cases of a letter, and little else, have its bits with this one set. */
	char fold = word_len > 0 && *word >= 'a' && *word <= 'z' ? 32 : 0;

	for (size_t i = 0; word_len > 0 && i + word_len <= len; i++)
		if ((text[i] | fold) == *word && is_same(text + i, word, word_len))
			return true;
	return false;
}

/* has_word(WORD, TEXT, ...): whether a text has the word, which is in lower case. */
static void
run_has_word(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const char *word = sqlite3_value_blob(argv[0]);
	size_t len = (size_t)sqlite3_value_bytes(argv[0]);
	bool has = false;

	for (int i = 1; i < argc && !has; i++) {
		const char *text = sqlite3_value_blob(argv[i]);

		has = has_word(text, (size_t)sqlite3_value_bytes(argv[i]), word, len);
	}
	sqlite3_result_int(ctx, has);
}

bool
where_prepare(sqlite3 *handle)
{
	return sqlite3_create_function_v2(handle, WHERE_HAS_WORD, -1,
		   SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, run_has_word, NULL,
		   NULL, NULL) == SQLITE_OK;
}

/* ---- terms */

static const struct where_column *
find_column(const struct where *w, const char *field)
{
	for (const struct where_column *c = w->columns; c->field != NULL; c++)
		if (strcmp(c->field, field) == 0)
			return c;
	return NULL;
}

/* A byte that starts something in a pattern of LIKE (\ escapes) or of GLOB ([] escapes). */
static int
put_plain(struct ds_buf *to, bool fold, char ch)
{
	const char plain[] = { ch, '\0' }, like[] = { '\\', ch, '\0' },
		   glob[] = { '[', ch, ']', '\0' };

	if (fold)
		return put(to, strchr("%_\\", ch) != NULL ? like : plain);
	return put(to, strchr("*?[", ch) != NULL ? glob : plain);
}

/* The pattern of a term, or its only piece; free(). NULL: none that SQLite would read alike. */
static char *
make_pattern(const struct list_term *t)
{
	struct ds_buf b;
	int r = 0;

	ds_buf_init(&b, PATTERN_MAX);
	for (unsigned i = 0; i < t->pieces && r == 0; i++) {
		const struct ds_str *p = &t->piece[i];

		for (uint32_t k = 0; k < p->len && r == 0; k++) {
			bool is_plain = t->pieces == 1 && !t->fold;

			if (p->ptr[k] == '\0' || (!is_plain && (unsigned char)p->ptr[k] >= 0x80))
				r = -EILSEQ;
			else if (t->pieces == 1)
				r = ds_buf_put(&b, p->ptr + k, 1);
			else
				r = put_plain(&b, t->fold, p->ptr[k]);
		}
		if (r == 0 && i + 1 < t->pieces)
			r = put(&b, t->fold ? "%" : "*");
	}
	if (r == 0)
		r = ds_buf_put(&b, "", 1);
	if (r == 0)
		return (char *)b.data;
	ds_buf_done(&b);
	return NULL;
}

static bool
is_only_stars(const struct list_term *t)
{
	for (unsigned i = 0; i < t->pieces; i++)
		if (t->piece[i].len > 0)
			return false;
	return t->pieces > 1;
}

/* One column against a text, bound as `name`; `keyed`: an index may be used. */
static int
put_text_test(struct ds_buf *to, const struct where_column *c, const struct list_term *t,
    const char *name, bool keyed)
{
	bool exact = t->pieces == 1;
	const char *outer = keyed && exact ? "" : "+", *inner = c->is_keyed ? outer : "+",
		   *folds = !t->fold     ? ""
			    : !exact     ? " ESCAPE '\\'"
			    : c->is_word ? ""
					 : " COLLATE NOCASE";
	int r = c->before ? put_words(to, "%s%s", outer, c->before) : 0;

	if (r == 0)
		r = put_words(to, "%s%s %s %s%s", c->before ? "" : inner, c->sql,
		    exact     ? "="
		    : t->fold ? "LIKE"
			      : "GLOB",
		    name, folds);
	if (r == 0 && t->unit_suffix && exact)
		r = put_words(to, " OR %s = %s || '" UNIT_SUFFIX "'", c->sql, name);
	return r == 0 && c->before ? put(to, ")") : r;
}

static int
put_has(struct ds_buf *to, const struct where_column *c)
{
	return put_words(
	    to, "+%s%s <> ''%s", c->before ? c->before : "", c->sql, c->before ? ")" : "");
}

/* Whether the text can be in a column that only has some characters. */
static bool
fits(const struct where_column *c, const struct list_term *t)
{
	for (unsigned i = 0; c->only_has != NULL && i < t->pieces; i++)
		for (uint32_t k = 0; k < t->piece[i].len; k++)
			if (strchr(c->only_has, t->piece[i].ptr[k]) == NULL)
				return false;
	return true;
}

/* A word is looked for in all columns by one call; those elsewhere are asked by themselves. */
static int
put_word(struct where *w, struct ds_buf *to, const struct list_term *t)
{
	struct ds_str word = t->piece[1];
	char *copy = strndup(word.ptr, word.len), name[16];
	int r = copy != NULL ? add_bind(w, copy, 0, name) : -ENOMEM;

	if (r == 0)
		r = put_words(to, WHERE_HAS_WORD "(%s", name);
	for (const struct where_column *c = w->columns; c->field != NULL && r == 0; c++)
		if (!c->is_number && c->before == NULL && fits(c, t))
			r = put_words(to, ", %s", c->sql);
	if (r == 0)
		r = put(to, ")");
	for (const struct where_column *c = w->columns; c->field != NULL && r == 0; c++)
		if (!c->is_number && c->before != NULL && fits(c, t))
			r = put_words(
			    to, " OR +%s" WHERE_HAS_WORD "(%s, %s))", c->before, name, c->sql);
	return r;
}

/* Any column of text. */
static int
put_any_column(struct where *w, struct ds_buf *to, const struct list_term *t, const char *name)
{
	const char *between = "";
	int r = 0;

	for (const struct where_column *c = w->columns; c->field != NULL && r == 0; c++) {
		if (c->is_number)
			continue;
		r = put(to, between);
		if (r == 0)
			r = put_text_test(to, c, t, name, false);
		between = " OR ";
	}
	return r;
}

static bool
is_word(const struct list_term *t)
{
	return t->field == NULL && t->fold && t->pieces == 3 && t->piece[0].len == 0 &&
	       t->piece[1].len > 0 && t->piece[2].len == 0 &&
	       memchr(t->piece[1].ptr, '\0', t->piece[1].len) == NULL;
}

static int
put_range(
    struct where *w, struct ds_buf *to, const struct where_column *c, const struct list_term *t)
{
	char low[16], high[16];
	int r = add_bind(w, NULL, t->low, low);

	if (r == 0)
		r = add_bind(w, NULL, DS_MIN(t->high, (uint64_t)INT64_MAX), high);
	return r < 0 ? r : put_words(to, "+%s BETWEEN %s AND %s", c->sql, low, high);
}

/* Appends what holds exactly where the term does: 1; 0: there is no such thing, nothing was put;
 * -errno. */
static int
put_term(struct where *w, struct ds_buf *to, const struct list_term *t, bool keyed)
{
	const struct where_column *c = t->field != NULL ? find_column(w, t->field) : NULL;
	char *pattern, name[16];
	int r;

	if (t->test == LIST_MAYBE || (t->field != NULL && c == NULL))
		return 0;
	if (t->test == LIST_RANGE && (c == NULL || !c->is_number || t->low > (uint64_t)INT64_MAX))
		return 0;
	if (t->test == LIST_RANGE)
		r = put_range(w, to, c, t);
	else if (c != NULL && c->is_number)
		return 0;
	else if (t->test == LIST_HAS || is_only_stars(t))
		r = c != NULL ? put_has(to, c) : put(to, "1");
	else if (is_word(t))
		r = put_word(w, to, t);
	else {
		pattern = make_pattern(t);
		if (pattern == NULL)
			return 0;
		r = add_bind(w, pattern, 0, name);
		if (r == 0)
			r = c != NULL ? put_text_test(to, c, t, name, keyed)
				      : put_any_column(w, to, t, name);
	}
	return r < 0 ? r : 1;
}

/* ---- how they are joined */

/* SQL that holds wherever the operand may be true, and where it may be false. */
struct chance {
	struct ds_buf yes, no;
};

static void
chance_done(struct chance *c)
{
	ds_buf_done(&c->yes);
	ds_buf_done(&c->no);
}

static int
push_term(struct where *w, struct chance *to, const struct list_term *t, bool keyed)
{
	int known, r;

	ds_buf_init(&to->yes, WHERE_SQL_MAX);
	ds_buf_init(&to->no, WHERE_SQL_MAX);
	r = put(&to->yes, "(");
	if (r < 0)
		return r;
	known = put_term(w, &to->yes, t, keyed);
	if (known < 0)
		return known;
	r = put(&to->yes, known ? ")" : "1)");
	if (r == 0)
		r = put(&to->no, known ? "NOT " : "");
	return r == 0 ? ds_buf_put(&to->no, to->yes.data, to->yes.len) : r;
}

/* to = "(to between from)" */
static int
join(struct ds_buf *to, const char *between, const struct ds_buf *from)
{
	struct ds_buf b;
	int r;

	ds_buf_init(&b, WHERE_SQL_MAX);
	r = put(&b, "(");
	if (r == 0)
		r = ds_buf_put(&b, to->data, to->len);
	if (r == 0)
		r = put(&b, between);
	if (r == 0)
		r = ds_buf_put(&b, from->data, from->len);
	if (r == 0)
		r = put(&b, ")");
	if (r < 0) {
		ds_buf_done(&b);
		return r;
	}
	ds_buf_done(to);
	*to = b;
	return 0;
}

/* With several ways to be true, one index leads nowhere, and sorting what many give costs more than
 * to look at all. */
static bool
is_plain_and(const struct list_filter *f)
{
	for (size_t i = 0; i < f->ops_len; i++)
		if (f->ops[i].code == LIST_NOT || f->ops[i].code == LIST_OR)
			return false;
	return true;
}

static int
apply(struct where *w, const struct list_filter *f, const struct list_op *op, struct chance *stack,
    size_t *depth)
{
	struct chance *a = *depth > 0 ? &stack[*depth - 1] : NULL;
	struct ds_buf swap;
	int r;

	switch (op->code) {
	case LIST_TERM:
		if (*depth == DEPTH_MAX || op->term >= f->terms_len)
			return -ENOBUFS;
		(*depth)++;
		return push_term(w, &stack[*depth - 1], &f->terms[op->term], is_plain_and(f));
	case LIST_NOT:
		if (a == NULL)
			return -EINVAL;
		swap = a->yes;
		a->yes = a->no;
		a->no = swap;
		return 0;
	case LIST_AND:
	case LIST_OR:
		if (*depth < 2)
			return -EINVAL;
		r = join(&a[-1].yes, op->code == LIST_AND ? " AND " : " OR ", &a->yes);
		if (r == 0)
			r = join(&a[-1].no, op->code == LIST_AND ? " OR " : " AND ", &a->no);
		chance_done(a);
		(*depth)--;
		return r;
	}
	return -EINVAL;
}

int
where_put_filter(struct where *w, const struct list_filter *f)
{
	struct chance stack[DEPTH_MAX] = { 0 };
	size_t depth = 0;
	int r = 0;

	for (size_t i = 0; i < f->ops_len && r == 0; i++)
		r = apply(w, f, &f->ops[i], stack, &depth);
	if (r == 0 && depth == 1)
		r = where_put(w, " AND ");
	if (r == 0 && depth == 1)
		r = ds_buf_put(&w->sql, stack[0].yes.data, stack[0].yes.len);
	while (depth > 0)
		chance_done(&stack[--depth]);
	return r;
}

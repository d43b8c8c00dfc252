/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query_ast - a parsed query, for the files of the query only: terms, and how they are joined. */
#ifndef SERVER_API_QUERY_AST_H
#define SERVER_API_QUERY_AST_H

#include "server/api/query.h"

#define QUERY_PIECES_MAX 9u  /* eight stars */
#define QUERY_STACK_MAX  40u /* operands waiting while a query is evaluated */
#define QUERY_OPS_MAX    (4u * QUERY_TERMS_MAX)
#define QUERY_ALL_KINDS  UINT64_MAX

/* Where a field's value is. */
enum query_source {
	QUERY_FROM_NUM,      /* number column `id` */
	QUERY_FROM_STR,      /* string column `id` */
	QUERY_FROM_BASENAME, /* what follows the last '/' of string column `id` */
	QUERY_FROM_JOINED,   /* string column `id`, its arguments joined by spaces */
	QUERY_FROM_DAEMON,   /* the event's daemon */
	QUERY_FROM_COUNT,
	QUERY_FROM_FLAGS,
	QUERY_FROM_TIME,
	QUERY_FROM_ACTION, /* of the event's kind */
	QUERY_FROM_CATEGORY,
	QUERY_FROM_TYPE,
	QUERY_FROM_KIND,
	QUERY_FROM_HOST_NAME,
	QUERY_FROM_HOST_ID,
	QUERY_FROM_ADDRESSES, /* any address of the event */
	QUERY_FROM_ANY,       /* a bare word: paths, arguments, addresses */
	QUERY_FROM_RECORD,    /* not an event: asked for by name */
};

enum query_type { QUERY_TEXT, QUERY_NUMBER, QUERY_INSTANT, QUERY_ADDRESS, QUERY_HASH };

struct query_field {
	const char *name;
	enum query_type type;
	enum query_source source;
	unsigned id;       /* of the column */
	bool fold;         /* ignores case */
	uint64_t divide;   /* a number is kept in units so much larger than written; 0: same */
	const char *names; /* "name=number|..." that stand for numbers; NULL: none */
	const char *help;
};

struct query_schema {
	const struct query_field *fields; /* ends with a row without a name */
	struct query_field word;          /* what a bare word is */
};

enum query_test { QUERY_TEST_EXISTS, QUERY_TEST_RANGE, QUERY_TEST_GLOB, QUERY_TEST_NETWORK };

struct query_term {
	const struct query_field *field;
	enum query_test test;
	uint64_t low, high; /* range, both included */
	/* Glob: literal pieces with a star between each two. */
	struct ds_str piece[QUERY_PIECES_MAX];
	unsigned pieces;
	bool fold;        /* pieces are in lower case, so is what they are compared with */
	bool unit_suffix; /* also with ".service" behind it */
	/* Network; a word may be one beside its glob. */
	uint8_t address[16];
	unsigned address_len, bits; /* bytes (0: none), prefix */
};

enum query_op_code { QUERY_OP_TERM, QUERY_OP_NOT, QUERY_OP_AND, QUERY_OP_OR, QUERY_OP_PAREN };

struct query_op {
	enum query_op_code code;
	unsigned term;
};

struct query {
	const struct query_schema *schema;
	struct query_term terms[QUERY_TERMS_MAX];
	unsigned terms_len;
	struct query_op ops[QUERY_OPS_MAX]; /* postfix */
	unsigned ops_len;
	struct query_hints hints;
	size_t text_len; /* bytes used of text */
	char text[2 * QUERY_LEN_MAX];
};

/* A field by its name or a short name for it, any case; NULL. */
const struct query_field *query_field_find(
    const struct query_schema *schema, const char *name, size_t len);
/* The nearest name, or NULL when nothing is near. */
const char *query_field_nearest(const struct query_schema *schema, const char *name, size_t len);

/* How a value was written. */
enum query_compare { QUERY_EQ, QUERY_GT, QUERY_GE, QUERY_LT, QUERY_LE };
struct query_text {
	const char *ptr; /* points into the query's own copy, escapes resolved */
	size_t len;
	const uint8_t *plain; /* plain[i] is 1 where the character stands for itself only */
	bool quoted;
};
/* Fills term (its field is set) from a value.  0, or -EINVAL and a sentence that says what was
 * expected. */
DS_MUST_CHECK int query_value_read(struct query *q, struct query_term *t, enum query_compare how,
    const struct query_text *value, uint64_t now_us, char *ret_why, size_t why_size);

/* One value against a term. */
bool query_term_has_number(const struct query_term *t, uint64_t v);
bool query_term_has_text(const struct query_term *t, const char *s, size_t len);
bool query_term_has_address(const struct query_term *t, const char *s, size_t len);
/* As a string column of the event's schema stores it. */
bool query_term_has_string(const struct query_term *t, struct ds_str s);

/* Kinds of events in which the term can be true. */
uint64_t query_term_kinds(const struct query_term *t);

/* What is known of a term before events are looked at. */
struct query_chance {
	bool yes, no; /* may be true, may be false */
};
/* The whole query from its terms' chances (one each). */
struct query_chance query_chance_join(const struct query *q, const struct query_chance *terms);
/* Fills q->hints. */
void query_hints_fill(struct query *q);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sigma_condition - "selection and not 1 of filter_*" to postfix, by two stacks. */
#include "ctl/sigma.h"

#include "lib/compiler.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WAITING_MAX 64u

enum token { END, NAME, AND, OR, NOT, OPEN, CLOSE };

struct condition {
	const char *at;
	char name[128]; /* of the last token */
	json_t *selections, *program;
	enum token waiting[WAITING_MAX]; /* operators */
	size_t len;
	bool wants_operand;
	char *why;
	size_t why_size;
};

static bool
refuse(struct condition *c, const char *what)
{
	snprintf(c->why, c->why_size, "condition: %s near \"%.40s\"", what, c->at);
	return false;
}

static enum token
next(struct condition *c)
{
	size_t len;

	while (isspace((unsigned char)*c->at))
		c->at++;
	if (*c->at == '\0')
		return END;
	if (*c->at == '(' || *c->at == ')')
		return *c->at++ == '(' ? OPEN : CLOSE;
	len = strcspn(c->at, " \t\r\n()");
	snprintf(c->name, sizeof(c->name), "%.*s", (int)DS_MIN(len, sizeof(c->name) - 1), c->at);
	c->at += len;
	if (strcasecmp(c->name, "and") == 0)
		return AND;
	if (strcasecmp(c->name, "or") == 0)
		return OR;
	return strcasecmp(c->name, "not") == 0 ? NOT : NAME;
}

static void
put_op(struct condition *c, const char *op, size_t n)
{
	json_array_append_new(c->program, json_pack("{s:I}", op, (json_int_t)n));
}

static void
put_program(struct condition *c, const json_t *steps)
{
	json_t *copy = json_deep_copy(steps);

	json_array_extend(c->program, copy);
	json_decref(copy);
}

/* "1 of x*", "all of them" */
static bool
put_several(struct condition *c, bool all)
{
	const char *name;
	json_t *steps;
	size_t n = 0;

	if (next(c) != NAME || strcasecmp(c->name, "of") != 0 || next(c) != NAME)
		return refuse(c, "expected \"of\" and a name");
	json_object_foreach(c->selections, name, steps)
	{
		bool them = strcmp(c->name, "them") == 0;

		if ((them && name[0] == '_') || (!them && fnmatch(c->name, name, 0) != 0))
			continue;
		put_program(c, steps);
		n++;
	}
	if (n == 0)
		return refuse(c, "no selection has such a name");
	if (n > 1)
		put_op(c, all ? "and" : "or", n);
	return true;
}

static bool
put_operand(struct condition *c)
{
	const json_t *steps;

	if (strcmp(c->name, "1") == 0 || strcasecmp(c->name, "any") == 0)
		return put_several(c, false);
	if (strcasecmp(c->name, "all") == 0)
		return put_several(c, true);
	steps = json_object_get(c->selections, c->name);
	if (steps == NULL)
		return refuse(c, "there is no such selection");
	put_program(c, steps);
	return true;
}

static int
rank(enum token t)
{
	return t == NOT ? 3 : t == AND ? 2 : t == OR ? 1 : 0;
}

/* Puts out what binds at least as closely. */
static void
unwind(struct condition *c, int least)
{
	while (
	    c->len > 0 && c->waiting[c->len - 1] != OPEN && rank(c->waiting[c->len - 1]) >= least) {
		enum token t = c->waiting[--c->len];

		put_op(c, t == NOT ? "not" : t == AND ? "and" : "or", t == NOT ? 1 : 2);
	}
}

static bool
take(struct condition *c, enum token t)
{
	bool begins = t == NAME || t == NOT || t == OPEN;

	if (begins != c->wants_operand)
		return refuse(c, begins ? "expected and, or" : "expected a selection");
	switch (t) {
	case NAME:
		c->wants_operand = false;
		return put_operand(c);
	case AND:
	case OR:
		unwind(c, rank(t));
		c->wants_operand = true;
		break;
	case NOT:
	case OPEN:
		break;
	case CLOSE:
		unwind(c, 1);
		if (c->len == 0)
			return refuse(c, "a ) without a (");
		c->len--;
		return true;
	case END:
		return true;
	}
	if (c->len == WAITING_MAX)
		return refuse(c, "too long");
	c->waiting[c->len++] = t;
	return true;
}

json_t *
sigma_condition(const char *text, json_t *selections, char *ret_why, size_t size)
{
	struct condition c = { .at = text,
		.selections = selections,
		.program = json_array(),
		.wants_operand = true,
		.why = ret_why,
		.why_size = size };
	enum token t;
	bool good = c.program != NULL;

	if (strchr(text, '|') != NULL)
		good = refuse(&c, "counting (|) is not supported");
	while (good && (t = next(&c)) != END)
		good = take(&c, t);
	if (good && c.wants_operand)
		good = refuse(&c, "expected a selection");
	if (good)
		unwind(&c, 1);
	if (good && c.len > 0)
		good = refuse(&c, "a ( without a )");
	if (good)
		return c.program;
	json_decref(c.program);
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * query_hint - what follows from a query for segments as a whole: which can be left unread.
 *
 * Called by the parser (hints) and by the matcher (chances), on any thread; owns nothing.
 */
#include "server/api/ecs.h"
#include "server/api/query_ast.h"
#include "server/store/bloom.h"

#include <string.h>

/* ---- kinds */

/* Kinds with one of the string fields whose type is in the mask. */
static uint64_t
kinds_with_types(unsigned types)
{
	uint64_t strs = 0, kinds = 0;

	for (unsigned f = DS_STR_FIRST; f < DS_STR_END; f++)
		if (ds_field_table[f].symbol != NULL && (types >> ds_field_table[f].type & 1))
			strs |= UINT64_C(1) << (f - DS_STR_FIRST);
	for (unsigned k = 0; k < DS_EVENT_MAX; k++)
		if (ds_kind_table[k].strs & strs)
			kinds |= UINT64_C(1) << k;
	return kinds;
}

static uint64_t
kinds_with_field(unsigned field)
{
	uint64_t kinds = 0;

	for (unsigned k = 0; k < DS_EVENT_MAX; k++) {
		const struct ds_kind_info *info = &ds_kind_table[k];
		uint64_t fields = field < DS_NUM_MAX ? info->nums : info->strs;

		if (info->symbol != NULL && (fields >> (field % 64) & 1))
			kinds |= UINT64_C(1) << k;
	}
	return kinds;
}

static uint64_t
kinds_named(const struct query_term *t)
{
	uint64_t kinds = 0;

	for (unsigned k = 0; k < DS_EVENT_MAX; k++) {
		const char *name = ds_kind_table[k].symbol == NULL         ? NULL
				   : t->field->source == QUERY_FROM_ACTION ? ds_kind_table[k].action
				   : t->field->source == QUERY_FROM_CATEGORY
				       ? ds_kind_table[k].category
				   : t->field->source == QUERY_FROM_TYPE ? ecs_event_type(k)
									 : ecs_event_kind(k);

		if (name != NULL && query_term_has_text(t, name, strlen(name)))
			kinds |= UINT64_C(1) << k;
	}
	return kinds;
}

uint64_t
query_term_kinds(const struct query_term *t)
{
	switch (t->field->source) {
	case QUERY_FROM_NUM:
	case QUERY_FROM_STR:
	case QUERY_FROM_BASENAME:
	case QUERY_FROM_JOINED:
		return kinds_with_field(t->field->id);
	case QUERY_FROM_ACTION:
	case QUERY_FROM_CATEGORY:
	case QUERY_FROM_TYPE:
	case QUERY_FROM_KIND:
		return kinds_named(t);
	case QUERY_FROM_ADDRESSES:
		return kinds_with_types(1u << DS_TYPE_ADDR);
	case QUERY_FROM_ANY:
		return kinds_with_types(
		    1u << DS_TYPE_ADDR | 1u << DS_TYPE_PATH | 1u << DS_TYPE_ARGV);
	case QUERY_FROM_DAEMON:
	case QUERY_FROM_COUNT:
	case QUERY_FROM_FLAGS:
	case QUERY_FROM_TIME:
	case QUERY_FROM_HOST_NAME:
	case QUERY_FROM_HOST_ID:
	case QUERY_FROM_RECORD:
		break;
	}
	return QUERY_ALL_KINDS;
}

/* ---- chances */

struct query_chance
query_chance_join(const struct query *q, const struct query_chance *terms)
{
	struct query_chance stack[QUERY_STACK_MAX + 1];
	unsigned n = 0;

	for (unsigned i = 0; i < q->ops_len; i++) {
		struct query_chance a, b;

		if (q->ops[i].code == QUERY_OP_TERM) {
			stack[n++] = terms[q->ops[i].term];
			continue;
		}
		b = stack[--n];
		if (q->ops[i].code == QUERY_OP_NOT) {
			stack[n++] = (struct query_chance){ b.no, b.yes };
			continue;
		}
		a = stack[--n];
		if (q->ops[i].code == QUERY_OP_AND)
			stack[n++] = (struct query_chance){ a.yes && b.yes, a.no || b.no };
		else
			stack[n++] = (struct query_chance){ a.yes || b.yes, a.no && b.no };
	}
	return n == 1 ? stack[0] : (struct query_chance){ true, false };
}

bool
query_may_match_host(const struct query *q, const struct query_host *host)
{
	struct query_chance terms[QUERY_TERMS_MAX];

	for (unsigned i = 0; i < q->terms_len; i++) {
		const struct query_term *t = &q->terms[i];
		const char *text = t->field->source == QUERY_FROM_HOST_NAME ? host->name
				   : t->field->source == QUERY_FROM_HOST_ID ? host->id
									    : NULL;
		bool is = text != NULL && query_term_has_text(t, text, strlen(text));

		terms[i] = (struct query_chance){ text == NULL || is, text == NULL || !is };
	}
	return query_chance_join(q, terms).yes;
}

/* ---- hints */

static void
hint_string(struct query_hints *h, uint64_t hash)
{
	if (hash != 0 && h->strings_len < QUERY_HINT_STRINGS)
		h->strings[h->strings_len++] = hash;
}

static void
hint_daemon(struct query_hints *h, const struct query_term *t)
{
	char unit[DS_DAEMON_MAX + 1];
	struct ds_str name = t->piece[0];

	if (t->test != QUERY_TEST_GLOB || t->pieces != 1)
		return;
	h->daemons[h->daemons_len++] = bloom_daemon_hash(name.ptr, name.len);
	if (!t->unit_suffix || name.len + 9 > sizeof(unit))
		return;
	memcpy(unit, name.ptr, name.len);
	memcpy(unit + name.len, ".service", 8);
	h->daemons[h->daemons_len++] = bloom_daemon_hash(unit, name.len + 8);
}

/* An exact string, or the directories that a glob of a path begins with. */
static void
hint_text(struct query_hints *h, const struct query_term *t)
{
	const struct ds_str *first = &t->piece[0];
	const char *slash;

	if (t->test != QUERY_TEST_GLOB || t->fold || first->len == 0)
		return;
	if (t->pieces == 1) {
		hint_string(h, bloom_hash(first->ptr, first->len));
		return;
	}
	slash = memrchr(first->ptr, '/', first->len);
	if (ds_field_table[t->field->id].type == DS_TYPE_PATH && first->ptr[0] == '/' &&
	    slash > first->ptr)
		hint_string(h, bloom_hash_prefix(first->ptr, (size_t)(slash + 1 - first->ptr)));
}

static void
hint_address(struct query_hints *h, const struct query_term *t)
{
	if (t->test != QUERY_TEST_NETWORK || t->address_len == 0)
		return;
	if (t->bits == t->address_len * 8)
		hint_string(h, bloom_hash(t->address, t->address_len));
	else
		hint_string(h, bloom_hash_network(t->address, t->address_len, t->bits));
}

static struct query_hints
hint_term(const struct query_term *t)
{
	struct query_hints h = { .kinds = query_term_kinds(t) };

	if (t->field->source == QUERY_FROM_TIME && t->test == QUERY_TEST_RANGE) {
		h.time_min_us = t->low;
		h.time_max_us = t->high == UINT64_MAX ? 0 : t->high;
	} else if (t->field->source == QUERY_FROM_DAEMON) {
		hint_daemon(&h, t);
	} else if (t->field->type == QUERY_ADDRESS) {
		hint_address(&h, t);
	} else if (t->field->source == QUERY_FROM_STR && t->field->type == QUERY_TEXT) {
		hint_text(&h, t);
	}
	return h;
}

static void
hint_and(struct query_hints *a, const struct query_hints *b)
{
	a->time_min_us = DS_MAX(a->time_min_us, b->time_min_us);
	if (a->time_max_us == 0 || (b->time_max_us != 0 && b->time_max_us < a->time_max_us))
		a->time_max_us = b->time_max_us;
	a->kinds &= b->kinds;
	/* Both sets would have to hold; the smaller one excludes more. */
	if (a->daemons_len == 0 || (b->daemons_len != 0 && b->daemons_len < a->daemons_len)) {
		memcpy(a->daemons, b->daemons, sizeof(a->daemons));
		a->daemons_len = b->daemons_len;
	}
	for (size_t i = 0; i < b->strings_len; i++)
		hint_string(a, b->strings[i]);
}

static void
hint_or(struct query_hints *a, const struct query_hints *b)
{
	a->time_min_us = DS_MIN(a->time_min_us, b->time_min_us);
	a->time_max_us =
	    a->time_max_us == 0 || b->time_max_us == 0 ? 0 : DS_MAX(a->time_max_us, b->time_max_us);
	a->kinds |= b->kinds;
	if (a->daemons_len == 0 || b->daemons_len == 0 ||
	    a->daemons_len + b->daemons_len > QUERY_HINT_DAEMONS) {
		a->daemons_len = 0;
	} else {
		memcpy(
		    a->daemons + a->daemons_len, b->daemons, b->daemons_len * sizeof(*b->daemons));
		a->daemons_len += b->daemons_len;
	}
	a->strings_len = 0;
}

void
query_hints_fill(struct query *q)
{
	struct query_hints stack[QUERY_STACK_MAX + 1];
	unsigned n = 0;

	for (unsigned i = 0; i < q->ops_len; i++) {
		switch (q->ops[i].code) {
		case QUERY_OP_TERM:
			stack[n++] = hint_term(&q->terms[q->ops[i].term]);
			break;
		case QUERY_OP_NOT:
			stack[n - 1] = (struct query_hints){ .kinds = QUERY_ALL_KINDS };
			break;
		case QUERY_OP_AND:
			n--;
			hint_and(&stack[n - 1], &stack[n]);
			break;
		case QUERY_OP_OR:
			n--;
			hint_or(&stack[n - 1], &stack[n]);
			break;
		case QUERY_OP_PAREN:
			break;
		}
	}
	q->hints = n == 1 ? stack[0] : (struct query_hints){ .kinds = QUERY_ALL_KINDS };
}

const struct query_hints *
query_get_hints(const struct query *q)
{
	return &q->hints;
}

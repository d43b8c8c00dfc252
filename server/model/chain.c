/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/model/chain.h"

#include <math.h>

#define STIDE_SALT 0x57a3u

/* Keys of the contexts of order 0, 1, 2, 3: each is the one before and one symbol further back. */
static void
contexts(uint64_t scope, const struct chain *c, uint64_t ret[CHAIN_ORDER + 1])
{
	ret[0] = grams_key(scope, 0);
	for (unsigned i = 0; i < CHAIN_ORDER; i++)
		ret[i + 1] = grams_key(ret[i], c->past[i]);
}

static uint64_t
stide_key(uint64_t scope, const struct chain *c, uint32_t symbol)
{
	uint64_t key = grams_key(scope ^ STIDE_SALT, symbol);

	for (unsigned i = 0; i < CHAIN_STIDE - 1; i++)
		key = grams_key(key, c->past[i]);
	return key;
}

/* A symbol after a context; apart from longer contexts. */
static uint64_t
followed(uint64_t context, uint32_t symbol)
{
	return grams_key(~context, symbol);
}

struct chain_step
chain_look(const struct grams *g, uint64_t scope, const struct chain *c, uint32_t symbol)
{
	uint64_t context[CHAIN_ORDER + 1], last = 0;
	double p = 1;

	if (c->len >= CHAIN_STIDE - 1)
		last = stide_key(scope, c, symbol);
	contexts(scope, c, context);
	for (unsigned i = 0; i <= CHAIN_ORDER; i++) {
		const struct gram *seen = grams_find(g, context[i]), *then;
		double types;

		if (seen == NULL)
			break; /* nor was any longer one */
		then = grams_find(g, followed(context[i], symbol));
		types = seen->types;
		/* Below order 0: one of those that were seen, or another. */
		if (i == 0)
			p = 1 / (types + 1);
		p = ((then != NULL ? then->count : 0) + types * p) / (seen->count + types);
	}
	return (struct chain_step){ -log(p), last != 0 && grams_find(g, last) == NULL, last };
}

void
chain_learn(struct grams *g, uint64_t scope, const struct chain *c, uint32_t symbol)
{
	uint64_t context[CHAIN_ORDER + 1];

	contexts(scope, c, context);
	for (unsigned i = 0; i <= CHAIN_ORDER; i++) {
		struct gram *then = grams_get(g, followed(context[i], symbol)), *seen;
		bool is_new = then->count == 0;

		then->count++;
		seen = grams_get(g, context[i]);
		seen->count++;
		seen->types += is_new;
	}
	if (c->len >= CHAIN_STIDE - 1)
		grams_get(g, stide_key(scope, c, symbol))->count++;
}

void
chain_advance(struct chain *c, uint32_t symbol, const struct chain_step *step)
{
	double units = step->surprise / (double)CHAIN_RARITY;
	uint16_t *at = &c->surprise[c->len % CHAIN_FRAME];

	c->sum -= *at;
	*at = units < 1000 ? (uint16_t)units : 1000;
	c->sum += *at;
	c->mismatches = (c->mismatches << 1 | step->mismatch) & ((1u << CHAIN_FRAME) - 1);
	for (unsigned i = CHAIN_STIDE - 2; i > 0; i--)
		c->past[i] = c->past[i - 1];
	c->past[0] = symbol;
	c->len++;
}

double
chain_surprise(const struct chain *c)
{
	return (double)CHAIN_RARITY * c->sum / CHAIN_FRAME;
}

unsigned
chain_mismatches(const struct chain *c)
{
	return (unsigned)__builtin_popcount(c->mismatches);
}
